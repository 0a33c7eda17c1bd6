#include "unit.h"

#include "cpi/vmdk.h"

#define GOOD_TYPE "createType=\"streamOptimized\"\n"
#define NO_PARENT "parentCID=ffffffff\n"
#define EXTENT "RW 131072 SPARSE \"disk.vmdk\"\n"
#define GOOD "# Disk DescriptorFile\nversion=1\n" NO_PARENT GOOD_TYPE EXTENT

/* A sparse extent's header and its descriptor, with bytes 'capacity' and 'offset' where they are
 * in it. */
static char *make_vmdk(void **state, const char *descriptor, char capacity, char offset)
{
    char *path = xasprintf("%s/disk", (char *)*state);
    char data[4096] = "KDMV";

    data[12] = capacity;
    data[28] = offset;
    memcpy(data + 512, descriptor, strlen(descriptor));
    unit_write(path, data, sizeof(data), 0600);
    return path;
}

static void expect_good(void **state, const char *descriptor)
{
    cleanup_free char *path = make_vmdk(state, descriptor, 1, 1);
    struct error err = { 0 };

    vmdk_check(NULL, path, &err);
    expect_no_error(&err);
}

static void expect_bad(const char *path, const char *part)
{
    struct error err = { 0 };

    assert_int_equal(vmdk_check(NULL, path, &err), -1);
    expect_error(&err, ERROR_CLOUD, part);
}

static void expect_refused(void **state, const char *descriptor, const char *part)
{
    cleanup_free char *path = make_vmdk(state, descriptor, 1, 1);

    expect_bad(path, part);
}

static void complete_ones_are_taken(void **state)
{
    expect_good(state, GOOD);
    expect_good(state, NO_PARENT EXTENT "createType=\"monolithicSparse\"\r\n");
    expect_good(state, GOOD_TYPE "RDONLY 8 SPARSE \"call-me-stream.vmdk\"\n");
    expect_good(state, GOOD_TYPE);
}

static void a_parent_is_refused(void **state)
{
    expect_refused(state, GOOD_TYPE EXTENT "parentCID=12345678\n", "has a parent");
    expect_refused(state, GOOD "parentCID=00000001\n", "has a parent");
    expect_refused(state, GOOD "parentFileNameHint=\"/etc/passwd\"\n", "has a parent");
    expect_refused(state, GOOD "  # parentFileNameHint=\"x\"\n", "has a parent");
}

static void an_extent_elsewhere_is_refused(void **state)
{
    const char *part = "has an extent in another file";

    expect_refused(state, GOOD EXTENT, part);
    expect_refused(state, GOOD_TYPE "RW 8 FLAT \"disk.vmdk\" 0\n", part);
    expect_refused(state, GOOD_TYPE "RW 8 ZERO\n", part);
    expect_refused(state, GOOD_TYPE "RW 8 SPARSE \"/etc/passwd\"\n", part);
    expect_refused(state, GOOD_TYPE "RW 8 SPARSE \"..\\x\"\n", part);
    expect_refused(state, GOOD_TYPE "RW 8 SPARSE \"\n", part);
    expect_refused(state, GOOD_TYPE "NOACCESS 8 VMFS \"x\"\n", part);
}

static void other_types_are_refused(void **state)
{
    const char *part = "neither of type";

    expect_refused(state, NO_PARENT EXTENT, part);
    expect_refused(state, NO_PARENT EXTENT "createType=\"monolithicFlat\"\n", part);
    expect_refused(state, GOOD GOOD_TYPE, part);
    expect_refused(state, GOOD "createType=\"vmfs\"\n", part);
}

static void a_header_that_leads_to_another_descriptor_is_refused(void **state)
{
    cleanup_free char *none = make_vmdk(state, GOOD, 0, 1);

    expect_bad(none, "a descriptor of its own");
    cleanup_free char *later = make_vmdk(state, GOOD, 1, 2);
    expect_bad(later, "a descriptor of its own");
}

static void what_is_no_sparse_vmdk_is_refused(void **state)
{
    cleanup_free char *path = xasprintf("%s/disk", (char *)*state);

    expect_bad(path, "No such file");
    unit_write_text(path, "KDMV");
    expect_bad(path, "is not a sparse VMDK");
    unit_write_text(path, "");
    expect_bad(path, "is not a sparse VMDK");
    cleanup_free char *text = xcalloc(1, 4097);
    memset(text, ' ', 4096);
    memcpy(text, GOOD, strlen(GOOD));
    unit_write_text(path, text);
    expect_bad(path, "is not a sparse VMDK");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(complete_ones_are_taken),
        IN_DIRECTORY(a_parent_is_refused),
        IN_DIRECTORY(an_extent_elsewhere_is_refused),
        IN_DIRECTORY(other_types_are_refused),
        IN_DIRECTORY(a_header_that_leads_to_another_descriptor_is_refused),
        IN_DIRECTORY(what_is_no_sparse_vmdk_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
