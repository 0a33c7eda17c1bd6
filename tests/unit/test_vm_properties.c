#include "unit.h"

#include "cpi/vm_properties.h"

struct reading {
    struct vm_properties properties;
    struct log log;
    struct error err;
    int result;
};

static void release(struct reading *r)
{
    log_release(&r->log);
    error_release(&r->err);
}

#define cleanup_reading cleanup(release)

/* Reads properties given as JSON text; NULL: none. */
static struct reading take(const char *text)
{
    struct reading r = { .properties = {
                             .cpus = 77, .memory_mib = 77, .ephemeral_mib = 77, .root_mib = 77 } };
    cleanup_json cJSON *given = text ? unit_json(text) : NULL;

    r.result = vm_properties_read(given, &r.properties, &r.log, &r.err);
    return r;
}

static void expect_sizes(const char *text, struct vm_properties expected)
{
    cleanup_reading struct reading r = take(text);

    if (r.result < 0)
        print_error("%s\n", r.err.message);
    assert_int_equal(r.result, 0);
    expect_no_error(&r.err);
    assert_int_equal(r.properties.cpus, expected.cpus);
    assert_int_equal(r.properties.memory_mib, expected.memory_mib);
    assert_int_equal(r.properties.ephemeral_mib, expected.ephemeral_mib);
    assert_int_equal(r.properties.root_mib, expected.root_mib);
    assert_null(r.log.text);
}

static void refused(const char *text, const char *part)
{
    cleanup_reading struct reading r = take(text);

    if (r.result == 0)
        print_error("accepted: %s\n", text);
    assert_int_equal(r.result, -1);
    expect_error(&r.err, ERROR_CPI, part);
}

static void what_is_not_said_has_its_default(void **state)
{
    const struct vm_properties defaults = {
        .cpus = 1, .memory_mib = 1024, .ephemeral_mib = 5000, .root_mib = 0
    };

    (void)state;
    expect_sizes(NULL, defaults);
    expect_sizes("null", defaults);
    expect_sizes("{}", defaults);
    expect_sizes("{\"cpus\":null,\"memory\":null,\"ephemeral_disk\":null,\"root_disk_size\":null}",
                 defaults);
}

static void each_property_is_read(void **state)
{
    (void)state;
    expect_sizes("{\"cpus\":4,\"memory\":8192,\"ephemeral_disk\":20480,\"root_disk_size\":10240}",
                 (struct vm_properties){
                     .cpus = 4, .memory_mib = 8192, .ephemeral_mib = 20480, .root_mib = 10240 });
}

static void cpu_and_ram_are_other_names(void **state)
{
    (void)state;
    expect_sizes("{\"cpu\":2,\"ram\":2048}",
                 (struct vm_properties){
                     .cpus = 2, .memory_mib = 2048, .ephemeral_mib = 5000, .root_mib = 0 });
    expect_sizes("{\"cpu\":2,\"cpus\":3,\"ram\":2048,\"memory\":4096}",
                 (struct vm_properties){
                     .cpus = 3, .memory_mib = 4096, .ephemeral_mib = 5000, .root_mib = 0 });
}

static void numbers_may_come_as_strings_and_floats(void **state)
{
    (void)state;
    expect_sizes(
        "{\"cpus\":\"4\",\"memory\":512.0,\"ephemeral_disk\":\"0\"}",
        (struct vm_properties){ .cpus = 4, .memory_mib = 512, .ephemeral_mib = 0, .root_mib = 0 });
}

static void the_limits_are_accepted(void **state)
{
    (void)state;
    expect_sizes(
        "{\"cpus\":1,\"memory\":64,\"ephemeral_disk\":0,\"root_disk_size\":1}",
        (struct vm_properties){ .cpus = 1, .memory_mib = 64, .ephemeral_mib = 0, .root_mib = 1 });
    expect_sizes("{\"cpus\":4096,\"memory\":8796093022208,\"ephemeral_disk\":8796093022208,"
                 "\"root_disk_size\":8796093022208}",
                 (struct vm_properties){ .cpus = 4096,
                                         .memory_mib = 1ULL << 43,
                                         .ephemeral_mib = 1ULL << 43,
                                         .root_mib = 1ULL << 43 });
}

static void what_is_beyond_the_limits_is_refused(void **state)
{
    static const struct {
        const char *text, *part;
    } rows[] = {
        { "{\"cpus\":0}", "cloud_properties.cpus must be a whole number from 1 to 4096" },
        { "{\"cpus\":4097}", "cloud_properties.cpus must be" },
        { "{\"cpu\":0}", "cloud_properties.cpu" },
        { "{\"cpus\":-1}", "cloud_properties.cpus must be" },
        { "{\"cpus\":1.5}", "cloud_properties.cpus must be" },
        { "{\"cpus\":\"two\"}", "cloud_properties.cpus must be" },
        { "{\"cpus\":true}", "cloud_properties.cpus must be" },
        { "{\"memory\":63}",
          "cloud_properties.memory must be a whole number from 64 to 8796093022208" },
        { "{\"memory\":8796093022209}", "cloud_properties.memory must be" },
        { "{\"memory\":\"1G\"}", "cloud_properties.memory must be" },
        { "{\"ephemeral_disk\":-1}",
          "cloud_properties.ephemeral_disk must be a whole number from 0 to 8796093022208" },
        { "{\"ephemeral_disk\":{\"size\":1}}", "cloud_properties.ephemeral_disk must be" },
        { "{\"root_disk_size\":0}",
          "cloud_properties.root_disk_size must be a whole number from 1 to 8796093022208" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        refused(rows[i].text, rows[i].part);
}

static void properties_that_are_no_object_are_refused(void **state)
{
    (void)state;
    refused("[]", "the VM's cloud_properties must be an object");
    refused("\"small\"", "the VM's cloud_properties must be an object");
    refused("5", "the VM's cloud_properties must be an object");
}

static void unknown_keys_are_noted_and_ignored(void **state)
{
    cleanup_reading struct reading r = take("{\"cpus\":2,\"colour\":\"red\",\"CPUs\":9}");

    (void)state;
    assert_int_equal(r.result, 0);
    assert_int_equal(r.properties.cpus, 2);
    assert_string_equal(r.log.text,
                        "warning: the VM's cloud_properties.colour is not known: it is ignored\n"
                        "warning: the VM's cloud_properties.CPUs is not known: it is ignored\n");
}

static void expect_for(const char *resources, const char *expected)
{
    cleanup_json cJSON *given = resources ? unit_json(resources) : NULL;
    struct error err = { 0 };
    cleanup_json cJSON *result = vm_properties_for(given, &err);

    assert_non_null(result);
    expect_no_error(&err);
    cleanup_free char *text = json_print(result);
    assert_string_equal(text, expected);
}

static void resources_become_properties(void **state)
{
    (void)state;
    expect_for("{\"cpu\":2,\"ram\":2048,\"ephemeral_disk_size\":10240}",
               "{\"cpus\":2,\"memory\":2048,\"ephemeral_disk\":10240}");
    expect_for("{\"ram\":\"2048\",\"x\":1,\"cpu\":null}", "{\"memory\":2048}");
    expect_for("{}", "{}");
    expect_for(NULL, "{}");
}

static void resources_that_make_no_sense_are_refused(void **state)
{
    static const char *const keys[] = { "cpu", "ram", "ephemeral_disk_size" };
    static const char *const values[] = { "0", "-1", "1.5", "\"x\"", "true", "8796093022209" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
            cleanup_free char *text = xasprintf("{\"%s\":%s}", keys[i], values[j]);
            cleanup_free char *part = xasprintf("%s must be a whole number from 1 to", keys[i]);
            cleanup_json cJSON *resources = unit_json(text);
            struct error err = { 0 };
            assert_null(vm_properties_for(resources, &err));
            expect_error(&err, ERROR_CPI, part);
        }
}

static void what_is_calculated_can_be_created(void **state)
{
    cleanup_json cJSON *resources =
        unit_json("{\"cpu\":2,\"ram\":2048,\"ephemeral_disk_size\":10240}");
    struct error err = { 0 };
    cleanup_json cJSON *result = vm_properties_for(resources, &err);

    (void)state;
    assert_non_null(result);
    cleanup_free char *text = json_print(result);
    expect_sizes(text, (struct vm_properties){
                           .cpus = 2, .memory_mib = 2048, .ephemeral_mib = 10240, .root_mib = 0 });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_said_has_its_default),
        cmocka_unit_test(each_property_is_read),
        cmocka_unit_test(cpu_and_ram_are_other_names),
        cmocka_unit_test(numbers_may_come_as_strings_and_floats),
        cmocka_unit_test(the_limits_are_accepted),
        cmocka_unit_test(what_is_beyond_the_limits_is_refused),
        cmocka_unit_test(properties_that_are_no_object_are_refused),
        cmocka_unit_test(unknown_keys_are_noted_and_ignored),
        cmocka_unit_test(resources_become_properties),
        cmocka_unit_test(resources_that_make_no_sense_are_refused),
        cmocka_unit_test(what_is_calculated_can_be_created),
    };

    return cmocka_run_group_tests_name("vm_properties", tests, NULL, NULL);
}
