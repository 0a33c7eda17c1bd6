#include "unit.h"

#include "cpi/host.h"

#include <errno.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { LONG_S = 60 };

static struct log quiet;
static const struct host host = { .log = &quiet, .command_timeout = LONG_S };

/* Stands in for the C library's: removes this file between open and flock, once, as a process
 * that retires its lock just then does. */
static const char *retired_meanwhile;

int flock(int fd, int operation)
{
    if (retired_meanwhile)
        unlink(retired_meanwhile);
    retired_meanwhile = NULL;
    return (int)syscall(SYS_flock, fd, operation);
}

static char *lock_file(void **state)
{
    return xasprintf("%s/lock", (char *)*state);
}

/* Tries without waiting; 1: taken. */
static int take(const char *path, enum lock_mode mode, struct lock *lock)
{
    struct error err = { 0 };
    int taken = host_lock(&host, path, mode, 0, lock, &err);

    expect_no_error(&err);
    return taken;
}

static void an_exclusive_lock_excludes(void **state)
{
    cleanup_free char *path = lock_file(state);
    cleanup_lock struct lock first = LOCK_NONE, second = LOCK_NONE;

    assert_int_equal(take(path, LOCK_EXCLUSIVE, &first), 1);
    assert_int_equal(take(path, LOCK_EXCLUSIVE, &second), 0);
    assert_int_equal(take(path, LOCK_SHARED, &second), 0);
    assert_int_equal(second.fd, -1);
    assert_null(second.path);
}

static void a_shared_lock_shares_but_excludes_exclusive_ones(void **state)
{
    cleanup_free char *path = lock_file(state);
    cleanup_lock struct lock first = LOCK_NONE, second = LOCK_NONE, third = LOCK_NONE;

    assert_int_equal(take(path, LOCK_SHARED, &first), 1);
    assert_int_equal(take(path, LOCK_SHARED, &second), 1);
    assert_int_equal(take(path, LOCK_EXCLUSIVE, &third), 0);
}

static void unlock_gives_it_back(void **state)
{
    cleanup_free char *path = lock_file(state);
    struct lock first = LOCK_NONE;
    cleanup_lock struct lock second = LOCK_NONE;

    assert_int_equal(take(path, LOCK_EXCLUSIVE, &first), 1);
    host_unlock(&first);
    assert_int_equal(first.fd, -1);
    assert_null(first.path);
    assert_int_equal(take(path, LOCK_EXCLUSIVE, &second), 1);
}

static void unlock_of_what_is_not_held_does_nothing(void **state)
{
    struct lock lock = LOCK_NONE;

    (void)state;
    host_unlock(&lock);
    host_unlock(&lock);
    host_retire_lock(&lock);
    assert_int_equal(lock.fd, -1);
}

static void the_file_is_made_for_us_alone(void **state)
{
    cleanup_free char *path = lock_file(state);
    cleanup_lock struct lock lock = LOCK_NONE;
    mode_t before = umask(0);

    int taken = take(path, LOCK_EXCLUSIVE, &lock);
    umask(before);
    assert_int_equal(taken, 1);
    assert_int_equal(unit_mode(path), 0600);
}

static void a_free_lock_is_taken_at_once_with_any_wait(void **state)
{
    cleanup_free char *path = lock_file(state);
    cleanup_lock struct lock lock = LOCK_NONE;
    struct error err = { 0 };

    assert_int_equal(host_lock(&host, path, LOCK_EXCLUSIVE, LONG_S, &lock, &err), 1);
    expect_no_error(&err);
}

static void a_wait_that_is_too_long_says_so_and_a_retry_may_help(void **state)
{
    cleanup_free char *path = lock_file(state);
    cleanup_free char *part =
        xasprintf("another cpi process has held the lock '%s' for 1 seconds (lock_timeout)", path);
    cleanup_lock struct lock first = LOCK_NONE, second = LOCK_NONE;
    struct error err = { 0 };

    assert_int_equal(take(path, LOCK_EXCLUSIVE, &first), 1);
    assert_int_equal(host_lock(&host, path, LOCK_EXCLUSIVE, 1, &second, &err), -1);
    assert_true(err.ok_to_retry);
    assert_int_equal(second.fd, -1);
    expect_error(&err, ERROR_CLOUD, part);
}

static void a_request_to_stop_ends_the_wait(void **state)
{
    cleanup_free char *path = lock_file(state);
    cleanup_free char *part =
        xasprintf("this call was asked to end while it waited for '%s'", path);
    cleanup_lock struct lock first = LOCK_NONE, second = LOCK_NONE;
    struct error err = { 0 };

    assert_int_equal(take(path, LOCK_EXCLUSIVE, &first), 1);
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_int_equal(host_lock(&host, path, LOCK_EXCLUSIVE, LONG_S, &second, &err), -1);
    expect_error(&err, ERROR_CLOUD, part);
    assert_false(command_interrupted());
}

static void a_lock_that_cannot_be_made_is_named(void **state)
{
    const char *path = *state;
    cleanup_free char *part = xasprintf("cannot lock '%s': Is a directory", path);
    struct lock lock = LOCK_NONE;
    struct error err = { 0 };

    assert_int_equal(host_lock(&host, path, LOCK_EXCLUSIVE, 0, &lock, &err), -1);
    assert_false(err.ok_to_retry);
    expect_error(&err, ERROR_CLOUD, part);
}

static void without_a_directory_for_it_there_is_no_lock(void **state)
{
    cleanup_free char *path = xasprintf("%s/none/lock", (char *)*state);
    cleanup_lock struct lock lock = LOCK_NONE;

    assert_int_equal(take(path, LOCK_EXCLUSIVE, &lock), 0);
    assert_int_equal(lock.fd, -1);
}

static void a_link_is_not_followed(void **state)
{
    cleanup_free char *path = lock_file(state);
    cleanup_free char *target = xasprintf("%s/target", (char *)*state);
    struct lock lock = LOCK_NONE;
    struct error err = { 0 };

    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(host_lock(&host, path, LOCK_EXCLUSIVE, 0, &lock, &err), -1);
    expect_error(&err, ERROR_CLOUD, path);
    assert_false(unit_exists(target));
}

static void retire_removes_the_file_and_keeps_the_lock(void **state)
{
    cleanup_free char *path = lock_file(state);
    cleanup_lock struct lock lock = LOCK_NONE;

    assert_int_equal(take(path, LOCK_EXCLUSIVE, &lock), 1);
    host_retire_lock(&lock);
    assert_false(unit_exists(path));
    assert_true(lock.fd >= 0);
}

static void expect_lock_is_the_file(const struct lock *lock, const char *path)
{
    struct stat held, named;

    assert_int_equal(fstat(lock->fd, &held), 0);
    assert_int_equal(stat(path, &named), 0);
    assert_int_equal(held.st_ino, named.st_ino);
}

/* Two processes would each hold "the" lock: one of the file that is gone, one of the new one. */
static void a_file_that_was_retired_meanwhile_is_not_taken_for_the_lock(void **state)
{
    cleanup_free char *path = lock_file(state);
    cleanup_lock struct lock lock = LOCK_NONE, other = LOCK_NONE;

    retired_meanwhile = path;
    assert_int_equal(take(path, LOCK_EXCLUSIVE, &lock), 1);
    assert_null(retired_meanwhile);
    expect_lock_is_the_file(&lock, path);
    assert_int_equal(take(path, LOCK_EXCLUSIVE, &other), 0);
}

static void after_a_retirement_the_next_file_is_the_lock(void **state)
{
    cleanup_free char *path = lock_file(state);
    cleanup_lock struct lock old = LOCK_NONE, new = LOCK_NONE;

    assert_int_equal(take(path, LOCK_EXCLUSIVE, &old), 1);
    host_retire_lock(&old);
    assert_int_equal(take(path, LOCK_EXCLUSIVE, &new), 1);
    expect_lock_is_the_file(&new, path);
}

/* virsh goes on working when we are killed, so the lock must outlive us. */
static void a_child_started_while_it_is_held_keeps_it(void **state)
{
    cleanup_free char *path = lock_file(state);
    struct lock lock = LOCK_NONE;
    cleanup_lock struct lock other = LOCK_NONE;
    const struct command command = { .argv = ARGV("sh", "-c", "sleep 600 & echo $!") };
    cleanup_outcome struct outcome outcome = { 0 };
    struct error err = { 0 };

    assert_int_equal(take(path, LOCK_EXCLUSIVE, &lock), 1);
    assert_int_equal(host_run(&host, &command, &outcome, &err), 0);
    host_unlock(&lock);
    long pid = strtol(outcome.out, NULL, 10);
    int while_it_works = take(path, LOCK_EXCLUSIVE, &other);
    assert_true(pid > 1);
    assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
    assert_int_equal(while_it_works, 0);
    assert_int_equal(host_lock(&host, path, LOCK_EXCLUSIVE, LONG_S, &other, &err), 1);
}

static void a_waiter_is_told_of_in_the_log_and_gets_the_lock(void **state)
{
    cleanup_free char *path = lock_file(state);
    cleanup_free char *line = NULL;
    size_t room = 0;
    struct lock lock = LOCK_NONE;
    int ends[2], status;

    assert_int_equal(take(path, LOCK_EXCLUSIVE, &lock), 1);
    assert_int_equal(pipe(ends), 0);
    pid_t waiter = fork();
    if (waiter == 0) {
        struct log log = { .stream = fdopen(ends[1], "w") };
        const struct host waiting = { .log = &log };
        struct lock mine = LOCK_NONE;
        struct error err = { 0 };

        setvbuf(log.stream, NULL, _IONBF, 0);
        close(ends[0]);
        /* The lock is the parent's; its descriptor here would hold it too. */
        close(lock.fd);
        _exit(host_lock(&waiting, path, LOCK_EXCLUSIVE, LONG_S, &mine, &err) == 1 ? 0 : 1);
    }
    close(ends[1]);
    FILE *in = fdopen(ends[0], "r");
    assert_true(getline(&line, &room, in) > 0);
    fclose(in);
    host_unlock(&lock);
    assert_int_equal(waitpid(waiter, &status, 0), waiter);
    assert_int_equal(status, 0);
    expect_part(line, "cpi: waiting for the lock '");
    expect_part(line, path);
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
        IN_DIRECTORY(an_exclusive_lock_excludes),
        IN_DIRECTORY(a_shared_lock_shares_but_excludes_exclusive_ones),
        IN_DIRECTORY(unlock_gives_it_back),
        cmocka_unit_test(unlock_of_what_is_not_held_does_nothing),
        IN_DIRECTORY(the_file_is_made_for_us_alone),
        IN_DIRECTORY(a_free_lock_is_taken_at_once_with_any_wait),
        IN_DIRECTORY(a_wait_that_is_too_long_says_so_and_a_retry_may_help),
        IN_DIRECTORY(a_request_to_stop_ends_the_wait),
        IN_DIRECTORY(a_lock_that_cannot_be_made_is_named),
        IN_DIRECTORY(without_a_directory_for_it_there_is_no_lock),
        IN_DIRECTORY(a_link_is_not_followed),
        IN_DIRECTORY(retire_removes_the_file_and_keeps_the_lock),
        IN_DIRECTORY(a_file_that_was_retired_meanwhile_is_not_taken_for_the_lock),
        IN_DIRECTORY(after_a_retirement_the_next_file_is_the_lock),
        IN_DIRECTORY(a_child_started_while_it_is_held_keeps_it),
        IN_DIRECTORY(a_waiter_is_told_of_in_the_log_and_gets_the_lock),
    };

    return cmocka_run_group_tests_name("lock", tests, block_signals, NULL);
}
