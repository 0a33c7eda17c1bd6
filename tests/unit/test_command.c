#include "unit.h"

#include "cpi/command.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

enum { LONG_S = 60, MEGABYTE = 1 << 20 };

static const struct log quiet;

static int run(const char *const *argv, struct outcome *outcome, struct error *err)
{
    const struct command command = { .argv = argv, .timeout_s = LONG_S };

    return command_run(&command, &quiet, outcome, err);
}

/* Runs a line of sh that must be startable. */
static struct outcome sh(const char *line)
{
    struct outcome outcome = { 0 };
    cleanup_error struct error err = { 0 };
    int failed = run(ARGV("sh", "-c", line), &outcome, &err);

    if (failed)
        print_error("%s\n", err.message);
    assert_int_equal(failed, 0);
    expect_no_error(&err);
    return outcome;
}

static struct outcome feed(const char *const *argv, const char *input, size_t length)
{
    const struct command command = {
        .argv = argv, .input = input, .input_length = length, .timeout_s = LONG_S
    };
    struct outcome outcome = { 0 };
    cleanup_error struct error err = { 0 };

    assert_int_equal(command_run(&command, &quiet, &outcome, &err), 0);
    return outcome;
}

static void output_and_errors_are_told_apart(void **state)
{
    cleanup_outcome struct outcome o = sh("echo out; echo err >&2; echo out2");

    (void)state;
    assert_string_equal(o.out, "out\nout2\n");
    assert_string_equal(o.err, "err\n");
    assert_int_equal(o.status, 0);
}

static void silence_is_empty_text(void **state)
{
    cleanup_outcome struct outcome o = sh(":");

    (void)state;
    assert_string_equal(o.out, "");
    assert_string_equal(o.err, "");
}

static void any_exit_status_is_success(void **state)
{
    static const struct {
        const char *line;
        int status;
    } rows[] = { { "exit 0", 0 }, { "exit 1", 1 }, { "exit 127", 127 }, { "exit 255", 255 } };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_outcome struct outcome o = sh(rows[i].line);
        assert_int_equal(o.status, rows[i].status);
    }
}

static void death_by_a_signal_is_128_and_its_number(void **state)
{
    cleanup_outcome struct outcome killed = sh("kill -KILL $$");
    cleanup_outcome struct outcome ended = sh("kill -TERM $$");

    (void)state;
    assert_int_equal(killed.status, 128 + SIGKILL);
    assert_int_equal(ended.status, 128 + SIGTERM);
}

static void expect_run_of(const char *text, char c, size_t length)
{
    const char all[] = { c, '\0' };

    assert_int_equal(strlen(text), length);
    assert_int_equal(strspn(text, all), length);
}

static void a_megabyte_comes_through_both_pipes_at_once(void **state)
{
    cleanup_outcome struct outcome o = sh("head -c 1048576 /dev/zero | tr '\\0' o & "
                                          "head -c 1048576 /dev/zero | tr '\\0' e >&2; wait");

    (void)state;
    expect_run_of(o.out, 'o', MEGABYTE);
    expect_run_of(o.err, 'e', MEGABYTE);
}

static void a_big_input_comes_back_from_cat(void **state)
{
    const size_t length = 4 * MEGABYTE;
    cleanup_free char *input = xcalloc(length + 1, 1);

    (void)state;
    for (size_t i = 0; i < length; i++)
        input[i] = (char)('a' + i * 7 % 26);
    cleanup_outcome struct outcome o = feed(ARGV("cat"), input, length);
    assert_string_equal(o.out, input);
}

static void an_input_may_hold_nul_bytes(void **state)
{
    cleanup_outcome struct outcome o = feed(ARGV("od", "-An", "-c"), "a\0b", 3);

    (void)state;
    assert_string_equal(o.out, "   a  \\0   b\n");
}

/* Hands out so many blocks of so many bytes, then ends or fails. */
struct stream {
    int blocks;
    bool fails;
    char block[MEGABYTE];
};

static ssize_t next_block(void *state, const char **block, struct error *err)
{
    struct stream *stream = state;

    *block = stream->block;
    if (stream->blocks-- > 0)
        return sizeof(stream->block);
    return stream->fails ? fail(err, ERROR_NO_DISK_SPACE, "the source ran dry") : 0;
}

static int stream_to(const char *line, struct stream *stream, struct outcome *outcome,
                     struct error *err)
{
    const struct command_source source = { next_block, stream };
    const struct command command = { .argv = ARGV("sh", "-c", line),
                                     .source = &source,
                                     .timeout_s = LONG_S };

    return command_run(&command, &quiet, outcome, err);
}

static void a_source_is_read_to_its_end(void **state)
{
    struct stream *stream = xcalloc(1, sizeof(*stream));
    cleanup_outcome struct outcome o = { 0 };
    cleanup_error struct error err = { 0 };

    (void)state;
    stream->blocks = 40;
    assert_int_equal(stream_to("wc -c", stream, &o, &err), 0);
    assert_int_equal(strtol(o.out, NULL, 10), 40L * MEGABYTE);
    free(stream);
}

static void a_source_that_fails_ends_the_child_with_its_error(void **state)
{
    struct stream *stream = xcalloc(1, sizeof(*stream));
    cleanup_outcome struct outcome o = { 0 };
    cleanup_error struct error err = { 0 };

    (void)state;
    stream->blocks = 3;
    stream->fails = true;
    assert_int_equal(stream_to("cat >/dev/null; exec sleep 1000", stream, &o, &err), -1);
    expect_error(&err, ERROR_NO_DISK_SPACE, "the source ran dry");
    free(stream);
}

static void a_child_need_not_take_all_of_a_source(void **state)
{
    struct stream *stream = xcalloc(1, sizeof(*stream));
    cleanup_outcome struct outcome o = { 0 };
    cleanup_error struct error err = { 0 };

    (void)state;
    stream->blocks = 1000;
    assert_int_equal(stream_to("head -c 10 >/dev/null; exit 3", stream, &o, &err), 0);
    assert_int_equal(o.status, 3);
    assert_true(stream->blocks > 900);
    free(stream);
}

static void no_input_is_an_empty_stdin(void **state)
{
    cleanup_outcome struct outcome none = feed(ARGV("cat"), NULL, 0);
    cleanup_outcome struct outcome empty = feed(ARGV("cat"), "", 0);

    (void)state;
    assert_string_equal(none.out, "");
    assert_int_equal(none.status, 0);
    assert_string_equal(empty.out, "");
    assert_int_equal(empty.status, 0);
}

static void a_child_that_ignores_its_stdin_is_its_own_business(void **state)
{
    const size_t length = 4 * MEGABYTE;
    cleanup_free char *input = xcalloc(length, 1);

    (void)state;
    cleanup_outcome struct outcome ended = feed(ARGV("true"), input, length);
    assert_int_equal(ended.status, 0);
    cleanup_outcome struct outcome closed =
        feed(ARGV("sh", "-c", "exec <&-; echo said"), input, length);
    assert_int_equal(closed.status, 0);
    assert_string_equal(closed.out, "said\n");
}

static void a_child_may_close_its_outputs_and_go_on(void **state)
{
    cleanup_outcome struct outcome o = sh("echo a; exec >&- 2>&-; exit 7");

    (void)state;
    assert_string_equal(o.out, "a\n");
    assert_int_equal(o.status, 7);
}

static void a_child_that_says_too_much_is_cut(void **state)
{
    cleanup_outcome struct outcome o = sh("head -c 68000000 /dev/zero | tr '\\0' x");

    (void)state;
    assert_true(strlen(o.out) <= 64 * MEGABYTE);
    assert_true(strlen(o.out) > 63 * MEGABYTE);
}

static void a_program_that_is_not_there_is_named(void **state)
{
    struct outcome outcome = { 0 };
    struct error err = { 0 };
    cleanup_free char *part = xasprintf(
        "cannot find the program 'cpi-no-such-program' (PATH is %s): install it", getenv("PATH"));

    (void)state;
    assert_int_equal(run(ARGV("cpi-no-such-program", "x"), &outcome, &err), -1);
    assert_false(err.ok_to_retry);
    expect_error(&err, ERROR_CLOUD, part);
}

static void a_program_that_may_not_be_run_is_named(void **state)
{
    struct outcome outcome = { 0 };
    struct error err = { 0 };
    cleanup_free char *path = xasprintf("%s/closed", (char *)*state);
    cleanup_free char *part = xasprintf("cannot run '%s': Permission denied", path);

    unit_write(path, "#!/bin/sh\n", 10, 0600);
    assert_int_equal(run(ARGV(path), &outcome, &err), -1);
    expect_error(&err, ERROR_CLOUD, part);
}

static int count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void a_run_leaves_no_descriptor_open(void **state)
{
    int before = count_descriptors();

    (void)state;
    for (int i = 0; i < 3; i++) {
        cleanup_outcome struct outcome o = sh("cat; exit 1");
        assert_int_equal(o.status, 1);
    }
    assert_int_equal(count_descriptors(), before);
}

static void a_program_that_is_not_there_leaves_no_descriptor_open(void **state)
{
    int before = count_descriptors();

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct outcome outcome = { 0 };
        cleanup_error struct error err = { 0 };
        assert_int_equal(run(ARGV("cpi-no-such-program"), &outcome, &err), -1);
    }
    assert_int_equal(count_descriptors(), before);
}

static void a_run_leaves_no_zombie(void **state)
{
    cleanup_outcome struct outcome o = sh(":");

    (void)state;
    assert_int_equal(o.status, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* A pipe that every process of the group holds open, so that its end tells when all have gone. */
struct witness {
    int ours, theirs;
};

static struct witness call_witness(void)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    return (struct witness){ ends[0], ends[1] };
}

static void expect_all_gone(struct witness *witness)
{
    struct pollfd end = { .fd = witness->ours, .events = POLLIN };
    char byte;

    close(witness->theirs);
    assert_int_equal(poll(&end, 1, LONG_S * 1000), 1);
    assert_int_equal(read(witness->ours, &byte, 1), 0);
    close(witness->ours);
}

static void the_deadline_ends_the_whole_group_and_a_retry_may_help(void **state)
{
    struct witness witness = call_witness();
    const struct command command = {
        /* The grandchild does not end by being asked. */
        .argv = ARGV("sh", "-c", "(trap '' TERM; sleep 60; sleep 60) & sleep 60"),
        .timeout_s = 1,
    };
    cleanup_outcome struct outcome outcome = { 0 };
    struct error err = { 0 };

    (void)state;
    assert_int_equal(command_run(&command, &quiet, &outcome, &err), -1);
    assert_true(err.ok_to_retry);
    expect_error(&err, ERROR_CLOUD,
                 "'sh' did not end within 1 seconds (command_timeout) and was stopped");
    expect_all_gone(&witness);
}

static void a_grandchild_that_keeps_the_pipes_open_does_not_hang_us(void **state)
{
    cleanup_outcome struct outcome o = sh("sleep 600 & echo $!");
    long pid = strtol(o.out, NULL, 10);

    (void)state;
    assert_int_equal(o.status, 0);
    assert_true(pid > 1);
    assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
}

static void a_request_to_stop_ends_a_running_child_and_is_consumed(void **state)
{
    static const int signals[] = { SIGTERM, SIGINT, SIGHUP };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        struct witness witness = call_witness();
        cleanup_outcome struct outcome outcome = { 0 };
        struct error err = { 0 };

        command_block_signals();
        assert_int_equal(kill(getpid(), signals[i]), 0);
        assert_int_equal(run(ARGV("sh", "-c", "sleep 60 & sleep 60"), &outcome, &err), -1);
        assert_false(err.ok_to_retry);
        expect_error(&err, ERROR_CLOUD, "'sh' was stopped: this call was asked to end");
        expect_all_gone(&witness);
        assert_false(command_interrupted());
    }
}

static void after_a_request_to_stop_the_undoing_can_run(void **state)
{
    cleanup_outcome struct outcome outcome = { 0 };
    cleanup_error struct error err = { 0 };

    (void)state;
    command_block_signals();
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_int_equal(run(ARGV("sleep", "60"), &outcome, &err), -1);
    cleanup_outcome struct outcome undoing = sh("echo undone");
    assert_string_equal(undoing.out, "undone\n");
}

static void a_request_to_stop_is_seen_once(void **state)
{
    (void)state;
    command_block_signals();
    assert_false(command_interrupted());
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_true(command_interrupted());
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_int_equal(kill(getpid(), SIGHUP), 0);
    assert_false(command_interrupted());
    command_block_signals();
}

static void a_lockless_child_gets_no_lock(void **state)
{
    const struct command usual = { .argv = ARGV("ls", "/proc/self/fd"), .timeout_s = 60 };
    struct command lockless = usual;
    cleanup_outcome struct outcome with = { 0 }, without = { 0 };
    cleanup_error struct error err = { 0 };
    const struct log log = { 0 };
    cleanup_fd int lock = open("/dev/null", O_RDWR);
    cleanup_fd int high = dup2(lock, 77);

    (void)state;
    lockless.lockless = true;
    assert_int_equal(high, 77);
    assert_int_equal(command_run(&usual, &log, &with, &err), 0);
    assert_int_equal(command_run(&lockless, &log, &without, &err), 0);
    assert_non_null(strstr(with.out, "77\n"));
    assert_null(strstr(without.out, "77\n"));
}

static void the_environment_is_scrubbed_and_speaks_c(void **state)
{
    static const struct {
        const char *name, *value;
    } ours[] = { { "LANG", "de_DE.UTF-8" },
                 { "LC_ALL", "de_DE.UTF-8" },
                 { "LC_MESSAGES", "de_DE.UTF-8" },
                 { "LANGUAGE", "de" },
                 { "LIBVIRT_DEFAULT_URI", "test:///default" },
                 { "VIRSH_DEBUG", "0" },
                 { "SSH_AUTH_SOCK", "/s" },
                 { "BASH_ENV", "/b" },
                 { "HOME", "/h" },
                 { "TMPDIR", "/t" },
                 { "USER", "u" },
                 { "LOGNAME", "l" },
                 { "XDG_RUNTIME_DIR", "/r" },
                 { "XDG_CONFIG_HOME", "/c" },
                 { "XDG_CACHE_HOME", "/k" } };
    cleanup_free char *expected =
        xasprintf("PATH=%s\nLC_ALL=C\nHOME=/h\nTMPDIR=/t\nUSER=u\nLOGNAME=l\n"
                  "XDG_RUNTIME_DIR=/r\nXDG_CONFIG_HOME=/c\nXDG_CACHE_HOME=/k\n",
                  getenv("PATH"));
    struct outcome outcome = { 0 };
    cleanup_error struct error err = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
        setenv(ours[i].name, ours[i].value, 1);
    int failed = run(ARGV("env"), &outcome, &err);
    for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
        unsetenv(ours[i].name);
    assert_int_equal(failed, 0);
    assert_string_equal(outcome.out, expected);
    outcome_release(&outcome);
}

static void without_a_path_the_child_gets_the_usual_one(void **state)
{
    cleanup_free char *path = xstrdup(getenv("PATH"));
    struct outcome outcome = { 0 };
    cleanup_error struct error err = { 0 };

    (void)state;
    unsetenv("PATH");
    int failed = run(ARGV("/usr/bin/env"), &outcome, &err);
    setenv("PATH", path, 1);
    assert_int_equal(failed, 0);
    expect_part(outcome.out, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n");
    outcome_release(&outcome);
}

static void a_child_has_no_descriptor_of_ours(void **state)
{
    cleanup_fd int ours = open("/dev/null", O_RDONLY | O_CLOEXEC);
    cleanup_outcome struct outcome o = sh("ls /proc/$$/fd; :");
    cleanup_free char **names = split_lines(o.out);
    size_t inherited = 0;

    (void)state;
    assert_true(ours >= 0);
    for (int fd = 0; fd < 1024; fd++) {
        cleanup_free char *name = xasprintf("%d", fd);
        int flags = fcntl(fd, F_GETFD);
        /* Whoever started this test may have left some open, which everybody inherits. */
        bool expected = fd <= 2 || (flags >= 0 && !(flags & FD_CLOEXEC));
        assert_int_equal(strings_contain(names, name), expected);
        inherited += expected;
    }
    assert_int_equal(strings_count(names), inherited);
}

static void a_child_leads_a_process_group_of_its_own(void **state)
{
    cleanup_outcome struct outcome o = sh("cat /proc/$$/stat; :");
    int pid, parent, group;

    (void)state;
    assert_int_equal(sscanf(o.out, "%d (sh) %*c %d %d", &pid, &parent, &group), 3);
    assert_int_equal(group, pid);
    assert_int_equal(parent, getpid());
}

static unsigned long long signal_mask(const char *status, const char *name)
{
    const char *line = strstr(status, name);

    assert_non_null(line);
    return strtoull(line + strlen(name), NULL, 16);
}

static void a_child_has_its_signals_back(void **state)
{
    cleanup_outcome struct outcome o = sh("cat /proc/self/status");

    (void)state;
    assert_int_equal(signal_mask(o.out, "SigBlk:\t"), 0);
    assert_int_equal(signal_mask(o.out, "SigIgn:\t") & 1ULL << (SIGPIPE - 1), 0);
}

static void a_reader_of_strangers_files_is_limited(void **state)
{
    const struct command command = { .argv = ARGV("sh", "-c", "ulimit -v; ulimit -t"),
                                     .timeout_s = LONG_S,
                                     .untrusted_input = true };
    cleanup_outcome struct outcome outcome = { 0 };
    cleanup_error struct error err = { 0 };

    (void)state;
    assert_int_equal(command_run(&command, &quiet, &outcome, &err), 0);
    assert_string_equal(outcome.out, "1048576\n10\n");
}

static void each_run_is_logged_before_and_after(void **state)
{
    cleanup_free char *text = NULL;
    size_t length;
    struct log log = { .stream = text_open(&text, &length) };
    const struct command command = { .argv = ARGV("sh", "-c", "exit 3"), .timeout_s = LONG_S };
    cleanup_outcome struct outcome outcome = { 0 };
    cleanup_error struct error err = { 0 };

    (void)state;
    assert_int_equal(command_run(&command, &log, &outcome, &err), 0);
    text_close(log.stream);
    expect_part(text, "cpi: run: sh -c 'exit 3'\ncpi:   -> 3 after ");
}

/* What is fed to a child may be a secret. */
static void an_input_is_not_logged(void **state)
{
    cleanup_free char *text = NULL;
    size_t length;
    struct log log = { .stream = text_open(&text, &length) };
    const struct command command = {
        .argv = ARGV("cat"), .input = "hunter2", .input_length = 7, .timeout_s = LONG_S
    };
    cleanup_outcome struct outcome outcome = { 0 };
    cleanup_error struct error err = { 0 };

    (void)state;
    assert_int_equal(command_run(&command, &log, &outcome, &err), 0);
    text_close(log.stream);
    assert_string_equal(outcome.out, "hunter2");
    expect_absent(text, "hunter2");
}

static void words_are_quoted_when_they_must_be(void **state)
{
    static const struct {
        const char *word, *quoted;
    } rows[] = {
        { "virsh", "virsh" },
        { "/a/b-c_d.e:f=g@h,i+j%", "/a/b-c_d.e:f=g@h,i+j%" },
        { "", "''" },
        { "a b", "'a b'" },
        { "it's", "'it'\\''s'" },
        { "$HOME", "'$HOME'" },
        { "~", "'~'" },
        { "a\nb", "'a\nb'" },
        { "*", "'*'" },
        { "a;b", "'a;b'" },
        { "\xc3\xa9", "'\xc3\xa9'" },
        { "\\", "'\\'" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_free char *line = command_quote(ARGV(rows[i].word));
        assert_string_equal(line, rows[i].quoted);
    }
}

static void words_are_joined_by_blanks(void **state)
{
    cleanup_free char *line = command_quote(ARGV("a", "b c", ""));
    cleanup_free char *none = command_quote(ARGV(NULL));

    (void)state;
    assert_string_equal(line, "a 'b c' ''");
    assert_string_equal(none, "");
}

static void expect_round_trip(const char *word)
{
    cleanup_free char *line = command_quote(ARGV("printf", "<%s>", word, "", "end"));
    cleanup_free char *expected = xasprintf("<%s><><end>", word);
    cleanup_outcome struct outcome o = sh(line);

    assert_string_equal(o.out, expected);
}

static void every_byte_comes_through_a_shell(void **state)
{
    char all[256];

    (void)state;
    for (int c = 1; c < 256; c++)
        all[c - 1] = (char)c;
    all[255] = '\0';
    expect_round_trip(all);
}

static void each_byte_alone_comes_through_a_shell(void **state)
{
    const char *words[258] = { "printf", "%s\\n" };
    char bytes[256][2];
    cleanup_free char *expected = xcalloc(256, 2);

    (void)state;
    for (int c = 1; c < 256; c++) {
        bytes[c][0] = (char)c;
        bytes[c][1] = '\0';
        words[c + 1] = bytes[c];
        expected[2 * c - 2] = (char)c;
        expected[2 * c - 1] = '\n';
    }
    cleanup_free char *line = command_quote(words);
    cleanup_outcome struct outcome o = sh(line);
    assert_string_equal(o.out, expected);
}

static void a_line_can_be_quoted_twice(void **state)
{
    cleanup_free char *inner = command_quote(ARGV("printf", "%s", "it's \"$HOME\" `x` \\"));
    cleanup_free char *outer = command_quote(ARGV("sh", "-c", inner));
    cleanup_outcome struct outcome o = sh(outer);

    (void)state;
    assert_string_equal(o.out, "it's \"$HOME\" `x` \\");
}

static void release_empties(void **state)
{
    struct outcome o = sh("echo a; exit 3");

    (void)state;
    outcome_release(&o);
    assert_null(o.out);
    assert_null(o.err);
    assert_int_equal(o.status, 0);
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
        cmocka_unit_test(output_and_errors_are_told_apart),
        cmocka_unit_test(silence_is_empty_text),
        cmocka_unit_test(any_exit_status_is_success),
        cmocka_unit_test(death_by_a_signal_is_128_and_its_number),
        cmocka_unit_test(a_megabyte_comes_through_both_pipes_at_once),
        cmocka_unit_test(a_big_input_comes_back_from_cat),
        cmocka_unit_test(an_input_may_hold_nul_bytes),
        cmocka_unit_test(a_source_is_read_to_its_end),
        cmocka_unit_test(a_source_that_fails_ends_the_child_with_its_error),
        cmocka_unit_test(a_child_need_not_take_all_of_a_source),
        cmocka_unit_test(no_input_is_an_empty_stdin),
        cmocka_unit_test(a_child_that_ignores_its_stdin_is_its_own_business),
        cmocka_unit_test(a_child_may_close_its_outputs_and_go_on),
        cmocka_unit_test(a_child_that_says_too_much_is_cut),
        cmocka_unit_test(a_program_that_is_not_there_is_named),
        IN_DIRECTORY(a_program_that_may_not_be_run_is_named),
        cmocka_unit_test(a_run_leaves_no_descriptor_open),
        cmocka_unit_test(a_program_that_is_not_there_leaves_no_descriptor_open),
        cmocka_unit_test(a_run_leaves_no_zombie),
        cmocka_unit_test(the_deadline_ends_the_whole_group_and_a_retry_may_help),
        cmocka_unit_test(a_grandchild_that_keeps_the_pipes_open_does_not_hang_us),
        cmocka_unit_test(a_request_to_stop_ends_a_running_child_and_is_consumed),
        cmocka_unit_test(after_a_request_to_stop_the_undoing_can_run),
        cmocka_unit_test(a_request_to_stop_is_seen_once),
        cmocka_unit_test(a_lockless_child_gets_no_lock),
        cmocka_unit_test(the_environment_is_scrubbed_and_speaks_c),
        cmocka_unit_test(without_a_path_the_child_gets_the_usual_one),
        cmocka_unit_test(a_child_has_no_descriptor_of_ours),
        cmocka_unit_test(a_child_leads_a_process_group_of_its_own),
        cmocka_unit_test(a_child_has_its_signals_back),
        cmocka_unit_test(a_reader_of_strangers_files_is_limited),
        cmocka_unit_test(each_run_is_logged_before_and_after),
        cmocka_unit_test(an_input_is_not_logged),
        cmocka_unit_test(words_are_quoted_when_they_must_be),
        cmocka_unit_test(words_are_joined_by_blanks),
        cmocka_unit_test(every_byte_comes_through_a_shell),
        cmocka_unit_test(each_byte_alone_comes_through_a_shell),
        cmocka_unit_test(a_line_can_be_quoted_twice),
        cmocka_unit_test(release_empties),
    };

    return cmocka_run_group_tests_name("command", tests, block_signals, NULL);
}
