#include "unit.h"

#include "cpi/log.h"

struct capture {
    struct log log;
    char *text;
    size_t length;
};

static int start(void **state)
{
    struct capture *capture = xcalloc(1, sizeof(*capture));

    capture->log.stream = text_open(&capture->text, &capture->length);
    *state = capture;
    return 0;
}

static int stop(void **state)
{
    struct capture *capture = *state;

    text_close(capture->log.stream);
    log_release(&capture->log);
    free(capture->text);
    free(capture);
    return 0;
}

static const char *written(struct capture *capture)
{
    fflush(capture->log.stream);
    return capture->text;
}

static void an_event_is_one_line(void **state)
{
    struct capture *capture = *state;

    log_event(&capture->log, "run: %s", "virsh");
    assert_string_equal(written(capture), "cpi: run: virsh\n");
}

static void a_line_carries_the_request_id(void **state)
{
    struct capture *capture = *state;

    capture->log.request_id = xstrdup("cpi-123456");
    log_event(&capture->log, "hello");
    assert_string_equal(written(capture), "cpi cpi-123456: hello\n");
}

static void newlines_do_not_make_more_lines(void **state)
{
    struct capture *capture = *state;

    log_event(&capture->log, "a\nb\n");
    assert_string_equal(written(capture), "cpi: a b \n");
}

static void an_event_is_not_in_the_response(void **state)
{
    struct capture *capture = *state;

    log_event(&capture->log, "hello");
    assert_null(capture->log.text);
}

static void notes_are_in_both_in_order(void **state)
{
    struct capture *capture = *state;

    log_note(&capture->log, "one %d", 1);
    log_note(&capture->log, "two");
    assert_string_equal(capture->log.text, "one 1\ntwo\n");
    assert_string_equal(written(capture), "cpi: one 1\ncpi: two\n");
}

static void without_a_stream_notes_are_kept(void **state)
{
    struct log log = { 0 };

    (void)state;
    log_event(&log, "nowhere");
    log_note(&log, "kept");
    assert_string_equal(log.text, "kept\n");
    log_release(&log);
}

static void release_empties(void **state)
{
    struct log log = { .request_id = xstrdup("x") };

    (void)state;
    log_note(&log, "a");
    log_release(&log);
    assert_null(log.text);
    assert_null(log.request_id);
}

#define CAPTURED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CAPTURED(an_event_is_one_line),
        CAPTURED(a_line_carries_the_request_id),
        CAPTURED(newlines_do_not_make_more_lines),
        CAPTURED(an_event_is_not_in_the_response),
        CAPTURED(notes_are_in_both_in_order),
        cmocka_unit_test(without_a_stream_notes_are_kept),
        cmocka_unit_test(release_empties),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
