#include "unit.h"

#include "cpi/remote.h"
#include "cpi/slot.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/random.h>

/*
 * The far side is a shell of this machine, each that there is in its turn; or the host that
 * CPI_REMOTE_HOST names, over ssh for real, which must see the same files.
 */

enum { LONG_S = 60 };

static struct log quiet;

/* What starts the far shell, NULL for ssh. */
static const char *const *shell;

static const char *const dash[] = { "dash", "-c", session_loop, NULL };
static const char *const bash[] = { "bash", "--posix", "-c", session_loop, NULL };
static const char *const busybox[] = { "busybox", "sh", "-c", session_loop, NULL };
/* A login shell that says something of its own. */
static const char *const noisy[] = {
    "sh", "-c", "echo welcome; echo welcome >&2; exec sh -c \"$1\"", "sh", session_loop, NULL
};

struct far {
    struct host host;
    struct remote remote;
};

#define cleanup_far cleanup(far_release)

static void far_release(struct far *far)
{
    remote_release(&far->remote);
}

/* Not by value: the remote points at its host. */
static void far_init(struct far *far)
{
    static char *keys[2];
    struct error err = { 0 };
    struct ssh_target target = { .host = getenv("CPI_REMOTE_HOST"),
                                 .private_key = getenv("CPI_REMOTE_KEY"),
                                 .host_keys = keys,
                                 .connect_timeout = LONG_S,
                                 .keepalive = LONG_S };

    keys[0] = getenv("CPI_REMOTE_HOST_KEY");
    far->host = (struct host){ .log = &quiet, .command_timeout = LONG_S, .lock_timeout = LONG_S };
    if (!target.host)
        target = (struct ssh_target){ .host = "here" };
    remote_init(&far->remote, &far->host, &target, &err);
    expect_no_error(&err);
    if (!shell)
        return;
    util_free_stringsp(&far->remote.session.argv);
    far->remote.session.argv = NULL;
    for (const char *const *word = shell; *word; word++)
        strings_add(&far->remote.session.argv, *word);
    far->remote.session.explain = NULL;
    far->remote.session.connect_s = LONG_S;
}

static struct outcome run(struct far *far, const struct command *command)
{
    struct outcome outcome = { 0 };
    struct error err = { 0 };

    assert_int_equal(host_run(&far->host, command, &outcome, &err), 0);
    expect_no_error(&err);
    return outcome;
}

/* All bytes but NUL, then many of them in any order. */
static char *every_byte(size_t length)
{
    char *text = xcalloc(1, length + 1);

    for (size_t i = 0; i < 255 && i < length; i++)
        text[i] = (char)(i + 1);
    for (size_t i = 255; i < length; i++)
        text[i] = (char)(rand() % 255 + 1);
    return text;
}

static void an_argument_arrives_unchanged(void **state)
{
    cleanup_far struct far far = { 0 };

    (void)state;
    far_init(&far);
    for (int i = 0; i < 20; i++) {
        cleanup_free char *one = every_byte(255 + 300 * (size_t)i), *two = every_byte(3);
        cleanup_free char *expected = xasprintf("<%s><%s><><\n>", one, two);
        struct command command = { .argv = ARGV("printf", "<%s>", one, two, "", "\n") };
        cleanup_outcome struct outcome outcome = run(&far, &command);
        assert_int_equal(outcome.status, 0);
        assert_int_equal(outcome.out_length, strlen(expected));
        assert_memory_equal(outcome.out, expected, strlen(expected));
        assert_string_equal(outcome.err, "");
    }
}

static void stdout_stderr_and_status_are_exact_and_apart(void **state)
{
    struct command command = { .argv = ARGV("sh", "-c",
                                            "printf 'a\\0b'; printf 'no\\nend' >&2; exit 75") };
    cleanup_far struct far far = { 0 };

    (void)state;
    far_init(&far);
    cleanup_outcome struct outcome outcome = run(&far, &command);
    assert_int_equal(outcome.status, 75);
    assert_int_equal(outcome.out_length, 3);
    assert_memory_equal(outcome.out, "a\0b", 4);
    assert_string_equal(outcome.err, "no\nend");
}

static void a_death_by_signal_is_told(void **state)
{
    struct command command = { .argv = ARGV("sh", "-c", "kill -USR1 $$") };
    cleanup_far struct far far = { 0 };

    (void)state;
    far_init(&far);
    cleanup_outcome struct outcome outcome = run(&far, &command);
    assert_int_equal(outcome.status, 128 + SIGUSR1);
}

static void a_program_that_is_not_there_is_named_with_the_host(void **state)
{
    struct command command = { .argv = ARGV("no-such-program") };
    cleanup_outcome struct outcome outcome = { 0 };
    cleanup_far struct far far = { 0 };
    struct error err = { 0 };

    (void)state;
    far_init(&far);
    assert_int_equal(host_run(&far.host, &command, &outcome, &err), -1);
    expect_error(&err, ERROR_CLOUD, "cannot find the program 'no-such-program' on host");
}

static void a_command_without_input_reads_nothing(void **state)
{
    struct command command = { .argv = ARGV("cat") };
    cleanup_far struct far far = { 0 };

    (void)state;
    far_init(&far);
    cleanup_outcome struct outcome outcome = run(&far, &command);
    assert_int_equal(outcome.out_length, 0);
}

static void limits_hold_there_too(void **state)
{
    struct command command = { .argv = ARGV("sh", "-c", "ulimit -v; ulimit -t"),
                               .untrusted_input = true,
                               .memory_mib = 512,
                               .cpu_s = 7 };
    cleanup_far struct far far = { 0 };

    (void)state;
    far_init(&far);
    cleanup_outcome struct outcome outcome = run(&far, &command);
    assert_string_equal(outcome.out, "524288\n7\n");
}

static char *noise(size_t length)
{
    char *data = xcalloc(1, length);

    for (size_t i = 0; i < length; i += 256)
        assert_true(getrandom(data + i, length - i < 256 ? length - i : 256, 0) > 0);
    return data;
}

static void input_arrives_as_it_is(void **state)
{
    static const size_t lengths[] = { 0, 1, 65536, 3000001 };
    cleanup_far struct far far = { 0 };

    (void)state;
    far_init(&far);
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        cleanup_free char *data = noise(lengths[i] + 1);
        struct command command = { .argv = ARGV("cat"), .input = data, .input_length = lengths[i] };
        cleanup_outcome struct outcome outcome = run(&far, &command);
        assert_int_equal(outcome.status, 0);
        assert_int_equal(outcome.out_length, lengths[i]);
        assert_memory_equal(outcome.out, data, lengths[i]);
    }
}

static void input_that_nobody_reads_does_no_harm(void **state)
{
    cleanup_free char *data = noise(3 << 20);
    struct command deaf = { .argv = ARGV("false"), .input = data, .input_length = 3 << 20 };
    struct command next = { .argv = ARGV("echo", "well") };
    cleanup_far struct far far = { 0 };

    (void)state;
    far_init(&far);
    cleanup_outcome struct outcome outcome = run(&far, &deaf);
    assert_int_equal(outcome.status, 1);
    cleanup_outcome struct outcome after = run(&far, &next);
    assert_string_equal(after.out, "well\n");
}

struct spring {
    int blocks; /* that are still to come; -1: it fails after one */
    char block[70000];
};

static ssize_t spring_read(void *state, const char **block, struct error *err)
{
    struct spring *spring = state;

    if (spring->blocks == 0)
        return 0;
    if (spring->blocks-- == -2)
        return fail(err, ERROR_CLOUD, "the spring ran dry");
    *block = spring->block;
    return sizeof(spring->block);
}

static void a_source_is_read_to_its_end(void **state)
{
    struct spring spring = { .blocks = 40 };
    const struct command_source source = { spring_read, &spring };
    struct command command = { .argv = ARGV("wc", "-c"), .source = &source };
    cleanup_far struct far far = { 0 };

    (void)state;
    far_init(&far);
    cleanup_outcome struct outcome outcome = run(&far, &command);
    assert_string_equal(outcome.out, "2800000\n");
}

static void a_source_that_fails_ends_the_command(void **state)
{
    struct spring spring = { .blocks = -1 };
    const struct command_source source = { spring_read, &spring };
    cleanup_free char *path = xasprintf("%s/done", (char *)*state);
    struct command command = { .argv = ARGV("sh", "-c", "cat >/dev/null; : >\"$1\"", "sh", path),
                               .source = &source };
    cleanup_outcome struct outcome outcome = { 0 };
    cleanup_far struct far far = { 0 };
    struct error err = { 0 };

    far_init(&far);
    assert_int_equal(host_run(&far.host, &command, &outcome, &err), -1);
    expect_error(&err, ERROR_CLOUD, "the spring ran dry");
    assert_int_equal(host_exists(&far.host, path, &err), 0);
}

/* Waits until nobody holds the lock of this file any more. */
static void wait_until_free(const char *path)
{
    cleanup_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const long long deadline = clock_ms() + LONG_S * 1000LL;

    while (flock(fd, LOCK_EX | LOCK_NB) < 0 && clock_ms() < deadline)
        pause_ms(20);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
}

/* A command that holds a lock as long as it lives. */
static void expect_ended(void **state, struct far *far, const char *message)
{
    cleanup_free char *path = xasprintf("%s/alive", (char *)*state);
    struct command command = { .argv = ARGV("flock", path, "sleep", "1000"), .timeout_s = 1 };
    cleanup_outcome struct outcome outcome = { 0 };
    struct command next = { .argv = ARGV("echo", "again") };
    struct error err = { 0 };

    if (strstr(message, "asked to end"))
        command.timeout_s = LONG_S;
    assert_int_equal(host_run(&far->host, &command, &outcome, &err), -1);
    expect_error(&err, ERROR_CLOUD, message);
    wait_until_free(path);
    cleanup_outcome struct outcome after = run(far, &next);
    assert_string_equal(after.out, "again\n");
}

static void a_command_that_takes_too_long_is_ended_there(void **state)
{
    cleanup_far struct far far = { 0 };

    far_init(&far);
    expect_ended(state, &far, "'flock' did not end within 1 seconds (command_timeout)");
}

static void a_request_to_stop_ends_it_there(void **state)
{
    cleanup_far struct far far = { 0 };

    far_init(&far);
    command_block_signals();
    kill(getpid(), SIGTERM);
    expect_ended(state, &far, "this call was asked to end");
}

static void files_of_any_name(void **state)
{
    static const char *const names[] = {
        "plain", "-rf", "a b", "it's", "\"$HOME\" `id` \\", "two\nlines\n", "\xff\x81\x88", "*"
    };
    cleanup_far struct far far = { 0 };
    struct error err = { 0 };
    char **listed = NULL;

    far_init(&far);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        cleanup_free char *path = xasprintf("%s/%s", (char *)*state, names[i]);
        cleanup_free char *content = every_byte(3000), *text = NULL;
        struct bytes bytes = { content, 3000 };
        struct host_file file;

        assert_int_equal(host_exists(&far.host, path, &err), 0);
        assert_int_equal(host_get(&far.host, path, &text, &err), 0);
        assert_int_equal(host_put(&far.host, path, bytes, 0640, &err), 0);
        assert_int_equal(host_exists(&far.host, path, &err), 1);
        assert_int_equal(host_get(&far.host, path, &text, &err), 1);
        assert_string_equal(text, content);
        assert_int_equal(host_look(&far.host, path, &file, &err), 1);
        assert_true(file.regular);
        assert_int_equal(file.bytes, 3000);
        struct stat status;
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 07777, 0640);
        assert_int_equal(file.modified, status.st_mtime);
    }
    expect_no_error(&err);
    assert_int_equal(host_list(&far.host, *state, &listed, &err), 0);
    assert_int_equal(strings_count(listed), ARRAY_SIZE(names));
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        cleanup_free char *path = xasprintf("%s/%s", (char *)*state, names[i]);
        assert_true(strings_contain(listed, names[i]));
        assert_int_equal(host_remove(&far.host, path, &err), 0);
        assert_int_equal(host_remove(&far.host, path, &err), 0);
        assert_int_equal(access(path, F_OK), -1);
    }
    expect_no_error(&err);
    util_free_stringsp(&listed);
}

static void directories_links_and_modes(void **state)
{
    cleanup_far struct far far = { 0 };
    cleanup_free char *directory = xasprintf("%s/d", (char *)*state);
    cleanup_free char *file = xasprintf("%s/d/f", (char *)*state);
    cleanup_free char *link = xasprintf("%s/l", (char *)*state);
    cleanup_free char *moved = xasprintf("%s/e", (char *)*state);
    cleanup_free char *claim = xasprintf("%s/c", (char *)*state), *text = NULL;
    struct error err = { 0 };
    struct stat status;
    uint64_t bytes = 0;
    char **listed = NULL;

    far_init(&far);
    assert_int_equal(host_make_directory(&far.host, directory, 0711, &err), 0);
    assert_int_equal(stat(directory, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0711);
    assert_int_equal(host_make_directory(&far.host, directory, 0700, &err), 0);
    assert_int_equal(host_put(&far.host, file, (struct bytes){ "x", 1 }, 0600, &err), 0);
    assert_int_equal(host_chmod(&far.host, file, 0644, &err), 0);
    assert_int_equal(stat(file, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0644);
    assert_int_equal(host_link(&far.host, file, link, &err), 1);
    assert_int_equal(stat(file, &status), 0);
    assert_int_equal(status.st_nlink, 2);
    assert_int_equal(host_link(&far.host, "/nowhere/at/all", moved, &err), 0);
    assert_int_equal(host_rename(&far.host, directory, moved, &err), 0);
    assert_int_equal(access(directory, F_OK), -1);
    assert_int_equal(host_claim(&far.host, claim, "vm-1", &err), 1);
    assert_int_equal(host_claim(&far.host, claim, "vm-2", &err), 0);
    assert_int_equal(host_claimed_by(&far.host, claim, &text, &err), 1);
    assert_string_equal(text, "vm-1");
    assert_int_equal(host_claimed_by(&far.host, directory, &text, &err), 0);
    assert_int_equal(host_free_bytes(&far.host, *state, &bytes, &err), 0);
    assert_true(bytes > 0);
    assert_int_equal(host_list(&far.host, directory, &listed, &err), 0);
    assert_int_equal(strings_count(listed), 0);
    util_free_stringsp(&listed);
    expect_no_error(&err);
}

static void failures_name_the_path_and_the_reason(void **state)
{
    cleanup_far struct far far = { 0 };
    cleanup_free char *file = xasprintf("%s/file", (char *)*state);
    cleanup_free char *below = xasprintf("%s/file/below", (char *)*state), *text = NULL;
    cleanup_free char *expected = xasprintf("cannot make the directory '%s': Not a dire", below);
    struct error err = { 0 };

    far_init(&far);
    unit_write_text(file, "x");
    assert_int_equal(host_exists(&far.host, below, &err), 0);
    assert_int_equal(host_make_directory(&far.host, below, 0700, &err), -1);
    expect_error(&err, ERROR_CLOUD, expected);
    assert_int_equal(host_get(&far.host, *state, &text, &err), -1);
    expect_error(&err, ERROR_CLOUD, "Is a directory");
    assert_int_equal(host_put(&far.host, "/proc/x", (struct bytes){ "x", 1 }, 0600, &err), -1);
    expect_error(&err, ERROR_CLOUD, "cannot write '/proc/x'");
    /* A device that is always full. */
    struct command full = { .argv = ARGV("sh", "-c", "echo x >/dev/full") };
    cleanup_outcome struct outcome outcome = run(&far, &full);
    assert_int_not_equal(outcome.status, 0);
}

static void parts_and_digests_of_files(void **state)
{
    cleanup_far struct far far = { 0 };
    cleanup_free char *path = xasprintf("%s/file", (char *)*state);
    cleanup_free char *data = noise(200000);
    char part[1000], near[DIGEST_SIZE], there[DIGEST_SIZE];
    struct host_range range = { .data = part, .length = sizeof(part), .offset = 150001 };
    struct error err = { 0 };

    far_init(&far);
    unit_write(path, data, 200000, 0600);
    assert_int_equal(host_read(&far.host, path, &range, &err), 0);
    assert_int_equal(range.got, sizeof(part));
    assert_memory_equal(part, data + 150001, sizeof(part));
    range.offset = 199990;
    assert_int_equal(host_read(&far.host, path, &range, &err), 0);
    assert_int_equal(range.got, 10);
    for (int kind = 0; kind < DIGEST_COUNT; kind++) {
        assert_int_equal(host_digest(&far.host, path, (enum digest_kind)kind, there, &err), 0);
        assert_int_equal(digest_file(path, (enum digest_kind)kind, near, &err), 0);
        assert_string_equal(near, there);
    }
    expect_no_error(&err);
}

struct picture {
    const char *data;
    size_t length, at;
    size_t step;
};

static int picture_next(void *state, struct host_piece *piece, struct error *err)
{
    struct picture *picture = state;

    (void)err;
    if (picture->at >= picture->length)
        return 0;
    size_t left = picture->length - picture->at;
    *piece = (struct host_piece){ .data = picture->data + picture->at,
                                  .length = left < picture->step ? left : picture->step,
                                  .offset = picture->at };
    picture->at += piece->length;
    return 1;
}

static void expect_image(struct far *far, const char *path, const char *data, size_t length)
{
    static const size_t steps[] = { 10240, 4096, 999, 20 << 20 };
    struct error err = { 0 };

    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        struct picture picture = { .data = data, .length = length, .step = steps[i] };
        const struct host_content content = { picture_next, &picture, length };
        size_t got;
        assert_int_equal(host_write_image(&far->host, path, &content, &err), 0);
        cleanup_free char *arrived = unit_read(path, &got);
        assert_int_equal(got, length);
        assert_memory_equal(arrived, data, length);
        /* It must be a new one. */
        assert_int_equal(host_write_image(&far->host, path, &content, &err), -1);
        expect_error(&err, ERROR_CLOUD, "cannot write");
        assert_int_equal(unlink(path), 0);
    }
}

static void images_arrive_with_their_holes(void **state)
{
    enum { LENGTH = 12 << 20 };
    cleanup_far struct far far = { 0 };
    cleanup_free char *path = xasprintf("%s/image", (char *)*state);
    cleanup_free char *data = xcalloc(1, LENGTH + 777), *random = noise(6 << 20);
    struct error err = { 0 };
    struct stat status;

    far_init(&far);
    expect_image(&far, path, data, 777);
    /* A short hole, a long run, a long hole, a few bytes, a hole at the end. */
    memcpy(data, random, 5000);
    memcpy(data + 40000, random, 5 << 20);
    memcpy(data + (10 << 20) + 5, "few", 3);
    expect_image(&far, path, data, LENGTH + 777);
    struct picture picture = { .data = data, .length = LENGTH, .step = 10240 };
    const struct host_content content = { picture_next, &picture, LENGTH };
    assert_int_equal(host_write_image(&far.host, path, &content, &err), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_blocks * 512 < 7 << 20);
    assert_int_equal(status.st_mode & 07777, 0600);
}

static bool is_free(const char *path)
{
    cleanup_fd int fd = open(path, O_RDWR | O_CLOEXEC);

    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static void locks_are_flocks_there(void **state)
{
    cleanup_far struct far far = { 0 };
    cleanup_free char *path = xasprintf("%s/lo'ck", (char *)*state);
    cleanup_lock struct lock lock = LOCK_NONE, second = LOCK_NONE;
    struct command inherits = { .argv = ARGV("flock", "-n", "-x", path, "true") };
    struct error err = { 0 };
    struct stat status;

    far_init(&far);
    assert_int_equal(host_lock(&far.host, path, LOCK_SHARED, 0, &lock, &err), 1);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_false(is_free(path));
    assert_int_equal(host_lock(&far.host, path, LOCK_SHARED, 0, &second, &err), 1);
    assert_int_not_equal(lock.fd, second.fd);
    host_unlock(&lock);
    assert_int_equal(host_lock(&far.host, path, LOCK_EXCLUSIVE, 0, &lock, &err), 0);
    cleanup_outcome struct outcome outcome = run(&far, &inherits);
    assert_int_equal(outcome.status, 1);
    host_unlock(&second);
    assert_int_equal(host_lock(&far.host, path, LOCK_EXCLUSIVE, 0, &lock, &err), 1);
    host_retire_lock(&lock);
    host_unlock(&lock);
    assert_int_equal(host_exists(&far.host, path, &err), 0);
    expect_no_error(&err);
}

/* So they count for all who work on that host. */
static void slots_are_locks_there(void **state)
{
    cleanup_far struct far far = { 0 };
    cleanup_free char *path = xasprintf("%s/slot", (char *)*state);
    cleanup_free char *first = xasprintf("%s-0", path), *second = xasprintf("%s-1", path);
    cleanup_lock struct lock slot = LOCK_NONE, other = LOCK_NONE;
    cleanup_fd int taken = open(first, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct error err = { 0 };

    far_init(&far);
    far.host.slots = 2;
    far.host.slot_path = path;
    assert_int_equal(flock(taken, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(slot_take(&far.host, &slot, &err), 0);
    expect_no_error(&err);
    assert_string_equal(slot.path, second);
    assert_false(is_free(second));
    assert_int_equal(flock(taken, LOCK_UN), 0);
    assert_int_equal(slot_take(&far.host, &other, &err), 0);
    assert_string_equal(other.path, first);
}

static void without_a_directory_for_it_there_is_no_lock(void **state)
{
    cleanup_far struct far far = { 0 };
    cleanup_free char *path = xasprintf("%s/no'ne/lock", (char *)*state);
    cleanup_lock struct lock lock = LOCK_NONE;
    struct error err = { 0 };

    far_init(&far);
    assert_int_equal(host_lock(&far.host, path, LOCK_EXCLUSIVE, 5, &lock, &err), 0);
    assert_int_equal(lock.fd, -1);
    assert_int_equal(host_lock(&far.host, *state, LOCK_EXCLUSIVE, 5, &lock, &err), -1);
    expect_error(&err, ERROR_CLOUD, "cannot lock");
}

static void a_lock_that_somebody_has_is_waited_for(void **state)
{
    cleanup_far struct far far = { 0 };
    cleanup_free char *path = xasprintf("%s/lock", (char *)*state);
    cleanup_lock struct lock lock = LOCK_NONE;
    cleanup_fd int held = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct error err = { 0 };

    far_init(&far);
    assert_int_equal(flock(held, LOCK_EX), 0);
    assert_int_equal(host_lock(&far.host, path, LOCK_EXCLUSIVE, 1, &lock, &err), -1);
    expect_error(&err, ERROR_CLOUD, "another cpi process has held the lock");
}

static void as_many_locks_as_there_are_digits(void **state)
{
    cleanup_far struct far far = { 0 };
    struct lock locks[REMOTE_LOCKS];
    const int most = REMOTE_LOCKS - REMOTE_FIRST_LOCK;
    struct error err = { 0 };

    far_init(&far);
    for (int i = 0; i <= most; i++) {
        cleanup_free char *path = xasprintf("%s/lock%d", (char *)*state, i);
        locks[i] = (struct lock)LOCK_NONE;
        assert_int_equal(host_lock(&far.host, path, LOCK_EXCLUSIVE, 0, &locks[i], &err),
                         i < most ? 1 : -1);
        assert_true(i == most || !is_free(path));
    }
    expect_error(&err, ERROR_CLOUD, "too many locks");
    for (int i = 0; i < most; i++)
        host_unlock(&locks[i]);
}

static void a_lost_connection_is_told_and_its_locks_are_taken_again(void **state)
{
    cleanup_far struct far far = { 0 };
    cleanup_free char *path = xasprintf("%s/lock", (char *)*state);
    cleanup_lock struct lock lock = LOCK_NONE;
    struct error err = { 0 };

    far_init(&far);
    assert_int_equal(host_lock(&far.host, path, LOCK_EXCLUSIVE, 0, &lock, &err), 1);
    assert_false(is_free(path));
    kill(-far.remote.session.child.pid, SIGKILL);
    wait_until_free(path);
    assert_int_equal(host_exists(&far.host, path, &err), -1);
    assert_true(err.ok_to_retry);
    expect_error(&err, ERROR_CLOUD, "was lost during");
    assert_int_equal(host_exists(&far.host, path, &err), 1);
    assert_false(is_free(path));
}

static void nothing_runs_without_a_lock_that_somebody_else_took_meanwhile(void **state)
{
    cleanup_far struct far far = { 0 };
    cleanup_free char *path = xasprintf("%s/lock", (char *)*state);
    cleanup_lock struct lock lock = LOCK_NONE;
    struct error err = { 0 };

    far_init(&far);
    far.host.lock_timeout = 1;
    assert_int_equal(host_lock(&far.host, path, LOCK_EXCLUSIVE, 0, &lock, &err), 1);
    kill(-far.remote.session.child.pid, SIGKILL);
    wait_until_free(path);
    cleanup_fd int other = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(host_exists(&far.host, path, &err), -1);
    expect_error(&err, ERROR_CLOUD, "was lost during");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(host_exists(&far.host, path, &err), -1);
        expect_error(&err, ERROR_CLOUD, "another process has it now");
    }
}

static void a_connection_that_cannot_be_made_is_not_tried_twice(void **state)
{
    cleanup_far struct far far = { 0 };
    struct error err = { 0 };

    (void)state;
    far_init(&far);
    util_free_stringsp(&far.remote.session.argv);
    far.remote.session.argv = NULL;
    far.remote.session.explain = NULL;
    for (const char *const *word = ARGV("sh", "-c", "echo refused >&2; exit 255"); *word; word++)
        strings_add(&far.remote.session.argv, *word);
    assert_int_equal(host_exists(&far.host, "/", &err), -1);
    expect_error(&err, ERROR_CLOUD, "refused");
    util_free_stringsp(&far.remote.session.argv);
    far.remote.session.argv = NULL;
    assert_int_equal(host_exists(&far.host, "/", &err), -1);
    expect_error(&err, ERROR_CLOUD, "refused");
}

/* As sshd's MaxStartups does it. */
static void a_connection_that_is_dropped_at_once_is_tried_again(void **state)
{
    cleanup_far struct far far = { 0 };
    cleanup_free char *once = xasprintf("%s/once", (char *)*state);
    const char *const *words =
        ARGV("sh", "-c",
             "if mkdir \"$2\"; then echo 'Connection closed by here' >&2; exit 255; fi; "
             "exec sh -c \"$1\"",
             "sh", session_loop, once);
    struct error err = { 0 };

    far_init(&far);
    util_free_stringsp(&far.remote.session.argv);
    far.remote.session.argv = NULL;
    for (; *words; words++)
        strings_add(&far.remote.session.argv, *words);
    assert_int_equal(host_exists(&far.host, once, &err), 1);
    expect_no_error(&err);
}

/* How many round trips there were since it was asked last. */
static unsigned trips(struct far *far)
{
    static unsigned before;
    const unsigned now = far->remote.session.asked, count = now - before;

    before = now;
    return count;
}

static void what_is_postponed_is_done_in_its_order_with_the_next_question(void **state)
{
    cleanup_far struct far far = { 0 };
    cleanup_free char *directory = xasprintf("%s/d", (char *)*state);
    cleanup_free char *file = xasprintf("%s/d/f", (char *)*state);
    cleanup_free char *moved = xasprintf("%s/d/g", (char *)*state);
    cleanup_free char *data = noise(300000), *arrived = NULL;
    struct command look = { .argv = ARGV("cat", moved) };
    struct error err = { 0 };
    size_t got;

    far_init(&far);
    trips(&far);
    host_postpone(&far.host);
    assert_int_equal(host_make_directory(&far.host, directory, 0711, &err), 0);
    assert_int_equal(host_put(&far.host, file, (struct bytes){ data, 300000 }, 0640, &err), 0);
    assert_int_equal(host_rename(&far.host, file, moved, &err), 0);
    assert_int_equal(host_put(&far.host, file, (struct bytes){ "", 0 }, 0600, &err), 0);
    assert_int_equal(access(directory, F_OK), -1);
    cleanup_outcome struct outcome outcome = run(&far, &look);
    assert_int_equal(outcome.out_length, 300000);
    assert_memory_equal(outcome.out, data, 300000);
    assert_int_equal(host_settle(&far.host, &err), 0);
    assert_int_equal(trips(&far), 1);
    arrived = unit_read(file, &got);
    assert_int_equal(got, 0);
    /* What comes after is done at once. */
    assert_int_equal(host_remove(&far.host, directory, &err), 0);
    assert_int_equal(access(directory, F_OK), -1);
    expect_no_error(&err);
}

static void what_is_postponed_last_is_done_by_settling(void **state)
{
    cleanup_far struct far far = { 0 };
    cleanup_free char *file = xasprintf("%s/f", (char *)*state);
    struct error err = { 0 };

    far_init(&far);
    host_postpone(&far.host);
    assert_int_equal(host_put(&far.host, file, (struct bytes){ "x", 1 }, 0600, &err), 0);
    assert_int_equal(host_settle(&far.host, &err), 0);
    assert_int_equal(access(file, F_OK), 0);
    host_postpone(&far.host);
    assert_int_equal(host_remove(&far.host, file, &err), 0);
    host_forget(&far.host);
    assert_int_equal(host_settle(&far.host, &err), 0);
    assert_int_equal(access(file, F_OK), 0);
    expect_no_error(&err);
}

static int judged;

static int expect_seven(const struct verdict *verdict, const struct outcome *outcome,
                        struct error *err)
{
    judged++;
    return outcome->status == 7
               ? fail(err, ERROR_NO_DISK_SPACE, "seven from '%s'", verdict->subject)
               : 0;
}

static void a_step_that_fails_keeps_all_after_it_from_being_done(void **state)
{
    cleanup_far struct far far = { 0 };
    cleanup_free char *first = xasprintf("%s/first", (char *)*state);
    cleanup_free char *second = xasprintf("%s/second", (char *)*state);
    cleanup_free char *third = xasprintf("%s/third", (char *)*state);
    struct command well = { .argv = ARGV("touch", first) };
    struct command seven = { .argv = ARGV("sh", "-c", "cat; exit 7"),
                             .input = "words",
                             .input_length = 5 };
    struct command last = { .argv = ARGV("touch", third) };
    cleanup_outcome struct outcome outcome = { 0 };
    const struct verdict verdict = { expect_seven, "it" };
    struct error err = { 0 };

    judged = 0;
    far_init(&far);
    host_postpone(&far.host);
    assert_int_equal(host_perform(&far.host, &well, &verdict, &err), 0);
    assert_int_equal(host_perform(&far.host, &seven, &verdict, &err), 0);
    assert_int_equal(host_put(&far.host, second, (struct bytes){ "x", 1 }, 0600, &err), 0);
    assert_int_equal(host_run(&far.host, &last, &outcome, &err), -1);
    expect_error(&err, ERROR_NO_DISK_SPACE, "seven from 'it'");
    assert_true(host_step_failed(&far.host));
    assert_int_equal(judged, 2);
    assert_int_equal(access(first, F_OK), 0);
    assert_int_equal(access(second, F_OK), -1);
    assert_int_equal(access(third, F_OK), -1);
    /* Nothing goes on without it, and it is not tried again. */
    assert_int_equal(host_run(&far.host, &last, &outcome, &err), -1);
    expect_error(&err, ERROR_NO_DISK_SPACE, "seven from 'it'");
    assert_int_equal(host_settle(&far.host, &err), -1);
    expect_error(&err, ERROR_NO_DISK_SPACE, "seven from 'it'");
    assert_int_equal(host_settle(&far.host, &err), 0);
    assert_int_equal(host_exists(&far.host, second, &err), 0);
    host_postpone(&far.host);
    assert_false(host_step_failed(&far.host));
    expect_no_error(&err);
}

static void what_is_only_attempted_may_fail(void **state)
{
    cleanup_far struct far far = { 0 };
    cleanup_free char *marked = xasprintf("%s/mark", (char *)*state);
    cleanup_free char *none = xasprintf("%s/none", (char *)*state);
    cleanup_free char *other = xasprintf("%s/other", (char *)*state);
    struct command no = { .argv = ARGV("no-such-program") };
    struct command echo = { .argv = ARGV("echo", "well") };
    struct error err = { 0 };

    far_init(&far);
    trips(&far);
    host_attempt(&far.host, &no, "nothing");
    host_mark(&far.host, *state, "mark", "other");
    host_mark(&far.host, none, "mark", "other");
    cleanup_outcome struct outcome outcome = run(&far, &echo);
    assert_string_equal(outcome.out, "well\n");
    assert_int_equal(trips(&far), 1);
    assert_int_equal(unlink(marked), 0);
    unit_write_text(other, "");
    host_mark(&far.host, *state, "mark", "other");
    assert_int_equal(host_exists(&far.host, marked, &err), 0);
    expect_no_error(&err);
}

static void what_is_foreseen_comes_with_the_next_answer_and_serves_once(void **state)
{
    cleanup_far struct far far = { 0 };
    cleanup_free char *file = xasprintf("%s/f", (char *)*state);
    cleanup_free char *link = xasprintf("%s/l", (char *)*state);
    cleanup_free char *text = NULL, *again = NULL, *claimed = NULL;
    struct command echo = { .argv = ARGV("echo", "well") };
    struct error err = { 0 };
    char **names = NULL;

    far_init(&far);
    unit_write_text(file, "one");
    assert_int_equal(symlink("vm-1", link), 0);
    trips(&far);
    host_foresee(&far.host, HOST_GET, file);
    host_foresee(&far.host, HOST_EXISTS, "/nowhere");
    host_foresee(&far.host, HOST_LIST, *state);
    host_foresee(&far.host, HOST_CLAIMED_BY, link);
    host_foresee_run(&far.host, &echo);
    assert_int_equal(host_exists(&far.host, file, &err), 1);
    assert_int_equal(trips(&far), 1);
    unit_write_text(file, "two");
    assert_int_equal(host_get(&far.host, file, &text, &err), 1);
    assert_string_equal(text, "one");
    assert_int_equal(host_exists(&far.host, "/nowhere", &err), 0);
    assert_int_equal(host_list(&far.host, *state, &names, &err), 0);
    assert_int_equal(strings_count(names), 2);
    assert_int_equal(host_claimed_by(&far.host, link, &claimed, &err), 1);
    assert_string_equal(claimed, "vm-1");
    cleanup_outcome struct outcome outcome = run(&far, &echo);
    assert_string_equal(outcome.out, "well\n");
    assert_int_equal(trips(&far), 0);
    assert_int_equal(host_get(&far.host, file, &again, &err), 1);
    assert_string_equal(again, "two");
    assert_int_equal(trips(&far), 1);
    expect_no_error(&err);
    util_free_stringsp(&names);
}

static void what_is_changed_is_asked_for_anew(void **state)
{
    cleanup_far struct far far = { 0 };
    cleanup_free char *file = xasprintf("%s/d/f", (char *)*state);
    cleanup_free char *directory = xasprintf("%s/d", (char *)*state), *text = NULL;
    struct error err = { 0 };
    char **names = NULL;

    far_init(&far);
    assert_int_equal(mkdir(directory, 0700), 0);
    unit_write_text(file, "one");
    host_foresee(&far.host, HOST_GET, file);
    host_foresee(&far.host, HOST_LIST, directory);
    host_foresee(&far.host, HOST_EXISTS, directory);
    assert_int_equal(host_exists(&far.host, *state, &err), 1);
    assert_int_equal(host_put(&far.host, file, (struct bytes){ "two", 3 }, 0600, &err), 0);
    assert_int_equal(host_get(&far.host, file, &text, &err), 1);
    assert_string_equal(text, "two");
    trips(&far);
    assert_int_equal(host_list(&far.host, directory, &names, &err), 0);
    assert_int_equal(trips(&far), 1);
    assert_int_equal(host_exists(&far.host, directory, &err), 1);
    assert_int_equal(trips(&far), 0);
    host_foresee(&far.host, HOST_EXISTS, file);
    host_foresee(&far.host, HOST_EXISTS, directory);
    assert_int_equal(host_exists(&far.host, *state, &err), 1);
    assert_int_equal(host_remove(&far.host, directory, &err), 0);
    assert_int_equal(host_exists(&far.host, file, &err), 0);
    assert_int_equal(host_exists(&far.host, directory, &err), 0);
    expect_no_error(&err);
    util_free_stringsp(&names);
}

static void a_mark_goes_with_the_command_that_succeeds(void **state)
{
    cleanup_far struct far far = { 0 };
    cleanup_free char *mark = xasprintf("%s/mark", (char *)*state);
    struct command bad = { .argv = ARGV("false"), .done_mark = mark };
    struct command good = {
        .argv = ARGV("cat"), .input = "x", .input_length = 1, .done_mark = mark
    };
    struct error err = { 0 };

    far_init(&far);
    unit_write_text(mark, "");
    cleanup_outcome struct outcome failed = run(&far, &bad);
    assert_int_equal(failed.status, 1);
    assert_int_equal(access(mark, F_OK), 0);
    trips(&far);
    cleanup_outcome struct outcome outcome = run(&far, &good);
    assert_string_equal(outcome.out, "x");
    assert_int_equal(access(mark, F_OK), -1);
    assert_int_equal(host_remove(&far.host, mark, &err), 0);
    assert_int_equal(trips(&far), 1);
    expect_no_error(&err);
}

static void a_lock_for_later_is_taken_before_anything_else(void **state)
{
    cleanup_far struct far far = { 0 };
    cleanup_free char *path = xasprintf("%s/lo'ck", (char *)*state);
    cleanup_free char *other = xasprintf("%s/other", (char *)*state);
    cleanup_free char *none = xasprintf("%s/none/lock", (char *)*state);
    cleanup_free char *file = xasprintf("%s/file", (char *)*state);
    cleanup_lock struct lock one = LOCK_NONE, two = LOCK_NONE, three = LOCK_NONE;
    cleanup_fd int held = open(other, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct error err = { 0 };

    far_init(&far);
    far.host.lock_timeout = 1;
    assert_int_equal(host_lock_later(&far.host, path, LOCK_EXCLUSIVE, &one, &err), 1);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(host_lock_later(&far.host, none, LOCK_EXCLUSIVE, &three, &err), 1);
    trips(&far);
    assert_int_equal(host_exists(&far.host, file, &err), 0);
    assert_false(is_free(path));
    assert_int_equal(flock(held, LOCK_EX), 0);
    assert_int_equal(host_lock_later(&far.host, other, LOCK_SHARED, &two, &err), 1);
    host_postpone(&far.host);
    assert_int_equal(host_put(&far.host, file, (struct bytes){ "x", 1 }, 0600, &err), 0);
    assert_int_equal(host_settle(&far.host, &err), -1);
    assert_true(err.ok_to_retry);
    expect_error(&err, ERROR_CLOUD, "another cpi process has held the lock");
    assert_int_equal(access(file, F_OK), -1);
    assert_int_equal(flock(held, LOCK_UN), 0);
    assert_true(host_lacks_lock(&far.host));
    assert_int_equal(host_put(&far.host, file, (struct bytes){ "x", 1 }, 0600, &err), -1);
    expect_error(&err, ERROR_CLOUD, "another cpi process has held the lock");
    host_unlock(&two);
    assert_false(host_lacks_lock(&far.host));
    assert_int_equal(host_lock_later(&far.host, other, LOCK_SHARED, &two, &err), 1);
    assert_int_equal(host_put(&far.host, file, (struct bytes){ "x", 1 }, 0600, &err), 0);
    assert_false(is_free(path));
    assert_false(is_free(other));
    host_unlock(&one);
    host_unlock(&two);
    assert_int_equal(host_exists(&far.host, file, &err), 1);
    assert_true(is_free(path));
    assert_true(is_free(other));
    expect_no_error(&err);
}

/* However long a lock may be waited for. */
static void a_step_that_takes_too_long_is_named(void **state)
{
    cleanup_far struct far far = { 0 };
    cleanup_free char *path = xasprintf("%s/lock", (char *)*state);
    cleanup_free char *file = xasprintf("%s/file", (char *)*state);
    cleanup_lock struct lock lock = LOCK_NONE;
    struct command sleeps = { .argv = ARGV("sleep", "1000"), .timeout_s = 1 };
    const struct verdict verdict = { expect_seven, "it" };
    struct error err = { 0 };

    judged = 0;
    far_init(&far);
    far.host.command_timeout = 1;
    assert_int_equal(host_lock_later(&far.host, path, LOCK_EXCLUSIVE, &lock, &err), 1);
    host_postpone(&far.host);
    assert_int_equal(host_put(&far.host, file, (struct bytes){ "x", 1 }, 0600, &err), 0);
    assert_int_equal(host_perform(&far.host, &sleeps, &verdict, &err), 0);
    assert_int_equal(host_remove(&far.host, file, &err), 0);
    assert_int_equal(host_settle(&far.host, &err), -1);
    expect_error(&err, ERROR_CLOUD, "'sleep' did not end within 1 seconds (command_timeout)");
    assert_int_equal(judged, 0);
    assert_int_equal(access(file, F_OK), 0);
}

struct guarded {
    struct far *far;
    int checks, verdict;
};

static int check_guard(void *state, bool usual, struct error *err)
{
    struct guarded *g = state;
    cleanup_free char *text = NULL;

    assert_int_equal(usual, g->verdict == 2);
    g->checks++;
    assert_int_equal(host_get(&g->far->host, g->far->remote.guard.path, &text, err), 1);
    return g->verdict ? 0 : fail(err, ERROR_CLOUD, "it is %s", text);
}

static void nothing_is_done_before_the_guard_has_passed(void **state)
{
    cleanup_far struct far far = { 0 };
    cleanup_free char *version = xasprintf("%s/version", (char *)*state);
    cleanup_free char *file = xasprintf("%s/file", (char *)*state);
    cleanup_free char *path = xasprintf("%s/lock", (char *)*state);
    cleanup_lock struct lock lock = LOCK_NONE;
    struct command touch = { .argv = ARGV("touch", file) };
    cleanup_outcome struct outcome outcome = { 0 };
    struct guarded guarded = { .far = &far };
    struct error err = { 0 };

    far_init(&far);
    unit_write_text(version, "2\n");
    far.remote.guard = (struct remote_guard){
        .path = xstrdup(version), .text = "1\n", .check = check_guard, .state = &guarded
    };
    strings_add(&far.remote.guard.directories, *state);
    assert_int_equal(host_lock_later(&far.host, path, LOCK_EXCLUSIVE, &lock, &err), 1);
    host_mark(&far.host, *state, "mark", "none");
    assert_int_equal(host_run(&far.host, &touch, &outcome, &err), -1);
    expect_error(&err, ERROR_CLOUD, "it is 2");
    assert_int_equal(guarded.checks, 1);
    assert_int_equal(access(file, F_OK), -1);
    assert_int_equal(access(path, F_OK), -1);
    guarded.verdict = 1;
    cleanup_outcome struct outcome touched = run(&far, &touch);
    assert_int_equal(touched.status, 0);
    assert_int_equal(guarded.checks, 2);
    assert_int_equal(access(file, F_OK), 0);
    assert_false(is_free(path));
    cleanup_outcome struct outcome again = run(&far, &touch);
    assert_int_equal(guarded.checks, 2);
}

static void a_guard_that_passes_costs_nothing(void **state)
{
    cleanup_far struct far far = { 0 };
    cleanup_free char *version = xasprintf("%s/version", (char *)*state);
    struct guarded guarded = { .far = &far, .verdict = 2 };
    struct error err = { 0 };

    far_init(&far);
    unit_write_text(version, "1\n");
    far.remote.guard = (struct remote_guard){
        .path = xstrdup(version), .text = "1\n", .check = check_guard, .state = &guarded
    };
    trips(&far);
    assert_int_equal(host_exists(&far.host, version, &err), 1);
    assert_int_equal(trips(&far), 1);
    assert_int_equal(guarded.checks, 1);
    expect_no_error(&err);
}

static void links_are_removed_by_what_they_say(void **state)
{
    static const char *const networks[] = { "a b", "c'd", "e" };
    cleanup_far struct far far = { 0 };
    struct error err = { 0 };

    far_init(&far);
    assert_int_equal(host_unclaim(&far.host, *state, "vm-1", &err), 0);
    for (size_t i = 0; i < ARRAY_SIZE(networks); i++) {
        cleanup_free char *directory = xasprintf("%s/%s", (char *)*state, networks[i]);
        cleanup_free char *ours = xasprintf("%s/10.0.0.1", directory);
        cleanup_free char *other = xasprintf("%s/10.0.0.2", directory);
        assert_int_equal(mkdir(directory, 0700), 0);
        assert_int_equal(symlink("vm-1", ours), 0);
        assert_int_equal(symlink("vm-11", other), 0);
        if (i == 2) {
            /* One that is no link, in the first place. */
            cleanup_free char *odd = xasprintf("%s/10.0.0.0", directory);
            unit_write_text(odd, "vm-1");
        }
        assert_int_equal(host_unclaim(&far.host, *state, "vm-1", &err), 0);
        assert_int_equal(access(ours, F_OK), -1);
        cleanup_free char *text = NULL;
        assert_int_equal(host_claimed_by(&far.host, ours, &text, &err), 0);
        assert_int_equal(host_claimed_by(&far.host, other, &text, &err), 1);
    }
    expect_no_error(&err);
}

static void a_file_of_each_directory(void **state)
{
    cleanup_far struct far far = { 0 };
    cleanup_texts struct host_texts texts = { 0 };
    struct error err = { 0 };

    far_init(&far);
    assert_int_equal(host_get_each(&far.host, "/nowhere", "record", &texts, &err), 0);
    assert_null(texts.names);
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = { "one", "t w'o", "three" };
        cleanup_free char *directory = xasprintf("%s/%s", (char *)*state, names[i]);
        cleanup_free char *file = xasprintf("%s/record", directory);
        assert_int_equal(mkdir(directory, 0700), 0);
        if (i < 2)
            unit_write_text(file, names[i]);
    }
    assert_int_equal(host_get_each(&far.host, *state, "record", &texts, &err), 0);
    assert_int_equal(strings_count(texts.names), 2);
    assert_string_equal(texts.names[0], "one");
    assert_string_equal(texts.texts[0], "one");
    assert_string_equal(texts.names[1], "t w'o");
    assert_string_equal(texts.texts[1], "t w'o");
    host_texts_release(&texts);
    /* What is spoilt must not pass for absent. */
    cleanup_free char *spoilt = xasprintf("%s/one/record", (char *)*state);
    unit_write(spoilt, "{\"a\":\0\0\0", 8, 0600);
    assert_int_equal(host_get_each(&far.host, *state, "record", &texts, &err), 0);
    assert_int_equal(strings_count(texts.names), 2);
    assert_string_equal(texts.texts[0], "");
    assert_string_equal(texts.names[1], "t w'o");
    assert_string_equal(texts.texts[1], "t w'o");
    expect_no_error(&err);
}

/* Nobody hears whether it was done. */
static void what_is_still_postponed_goes_with_the_end_of_the_connection(void **state)
{
    cleanup_free char *file = xasprintf("%s/it's", (char *)*state);
    cleanup_free char *path = xasprintf("%s/lock", (char *)*state), *arrived = NULL;
    struct error err = { 0 };
    struct lock lock = LOCK_NONE;
    struct stat status;
    const long long deadline = clock_ms() + LONG_S * 1000LL;
    size_t got;

    {
        cleanup_far struct far far = { 0 };
        far_init(&far);
        assert_int_equal(host_lock(&far.host, path, LOCK_EXCLUSIVE, 0, &lock, &err), 1);
        host_postpone(&far.host);
        assert_int_equal(host_put(&far.host, file, (struct bytes){ "it's $x", 7 }, 0600, &err), 0);
        host_leave(&far.host);
        host_postpone(&far.host);
        assert_int_equal(host_put(&far.host, path, (struct bytes){ "x", 1 }, 0600, &err), 0);
        host_unlock(&lock);
    }
    while (access(file, F_OK) < 0 && clock_ms() < deadline)
        pause_ms(20);
    arrived = unit_read(file, &got);
    assert_int_equal(got, 7);
    assert_memory_equal(arrived, "it's $x", 7);
    wait_until_free(path);
    /* What was neither settled nor left is not done. */
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 0);
    expect_no_error(&err);
}

static void a_connection_that_is_lost_takes_what_was_postponed_with_it(void **state)
{
    cleanup_far struct far far = { 0 };
    cleanup_free char *path = xasprintf("%s/lock", (char *)*state);
    cleanup_free char *file = xasprintf("%s/file", (char *)*state);
    cleanup_lock struct lock lock = LOCK_NONE;
    struct error err = { 0 };

    far_init(&far);
    assert_int_equal(host_lock(&far.host, path, LOCK_EXCLUSIVE, 0, &lock, &err), 1);
    kill(-far.remote.session.child.pid, SIGKILL);
    wait_until_free(path);
    host_postpone(&far.host);
    assert_int_equal(host_put(&far.host, file, (struct bytes){ "x", 1 }, 0600, &err), 0);
    assert_int_equal(host_settle(&far.host, &err), -1);
    assert_true(err.ok_to_retry);
    expect_error(&err, ERROR_CLOUD, "was lost during");
    assert_int_equal(host_settle(&far.host, &err), 0);
    assert_int_equal(host_exists(&far.host, file, &err), 0);
    assert_false(is_free(path));
    expect_no_error(&err);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_argument_arrives_unchanged),
    cmocka_unit_test(stdout_stderr_and_status_are_exact_and_apart),
    cmocka_unit_test(a_death_by_signal_is_told),
    cmocka_unit_test(a_program_that_is_not_there_is_named_with_the_host),
    cmocka_unit_test(a_command_without_input_reads_nothing),
    cmocka_unit_test(limits_hold_there_too),
    cmocka_unit_test(input_arrives_as_it_is),
    cmocka_unit_test(input_that_nobody_reads_does_no_harm),
    cmocka_unit_test(a_source_is_read_to_its_end),
    IN_DIRECTORY(a_source_that_fails_ends_the_command),
    IN_DIRECTORY(a_command_that_takes_too_long_is_ended_there),
    IN_DIRECTORY(a_request_to_stop_ends_it_there),
    IN_DIRECTORY(files_of_any_name),
    IN_DIRECTORY(directories_links_and_modes),
    IN_DIRECTORY(failures_name_the_path_and_the_reason),
    IN_DIRECTORY(parts_and_digests_of_files),
    IN_DIRECTORY(images_arrive_with_their_holes),
    IN_DIRECTORY(locks_are_flocks_there),
    IN_DIRECTORY(slots_are_locks_there),
    IN_DIRECTORY(without_a_directory_for_it_there_is_no_lock),
    IN_DIRECTORY(a_lock_that_somebody_has_is_waited_for),
    IN_DIRECTORY(what_is_postponed_is_done_in_its_order_with_the_next_question),
    IN_DIRECTORY(what_is_postponed_last_is_done_by_settling),
    IN_DIRECTORY(a_step_that_fails_keeps_all_after_it_from_being_done),
    IN_DIRECTORY(what_is_only_attempted_may_fail),
    IN_DIRECTORY(what_is_foreseen_comes_with_the_next_answer_and_serves_once),
    IN_DIRECTORY(what_is_changed_is_asked_for_anew),
    IN_DIRECTORY(a_mark_goes_with_the_command_that_succeeds),
    IN_DIRECTORY(a_lock_for_later_is_taken_before_anything_else),
    IN_DIRECTORY(a_step_that_takes_too_long_is_named),
    IN_DIRECTORY(nothing_is_done_before_the_guard_has_passed),
    IN_DIRECTORY(a_guard_that_passes_costs_nothing),
    IN_DIRECTORY(links_are_removed_by_what_they_say),
    IN_DIRECTORY(a_file_of_each_directory),
    IN_DIRECTORY(what_is_still_postponed_goes_with_the_end_of_the_connection),
    IN_DIRECTORY(a_connection_that_is_lost_takes_what_was_postponed_with_it),
    IN_DIRECTORY(as_many_locks_as_there_are_digits),
    IN_DIRECTORY(a_lost_connection_is_told_and_its_locks_are_taken_again),
    IN_DIRECTORY(nothing_runs_without_a_lock_that_somebody_else_took_meanwhile),
    cmocka_unit_test(a_connection_that_cannot_be_made_is_not_tried_twice),
    IN_DIRECTORY(a_connection_that_is_dropped_at_once_is_tried_again),
};

/* The first so many are about the shell itself, the others about coreutils too: busybox takes its
 * own in their place. */
enum { ABOUT_THE_SHELL = 12 };

static int run_with(const char *name, const char *const *far_shell)
{
    cleanup_free char *probe = xasprintf("command -v %s", name);
    cleanup_outcome struct outcome outcome = { 0 };
    struct command command = { .argv = ARGV("sh", "-c", probe), .timeout_s = LONG_S };
    cleanup_error struct error err = { 0 };

    if (far_shell && (command_run(&command, &quiet, &outcome, &err) < 0 || outcome.status != 0))
        return 0;
    shell = far_shell;
    return _cmocka_run_group_tests(
        name, tests, far_shell == busybox ? ABOUT_THE_SHELL : ARRAY_SIZE(tests), NULL, NULL);
}

int main(void)
{
    if (getenv("CPI_REMOTE_HOST"))
        return run_with("ssh", NULL);
    return run_with("dash", dash) + run_with("bash", bash) + run_with("busybox", busybox) +
           run_with("sh", noisy);
}
