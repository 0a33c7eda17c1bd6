#include "cpi/gunzip.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 1 << 18, MAGIC_LENGTH = 2 };

static const unsigned char magic[MAGIC_LENGTH] = { 0x1f, 0x8b };

void gunzip_init(struct gunzip *gunzip, int fd)
{
    *gunzip = (struct gunzip){ .fd = fd,
                               .in = xcalloc(1, BLOCK),
                               .out = xcalloc(1, BLOCK),
                               .stream = xcalloc(1, sizeof(*gunzip->stream)) };
    digest_init(&gunzip->digest, DIGEST_SHA256);
    isal_inflate_init(gunzip->stream);
    gunzip->stream->crc_flag = ISAL_GZIP;
}

static ssize_t broken(struct gunzip *gunzip, const char *why)
{
    gunzip->why = why;
    return -1;
}

/* Fills the input block behind what is left in it. Returns what is in it then, 0 at the end. */
static ssize_t fill(struct gunzip *gunzip)
{
    struct inflate_state *stream = gunzip->stream;
    ssize_t got;

    memmove(gunzip->in, stream->next_in ? stream->next_in : gunzip->in, stream->avail_in);
    stream->next_in = gunzip->in;
    do
        got = read(gunzip->fd, gunzip->in + stream->avail_in, BLOCK - stream->avail_in);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return broken(gunzip, strerror(errno));
    digest_add(&gunzip->digest, gunzip->in + stream->avail_in, (size_t)got);
    stream->avail_in += (unsigned)got;
    return stream->avail_in;
}

static bool at_gzip(const struct gunzip *gunzip)
{
    return gunzip->stream->avail_in >= MAGIC_LENGTH &&
           memcmp(gunzip->stream->next_in, magic, MAGIC_LENGTH) == 0;
}

static ssize_t read_plain(struct gunzip *gunzip, const void **block)
{
    ssize_t length = gunzip->stream->avail_in;

    if (length == 0)
        length = fill(gunzip);
    *block = gunzip->stream->next_in;
    gunzip->stream->avail_in = 0;
    return length;
}

/* Several gzips one after the other are one: https://www.rfc-editor.org/rfc/rfc1952, 2.2. */
static int next_member(struct gunzip *gunzip)
{
    if (gunzip->stream->avail_in < MAGIC_LENGTH && fill(gunzip) < 0)
        return -1;
    gunzip->state = at_gzip(gunzip) ? GUNZIP_INSIDE : GUNZIP_BEHIND;
    isal_inflate_reset(gunzip->stream);
    gunzip->stream->crc_flag = ISAL_GZIP;
    return 0;
}

static const char *why(int status)
{
    return status == ISAL_INCORRECT_CHECKSUM   ? "the gzip's checksum is wrong: it is damaged"
           : status == ISAL_UNSUPPORTED_METHOD ? "the gzip uses an unknown method"
           : status == ISAL_INVALID_WRAPPER    ? "the gzip's header is damaged"
                                               : "the gzip is damaged";
}

static ssize_t read_inside(struct gunzip *gunzip, const void **block)
{
    struct inflate_state *stream = gunzip->stream;

    stream->next_out = gunzip->out;
    stream->avail_out = BLOCK;
    while (gunzip->state == GUNZIP_INSIDE && stream->avail_out == BLOCK) {
        /* First, for it may hold back bytes of both input and output. */
        int status = isal_inflate(stream);
        if (status != ISAL_DECOMP_OK)
            return broken(gunzip, why(status));
        if (stream->block_state == ISAL_BLOCK_FINISH) {
            if (next_member(gunzip) < 0)
                return -1;
        } else if (stream->avail_in == 0 && stream->avail_out == BLOCK) {
            ssize_t got = fill(gunzip);
            if (got <= 0)
                return got < 0 ? -1 : broken(gunzip, "the gzip ends too early");
        }
    }
    *block = gunzip->out;
    return BLOCK - (ssize_t)stream->avail_out;
}

static ssize_t read_behind(struct gunzip *gunzip)
{
    ssize_t got;

    do {
        gunzip->stream->avail_in = 0;
        got = fill(gunzip);
    } while (got > 0);
    return got;
}

ssize_t gunzip_read(struct gunzip *gunzip, const void **block)
{
    if (gunzip->state == GUNZIP_START) {
        if (fill(gunzip) < 0)
            return -1;
        gunzip->state = at_gzip(gunzip) ? GUNZIP_INSIDE : GUNZIP_PLAIN;
    }
    if (gunzip->state == GUNZIP_PLAIN)
        return read_plain(gunzip, block);
    if (gunzip->state == GUNZIP_INSIDE) {
        ssize_t got = read_inside(gunzip, block);
        if (got != 0)
            return got;
    }
    return read_behind(gunzip);
}

void gunzip_release(struct gunzip *gunzip)
{
    free(gunzip->stream);
    free(gunzip->in);
    free(gunzip->out);
    *gunzip = (struct gunzip){ .fd = -1 };
}
