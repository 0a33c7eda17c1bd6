/*
 * digest.h - digests of files and of what passes by, as lower case hex.
 */
#ifndef CPI_DIGEST_H
#define CPI_DIGEST_H

#include "cpi/error.h"

#include <nettle/sha1.h>
#include <nettle/sha2.h>

enum digest_kind { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA512, DIGEST_COUNT };

/* Room for the longest, with its NUL. */
enum { DIGEST_SIZE = 2 * SHA512_DIGEST_SIZE + 1 };

/* A digest in the making. */
struct digest {
    enum digest_kind kind;
    union {
        struct sha1_ctx sha1;
        struct sha256_ctx sha256;
        struct sha512_ctx sha512;
    } state;
};

void digest_init(struct digest *digest, enum digest_kind kind);
void digest_add(struct digest *digest, const void *data, size_t length);
void digest_finish(struct digest *digest, char hex[DIGEST_SIZE]);

/* Reads the whole file. Fails with ERROR_CLOUD, also when this call is asked to end. */
int digest_file(const char *path, enum digest_kind kind, char hex[DIGEST_SIZE], struct error *err);

/* "SHA256" and its like; NULL where there is no such kind. */
const char *digest_name(enum digest_kind kind);

/* Is this the form of such a digest: its number of hex digits? */
bool digest_valid(enum digest_kind kind, const char *hex);

#endif
