#include "unit.h"

#include "cpi/layout.h"

#include <sys/wait.h>

/* A store of an older cpi below the test's directory, in which disks were kept in "volumes". There
 * never was one: today's is the first layout. The steps are such as a later one may need. */
struct fixture {
    struct log log;
    struct host host;
    struct store store;
    void *directory;
    char *dir;
};

static char *below(const struct store *store, const char *name)
{
    return xasprintf("%s/%s", store->dir, name);
}

/* Where a step is killed; NULL: nowhere. */
static const char *killed_at;

static void reach(const char *place)
{
    if (killed_at && strcmp(killed_at, place) == 0)
        _exit(9);
}

static int rename_if_there(const struct store *store, const char *from, const char *to,
                           struct error *err)
{
    cleanup_free char *old = below(store, from), *new = below(store, to);
    int there = host_exists(store->host, old, err);

    return there <= 0 ? there : host_rename(store->host, old, new, err);
}

static int move_volumes(const struct store *store, struct error *err)
{
    reach("begin");
    if (rename_if_there(store, "volumes/a", "disks/a", err) < 0)
        return -1;
    reach("between");
    if (rename_if_there(store, "volumes/b", "disks/b", err) < 0)
        return -1;
    reach("end");
    return 0;
}

static int count_runs(const struct store *store, struct error *err)
{
    cleanup_free char *path = below(store, "runs"), *text = NULL;

    reach("second");
    if (host_get(store->host, path, &text, err) < 0)
        return -1;
    cleanup_free char *more = xasprintf("%sx", text ? text : "");
    return host_put(store->host, path, (struct bytes){ more, strlen(more) }, 0600, err);
}

static int refuse(const struct store *store, struct error *err)
{
    return fail(err, ERROR_NO_DISK_SPACE, "no space for '%s'", store->dir);
}

static int (*const steps[])(const struct store *, struct error *) = { move_volumes, count_runs };
static const struct layout third = { .version = 3, .oldest = 1, .steps = steps };

static int enter(void **state)
{
    static const char *const directories[] = { "", "volumes", "volumes/a", "volumes/b" };
    struct fixture *f = xcalloc(1, sizeof(*f));

    *state = f;
    if (unit_enter(&f->directory) < 0)
        return -1;
    f->dir = xasprintf("%s/store", (char *)f->directory);
    f->host = (struct host){ .log = &f->log, .command_timeout = 60, .lock_timeout = 60 };
    f->store = (struct store){ .host = &f->host, .dir = f->dir };
    for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
        cleanup_free char *path = below(&f->store, directories[i]);
        if (mkdir(path, 0711) < 0)
            return -1;
    }
    cleanup_free char *version = below(&f->store, "version");
    unit_write_text(version, "1\n");
    killed_at = NULL;
    return 0;
}

static int leave(void **state)
{
    struct fixture *f = *state;
    int failed = unit_leave(&f->directory);

    log_release(&f->log);
    free(f->dir);
    free(f);
    return failed;
}

static bool there(const struct fixture *f, const char *name)
{
    cleanup_free char *path = below(&f->store, name);

    return unit_exists(path);
}

static void expect_version(const struct fixture *f, long expected)
{
    struct error err = { 0 };
    long version = -1;

    assert_int_equal(layout_read(&f->store, &third, &version, &err), 1);
    assert_int_equal(version, expected);
}

static void expect_upgraded(const struct fixture *f)
{
    cleanup_free char *runs = below(&f->store, "runs");

    expect_version(f, 3);
    assert_true(there(f, "disks/a") && there(f, "disks/b"));
    assert_false(there(f, "volumes/a") || there(f, "volumes/b"));
    expect_file(runs, "x");
}

static void upgrade(const struct fixture *f)
{
    struct error err = { 0 };

    assert_int_equal(layout_upgrade(&f->store, &third, &err), 0);
    expect_no_error(&err);
}

static void an_older_store_is_upgraded_step_by_step(void **state)
{
    const struct fixture *f = *state;

    upgrade(f);
    expect_upgraded(f);
    expect_part(f->log.text, "from layout 1 to 2");
    expect_part(f->log.text, "from layout 2 to 3");
}

static void an_upgraded_store_is_left_alone(void **state)
{
    const struct fixture *f = *state;

    upgrade(f);
    upgrade(f);
    expect_upgraded(f);
}

static void an_upgrade_that_is_killed_goes_on_at_the_next_call(void **state)
{
    static const struct {
        const char *place;
        long version;
    } rows[] = { { "begin", 1 }, { "between", 1 }, { "end", 1 }, { "second", 2 } };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (i > 0)
            assert_int_equal(leave(state) < 0 ? -1 : enter(state), 0);
        const struct fixture *f = *state;
        struct error err = { 0 };
        int status = 0;
        killed_at = rows[i].place;
        pid_t pid = fork();
        if (pid == 0)
            _exit(layout_upgrade(&f->store, &third, &err) < 0 ? 1 : 0);
        waitpid(pid, &status, 0);
        assert_int_equal(WEXITSTATUS(status), 9);
        killed_at = NULL;
        expect_version(f, rows[i].version);
        upgrade(f);
        expect_upgraded(f);
    }
}

static void of_many_at_once_one_does_the_work(void **state)
{
    const struct fixture *f = *state;
    enum { MANY = 8 };
    pid_t pids[MANY];
    struct error err = { 0 };
    int status;

    for (size_t i = 0; i < MANY; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(layout_upgrade(&f->store, &third, &err) < 0 ? 1 : 0);
    }
    for (size_t i = 0; i < MANY; i++) {
        waitpid(pids[i], &status, 0);
        assert_int_equal(status, 0);
    }
    expect_upgraded(f);
}

static void a_step_that_fails_says_so_and_is_tried_again(void **state)
{
    static int (*const failing[])(const struct store *, struct error *) = { move_volumes, refuse };
    static const struct layout full = { .version = 3, .oldest = 1, .steps = failing };
    const struct fixture *f = *state;
    struct error err = { 0 };

    assert_int_equal(layout_upgrade(&f->store, &full, &err), -1);
    expect_error(&err, ERROR_NO_DISK_SPACE, "could not be brought from layout 2 to 3");
    expect_version(f, 2);
    upgrade(f);
    expect_upgraded(f);
}

static void what_these_layouts_do_not_know_is_refused(void **state)
{
    static const struct layout later = { .version = 5, .oldest = 2, .steps = steps };
    static const struct {
        const char *text, *complaint;
    } rows[] = {
        { "4\n", "was laid out by a newer cpi (version 4, this one knows 3): use that one" },
        { "999999999999999999999999\n", "newer cpi" },
        { "", "does not say how the store is laid out" },
        { "one\n", "does not say how the store is laid out" },
        { "2 and a half\n", "does not say how the store is laid out" },
        { "-1\n", "does not say how the store is laid out" },
    };
    const struct fixture *f = *state;
    cleanup_free char *path = below(&f->store, "version");
    struct error err = { 0 };
    long version;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        unit_write_text(path, rows[i].text);
        assert_int_equal(layout_upgrade(&f->store, &third, &err), -1);
        expect_error(&err, ERROR_CLOUD, rows[i].complaint);
        expect_file(path, rows[i].text);
        assert_true(there(f, "volumes/a"));
    }
    unit_write_text(path, "1\n");
    assert_int_equal(layout_read(&f->store, &later, &version, &err), -1);
    expect_error(&err, ERROR_CLOUD, "by a much older cpi (version 1, this one knows 2 and later)");
}

#define IN_STORE(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_STORE(an_older_store_is_upgraded_step_by_step),
        IN_STORE(an_upgraded_store_is_left_alone),
        IN_STORE(an_upgrade_that_is_killed_goes_on_at_the_next_call),
        IN_STORE(of_many_at_once_one_does_the_work),
        IN_STORE(a_step_that_fails_says_so_and_is_tried_again),
        IN_STORE(what_these_layouts_do_not_know_is_refused),
    };

    return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
