#include "unit.h"

#include "cpi/template.h"

/* Makes "qemu/<name>.xml" in the test's template_dir. */
static void put_template(const char *dir, const char *name, const char *text)
{
    cleanup_free char *folder = xasprintf("%s/qemu", dir);
    cleanup_free char *path = xasprintf("%s/%s.xml", folder, name);

    mkdir(folder, 0700);
    unit_write_text(path, text);
}

static char *render(const char *dir, const char *name, const char *json, struct error *err)
{
    const struct templates templates = { .directory = dir, .hypervisor = "qemu" };
    cleanup_json cJSON *item = unit_json(json);

    return template_render(&templates, name, item, err);
}

/* The template 'text' over the object 'json'. */
static void expect(const char *dir, const char *text, const char *json, const char *expected)
{
    struct error err = { 0 };

    put_template(dir, "t", text);
    cleanup_free char *rendered = render(dir, "t", json, &err);
    if (!rendered)
        print_error("%s\n", err.message);
    assert_non_null(rendered);
    assert_string_equal(rendered, expected);
    expect_no_error(&err);
}

static void expect_refused(const char *dir, const char *text, const char *json, const char *part)
{
    struct error err = { 0 };

    put_template(dir, "t", text);
    assert_null(render(dir, "t", json, &err));
    expect_error(&err, ERROR_CPI, part);
}

static void text_without_tags_stays(void **state)
{
    expect(*state, "<a b='c'>\n  }} { {d} </a>\n", "{}", "<a b='c'>\n  }} { {d} </a>\n");
    expect(*state, "", "{}", "");
}

static void a_name_becomes_its_text(void **state)
{
    expect(*state, "<a>{{x}}-{{y}}</a>", "{\"x\":\"1\",\"y\":\"\"}", "<a>1-</a>");
}

static void each_special_character_is_escaped_in_text(void **state)
{
    expect(*state, "<a>{{x}}</a>", "{\"x\":\"<\"}", "<a>&lt;</a>");
    expect(*state, "<a>{{x}}</a>", "{\"x\":\">\"}", "<a>&gt;</a>");
    expect(*state, "<a>{{x}}</a>", "{\"x\":\"&\"}", "<a>&amp;</a>");
    expect(*state, "<a>{{x}}</a>", "{\"x\":\"\\\"\"}", "<a>&quot;</a>");
    expect(*state, "<a>{{x}}</a>", "{\"x\":\"'\"}", "<a>&apos;</a>");
}

static void a_value_does_not_get_out_of_an_attribute(void **state)
{
    expect(*state, "<a b='{{x}}'/>", "{\"x\":\"' c='d\"}", "<a b='&apos; c=&apos;d'/>");
    expect(*state, "<a b=\"{{x}}\"/>", "{\"x\":\"\\\"/><e f=\\\"&\"}",
           "<a b=\"&quot;/&gt;&lt;e f=&quot;&amp;\"/>");
}

static void what_is_escaped_already_is_escaped_again(void **state)
{
    expect(*state, "{{x}}", "{\"x\":\"&lt;\"}", "&amp;lt;");
}

static void a_tag_in_a_value_is_only_text(void **state)
{
    expect(*state, "{{x}}", "{\"x\":\"{{y}}{{>t}}{{#x}}\",\"y\":1}", "{{y}}{{&gt;t}}{{#x}}");
}

static void text_beyond_ascii_stays(void **state)
{
    expect(*state, "{{x}}", "{\"x\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}",
           "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
}

static void control_characters_are_refused(void **state)
{
    for (int c = 1; c < 0x20; c++) {
        struct error err = { 0 };
        char text[] = { 'a', (char)c, 'b', '\0' };
        cleanup_json cJSON *item = json_new_object();
        const struct templates templates = { .directory = *state, .hypervisor = "qemu" };
        cleanup_free char *part = xasprintf("holds the control character 0x%02x", c);
        json_put_string(item, "x", text);
        put_template(*state, "t", "{{x}}");
        cleanup_free char *rendered = template_render(&templates, "t", item, &err);
        if (c == '\t' || c == '\n' || c == '\r') {
            assert_non_null(rendered);
            expect_no_error(&err);
        } else {
            assert_null(rendered);
            expect_error(&err, ERROR_CPI, part);
        }
    }
}

/* XML 1.0, section 2.2: #xFFFE and #xFFFF are no characters; libvirt refuses the document. */
static void the_two_characters_that_xml_excludes_are_refused(void **state)
{
    expect_refused(*state, "{{x}}", "{\"x\":\"\xef\xbf\xbe\"}", "XML cannot carry");
    expect_refused(*state, "{{x}}", "{\"x\":\"\xef\xbf\xbf\"}", "XML cannot carry");
}

static void numbers_are_written_whole(void **state)
{
    expect(*state, "{{a}} {{b}} {{c}} {{d}}",
           "{\"a\":0,\"b\":4096,\"c\":8796093022208,\"d\":137438953472000}",
           "0 4096 8796093022208 137438953472000");
}

static void a_name_that_is_not_there_is_an_error(void **state)
{
    expect_refused(*state, "{{x}}", "{}", "template 't': there is nothing called 'x' here");
    expect_refused(*state, "{{X}}", "{\"x\":1}", "there is nothing called 'X' here");
    expect_refused(*state, "{{ x }}", "{\"x\":1}", "there is nothing called ' x ' here");
    expect_refused(*state, "{{#x}}{{/x}}", "{}", "there is nothing called 'x' here");
    expect_refused(*state, "{{^x}}{{/x}}", "{}", "there is nothing called 'x' here");
}

static void what_is_no_text_is_an_error(void **state)
{
    static const char *const values[] = { "null", "true", "false", "{}", "[]", "[1]" };

    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        cleanup_free char *json = xasprintf("{\"x\":%s}", values[i]);
        expect_refused(*state, "{{x}}", json, "template 't': 'x' is neither text nor a number");
    }
}

static void a_section_repeats_for_each_item_of_an_array(void **state)
{
    expect(*state, "{{#x}}<{{n}}>{{/x}}", "{\"x\":[{\"n\":1},{\"n\":2},{\"n\":3}]}", "<1><2><3>");
}

static void a_section_is_there_once_for_an_object(void **state)
{
    expect(*state, "{{#x}}<{{n}}>{{/x}}", "{\"x\":{\"n\":1}}", "<1>");
}

static void a_section_is_there_once_for_true_with_the_item_around_it(void **state)
{
    expect(*state, "{{#x}}<{{n}}>{{/x}}", "{\"x\":true,\"n\":1}", "<1>");
}

static void a_section_is_not_there_for_false_null_and_empty(void **state)
{
    expect(*state, "a{{#x}}no{{/x}}b", "{\"x\":false}", "ab");
    expect(*state, "a{{#x}}no{{/x}}b", "{\"x\":null}", "ab");
    expect(*state, "a{{#x}}no{{/x}}b", "{\"x\":[]}", "ab");
}

static void an_empty_object_is_something(void **state)
{
    expect(*state, "{{#x}}yes{{/x}}{{^x}}no{{/x}}", "{\"x\":{}}", "yes");
}

static void an_inverted_section_is_there_for_false_null_and_empty(void **state)
{
    expect(*state, "{{^x}}<{{n}}>{{/x}}", "{\"x\":false,\"n\":1}", "<1>");
    expect(*state, "{{^x}}<{{n}}>{{/x}}", "{\"x\":null,\"n\":1}", "<1>");
    expect(*state, "{{^x}}<{{n}}>{{/x}}", "{\"x\":[],\"n\":1}", "<1>");
}

static void an_inverted_section_is_not_there_otherwise(void **state)
{
    expect(*state, "a{{^x}}no{{/x}}b", "{\"x\":true}", "ab");
    expect(*state, "a{{^x}}no{{/x}}b", "{\"x\":[0]}", "ab");
    expect(*state, "a{{^x}}no{{/x}}b", "{\"x\":{\"n\":1}}", "ab");
}

/* A misspelt or missing name must not be found further out. */
static void a_section_sees_only_its_own_item(void **state)
{
    expect_refused(*state, "{{#x}}{{n}}{{/x}}", "{\"x\":{\"m\":1},\"n\":2}",
                   "there is nothing called 'n' here");
    expect_refused(*state, "{{#x}}{{n}}{{/x}}", "{\"x\":[{\"n\":1},{}],\"n\":2}",
                   "there is nothing called 'n' here");
}

static void after_a_section_the_item_is_the_former(void **state)
{
    expect(*state, "{{n}}{{#x}}{{n}}{{/x}}{{n}}", "{\"x\":{\"n\":\"in\"},\"n\":\"out\"}",
           "outinout");
}

static void a_dot_is_the_item_itself(void **state)
{
    expect(*state, "{{#x}}<{{.}}>{{/x}}", "{\"x\":[\"a&b\",2]}", "<a&amp;b><2>");
    expect_refused(*state, "{{.}}", "{}", "'.' is neither text nor a number");
}

static void sections_nest(void **state)
{
    expect(*state, "{{#x}}({{#y}}{{.}}{{/y}}){{/x}}", "{\"x\":[{\"y\":[1,2]},{\"y\":[]}]}",
           "(12)()");
}

static void an_inverted_section_may_be_in_another(void **state)
{
    expect(*state, "{{#x}}a{{^y}}b{{/y}}c{{/x}}d", "{\"x\":true,\"y\":false}", "abcd");
    expect(*state, "{{^x}}a{{^x}}b{{/x}}c{{/x}}d", "{\"x\":false}", "abcd");
}

static void a_section_may_hold_one_of_the_same_name(void **state)
{
    expect(*state, "{{#x}}[{{#x}}{{.}}{{/x}}]{{/x}}", "{\"x\":{\"x\":[1,2]}}", "[12]");
}

static void a_section_in_a_hidden_one_is_hidden(void **state)
{
    expect(*state, "a{{#x}}{{#y}}{{z}}{{/y}}{{/x}}b", "{\"x\":false}", "ab");
}

static void a_section_that_is_not_closed_is_refused(void **state)
{
    expect_refused(*state, "{{#x}}a", "{\"x\":true}",
                   "template 't': the section 'x' is not closed");
    expect_refused(*state, "{{^x}}a", "{\"x\":true}", "the section 'x' is not closed");
    expect_refused(*state, "{{#x}}{{#y}}{{/x}}", "{\"x\":true,\"y\":true}", "is not closed");
}

static void a_hidden_section_must_be_closed_too(void **state)
{
    expect_refused(*state, "{{#x}}a", "{\"x\":false}", "the section 'x' is not closed");
}

static void a_section_that_is_closed_by_another_name_is_refused(void **state)
{
    expect_refused(*state, "{{#x}}{{/y}}", "{\"x\":true}", "the section 'x' is not closed");
    expect_refused(*state, "{{#x}}{{#y}}{{/x}}{{/y}}", "{\"x\":true,\"y\":true}",
                   "the section 'x' is not closed");
}

static void a_close_without_an_open_is_refused(void **state)
{
    expect_refused(*state, "a{{/x}}", "{\"x\":true}",
                   "template 't': 'x' is closed but was not opened");
}

static void a_malformed_tag_is_refused(void **state)
{
    expect_refused(*state, "a {{x", "{\"x\":1}", "template 't': '{{' without '}}'");
    expect_refused(*state, "{{}}", "{}", "a tag has no name");
    expect_refused(*state, "{{#}}{{/}}", "{}", "a tag has no name");
    expect_refused(
        *state,
        "{{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}}", "{}",
        "a very long one");
}

static void a_tag_alone_on_its_line_leaves_no_line(void **state)
{
    expect(*state, "a\n{{#x}}\nb\n{{/x}}\nc\n", "{\"x\":true}", "a\nb\nc\n");
    expect(*state, "a\n  {{#x}}  \n  b\n\t{{/x}}\t\nc\n", "{\"x\":true}", "a\n  b\nc\n");
    expect(*state, "{{#x}}\nb\n{{/x}}\n", "{\"x\":[1,2]}", "b\nb\n");
    expect(*state, "a\n{{#x}}\nb\n{{/x}}\nc\n", "{\"x\":false}", "a\nc\n");
    expect(*state, "a\n{{^x}}\nb\n{{/x}}\nc\n", "{\"x\":false}", "a\nb\nc\n");
    expect(*state, "{{#x}}\n{{/x}}\n", "{\"x\":[1,2]}", "");
}

static void nested_tags_alone_on_their_lines_leave_none(void **state)
{
    expect(*state, "{{#x}}\n  {{#y}}\n  b\n  {{/y}}\n{{/x}}\n", "{\"x\":true,\"y\":true}", "  b\n");
}

static void a_tag_beside_text_keeps_its_line(void **state)
{
    expect(*state, "a {{#x}}b{{/x}}\nc\n", "{\"x\":true}", "a b\nc\n");
    expect(*state, "a {{#x}}b{{/x}}\nc\n", "{\"x\":false}", "a \nc\n");
}

static void an_empty_value_alone_on_its_line_keeps_the_line(void **state)
{
    expect(*state, "a\n{{x}}\nb\n", "{\"x\":\"\"}", "a\n\nb\n");
}

static void an_include_is_rendered_with_the_same_item(void **state)
{
    put_template(*state, "part", "<{{n}}>");
    expect(*state, "a{{>part}}b", "{\"n\":1}", "a<1>b");
    expect(*state, "{{#x}}{{>part}}{{/x}}", "{\"x\":[{\"n\":1},{\"n\":2}],\"n\":9}", "<1><2>");
}

static void an_include_alone_on_its_line_leaves_no_line(void **state)
{
    put_template(*state, "part", "part\n");
    expect(*state, "a\n{{>part}}\nb\n", "{}", "a\npart\nb\n");
}

static void an_error_in_an_include_names_the_include(void **state)
{
    put_template(*state, "part", "{{nope}}");
    expect_refused(*state, "{{>part}}", "{}", "template 'part': there is nothing called 'nope'");
}

static void an_include_that_is_not_there_is_refused(void **state)
{
    expect_refused(*state, "{{>nowhere}}", "{}", "there is no template 'qemu/nowhere.xml'");
}

static void an_include_of_itself_is_refused(void **state)
{
    expect_refused(*state, "a{{>t}}", "{}", "template 't' includes itself");
}

static void an_include_in_a_circle_is_refused(void **state)
{
    put_template(*state, "u", "{{>t}}");
    expect_refused(*state, "{{>u}}", "{}", "includes itself");
}

static void includes_may_be_eight_deep(void **state)
{
    for (int i = 1; i <= 8; i++) {
        cleanup_free char *name = xasprintf("d%d", i);
        cleanup_free char *text = i < 8 ? xasprintf("%d{{>d%d}}", i, i + 1) : xstrdup("8");
        put_template(*state, name, text);
    }
    expect(*state, "{{>d2}}", "{}", "2345678");
    expect_refused(*state, "{{>d1}}", "{}", "includes itself");
}

static void template_dir_comes_before_the_built_in(void **state)
{
    struct error err = { 0 };

    put_template(*state, "disk", "mine: {{x}}");
    cleanup_free char *rendered = render(*state, "disk", "{\"x\":1}", &err);
    assert_non_null(rendered);
    assert_string_equal(rendered, "mine: 1");
}

static const char entry[] = "{\"entries\":[{\"key\":\"k\",\"value\":\"v\"}]}";

static void what_template_dir_lacks_is_the_built_in(void **state)
{
    struct error err = { 0 };

    put_template(*state, "other", "x");
    cleanup_free char *rendered = render(*state, "metadata", entry, &err);
    expect_part(rendered, "<entry key='k'>v</entry>");
}

static void a_template_dir_that_is_not_there_is_no_error(void **state)
{
    struct error err = { 0 };
    cleanup_free char *nowhere = xasprintf("%s/nowhere", (char *)*state);
    cleanup_free char *rendered = render(nowhere, "metadata", entry, &err);

    expect_part(rendered, "<entry key='k'>v</entry>");
}

static void an_override_may_include_a_built_in(void **state)
{
    struct error err = { 0 };

    put_template(*state, "domain", "mine {{>metadata}}");
    cleanup_free char *rendered = render(*state, "domain", entry, &err);
    expect_part(rendered, "mine <vm>");
    expect_part(rendered, "<entry key='k'>v</entry>");
}

/* Using the built-in one instead would hide that the operator's own is not in force. */
static void an_override_that_cannot_be_read_is_an_error(void **state)
{
    struct error err = { 0 };
    cleanup_free char *folder = xasprintf("%s/qemu", (char *)*state);
    cleanup_free char *path = xasprintf("%s/disk.xml", folder);

    /* A directory cannot be read as a file by root either. */
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_null(render(*state, "disk", entry, &err));
    assert_non_null(err.message);
    expect_part(err.message, path);
    expect_error(&err, ERROR_CPI, "template_dir: cannot read");
}

static void another_hypervisors_templates_are_not_found(void **state)
{
    const struct templates templates = { .hypervisor = "vbox" };
    struct error err = { 0 };
    cleanup_json cJSON *item = unit_json(entry);

    (void)state;
    assert_null(template_render(&templates, "disk", item, &err));
    expect_error(&err, ERROR_CPI, "there is no template 'vbox/disk.xml'");
}

static void every_built_in_template_of_qemu_is_there(void **state)
{
    static const char *const paths[] = { "qemu/disk.xml", "qemu/domain.xml", "qemu/metadata.xml" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        bool found = false;
        for (const struct template_file *row = template_files; row->path; row++)
            found = found || strcmp(row->path, paths[i]) == 0;
        assert_true(found);
    }
}

static void the_metadata_template_takes_hostile_keys_and_values(void **state)
{
    struct error err = { 0 };
    cleanup_free char *rendered =
        render(NULL, "metadata", "{\"entries\":[{\"key\":\"a'b\",\"value\":\"</entry>&\"}]}", &err);

    (void)state;
    assert_non_null(rendered);
    assert_string_equal(rendered,
                        "<vm>\n  <entry key='a&apos;b'>&lt;/entry&gt;&amp;</entry>\n</vm>\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(text_without_tags_stays),
        IN_DIRECTORY(a_name_becomes_its_text),
        IN_DIRECTORY(each_special_character_is_escaped_in_text),
        IN_DIRECTORY(a_value_does_not_get_out_of_an_attribute),
        IN_DIRECTORY(what_is_escaped_already_is_escaped_again),
        IN_DIRECTORY(a_tag_in_a_value_is_only_text),
        IN_DIRECTORY(text_beyond_ascii_stays),
        IN_DIRECTORY(control_characters_are_refused),
        IN_DIRECTORY(the_two_characters_that_xml_excludes_are_refused),
        IN_DIRECTORY(numbers_are_written_whole),
        IN_DIRECTORY(a_name_that_is_not_there_is_an_error),
        IN_DIRECTORY(what_is_no_text_is_an_error),
        IN_DIRECTORY(a_section_repeats_for_each_item_of_an_array),
        IN_DIRECTORY(a_section_is_there_once_for_an_object),
        IN_DIRECTORY(a_section_is_there_once_for_true_with_the_item_around_it),
        IN_DIRECTORY(a_section_is_not_there_for_false_null_and_empty),
        IN_DIRECTORY(an_empty_object_is_something),
        IN_DIRECTORY(an_inverted_section_is_there_for_false_null_and_empty),
        IN_DIRECTORY(an_inverted_section_is_not_there_otherwise),
        IN_DIRECTORY(a_section_sees_only_its_own_item),
        IN_DIRECTORY(after_a_section_the_item_is_the_former),
        IN_DIRECTORY(a_dot_is_the_item_itself),
        IN_DIRECTORY(sections_nest),
        IN_DIRECTORY(an_inverted_section_may_be_in_another),
        IN_DIRECTORY(a_section_may_hold_one_of_the_same_name),
        IN_DIRECTORY(a_section_in_a_hidden_one_is_hidden),
        IN_DIRECTORY(a_section_that_is_not_closed_is_refused),
        IN_DIRECTORY(a_hidden_section_must_be_closed_too),
        IN_DIRECTORY(a_section_that_is_closed_by_another_name_is_refused),
        IN_DIRECTORY(a_close_without_an_open_is_refused),
        IN_DIRECTORY(a_malformed_tag_is_refused),
        IN_DIRECTORY(a_tag_alone_on_its_line_leaves_no_line),
        IN_DIRECTORY(nested_tags_alone_on_their_lines_leave_none),
        IN_DIRECTORY(a_tag_beside_text_keeps_its_line),
        IN_DIRECTORY(an_empty_value_alone_on_its_line_keeps_the_line),
        IN_DIRECTORY(an_include_is_rendered_with_the_same_item),
        IN_DIRECTORY(an_include_alone_on_its_line_leaves_no_line),
        IN_DIRECTORY(an_error_in_an_include_names_the_include),
        IN_DIRECTORY(an_include_that_is_not_there_is_refused),
        IN_DIRECTORY(an_include_of_itself_is_refused),
        IN_DIRECTORY(an_include_in_a_circle_is_refused),
        IN_DIRECTORY(includes_may_be_eight_deep),
        IN_DIRECTORY(template_dir_comes_before_the_built_in),
        IN_DIRECTORY(what_template_dir_lacks_is_the_built_in),
        IN_DIRECTORY(a_template_dir_that_is_not_there_is_no_error),
        IN_DIRECTORY(an_override_may_include_a_built_in),
        IN_DIRECTORY(an_override_that_cannot_be_read_is_an_error),
        cmocka_unit_test(another_hypervisors_templates_are_not_found),
        cmocka_unit_test(every_built_in_template_of_qemu_is_there),
        cmocka_unit_test(the_metadata_template_takes_hostile_keys_and_values),
    };

    return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
