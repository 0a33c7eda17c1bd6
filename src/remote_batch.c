#include "cpi/remote.h"

#include <stdlib.h>
#include <string.h>

/* What the shell ends with when the guard's file is not as it should be. */
enum { UNGUARDED = 77 };

/* A question with all that travels with it. */
struct batch {
    const struct host *host;
    const struct session_question *question;
    struct remote_part *parts; /* as many as there are before the question, then the sequels */
    size_t count, first_sequel;
    char *before, *script, *input;
    size_t input_length;
    const char **steps;
    char separator[64], begun[64];
    int longest_s, whole_s, wait_s;
};

/* --- the question ----------------------------------------------------------------------------- */

static char *guard_line(const struct remote_guard *guard)
{
    cleanup_free char *path = remote_quote(guard->path);
    cleanup_free char *wanted = xasprintf("%s.", guard->text);
    cleanup_free char *content = remote_quote(wanted);
    char *text = NULL;
    size_t length;
    FILE *out = text_open(&text, &length);

    fprintf(out, "{ [ \"$(cat -- %s 2>/dev/null; echo .)\" = %s ]", path, content);
    for (char *const *directory = guard->directories; directory && *directory; directory++) {
        cleanup_free char *name = remote_quote(*directory);
        fprintf(out, " && [ -d %s ]", name);
    }
    fprintf(out, " || (exit %d); }", UNGUARDED);
    text_close(out);
    return text;
}

/* What concerns the far shell itself: locks that are let go always are, whatever follows. */
static char *write_before(struct batch *batch, struct remote *remote)
{
    cleanup_free char *let_go = steal_pointer(&remote->pending);
    const bool guarded = remote->guard.path && !remote->guard.passed;
    cleanup_free char *guard = guarded ? guard_line(&remote->guard) : NULL;
    cleanup_free char *locks = remote_lock_lines(remote, &batch->wait_s);

    remote->must_send = false;
    if (!let_go && !guard && !locks)
        return NULL;
    return xasprintf("%s\n%s%s%s%s%s", let_go ? let_go : "", guard ? guard : "",
                     guard && locks ? " && " : "", locks ? locks : "", locks ? " && echo " : "",
                     locks ? batch->begun : "");
}

static void write_part(FILE *out, const struct batch *batch, const struct remote_part *part)
{
    /* What it does not read must not be left to the next one. */
    if (part->input)
        fprintf(out,
                "dd status=none iflag=fullblock,count_bytes bs=65536 count=%zu | "
                "{ ( %s\n)\ns=$?; cat >/dev/null; (exit $s); }\ns=$?\n",
                part->input_length, part->script);
    else
        fprintf(out, "( %s\n) </dev/null\ns=$?\n", part->script);
    fprintf(out, "echo \"%s $s\"; echo %s >&2\n", batch->separator, batch->separator);
    if (part->kind == REMOTE_STEP)
        fputs("[ $s = 0 ] || exit $s\n", out);
}

static void write_script(struct batch *batch)
{
    size_t length;
    const bool reads = batch->question->mode == SESSION_FEED;
    FILE *out = text_open(&batch->script, &length);

    for (size_t i = 0; i < batch->first_sequel; i++)
        write_part(out, batch, &batch->parts[i]);
    fprintf(out, "( %s\n)%s\ns=$?\necho \"%s $s\"; echo %s >&2\n", batch->question->script,
            reads ? "" : " </dev/null", batch->separator, batch->separator);
    if (batch->first_sequel < batch->count)
        fputs("[ $s = 0 ] || exit 0\n", out);
    for (size_t i = batch->first_sequel; i < batch->count; i++)
        write_part(out, batch, &batch->parts[i]);
    text_close(out);
}

static void add_input(struct batch *batch, const char *input, size_t length)
{
    if (!length)
        return;
    batch->input = xrealloc(batch->input, batch->input_length + length);
    memcpy(batch->input + batch->input_length, input, length);
    batch->input_length += length;
}

static void write_input(struct batch *batch)
{
    for (size_t i = 0; i < batch->first_sequel; i++)
        add_input(batch, batch->parts[i].input, batch->parts[i].input_length);
    add_input(batch, batch->question->input, batch->question->input_length);
}

static void write_steps(struct batch *batch)
{
    const struct session_question *q = batch->question;
    size_t step = 0;

    batch->steps = xcalloc(batch->count + 2, sizeof(*batch->steps));
    batch->longest_s = batch->whole_s = q->timeout_s;
    for (size_t i = 0; i <= batch->count; i++) {
        if (i == batch->first_sequel)
            batch->steps[step++] = q->name ? q->name : q->what;
        if (i == batch->count)
            break;
        const struct remote_part *part = &batch->parts[i];
        const int seconds = part->timeout_s ? part->timeout_s : batch->host->command_timeout;
        batch->steps[step++] = part->name ? part->name : part->what;
        batch->longest_s = seconds > batch->longest_s ? seconds : batch->longest_s;
        batch->whole_s += seconds;
    }
}

/* The parts become the batch's, the sequels last. */
static void take_parts(struct batch *batch, struct remote *remote)
{
    batch->parts = xcalloc(remote->part_count + 1, sizeof(*batch->parts));
    for (int sequels = 0; sequels < 2; sequels++) {
        for (size_t i = 0; i < remote->part_count; i++)
            if ((remote->parts[i].kind == REMOTE_SEQUEL) == sequels)
                batch->parts[batch->count++] = remote->parts[i];
        if (!sequels)
            batch->first_sequel = batch->count;
    }
    free(remote->parts);
    remote->parts = NULL;
    remote->part_count = 0;
}

static void batch_write(struct batch *batch, struct remote *remote)
{
    snprintf(batch->separator, sizeof(batch->separator), "%s-step", remote->session.secret);
    write_steps(batch);
    if (batch->count) {
        write_script(batch);
        write_input(batch);
    }
    snprintf(batch->begun, sizeof(batch->begun), "%s-begun", remote->session.secret);
    batch->before = write_before(batch, remote);
}

static void batch_unwrite(struct batch *batch)
{
    free(batch->before);
    free(batch->script);
    free(batch->input);
    free(batch->steps);
    batch->before = batch->script = batch->input = NULL;
    batch->steps = NULL;
    batch->input_length = 0;
}

static int batch_ask(struct batch *batch, struct session_answer *answer, struct error *err)
{
    struct session_question asked = *batch->question;

    asked.before = batch->before;
    asked.before_s = batch->wait_s;
    asked.whole_s = batch->whole_s;
    asked.timeout_s = batch->longest_s;
    if (batch->count) {
        asked.script = batch->script;
        asked.steps = batch->steps;
        asked.separator = batch->separator;
        asked.mode = SESSION_RUN;
        if (batch->question->mode == SESSION_FEED || batch->input_length)
            asked.mode = SESSION_FEED;
        asked.input = batch->input;
        asked.input_length = batch->input_length;
    }
    return session_ask(&batch->host->remote->session, &asked, answer, err);
}

/* --- its answer ------------------------------------------------------------------------------- */

/* Where in an answer the outcome of the next step begins. */
struct place {
    char *out, *err;
    size_t out_length;
};

/* Cuts off what the next step has answered. False: it was not run. */
static bool cut_step(const struct batch *batch, struct place *place, struct outcome *outcome)
{
    const size_t length = strlen(batch->separator);
    char *end = memmem(place->out, place->out_length, batch->separator, length);
    char *err_end = strstr(place->err, batch->separator);

    if (!end || !err_end)
        return false;
    outcome->out_length = (size_t)(end - place->out);
    outcome->out = xcalloc(1, outcome->out_length + 1);
    memcpy(outcome->out, place->out, outcome->out_length);
    outcome->err = xstrndup(place->err, (size_t)(err_end - place->err));
    outcome->status = (int)strtol(end + length, NULL, 10);
    const size_t used = outcome->out_length + length;
    const char *line = memchr(end + length, '\n', place->out_length - used);
    const size_t passed = line ? (size_t)(line + 1 - place->out) : place->out_length;
    place->out += passed;
    place->out_length -= passed;
    place->err = err_end + length + (err_end[length] == '\n');
    return true;
}

static int judge_part(const struct host *host, const struct remote_part *part,
                      const struct outcome *outcome, struct error *err)
{
    const struct remote_question question = { .what = part->verb, .path = part->path };

    if (part->kind == REMOTE_ATTEMPT) {
        if (outcome->status != 0)
            log_event(host->log, "%s: %s", part->what, outcome->err);
        return 0;
    }
    if (!part->verdict.judge)
        return outcome->status == 0 ? 0 : remote_fail(&question, outcome, err);
    if (remote_check_found(host, part->name, outcome, err) < 0 ||
        part->verdict.judge(&part->verdict, outcome, err) < 0)
        return -1;
    if (outcome->status == 0)
        return 0;
    return fail(err, ERROR_CLOUD,
                "'%s' ended with status %d on host '%s', so what follows was not done", part->what,
                outcome->status, host->remote->session.host);
}

/* The first failure counts. */
static int read_part(struct batch *batch, struct remote_part *part, struct place *place,
                     struct error *err)
{
    cleanup_outcome struct outcome outcome = { 0 };
    struct remote *remote = batch->host->remote;

    if (!cut_step(batch, place, &outcome))
        return fail(err, ERROR_CLOUD,
                    "the shell of host '%s' did not answer in the form that it should: '%s' was "
                    "not run",
                    remote->session.host, part->what);
    if (part->kind == REMOTE_FORESEEN || part->kind == REMOTE_SEQUEL) {
        remote_learn(remote, part, &outcome);
        return 0;
    }
    if (judge_part(batch->host, part, &outcome, err) == 0)
        return 0;
    remote->step_failed = true;
    return -1;
}

static int read_steps(struct batch *batch, const struct session_answer *whole,
                      struct session_answer *answer, struct error *err)
{
    struct place place = { whole->outcome.out, whole->outcome.err, whole->outcome.out_length };
    struct remote *remote = batch->host->remote;

    for (size_t i = 0; i < batch->first_sequel; i++)
        if (read_part(batch, &batch->parts[i], &place, err) < 0)
            return -1;
    if (!cut_step(batch, &place, &answer->outcome))
        return fail(err, ERROR_CLOUD,
                    "the shell of host '%s' did not answer in the form that it should: '%s' was "
                    "not run",
                    remote->session.host, batch->question->what);
    for (size_t i = batch->first_sequel; answer->outcome.status == 0 && i < batch->count; i++)
        if (read_part(batch, &batch->parts[i], &place, err) < 0)
            return -1;
    return 0;
}

/* The file is as it should be, so it need not be read. */
static void learn_guard(struct remote *remote)
{
    cleanup_free char *path = remote_quote(remote->guard.path);
    struct remote_part part = { .script = remote_get_script(path) };
    struct outcome outcome = { .out = xstrdup(remote->guard.text), .err = xstrdup("") };

    outcome.out_length = strlen(outcome.out);
    remote_learn(remote, &part, &outcome);
}

/* 1: ask again, 0: all is well, -1: failed. */
static int read_guard(struct remote *remote, const struct session_answer *answer, struct error *err)
{
    struct remote_guard *guard = &remote->guard;
    const bool fell = answer->before_failed && answer->outcome.status == UNGUARDED;

    if (!guard->path || guard->passed)
        return 0;
    if (!fell)
        learn_guard(remote);
    guard->passed = guard->check(guard->state, !fell, err) == 0;
    return guard->passed ? fell : -1;
}

/* What has happened before the question. 1: ask again, 0: all is well, -1: failed. */
static int read_before(struct remote *remote, const struct session_answer *answer,
                       struct error *err)
{
    remote->alone = true;
    int result = read_guard(remote, answer, err);
    if (result == 0)
        result = remote_locks_taken(remote, answer->before_failed ? &answer->outcome : NULL, err);
    remote->alone = false;
    return result;
}

/* What the lines before the question have printed when they were done. */
static void cut_begun(const struct batch *batch, struct outcome *outcome)
{
    const size_t length = strlen(batch->begun) + 1;

    if (!starts_with(outcome->out, batch->begun))
        return;
    outcome->out_length -= length;
    memmove(outcome->out, outcome->out + length, outcome->out_length + 1);
}

static int ask_batch(struct batch *batch, struct session_answer *answer, struct error *err)
{
    struct remote *remote = batch->host->remote;

    for (;;) {
        cleanup_answer struct session_answer whole = { 0 };
        int again = 0;

        if (session_open(&remote->session, err) < 0)
            return -1;
        batch_write(batch, remote);
        const bool before = batch->before;
        int asked = batch_ask(batch, &whole, err);
        batch_unwrite(batch);
        if (asked < 0)
            return -1;
        cut_begun(batch, &whole.outcome);
        if (before)
            again = read_before(remote, &whole, err);
        if (again < 0)
            return -1;
        if (again)
            continue;
        if (batch->count)
            return read_steps(batch, &whole, answer, err);
        *answer = whole;
        whole = (struct session_answer){ 0 };
        return 0;
    }
}

static bool has_steps(const struct batch *batch)
{
    for (size_t i = 0; i < batch->first_sequel; i++)
        if (batch->parts[i].kind == REMOTE_STEP)
            return true;
    return false;
}

int remote_exchange(const struct host *host, const struct session_question *question,
                    struct session_answer *answer, struct error *err)
{
    struct remote *remote = host->remote;
    struct batch batch = { .host = host, .question = question };

    if (remote->alone)
        return session_ask(&remote->session, question, answer, err);
    if (remote_check_unbroken(remote, err) < 0)
        return -1;
    take_parts(&batch, remote);
    int failed = ask_batch(&batch, answer, err);
    if (failed && has_steps(&batch))
        remote_break_off(remote, err);
    remote_parts_release(batch.parts, batch.count);
    return failed;
}

int remote_exchange_apart(const struct host *host, const struct session_question *question,
                          struct session_answer *answer, struct error *err)
{
    struct remote *remote = host->remote;
    struct batch batch = { .host = host, .question = question };

    if (remote->alone)
        return session_ask(&remote->session, question, answer, err);
    return remote_check_unbroken(remote, err) < 0 ? -1 : ask_batch(&batch, answer, err);
}
