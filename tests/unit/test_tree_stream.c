#include "unit.h"

#include "cpi/tree_stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>

struct member {
    const char *path, *data;
    unsigned type;                /* AE_IFREG when 0 */
    const char *link, *hard_link; /* where a symbolic link or a hard link leads */
};

static void write_member(struct archive *archive, const struct member *member)
{
    struct archive_entry *entry = archive_entry_new();
    const size_t length = member->data ? strlen(member->data) : 0;

    archive_entry_set_pathname(entry, member->path);
    archive_entry_set_filetype(entry, member->type ? member->type : (unsigned)AE_IFREG);
    archive_entry_set_perm(entry, 04755);
    archive_entry_set_uid(entry, 1234);
    archive_entry_set_gid(entry, 4321);
    archive_entry_set_uname(entry, "somebody");
    archive_entry_set_size(entry, (la_int64_t)length);
    if (member->link)
        archive_entry_set_symlink(entry, member->link);
    if (member->hard_link)
        archive_entry_set_hardlink(entry, member->hard_link);
    if (member->type == AE_IFCHR) {
        archive_entry_set_rdevmajor(entry, 1);
        archive_entry_set_rdevminor(entry, 3);
    }
    if (length)
        archive_entry_xattr_add_entry(entry, "user.mark", "\0\1x", 3);
    assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
    if (length)
        assert_int_equal(archive_write_data(archive, member->data, length), length);
    archive_entry_free(entry);
}

static char *pack(void **state, const struct member *members)
{
    char *path = xasprintf("%s/image", (char *)*state);
    struct archive *archive = archive_write_new();

    archive_write_set_format_pax(archive);
    archive_write_add_filter_gzip(archive);
    archive_write_set_options(archive, "xattrheader=SCHILY,hdrcharset=BINARY");
    assert_int_equal(archive_write_open_filename(archive, path), ARCHIVE_OK);
    for (; members->path; members++)
        write_member(archive, members);
    assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
    archive_write_free(archive);
    return path;
}

/* What comes out, and how the reading ended: 0 or -1. */
static int stream(const char *image, struct tree_stream **opened, char **out, size_t *length,
                  struct error *err)
{
    FILE *file = open_memstream(out, length);
    const char *block;
    ssize_t got = -1;

    *opened = tree_stream_open(image, err);
    while (*opened && (got = tree_stream_read(*opened, &block, err)) > 0)
        assert_int_equal(fwrite(block, 1, (size_t)got, file), got);
    fclose(file);
    return got < 0 ? -1 : 0;
}

static void refused(void **state, const struct member *members, const char *why)
{
    cleanup_free char *image = pack(state, members), *out = NULL;
    cleanup_tree_stream struct tree_stream *opened = NULL;
    cleanup_error struct error err = { 0 };
    size_t length;

    assert_int_equal(stream(image, &opened, &out, &length, &err), -1);
    assert_int_equal(err.type, ERROR_CLOUD);
    if (!strstr(err.message, why))
        print_error("'%s' does not say '%s'\n", err.message, why);
    assert_non_null(strstr(err.message, why));
}

static void a_path_that_leads_out_is_refused(void **state)
{
    static const char *const paths[] = { "/etc/x", "../x", "a/../../x", "a/..", ".." };

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
        refused(state,
                (const struct member[]){
                    { .path = "etc", .type = AE_IFDIR }, { .path = paths[i], .data = "x" }, { 0 } },
                "leads out");
}

static void a_path_through_a_link_is_refused(void **state)
{
    refused(state,
            (const struct member[]){ { .path = "a", .type = AE_IFLNK, .link = "/etc" },
                                     { .path = "a/x", .data = "x" },
                                     { 0 } },
            "through a link");
    refused(state,
            (const struct member[]){ { .path = "./a/", .type = AE_IFDIR },
                                     { .path = "./a/b", .type = AE_IFLNK, .link = ".." },
                                     { .path = "a//b/c/x", .data = "x" },
                                     { 0 } },
            "through a link");
}

static void a_hard_link_that_leads_out_is_refused(void **state)
{
    static const char *const targets[] = { "/etc/shadow", "../../etc/shadow", "a/shadow", "a" };

    for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
        refused(state,
                (const struct member[]){ { .path = "a", .type = AE_IFLNK, .link = "/etc" },
                                         { .path = "x", .hard_link = targets[i] },
                                         { 0 } },
                "hard link");
}

static void what_is_written_later_is_not_led_elsewhere(void **state)
{
    static const char *const places[] = { "var", "var/vcap", "var/vcap/bosh", "var/vcap/data",
                                          "warden-cpi-dev" };

    for (size_t i = 0; i < ARRAY_SIZE(places); i++)
        refused(state,
                (const struct member[]){ { .path = places[i], .type = AE_IFLNK, .link = "/etc" },
                                         { 0 } },
                "no directory");
}

static const struct archive_entry *next(struct archive *archive, const char *path)
{
    struct archive_entry *entry;

    assert_int_equal(archive_read_next_header(archive, &entry), ARCHIVE_OK);
    assert_string_equal(archive_entry_pathname(entry), path);
    return entry;
}

static void check_file(struct archive *archive, const char *path)
{
    struct archive_entry *entry = (struct archive_entry *)next(archive, path);
    const char *name;
    const void *value;
    size_t size;

    assert_int_equal(archive_entry_uid(entry), 1234);
    assert_int_equal(archive_entry_gid(entry), 4321);
    assert_int_equal(archive_entry_perm(entry), 04755);
    assert_int_equal(archive_entry_xattr_reset(entry), 1);
    assert_int_equal(archive_entry_xattr_next(entry, &name, &value, &size), ARCHIVE_OK);
    assert_string_equal(name, "user.mark");
    assert_int_equal(size, 3);
    assert_memory_equal(value, "\0\1x", 3);
}

static void what_is_fine_comes_through(void **state)
{
    static const struct member members[] = {
        { .path = "./", .type = AE_IFDIR },
        { .path = "./bin", .type = AE_IFLNK, .link = "/usr/bin" },
        { .path = "./usr/lib/systemd/systemd", .data = "first" },
        { .path = "./sbin/init", .hard_link = "./usr/lib/systemd/systemd" },
        { .path = "./dev/null", .type = AE_IFCHR },
        { .path = "./var/vcap/bosh/agent.json", .data = "{\"x\":1}" },
        { .path = "./etc/F\xc5\x91tan", .data = "utf-8" },
        { 0 }
    };
    cleanup_free char *image = pack(state, members), *out = NULL;
    cleanup_tree_stream struct tree_stream *opened = NULL;
    cleanup_error struct error err = { 0 };
    size_t length;

    assert_int_equal(stream(image, &opened, &out, &length, &err), 0);
    const struct tree_facts *facts = tree_stream_facts(opened);
    assert_string_equal(facts->init, "sbin/init");
    assert_string_equal(facts->agent, "{\"x\":1}");
    assert_int_equal(strlen(facts->sha256), 64);
    assert_int_equal(facts->bytes, 5 + 7 + 5);

    struct archive *archive = archive_read_new();
    archive_read_support_format_tar(archive);
    assert_int_equal(archive_read_open_memory(archive, out, length), ARCHIVE_OK);
    next(archive, "./");
    assert_string_equal(archive_entry_symlink((struct archive_entry *)next(archive, "bin")),
                        "/usr/bin");
    check_file(archive, "usr/lib/systemd/systemd");
    assert_string_equal(archive_entry_hardlink((struct archive_entry *)next(archive, "sbin/init")),
                        "./usr/lib/systemd/systemd");
    struct archive_entry *device = (struct archive_entry *)next(archive, "dev/null");
    assert_int_equal(archive_entry_rdevmajor(device), 1);
    assert_int_equal(archive_entry_rdevminor(device), 3);
    archive_read_free(archive);
    /* The bytes of a name are the bytes of the name, whatever they mean. */
    assert_non_null(memmem(out, length, "etc/F\xc5\x91tan", 11));
}

static void a_cut_or_damaged_image_is_refused(void **state)
{
    cleanup_free char *image =
        pack(state, (const struct member[]){ { .path = "etc/x", .data = "data" }, { 0 } });
    struct stat status;

    assert_int_equal(stat(image, &status), 0);
    for (off_t size = status.st_size - 1; size > 0; size -= status.st_size / 7) {
        cleanup_tree_stream struct tree_stream *opened = NULL;
        cleanup_error struct error err = { 0 };
        cleanup_free char *out = NULL;
        size_t length;
        assert_int_equal(truncate(image, size), 0);
        assert_int_equal(stream(image, &opened, &out, &length, &err), -1);
        assert_int_equal(err.type, ERROR_CLOUD);
    }
}

static void an_image_that_is_not_there_is_named(void **state)
{
    cleanup_error struct error err = { 0 };

    (void)state;
    assert_null(tree_stream_open("/nonexistent/image", &err));
    assert_non_null(strstr(err.message, "/nonexistent/image"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(a_path_that_leads_out_is_refused),
        IN_DIRECTORY(a_path_through_a_link_is_refused),
        IN_DIRECTORY(a_hard_link_that_leads_out_is_refused),
        IN_DIRECTORY(what_is_written_later_is_not_led_elsewhere),
        IN_DIRECTORY(what_is_fine_comes_through),
        IN_DIRECTORY(a_cut_or_damaged_image_is_refused),
        IN_DIRECTORY(an_image_that_is_not_there_is_named),
    };

    return cmocka_run_group_tests_name("tree_stream", tests, NULL, NULL);
}
