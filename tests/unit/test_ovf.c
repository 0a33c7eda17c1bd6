#include "unit.h"

#include "cpi/ovf.h"

#define FILE1 "<References><File o:href='disk-1.vmdk' o:id='file1'/></References>"
#define DISK1 "<DiskSection><Disk o:diskId='d' o:fileRef='file1'/></DiskSection>"
#define FIRMWARE(value) "<Item><vmw:Config vmw:key='firmware' vmw:value='" value "'/></Item>"

static char *envelope(const char *content)
{
    return xasprintf("<?xml version='1.0'?>\n<o:Envelope xmlns:o='urn:o' xmlns:vmw='urn:v'>%s"
                     "</o:Envelope>",
                     content);
}

static void expect_ovf(const char *content, const char *firmware)
{
    cleanup_free char *text = envelope(content);
    cleanup_ovf struct ovf ovf = { 0 };
    struct error err = { 0 };

    assert_int_equal(ovf_read(text, &ovf, &err), 0);
    assert_string_equal(ovf.disk, "disk-1.vmdk");
    if (firmware)
        assert_string_equal(ovf.firmware, firmware);
    else
        assert_null(ovf.firmware);
}

static void expect_refused(const char *text, const char *part)
{
    cleanup_ovf struct ovf ovf = { 0 };
    struct error err = { 0 };

    assert_int_equal(ovf_read(text, &ovf, &err), -1);
    expect_error(&err, ERROR_CLOUD, part);
}

static void expect_content_refused(const char *content, const char *part)
{
    cleanup_free char *text = envelope(content);

    expect_refused(text, part);
}

static void the_disk_is_the_one_that_is_referred_to(void **state)
{
    (void)state;
    expect_ovf(FILE1 DISK1, NULL);
    expect_ovf(FILE1, NULL);
    expect_ovf("<References><File o:href='a.nvram' o:id='f0'/>"
               "<File o:id='file1' o:href='disk-1.vmdk'/></References>" DISK1,
               NULL);
}

static void the_firmware_is_told_where_it_is_known(void **state)
{
    (void)state;
    expect_ovf(FILE1 DISK1 FIRMWARE("efi"), "efi");
    expect_ovf(FILE1 DISK1 FIRMWARE("BIOS"), "bios");
    expect_ovf(FILE1 DISK1 FIRMWARE("coreboot"), NULL);
    expect_ovf(FILE1 DISK1 "<vmw:Config vmw:key='cpuHotAddEnabled' vmw:value='efi'/>", NULL);
    expect_ovf(FILE1 DISK1 "<vmw:Config vmw:key='firmware'/>", NULL);
    expect_ovf(FILE1 DISK1 FIRMWARE("efi") FIRMWARE("bios"), "efi");
}

static void there_is_exactly_one_disk(void **state)
{
    const char *one = "exactly one disk with a file";

    (void)state;
    expect_content_refused("", one);
    expect_content_refused(FILE1 DISK1 DISK1, one);
    expect_content_refused(DISK1, one);
    expect_content_refused("<References><File o:href='a' o:id='a'/><File o:href='b' o:id='b'/>"
                           "</References>",
                           one);
}

static void a_disk_elsewhere_is_refused(void **state)
{
    static const char *const names[] = { "",       "../d.vmdk", "/etc/passwd", "http://h/d.vmdk",
                                         ".d",     "-d.vmdk",   "a/d.vmdk",    "a%2fd.vmdk",
                                         "d&#10;", "json:{}",   "d vmdk",      "&#233;" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        cleanup_free char *file =
            xasprintf("<References><File o:href='%s' o:id='file1'/></References>", names[i]);
        expect_content_refused(file, "a disk elsewhere");
    }
}

static void what_is_no_ovf_is_refused(void **state)
{
    (void)state;
    expect_refused("", "wrong in line");
    expect_refused("no XML", "wrong in line 1");
    expect_refused("<Envelope>\n<File>\n</Envelope>", "wrong in line 3");
    expect_refused("<Other/>", "no Envelope");
}

/* A thousand million laughs. */
static void a_document_type_is_refused(void **state)
{
    (void)state;
    expect_refused("<!DOCTYPE a [<!ENTITY b 'c'><!ENTITY d '&b;&b;'>]><Envelope>&d;</Envelope>",
                   "wrong in line 1");
    expect_refused("<!DOCTYPE a SYSTEM '/etc/passwd'><Envelope/>", "wrong in line 1");
}

static void a_manifest_tells_the_digest_of_a_file(void **state)
{
    static const char manifest[] = "SHA1(image.ovf)= aa01\r\nSHA256(disk-1.vmdk)= BB02\n"
                                   "SHA512(x)=cc03\nMD5(y)= dd04\nSHA1(z) nothing\n";
    enum digest_kind kind;
    char hex[DIGEST_SIZE];

    (void)state;
    assert_int_equal(ovf_manifest_find(manifest, "image.ovf", &kind, hex), 1);
    assert_int_equal(kind, DIGEST_SHA1);
    assert_string_equal(hex, "aa01");
    assert_int_equal(ovf_manifest_find(manifest, "disk-1.vmdk", &kind, hex), 1);
    assert_int_equal(kind, DIGEST_SHA256);
    assert_string_equal(hex, "BB02");
    assert_int_equal(ovf_manifest_find(manifest, "x", &kind, hex), 1);
    assert_int_equal(kind, DIGEST_SHA512);
    assert_int_equal(ovf_manifest_find(manifest, "y", &kind, hex), 0);
    assert_int_equal(ovf_manifest_find(manifest, "z", &kind, hex), 0);
    assert_int_equal(ovf_manifest_find(manifest, "disk", &kind, hex), 0);
    assert_int_equal(ovf_manifest_find("", "x", &kind, hex), 0);
}

static void a_digest_of_any_length_has_room(void **state)
{
    cleanup_free char *digits = xcalloc(1, 1000);
    enum digest_kind kind;
    char hex[DIGEST_SIZE];

    (void)state;
    memset(digits, 'a', 999);
    cleanup_free char *manifest = xasprintf("SHA1(x)= %s", digits);
    assert_int_equal(ovf_manifest_find(manifest, "x", &kind, hex), 1);
    assert_string_equal(hex, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_disk_is_the_one_that_is_referred_to),
        cmocka_unit_test(the_firmware_is_told_where_it_is_known),
        cmocka_unit_test(there_is_exactly_one_disk),
        cmocka_unit_test(a_disk_elsewhere_is_refused),
        cmocka_unit_test(what_is_no_ovf_is_refused),
        cmocka_unit_test(a_document_type_is_refused),
        cmocka_unit_test(a_manifest_tells_the_digest_of_a_file),
        cmocka_unit_test(a_digest_of_any_length_has_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
