#include "unit.h"

#include "cpi/disk_properties.h"
#include "cpi/json.h"

static int read_text(const char *text, struct disk_properties *properties, struct error *err)
{
    cJSON *json = cJSON_Parse(text);
    int failed;

    assert_non_null(json);
    *properties = (struct disk_properties){ 0 };
    failed = disk_properties_read(json, &hypervisor_qemu, properties, NULL, err);
    cJSON_Delete(json);
    return failed;
}

static void refused(const char *text, enum error_type type, const char *fragment)
{
    struct disk_properties properties;
    cleanup_error struct error err = { 0 };

    assert_int_equal(read_text(text, &properties, &err), -1);
    expect_error(&err, type, fragment);
}

static void nothing_given_means_a_thin_qcow2(void **state)
{
    struct disk_properties properties;
    cleanup_error struct error err = { 0 };

    (void)state;
    assert_int_equal(read_text("{}", &properties, &err), 0);
    assert_string_equal(properties.format, "qcow2");
    assert_null(properties.bus);
    assert_false(disk_properties_take_space(&properties));
}

static void everything_given_is_read(void **state)
{
    struct disk_properties properties;
    cleanup_error struct error err = { 0 };

    (void)state;
    assert_int_equal(read_text("{\"format\":\"raw\",\"cache\":\"none\",\"io\":\"native\","
                               "\"discard\":\"ignore\",\"preallocation\":\"full\",\"bus\":\"scsi\","
                               "\"iops\":\"100\",\"throughput_read\":5}",
                               &properties, &err),
                     0);
    assert_string_equal(properties.format, "raw");
    assert_string_equal(properties.bus->name, "scsi");
    assert_int_equal(properties.iops.total, 100);
    assert_int_equal(properties.throughput.read, 5);
    assert_true(disk_properties_take_space(&properties));
}

static void nonsense_is_refused_in_clear_words(void **state)
{
    (void)state;
    refused("{\"format\":\"vhdx\"}", ERROR_CPI, "qcow2, raw, qcow, vmdk");
    refused("{\"format\":5}", ERROR_CPI, "format");
    refused("{\"io\":\"native\"}", ERROR_CPI, "cache 'none'");
    refused("{\"bus\":\"sata\"}", ERROR_CPI, "virtio, scsi");
    refused("{\"iops\":0}", ERROR_CPI, "iops");
    refused("{\"iops\":5,\"iops_read\":5}", ERROR_CPI, "not both");
    refused("{\"throughput\":5,\"throughput_write\":5}", ERROR_CPI, "not both");
    refused("{\"format\":\"raw\",\"preallocation\":\"metadata\"}", ERROR_CPI, "falloc or full");
    refused("{\"format\":\"vmdk\",\"preallocation\":\"falloc\"}", ERROR_NOT_SUPPORTED, "vmdk");
}

static void unknown_keys_are_told(void **state)
{
    struct disk_properties properties = { 0 };
    cleanup_error struct error err = { 0 };
    struct log log = { 0 };
    cJSON *json = cJSON_Parse("{\"formt\":\"raw\"}");

    (void)state;
    assert_int_equal(disk_properties_read(json, &hypervisor_qemu, &properties, &log, &err), 0);
    assert_non_null(strstr(log.text, "formt"));
    log_release(&log);
    cJSON_Delete(json);
}

/* Seven disks on a SCSI controller are all that libvirt places by itself. */
static void a_scsi_disk_gets_an_address_of_its_own(void **state)
{
    static const struct bus scsi = { "scsi", "sd", "scsi-", false };
    const struct disk_device device = {
        .path = "/p", .format = "raw", .target = "sdx", .serial = "s", .bus = &scsi, .index = 300
    };
    cJSON *item = disk_device_item(&device);
    const cJSON *address = json_get(item, "address");

    (void)state;
    assert_int_equal(json_get(address, "target")->valueint, 44);
    assert_int_equal(json_get(address, "unit")->valueint, 1);
    cJSON_Delete(item);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_given_means_a_thin_qcow2),
        cmocka_unit_test(everything_given_is_read),
        cmocka_unit_test(nonsense_is_refused_in_clear_words),
        cmocka_unit_test(unknown_keys_are_told),
        cmocka_unit_test(a_scsi_disk_gets_an_address_of_its_own),
    };

    return cmocka_run_group_tests_name("disk_properties", tests, NULL, NULL);
}
