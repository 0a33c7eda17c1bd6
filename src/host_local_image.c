#include "cpi/host_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HOLE = 4096 };

static int fail_target(const char *path, struct error *err)
{
    return fail(err, errno == ENOSPC || errno == EDQUOT ? ERROR_NO_DISK_SPACE : ERROR_CLOUD,
                "cannot write '%s': %s", path, strerror(errno));
}

static bool is_zero(const char *block, size_t length)
{
    return *block == 0 && memcmp(block, block + 1, length - 1) == 0;
}

/* Leaves holes where the data is zero. */
static int write_sparse(int fd, const struct host_piece *piece)
{
    const char *data = piece->data;
    size_t length = piece->length;
    off_t offset = (off_t)piece->offset;

    while (length > 0) {
        /* Steps end at multiples of a file system block. */
        size_t step = HOLE - (size_t)(offset % HOLE);
        step = step < length ? step : length;
        if (!is_zero(data, step)) {
            ssize_t n = pwrite(fd, data, step, offset);
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                return -1;
            step = (size_t)n;
        }
        data += step;
        offset += (off_t)step;
        length -= step;
    }
    return 0;
}

int local_write_image(const struct host *host, const char *path, const struct host_content *content,
                      struct error *err)
{
    cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    struct host_piece piece;
    int more;

    (void)host;
    if (fd < 0)
        return fail_target(path, err);
    while ((more = content->next(content->state, &piece, err)) > 0)
        if (write_sparse(fd, &piece) < 0)
            return fail_target(path, err);
    if (more < 0)
        return -1;
    return ftruncate(fd, (off_t)content->size) < 0 || fsync(fd) < 0 ? fail_target(path, err) : 0;
}
