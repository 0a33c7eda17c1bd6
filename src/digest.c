#include "cpi/digest.h"

#include "cpi/command.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/nettle-meta.h>
#include <string.h>
#include <unistd.h>

enum { READ_BLOCK = 1 << 18 };

static const struct {
    const char *name;
    const struct nettle_hash *hash;
} kinds[DIGEST_COUNT] = {
    [DIGEST_SHA1] = { "SHA1", &nettle_sha1 },
    [DIGEST_SHA256] = { "SHA256", &nettle_sha256 },
    [DIGEST_SHA512] = { "SHA512", &nettle_sha512 },
};

void digest_init(struct digest *digest, enum digest_kind kind)
{
    digest->kind = kind;
    kinds[kind].hash->init(&digest->state);
}

void digest_add(struct digest *digest, const void *data, size_t length)
{
    kinds[digest->kind].hash->update(&digest->state, length, data);
}

void digest_finish(struct digest *digest, char hex[DIGEST_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    const struct nettle_hash *hash = kinds[digest->kind].hash;
    uint8_t bytes[SHA512_DIGEST_SIZE];

    hash->digest(&digest->state, hash->digest_size, bytes);
    for (size_t i = 0; i < hash->digest_size; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[2 * (size_t)hash->digest_size] = '\0';
}

int digest_file(const char *path, enum digest_kind kind, char hex[DIGEST_SIZE], struct error *err)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    cleanup_free char *block = xcalloc(1, READ_BLOCK);
    struct digest digest;
    ssize_t got = fd < 0 ? -1 : 1;

    digest_init(&digest, kind);
    while (got > 0) {
        got = read(fd, block, READ_BLOCK);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            digest_add(&digest, block, (size_t)got);
        if (command_interrupted())
            return fail(err, ERROR_CLOUD, "this call was asked to end while it read '%s'", path);
    }
    if (got < 0)
        return fail(err, ERROR_CLOUD, "cannot read '%s': %s", path, strerror(errno));
    digest_finish(&digest, hex);
    return 0;
}

const char *digest_name(enum digest_kind kind)
{
    return kind < DIGEST_COUNT ? kinds[kind].name : NULL;
}

bool digest_valid(enum digest_kind kind, const char *hex)
{
    const size_t length = 2 * (size_t)kinds[kind].hash->digest_size;

    return strlen(hex) == length && strspn(hex, "0123456789abcdefABCDEF") == length;
}
