#include "cpi/unpack.h"

#include "cpi/gunzip.h"
#include "cpi/slot.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TEXT_LIMIT = 1 << 20, TELL_EVERY_S = 5 };

struct unpacking {
    const struct host *host;
    const char *image, *target;
    struct archive *archive;
    struct gunzip source; /* the image file */
    off_t size;           /* of the disk */
    struct unpacked *out;
    char *other; /* the name of a member that is none of ours, for the message */
    time_t told;
    struct error *err;
};

static int fail_archive(const struct unpacking *u)
{
    return fail(u->err, ERROR_CLOUD, "the stemcell image '%s' cannot be unpacked: %s", u->image,
                archive_error_string(u->archive));
}

static void tell(struct unpacking *u, off_t done)
{
    time_t now = time(NULL);

    if (now - u->told < TELL_EVERY_S)
        return;
    u->told = now;
    log_event(u->host->log, "unpacked %lld MiB of '%s'", (long long)(done >> 20), u->image);
}

/* The disk's next piece. */
static int next_piece(void *state, struct host_piece *piece, struct error *err)
{
    struct unpacking *u = state;
    const void *data;
    size_t length;
    la_int64_t offset;

    u->err = err;
    if (command_interrupted())
        return fail(err, ERROR_CLOUD, "this call was asked to end while it unpacked '%s'",
                    u->image);
    int status = archive_read_data_block(u->archive, &data, &length, &offset);
    if (status == ARCHIVE_EOF)
        return 0;
    if (status != ARCHIVE_OK)
        return fail_archive(u);
    if (offset < 0 || offset > u->size || (off_t)length > u->size - offset)
        return fail(err, ERROR_CLOUD, "the stemcell image '%s' holds more than it says", u->image);
    *piece = (struct host_piece){ .data = data, .length = length, .offset = (uint64_t)offset };
    tell(u, offset);
    return 1;
}

static int copy_member(struct unpacking *u, off_t size)
{
    const struct host_content content = { .next = next_piece, .state = u, .size = (uint64_t)size };
    struct error *err = u->err;

    u->size = size;
    int failed = host_write_image(u->host, u->target, &content, err);
    u->err = err;
    return failed;
}

static la_ssize_t read_source(struct archive *archive, void *data, const void **block)
{
    struct unpacking *u = data;
    ssize_t got = gunzip_read(&u->source, block);

    if (got < 0)
        archive_set_error(archive, EIO, "%s", u->source.why);
    return got;
}

/* The checksum is at the end, and the digest that of the whole file, whatever stands behind the
 * archive. */
static int read_rest(struct unpacking *u)
{
    const void *block;
    la_ssize_t got;

    do
        got = read_source(u->archive, u, &block);
    while (got > 0);
    if (got < 0)
        return fail_archive(u);
    digest_finish(&u->source.digest, u->out->sha256);
    return 0;
}

enum member { MEMBER_OTHER, MEMBER_DISK, MEMBER_OVF, MEMBER_MANIFEST };

static enum member classify(const char *name)
{
    if (strcmp(name, "root.img") == 0 || ends_with(name, ".vmdk"))
        return MEMBER_DISK;
    if (ends_with(name, ".ovf"))
        return MEMBER_OVF;
    return ends_with(name, ".mf") ? MEMBER_MANIFEST : MEMBER_OTHER;
}

/* We use no path of an archive, but one with such paths was made to do harm. */
static bool leads_out(const char *path)
{
    const char *part = path;

    if (*path == '/')
        return true;
    for (const char *slash; (slash = strchr(part, '/')); part = slash + 1)
        if (slash - part == 2 && starts_with(part, ".."))
            return true;
    return strcmp(part, "..") == 0;
}

static int take_disk(struct unpacking *u, struct archive_entry *entry, const char *name)
{
    const la_int64_t size = archive_entry_size(entry);

    if (u->out->disk)
        return fail(u->err, ERROR_CLOUD,
                    "the stemcell image '%s' holds two disks, '%s' and '%s': it must hold one",
                    u->image, u->out->disk, name);
    if (size <= 0 || (unsigned long long)size > UNPACK_LIMIT)
        return fail(u->err, ERROR_CLOUD,
                    "%s in the stemcell image '%s' has %lld bytes; it must have some and at "
                    "most %llu",
                    name, u->image, (long long)size, UNPACK_LIMIT);
    u->out->disk = xstrdup(name);
    return copy_member(u, size);
}

static int take_text(struct unpacking *u, struct archive_entry *entry, char **text)
{
    const la_int64_t size = archive_entry_size(entry);

    if (*text || size <= 0 || size > TEXT_LIMIT)
        return fail(u->err, ERROR_CLOUD,
                    "the stemcell image '%s' must hold at most one .ovf and one .mf, each of "
                    "some and at most %d bytes",
                    u->image, TEXT_LIMIT);
    *text = xcalloc(1, (size_t)size + 1);
    return archive_read_data(u->archive, *text, (size_t)size) == size ? 0 : fail_archive(u);
}

static int take_member(struct unpacking *u, struct archive_entry *entry)
{
    const char *local = archive_entry_pathname(entry);
    const char *path = local ? local : archive_entry_pathname_utf8(entry);
    const char *slash = path ? strrchr(path, '/') : NULL;
    const char *name = slash ? slash + 1 : path;

    if (!path || leads_out(path))
        return fail(u->err, ERROR_CLOUD,
                    "the stemcell image '%s' holds a path that leads out of it: refused", u->image);
    const enum member member = classify(name);
    if (member == MEMBER_OTHER) {
        if (!u->other)
            u->other = xstrdup(path);
        return 0;
    }
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
        return fail(u->err, ERROR_CLOUD, "%s in the stemcell image '%s' is not a file", name,
                    u->image);
    if (member == MEMBER_DISK)
        return take_disk(u, entry, name);
    return take_text(u, entry, member == MEMBER_OVF ? &u->out->ovf : &u->out->manifest);
}

/* One of the openstack line has a root.img alone, one of the vsphere line an .ovf with a .vmdk. */
static int check_members(const struct unpacking *u)
{
    const char *disk = u->out->disk;
    const bool root = disk && strcmp(disk, "root.img") == 0;

    if (disk && root == !u->out->ovf)
        return 0;
    if (disk)
        return fail(u->err, ERROR_CLOUD,
                    "the stemcell image '%s' holds %s %s an .ovf: it must hold either root.img or "
                    "an .ovf and its .vmdk",
                    u->image, disk, u->out->ovf ? "and" : "but not");
    return fail(u->err, ERROR_CLOUD,
                "the stemcell image '%s' holds no root.img%s%s: is it a stemcell of the "
                "openstack or the vsphere line?",
                u->image, u->other ? " but " : "", u->other ? u->other : "");
}

static int read_members(struct unpacking *u)
{
    struct archive_entry *entry;
    int status;

    /* A warning is about a name that the C locale cannot say. */
    while ((status = archive_read_next_header(u->archive, &entry)) == ARCHIVE_OK ||
           status == ARCHIVE_WARN)
        if (take_member(u, entry) < 0)
            return -1;
    if (status != ARCHIVE_EOF)
        return fail_archive(u);
    return check_members(u) < 0 ? -1 : read_rest(u);
}

static int read_archive(struct unpacking *u)
{
    u->archive = archive_read_new();
    archive_read_support_format_tar(u->archive);
    int failed = archive_read_open(u->archive, u, NULL, read_source, NULL) == ARCHIVE_OK
                     ? read_members(u)
                     : fail_archive(u);
    archive_read_free(u->archive);
    return failed;
}

int unpack_image(const struct host *host, const char *image, const char *target,
                 struct unpacked *unpacked, struct error *err)
{
    cleanup_fd int source = open(image, O_RDONLY | O_CLOEXEC);
    cleanup_lock struct lock slot = LOCK_NONE;
    struct unpacking u = {
        .host = host, .image = image, .target = target, .out = unpacked, .err = err
    };

    if (source < 0)
        return fail(err, ERROR_CLOUD, "the stemcell image '%s' cannot be unpacked: %s", image,
                    strerror(errno));
    if (slot_take(host, &slot, err) < 0)
        return -1;
    u.told = time(NULL);
    gunzip_init(&u.source, source);
    int failed = read_archive(&u);
    gunzip_release(&u.source);
    free(u.other);
    return failed;
}

void unpacked_release(struct unpacked *unpacked)
{
    free(unpacked->disk);
    free(unpacked->ovf);
    free(unpacked->manifest);
    *unpacked = (struct unpacked){ 0 };
}
