#include "cpi/session.h"

#include "cpi/exchange.h"
#include "cpi/trace.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { FAREWELL_MS = 2000, TRIES = 5, PAUSE_MS = 500 };

static void make_secret(struct session *session)
{
    unsigned char random[16];

    /* Cannot fail for so few bytes. */
    if (getrandom(random, sizeof(random), 0) < 0)
        memset(random, 0, sizeof(random));
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(session->secret + 2 * i, 3, "%02x", random[i]);
}

static const char *last_line(const char *text)
{
    size_t length = strlen(text);

    while (length > 0 && text[length - 1] != '\n')
        length--;
    return text + length;
}

/* What ssh said, on its last line. */
static char *last_words(struct session *session)
{
    cleanup_free char *said = buffer_steal(&session->err);
    size_t length = strlen(said);

    while (length > 0 && (said[length - 1] == '\n' || said[length - 1] == '\r'))
        said[--length] = '\0';
    return xstrdup(*said ? last_line(said) : "ssh gave no reason");
}

static int no_connection(struct session *session, enum ending ending, struct error *err)
{
    cleanup_free char *said = buffer_steal(&session->err);
    cleanup_error struct error cause = { 0 };

    if (ending == TIMED_OUT) {
        fail(&cause, ERROR_CLOUD,
             "host '%s' did not answer over ssh within %d seconds "
             "(connect_timeout): is it up, and does a firewall let ssh through?",
             session->host, session->connect_s);
        error_retriable(&cause);
    } else if (session->explain) {
        session->explain(session->state, said, &cause);
    } else {
        fail(&cause, ERROR_CLOUD, "cannot connect to host '%s': %s", session->host, said);
    }
    free(session->hopeless);
    session->hopeless = xstrdup(cause.message);
    session->hopeless_retriable = cause.ok_to_retry;
    *err = cause;
    cause = (struct error){ 0 };
    return -1;
}

/* What was being done when the answer broke off. */
static const char *current_step(const struct exchange *x)
{
    const struct session_question *q = x->question;
    const struct buffer *out = &x->session->out;
    const char *const *step = q->steps;
    const char *at = out->data;

    if (!step)
        return q->name ? q->name : q->what;
    while (at && step[1]) {
        at = memmem(at, (size_t)(out->data + out->length - at), q->separator, strlen(q->separator));
        if (at) {
            at += strlen(q->separator);
            step++;
        }
    }
    return *step;
}

static int judge(const struct exchange *x, enum ending ending, bool greeted, struct error *err)
{
    struct session *s = x->session;
    const char *what = current_step(x);

    if (ending == SOURCE_FAILED) {
        *err = x->source_error;
        return -1;
    }
    if (ending == INTERRUPTED)
        return fail(err, ERROR_CLOUD, "'%s' was stopped on host '%s': this call was asked to end",
                    what, s->host);
    if (!greeted)
        return no_connection(s, ending, err);
    if (ending == TIMED_OUT) {
        fail(err, ERROR_CLOUD,
             "'%s' did not end within %d seconds (command_timeout) on host '%s' and was stopped",
             what, x->question->timeout_s, s->host);
        return error_retriable(err);
    }
    cleanup_free char *said = last_words(s);
    fail(err, ERROR_CLOUD, "the connection to host '%s' was lost during '%s': %s", s->host, what,
         said);
    return error_retriable(err);
}

int session_open(struct session *session, struct error *err)
{
    struct child_plan plan = { .argv = (const char *const *)session->argv };

    if (session->open)
        return 0;
    if (session->hopeless) {
        fail(err, ERROR_CLOUD, "%s", session->hopeless);
        return session->hopeless_retriable ? error_retriable(err) : -1;
    }
    log_event(session->log, "connecting to host '%s'", session->host);
    if (child_start(&plan, &session->child, err) < 0)
        return error_wrap(err, "no connection to host '%s' (is openssh-client installed?)",
                          session->host);
    make_secret(session);
    session->open = true;
    session->greeted[0] = session->greeted[1] = false;
    if (!session->opened || session->opened(session->state, err) == 0)
        return 0;
    /* Nothing may run without what it made sure of. */
    session_close(session);
    return -1;
}

/* sshd drops connections when too many come at once (MaxStartups). Nothing has run then, and ssh
 * says nothing else: on the way over another host it says this of every failure there, after its
 * cause. */
static bool was_dropped(const struct session *session, const struct session_question *question)
{
    cleanup_free char *said =
        xstrndup(session->err.length ? session->err.data : "", session->err.length);
    cleanup_free char **lines = split_lines(said);

    for (char **line = lines; *line; line++)
        if (!strstr(*line, "Connection closed by") && !strstr(*line, "Connection reset by"))
            return false;
    return !question->source && *lines;
}

/* 1: answered, 0: the connection was dropped before it was one, -1: failed. */
static int ask_once(struct exchange *x, bool last_try, struct error *err)
{
    struct session *session = x->session;
    const long long began = clock_ms(), traced = trace_now(session->log->trace);

    if (session_open(session, err) < 0)
        return -1;
    log_event(session->log, "on %s: %s", session->host, x->question->what);
    snprintf(x->mark, sizeof(x->mark), "%s-%u", session->secret, ++session->asked);
    enum ending ending = exchange_run(x);
    const bool greeted = exchange_greeted(session);
    if (ending == ANSWERED) {
        exchange_finish(x);
        log_event(session->log, "  -> %d after %lld ms", x->answer->outcome.status,
                  clock_ms() - began);
        trace_question(session->log->trace, session->host, x->question->what, traced,
                       x->answer->outcome.status);
        return 1;
    }
    child_end(&session->child);
    buffer_drain(&session->err, &session->child.err);
    const bool again = ending == LOST && !greeted && !last_try && was_dropped(session, x->question);
    int failed = again ? 0 : judge(x, ending, greeted, err);
    session_close(session);
    return failed;
}

int session_ask(struct session *session, const struct session_question *question,
                struct session_answer *answer, struct error *err)
{
    for (int try = 1;; try++) {
        struct exchange x = { .session = session, .question = question, .answer = answer };
        int asked = ask_once(&x, try == TRIES, err);
        if (asked)
            return asked < 0 ? -1 : 0;
        log_event(session->log, "host '%s' dropped the connection: once more", session->host);
        pause_ms((long)PAUSE_MS * try);
    }
}

void session_tell(struct session *session, const char *what, const char *script)
{
    const struct session_question question = { .what = what,
                                               .script = script,
                                               .mode = SESSION_HERE };
    struct exchange x = { .session = session, .question = &question };

    log_event(session->log, "to %s, without waiting: %s", session->host, what);
    snprintf(x.mark, sizeof(x.mark), "%s-%u", session->secret, ++session->asked);
    exchange_send(&x, FAREWELL_MS);
}

void session_answer_release(struct session_answer *answer)
{
    outcome_release(&answer->outcome);
}

void session_close(struct session *session)
{
    struct pollfd ended = { .fd = session->child.pidfd, .events = POLLIN };

    if (!session->open)
        return;
    child_close_end(&session->child.in);
    if (poll(&ended, 1, FAREWELL_MS) <= 0)
        child_end(&session->child);
    child_reap(&session->child);
    child_release(&session->child);
    buffer_release(&session->out);
    buffer_release(&session->err);
    session->open = false;
}

void session_release(struct session *session)
{
    session_close(session);
    util_free_stringsp(&session->argv);
    util_freep(&session->hopeless);
}
