#include "unit.h"

#include "cpi/json.h"

static cJSON *parse(const char *text, struct error *err)
{
    return json_parse(text, strlen(text), "the text", err);
}

static void expect_refused(const char *text, const char *part)
{
    struct error err = { 0 };

    assert_null(parse(text, &err));
    expect_error(&err, ERROR_CPI, part);
}

static void a_value_may_have_white_space_around_it(void **state)
{
    struct error err = { 0 };
    cleanup_json cJSON *value = parse(" \t\r\n[1] \t\r\n", &err);
    cleanup_free char *text = value ? json_print(value) : NULL;

    (void)state;
    assert_non_null(text);
    assert_string_equal(text, "[1]");
    expect_no_error(&err);
}

/* The buffers have exactly the text's size, so that a sanitizer sees a byte too many. */
static void parsing_stops_at_the_length(void **state)
{
    static const char *const texts[] = { "12", "{}", "\"a\"", "true", "[1,2]", "null" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct error err = { 0 };
        size_t length = strlen(texts[i]);
        cleanup_free char *exact = xcalloc(length, 1);
        memcpy(exact, texts[i], length);
        cleanup_json cJSON *value = json_parse(exact, length, "x", &err);
        cleanup_free char *text = value ? json_print(value) : NULL;
        assert_non_null(text);
        assert_string_equal(text, texts[i]);
    }
}

static void length_beats_what_follows(void **state)
{
    struct error err = { 0 };
    cleanup_json cJSON *value = json_parse("12345", 2, "x", &err);

    (void)state;
    assert_non_null(value);
    assert_int_equal(value->valueint, 12);
}

static void nothing_is_not_json(void **state)
{
    (void)state;
    expect_refused("", "the text is not valid JSON (line 1)");
    expect_refused(" ", "the text is not valid JSON");
}

static void broken_json_is_refused_with_its_line(void **state)
{
    (void)state;
    expect_refused("{", "the text is not valid JSON (line 1)");
    expect_refused("{\"a\":1,\n\n oops}", "the text is not valid JSON (line 3)");
    expect_refused("[1,]", "is not valid JSON");
    expect_refused("{'a':1}", "is not valid JSON");
    expect_refused("tru", "is not valid JSON");
    expect_refused("NaN", "is not valid JSON");
    expect_refused("\"\\x\"", "is not valid JSON");
    expect_refused("\"open", "is not valid JSON");
}

/* What cJSON lets pass, and RFC 8259 does not. */
static void what_only_looks_like_json_is_refused(void **state)
{
    static const char *const texts[] = {
        "01",     "-01",     "1.",      "-1.",      "1.e5",   ".5",       "-.5",
        "+1",     "1e",      "1e+",     "1.5e-",    "-",      "1.2.3",    "1-2",
        "00",     "[1,02]",  "1e5.5",   "\"a\nb\"", "\"\t\"", "\"\x01\"", "\"\\\n\"",
        "{\x01}", "\x0b[1]", "[1,\f2]", "[1]\x1f",  "\v1",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        cleanup_error struct error err = { 0 };
        if (parse(texts[i], &err))
            print_error("accepted: %s\n", texts[i]);
        assert_int_equal(err.type, ERROR_CPI);
        expect_part(err.message, "the text is not valid JSON (line ");
    }
    expect_refused("\xef\xbb\xbf{}", "the text is not valid JSON (line 1)");
    expect_refused("{\n\"a\":\n01}", "the text is not valid JSON (line 3)");
}

static void every_number_of_json_is_taken(void **state)
{
    static const char *const texts[] = { "0",     "-0",       "10",         "1.5",   "0.5",
                                         "-0.25", "1e5",      "1E+5",       "1e-05", "12.5e3",
                                         "[0]",   "[-1,0.0]", "{\"a\":1e2}" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct error err = { 0 };
        cleanup_json cJSON *value = parse(texts[i], &err);
        if (!value)
            print_error("refused: %s\n", texts[i]);
        assert_non_null(value);
    }
}

static void numbers_and_controls_in_strings_are_text(void **state)
{
    struct error err = { 0 };
    cleanup_json cJSON *value = parse("[\"01 +1 1.\", \"\\\"01\\\\\", \"\\n\\u0001\x7f\"]", &err);

    (void)state;
    assert_non_null(value);
    assert_string_equal(cJSON_GetArrayItem(value, 0)->valuestring, "01 +1 1.");
    assert_string_equal(cJSON_GetArrayItem(value, 1)->valuestring, "\"01\\");
    assert_string_equal(cJSON_GetArrayItem(value, 2)->valuestring, "\n\x01\x7f");
}

static void what_follows_the_value_is_refused_with_its_line(void **state)
{
    (void)state;
    expect_refused("{} x", "the text holds more than one JSON value (line 1)");
    expect_refused("{}{}", "more than one JSON value");
    expect_refused("1 2", "more than one JSON value");
    expect_refused("{}\n\n}", "more than one JSON value (line 3)");
}

/* A message ends in logs, and what is parsed holds passwords. */
static void no_message_shows_the_text(void **state)
{
    static const char *const texts[] = {
        "{\"mbus\":\"hunter2\"",
        "{\"mbus\":\"hunter2\"} hunter2",
        "{\"mbus\":\"hunter2\xff\"}",
        "{\"mbus\":\"hunter2\\u0000\"}",
        "hunter2",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        cleanup_error struct error err = { 0 };
        assert_null(parse(texts[i], &err));
        assert_int_equal(err.type, ERROR_CPI);
        expect_absent(err.message, "hunter");
    }
}

/* A stack overflow would be the end of the response. */
static void deep_nesting_is_refused(void **state)
{
    struct error err = { 0 };
    const size_t depth = 100000;
    cleanup_free char *text = xcalloc(depth + 1, 1);

    (void)state;
    memset(text, '[', depth);
    assert_null(parse(text, &err));
    expect_error(&err, ERROR_CPI, "the text is not valid JSON");
}

static const struct {
    const char *bytes;
    bool valid;
} sequences[] = {
    { "a", true },
    { "\x7f", true },
    { "\xc2\x80", true },
    { "\xdf\xbf", true },
    { "\xe0\xa0\x80", true },
    { "\xe1\x80\x80", true },
    { "\xec\xbf\xbf", true },
    { "\xed\x9f\xbf", true }, /* the last before the surrogates */
    { "\xee\x80\x80", true }, /* the first after them */
    { "\xef\xbf\xbf", true },
    { "\xf0\x90\x80\x80", true },
    { "\xf3\xbf\xbf\xbf", true },
    { "\xf4\x8f\xbf\xbf", true }, /* U+10FFFF */

    { "\x80", false }, /* a continuation with no start */
    { "\xbf", false },
    { "\xc0\x80", false }, /* overlong */
    { "\xc0\xaf", false },
    { "\xc1\xbf", false },
    { "\xe0\x80\x80", false },
    { "\xe0\x9f\xbf", false },
    { "\xf0\x80\x80\x80", false },
    { "\xf0\x8f\xbf\xbf", false },
    { "\xed\xa0\x80", false }, /* surrogates */
    { "\xed\xbf\xbf", false },
    { "\xed\xa0\xbd\xed\xb8\x80", false },
    { "\xf4\x90\x80\x80", false }, /* above U+10FFFF */
    { "\xf5\x80\x80\x80", false },
    { "\xf8\x88\x80\x80\x80", false },
    { "\xfe", false },
    { "\xff", false },
    { "\xc2", false }, /* cut off */
    { "\xe2\x82", false },
    { "\xf0\x9f\x98", false },
    { "\xc3(", false }, /* a start with no continuation */
    { "\xe2(\xa1", false },
    { "\xe2\x82(", false },
    { "\xf0\x90(\xbc", false },
};

static void only_valid_utf8_is_parsed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(sequences); i++) {
        cleanup_error struct error err = { 0 };
        cleanup_free char *text = xasprintf("\"%s\"", sequences[i].bytes);
        cleanup_json cJSON *value = parse(text, &err);
        if (sequences[i].valid) {
            assert_non_null(value);
            assert_string_equal(value->valuestring, sequences[i].bytes);
        } else {
            assert_null(value);
            assert_string_equal(err.message, "the text is not valid UTF-8 (line 1)");
        }
    }
}

static void a_sequence_cut_by_the_end_is_not_read_beyond_it(void **state)
{
    struct error err = { 0 };
    cleanup_free char *cut = xcalloc(1, 1);

    (void)state;
    *cut = '\xe2';
    assert_null(json_parse(cut, 1, "x", &err));
    expect_error(&err, ERROR_CPI, "x is not valid UTF-8 (line 1)");
}

static void invalid_utf8_is_refused_with_its_line(void **state)
{
    (void)state;
    expect_refused("{\n\n\"a\": \"\xff\"}", "the text is not valid UTF-8 (line 3)");
    expect_refused("\"\\\xff\"", "the text is not valid UTF-8 (line 1)");
}

static void a_nul_byte_is_refused(void **state)
{
    struct error err = { 0 };

    (void)state;
    assert_null(json_parse("{}\0", 3, "x", &err));
    expect_error(&err, ERROR_CPI, "x is not valid UTF-8");
}

static void an_escaped_nul_is_refused_with_its_line(void **state)
{
    (void)state;
    expect_refused("{\n\"a\":\"x\\u0000y\"}", "the text holds a NUL character (line 2)");
    expect_refused("\"\\\\\\u0000\"", "holds a NUL character");
    expect_refused("{\"\\u0000\":1}", "holds a NUL character");
}

static void an_escaped_backslash_before_u0000_is_text(void **state)
{
    struct error err = { 0 };
    cleanup_json cJSON *value = parse("\"\\\\u0000\"", &err);

    (void)state;
    assert_non_null(value);
    assert_string_equal(value->valuestring, "\\u0000");
}

static void escaped_surrogates_come_in_pairs(void **state)
{
    struct error err = { 0 };
    cleanup_json cJSON *value = parse("\"\\ud83d\\ude00\"", &err);

    (void)state;
    assert_non_null(value);
    assert_string_equal(value->valuestring, "\xf0\x9f\x98\x80");
    expect_refused("\"\\ud83d\"", "is not valid JSON");
    expect_refused("\"\\ude00\"", "is not valid JSON");
}

static void only_comments_outside_strings_are_blanked(void **state)
{
    static const struct {
        const char *text, *blanked;
    } rows[] = {
        { "{}", "{}" },
        { "", "" },
        { "1 // one", "1       " },
        { "1 // one\n2", "1       \n2" },
        { "a/* b */c", "a       c" },
        { "a/* b\nc */d", "a    \n    d" },
        { "a/**/b", "a    b" },
        { "a/***/b", "a     b" },
        { "a/*/ x */b", "a        b" },
        { "a/* x", "a    " },
        { "a//", "a  " },
        { "a/*", "a  " },
        { "\"http://x/y\"", "\"http://x/y\"" },
        { "\"/* no */\"", "\"/* no */\"" },
        { "\"a\\\"//b\"", "\"a\\\"//b\"" },
        { "\"a\\\\\"//b", "\"a\\\\\"   " },
        { "\"a\" // \"b\"\n\"c\"", "\"a\"       \n\"c\"" },
        { "/* \" */\"//\"", "       \"//\"" },
        { "// it's\n1", "       \n1" },
        { "////\n1", "    \n1" },
        { "/**//**/1//", "        1  " },
        { "1/2", "1/2" },
        { "/", "/" },
        { "\"open // no", "\"open // no" },
        { "\"open\\", "\"open\\" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_free char *text = xstrdup(rows[i].text);
        json_blank_comments(text, strlen(text));
        assert_string_equal(text, rows[i].blanked);
    }
}

static void an_error_after_a_comment_has_its_true_line(void **state)
{
    char text[] = "{ // one\n/* two\nthree */\n oops }";

    (void)state;
    json_blank_comments(text, strlen(text));
    expect_refused(text, "(line 4)");
}

static void get_takes_null_for_absent(void **state)
{
    cleanup_json cJSON *object = unit_json("{\"a\":null,\"b\":false,\"c\":0}");

    (void)state;
    assert_null(json_get(object, "a"));
    assert_null(json_get(object, "z"));
    assert_null(json_get(NULL, "a"));
    assert_true(cJSON_IsFalse(json_get(object, "b")));
    assert_true(cJSON_IsNumber(json_get(object, "c")));
}

static void keys_are_compared_with_their_case(void **state)
{
    cleanup_json cJSON *object = unit_json("{\"Key\":1}");

    (void)state;
    assert_null(json_get(object, "key"));
    assert_non_null(json_get(object, "Key"));
}

static void string_is_null_for_other_types(void **state)
{
    cleanup_json cJSON *object = unit_json("{\"s\":\"text\",\"e\":\"\",\"n\":1,\"o\":{}}");

    (void)state;
    assert_string_equal(json_string(object, "s"), "text");
    assert_string_equal(json_string(object, "e"), "");
    assert_null(json_string(object, "n"));
    assert_null(json_string(object, "o"));
    assert_null(json_string(object, "z"));
}

static const uint64_t any[] = { 0, UINT64_MAX };

static void whole_takes_numbers_and_strings_of_digits(void **state)
{
    static const struct {
        const char *text;
        uint64_t number;
    } rows[] = {
        { "0", 0 },
        { "5", 5 },
        { "5.0", 5 },
        { "1e3", 1000 },
        { "\"5\"", 5 },
        { "\"007\"", 7 },
        { "\"0\"", 0 },
        { "9007199254740992", 9007199254740992 }, /* 2^53 */
        { "\"9007199254740993\"", 9007199254740993 },
        { "\"9999999999999999999\"", 9999999999999999999U },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct error err = { 0 };
        uint64_t number = 42;
        cleanup_json cJSON *value = unit_json(rows[i].text);
        assert_int_equal(json_whole(value, "size", any, &number, &err), 0);
        assert_int_equal(number, rows[i].number);
        expect_no_error(&err);
    }
}

static void whole_refuses_what_is_none(void **state)
{
    static const char *const texts[] = {
        "-1",
        "5.5",
        "9007199254740994",
        "1e300",
        "-1e300",
        "1e999",
        "true",
        "false",
        "null",
        "[]",
        "[5]",
        "{}",
        "\"\"",
        "\"-1\"",
        "\"+1\"",
        "\" 1\"",
        "\"1 \"",
        "\"1e3\"",
        "\"0x10\"",
        "\"12abc\"",
        "\"1.0\"",
        "\"five\"",
        "\"\\n5\"",
        "\"5\\n\"",
        "\"\xd9\xa3\"",
        "\"10000000000000000000\"", /* 20 digits */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct error err = { 0 };
        uint64_t number;
        cleanup_json cJSON *value = unit_json(texts[i]);
        assert_int_equal(json_whole(value, "size", any, &number, &err), -1);
        expect_error(&err, ERROR_CPI, "size must be a whole number from 0 to ");
    }
}

static void whole_refuses_an_absent_value(void **state)
{
    struct error err = { 0 };
    uint64_t number;

    (void)state;
    assert_int_equal(json_whole(NULL, "size", any, &number, &err), -1);
    expect_error(&err, ERROR_CPI, "size must be a whole number");
}

static void whole_keeps_to_its_range(void **state)
{
    static const uint64_t range[] = { 3, 10 };
    static const struct {
        double number;
        int result;
    } rows[] = { { 2, -1 }, { 3, 0 }, { 10, 0 }, { 11, -1 } };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_error struct error err = { 0 };
        uint64_t number;
        cleanup_json cJSON *value = cJSON_CreateNumber(rows[i].number);
        assert_int_equal(json_whole(value, "size", range, &number, &err), rows[i].result);
        if (rows[i].result < 0)
            assert_string_equal(err.message, "size must be a whole number from 3 to 10");
    }
}

static void clean_utf8_keeps_valid_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(sequences); i++) {
        cleanup_free char *clean = json_clean_utf8(sequences[i].bytes);
        if (sequences[i].valid)
            assert_string_equal(clean, sequences[i].bytes);
        else
            assert_string_not_equal(clean, sequences[i].bytes);
    }
}

static void clean_utf8_replaces_each_bad_byte(void **state)
{
#define BAD "\xef\xbf\xbd"
    static const struct {
        const char *text, *clean;
    } rows[] = {
        { "", "" },
        { "\xff", BAD },
        { "a\xff\xfe"
          "b",
          "a" BAD BAD "b" },
        { "caf\xc3", "caf" BAD },
        { "\xed\xa0\x80", BAD BAD BAD },
        { "\xe2\x82"
          "x",
          BAD BAD "x" },
        { "\xc3\xa9\xff\xc3\xa9", "\xc3\xa9" BAD "\xc3\xa9" },
    };
#undef BAD

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_free char *clean = json_clean_utf8(rows[i].text);
        assert_string_equal(clean, rows[i].clean);
    }
}

static void print_has_no_white_space(void **state)
{
    cleanup_json cJSON *value = unit_json("{ \"a\" : [ 1, true, null, \"x\" ] }");
    cleanup_free char *text = json_print(value);

    (void)state;
    assert_string_equal(text, "{\"a\":[1,true,null,\"x\"]}");
}

static void put_adds_to_objects_and_arrays(void **state)
{
    cleanup_json cJSON *object = json_new_object();
    cJSON *array = json_new_array();

    (void)state;
    json_put_string(array, NULL, "x");
    json_put_number(array, NULL, 7);
    json_put_bool(array, NULL, true);
    json_put(object, "list", array);
    json_put_string(object, "s", "t");
    json_put_number(object, "n", 8796093022208.0);
    json_put_bool(object, "b", false);
    cleanup_free char *text = json_print(object);
    assert_string_equal(text,
                        "{\"list\":[\"x\",7,true],\"s\":\"t\",\"n\":8796093022208,\"b\":false}");
}

static void a_copy_is_deep(void **state)
{
    cleanup_json cJSON *value = unit_json("{\"a\":{\"b\":1}}");
    cleanup_json cJSON *copy = json_copy(value);

    (void)state;
    cJSON_DeleteItemFromObjectCaseSensitive(cJSON_GetObjectItem(value, "a"), "b");
    cleanup_free char *text = json_print(copy);
    assert_string_equal(text, "{\"a\":{\"b\":1}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_may_have_white_space_around_it),
        cmocka_unit_test(parsing_stops_at_the_length),
        cmocka_unit_test(length_beats_what_follows),
        cmocka_unit_test(nothing_is_not_json),
        cmocka_unit_test(broken_json_is_refused_with_its_line),
        cmocka_unit_test(what_only_looks_like_json_is_refused),
        cmocka_unit_test(every_number_of_json_is_taken),
        cmocka_unit_test(numbers_and_controls_in_strings_are_text),
        cmocka_unit_test(what_follows_the_value_is_refused_with_its_line),
        cmocka_unit_test(no_message_shows_the_text),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(only_valid_utf8_is_parsed),
        cmocka_unit_test(a_sequence_cut_by_the_end_is_not_read_beyond_it),
        cmocka_unit_test(invalid_utf8_is_refused_with_its_line),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(an_escaped_nul_is_refused_with_its_line),
        cmocka_unit_test(an_escaped_backslash_before_u0000_is_text),
        cmocka_unit_test(escaped_surrogates_come_in_pairs),
        cmocka_unit_test(only_comments_outside_strings_are_blanked),
        cmocka_unit_test(an_error_after_a_comment_has_its_true_line),
        cmocka_unit_test(get_takes_null_for_absent),
        cmocka_unit_test(keys_are_compared_with_their_case),
        cmocka_unit_test(string_is_null_for_other_types),
        cmocka_unit_test(whole_takes_numbers_and_strings_of_digits),
        cmocka_unit_test(whole_refuses_what_is_none),
        cmocka_unit_test(whole_refuses_an_absent_value),
        cmocka_unit_test(whole_keeps_to_its_range),
        cmocka_unit_test(clean_utf8_keeps_valid_text),
        cmocka_unit_test(clean_utf8_replaces_each_bad_byte),
        cmocka_unit_test(print_has_no_white_space),
        cmocka_unit_test(put_adds_to_objects_and_arrays),
        cmocka_unit_test(a_copy_is_deep),
    };

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
