#include "cpi/unpack.h"

#include "cpi/command.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum { READ_BLOCK = 1 << 18, HOLE = 4096, TELL_EVERY_S = 5 };

struct unpacking {
    const char *image, *target;
    const struct log *log;
    struct archive *archive;
    int fd;
    time_t told;
    struct error *err;
};

static int fail_archive(const struct unpacking *u)
{
    return fail(u->err, ERROR_CLOUD, "the stemcell image '%s' cannot be unpacked: %s", u->image,
                archive_error_string(u->archive));
}

static int fail_target(const struct unpacking *u)
{
    return fail(u->err, errno == ENOSPC || errno == EDQUOT ? ERROR_NO_DISK_SPACE : ERROR_CLOUD,
                "cannot write '%s': %s", u->target, strerror(errno));
}

static bool is_zero(const char *block, size_t length)
{
    return *block == 0 && memcmp(block, block + 1, length - 1) == 0;
}

/* Leaves holes where the data is zero. */
static int write_sparse(const struct unpacking *u, const char *data, size_t length, off_t offset)
{
    while (length > 0) {
        /* Steps end at multiples of a file system block. */
        size_t step = HOLE - (size_t)(offset % HOLE);
        step = step < length ? step : length;
        if (!is_zero(data, step)) {
            ssize_t n = pwrite(u->fd, data, step, offset);
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                return fail_target(u);
            step = (size_t)n;
        }
        data += step;
        offset += (off_t)step;
        length -= step;
    }
    return 0;
}

static void tell(struct unpacking *u, off_t done)
{
    time_t now = time(NULL);

    if (now - u->told < TELL_EVERY_S)
        return;
    u->told = now;
    log_event(u->log, "unpacked %lld MiB of '%s'", (long long)(done >> 20), u->image);
}

static int copy_member(struct unpacking *u, off_t size)
{
    const void *data;
    size_t length;
    la_int64_t offset;
    int status;

    while ((status = archive_read_data_block(u->archive, &data, &length, &offset)) == ARCHIVE_OK) {
        if (offset < 0 || offset > size || (off_t)length > size - offset)
            return fail(u->err, ERROR_CLOUD, "the stemcell image '%s' holds more than it says",
                        u->image);
        if (length && write_sparse(u, data, length, offset) < 0)
            return -1;
        if (command_interrupted())
            return fail(u->err, ERROR_CLOUD, "this call was asked to end while it unpacked '%s'",
                        u->image);
        tell(u, offset);
    }
    if (status != ARCHIVE_EOF)
        return fail_archive(u);
    return ftruncate(u->fd, size) < 0 || fsync(u->fd) < 0 ? fail_target(u) : 0;
}

static bool is_root_image(struct archive_entry *entry)
{
    const char *name = archive_entry_pathname(entry);
    const char *slash = name ? strrchr(name, '/') : NULL;

    return name && strcmp(slash ? slash + 1 : name, "root.img") == 0;
}

static int take_member(struct unpacking *u, struct archive_entry *entry)
{
    const la_int64_t size = archive_entry_size(entry);

    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
        return fail(u->err, ERROR_CLOUD, "root.img in the stemcell image '%s' is not a file",
                    u->image);
    if (size <= 0 || (unsigned long long)size > UNPACK_LIMIT)
        return fail(u->err, ERROR_CLOUD,
                    "root.img in the stemcell image '%s' has %lld bytes; it must have some and at "
                    "most %llu",
                    u->image, (long long)size, UNPACK_LIMIT);
    return copy_member(u, size);
}

static int read_members(struct unpacking *u)
{
    struct archive_entry *entry;
    cleanup_free char *seen = NULL;
    bool found = false;
    int status;

    while ((status = archive_read_next_header(u->archive, &entry)) == ARCHIVE_OK) {
        if (!found && is_root_image(entry)) {
            found = true;
            if (take_member(u, entry) < 0)
                return -1;
        } else if (!seen && archive_entry_pathname(entry)) {
            seen = xstrdup(archive_entry_pathname(entry));
        }
    }
    if (status != ARCHIVE_EOF)
        return fail_archive(u);
    if (!found)
        return fail(u->err, ERROR_CLOUD,
                    "the stemcell image '%s' holds no root.img%s%s: is it a stemcell of the "
                    "openstack line?",
                    u->image, seen ? " but " : "", seen ? seen : "");
    return 0;
}

struct stream {
    gzFile file;
    char block[READ_BLOCK];
};

static la_ssize_t read_stream(struct archive *archive, void *data, const void **block)
{
    struct stream *stream = data;
    int got = gzread(stream->file, stream->block, sizeof(stream->block));
    int cause = Z_OK;

    *block = stream->block;
    const char *what = gzerror(stream->file, &cause);
    if (got < 0 || cause != Z_OK) {
        archive_set_error(archive, EILSEQ, "%s", what);
        return -1;
    }
    return got;
}

int unpack_root_image(const char *image, const char *target, const struct log *log,
                      struct error *err)
{
    cleanup_fd int fd = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    struct unpacking u = {
        .image = image, .target = target, .log = log, .fd = fd, .told = time(NULL), .err = err
    };

    if (fd < 0)
        return fail_target(&u);
    u.archive = archive_read_new();
    archive_read_support_format_tar(u.archive);
    struct stream *stream = xcalloc(1, sizeof(*stream));
    stream->file = gzopen(image, "rbe");
    int failed = !stream->file
                     ? fail(err, ERROR_CLOUD, "the stemcell image '%s' cannot be unpacked: %s",
                            image, strerror(errno))
                 : archive_read_open(u.archive, stream, NULL, read_stream, NULL) == ARCHIVE_OK
                     ? read_members(&u)
                     : fail_archive(&u);
    la_ssize_t got = 1;
    const void *rest;
    while (!failed && (got = read_stream(u.archive, stream, &rest)) > 0)
        ;
    if (!failed && got < 0)
        failed = fail_archive(&u);
    if (stream->file)
        gzclose(stream->file);
    free(stream);
    archive_read_free(u.archive);
    return failed;
}
