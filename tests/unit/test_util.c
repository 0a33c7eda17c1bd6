#include "unit.h"

#include <errno.h>
#include <fcntl.h>

static void strings_add_keeps_copies_in_order(void **state)
{
    cleanup_strings char **list = NULL;
    char text[] = "one";

    (void)state;
    strings_add(&list, text);
    text[0] = 'X';
    strings_add(&list, "two");
    assert_int_equal(strings_count(list), 2);
    assert_string_equal(list[0], "one");
    assert_string_equal(list[1], "two");
    assert_null(list[2]);
}

static void no_list_is_an_empty_list(void **state)
{
    (void)state;
    assert_int_equal(strings_count(NULL), 0);
    assert_false(strings_contain(NULL, "a"));
}

static void strings_contain_compares_whole_strings(void **state)
{
    char *list[] = { (char[]){ "alpha" }, (char[]){ "beta" }, NULL };

    (void)state;
    assert_true(strings_contain(list, "beta"));
    assert_false(strings_contain(list, "bet"));
    assert_false(strings_contain(list, "betas"));
    assert_false(strings_contain(list, "Beta"));
}

static void starts_with_and_ends_with_know_the_whole_and_the_empty(void **state)
{
    (void)state;
    assert_true(starts_with("abc", "ab"));
    assert_true(starts_with("abc", "abc"));
    assert_true(starts_with("abc", ""));
    assert_false(starts_with("abc", "abcd"));
    assert_false(starts_with("abc", "b"));
    assert_true(ends_with("abc", "bc"));
    assert_true(ends_with("abc", "abc"));
    assert_true(ends_with("abc", ""));
    assert_false(ends_with("abc", "zabc"));
    assert_false(ends_with("abc", "ab"));
}

static void split_lines_leaves_out_empty_lines(void **state)
{
    char text[] = "\none\n\ntwo words\nthree";
    cleanup_free char **lines = split_lines(text);

    (void)state;
    assert_int_equal(strings_count(lines), 3);
    assert_string_equal(lines[0], "one");
    assert_string_equal(lines[1], "two words");
    assert_string_equal(lines[2], "three");
}

static void split_lines_of_nothing_is_an_empty_list(void **state)
{
    char text[] = "";
    cleanup_free char **lines = split_lines(text);

    (void)state;
    assert_non_null(lines);
    assert_null(lines[0]);
}

static void trimmed_lines_are_copies_without_blanks_at_their_ends(void **state)
{
    char text[] = "one  \n\n  \n two words \n", nothing[] = " \n";
    cleanup_strings char **lines = trimmed_lines(text), **none = trimmed_lines(nothing);

    (void)state;
    assert_int_equal(strings_count(lines), 2);
    assert_string_equal(lines[0], "one");
    assert_string_equal(lines[1], " two words");
    assert_int_equal(strings_count(none), 0);
    assert_non_null(none);
}

static void steal_pointer_leaves_null(void **state)
{
    char *owner = xstrdup("thing");
    cleanup_free char *taken = steal_pointer(&owner);

    (void)state;
    assert_null(owner);
    assert_string_equal(taken, "thing");
}

static void xstrndup_cuts(void **state)
{
    cleanup_free char *cut = xstrndup("abcdef", 3);

    (void)state;
    assert_string_equal(cut, "abc");
}

static void xcalloc_of_nothing_is_a_pointer(void **state)
{
    cleanup_free void *memory = xcalloc(0, 0);

    (void)state;
    assert_non_null(memory);
}

static void text_stream_collects_what_is_written(void **state)
{
    cleanup_free char *text = NULL;
    size_t length;
    FILE *out = text_open(&text, &length);

    (void)state;
    fprintf(out, "%s-%d", "a", 7);
    text_close(out);
    assert_string_equal(text, "a-7");
    assert_int_equal(length, 3);
}

static void cleanup_fd_closes(void **state)
{
    int raw;

    (void)state;
    {
        cleanup_fd int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        raw = fd;
    }
    assert_int_equal(fcntl(raw, F_GETFD), -1);
    assert_int_equal(errno, EBADF);
}

static void cleanup_fd_leaves_what_is_not_open(void **state)
{
    const int none = -1;

    (void)state;
    errno = 0;
    util_closep(&none);
    assert_int_equal(errno, 0);
}

static void expect_one_line(const char *text, const char *expected)
{
    cleanup_free char *line = one_line(text, "error: ");

    assert_string_equal(line, expected);
}

static void one_line_says_each_thing_once(void **state)
{
    (void)state;
    expect_one_line("", "");
    expect_one_line("error: \n", "");
    expect_one_line("error: a\nb\n\nerror: b\nerror: a\n", "a; b");
}

static void one_line_has_an_end(void **state)
{
    char *text = NULL;
    size_t length;
    FILE *out = text_open(&text, &length);

    (void)state;
    for (int i = 0; i < 1000; i++)
        fprintf(out, "%d\n", i);
    text_close(out);
    expect_one_line(text, "0; 1; 2; 3; 4; 5; 6; 7; 8; 9; 10; 11");
    free(text);
}

static void clock_does_not_go_back(void **state)
{
    long long before = clock_ms();

    (void)state;
    assert_true(clock_ms() >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_add_keeps_copies_in_order),
        cmocka_unit_test(no_list_is_an_empty_list),
        cmocka_unit_test(strings_contain_compares_whole_strings),
        cmocka_unit_test(starts_with_and_ends_with_know_the_whole_and_the_empty),
        cmocka_unit_test(split_lines_leaves_out_empty_lines),
        cmocka_unit_test(split_lines_of_nothing_is_an_empty_list),
        cmocka_unit_test(trimmed_lines_are_copies_without_blanks_at_their_ends),
        cmocka_unit_test(steal_pointer_leaves_null),
        cmocka_unit_test(xstrndup_cuts),
        cmocka_unit_test(xcalloc_of_nothing_is_a_pointer),
        cmocka_unit_test(text_stream_collects_what_is_written),
        cmocka_unit_test(cleanup_fd_closes),
        cmocka_unit_test(cleanup_fd_leaves_what_is_not_open),
        cmocka_unit_test(one_line_says_each_thing_once),
        cmocka_unit_test(one_line_has_an_end),
        cmocka_unit_test(clock_does_not_go_back),
    };

    return cmocka_run_group_tests_name("util", tests, NULL, NULL);
}
