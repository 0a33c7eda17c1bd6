#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* cmocka's own would hide ours. */
#undef fail

#include "cpi/json.h"
#include "cpi/network_definition.h"
#include "cpi/template.h"

#include <stdlib.h>
#include <string.h>

/* The definition points into *given. */
static void read_definition(const char *text, cJSON **given, struct network_definition *definition)
{
    cleanup_error struct error err = { 0 };
    struct log log = { 0 };

    *given = cJSON_Parse(text);
    assert_non_null(*given);
    if (network_definition_read(*given, definition, &log, &err) < 0)
        print_error("%s: %s\n", text, err.message);
    assert_int_equal(err.type, ERROR_NONE);
    log_release(&log);
}

static char *rendered(const struct network_definition *definition)
{
    const struct templates templates = { NULL, "qemu" };
    cleanup_error struct error err = { 0 };
    cleanup_json cJSON *item = network_definition_item(definition);

    return template_render(&templates, "network", item, &err);
}

static void expect_xml(const char *text, const char *const *parts)
{
    cleanup_json cJSON *given = NULL;
    cleanup_network_definition struct network_definition definition = { 0 };

    read_definition(text, &given, &definition);
    cleanup_free char *xml = rendered(&definition);
    assert_non_null(xml);
    for (; *parts; parts++)
        if (!strstr(xml, *parts)) {
            print_error("'%s' is not in %s\n", *parts, xml);
            assert_true(false);
        }
}

static void each_type_becomes_its_network(void **state)
{
    (void)state;
    expect_xml("{\"range\": \"10.0.0.0/24\", \"cloud_properties\": {\"name\": \"n\"}}",
               (const char *const[]){ "<name>n</name>", "<forward mode='nat'></forward>",
                                      "<ip family='ipv4' address='10.0.0.1' prefix='24'>\n  </ip>",
                                      NULL });
    expect_xml("{\"range\": \"10.0.0.0/24\", \"gateway\": \"10.0.0.254\", \"cloud_properties\": "
               "{\"type\": \"route\", \"dhcp\": true, \"mtu\": \"9000\", \"domain\": \"d.e\"}}",
               (const char *const[]){ "<name>bosh-", "<forward mode='route'></forward>",
                                      "<range start='10.0.0.1' end='10.0.0.253'/>",
                                      "<mtu size='9000'/>", "<domain name='d.e' localOnly='yes'/>",
                                      NULL });
    expect_xml("{\"range\": \"10.0.0.0/24\", \"cloud_properties\": {\"ipv6\": \"fd00::/64\"}}",
               (const char *const[]){ "<nat ipv6='yes'/>",
                                      "<ip family='ipv6' address='fd00::1' prefix='64'>", NULL });
    expect_xml("{\"range\": \"10.0.0.0/24\", \"cloud_properties\": {\"type\": \"bridge\", "
               "\"bridge\": \"br0\"}}",
               (const char *const[]){ "<forward mode='bridge'></forward>",
                                      "<bridge name='br0'/>\n</network>", NULL });
}

/* libvirt refuses more than 65535 addresses, and a range that holds the gateway. */
static void dhcp_gets_a_range_that_libvirt_takes(void **state)
{
    static const struct {
        const char *range, *gateway, *start, *end;
    } rows[] = {
        { "10.0.0.0/8", "10.0.0.1", "'10.0.0.2'", "'10.0.255.255'" },
        { "10.0.0.0/16", "10.0.0.1", "'10.0.0.2'", "'10.0.255.254'" },
        { "10.0.0.0/30", "10.0.0.1", "'10.0.0.2'", "'10.0.0.2'" },
        { "10.0.0.0/30", "10.0.0.2", "'10.0.0.1'", "'10.0.0.1'" },
        { "fd00::/64", "fd00::1", "'fd00::2'", "'fd00::ffff'" },
        { "fd00::/120", "fd00::1", "'fd00::2'", "'fd00::fe'" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_free char *text = xasprintf(
            "{\"range\": \"%s\", \"gateway\": \"%s\", \"cloud_properties\": {\"dhcp\": true}}",
            rows[i].range, rows[i].gateway);
        expect_xml(text, (const char *const[]){ rows[i].start, rows[i].end, NULL });
    }
}

static void what_makes_no_sense_is_refused(void **state)
{
    static const char *const texts[] = {
        "{}",
        "{\"type\": \"dynamic\", \"range\": \"10.0.0.0/24\"}",
        "{\"range\": \"10.0.0.0\"}",
        "{\"range\": \"10.0.0.0/31\"}",
        "{\"range\": \"10.0.0.0/7\"}",
        "{\"netmask_bits\": 31}",
        "{\"netmask_bits\": 7}",
        "{\"netmask_bits\": \"x\"}",
        "{\"range\": \"10.0.0.0/24\", \"gateway\": \"10.0.1.1\"}",
        "{\"range\": \"10.0.0.0/24\", \"gateway\": \"10.0.0.0\"}",
        "{\"range\": \"10.0.0.0/24\", \"gateway\": \"10.0.0.255\"}",
        "{\"range\": \"10.0.0.0/24\", \"gateway\": \"10.0.0.1/24\"}",
        "{\"range\": \"10.0.0.0/24\", \"gateway\": \"fd00::1\"}",
        "{\"range\": \"10.0.0.0/24\", \"cloud_properties\": []}",
        "{\"range\": \"10.0.0.0/24\", \"cloud_properties\": {\"name\": \"1\"}}",
        "{\"range\": \"10.0.0.0/24\", \"cloud_properties\": {\"name\": \"a/b\"}}",
        "{\"range\": \"10.0.0.0/24\", \"cloud_properties\": {\"type\": \"open\"}}",
        "{\"range\": \"10.0.0.0/24\", \"cloud_properties\": {\"dhcp\": \"yes\"}}",
        "{\"range\": \"10.0.0.0/24\", \"cloud_properties\": {\"bridge\": \"br0\"}}",
        "{\"range\": \"10.0.0.0/24\", \"cloud_properties\": {\"mtu\": 20}}",
        "{\"range\": \"10.0.0.0/24\", \"cloud_properties\": {\"ipv6\": \"10.1.0.0/24\"}}",
        "{\"range\": \"fd00::/64\", \"cloud_properties\": {\"ipv6\": \"fd01::/64\"}}",
        "{\"range\": \"10.0.0.0/24\", \"cloud_properties\": {\"type\": \"bridge\"}}",
        "{\"netmask_bits\": 24, \"cloud_properties\": {\"type\": \"bridge\", \"bridge\": \"b\"}}",
        "{\"range\": \"10.0.0.0/24\", \"cloud_properties\": {\"type\": \"bridge\", \"bridge\": "
        "\"b\", "
        "\"mtu\": 1400}}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        cleanup_network_definition struct network_definition definition = { 0 };
        cleanup_error struct error err = { 0 };
        struct log log = { 0 };
        cleanup_json cJSON *given = cJSON_Parse(texts[i]);
        assert_non_null(given);
        if (network_definition_read(given, &definition, &log, &err) == 0)
            print_error("accepted: %s\n", texts[i]);
        assert_int_equal(err.type, ERROR_CPI);
        log_release(&log);
    }
}

static struct libvirt_network network_with(const char *name, const char *subnet)
{
    struct libvirt_network network = { .name = xstrdup(name), .count = 1 };

    network.subnets = xcalloc(1, sizeof(*network.subnets));
    assert_true(subnet_parse(subnet, &network.subnets->subnet));
    return network;
}

static void a_size_gets_the_first_subnet_that_nobody_has(void **state)
{
    static const char routes[] =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "eth0\t0001000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
    struct libvirt_network list[] = { network_with("a", "10.0.0.1/24"),
                                      network_with("b", "10.128.0.1/9") };
    const struct libvirt_networks others = { list, ARRAY_SIZE(list) };
    static const struct {
        const char *definition, *range;
    } rows[] = { { "{\"netmask_bits\": 24}", "10.0.2.0/24" },
                 { "{\"netmask_bits\": 16}", "10.1.0.0/16" },
                 { "{\"netmask_bits\": 12}", "10.16.0.0/12" },
                 { "{\"netmask_bits\": 9}", NULL } };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_json cJSON *given = NULL;
        cleanup_network_definition struct network_definition definition = { 0 };
        cleanup_error struct error err = { 0 };
        read_definition(rows[i].definition, &given, &definition);
        int failed = network_definition_choose(&definition, &others, routes, &err);
        assert_int_equal(failed, rows[i].range ? 0 : -1);
        if (failed)
            continue;
        cleanup_free char *range = subnet_text(&definition.main.subnet);
        assert_string_equal(range, rows[i].range);
        assert_int_equal(network_definition_check(&definition, &others, &err), 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(list); i++)
        libvirt_network_release(&list[i]);
}

static void an_overlap_names_the_network(void **state)
{
    struct libvirt_network other = network_with("theirs", "10.0.0.1/24");
    const struct libvirt_networks others = { &other, 1 };
    cleanup_json cJSON *given = NULL;
    cleanup_network_definition struct network_definition definition = { 0 };
    cleanup_error struct error err = { 0 };

    (void)state;
    read_definition("{\"range\": \"10.0.0.128/25\"}", &given, &definition);
    assert_int_equal(network_definition_check(&definition, &others, &err), -1);
    assert_int_equal(err.type, ERROR_CLOUD);
    assert_non_null(strstr(err.message, "'theirs'"));
    libvirt_network_release(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_becomes_its_network),
        cmocka_unit_test(dhcp_gets_a_range_that_libvirt_takes),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(a_size_gets_the_first_subnet_that_nobody_has),
        cmocka_unit_test(an_overlap_names_the_network),
    };

    return cmocka_run_group_tests_name("network_definition", tests, NULL, NULL);
}
