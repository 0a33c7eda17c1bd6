#include "unit.h"

#include "cpi/image.h"

#include <fcntl.h>

static struct log quiet;
static const struct host host = { .log = &quiet, .command_timeout = 60 };

static char *in(void **state, const char *name)
{
    return xasprintf("%s/%s", (char *)*state, name);
}

/* Runs qemu-img, which must succeed, and returns what it said. */
static char *qemu_img(const char *const *argv)
{
    const struct command command = { .argv = argv };
    cleanup_outcome struct outcome outcome = { 0 };
    struct error err = { 0 };

    assert_int_equal(host_run(&host, &command, &outcome, &err), 0);
    if (outcome.status)
        print_error("%s\n", outcome.err);
    assert_int_equal(outcome.status, 0);
    return steal_pointer(&outcome.out);
}

static int create(const char *path, const char *format, uint64_t size_mib, struct error *err)
{
    const struct image_request request = { .path = path, .format = format, .size_mib = size_mib };

    return image_create(&host, &request, err);
}

static char *make_qcow2(void **state)
{
    char *path = in(state, "image");
    struct error err = { 0 };

    assert_int_equal(create(path, "qcow2", 8, &err), 0);
    expect_no_error(&err);
    return path;
}

/* A disk of a whole number of sectors with a boot sector. */
static char *make_raw(void **state, size_t length)
{
    char *path = in(state, "image");
    cleanup_free char *content = xcalloc(length, 1);

    content[510] = 0x55;
    content[511] = (char)0xaa;
    unit_write(path, content, length, 0600);
    return path;
}

static void patch(const char *path, off_t position, const void *bytes, size_t length)
{
    cleanup_fd int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert_int_equal(pwrite(fd, bytes, length, position), length);
}

static void expect_recognised(const char *path, const char *format, uint64_t virtual_bytes)
{
    struct image_info info = { 0 };
    struct error err = { 0 };
    int result = image_recognise(&host, path, &info, &err);

    if (result < 0)
        print_error("%s\n", err.message);
    assert_int_equal(result, 0);
    assert_string_equal(info.format, format);
    assert_int_equal(info.virtual_bytes, virtual_bytes);
    expect_no_error(&err);
}

static void expect_refused(const char *path, const char *part)
{
    struct image_info info = { 0 };
    struct error err = { 0 };

    assert_int_equal(image_recognise(&host, path, &info, &err), -1);
    assert_non_null(err.message);
    expect_part(err.message, path);
    expect_error(&err, ERROR_CLOUD, part);
}

static void a_qcow2_is_recognised_with_its_virtual_size(void **state)
{
    cleanup_free char *path = make_qcow2(state);

    expect_recognised(path, "qcow2", 8 << 20);
}

static void an_old_qcow2_is_recognised(void **state)
{
    cleanup_free char *path = in(state, "image");

    free(
        qemu_img(ARGV("qemu-img", "create", "-q", "-f", "qcow2", "-o", "compat=0.10", path, "8M")));
    expect_recognised(path, "qcow2", 8 << 20);
}

static void a_disk_with_a_boot_sector_is_raw(void **state)
{
    cleanup_free char *path = make_raw(state, 3 * 512);

    expect_recognised(path, "raw", 3 * 512);
}

static void the_smallest_disk_has_one_sector(void **state)
{
    cleanup_free char *path = make_raw(state, 512);

    expect_recognised(path, "raw", 512);
    assert_int_equal(truncate(path, 511), 0);
    expect_refused(path, "is too small to be a disk image");
}

/* Its text would make the hypervisor open another file if it were taken for a VMDK. */
static void a_raw_disk_that_reads_as_a_vmdk_is_still_raw(void **state)
{
    static const char descriptor[] = "# Disk DescriptorFile\nversion=1\nCID=fffffffe\n"
                                     "parentCID=ffffffff\ncreateType=\"monolithicFlat\"\n"
                                     "RW 99999 FLAT \"/etc/passwd\" 0\n";
    cleanup_free char *path = make_raw(state, 4096);

    patch(path, 0, descriptor, strlen(descriptor));
    expect_recognised(path, "raw", 4096);
}

static void a_qcow2_with_a_backing_file_is_refused(void **state)
{
    cleanup_free char *base = make_qcow2(state);
    cleanup_free char *overlay = in(state, "overlay");
    const struct backing backing = { base, "qcow2", 8 << 20 };
    struct error err = { 0 };

    assert_int_equal(image_create_overlay(&host, overlay, &backing, 0, &err), 0);
    expect_refused(overlay, "has a backing file, which could be any file of the host: refused");
}

static void a_hand_made_backing_file_offset_is_refused(void **state)
{
    static const char offset[8] = { 0, 0, 0, 0, 0, 0, 1, 0 };
    cleanup_free char *path = make_qcow2(state);

    patch(path, 8, offset, sizeof(offset));
    expect_refused(path, "has a backing file");
}

static void a_backing_file_in_an_old_qcow2_is_refused(void **state)
{
    cleanup_free char *base = make_raw(state, 4096);
    cleanup_free char *path = in(state, "overlay");

    free(qemu_img(ARGV("qemu-img", "create", "-q", "-f", "qcow2", "-o", "compat=0.10", "-b", base,
                       "-F", "raw", path)));
    expect_refused(path, "has a backing file");
}

static void a_qcow2_with_an_external_data_file_is_refused(void **state)
{
    cleanup_free char *data = in(state, "data");
    cleanup_free char *path = in(state, "image");
    cleanup_free char *option = xasprintf("data_file=%s", data);

    free(qemu_img(ARGV("qemu-img", "create", "-q", "-f", "qcow2", "-o", option, path, "8M")));
    expect_refused(path, "has an external data file, which could be any file of the host: refused");
}

static void a_hand_made_external_data_bit_is_refused(void **state)
{
    static const char incompatible[8] = { 0, 0, 0, 0, 0, 0, 0, 4 };
    cleanup_free char *path = make_qcow2(state);

    patch(path, 72, incompatible, sizeof(incompatible));
    expect_refused(path, "has an external data file");
}

static void a_broken_qcow2_is_refused_with_qemu_imgs_words(void **state)
{
    cleanup_free char *path = in(state, "image");
    cleanup_free char *content = xcalloc(4096, 1);

    memcpy(content, "QFI\xfb\0\0\0\x03", 8);
    unit_write(path, content, 4096, 0600);
    expect_refused(path, "qemu-img failed on");
}

static void what_is_no_disk_is_refused(void **state)
{
    static const char *const beginnings[] = {
        "",
        "KDMV",
        "<<< Oracle VM VirtualBox Disk Image >>>",
        "conectix",
        "vhdxfile",
        "# Disk DescriptorFile",
        "LUKS\xba\xbe",
        "\x1f\x8b",
        "QED",
        "<?xml",
        "qfi\xfb",
    };
    cleanup_free char *path = in(state, "image");

    for (size_t i = 0; i < ARRAY_SIZE(beginnings); i++) {
        char content[4096] = "";
        memcpy(content, beginnings[i], strlen(beginnings[i]));
        unit_write(path, content, sizeof(content), 0600);
        expect_refused(path, "is neither a qcow2 image nor a raw disk with a boot sector");
    }
}

static void half_a_boot_sectors_mark_is_none(void **state)
{
    cleanup_free char *path = make_raw(state, 512);

    patch(path, 511, "\x55", 1);
    expect_refused(path, "is neither a qcow2 image nor a raw disk");
    patch(path, 510, "\xaa\xaa", 2);
    expect_refused(path, "is neither a qcow2 image nor a raw disk");
}

static void an_empty_file_is_refused(void **state)
{
    cleanup_free char *path = in(state, "image");

    unit_write_text(path, "");
    expect_refused(path, "is too small to be a disk image");
}

static void a_file_that_is_not_there_is_named(void **state)
{
    cleanup_free char *path = in(state, "none");

    expect_refused(path, "cannot read");
}

static void a_new_image_is_thin_and_has_its_size(void **state)
{
    cleanup_free char *path = in(state, "disk");
    struct error err = { 0 };
    struct stat status;

    assert_int_equal(create(path, "raw", 64, &err), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 64 << 20);
    assert_true(status.st_blocks * 512 < 1 << 20);
}

static cJSON *inspect(const char *path)
{
    cleanup_free char *text = qemu_img(ARGV("qemu-img", "info", "--output=json", path));

    return unit_json(text);
}

static void an_overlay_names_its_backing_file_and_format(void **state)
{
    cleanup_free char *base = make_qcow2(state);
    cleanup_free char *path = in(state, "root");
    const struct backing backing = { base, "qcow2", 8 << 20 };
    struct error err = { 0 };

    assert_int_equal(image_create_overlay(&host, path, &backing, 0, &err), 0);
    cleanup_json cJSON *info = inspect(path);
    assert_string_equal(json_string(info, "format"), "qcow2");
    assert_string_equal(json_string(info, "backing-filename"), base);
    assert_string_equal(json_string(info, "backing-filename-format"), "qcow2");
}

static void an_overlay_is_at_least_as_large_as_its_backing_image(void **state)
{
    static const struct {
        uint64_t asked_mib, bytes;
    } rows[] = { { 0, 8 << 20 }, { 4, 8 << 20 }, { 8, 8 << 20 }, { 9, 9 << 20 } };
    cleanup_free char *base = make_qcow2(state);
    const struct backing backing = { base, "qcow2", 8 << 20 };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_free char *path = in(state, "root");
        struct error err = { 0 };
        assert_int_equal(image_create_overlay(&host, path, &backing, rows[i].asked_mib, &err), 0);
        cleanup_json cJSON *info = inspect(path);
        assert_int_equal(json_get(info, "virtual-size")->valuedouble, rows[i].bytes);
    }
}

static void what_qemu_img_cannot_do_is_told_in_its_words(void **state)
{
    cleanup_free char *path = in(state, "none/disk");
    cleanup_free char *part = xasprintf("qemu-img failed on '%s' (status 1): %s: ", path, path);
    struct error err = { 0 };

    assert_int_equal(create(path, "qcow2", 8, &err), -1);
    expect_part(err.message, "No such file or directory");
    expect_error(&err, ERROR_CLOUD, part);
}

/* Puts a stand-in for qemu-img (NULL: none) alone on PATH and makes an image with it. */
static int create_with(void **state, const char *script, struct error *err)
{
    cleanup_free char *program = in(state, "qemu-img");
    cleanup_free char *before = xstrdup(getenv("PATH"));

    if (script)
        unit_write_script(program, script);
    assert_int_equal(setenv("PATH", *state, 1), 0);
    int result = create("/nowhere/disk", "qcow2", 8, err);
    assert_int_equal(setenv("PATH", before, 1), 0);
    return result;
}

static void a_full_disk_is_no_disk_space(void **state)
{
    struct error err = { 0 };

    assert_int_equal(create_with(state,
                                 "echo 'qemu-img: a warning' >&2\n"
                                 "echo 'qemu-img: /x: No space left on device' >&2\nexit 1\n",
                                 &err),
                     -1);
    expect_error(&err, ERROR_NO_DISK_SPACE,
                 "no space for '/nowhere/disk': a warning; /x: No space left on device");
}

static void the_line_that_explains_is_kept_too(void **state)
{
    struct error err = { 0 };

    assert_int_equal(create_with(state,
                                 "echo 'qcow2: Marking image as corrupt: overlap' >&2\n"
                                 "echo 'qemu-img: error while reading: Input/output error' >&2\n"
                                 "exit 1\n",
                                 &err),
                     -1);
    expect_error(&err, ERROR_CLOUD,
                 "(status 1): qcow2: Marking image as corrupt: overlap; "
                 "error while reading: Input/output error");
}

static void a_used_up_quota_is_no_disk_space(void **state)
{
    struct error err = { 0 };

    assert_int_equal(
        create_with(state, "echo 'qemu-img: /x: Disk quota exceeded' >&2\nexit 1\n", &err), -1);
    expect_error(&err, ERROR_NO_DISK_SPACE, "Disk quota exceeded");
}

static void a_silent_failure_is_told(void **state)
{
    struct error err = { 0 };

    assert_int_equal(create_with(state, "exit 3\n", &err), -1);
    expect_error(&err, ERROR_CLOUD,
                 "qemu-img failed on '/nowhere/disk' (status 3): it said nothing");
}

static void a_missing_qemu_img_is_named(void **state)
{
    struct error err = { 0 };

    assert_int_equal(create_with(state, NULL, &err), -1);
    expect_error(&err, ERROR_CLOUD, "cannot find the program 'qemu-img'");
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
        IN_DIRECTORY(a_qcow2_is_recognised_with_its_virtual_size),
        IN_DIRECTORY(an_old_qcow2_is_recognised),
        IN_DIRECTORY(a_disk_with_a_boot_sector_is_raw),
        IN_DIRECTORY(the_smallest_disk_has_one_sector),
        IN_DIRECTORY(a_raw_disk_that_reads_as_a_vmdk_is_still_raw),
        IN_DIRECTORY(a_qcow2_with_a_backing_file_is_refused),
        IN_DIRECTORY(a_hand_made_backing_file_offset_is_refused),
        IN_DIRECTORY(a_backing_file_in_an_old_qcow2_is_refused),
        IN_DIRECTORY(a_qcow2_with_an_external_data_file_is_refused),
        IN_DIRECTORY(a_hand_made_external_data_bit_is_refused),
        IN_DIRECTORY(a_broken_qcow2_is_refused_with_qemu_imgs_words),
        IN_DIRECTORY(what_is_no_disk_is_refused),
        IN_DIRECTORY(half_a_boot_sectors_mark_is_none),
        IN_DIRECTORY(an_empty_file_is_refused),
        IN_DIRECTORY(a_file_that_is_not_there_is_named),
        IN_DIRECTORY(a_new_image_is_thin_and_has_its_size),
        IN_DIRECTORY(an_overlay_names_its_backing_file_and_format),
        IN_DIRECTORY(an_overlay_is_at_least_as_large_as_its_backing_image),
        IN_DIRECTORY(what_qemu_img_cannot_do_is_told_in_its_words),
        IN_DIRECTORY(a_full_disk_is_no_disk_space),
        IN_DIRECTORY(the_line_that_explains_is_kept_too),
        IN_DIRECTORY(a_used_up_quota_is_no_disk_space),
        IN_DIRECTORY(a_silent_failure_is_told),
        IN_DIRECTORY(a_missing_qemu_img_is_named),
    };

    return cmocka_run_group_tests_name("image", tests, block_signals, NULL);
}
