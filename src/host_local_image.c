#include "cpi/host_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HOLE = 4096, FLUSH = 8 << 20 };

static int fail_target(const char *path, struct error *err)
{
    return fail(err, errno == ENOSPC || errno == EDQUOT ? ERROR_NO_DISK_SPACE : ERROR_CLOUD,
                "cannot write '%s': %s", path, strerror(errno));
}

static bool is_zero(const char *block, size_t length)
{
    return *block == 0 && memcmp(block, block + 1, length - 1) == 0;
}

/* How much of the data is up to the next multiple of a file system block. */
static size_t block_length(off_t offset, size_t length)
{
    const size_t step = HOLE - (size_t)(offset % HOLE);

    return step < length ? step : length;
}

/* How long the data goes on with blocks that are all zero, or that are all not. */
static size_t run_length(const char *data, size_t length, off_t offset, bool zero)
{
    size_t done = 0;

    while (done < length) {
        const size_t step = block_length(offset + (off_t)done, length - done);
        if (is_zero(data + done, step) != zero)
            break;
        done += step;
    }
    return done;
}

static int write_run(int fd, const char *data, size_t length, off_t offset)
{
    while (length > 0) {
        ssize_t n = pwrite(fd, data, length, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        offset += (off_t)n;
        length -= (size_t)n;
    }
    return 0;
}

/* Leaves holes where the data is zero; what is between two holes is written at once. */
static int write_sparse(int fd, const struct host_piece *piece)
{
    size_t done = 0;

    while (done < piece->length) {
        const char *data = piece->data + done;
        const off_t offset = (off_t)(piece->offset + done);
        const size_t left = piece->length - done;
        const size_t zeros = run_length(data, left, offset, true);
        const size_t run = run_length(data + zeros, left - zeros, offset + (off_t)zeros, false);
        if (write_run(fd, data + zeros, run, offset + (off_t)zeros) < 0)
            return -1;
        done += zeros + run;
    }
    return 0;
}

/* The disk is to write while more is unpacked, and not only when fsync waits for it. Whether this
 * fails does not matter, for fsync tells. */
static void flush_behind(int fd, uint64_t offset, uint64_t *flushed)
{
    if (offset < *flushed + FLUSH)
        return;
    sync_file_range(fd, (off_t)*flushed, (off_t)(offset - *flushed), SYNC_FILE_RANGE_WRITE);
    *flushed = offset;
}

int local_write_image(const struct host *host, const char *path, const struct host_content *content,
                      struct error *err)
{
    cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    struct host_piece piece;
    uint64_t flushed = 0;
    int more;

    (void)host;
    if (fd < 0)
        return fail_target(path, err);
    while ((more = content->next(content->state, &piece, err)) > 0) {
        if (write_sparse(fd, &piece) < 0)
            return fail_target(path, err);
        flush_behind(fd, piece.offset, &flushed);
    }
    if (more < 0)
        return -1;
    return ftruncate(fd, (off_t)content->size) < 0 || fsync(fd) < 0 ? fail_target(path, err) : 0;
}
