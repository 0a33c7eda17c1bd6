#include "unit.h"

#include "cpi/virsh.h"

/* A stand-in for virsh, a script in the test's directory, and what to reach it by. */
struct fixture {
    struct log log;
    struct host host;
    struct virsh virsh;
    void *directory;
    char *program;
};

static int enter(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    *state = f;
    if (unit_enter(&f->directory) < 0)
        return -1;
    f->program = xasprintf("%s/virsh", (char *)f->directory);
    f->host = (struct host){ .log = &f->log, .command_timeout = 60 };
    f->virsh = (struct virsh){ .host = &f->host, .program = f->program, .uri = "qemu:///system" };
    return 0;
}

static int leave(void **state)
{
    struct fixture *f = *state;
    int failed = unit_leave(&f->directory);

    log_release(&f->log);
    free(f->program);
    free(f);
    return failed;
}

/* Plays a script of this many commands on a virsh that does this. */
static struct virsh_reply answer(void **state, int commands, const char *behaviour)
{
    struct fixture *f = *state;
    cleanup_script struct virsh_script script = { 0 };
    struct virsh_reply reply = { 0 };
    struct error err = { 0 };

    unit_write_script(f->program, behaviour);
    for (int i = 0; i < commands; i++)
        VIRSH_ADD(&script, "list");
    int result = virsh_play(&f->virsh, &script, NULL, &reply, &err);
    if (result < 0)
        print_error("%s\n", err.message);
    assert_int_equal(result, 0);
    expect_no_error(&err);
    return reply;
}

static void virsh_gets_the_uri_and_the_script_as_one_word(void **state)
{
    struct fixture *f = *state;
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };
    struct error err = { 0 };

    unit_write_script(f->program, "printf '<%s>' \"$@\"\n");
    VIRSH_ADD(&script, "domstate", "vm 1");
    assert_int_equal(virsh_play(&f->virsh, &script, NULL, &reply, &err), 0);
    assert_string_equal(reply.out[0], "<-q><-c><qemu:///system><domstate 'vm 1'>");
}

static void plain_words_are_not_quoted(void **state)
{
    cleanup_script struct virsh_script script = { 0 };

    (void)state;
    VIRSH_ADD(&script, "undefine", "vm-1.a_b", "--managed-save", "/dev/stdin", "a:b@c");
    assert_string_equal(script.text, "undefine vm-1.a_b --managed-save /dev/stdin a:b@c");
    assert_int_equal(script.count, 1);
}

static void all_other_words_are_quoted(void **state)
{
    static const struct {
        const char *word, *quoted;
    } rows[] = {
        { "", "''" },     { "a b", "'a b'" },     { "it's", "'it'\\''s'" },
        { ";", "';'" },   { "#", "'#'" },         { "\\", "'\\'" },
        { "\"", "'\"'" }, { "a\nb", "'a\nb'" },   { "a=b", "'a=b'" },
        { "$x", "'$x'" }, { "<vm/>", "'<vm/>'" }, { "\xc3\xa9", "'\xc3\xa9'" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_script struct virsh_script script = { 0 };
        VIRSH_ADD(&script, rows[i].word);
        assert_string_equal(script.text, rows[i].quoted);
    }
}

static void appended_commands_come_behind_and_count(void **state)
{
    cleanup_script struct virsh_script all = { 0 }, more = { 0 }, none = { 0 };

    (void)state;
    VIRSH_ADD(&more, "uri");
    VIRSH_ADD(&more, "list");
    virsh_append(&all, &none);
    assert_null(all.text);
    virsh_append(&all, &more);
    assert_string_equal(all.text, "uri; echo ==cpi==; list");
    virsh_append(&all, &more);
    VIRSH_ADD(&all, "start", "x");
    assert_string_equal(all.text, "uri; echo ==cpi==; list; echo ==cpi==; uri; echo ==cpi==; list; "
                                  "echo ==cpi==; start x");
    assert_int_equal(all.count, 5);
}

static void commands_are_told_apart_by_an_echo(void **state)
{
    cleanup_script struct virsh_script script = { 0 };

    (void)state;
    VIRSH_ADD(&script, "destroy", "a");
    VIRSH_ADD(&script, "list");
    VIRSH_ADD(&script, "list", "--all");
    assert_string_equal(script.text, "destroy a; echo ==cpi==; list; echo ==cpi==; list --all");
    assert_int_equal(script.count, 3);
}

/* virsh splits a line as a shell does, so a shell stands in for it: every word must arrive. */
static void words_arrive_as_they_are(void **state)
{
    struct fixture *f = *state;
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };
    struct error err = { 0 };
    char all[256];

    for (int c = 1; c < 256; c++)
        all[c - 1] = (char)c;
    all[255] = '\0';
    unit_write_script(f->program, "echo() { printf %s \"$1\"; }\n"
                                  "say() { printf '<%s>' \"$@\"; }\n"
                                  "eval \"$4\"\n");
    VIRSH_ADD(&script, "say", all, "", "; say no", "end");
    VIRSH_ADD(&script, "say", "it's", "''", "a\\'b");
    cleanup_free char *expected = xasprintf("<%s><><; say no><end>", all);
    assert_int_equal(virsh_play(&f->virsh, &script, NULL, &reply, &err), 0);
    assert_string_equal(reply.out[0], expected);
    assert_string_equal(reply.out[1], "<it's><''><a\\'b>");
    assert_null(reply.out[2]);
    assert_true(reply.ok);
}

static void the_input_is_on_stdin(void **state)
{
    struct fixture *f = *state;
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };
    struct error err = { 0 };

    unit_write_script(f->program, "cat /dev/stdin\n");
    VIRSH_ADD(&script, "define", "/dev/stdin");
    assert_int_equal(virsh_play(&f->virsh, &script, "<domain/>\n", &reply, &err), 0);
    assert_string_equal(reply.out[0], "<domain/>\n");
}

static void each_command_has_its_own_output(void **state)
{
    cleanup_reply struct virsh_reply reply =
        answer(state, 3, "printf 'one\\n==cpi==two\\nlines\\n==cpi==three'\n");

    assert_string_equal(reply.out[0], "one\n");
    assert_string_equal(reply.out[1], "two\nlines\n");
    assert_string_equal(reply.out[2], "three");
    assert_null(reply.out[3]);
}

static void a_command_that_says_nothing_has_an_empty_output(void **state)
{
    cleanup_reply struct virsh_reply reply = answer(state, 3, "printf '==cpi====cpi=='\n");

    for (int i = 0; i < 3; i++)
        assert_string_equal(reply.out[i], "");
    assert_null(reply.out[3]);
}

static void a_command_that_never_ran_has_an_empty_output(void **state)
{
    cleanup_reply struct virsh_reply reply = answer(state, 3, "printf 'one'\nexit 1\n");

    assert_string_equal(reply.out[0], "one");
    assert_string_equal(reply.out[1], "");
    assert_string_equal(reply.out[2], "");
    assert_null(reply.out[3]);
}

/* What was cut or has a separator too many would be taken for something else's. */
static void pieces_that_are_not_as_many_as_the_commands_are_refused(void **state)
{
    static const char *const behaviours[] = { ":\n", "printf 'one==cpi==two'\n",
                                              "printf 'one==cpi==two==cpi==three==cpi=='\n" };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_SIZE(behaviours); i++) {
        cleanup_script struct virsh_script script = { 0 };
        cleanup_reply struct virsh_reply reply = { 0 };
        cleanup_error struct error err = { 0 };
        unit_write_script(f->program, behaviours[i]);
        for (int command = 0; command < 3; command++)
            VIRSH_ADD(&script, "list");
        assert_int_equal(virsh_play(&f->virsh, &script, NULL, &reply, &err), -1);
        expect_error(&err, ERROR_CLOUD, "did not answer in the form");
    }
}

static void success_in_silence_is_ok(void **state)
{
    cleanup_reply struct virsh_reply reply = answer(state, 1, ":\n");

    assert_true(reply.ok);
    assert_int_equal(reply.status, 0);
    assert_string_equal(reply.complaints, "");
}

static void a_status_is_not_ok(void **state)
{
    cleanup_reply struct virsh_reply reply = answer(state, 1, "exit 1\n");

    assert_false(reply.ok);
    assert_int_equal(reply.status, 1);
}

/* virsh goes on after a failing command, and its status is the last one's. */
static void a_complaint_of_any_command_is_not_ok(void **state)
{
    cleanup_reply struct virsh_reply first =
        answer(state, 2, "printf ==cpi==; echo \"error: failed to get domain 'a'\" >&2\n");
    cleanup_reply struct virsh_reply later =
        answer(state, 2, "printf ==cpi==; printf 'a note\\nerror: no\\n' >&2\n");

    assert_false(first.ok);
    assert_int_equal(first.status, 0);
    assert_string_equal(first.complaints, "failed to get domain 'a'");
    assert_false(later.ok);
}

static void a_note_on_stderr_is_ok(void **state)
{
    cleanup_reply struct virsh_reply reply = answer(state, 1, "echo 'no error: a note' >&2\n");

    assert_true(reply.ok);
    assert_string_equal(reply.complaints, "no error: a note");
}

static void complaints_are_one_line_with_each_thing_once(void **state)
{
    cleanup_reply struct virsh_reply reply =
        answer(state, 1,
               "printf 'error: one\\nerror: two\\n\\nerror: one\\ntwo\\nthree\\n' >&2\nexit 1\n");

    assert_string_equal(reply.complaints, "one; two; three");
}

static void complaints_are_logged(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *text = NULL;
    size_t length;

    f->log.stream = text_open(&text, &length);
    cleanup_reply struct virsh_reply reply = answer(state, 1, "echo 'error: one' >&2\nexit 1\n");
    text_close(f->log.stream);
    f->log.stream = NULL;
    assert_string_equal(reply.complaints, "one");
    expect_part(text, "cpi:   virsh says: one\n");
}

static int play(void **state, const char *behaviour, struct error *err)
{
    struct fixture *f = *state;
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    if (behaviour)
        unit_write_script(f->program, behaviour);
    VIRSH_ADD(&script, "list");
    return virsh_play(&f->virsh, &script, NULL, &reply, err);
}

static void no_connection_is_an_error_against_which_a_retry_helps(void **state)
{
    struct error err = { 0 };

    assert_int_equal(play(state,
                          "echo 'error: failed to connect to the hypervisor' >&2\n"
                          "echo 'error: Failed to connect socket: No such file' >&2\nexit 1\n",
                          &err),
                     -1);
    assert_true(err.ok_to_retry);
    expect_error(&err, ERROR_CLOUD,
                 "cannot reach libvirt at 'qemu:///system': failed to connect to the hypervisor; "
                 "Failed to connect socket: No such file");
}

static void a_missing_virsh_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct error err = { 0 };
    cleanup_free char *part = xasprintf("cannot find the program '%s'", f->program);

    assert_int_equal(play(state, NULL, &err), -1);
    expect_error(&err, ERROR_CLOUD, part);
}

static void fail_tells_what_and_virshs_own_words(void **state)
{
    cleanup_reply struct virsh_reply reply = answer(state, 1, "echo 'error: why' >&2\nexit 1\n");
    cleanup_reply struct virsh_reply silent = answer(state, 1, "exit 1\n");
    struct error err = { 0 };

    assert_int_equal(virsh_fail(&reply, &err, "VM '%s'", "vm-1"), -1);
    assert_string_equal(err.message, "VM 'vm-1': why");
    expect_error(&err, ERROR_CLOUD, "");
    assert_int_equal(virsh_fail(&silent, &err, "VM '%s'", "vm-1"), -1);
    expect_error(&err, ERROR_CLOUD, "VM 'vm-1': virsh gave no reason");
}

static void a_job_that_never_ends_comes_with_what_ends_it(void **state)
{
    cleanup_reply struct virsh_reply lost =
        answer(state, 1, "echo 'error: locked (held by monitor=init-vm-1)' >&2\nexit 1\n");
    cleanup_reply struct virsh_reply busy =
        answer(state, 1, "echo 'error: locked (held by monitor=remoteDispatch)' >&2\nexit 1\n");
    struct error err = { 0 };

    virsh_fail(&lost, &err, "VM '%s'", "vm-1");
    expect_error(&err, ERROR_CLOUD,
                 "=init-vm-1) (a job from before libvirtd's last start holds the VM");
    virsh_fail(&busy, &err, "VM '%s'", "vm-1");
    assert_string_equal(err.message, "VM 'vm-1': locked (held by monitor=remoteDispatch)");
    error_release(&err);
}

static void a_script_can_be_used_again_after_its_release(void **state)
{
    cleanup_script struct virsh_script script = { 0 };

    (void)state;
    VIRSH_ADD(&script, "a");
    virsh_script_release(&script);
    assert_null(script.text);
    assert_int_equal(script.count, 0);
    VIRSH_ADD(&script, "b");
    assert_string_equal(script.text, "b");
}

static int block_signals(void **state)
{
    (void)state;
    command_block_signals();
    return 0;
}

#define WITH_VIRSH(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_VIRSH(virsh_gets_the_uri_and_the_script_as_one_word),
        cmocka_unit_test(plain_words_are_not_quoted),
        cmocka_unit_test(all_other_words_are_quoted),
        cmocka_unit_test(appended_commands_come_behind_and_count),
        cmocka_unit_test(commands_are_told_apart_by_an_echo),
        WITH_VIRSH(words_arrive_as_they_are),
        WITH_VIRSH(the_input_is_on_stdin),
        WITH_VIRSH(each_command_has_its_own_output),
        WITH_VIRSH(a_command_that_says_nothing_has_an_empty_output),
        WITH_VIRSH(a_command_that_never_ran_has_an_empty_output),
        WITH_VIRSH(pieces_that_are_not_as_many_as_the_commands_are_refused),
        WITH_VIRSH(success_in_silence_is_ok),
        WITH_VIRSH(a_status_is_not_ok),
        WITH_VIRSH(a_complaint_of_any_command_is_not_ok),
        WITH_VIRSH(a_note_on_stderr_is_ok),
        WITH_VIRSH(complaints_are_one_line_with_each_thing_once),
        WITH_VIRSH(complaints_are_logged),
        WITH_VIRSH(no_connection_is_an_error_against_which_a_retry_helps),
        WITH_VIRSH(a_missing_virsh_is_an_error),
        WITH_VIRSH(fail_tells_what_and_virshs_own_words),
        WITH_VIRSH(a_job_that_never_ends_comes_with_what_ends_it),
        cmocka_unit_test(a_script_can_be_used_again_after_its_release),
    };

    return cmocka_run_group_tests_name("virsh", tests, block_signals, NULL);
}
