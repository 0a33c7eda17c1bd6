#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* cmocka's own would hide ours. */
#undef fail

#include "cpi/json.h"
#include "cpi/network.h"
#include "cpi/template.h"

#include <stdlib.h>
#include <string.h>

static const struct nic_defaults defaults = { .network = "default", .vm_cid = "vm-1" };

static void expect_nic(const char *properties, const char *expected)
{
    const struct templates templates = { NULL, "qemu" };
    cleanup_free char *text =
        xasprintf("{\"net\": {\"ip\": \"10.0.0.9\", \"cloud_properties\": %s}}", properties);
    cleanup_json cJSON *networks = cJSON_Parse(text);
    cleanup_nics struct nics nics = { 0 };
    cleanup_error struct error err = { 0 };

    assert_non_null(networks);
    if (nics_read(networks, &defaults, &nics, &err) < 0)
        print_error("%s: %s\n", properties, err.message);
    assert_int_equal(nics.count, 1);
    cleanup_json cJSON *item = nic_item(&nics.list[0]);
    cleanup_free char *xml = template_render(&templates, "nic", item, &err);
    assert_non_null(xml);
    assert_string_equal(xml, expected);
}

static void each_property_reaches_the_interface(void **state)
{
    (void)state;
    expect_nic("{\"name\": \"a&b\", \"mac\": \"52:54:00:AB:CD:EF\"}",
               "    <interface type='network'>\n"
               "      <mac address='52:54:00:ab:cd:ef'/>\n"
               "      <source network='a&amp;b'/>\n"
               "      <model type='virtio'/>\n"
               "    </interface>\n");
    expect_nic(
        "{\"name\": \"br0\", \"type\": \"bridge\", \"mac\": \"52:54:00:00:00:01\", \"vlan\": 42, "
        "\"mtu\": \"9000\", \"filter\": \"clean-traffic\", \"model\": \"e1000e\"}",
        "    <interface type='bridge'>\n"
        "      <mac address='52:54:00:00:00:01'/>\n"
        "      <source bridge='br0'/>\n"
        "      <vlan>\n"
        "        <tag id='42'/>\n"
        "      </vlan>\n"
        "      <model type='e1000e'/>\n"
        "      <filterref filter='clean-traffic'/>\n"
        "      <mtu size='9000'/>\n"
        "    </interface>\n");
    expect_nic(
        "{\"name\": \"eth0\", \"type\": \"direct\", \"mac\": \"52:54:00:00:00:01\", "
        "\"vlan\": [5, \"6\"], \"bandwidth\": {\"inbound\": {\"average\": 1000, \"burst\": 64}, "
        "\"outbound\": {\"average\": 10, \"peak\": 20}}}",
        "    <interface type='direct'>\n"
        "      <mac address='52:54:00:00:00:01'/>\n"
        "      <source dev='eth0' mode='bridge'/>\n"
        "      <vlan trunk='yes'>\n"
        "        <tag id='5'/>\n"
        "        <tag id='6'/>\n"
        "      </vlan>\n"
        "      <bandwidth>\n"
        "        <inbound average='1000' burst='64'/>\n"
        "        <outbound average='10' peak='20'/>\n"
        "      </bandwidth>\n"
        "      <model type='virtio'/>\n"
        "    </interface>\n");
}

static void expect_refused(const char *text, const char *part)
{
    cleanup_json cJSON *networks = cJSON_Parse(text);
    cleanup_nics struct nics nics = { 0 };
    cleanup_error struct error err = { 0 };

    assert_non_null(networks);
    if (nics_read(networks, &defaults, &nics, &err) == 0)
        print_error("accepted: %s\n", text);
    assert_int_equal(err.type, ERROR_CPI);
    assert_non_null(strstr(err.message, part));
}

static void what_two_networks_cannot_both_have_is_refused(void **state)
{
    (void)state;
    expect_refused(
        "{\"a\": {\"ip\": \"10.0.0.1\", \"cloud_properties\": {\"mac\": \"52:54:00:00:00:01\"}},"
        " \"b\": {\"ip\": \"10.0.0.2\", \"cloud_properties\": {\"mac\": \"52:54:00:00:00:01\"}}}",
        "another NIC");
    expect_refused("{\"a\": {\"ip\": \"10.0.0.1\", \"nic_group\": \"1\", \"cloud_properties\": "
                   "{\"mtu\": 1400}},"
                   " \"b\": {\"ip\": \"fd00::2\", \"nic_group\": \"1\", \"cloud_properties\": "
                   "{\"mtu\": 1500}}}",
                   "same cloud_properties");
    expect_refused("{\"a\": {\"ip\": \"fd00::1\"}, \"b\": {\"ip\": \"FD00:0::1\"}}", "already");
    expect_refused("{\"a\": {\"ip\": \"10.0.0.1\", \"gateway\": \"gate\"}}", "gateway");
}

static void a_dual_stack_group_is_one_nic(void **state)
{
    cleanup_json cJSON *networks = cJSON_Parse(
        "{\"a\": {\"ip\": \"10.0.0.5\", \"gateway\": \"10.0.0.1\", \"nic_group\": \"1\"},"
        " \"b\": {\"ip\": \"FD00:0::5\", \"prefix\": \"64\", \"nic_group\": \"1\"}}");
    cleanup_nics struct nics nics = { 0 };
    cleanup_error struct error err = { 0 };

    (void)state;
    assert_int_equal(nics_read(networks, &defaults, &nics, &err), 0);
    assert_int_equal(nics.count, 1);
    assert_int_equal(strings_count(nics.list[0].ips), 2);
    assert_string_equal(nics.list[0].ips[1], "fd00::5");
    assert_int_equal(strings_count(nics.list[0].gateways), 1);
    const cJSON *b = json_get(nics.settings, "b");
    assert_string_equal(json_string(b, "prefix"), "64");
    assert_string_equal(json_string(b, "ip"), "FD00:0::5");
    assert_string_equal(json_string(b, "mac"), nics.list[0].mac);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_property_reaches_the_interface),
        cmocka_unit_test(what_two_networks_cannot_both_have_is_refused),
        cmocka_unit_test(a_dual_stack_group_is_one_nic),
    };

    return cmocka_run_group_tests_name("nic_properties", tests, NULL, NULL);
}
