#include "cpi/arguments.h"
#include "cpi/command.h"
#include "unit.h"

#include <string.h>

static const char *const taken[] = { "--config", "--json", "--lines", NULL };

static void reads_words_and_options(void **state)
{
    const char *const *argv = ARGV("vm-1", "--config", "a.json", "--json", "-", "--", "--dry-run");
    cleanup_arguments struct arguments arguments = { 0 };
    cleanup_error struct error err = { 0 };

    (void)state;
    assert_int_equal(arguments_read((char *const *)argv, taken, &arguments, &err), 0);
    assert_string_equal(arguments.config, "a.json");
    assert_true(arguments.json);
    assert_false(arguments.dry_run);
    assert_int_equal(arguments.lines, -1);
    assert_int_equal(arguments.count, 3);
    assert_string_equal(arguments.words[0], "vm-1");
    assert_string_equal(arguments.words[1], "-");
    assert_string_equal(arguments.words[2], "--dry-run");
    assert_null(arguments.words[3]);
}

static void has_no_words_where_there_are_none(void **state)
{
    const char *const *argv = ARGV("-h", "--lines", "0");
    cleanup_arguments struct arguments arguments = { 0 };
    cleanup_error struct error err = { 0 };

    (void)state;
    assert_int_equal(arguments_read((char *const *)argv, taken, &arguments, &err), 0);
    assert_true(arguments.help);
    assert_int_equal(arguments.lines, 0);
    assert_int_equal(arguments.count, 0);
    assert_null(arguments.words[0]);
}

static void refuses_what_is_not_taken(void **state)
{
    const char *const wrong[][3] = { { "--dry-run", NULL, NULL }, { "--jsno", NULL, NULL },
                                     { "-x", NULL, NULL },        { "--config", NULL, NULL },
                                     { "--lines", "x", NULL },    { "--lines", "-1", NULL },
                                     { "--config=x", NULL, NULL } };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        cleanup_arguments struct arguments arguments = { 0 };
        cleanup_error struct error err = { 0 };
        assert_int_equal(arguments_read((char *const *)wrong[i], taken, &arguments, &err), -1);
        assert_int_equal(err.type, ERROR_CPI);
        assert_non_null(strstr(err.message, wrong[i][0]));
    }
}

static void names_what_was_meant(void **state)
{
    const char *const *argv = ARGV("--jsno");
    cleanup_arguments struct arguments arguments = { 0 };
    cleanup_error struct error err = { 0 };

    (void)state;
    assert_int_equal(arguments_read((char *const *)argv, taken, &arguments, &err), -1);
    assert_non_null(strstr(err.message, "'--json'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_words_and_options),
        cmocka_unit_test(has_no_words_where_there_are_none),
        cmocka_unit_test(refuses_what_is_not_taken),
        cmocka_unit_test(names_what_was_meant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
