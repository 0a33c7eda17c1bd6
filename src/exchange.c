#include "cpi/exchange.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 1 << 20, HEAD = 12, LINE = 128, FAR_GRACE_S = 10 };

static const char greeting[] = "cpi-session\n";
static const char last_block[] = "0000000000.\n", confirmation[] = ".\n";

static int whole_s(const struct session_question *question)
{
    return question->before_s + (question->whole_s ? question->whole_s : question->timeout_s);
}

static void write_question(struct exchange *x)
{
    static const char *const modes[] = { "here", "run", "feed" };
    const struct session_question *q = x->question;
    const char *first = q->before ? q->before : "";
    char *text = NULL;
    size_t length;
    FILE *out = text_open(&text, &length);
    const size_t tail = strlen("\n#") + strlen(x->mark);

    cleanup_free char *line =
        xasprintf("%s %d %s %zu %zu", modes[q->mode], whole_s(q) + FAR_GRACE_S, x->mark,
                  strlen(first) + tail, strlen(q->script) + tail);
    fprintf(out, "%-*s\n", LINE - 1, line);
    fprintf(out, "%s\n#%s", first, x->mark);
    fprintf(out, "%s\n#%s", q->script, x->mark);
    text_close(out);
    buffer_add(&x->text, text, length);
    free(text);
    x->next = x->text.data;
    x->next_length = x->text.length;
}

/* Fills the block after its head. 0: there is no more, -1: the source failed. */
static int fill_block(struct exchange *x)
{
    const struct session_question *q = x->question;
    const char *piece;
    ssize_t got = 1;

    x->text.length = 0;
    buffer_add(&x->text, "0000000000.\n", HEAD);
    if (!q->source) {
        buffer_add(&x->text, q->input, q->input_length);
        x->stage = STAGE_LAST_BLOCK;
    }
    while (q->source && x->text.length < BLOCK && got > 0) {
        got = q->source->read(q->source->state, &piece, &x->source_error);
        if (got < 0)
            return -1;
        buffer_add(&x->text, piece, (size_t)got);
        if (got == 0)
            x->stage = STAGE_LAST_BLOCK;
    }
    return x->text.length > HEAD;
}

static void send_text(struct exchange *x, const char *text)
{
    x->next = text;
    x->next_length = strlen(text);
}

static bool answered(const struct exchange *x)
{
    return x->found[0] && x->found[1];
}

/* Is there something to send? -1: the source failed. */
static int refill(struct exchange *x)
{
    if (x->next_length > 0)
        return 1;
    if (x->stage == STAGE_QUESTION)
        x->stage = x->question->mode == SESSION_FEED ? STAGE_INPUT : STAGE_SENT;
    if (x->stage == STAGE_INPUT && answered(x))
        x->stage = STAGE_LAST_BLOCK; /* whoever has ended reads no more */
    if (x->stage == STAGE_INPUT) {
        int filled = fill_block(x);
        if (filled < 0)
            return -1;
        if (filled) {
            char head[HEAD + 1];
            snprintf(head, sizeof(head), "%010u.\n", (unsigned)(x->text.length - HEAD));
            memcpy(x->text.data, head, HEAD);
            x->next = x->text.data;
            x->next_length = x->text.length;
            return 1;
        }
    }
    if (x->stage == STAGE_LAST_BLOCK) {
        send_text(x, last_block);
        x->stage = STAGE_SENT;
        return 1;
    }
    if (x->stage == STAGE_SENT && answered(x) && x->question->mode != SESSION_HERE) {
        send_text(x, confirmation);
        x->stage = STAGE_CONFIRMED;
        return 1;
    }
    return 0;
}

/* Sends what the pipe takes. 1: it took something, -1: the source failed. A pipe that is closed is
 * noticed by who reads. */
static int feed(struct exchange *x)
{
    int took = 0, more;

    while ((more = refill(x)) > 0) {
        ssize_t n = write(x->session->child.in, x->next, x->next_length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return took;
        if (n < 0) {
            child_close_end(&x->session->child.in);
            return took;
        }
        took = 1;
        x->next += n;
        x->next_length -= (size_t)n;
    }
    return more < 0 ? -1 : took;
}

/* A login shell may say something of its own before the loop does. */
static bool greet(bool *greeted, struct buffer *buffer)
{
    if (!*greeted && buffer->length) {
        char *said = memmem(buffer->data, buffer->length, greeting, strlen(greeting));
        if (said) {
            buffer_drop(buffer, (size_t)(said - buffer->data) + strlen(greeting));
            *greeted = true;
        }
    }
    return *greeted;
}

/* The whole line of the mark must be there. */
static void look_for_mark(struct exchange *x, int stream, const struct buffer *buffer)
{
    const size_t length = strlen(x->mark), from = x->looked[stream];

    if (x->found[stream] || buffer->length < from + length)
        return;
    const char *at = memmem(buffer->data + from, buffer->length - from, x->mark, length);
    if (!at) {
        x->looked[stream] = buffer->length - length;
        return;
    }
    const size_t place = (size_t)(at - buffer->data);
    x->looked[stream] = place;
    if (memchr(at + length, '\n', buffer->length - place - length))
        x->found[stream] = place + 1;
}

static void read_answers(struct exchange *x)
{
    struct session *s = x->session;

    buffer_drain(&s->out, &s->child.out);
    buffer_drain(&s->err, &s->child.err);
    if (greet(&s->greeted[0], &s->out))
        look_for_mark(x, 0, &s->out);
    if (greet(&s->greeted[1], &s->err))
        look_for_mark(x, 1, &s->err);
}

bool exchange_greeted(const struct session *session)
{
    return session->greeted[0] && session->greeted[1];
}

/* How long the far side may take still. */
struct patience {
    bool greeted;
    long long step, whole; /* until then, in clock_ms */
    size_t heard;          /* bytes of the answer so far */
};

static void begin_to_wait(struct patience *p, const struct exchange *x)
{
    p->step = clock_ms() + (x->question->before_s + x->question->timeout_s) * 1000LL;
    p->whole = clock_ms() + whole_s(x->question) * 1000LL;
}

/* A step begins when the one before it has said that it is over. */
static long long time_left(struct patience *p, const struct exchange *x, bool took)
{
    const struct session *s = x->session;
    const size_t heard = s->out.length + s->err.length;
    const bool told = x->question->steps || x->question->before_s;
    const bool moved = told && heard != p->heard;

    if (!p->greeted && exchange_greeted(s)) {
        p->greeted = true;
        begin_to_wait(p, x);
    } else if (p->greeted && took && x->question->source) {
        begin_to_wait(p, x);
    } else if (p->greeted && moved) {
        p->step = clock_ms() + x->question->timeout_s * 1000LL;
    }
    p->heard = heard;
    return (p->step < p->whole ? p->step : p->whole) - clock_ms();
}

static enum ending pump(struct exchange *x)
{
    struct session *s = x->session;
    struct patience patience = { .greeted = exchange_greeted(s) };

    begin_to_wait(&patience, x);
    if (!patience.greeted)
        patience.step = patience.whole = clock_ms() + s->connect_s * 1000LL;
    for (;;) {
        int took = s->child.in >= 0 ? feed(x) : 0;
        if (took < 0)
            return SOURCE_FAILED;
        if (answered(x) && x->next_length == 0 && x->stage >= STAGE_SENT)
            return ANSWERED;
        if (s->child.out < 0 || s->child.err < 0)
            return LOST;
        struct pollfd fds[] = {
            { .fd = s->child.out, .events = POLLIN },
            { .fd = s->child.err, .events = POLLIN },
            { .fd = x->next_length ? s->child.in : -1, .events = POLLOUT },
        };
        const long long left = time_left(&patience, x, took > 0);
        if (left <= 0)
            return TIMED_OUT;
        /* The short step is for the signals, which are blocked and only asked for. */
        if (poll(fds, ARRAY_SIZE(fds), left < 200 ? (int)left : 200) < 0 && errno != EINTR)
            return LOST;
        if (command_interrupted())
            return INTERRUPTED;
        read_answers(x);
    }
}

enum ending exchange_run(struct exchange *x)
{
    write_question(x);
    enum ending ending = pump(x);
    buffer_release(&x->text);
    return ending;
}

void exchange_send(struct exchange *x, int milliseconds)
{
    const long long deadline = clock_ms() + milliseconds;
    struct session *s = x->session;

    write_question(x);
    while (s->child.in >= 0 && feed(x) >= 0 && x->next_length > 0 && clock_ms() < deadline) {
        struct pollfd room = { .fd = s->child.in, .events = POLLOUT };
        poll(&room, 1, 100);
    }
    buffer_release(&x->text);
}

/* Cuts the answer out of what was read. */
void exchange_finish(struct exchange *x)
{
    struct session *s = x->session;
    struct outcome *outcome = &x->answer->outcome;
    const char *said = s->out.data + x->found[0] - 1 + strlen(x->mark) + 1;

    x->answer->before_failed = *said == 'f';
    outcome->status = (int)strtol(said + (*said == 'f'), NULL, 10);
    s->out.length = x->found[0] - 1;
    s->err.length = x->found[1] - 1;
    outcome->out_length = s->out.length;
    outcome->out = buffer_steal(&s->out);
    outcome->err = buffer_steal(&s->err);
}
