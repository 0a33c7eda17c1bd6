#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* cmocka's own would hide ours. */
#undef fail

#include "cpi/subnet.h"

#include <arpa/inet.h>
#include <stdlib.h>

static struct subnet subnet_of(const char *text)
{
    struct subnet subnet = { 0 };

    assert_true(subnet_parse(text, &subnet));
    return subnet;
}

static struct ip ip_of(const char *text)
{
    struct ip ip = { 0 };

    assert_true(ip_parse(text, &ip));
    return ip;
}

static void expect_ip(struct ip ip, const char *expected)
{
    cleanup_free char *text = ip_text(&ip);

    assert_string_equal(text, expected);
}

static void addresses_are_read_and_written_in_their_usual_form(void **state)
{
    static const char *const bad[] = {
        "", "10.0.0", "10.0.0.256", "10.0.0.1/24", "fd00::1::2", "x"
    };
    struct ip ip, same = ip_of("fd00::1"), other = ip_of("FD00:0:0::0001");

    (void)state;
    expect_ip(ip_of("10.0.0.1"), "10.0.0.1");
    expect_ip(ip_of("FD00:0:0::00ab"), "fd00::ab");
    assert_true(ip_equal(&same, &other));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(ip_parse(bad[i], &ip));
}

static void subnets_are_read_and_written_by_their_first_address(void **state)
{
    static const char *const bad[] = { "10.0.0.0", "10.0.0.0/",    "10.0.0.0/33", "10.0.0.0/-1",
                                       "/24",      "10.0.0.0/24x", "fd00::/129",  "10.0.0.0/ 24" };
    static const struct {
        const char *text, *usual;
    } rows[] = { { "10.0.0.0/24", "10.0.0.0/24" },       { "10.0.0.77/24", "10.0.0.0/24" },
                 { "10.1.2.3/13", "10.0.0.0/13" },       { "fd00:1::5/64", "fd00:1::/64" },
                 { "192.168.1.1/32", "192.168.1.1/32" }, { "1.2.3.4/0", "0.0.0.0/0" } };
    struct subnet subnet;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        subnet = subnet_of(rows[i].text);
        cleanup_free char *text = subnet_text(&subnet);
        assert_string_equal(text, rows[i].usual);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(subnet_parse(bad[i], &subnet));
}

static void netmasks_have_prefixes(void **state)
{
    (void)state;
    assert_int_equal(subnet_prefix_of("255.255.255.0"), 24);
    assert_int_equal(subnet_prefix_of("255.255.240.0"), 20);
    assert_int_equal(subnet_prefix_of("0.0.0.0"), 0);
    assert_int_equal(subnet_prefix_of("255.255.255.255"), 32);
    assert_int_equal(subnet_prefix_of("255.0.255.0"), -1);
    assert_int_equal(subnet_prefix_of("ffff::"), -1);
    assert_int_equal(subnet_prefix_of("24"), -1);
}

static void containing_and_overlapping(void **state)
{
    const struct subnet small = subnet_of("10.1.2.0/24"), large = subnet_of("10.0.0.0/8"),
                        next = subnet_of("10.1.3.0/24"), six = subnet_of("fd00::/8"), none = { 0 };
    const struct ip in = ip_of("10.1.2.255"), out = ip_of("10.1.3.0"), other = ip_of("fd00::1");

    (void)state;
    assert_true(subnet_contains(&small, &in));
    assert_false(subnet_contains(&small, &out));
    assert_false(subnet_contains(&small, &other));
    assert_true(subnet_contains(&six, &other));
    assert_false(subnet_contains(&none, &in));
    assert_true(subnet_overlaps(&small, &large));
    assert_true(subnet_overlaps(&large, &small));
    assert_false(subnet_overlaps(&small, &next));
    assert_false(subnet_overlaps(&six, &large));
    assert_false(subnet_overlaps(&none, &small));
}

static void addresses_are_counted_from_the_first(void **state)
{
    const struct subnet four = subnet_of("10.1.2.9/22"), six = subnet_of("fd00::ff/64");

    (void)state;
    expect_ip(subnet_address(&four, 0), "10.1.0.0");
    expect_ip(subnet_address(&four, 1), "10.1.0.1");
    expect_ip(subnet_address(&four, 256), "10.1.1.0");
    expect_ip(subnet_last(&four), "10.1.3.255");
    expect_ip(subnet_address(&six, 65535), "fd00::ffff");
    expect_ip(subnet_last(&six), "fd00::ffff:ffff:ffff:ffff");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_written_in_their_usual_form),
        cmocka_unit_test(subnets_are_read_and_written_by_their_first_address),
        cmocka_unit_test(netmasks_have_prefixes),
        cmocka_unit_test(containing_and_overlapping),
        cmocka_unit_test(addresses_are_counted_from_the_first),
    };

    return cmocka_run_group_tests_name("subnet", tests, NULL, NULL);
}
