#include "cpi/gunzip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 1 << 18, GZIP_WINDOW = 15 + 16, MAGIC_LENGTH = 2 };

static const unsigned char magic[MAGIC_LENGTH] = { 0x1f, 0x8b };

void gunzip_init(struct gunzip *gunzip, int fd)
{
    *gunzip = (struct gunzip){ .fd = fd, .in = xcalloc(1, BLOCK), .out = xcalloc(1, BLOCK) };
    digest_init(&gunzip->digest, DIGEST_SHA256);
    inflateInit2(&gunzip->stream, GZIP_WINDOW);
}

static ssize_t broken(struct gunzip *gunzip, const char *why)
{
    gunzip->why = why;
    return -1;
}

/* Fills the input block behind what is left in it. Returns what is in it then, 0 at the end. */
static ssize_t fill(struct gunzip *gunzip)
{
    z_stream *stream = &gunzip->stream;
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
    return gunzip->stream.avail_in >= MAGIC_LENGTH &&
           memcmp(gunzip->stream.next_in, magic, MAGIC_LENGTH) == 0;
}

static ssize_t read_plain(struct gunzip *gunzip, const void **block)
{
    ssize_t length = gunzip->stream.avail_in;

    if (length == 0)
        length = fill(gunzip);
    *block = gunzip->stream.next_in;
    gunzip->stream.avail_in = 0;
    return length;
}

/* Several gzips one after the other are one: https://www.rfc-editor.org/rfc/rfc1952, 2.2. */
static int next_member(struct gunzip *gunzip)
{
    if (gunzip->stream.avail_in < MAGIC_LENGTH && fill(gunzip) < 0)
        return -1;
    gunzip->state = at_gzip(gunzip) ? GUNZIP_INSIDE : GUNZIP_BEHIND;
    inflateReset(&gunzip->stream);
    return 0;
}

static ssize_t read_inside(struct gunzip *gunzip, const void **block)
{
    z_stream *stream = &gunzip->stream;

    stream->next_out = gunzip->out;
    stream->avail_out = BLOCK;
    while (gunzip->state == GUNZIP_INSIDE && stream->avail_out == BLOCK) {
        if (stream->avail_in == 0) {
            ssize_t got = fill(gunzip);
            if (got <= 0)
                return got < 0 ? -1 : broken(gunzip, "the gzip ends too early");
        }
        int status = inflate(stream, Z_NO_FLUSH);
        if (status == Z_STREAM_END && next_member(gunzip) < 0)
            return -1;
        if (status != Z_OK && status != Z_STREAM_END)
            return broken(gunzip, stream->msg ? stream->msg : "the gzip is damaged");
    }
    *block = gunzip->out;
    return BLOCK - (ssize_t)stream->avail_out;
}

static ssize_t read_behind(struct gunzip *gunzip)
{
    ssize_t got;

    do {
        gunzip->stream.avail_in = 0;
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
    inflateEnd(&gunzip->stream);
    free(gunzip->in);
    free(gunzip->out);
    *gunzip = (struct gunzip){ .fd = -1 };
}
