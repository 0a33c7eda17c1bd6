#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* cmocka's own would hide ours. */
#undef fail

#include "cpi/libvirt_network.h"

#include <string.h>

/* As virsh of libvirt 9.0 prints one. */
static const char full[] =
    "<network connections='2'>\n"
    "  <name>a &amp; b</name>\n"
    "  <uuid>3849a877-9e15-42d0-ad3d-407a041a0996</uuid>\n"
    "  <metadata>\n"
    "    <bosh:network xmlns:bosh=\"https://bosh.io/xmlns/libvirt-cpi/1\"/>\n"
    "  </metadata>\n"
    "  <forward mode='nat'><nat><port start='1024' end='65535'/></nat></forward>\n"
    "  <bridge name='virbr0' stp='on' delay='0'/>\n"
    "  <dns><host ip='192.168.122.9'><hostname>x</hostname></host></dns>\n"
    "  <ip family='ipv6' address='fd00::1' prefix='64'>\n"
    "  </ip>\n"
    "  <ip address='192.168.122.1' netmask='255.255.255.0'>\n"
    "    <dhcp>\n"
    "      <range start='192.168.122.2' end='192.168.122.254'/>\n"
    "      <host mac='52:54:00:00:00:01' name='n' ip='192.168.122.5'/>\n"
    "      <host name='only-a-name' ip='192.168.122.6'/>\n"
    "    </dhcp>\n"
    "  </ip>\n"
    "  <route address='10.0.0.0' prefix='8' gateway='192.168.122.7'/>\n"
    "</network>\n";

static void a_network_is_read_whole(void **state)
{
    cleanup_libvirt_network struct libvirt_network network = { 0 };
    cleanup_error struct error err = { 0 };
    struct ip ip;

    (void)state;
    assert_int_equal(libvirt_network_read(full, &network, &err), 0);
    assert_string_equal(network.name, "a & b");
    assert_string_equal(network.uuid, "3849a877-9e15-42d0-ad3d-407a041a0996");
    assert_true(network.ours);
    assert_int_equal(network.connections, 2);
    assert_int_equal(network.count, 2);
    assert_false(network.subnets[0].dhcp);
    assert_true(network.subnets[1].dhcp);
    assert_int_equal(network.subnets[1].host_count, 2);
    assert_string_equal(network.subnets[1].hosts[0].mac, "52:54:00:00:00:01");
    assert_string_equal(network.subnets[1].hosts[1].mac, "");
    assert_string_equal(network.subnets[1].hosts[1].name, "only-a-name");
    assert_true(ip_parse("192.168.122.200", &ip));
    assert_ptr_equal(libvirt_network_subnet(&network, &ip), &network.subnets[1]);
    assert_true(ip_parse("192.168.123.200", &ip));
    assert_null(libvirt_network_subnet(&network, &ip));
    cleanup_free char *subnets = libvirt_network_subnets(&network);
    assert_string_equal(subnets, "fd00::/64 and 192.168.122.0/24");
}

static void another_mark_is_not_ours(void **state)
{
    static const char *const texts[] = {
        "<network><name>n</name></network>",
        "<network><name>n</name><metadata><network "
        "xmlns='https://example.org/'/></metadata></network>",
        "<network><name>n</name><metadata><network/></metadata></network>",
        "<network><name>n</name><metadata><x:app xmlns:x='urn:x'><b:network "
        "xmlns:b='https://bosh.io/xmlns/libvirt-cpi/1'/></x:app></metadata></network>",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        cleanup_libvirt_network struct libvirt_network network = { 0 };
        cleanup_error struct error err = { 0 };
        assert_int_equal(libvirt_network_read(texts[i], &network, &err), 0);
        assert_false(network.ours);
    }
}

static void a_prefix_that_is_not_given_is_that_of_the_class(void **state)
{
    static const char text[] =
        "<network><name>n</name><ip address='10.1.1.1'/><ip address='172.16.1.1'/>"
        "<ip address='192.168.1.1'/><ip family='ipv6' address='fd00::1'/>"
        "<ip address='192.168.1.1' prefix='33'/><ip family='ipv6' address='fd00::1' prefix='129'/>"
        "</network>";
    static const unsigned prefixes[] = { 8, 16, 24, 64, 24, 64 };
    cleanup_libvirt_network struct libvirt_network network = { 0 };
    cleanup_error struct error err = { 0 };

    (void)state;
    assert_int_equal(libvirt_network_read(text, &network, &err), 0);
    assert_int_equal(network.count, ARRAY_SIZE(prefixes));
    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
        assert_int_equal(network.subnets[i].subnet.prefix, prefixes[i]);
}

static void a_subnet_that_cannot_be_read_contains_nothing(void **state)
{
    cleanup_libvirt_network struct libvirt_network network = { 0 };
    cleanup_error struct error err = { 0 };
    struct ip ip;

    (void)state;
    assert_int_equal(libvirt_network_read("<network><name>n</name><ip address='junk'/>"
                                          "<ip address='10.1.1.1' prefix='24'/></network>",
                                          &network, &err),
                     0);
    assert_int_equal(network.count, 2);
    assert_true(ip_parse("10.1.1.7", &ip));
    assert_ptr_equal(libvirt_network_subnet(&network, &ip), &network.subnets[1]);
    assert_true(ip_parse("10.2.1.7", &ip));
    assert_null(libvirt_network_subnet(&network, &ip));
}

static void what_is_no_network_is_refused(void **state)
{
    static const char *const texts[] = { "", "<network>", "error: x", "<network/>",
                                         "<a><b></a></b>" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        cleanup_libvirt_network struct libvirt_network network = { 0 };
        cleanup_error struct error err = { 0 };
        assert_int_equal(libvirt_network_read(texts[i], &network, &err), -1);
        assert_int_equal(err.type, ERROR_CLOUD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_is_read_whole),
        cmocka_unit_test(another_mark_is_not_ours),
        cmocka_unit_test(a_prefix_that_is_not_given_is_that_of_the_class),
        cmocka_unit_test(a_subnet_that_cannot_be_read_contains_nothing),
        cmocka_unit_test(what_is_no_network_is_refused),
    };

    return cmocka_run_group_tests_name("libvirt_network", tests, NULL, NULL);
}
