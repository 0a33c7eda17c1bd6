#include "cpi/remote.h"

#include <stdlib.h>
#include <string.h>

/* A run of data that goes to one dd over there. Shorter holes are sent as zeros. */
enum { RUN = 4 << 20, HOLE = 64 << 10, STEP = 4096, HEAD = 32 };

/* An image on its way: the content's pieces become runs, each after its head of HEAD bytes. */
struct upload {
    const struct host_content *content;
    struct host_piece piece; /* what of it is not yet in a run */
    struct buffer run;
    uint64_t run_at;  /* where the run begins in the file */
    uint64_t through; /* so far the content is known */
    struct digest digest;
    bool ended; /* the content has no more pieces */
};

static void digest_zeros(struct upload *u, uint64_t to)
{
    static const char zeros[STEP];

    for (uint64_t left = to - u->through; left > 0;) {
        size_t step = left < sizeof(zeros) ? (size_t)left : sizeof(zeros);
        digest_add(&u->digest, zeros, step);
        left -= step;
    }
    u->through = to;
}

/* 1: there is a piece, 0: there is none any more, -1: failed. */
static int next_piece(struct upload *u, struct error *err)
{
    while (u->piece.length == 0 && !u->ended) {
        int more = u->content->next(u->content->state, &u->piece, err);
        if (more < 0)
            return -1;
        u->ended = !more;
        if (!more)
            break;
        digest_zeros(u, u->piece.offset);
        digest_add(&u->digest, u->piece.data, u->piece.length);
        u->through += u->piece.length;
    }
    return u->piece.length > 0;
}

static bool is_zero(const char *data, size_t length)
{
    return *data == 0 && memcmp(data, data + 1, length - 1) == 0;
}

static void pass(struct host_piece *piece, size_t length)
{
    piece->data += length;
    piece->length -= length;
    piece->offset += length;
}

static void begin_run(struct upload *u, uint64_t at)
{
    char head[HEAD] = { 0 };

    u->run.length = 0;
    buffer_add(&u->run, head, HEAD);
    u->run_at = at;
}

static uint64_t run_end(const struct upload *u)
{
    return u->run_at + u->run.length - HEAD;
}

/* The zeros of a hole that is too short to be one. */
static void bridge(struct upload *u, uint64_t to)
{
    static const char zeros[STEP];

    while (run_end(u) < to) {
        uint64_t left = to - run_end(u);
        buffer_add(&u->run, zeros, left < sizeof(zeros) ? (size_t)left : sizeof(zeros));
    }
}

/* Adds the next data to the run. 1: there may be more, 0: the run is complete, -1: failed. */
static int grow_run(struct upload *u, struct error *err)
{
    int more = next_piece(u, err);

    if (more <= 0)
        return more;
    size_t step = STEP - (size_t)(u->piece.offset % STEP);
    step = step < u->piece.length ? step : u->piece.length;
    if (is_zero(u->piece.data, step)) {
        pass(&u->piece, step);
        return 1;
    }
    if (u->run.length == 0)
        begin_run(u, u->piece.offset);
    if (u->piece.offset - run_end(u) >= HOLE || u->run.length >= RUN)
        return 0;
    bridge(u, u->piece.offset);
    buffer_add(&u->run, u->piece.data, step);
    pass(&u->piece, step);
    return 1;
}

static ssize_t next_run(void *state, const char **block, struct error *err)
{
    struct upload *u = state;
    char head[HEAD + 1];
    int more;

    u->run.length = 0;
    do
        more = grow_run(u, err);
    while (more > 0);
    if (more < 0)
        return -1;
    if (u->run.length == 0)
        return 0;
    snprintf(head, sizeof(head), "%015llu %014llu.\n", (unsigned long long)u->run_at,
             (unsigned long long)(u->run.length - HEAD));
    memcpy(u->run.data, head, HEAD);
    *block = u->run.data;
    return (ssize_t)u->run.length;
}

/* The reader of next_run's runs. Whether all came, the digest tells. */
static const char receiver[] =
    "set -C; : >\"$1\" || exit; set +C; "
    "while head=$(dd status=none iflag=fullblock bs=32 count=1); [ \"$head\" ]; do "
    "case $head in *.) ;; *) exit 1 ;; esac; "
    "at=${head%% *}; length=${head##* }; "
    "dd status=none iflag=fullblock,count_bytes oflag=seek_bytes conv=notrunc bs=65536 "
    "seek=\"$at\" count=\"${length%.}\" of=\"$1\" || exit; "
    "done; "
    "truncate -s \"$2\" -- \"$1\" && sync -- \"$1\" && sha256sum <\"$1\"";

static int compare(const struct upload *u, const char *path, struct outcome *outcome,
                   struct error *err)
{
    char wanted[DIGEST_SIZE];
    struct digest digest = u->digest;

    digest_finish(&digest, wanted);
    outcome->out[strcspn(outcome->out, " ")] = '\0';
    if (strcmp(outcome->out, wanted) == 0)
        return 0;
    fail(err, ERROR_CLOUD,
         "what arrived as '%s' has the SHA-256 '%s', but '%s' was sent: the connection or the "
         "host's disk is faulty",
         path, outcome->out, wanted);
    return error_retriable(err);
}

static int send_image(const struct host *host, const char *path, struct upload *u,
                      struct session_answer *answer, struct error *err)
{
    cleanup_free char *what = xasprintf("write the image '%s'", path);
    cleanup_free char *size = xasprintf("%llu", (unsigned long long)u->content->size);
    cleanup_free char *words = command_quote(ARGV("sh", "-c", receiver, "sh", path, size));
    cleanup_free char *script = xasprintf("exec %s", words);
    const struct command_source source = { .read = next_run, .state = u };
    const struct session_question question = {
        .what = what,
        .script = script,
        .mode = SESSION_FEED,
        .source = &source,
        /* The host reads it all once more at the end. */
        .timeout_s = host->command_timeout + (int)(u->content->size / HOST_READ_A_SECOND),
    };

    return remote_flush(host, err) < 0 ? -1 : remote_exchange_apart(host, &question, answer, err);
}

int remote_write_image(const struct host *host, const char *path,
                       const struct host_content *content, struct error *err)
{
    const struct remote_question named = { .what = "write", .path = path };
    cleanup_answer struct session_answer answer = { 0 };
    struct upload u = { .content = content };

    digest_init(&u.digest, DIGEST_SHA256);
    int failed = send_image(host, path, &u, &answer, err);
    buffer_release(&u.run);
    if (failed)
        return -1;
    if (answer.outcome.status != 0)
        return remote_fail(&named, &answer.outcome, err);
    digest_zeros(&u, content->size);
    return compare(&u, path, &answer.outcome, err);
}
