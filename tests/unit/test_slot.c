#include "unit.h"

#include "cpi/slot.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

enum { SLOTS = 2 };

struct fixture {
    struct log log;
    struct host host;
    void *directory;
    char *path;
};

static int enter(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    *state = f;
    if (unit_enter(&f->directory) < 0)
        return -1;
    f->path = xasprintf("%s/slot", (char *)f->directory);
    f->host = (struct host){ .log = &f->log, .slots = SLOTS, .slot_path = f->path };
    return 0;
}

static int leave(void **state)
{
    struct fixture *f = *state;
    int failed = unit_leave(&f->directory);

    log_release(&f->log);
    free(f->path);
    free(f);
    return failed;
}

static void take(const struct fixture *f, struct lock *slot)
{
    struct error err = { 0 };

    assert_int_equal(slot_take(&f->host, slot, &err), 0);
    expect_no_error(&err);
}

/* Another process, which takes a slot, writes a byte and keeps what it has until it is killed. Its
 * process id; *pipe_end is where the byte comes from. */
static pid_t another(const struct fixture *f, int *pipe_end)
{
    int ends[2];
    struct lock slot = LOCK_NONE;
    struct error err = { 0 };

    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (slot_take(&f->host, &slot, &err) < 0 || write(ends[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ends[1]);
    *pipe_end = ends[0];
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void await(int fd)
{
    char byte;

    assert_int_equal(read(fd, &byte, 1), 1);
    close(fd);
}

static void as_many_are_taken_as_there_are(void **state)
{
    const struct fixture *f = *state;
    cleanup_lock struct lock first = LOCK_NONE, second = LOCK_NONE;

    take(f, &first);
    take(f, &second);
    assert_true(first.fd >= 0 && second.fd >= 0);
    assert_string_not_equal(first.path, second.path);
    assert_null(f->log.text);
}

static void a_killed_process_frees_its_own(void **state)
{
    const struct fixture *f = *state;
    cleanup_lock struct lock first = LOCK_NONE, second = LOCK_NONE;
    int fd;

    take(f, &first);
    pid_t holder = another(f, &fd);
    await(fd);
    end(holder);
    take(f, &second);
    assert_true(second.fd >= 0);
}

static void who_finds_none_waits_until_one_is_free(void **state)
{
    const struct fixture *f = *state;
    pid_t holders[SLOTS];
    int fd;

    for (size_t i = 0; i < SLOTS; i++) {
        holders[i] = another(f, &fd);
        await(fd);
    }
    pid_t waiting = another(f, &fd);
    /* It cannot have one, however long this takes; that it gets one is seen when it may. */
    assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 300), 0);
    end(holders[1]);
    await(fd);
    end(holders[0]);
    end(waiting);
}

/* Ends the holder when somebody says that they wait. */
static pid_t killer_of(pid_t holder, FILE *said)
{
    char line[256] = "";
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    while (!strstr(line, "waiting for one of 1 places") && fgets(line, sizeof(line), said))
        ;
    kill(holder, SIGKILL);
    _exit(0);
}

static void waiting_is_told_in_the_log(void **state)
{
    struct fixture *f = *state;
    cleanup_lock struct lock mine = LOCK_NONE;
    int fd, ends[2];

    f->host.slots = 1;
    pid_t holder = another(f, &fd);
    await(fd);
    assert_int_equal(pipe(ends), 0);
    FILE *said = fdopen(ends[0], "r");
    f->log.stream = fdopen(ends[1], "w");
    setlinebuf(f->log.stream);
    pid_t killer = killer_of(holder, said);
    take(f, &mine);
    waitpid(killer, NULL, 0);
    waitpid(holder, NULL, 0);
    fclose(said);
    fclose(f->log.stream);
    f->log.stream = NULL;
    expect_part(f->log.text, "seconds for one of 1 places for heavy work (max_parallel)");
}

static void who_waits_can_be_asked_to_end(void **state)
{
    struct fixture *f = *state;
    cleanup_lock struct lock first = LOCK_NONE, second = LOCK_NONE;
    struct error err = { 0 };

    f->host.slots = 1;
    take(f, &first);
    command_block_signals();
    kill(getpid(), SIGTERM);
    assert_int_equal(slot_take(&f->host, &second, &err), -1);
    assert_int_equal(second.fd, -1);
    expect_error(&err, ERROR_CLOUD, "asked to end while it waited for one of 1 places");
}

static void without_a_limit_nothing_is_locked(void **state)
{
    struct fixture *f = *state;
    cleanup_lock struct lock slot = LOCK_NONE;

    f->host.slots = 0;
    take(f, &slot);
    assert_int_equal(slot.fd, -1);
}

static void where_there_is_no_store_nothing_is_locked(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *path = xasprintf("%s/none/slot", (char *)f->directory);
    cleanup_lock struct lock slot = LOCK_NONE;

    f->host.slot_path = path;
    take(f, &slot);
    assert_int_equal(slot.fd, -1);
}

#define WITH_SLOTS(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SLOTS(as_many_are_taken_as_there_are),
        WITH_SLOTS(a_killed_process_frees_its_own),
        WITH_SLOTS(who_finds_none_waits_until_one_is_free),
        WITH_SLOTS(waiting_is_told_in_the_log),
        WITH_SLOTS(who_waits_can_be_asked_to_end),
        WITH_SLOTS(without_a_limit_nothing_is_locked),
        WITH_SLOTS(where_there_is_no_store_nothing_is_locked),
    };

    return cmocka_run_group_tests_name("slot", tests, NULL, NULL);
}
