#include "unit.h"

#include "cpi/command.h"
#include "cpi/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <signal.h>

static struct log quiet;
static const struct host here = { .log = &quiet };

struct member {
    const char *path, *data;
    size_t length;
    unsigned type;    /* AE_IFREG when 0 */
    const char *link; /* of a symbolic link; of a hard link when type is 0 */
};

static void write_member(struct archive *archive, const struct member *member)
{
    struct archive_entry *entry = archive_entry_new();

    archive_entry_set_pathname(entry, member->path);
    archive_entry_set_filetype(entry, member->type ? member->type : (unsigned)AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    if (member->link && member->type)
        archive_entry_set_symlink(entry, member->link);
    else if (member->link)
        archive_entry_set_hardlink(entry, member->link);
    else
        archive_entry_set_size(entry, (la_int64_t)member->length);
    assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
    if (member->length)
        assert_int_equal(archive_write_data(archive, member->data, member->length), member->length);
    archive_entry_free(entry);
}

/* The path of an archive of these members, ended by one without a path. The options are
 * libarchive's; NULL: a tar that is not compressed. */
static char *pack(void **state, const char *options, const struct member *members)
{
    char *path = xasprintf("%s/image", (char *)*state);
    struct archive *archive = archive_write_new();

    assert_int_equal(archive_write_set_format_gnutar(archive), ARCHIVE_OK);
    if (options) {
        assert_int_equal(archive_write_add_filter_gzip(archive), ARCHIVE_OK);
        assert_int_equal(archive_write_set_options(archive, options), ARCHIVE_OK);
    }
    assert_int_equal(archive_write_open_filename(archive, path), ARCHIVE_OK);
    for (; members->path; members++)
        write_member(archive, members);
    assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
    archive_write_free(archive);
    return path;
}

#define GZIP "gzip:compression-level=6"
#define STORED "gzip:compression-level=0"
#define TEXT(text) .data = (text), .length = sizeof(text) - 1
#define BYTES(bytes, size) .data = (bytes), .length = (size)
#define PACK(state, options, ...) \
    pack((state), (options), (const struct member[]){ __VA_ARGS__, { 0 } })

static char *target_of(void **state)
{
    return xasprintf("%s/root", (char *)*state);
}

static int unpack(const char *image, const char *target, struct error *err)
{
    cleanup_unpacked struct unpacked unpacked = { 0 };

    return unpack_image(&here, image, target, &unpacked, err);
}

static void expect_unpacked(void **state, const char *image, const char *content, size_t length)
{
    cleanup_free char *target = target_of(state);
    struct error err = { 0 };
    size_t got;
    int result = unpack(image, target, &err);

    if (result < 0)
        print_error("%s\n", err.message);
    assert_int_equal(result, 0);
    expect_no_error(&err);
    cleanup_free char *unpacked = unit_read(target, &got);
    assert_int_equal(got, length);
    assert_memory_equal(unpacked, content, length);
}

static void expect_refused(void **state, const char *image, const char *part)
{
    cleanup_free char *target = target_of(state);
    struct error err = { 0 };

    assert_int_equal(unpack(image, target, &err), -1);
    assert_non_null(err.message);
    expect_part(err.message, image);
    expect_error(&err, ERROR_CLOUD, part);
}

static void root_img_comes_out_of_a_gzipped_tar(void **state)
{
    cleanup_free char *image = PACK(state, GZIP, { "root.img", TEXT("the disk") });

    expect_unpacked(state, image, "the disk", 8);
}

static void root_img_comes_out_of_a_plain_tar(void **state)
{
    cleanup_free char *image = PACK(state, NULL, { "root.img", TEXT("the disk") });

    expect_unpacked(state, image, "the disk", 8);
}

static void root_img_may_have_a_directory_before_it(void **state)
{
    cleanup_free char *image =
        PACK(state, GZIP, { "./", .type = AE_IFDIR }, { "./root.img", TEXT("the disk") });

    expect_unpacked(state, image, "the disk", 8);
}

static void root_img_may_come_after_others(void **state)
{
    cleanup_free char *image =
        PACK(state, GZIP, { "first", TEXT("1") }, { "not-root.img", TEXT("2") },
             { "root.img.bak", TEXT("3") }, { "root.img", TEXT("the disk") });

    expect_unpacked(state, image, "the disk", 8);
}

static void a_second_disk_is_refused(void **state)
{
    cleanup_free char *image =
        PACK(state, GZIP, { "root.img", TEXT("first") }, { "root.img", TEXT("second one") });

    expect_refused(state, image, "disk");
}

static void the_image_is_ours_alone(void **state)
{
    cleanup_free char *image = PACK(state, GZIP, { "root.img", TEXT("x") });
    cleanup_free char *target = target_of(state);
    mode_t before = umask(0);

    expect_unpacked(state, image, "x", 1);
    umask(before);
    assert_int_equal(unit_mode(target), 0600);
}

/* Bytes that do not repeat at any block's length. */
static char *pattern(size_t length)
{
    char *data = xcalloc(length, 1);

    for (size_t i = 0; i < length; i++)
        data[i] = (char)(1 + (i ^ i >> 8 ^ i >> 16) % 255);
    return data;
}

static void a_big_image_comes_out_as_it_went_in(void **state)
{
    const size_t length = (3 << 20) + 12345;
    cleanup_free char *data = pattern(length);
    cleanup_free char *image = PACK(state, GZIP, { "root.img", BYTES(data, length) });

    expect_unpacked(state, image, data, length);
}

static void zeros_become_holes(void **state)
{
    const size_t length = 16 << 20;
    cleanup_free char *data = xcalloc(length, 1);
    cleanup_free char *target = target_of(state);
    struct stat status;

    memcpy(data + 4095, "ab", 2);
    memcpy(data + (8 << 20) + 17, "middle", 6);
    cleanup_free char *image = PACK(state, GZIP, { "root.img", BYTES(data, length) });
    expect_unpacked(state, image, data, length);
    assert_int_equal(stat(target, &status), 0);
    assert_true(status.st_blocks * 512 < 1 << 20);
}

static void an_image_that_ends_in_zeros_has_its_size(void **state)
{
    static const char data[10000] = "x";
    cleanup_free char *image = PACK(state, GZIP, { "root.img", BYTES(data, sizeof(data)) });

    expect_unpacked(state, image, data, sizeof(data));
}

static void an_image_of_zeros_only_has_its_size(void **state)
{
    static const char data[5000];
    cleanup_free char *image = PACK(state, GZIP, { "root.img", BYTES(data, sizeof(data)) });

    expect_unpacked(state, image, data, sizeof(data));
}

static void a_sparse_member_keeps_its_holes_in_place(void **state)
{
    const size_t length = 1 << 20, middle = 512 << 10, block = 4096;
    cleanup_free char *data = xcalloc(length, 1);
    cleanup_free char *image = xasprintf("%s/image", (char *)*state);
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();

    memset(data + middle, 'm', block);
    assert_int_equal(archive_write_set_format_pax(archive), ARCHIVE_OK);
    assert_int_equal(archive_write_open_filename(archive, image), ARCHIVE_OK);
    archive_entry_set_pathname(entry, "root.img");
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_size(entry, (la_int64_t)length);
    archive_entry_sparse_add_entry(entry, (la_int64_t)middle, (la_int64_t)block);
    assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
    assert_int_equal(archive_write_data(archive, data, length), length);
    archive_entry_free(entry);
    assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
    archive_write_free(archive);
    expect_unpacked(state, image, data, length);
}

static void a_path_that_leads_out_is_refused_and_not_written(void **state)
{
    cleanup_free char *image =
        PACK(state, GZIP, { "other", TEXT("1") }, { "../cpi-unit-evil", TEXT("2") },
             { "sub", .type = AE_IFDIR }, { "link", .type = AE_IFLNK, .link = "/etc/passwd" },
             { "root.img", TEXT("the disk") }, { "last", TEXT("3") });
    cleanup_free char *outside = xasprintf("%s/../cpi-unit-evil", (char *)*state);

    expect_refused(state, image, "leads out of it");
    assert_false(unit_exists(outside));
}

static void an_archive_without_a_disk_says_so(void **state)
{
    cleanup_free char *image =
        PACK(state, GZIP, { "stemcell.MF", TEXT("1") }, { "image", TEXT("2") });

    expect_refused(state, image, "root.img");
}

static void an_empty_archive_holds_nothing(void **state)
{
    cleanup_free char *image = pack(state, NULL, &(struct member){ 0 });

    expect_refused(state, image, "holds no root.img: is it a stemcell");
}

static void a_root_img_that_is_no_file_is_refused(void **state)
{
    cleanup_free char *link =
        PACK(state, GZIP, { "root.img", .type = AE_IFLNK, .link = "/etc/passwd" });
    cleanup_free char *target = target_of(state);

    expect_refused(state, link, "is not a file");
    assert_int_equal(access(target, F_OK), -1);

    cleanup_free char *hard =
        PACK(state, GZIP, { "other", TEXT("1") }, { "root.img", .link = "other" });
    expect_refused(state, hard, "is not a file");
    assert_int_equal(access(target, F_OK), -1);

    cleanup_free char *fifo = PACK(state, GZIP, { "root.img", .type = AE_IFIFO });
    expect_refused(state, fifo, "is not a file");
}

static void an_empty_root_img_is_refused(void **state)
{
    cleanup_free char *image = PACK(state, GZIP, { "root.img", BYTES(NULL, 0) });

    expect_refused(state, image, "has 0 bytes; it must have some and at most 137438953472");
}

/* A header alone, made by hand, for libarchive would fill the member up with zeros. */
static void a_root_img_above_the_limit_is_refused_before_it_is_read(void **state)
{
    cleanup_free char *image = xasprintf("%s/image", (char *)*state);
    char header[512] = "root.img";
    const unsigned long long size = UNPACK_LIMIT + 1;
    unsigned sum = 0;

    memcpy(header + 100, "0000644", 7);
    header[124] = (char)0x80; /* the size is binary, as it does not fit in octal digits */
    for (int i = 0; i < 8; i++)
        header[135 - i] = (char)(size >> 8 * i & 0xff);
    header[156] = '0';
    memcpy(header + 257, "ustar  ", 7);
    memset(header + 148, ' ', 8);
    for (size_t i = 0; i < sizeof(header); i++)
        sum += (unsigned char)header[i];
    snprintf(header + 148, 8, "%06o", sum);
    unit_write(image, header, sizeof(header), 0600);
    expect_refused(state, image, "has 137438953473 bytes; it must have some and at most");
}

static void cut(const char *path, off_t missing)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(truncate(path, status.st_size - missing), 0);
}

static void a_cut_archive_is_refused(void **state)
{
    static const char *const options[] = { NULL, GZIP };
    const size_t length = 1 << 20;
    cleanup_free char *data = pattern(length);
    cleanup_free char *target = target_of(state);

    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        cleanup_free char *image = PACK(state, options[i], { "root.img", BYTES(data, length) });
        struct stat status;
        assert_int_equal(stat(image, &status), 0);
        cut(image, status.st_size / 2);
        expect_refused(state, image, "cannot be unpacked");
        assert_int_equal(unlink(target), 0);
    }
}

static void an_archive_that_is_cut_after_the_image_is_refused(void **state)
{
    static const char *const options[] = { NULL, GZIP };
    const size_t length = 1 << 20;
    cleanup_free char *data = pattern(length);
    cleanup_free char *target = target_of(state);

    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        cleanup_free char *image = PACK(state, options[i], { "root.img", TEXT("the disk") },
                                        { "other", BYTES(data, length) });
        cut(image, 64 << 10);
        expect_refused(state, image, "cannot be unpacked");
        assert_int_equal(unlink(target), 0);
    }
}

/* A download that lost its end after the image's own data is not whole either. */
static void a_gzip_without_its_end_is_refused(void **state)
{
    cleanup_free char *image = PACK(state, GZIP, { "root.img", TEXT("the disk") });

    cut(image, 8);
    expect_refused(state, image, "cannot be unpacked");
}

/* Flips one byte of the file at the first place where 'marker' is. */
static void damage(const char *path, const char *marker)
{
    size_t length;
    cleanup_free char *content = unit_read(path, &length);
    char *place = memmem(content, length, marker, strlen(marker));

    assert_non_null(place);
    *place ^= 1;
    unit_write(path, content, length, 0600);
}

static void damaged_data_is_found_by_its_checksum(void **state)
{
    cleanup_free char *image = PACK(state, STORED, { "root.img", TEXT("before MARK after") });

    damage(image, "MARK");
    expect_refused(state, image, "cannot be unpacked");
}

static void what_is_no_archive_is_refused(void **state)
{
    static const char *const texts[] = { "", "no archive at all", "\x1f\x8b no gzip" };
    cleanup_free char *image = xasprintf("%s/image", (char *)*state);
    cleanup_free char *target = target_of(state);

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        unit_write_text(image, texts[i]);
        expect_refused(state, image, "cannot be unpacked");
        assert_int_equal(access(target, F_OK), -1);
    }
}

static void an_image_that_is_not_there_is_named(void **state)
{
    cleanup_free char *image = xasprintf("%s/none", (char *)*state);

    expect_refused(state, image, "cannot be unpacked");
}

static void a_target_that_exists_is_not_touched(void **state)
{
    cleanup_free char *image = PACK(state, GZIP, { "root.img", TEXT("new") });
    cleanup_free char *target = target_of(state);
    cleanup_free char *part = xasprintf("cannot write '%s': File exists", target);
    struct error err = { 0 };

    unit_write_text(target, "old");
    assert_int_equal(unpack(image, target, &err), -1);
    expect_error(&err, ERROR_CLOUD, part);
    expect_file(target, "old");
}

static void a_request_to_stop_ends_it(void **state)
{
    cleanup_free char *image = PACK(state, GZIP, { "root.img", TEXT("the disk") });

    assert_int_equal(kill(getpid(), SIGTERM), 0);
    expect_refused(state, image, "this call was asked to end while it unpacked");
    assert_false(command_interrupted());
}

static int block_signals(void **state)
{
    (void)state;
    command_block_signals();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(root_img_comes_out_of_a_gzipped_tar),
        IN_DIRECTORY(root_img_comes_out_of_a_plain_tar),
        IN_DIRECTORY(root_img_may_have_a_directory_before_it),
        IN_DIRECTORY(root_img_may_come_after_others),
        IN_DIRECTORY(a_second_disk_is_refused),
        IN_DIRECTORY(the_image_is_ours_alone),
        IN_DIRECTORY(a_big_image_comes_out_as_it_went_in),
        IN_DIRECTORY(zeros_become_holes),
        IN_DIRECTORY(an_image_that_ends_in_zeros_has_its_size),
        IN_DIRECTORY(an_image_of_zeros_only_has_its_size),
        IN_DIRECTORY(a_sparse_member_keeps_its_holes_in_place),
        IN_DIRECTORY(a_path_that_leads_out_is_refused_and_not_written),
        IN_DIRECTORY(an_archive_without_a_disk_says_so),
        IN_DIRECTORY(an_empty_archive_holds_nothing),
        IN_DIRECTORY(a_root_img_that_is_no_file_is_refused),
        IN_DIRECTORY(an_empty_root_img_is_refused),
        IN_DIRECTORY(a_root_img_above_the_limit_is_refused_before_it_is_read),
        IN_DIRECTORY(a_cut_archive_is_refused),
        IN_DIRECTORY(an_archive_that_is_cut_after_the_image_is_refused),
        IN_DIRECTORY(a_gzip_without_its_end_is_refused),
        IN_DIRECTORY(damaged_data_is_found_by_its_checksum),
        IN_DIRECTORY(what_is_no_archive_is_refused),
        IN_DIRECTORY(an_image_that_is_not_there_is_named),
        IN_DIRECTORY(a_target_that_exists_is_not_touched),
        IN_DIRECTORY(a_request_to_stop_ends_it),
    };

    return cmocka_run_group_tests_name("unpack", tests, block_signals, NULL);
}
