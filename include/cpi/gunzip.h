/*
 * gunzip.h - reads a file that may be gzip'd, and takes the digest of the file
 * by the way.
 *
 * Here and not in libarchive, which reads gzip too but does not look at the
 * checksum in it (3.6), and inflates with zlib, in twice the CPU time.
 */
#ifndef CPI_GUNZIP_H
#define CPI_GUNZIP_H

#include "cpi/digest.h"

#include <sys/types.h>

struct inflate_state; /* isa-l's */

struct gunzip {
    int fd;
    unsigned char *in, *out; /* a block of the file, a block of what is in it */
    struct inflate_state *stream;
    struct digest digest; /* SHA-256 of the file, as far as it was read */
    enum { GUNZIP_START, GUNZIP_PLAIN, GUNZIP_INSIDE, GUNZIP_BEHIND } state;
    const char *why; /* what was wrong when a read failed */
};

/* Starts to read an open file, which stays the caller's. */
void gunzip_init(struct gunzip *gunzip, int fd);

/* The next bytes, valid until the next call. Returns how many, 0 at the end, -1 when the file
 * cannot be read, is damaged or ends too early. What stands behind the gzip is passed over. */
ssize_t gunzip_read(struct gunzip *gunzip, const void **block);

void gunzip_release(struct gunzip *gunzip);

#endif
