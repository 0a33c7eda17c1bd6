#include "unit.h"

#include "cpi/host.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/syscall.h>

static struct log quiet;
static const struct host host = { .log = &quiet, .command_timeout = 60, .lock_timeout = 60 };

/* Stands in for the C library's, so that a disk can be full without filling one. */
static bool disk_is_full;

int fsync(int fd)
{
    if (!disk_is_full)
        return (int)syscall(SYS_fsync, fd);
    errno = ENOSPC;
    return -1;
}

static char *in(void **state, const char *name)
{
    return xasprintf("%s/%s", (char *)*state, name);
}

static int put(const char *path, const char *text, mode_t mode, struct error *err)
{
    return host_put(&host, path, (struct bytes){ text, strlen(text) }, mode, err);
}

static size_t count_entries(const char *path)
{
    cleanup_strings char **names = NULL;
    struct error err = { 0 };

    assert_int_equal(host_list(&host, path, &names, &err), 0);
    return strings_count(names);
}

static void put_writes_the_content_with_the_mode(void **state)
{
    static const mode_t modes[] = { 0600, 0644, 0400 };
    struct error err = { 0 };
    cleanup_free char *path = in(state, "file");

    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        mode_t before = umask(077);
        assert_int_equal(put(path, "text", modes[i], &err), 0);
        umask(before);
        assert_int_equal(unit_mode(path), modes[i]);
    }
    expect_file(path, "text");
    expect_no_error(&err);
}

static void put_replaces_and_leaves_nothing_beside(void **state)
{
    struct error err = { 0 };
    cleanup_free char *path = in(state, "file");

    assert_int_equal(put(path, "a long first content", 0644, &err), 0);
    assert_int_equal(put(path, "b", 0600, &err), 0);
    expect_file(path, "b");
    assert_int_equal(unit_mode(path), 0600);
    assert_int_equal(count_entries(*state), 1);
}

/* A reader that has the old file open goes on reading the old content. */
static void put_does_not_write_into_the_old_file(void **state)
{
    struct error err = { 0 };
    cleanup_free char *path = in(state, "file");
    struct stat before, after;

    assert_int_equal(put(path, "old", 0600, &err), 0);
    assert_int_equal(stat(path, &before), 0);
    cleanup_fd int reader = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(put(path, "new", 0600, &err), 0);
    assert_int_equal(stat(path, &after), 0);
    char text[8] = "";
    assert_int_equal(read(reader, text, sizeof(text)), 3);
    assert_string_equal(text, "old");
    assert_true(before.st_ino != after.st_ino);
}

static void put_takes_nul_bytes_and_nothing(void **state)
{
    struct error err = { 0 };
    cleanup_free char *path = in(state, "file");
    size_t length;

    assert_int_equal(host_put(&host, path, (struct bytes){ "a\0b", 3 }, 0600, &err), 0);
    cleanup_free char *content = unit_read(path, &length);
    assert_int_equal(length, 3);
    assert_memory_equal(content, "a\0b", 3);
    assert_int_equal(host_put(&host, path, (struct bytes){ "", 0 }, 0600, &err), 0);
    expect_file(path, "");
}

static void put_onto_a_full_disk_is_no_disk_space_and_changes_nothing(void **state)
{
    struct error err = { 0 };
    cleanup_free char *path = in(state, "file");
    cleanup_free char *part = xasprintf("cannot write '%s': No space left on device", path);

    assert_int_equal(put(path, "old", 0600, &err), 0);
    disk_is_full = true;
    int result = put(path, "new", 0600, &err);
    disk_is_full = false;
    assert_int_equal(result, -1);
    expect_error(&err, ERROR_NO_DISK_SPACE, part);
    expect_file(path, "old");
    assert_int_equal(count_entries(*state), 1);
}

static void put_where_it_cannot_names_the_path(void **state)
{
    struct error err = { 0 };
    cleanup_free char *path = in(state, "none/file");
    cleanup_free char *part = xasprintf("cannot write '%s': No such file or directory", path);

    assert_int_equal(put(path, "x", 0600, &err), -1);
    expect_error(&err, ERROR_CLOUD, part);
}

static void put_over_a_directory_fails_and_leaves_nothing_beside(void **state)
{
    struct error err = { 0 };
    cleanup_free char *path = in(state, "directory");

    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(put(path, "x", 0600, &err), -1);
    expect_error(&err, ERROR_CLOUD, path);
    assert_int_equal(count_entries(*state), 1);
}

static void get_reads_the_whole(void **state)
{
    struct error err = { 0 };
    cleanup_free char *path = in(state, "file");
    cleanup_free char *text = NULL;
    const size_t length = 300000;
    cleanup_free char *content = xcalloc(length + 1, 1);

    memset(content, 'x', length);
    unit_write_text(path, content);
    assert_int_equal(host_get(&host, path, &text, &err), 1);
    assert_string_equal(text, content);
}

static void get_of_an_empty_file_is_empty_text(void **state)
{
    struct error err = { 0 };
    cleanup_free char *path = in(state, "file");
    cleanup_free char *text = NULL;

    unit_write_text(path, "");
    assert_int_equal(host_get(&host, path, &text, &err), 1);
    assert_string_equal(text, "");
}

static void get_of_nothing_is_zero_and_no_error(void **state)
{
    struct error err = { 0 };
    cleanup_free char *absent = in(state, "none");
    cleanup_free char *file = in(state, "file");
    cleanup_free char *below = in(state, "file/below");
    char *text = NULL;

    unit_write_text(file, "");
    assert_int_equal(host_get(&host, absent, &text, &err), 0);
    assert_int_equal(host_get(&host, below, &text, &err), 0);
    assert_null(text);
    expect_no_error(&err);
}

static void get_of_what_cannot_be_read_names_it(void **state)
{
    struct error err = { 0 };
    cleanup_free char *part = xasprintf("cannot read '%s': Is a directory", (char *)*state);
    char *text = NULL;

    assert_int_equal(host_get(&host, *state, &text, &err), -1);
    assert_null(text);
    expect_error(&err, ERROR_CLOUD, part);
}

/* What follows a NUL would be lost without a word. */
static void get_of_what_is_no_text_names_it(void **state)
{
    struct error err = { 0 };
    cleanup_free char *path = in(state, "file");
    cleanup_free char *part = xasprintf("'%s' holds a NUL character", path);
    char *text = NULL;

    assert_int_equal(host_put(&host, path, (struct bytes){ "{}\0{}", 5 }, 0600, &err), 0);
    assert_int_equal(host_get(&host, path, &text, &err), -1);
    assert_null(text);
    expect_error(&err, ERROR_CLOUD, part);
}

static void exists_tells_files_directories_and_links(void **state)
{
    struct error err = { 0 };
    cleanup_free char *file = in(state, "file");
    cleanup_free char *dangling = in(state, "link");
    cleanup_free char *absent = in(state, "none");
    cleanup_free char *below = in(state, "file/below");

    unit_write_text(file, "");
    assert_int_equal(symlink("nowhere", dangling), 0);
    assert_int_equal(host_exists(&host, file, &err), 1);
    assert_int_equal(host_exists(&host, *state, &err), 1);
    assert_int_equal(host_exists(&host, dangling, &err), 1);
    assert_int_equal(host_exists(&host, absent, &err), 0);
    assert_int_equal(host_exists(&host, below, &err), 0);
    expect_no_error(&err);
}

/* "Cannot tell" must not become "absent": has_disk would say false. */
static void exists_that_cannot_tell_is_an_error(void **state)
{
    struct error err = { 0 };
    cleanup_free char *link = in(state, "loop");
    cleanup_free char *below = in(state, "loop/x");

    assert_int_equal(symlink("loop", link), 0);
    assert_int_equal(host_exists(&host, below, &err), -1);
    expect_error(&err, ERROR_CLOUD, below);
}

static void a_directory_gets_exactly_its_mode(void **state)
{
    struct error err = { 0 };
    cleanup_free char *path = in(state, "directory");
    mode_t before = umask(077);

    assert_int_equal(host_make_directory(&host, path, 0711, &err), 0);
    umask(before);
    assert_int_equal(unit_mode(path), 0711);
}

static void a_directory_that_exists_is_left_as_it_is(void **state)
{
    struct error err = { 0 };
    cleanup_free char *path = in(state, "directory");

    assert_int_equal(mkdir(path, 0750), 0);
    assert_int_equal(chmod(path, 0750), 0);
    assert_int_equal(host_make_directory(&host, path, 0711, &err), 0);
    assert_int_equal(unit_mode(path), 0750);
    expect_no_error(&err);
}

static void a_file_in_the_place_of_a_directory_is_an_error(void **state)
{
    struct error err = { 0 };
    cleanup_free char *path = in(state, "file");

    unit_write_text(path, "");
    assert_int_equal(host_make_directory(&host, path, 0711, &err), -1);
    expect_error(&err, ERROR_CLOUD, path);
}

static void a_directory_below_nothing_is_an_error(void **state)
{
    struct error err = { 0 };
    cleanup_free char *path = in(state, "none/directory");
    cleanup_free char *part = xasprintf("cannot make the directory '%s'", path);

    assert_int_equal(host_make_directory(&host, path, 0711, &err), -1);
    expect_error(&err, ERROR_CLOUD, part);
}

static void rename_moves(void **state)
{
    struct error err = { 0 };
    cleanup_free char *from = in(state, "from");
    cleanup_free char *to = in(state, "to");

    unit_write_text(from, "x");
    assert_int_equal(host_rename(&host, from, to, &err), 0);
    assert_false(unit_exists(from));
    expect_file(to, "x");
    assert_int_equal(host_rename(&host, from, to, &err), -1);
    expect_error(&err, ERROR_CLOUD, to);
}

static void chmod_sets_the_mode(void **state)
{
    struct error err = { 0 };
    cleanup_free char *path = in(state, "file");

    assert_int_equal(host_chmod(&host, path, 0644, &err), -1);
    expect_error(&err, ERROR_CLOUD, path);
    unit_write_text(path, "x");
    assert_int_equal(host_chmod(&host, path, 0644, &err), 0);
    assert_int_equal(unit_mode(path), 0644);
}

static void a_claim_is_had_by_one(void **state)
{
    struct error err = { 0 };
    cleanup_free char *path = in(state, "10.0.0.1");
    cleanup_free char *holder = NULL;

    assert_int_equal(host_claim(&host, path, "vm-1", &err), 1);
    assert_int_equal(host_claim(&host, path, "vm-2", &err), 0);
    assert_int_equal(host_claimed_by(&host, path, &holder, &err), 1);
    assert_string_equal(holder, "vm-1");
    expect_no_error(&err);
}

static void what_nobody_claimed_is_nobodys(void **state)
{
    struct error err = { 0 };
    cleanup_free char *path = in(state, "none");
    cleanup_free char *below = in(state, "none/10.0.0.1");
    char *holder = NULL;

    assert_int_equal(host_claimed_by(&host, path, &holder, &err), 0);
    assert_int_equal(host_claimed_by(&host, below, &holder, &err), 0);
    assert_null(holder);
    expect_no_error(&err);
}

static void a_claim_that_is_no_link_is_an_error(void **state)
{
    struct error err = { 0 };
    cleanup_free char *path = in(state, "file");
    cleanup_free char *below = in(state, "none/x");
    char *holder = NULL;

    unit_write_text(path, "vm-1");
    assert_int_equal(host_claimed_by(&host, path, &holder, &err), -1);
    expect_error(&err, ERROR_CLOUD, path);
    assert_int_equal(host_claim(&host, below, "vm-1", &err), -1);
    expect_error(&err, ERROR_CLOUD, below);
}

static void remove_takes_files_and_whole_directories(void **state)
{
    struct error err = { 0 };
    cleanup_free char *file = in(state, "file");
    cleanup_free char *outer = in(state, "outer");
    cleanup_free char *inner = in(state, "outer/inner");
    cleanup_free char *leaf = in(state, "outer/inner/leaf");

    unit_write_text(file, "x");
    assert_int_equal(mkdir(outer, 0700), 0);
    assert_int_equal(mkdir(inner, 0700), 0);
    unit_write_text(leaf, "x");
    assert_int_equal(host_remove(&host, file, &err), 0);
    assert_int_equal(host_remove(&host, outer, &err), 0);
    assert_int_equal(count_entries(*state), 0);
}

static void remove_of_nothing_is_success(void **state)
{
    struct error err = { 0 };
    cleanup_free char *absent = in(state, "none");
    cleanup_free char *below = in(state, "none/below");

    assert_int_equal(host_remove(&host, absent, &err), 0);
    assert_int_equal(host_remove(&host, below, &err), 0);
    expect_no_error(&err);
}

static void remove_does_not_follow_links(void **state)
{
    struct error err = { 0 };
    cleanup_free char *kept = in(state, "kept");
    cleanup_free char *file = in(state, "kept/file");
    cleanup_free char *tree = in(state, "tree");
    cleanup_free char *link = in(state, "tree/link");

    assert_int_equal(mkdir(kept, 0700), 0);
    unit_write_text(file, "x");
    assert_int_equal(mkdir(tree, 0700), 0);
    assert_int_equal(symlink(kept, link), 0);
    assert_int_equal(host_remove(&host, tree, &err), 0);
    assert_false(unit_exists(tree));
    expect_file(file, "x");
}

static void list_is_sorted_and_without_dots(void **state)
{
    static const char *const names[] = { "c", "a", ".b", "B" };
    struct error err = { 0 };
    cleanup_strings char **list = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        cleanup_free char *path = in(state, names[i]);
        unit_write_text(path, "");
    }
    assert_int_equal(host_list(&host, *state, &list, &err), 0);
    assert_int_equal(strings_count(list), 4);
    assert_string_equal(list[0], ".b");
    assert_string_equal(list[1], "B");
    assert_string_equal(list[2], "a");
    assert_string_equal(list[3], "c");
}

static void list_of_nothing_is_empty(void **state)
{
    struct error err = { 0 };
    cleanup_free char *absent = in(state, "none");
    cleanup_strings char **list = NULL;

    assert_int_equal(host_list(&host, absent, &list, &err), 0);
    assert_non_null(list);
    assert_null(list[0]);
    expect_no_error(&err);
}

static void list_of_a_file_is_an_error(void **state)
{
    struct error err = { 0 };
    cleanup_free char *path = in(state, "file");
    cleanup_free char *part = xasprintf("cannot list '%s'", path);
    cleanup_strings char **list = NULL;

    unit_write_text(path, "");
    assert_int_equal(host_list(&host, path, &list, &err), -1);
    expect_error(&err, ERROR_CLOUD, part);
}

static void run_takes_the_hosts_timeout(void **state)
{
    const struct host hasty = { .log = &quiet, .command_timeout = 1 };
    const struct command command = { .argv = ARGV("sleep", "60") };
    cleanup_outcome struct outcome outcome = { 0 };
    struct error err = { 0 };

    (void)state;
    assert_int_equal(host_run(&hasty, &command, &outcome, &err), -1);
    assert_true(err.ok_to_retry);
    expect_error(&err, ERROR_CLOUD, "'sleep' did not end within 1 seconds");
}

static void run_may_have_a_timeout_of_its_own(void **state)
{
    const struct host patient = { .log = &quiet, .command_timeout = 600 };
    const struct command command = { .argv = ARGV("sleep", "60"), .timeout_s = 1 };
    cleanup_outcome struct outcome outcome = { 0 };
    struct error err = { 0 };

    (void)state;
    assert_int_equal(host_run(&patient, &command, &outcome, &err), -1);
    expect_error(&err, ERROR_CLOUD, "'sleep' did not end within 1 seconds");
}

static void run_gives_the_outcome(void **state)
{
    const struct command command = { .argv = ARGV("sh", "-c", "echo a; exit 4") };
    cleanup_outcome struct outcome outcome = { 0 };
    struct error err = { 0 };

    (void)state;
    assert_int_equal(host_run(&host, &command, &outcome, &err), 0);
    assert_string_equal(outcome.out, "a\n");
    assert_int_equal(outcome.status, 4);
}

static void the_home_directory_is_expanded_at_the_beginning_only(void **state)
{
    static const struct {
        const char *path, *expanded;
    } rows[] = {
        { "~", "/home/op" },
        { "~/", "/home/op/" },
        { "~/a", "/home/op/a" },
        { "$HOME", "/home/op" },
        { "$HOME/a", "/home/op/a" },
        { "${HOME}/a", "/home/op/a" },
        { "~other/a", "~other/a" },
        { "$HOMER/a", "$HOMER/a" },
        { "${HOME}r", "${HOME}r" },
        { "/a/~", "/a/~" },
        { "/a/$HOME", "/a/$HOME" },
        { "relative", "relative" },
        { "", "" },
    };

    (void)state;
    assert_int_equal(setenv("HOME", "/home/op", 1), 0);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_error struct error err = { 0 };
        cleanup_free char *expanded = host_expand(NULL, rows[i].path, &err);
        assert_string_equal(expanded, rows[i].expanded);
    }
}

/* The Director's environment may have no HOME. */
static void without_home_the_users_entry_counts(void **state)
{
    const struct passwd *user = getpwuid(getuid());

    (void)state;
    assert_int_equal(unsetenv("HOME"), 0);
    cleanup_error struct error err = { 0 };
    cleanup_free char *expanded = host_expand(NULL, "~/a", &err);
    cleanup_free char *expected = user ? xasprintf("%s/a", user->pw_dir) : NULL;
    if (expected)
        assert_string_equal(expanded, expected);
    else
        assert_null(expanded);
}

static int block_signals(void **state)
{
    (void)state;
    command_block_signals();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(put_writes_the_content_with_the_mode),
        IN_DIRECTORY(put_replaces_and_leaves_nothing_beside),
        IN_DIRECTORY(put_does_not_write_into_the_old_file),
        IN_DIRECTORY(put_takes_nul_bytes_and_nothing),
        IN_DIRECTORY(put_onto_a_full_disk_is_no_disk_space_and_changes_nothing),
        IN_DIRECTORY(put_where_it_cannot_names_the_path),
        IN_DIRECTORY(put_over_a_directory_fails_and_leaves_nothing_beside),
        IN_DIRECTORY(get_reads_the_whole),
        IN_DIRECTORY(get_of_an_empty_file_is_empty_text),
        IN_DIRECTORY(get_of_nothing_is_zero_and_no_error),
        IN_DIRECTORY(get_of_what_cannot_be_read_names_it),
        IN_DIRECTORY(get_of_what_is_no_text_names_it),
        IN_DIRECTORY(exists_tells_files_directories_and_links),
        IN_DIRECTORY(exists_that_cannot_tell_is_an_error),
        IN_DIRECTORY(a_directory_gets_exactly_its_mode),
        IN_DIRECTORY(a_directory_that_exists_is_left_as_it_is),
        IN_DIRECTORY(a_file_in_the_place_of_a_directory_is_an_error),
        IN_DIRECTORY(a_directory_below_nothing_is_an_error),
        IN_DIRECTORY(rename_moves),
        IN_DIRECTORY(chmod_sets_the_mode),
        IN_DIRECTORY(a_claim_is_had_by_one),
        IN_DIRECTORY(what_nobody_claimed_is_nobodys),
        IN_DIRECTORY(a_claim_that_is_no_link_is_an_error),
        IN_DIRECTORY(remove_takes_files_and_whole_directories),
        IN_DIRECTORY(remove_of_nothing_is_success),
        IN_DIRECTORY(remove_does_not_follow_links),
        IN_DIRECTORY(list_is_sorted_and_without_dots),
        IN_DIRECTORY(list_of_nothing_is_empty),
        IN_DIRECTORY(list_of_a_file_is_an_error),
        cmocka_unit_test(run_takes_the_hosts_timeout),
        cmocka_unit_test(run_may_have_a_timeout_of_its_own),
        cmocka_unit_test(run_gives_the_outcome),
        cmocka_unit_test(the_home_directory_is_expanded_at_the_beginning_only),
        cmocka_unit_test(without_home_the_users_entry_counts),
    };

    return cmocka_run_group_tests_name("host", tests, block_signals, NULL);
}
