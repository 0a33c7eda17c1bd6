#include "unit.h"

#include "cpi/network.h"

/* The networks of one VM, read. */
struct reading {
    cJSON *networks;
    struct nics nics;
    struct error err;
    int result;
};

static void release(struct reading *r)
{
    nics_release(&r->nics);
    cJSON_Delete(r->networks);
    error_release(&r->err);
}

#define cleanup_reading cleanup(release)

static struct reading take(const char *networks, const char *vm_cid)
{
    const struct nic_defaults defaults = { .network = "default", .vm_cid = vm_cid };
    struct reading r = { .networks = unit_json(networks) };

    r.result = nics_read(r.networks, &defaults, &r.nics, &r.err);
    return r;
}

static struct reading accepted(const char *networks)
{
    struct reading r = take(networks, "vm-1");

    if (r.result < 0)
        print_error("%s\n", r.err.message);
    assert_int_equal(r.result, 0);
    expect_no_error(&r.err);
    return r;
}

static void refused(const char *networks, const char *part)
{
    cleanup_reading struct reading r = take(networks, "vm-1");

    if (r.result == 0)
        print_error("accepted: %s\n", networks);
    assert_int_equal(r.result, -1);
    expect_error(&r.err, ERROR_CPI, part);
}

static const cJSON *settings_of(const struct reading *r, const char *network)
{
    return json_get(r->nics.settings, network);
}

#define MANUAL(ip) "{\"type\":\"manual\",\"ip\":\"" ip "\"}"

static void a_manual_network_is_a_nic_with_its_address(void **state)
{
    cleanup_reading struct reading r = accepted("{\"a\":" MANUAL("10.0.0.5") "}");
    const struct nic *nic = r.nics.list;

    (void)state;
    assert_int_equal(r.nics.count, 1);
    assert_int_equal(nic->type, NIC_NETWORK);
    assert_string_equal(nic->source, "default");
    assert_string_equal(nic->model, "virtio");
    assert_null(nic->group);
    assert_int_equal(strings_count(nic->ips), 1);
    assert_string_equal(nic->ips[0], "10.0.0.5");
}

static void no_type_is_manual(void **state)
{
    cleanup_reading struct reading r = accepted("{\"a\":{\"ip\":\"10.0.0.5\"}}");
    cleanup_reading struct reading null = accepted("{\"a\":{\"type\":null,\"ip\":\"10.0.0.5\"}}");

    (void)state;
    assert_string_equal(r.nics.list[0].ips[0], "10.0.0.5");
    assert_string_equal(null.nics.list[0].ips[0], "10.0.0.5");
    refused("{\"a\":{}}", "network 'a' is a manual one but has no ip");
}

static void cloud_properties_say_where_a_nic_goes(void **state)
{
    cleanup_reading struct reading r =
        accepted("{\"a\":{\"type\":\"dynamic\",\"cloud_properties\":{\"name\":\"lan 1\","
                 "\"model\":\"e1000\"}},"
                 "\"b\":{\"type\":\"dynamic\",\"cloud_properties\":{\"name\":\"br0\","
                 "\"type\":\"bridge\"}},"
                 "\"c\":{\"type\":\"dynamic\",\"cloud_properties\":{\"type\":\"network\"}},"
                 "\"d\":{\"type\":\"dynamic\",\"cloud_properties\":null}}");

    (void)state;
    assert_int_equal(r.nics.count, 4);
    assert_string_equal(r.nics.list[0].source, "lan 1");
    assert_string_equal(r.nics.list[0].model, "e1000");
    assert_int_equal(r.nics.list[0].type, NIC_NETWORK);
    assert_string_equal(r.nics.list[1].source, "br0");
    assert_int_equal(r.nics.list[1].type, NIC_BRIDGE);
    assert_string_equal(r.nics.list[2].source, "default");
    assert_string_equal(r.nics.list[3].source, "default");
    assert_string_equal(r.nics.list[3].model, "virtio");
}

/* The agent compares it with what the kernel shows, which is lower case. */
static void expect_good_mac(const char *mac)
{
    assert_int_equal(strlen(mac), 17);
    for (size_t i = 0; i < 17; i++)
        if (i % 3 == 2)
            assert_int_equal(mac[i], ':');
        else
            assert_non_null(strchr("0123456789abcdef", mac[i]));
    unsigned long first = strtoul(mac, NULL, 16);
    assert_int_equal(first & 1, 0); /* unicast */
    assert_int_equal(first & 2, 2); /* locally administered */
}

static void every_mac_is_a_local_unicast_one_in_lower_case(void **state)
{
    (void)state;
    for (int i = 1; i < 255; i++) {
        cleanup_free char *networks =
            xasprintf("{\"a\":{\"ip\":\"10.0.0.%d\"},\"b\":{\"type\":\"dynamic\","
                      "\"cloud_properties\":{\"name\":\"n%d\"}}}",
                      i, i);
        cleanup_reading struct reading r = accepted(networks);
        expect_good_mac(r.nics.list[0].mac);
        expect_good_mac(r.nics.list[1].mac);
    }
}

/* A recreated VM keeps its MAC: other hosts' ARP caches and DHCP reservations stay true. */
static void the_mac_of_a_fixed_address_does_not_depend_on_the_vm(void **state)
{
    static const char networks[] = "{\"a\":" MANUAL("10.0.0.5") "}";
    static const char renamed[] = "{\"other\":" MANUAL("10.0.0.5") "}";
    cleanup_reading struct reading first = take(networks, "vm-1"), second = take(networks, "vm-2"),
                                   third = take(renamed, "vm-1");

    (void)state;
    assert_string_equal(first.nics.list[0].mac, second.nics.list[0].mac);
    assert_string_equal(first.nics.list[0].mac, third.nics.list[0].mac);
}

static void another_address_or_libvirt_network_has_another_mac(void **state)
{
    cleanup_reading struct reading r = accepted("{\"a\":" MANUAL("10.0.0.5") ",\"b\":" MANUAL(
        "10.0.0.6") ","
                    "\"c\":{\"ip\":\"10.0.0.5\",\"cloud_properties\":{\"name\":\"n2\"}}}");

    (void)state;
    assert_string_not_equal(r.nics.list[0].mac, r.nics.list[1].mac);
    assert_string_not_equal(r.nics.list[0].mac, r.nics.list[2].mac);
    assert_string_not_equal(r.nics.list[1].mac, r.nics.list[2].mac);
}

/* "n" with "1::1" and "n1" with "::1" must not be hashed over the same bytes. */
static void network_and_address_are_told_apart_in_the_mac(void **state)
{
    cleanup_reading struct reading r =
        accepted("{\"a\":{\"ip\":\"1::1\",\"cloud_properties\":{\"name\":\"n\"}},"
                 "\"b\":{\"ip\":\"::1\",\"cloud_properties\":{\"name\":\"n1\"}}}");

    (void)state;
    assert_string_not_equal(r.nics.list[0].mac, r.nics.list[1].mac);
}

static void the_mac_of_a_dynamic_network_comes_from_the_vm(void **state)
{
    static const char networks[] = "{\"a\":{\"type\":\"dynamic\"},\"b\":{\"type\":\"dynamic\"}}";
    cleanup_reading struct reading first = take(networks, "vm-1"), again = take(networks, "vm-1"),
                                   other = take(networks, "vm-2");

    (void)state;
    assert_string_equal(first.nics.list[0].mac, again.nics.list[0].mac);
    assert_string_not_equal(first.nics.list[0].mac, other.nics.list[0].mac);
    assert_string_not_equal(first.nics.list[0].mac, first.nics.list[1].mac);
}

static void a_dynamic_network_needs_no_address(void **state)
{
    cleanup_reading struct reading r =
        accepted("{\"a\":{\"type\":\"dynamic\"},\"b\":{\"type\":\"dynamic\",\"ip\":\"\"},"
                 "\"c\":{\"type\":\"dynamic\",\"ip\":\"10.0.0.7\"}}");

    (void)state;
    assert_null(r.nics.list[0].ips);
    assert_null(r.nics.list[1].ips);
    assert_string_equal(r.nics.list[2].ips[0], "10.0.0.7");
}

static void a_vip_has_no_nic_and_no_mac(void **state)
{
    cleanup_reading struct reading r =
        accepted("{\"v\":{\"type\":\"vip\",\"ip\":\"192.0.2.1\"},\"a\":" MANUAL("10.0.0.5") "}");

    (void)state;
    assert_int_equal(r.nics.count, 1);
    assert_string_equal(r.nics.list[0].ips[0], "10.0.0.5");
    assert_non_null(settings_of(&r, "v"));
    assert_null(cJSON_GetObjectItem(settings_of(&r, "v"), "mac"));
    assert_string_equal(json_string(settings_of(&r, "v"), "ip"), "192.0.2.1");
}

static void the_settings_carry_the_nics_mac(void **state)
{
    cleanup_reading struct reading r =
        accepted("{\"a\":" MANUAL("10.0.0.5") ",\"b\":{\"type\":\"dynamic\"}}");

    (void)state;
    assert_string_equal(json_string(settings_of(&r, "a"), "mac"), r.nics.list[0].mac);
    assert_string_equal(json_string(settings_of(&r, "b"), "mac"), r.nics.list[1].mac);
}

static void a_mac_that_was_given_is_replaced(void **state)
{
    cleanup_reading struct reading r =
        accepted("{\"a\":{\"ip\":\"10.0.0.5\",\"mac\":\"AA:BB:CC:DD:EE:FF\"}}");
    int macs = 0;
    const cJSON *member;

    (void)state;
    cJSON_ArrayForEach (member, settings_of(&r, "a"))
        macs += strcmp(member->string, "mac") == 0;
    assert_int_equal(macs, 1);
    assert_string_equal(json_string(settings_of(&r, "a"), "mac"), r.nics.list[0].mac);
}

static void all_other_keys_pass_through_to_the_settings(void **state)
{
    cleanup_reading struct reading r = accepted(
        "{\"a\":{\"type\":\"manual\",\"ip\":\"10.0.0.5\",\"prefix\":\"32\",\"netmask\":"
        "\"255.255.255.0\",\"gateway\":\"10.0.0.1\",\"dns\":[\"8.8.8.8\"],"
        "\"default\":[\"dns\",\"gateway\"],\"cloud_properties\":{\"name\":\"default\",\"x\":{}},"
        "\"nic_group\":\"1\",\"new_key\":[1,null,{\"y\":true}]}}");
    cleanup_json cJSON *settings = json_copy(r.nics.settings);

    (void)state;
    cJSON_DeleteItemFromObject(cJSON_GetObjectItem(settings, "a"), "mac");
    assert_true(cJSON_Compare(settings, r.networks, true));
}

static void the_request_is_not_changed(void **state)
{
    static const char text[] = "{\"a\":{\"ip\":\"10.0.0.5\"}}";
    cleanup_reading struct reading r = accepted(text);
    cleanup_free char *after = json_print(r.networks);

    (void)state;
    assert_string_equal(after, text);
}

static void networks_of_one_nic_group_share_a_nic(void **state)
{
    cleanup_reading struct reading r = accepted("{\"a\":{\"ip\":\"10.0.0.5\",\"nic_group\":\"1\"},"
                                                "\"b\":{\"ip\":\"10.0.0.6\",\"nic_group\":\"2\"},"
                                                "\"c\":{\"ip\":\"fd00::5\",\"nic_group\":\"1\"}}");

    (void)state;
    assert_int_equal(r.nics.count, 2);
    assert_string_equal(r.nics.list[0].group, "1");
    assert_int_equal(strings_count(r.nics.list[0].ips), 2);
    assert_string_equal(r.nics.list[0].ips[0], "10.0.0.5");
    assert_string_equal(r.nics.list[0].ips[1], "fd00::5");
    assert_string_equal(json_string(settings_of(&r, "a"), "mac"), r.nics.list[0].mac);
    assert_string_equal(json_string(settings_of(&r, "c"), "mac"), r.nics.list[0].mac);
    assert_string_equal(json_string(settings_of(&r, "b"), "mac"), r.nics.list[1].mac);
}

static void networks_without_a_nic_group_share_nothing(void **state)
{
    cleanup_reading struct reading r =
        accepted("{\"a\":" MANUAL("10.0.0.5") ",\"b\":" MANUAL("10.0.0.6") "}");

    (void)state;
    assert_int_equal(r.nics.count, 2);
}

static void a_nic_group_is_on_one_libvirt_network(void **state)
{
    (void)state;
    refused(
        "{\"a\":{\"ip\":\"10.0.0.5\",\"nic_group\":\"1\"},"
        "\"b\":{\"ip\":\"10.0.0.6\",\"nic_group\":\"1\",\"cloud_properties\":{\"name\":\"n2\"}}}",
        "network 'b': all networks of the nic_group '1' must be on one libvirt network, not on "
        "'default' and 'n2'");
    refused("{\"a\":{\"ip\":\"10.0.0.5\",\"nic_group\":\"1\"},"
            "\"b\":{\"ip\":\"10.0.0.6\",\"nic_group\":\"1\","
            "\"cloud_properties\":{\"type\":\"bridge\"}}}",
            "network 'b': all networks of the nic_group '1'");
}

static void an_address_must_be_one(void **state)
{
    static const char *const ips[] = { "10.0.0",    "10.0.0.256", "10.0.0.5/24", "10.0.0.05",
                                       "fd00::g",   "fd00::1%0",  "../x",        "localhost",
                                       " 10.0.0.5", "10.0.0.5 " };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ips); i++) {
        cleanup_free char *manual = xasprintf("{\"a\":{\"ip\":\"%s\"}}", ips[i]);
        cleanup_free char *dynamic =
            xasprintf("{\"a\":{\"type\":\"dynamic\",\"ip\":\"%s\"}}", ips[i]);
        cleanup_free char *part = xasprintf("network 'a': '%s' is not an IP address", ips[i]);
        refused(manual, part);
        refused(dynamic, part);
    }
    refused("{\"a\":{\"ip\":\"\"}}", "network 'a': '' is not an IP address");
}

static void a_manual_network_needs_an_address(void **state)
{
    (void)state;
    refused("{\"a\":{\"type\":\"manual\"}}", "network 'a' is a manual one but has no ip");
    refused("{\"a\":{\"type\":\"manual\",\"ip\":null}}", "has no ip");
    refused("{\"a\":{\"type\":\"manual\",\"ip\":5}}", "has no ip");
}

static void an_unknown_type_is_refused(void **state)
{
    (void)state;
    refused("{\"a\":{\"type\":\"Manual\",\"ip\":\"10.0.0.5\"}}",
            "network 'a': the type 'Manual' is not one of manual, dynamic, vip");
    refused("{\"a\":{\"type\":\"\",\"ip\":\"10.0.0.5\"}}", "the type '' is not one of");
}

static void the_same_address_twice_on_one_network_is_refused(void **state)
{
    (void)state;
    refused("{\"a\":" MANUAL("10.0.0.5") ",\"b\":" MANUAL("10.0.0.5") "}",
            "network 'b': this VM has the address 10.0.0.5 on 'default' already");
    refused("{\"a\":" MANUAL("10.0.0.5") ",\"a\":" MANUAL("10.0.0.5") "}", "has the address");
}

/* Else two VMs get one address: who has it goes by its text. */
static void one_ipv6_address_in_two_spellings_is_one_address(void **state)
{
    (void)state;
    refused("{\"a\":" MANUAL("fd00::5") ",\"b\":" MANUAL("fd00:0:0::5") "}", "has the address");
    refused("{\"a\":" MANUAL("fd00::a") ",\"b\":" MANUAL("FD00::A") "}", "has the address");
}

static void the_same_address_on_two_networks_is_accepted(void **state)
{
    cleanup_reading struct reading r = accepted("{\"a\":" MANUAL(
        "10.0.0.5") ","
                    "\"b\":{\"ip\":\"10.0.0.5\",\"cloud_properties\":{\"name\":\"n2\"}}}");

    (void)state;
    assert_int_equal(r.nics.count, 2);
}

static void a_network_that_is_no_object_is_refused(void **state)
{
    static const char *const values[] = { "null", "5", "\"manual\"", "[]", "true" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        cleanup_free char *networks = xasprintf("{\"a\":%s}", values[i]);
        refused(networks, "network 'a' must be an object");
    }
}

static void networks_that_are_no_object_are_refused(void **state)
{
    (void)state;
    refused("[]", "the networks must be an object");
    refused("\"default\"", "the networks must be an object");
    refused("[{\"ip\":\"10.0.0.5\"}]", "the networks must be an object");
}

static void no_networks_are_no_nics(void **state)
{
    const struct nic_defaults defaults = { .network = "default", .vm_cid = "vm-1" };
    cleanup_nics struct nics nics = { 0 };
    struct error err = { 0 };
    cleanup_reading struct reading empty = accepted("{}"), null = accepted("null");

    (void)state;
    assert_int_equal(nics_read(NULL, &defaults, &nics, &err), 0);
    assert_int_equal(nics.count, 0);
    assert_true(cJSON_IsObject(nics.settings));
    assert_int_equal(empty.nics.count, 0);
    assert_int_equal(null.nics.count, 0);
    assert_true(cJSON_IsObject(null.nics.settings));
}

static void cloud_properties_must_make_sense(void **state)
{
    (void)state;
    refused("{\"a\":{\"type\":\"dynamic\",\"cloud_properties\":[]}}",
            "network 'a': cloud_properties must be an object");
    refused("{\"a\":{\"type\":\"dynamic\",\"cloud_properties\":{\"type\":\"macvtap\"}}}",
            "network 'a': cloud_properties.type is 'macvtap' but must be network or bridge");
}

/* It is the name of a directory in the store, too. */
static void a_network_name_must_be_safe(void **state)
{
    char longest[202] = "";

    (void)state;
    static const char *const names[] = {
        "", "a/b", "/", "..", ".", ".hidden", "a\\nb", "a\\u007f"
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        cleanup_free char *networks = xasprintf(
            "{\"a\":{\"type\":\"dynamic\",\"cloud_properties\":{\"name\":\"%s\"}}}", names[i]);
        refused(networks, "cannot be the name of a libvirt network");
    }
    memset(longest, 'n', 201);
    cleanup_free char *too_long =
        xasprintf("{\"a\":{\"type\":\"dynamic\",\"cloud_properties\":{\"name\":\"%s\"}}}", longest);
    refused(too_long, "cannot be the name of a libvirt network");
    longest[200] = '\0';
    cleanup_free char *just_not =
        xasprintf("{\"a\":{\"type\":\"dynamic\",\"cloud_properties\":{\"name\":\"%s\"}}}", longest);
    cleanup_reading struct reading r = accepted(just_not);
    assert_string_equal(r.nics.list[0].source, longest);
}

/* A manifest's "name: 100" is a number, and must not mean the default network. */
static void a_value_of_the_wrong_kind_is_not_taken_for_none(void **state)
{
    (void)state;
    refused("{\"a\":{\"type\":\"dynamic\",\"cloud_properties\":{\"name\":100}}}", "name");
    refused("{\"a\":{\"type\":\"dynamic\",\"cloud_properties\":{\"model\":5}}}", "model");
    refused("{\"a\":{\"type\":\"dynamic\",\"cloud_properties\":{\"type\":5}}}", "type");
    refused("{\"a\":{\"type\":5,\"ip\":\"10.0.0.5\"}}", "type");
    refused("{\"a\":{\"ip\":\"10.0.0.5\",\"nic_group\":1}}", "nic_group");
}

static void release_empties(void **state)
{
    struct reading r = accepted("{\"a\":" MANUAL("10.0.0.5") "}");

    (void)state;
    nics_release(&r.nics);
    assert_int_equal(r.nics.count, 0);
    assert_null(r.nics.list);
    assert_null(r.nics.settings);
    release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manual_network_is_a_nic_with_its_address),
        cmocka_unit_test(no_type_is_manual),
        cmocka_unit_test(cloud_properties_say_where_a_nic_goes),
        cmocka_unit_test(every_mac_is_a_local_unicast_one_in_lower_case),
        cmocka_unit_test(the_mac_of_a_fixed_address_does_not_depend_on_the_vm),
        cmocka_unit_test(another_address_or_libvirt_network_has_another_mac),
        cmocka_unit_test(network_and_address_are_told_apart_in_the_mac),
        cmocka_unit_test(the_mac_of_a_dynamic_network_comes_from_the_vm),
        cmocka_unit_test(a_dynamic_network_needs_no_address),
        cmocka_unit_test(a_vip_has_no_nic_and_no_mac),
        cmocka_unit_test(the_settings_carry_the_nics_mac),
        cmocka_unit_test(a_mac_that_was_given_is_replaced),
        cmocka_unit_test(all_other_keys_pass_through_to_the_settings),
        cmocka_unit_test(the_request_is_not_changed),
        cmocka_unit_test(networks_of_one_nic_group_share_a_nic),
        cmocka_unit_test(networks_without_a_nic_group_share_nothing),
        cmocka_unit_test(a_nic_group_is_on_one_libvirt_network),
        cmocka_unit_test(an_address_must_be_one),
        cmocka_unit_test(a_manual_network_needs_an_address),
        cmocka_unit_test(an_unknown_type_is_refused),
        cmocka_unit_test(the_same_address_twice_on_one_network_is_refused),
        cmocka_unit_test(one_ipv6_address_in_two_spellings_is_one_address),
        cmocka_unit_test(the_same_address_on_two_networks_is_accepted),
        cmocka_unit_test(a_network_that_is_no_object_is_refused),
        cmocka_unit_test(networks_that_are_no_object_are_refused),
        cmocka_unit_test(no_networks_are_no_nics),
        cmocka_unit_test(cloud_properties_must_make_sense),
        cmocka_unit_test(a_network_name_must_be_safe),
        cmocka_unit_test(a_value_of_the_wrong_kind_is_not_taken_for_none),
        cmocka_unit_test(release_empties),
    };

    return cmocka_run_group_tests_name("network", tests, NULL, NULL);
}
