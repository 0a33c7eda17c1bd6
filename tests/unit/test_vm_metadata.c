#include "cpi/json.h"
#include "cpi/vm_metadata.h"
#include "unit.h"

#include <string.h>

static void reads_the_entries(void **state)
{
    cleanup_json cJSON *metadata =
        vm_metadata_read("<bosh:vm xmlns:bosh='https://bosh.io/xmlns/libvirt-cpi/1'>\n"
                         "  <bosh:entry key='deployment'>cf &amp; co</bosh:entry>\n"
                         "  <entry key='name'>web/0</entry>\n  <entry key='name'>web/1</entry>\n"
                         "  <entry>nameless</entry>\n</bosh:vm>\n");

    (void)state;
    assert_int_equal(cJSON_GetArraySize(metadata), 2);
    assert_string_equal(json_string(metadata, "deployment"), "cf & co");
    assert_string_equal(json_string(metadata, "name"), "web/1");
}

static void reads_nothing_out_of_nothing(void **state)
{
    const char *const texts[] = { "", "\n", "error", "<vm>", "<vm><entry key='a'>", "<entry key=" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        cleanup_json cJSON *metadata = vm_metadata_read(texts[i]);
        assert_true(cJSON_IsObject(metadata));
        assert_int_equal(cJSON_GetArraySize(metadata), 0);
    }
}

static void names_the_instance(void **state)
{
    static const struct {
        const char *metadata, *instance;
    } cases[] = {
        { "{\"name\":\"web/0\",\"job\":\"x\"}", "web/0" },
        { "{\"instance_name\":\"web/2\"}", "web/2" },
        { "{\"job\":\"web\",\"index\":0}", "web/0" },
        { "{\"job\":\"web\",\"index\":\"3\"}", "web/3" },
        { "{\"job\":\"web\",\"instance_id\":\"5f\"}", "web/5f" },
        { "{\"job\":\"web\"}", "web" },
        { "{\"index\":\"3\"}", NULL },
        { "{\"name\":\"\"}", NULL },
        { "{}", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_json cJSON *metadata = cJSON_Parse(cases[i].metadata);
        cleanup_free char *instance = vm_metadata_instance(metadata);
        if (cases[i].instance)
            assert_string_equal(instance, cases[i].instance);
        else
            assert_null(instance);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_entries),
        cmocka_unit_test(reads_nothing_out_of_nothing),
        cmocka_unit_test(names_the_instance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
