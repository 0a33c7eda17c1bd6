#include "cpi/tree_stream.h"

#include "cpi/gunzip.h"
#include "cpi/tree_check.h"
#include "cpi/util.h"

#include <archive.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 1 << 18, AGENT_LIMIT = 1 << 20 };

/* No root file system of a stemcell comes near these. */
#define LIMIT_BYTES (128ULL << 30)
#define LIMIT_ENTRIES (16ULL << 20)

struct tree_stream {
    const char *image;
    int fd;
    struct gunzip source;
    struct archive *in, *out;
    char *block; /* what of the new archive was not yet handed over */
    size_t used, room;
    char *data; /* of a member, on its way */
    enum { AT_HEADER, AT_DATA, AT_END } state;
    bool is_agent; /* is the member agent.json? */
    struct tree_check check;
    struct tree_facts facts;
    locale_t locale, before;
};

/* The first that is there is what the container starts. A tree with /usr merged has them below usr.
 */
static const char *const inits[] = {
    "sbin/init",           "usr/sbin/init",
    "lib/systemd/systemd", "usr/lib/systemd/systemd",
    "sbin/runsvdir-start", "usr/sbin/runsvdir-start",
    "bin/runsvdir",        "usr/bin/runsvdir",
};

static const char *const tops[] = { "bin", "sbin", "usr", "etc", "lib", "var", "" };

static la_ssize_t read_source(struct archive *archive, void *data, const void **block)
{
    struct tree_stream *s = data;
    ssize_t got = gunzip_read(&s->source, block);

    if (got < 0)
        archive_set_error(archive, EIO, "%s", s->source.why);
    return got;
}

static la_ssize_t keep(struct archive *archive, void *data, const void *bytes, size_t length)
{
    struct tree_stream *s = data;

    (void)archive;
    if (s->used + length > s->room) {
        s->room = 2 * (s->used + length);
        s->block = xrealloc(s->block, s->room);
    }
    memcpy(s->block + s->used, bytes, length);
    s->used += length;
    return (la_ssize_t)length;
}

static int fail_archive(const struct tree_stream *s, struct archive *archive, struct error *err)
{
    const char *why = archive_error_string(archive);

    return fail(err, ERROR_CLOUD, "the stemcell image '%s' cannot be unpacked: %s", s->image,
                why ? why : "it is damaged");
}

static void open_archives(struct tree_stream *s)
{
    s->in = archive_read_new();
    archive_read_support_format_tar(s->in);
    s->out = archive_write_new();
    archive_write_set_format_pax(s->out);
    archive_write_set_options(s->out, "xattrheader=SCHILY,hdrcharset=BINARY");
    archive_write_set_bytes_per_block(s->out, 0);
}

struct tree_stream *tree_stream_open(const char *image, struct error *err)
{
    int fd = open(image, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        fail(err, ERROR_CLOUD, "the stemcell image '%s' cannot be unpacked: %s", image,
             strerror(errno));
        return NULL;
    }
    struct tree_stream *s = xcalloc(1, sizeof(*s));
    s->image = image;
    s->fd = fd;
    s->data = xcalloc(1, BLOCK);
    /* libarchive translates names to that of the process, which is C everywhere else. */
    s->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
    gunzip_init(&s->source, fd);
    open_archives(s);
    if (archive_read_open(s->in, s, NULL, read_source, NULL) == ARCHIVE_OK &&
        archive_write_open(s->out, s, NULL, keep, NULL) == ARCHIVE_OK)
        return s;
    fail_archive(s, s->in, err);
    tree_stream_close(&s);
    return NULL;
}

static size_t rank(const char *init)
{
    size_t i = 0;

    while (i < ARRAY_SIZE(inits) && (!init || strcmp(inits[i], init) != 0))
        i++;
    return i;
}

static void note(struct tree_stream *s, struct archive_entry *entry, const char *path)
{
    struct tree_facts *facts = &s->facts;
    const size_t found = rank(path), known = rank(facts->init);
    const size_t length = strcspn(path, "/");
    bool usual = false;

    if (found < known && archive_entry_filetype(entry) != AE_IFDIR)
        facts->init = inits[found];
    for (size_t i = 0; i < ARRAY_SIZE(tops); i++)
        usual = usual || (strlen(tops[i]) == length && starts_with(path, tops[i]));
    if (!usual && !facts->top)
        facts->top = xstrdup(path);
    s->is_agent = strcmp(path, TREE_SETTINGS_DIRECTORY "/agent.json") == 0;
    facts->entries++;
    facts->bytes += (uint64_t)archive_entry_size(entry);
}

static void strip(struct archive_entry *entry, const char *path)
{
    archive_entry_copy_pathname(entry, *path ? path : ".");
    archive_entry_set_uname(entry, NULL);
    archive_entry_set_gname(entry, NULL);
    archive_entry_set_fflags(entry, 0, 0);
    /* What libarchive (3.6) writes of a file with holes, GNU tar (1.34) cannot read ("numeric
     * overflow in sparse archive member"), so they are written as zeros. */
    archive_entry_sparse_clear(entry);
    archive_entry_unset_atime(entry);
    archive_entry_unset_ctime(entry);
    archive_entry_unset_birthtime(entry);
}

static int take_header(struct tree_stream *s, struct archive_entry *entry, struct error *err)
{
    cleanup_free char *path = NULL;

    if (archive_entry_size(entry) < 0 ||
        tree_check_entry(&s->check, entry, s->image, &path, err) < 0)
        return -1;
    note(s, entry, path);
    if (s->facts.bytes > LIMIT_BYTES || s->facts.entries > LIMIT_ENTRIES)
        return fail(err, ERROR_CLOUD,
                    "the stemcell image '%s' holds more than a root file system can: at most "
                    "%llu bytes in %llu files are unpacked",
                    s->image, LIMIT_BYTES, LIMIT_ENTRIES);
    strip(entry, path);
    if (archive_write_header(s->out, entry) < ARCHIVE_WARN)
        return fail_archive(s, s->out, err);
    s->state = AT_DATA;
    return 0;
}

/* The checksum is at the end, and the digest that of the whole file. */
static int finish(struct tree_stream *s, struct error *err)
{
    const void *rest;
    ssize_t got;

    while ((got = gunzip_read(&s->source, &rest)) > 0)
        ;
    if (got < 0)
        return fail(err, ERROR_CLOUD, "the stemcell image '%s' cannot be unpacked: %s", s->image,
                    s->source.why);
    digest_finish(&s->source.digest, s->facts.sha256);
    s->state = AT_END;
    return archive_write_close(s->out) == ARCHIVE_OK ? 0 : fail_archive(s, s->out, err);
}

static int next_member(struct tree_stream *s, struct error *err)
{
    struct archive_entry *entry;
    int status = archive_read_next_header(s->in, &entry);

    if (status == ARCHIVE_EOF)
        return finish(s, err);
    if (status < ARCHIVE_WARN)
        return fail_archive(s, s->in, err);
    return take_header(s, entry, err);
}

static void keep_agent(struct tree_stream *s, const char *data, size_t length)
{
    size_t had = s->facts.agent ? strlen(s->facts.agent) : 0;

    if (!s->is_agent || had + length > AGENT_LIMIT)
        return;
    s->facts.agent = xrealloc(s->facts.agent, had + length + 1);
    memcpy(s->facts.agent + had, data, length);
    s->facts.agent[had + length] = '\0';
}

static int copy_data(struct tree_stream *s, struct error *err)
{
    la_ssize_t got = archive_read_data(s->in, s->data, BLOCK);

    if (got < 0)
        return fail_archive(s, s->in, err);
    if (got == 0) {
        s->state = AT_HEADER;
        return 0;
    }
    keep_agent(s, s->data, (size_t)got);
    return archive_write_data(s->out, s->data, (size_t)got) < 0 ? fail_archive(s, s->out, err) : 0;
}

ssize_t tree_stream_read(void *stream, const char **block, struct error *err)
{
    struct tree_stream *s = stream;
    int failed = 0;

    s->used = 0;
    s->before = s->locale ? uselocale(s->locale) : (locale_t)0;
    while (!failed && s->used < BLOCK && s->state != AT_END)
        failed = s->state == AT_HEADER ? next_member(s, err) : copy_data(s, err);
    if (s->before)
        uselocale(s->before);
    *block = s->block;
    return failed ? -1 : (ssize_t)s->used;
}

const struct tree_facts *tree_stream_facts(const struct tree_stream *stream)
{
    return &stream->facts;
}

void tree_stream_close(struct tree_stream **stream)
{
    struct tree_stream *s = *stream;

    if (!s)
        return;
    archive_read_free(s->in);
    archive_write_free(s->out);
    gunzip_release(&s->source);
    tree_check_release(&s->check);
    if (s->locale)
        freelocale(s->locale);
    close(s->fd);
    free(s->block);
    free(s->data);
    free(s->facts.agent);
    free(s->facts.top);
    free(s);
    *stream = NULL;
}
