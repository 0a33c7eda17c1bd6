#include "unit.h"

#include "cpi/uri.h"

static void expect_text(const char *actual, const char *expected)
{
    if (expected) {
        assert_non_null(actual);
        assert_string_equal(actual, expected);
    } else {
        assert_null(actual);
    }
}

static void the_parts_are_told_apart(void **state)
{
    static const struct {
        const char *text, *driver, *transport, *user, *host;
        int port;
        const char *path, *query;
    } rows[] = {
        { "qemu:///system", "qemu", NULL, NULL, NULL, 0, "/system", NULL },
        { "xen:///", "xen", NULL, NULL, NULL, 0, "/", NULL },
        { "xen://", "xen", NULL, NULL, NULL, 0, "", NULL },
        { "qemu://h/system", "qemu", NULL, NULL, "h", 0, "/system", NULL },
        { "qemu+ssh://root@h.example:2222/system?keyfile=/k&x=1", "qemu", "ssh", "root",
          "h.example", 2222, "/system", "keyfile=/k&x=1" },
        { "qemu+unix:///session?socket=/s", "qemu", "unix", NULL, NULL, 0, "/session",
          "socket=/s" },
        { "qemu+ssh://u@[fd00::1]:22/system", "qemu", "ssh", "u", "fd00::1", 22, "/system", NULL },
        { "qemu+ssh://[fd00::1]/system", "qemu", "ssh", NULL, "fd00::1", 0, "/system", NULL },
        { "qemu+ssh://h", "qemu", "ssh", NULL, "h", 0, "", NULL },
        { "qemu+ssh://h?mode=legacy", "qemu", "ssh", NULL, "h", 0, "", "mode=legacy" },
        { "qemu://h/system?at=u@v", "qemu", NULL, NULL, "h", 0, "/system", "at=u@v" },
        { "qemu+tcp://h:1/system", "qemu", "tcp", NULL, "h", 1, "/system", NULL },
        { "qemu+tcp://h:65535/system", "qemu", "tcp", NULL, "h", 65535, "/system", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_uri struct uri uri = { 0 };
        assert_true(uri_parse(rows[i].text, &uri));
        expect_text(uri.driver, rows[i].driver);
        expect_text(uri.transport, rows[i].transport);
        expect_text(uri.user, rows[i].user);
        expect_text(uri.host, rows[i].host);
        assert_int_equal(uri.port, rows[i].port);
        expect_text(uri.path, rows[i].path);
        expect_text(uri.query, rows[i].query);
    }
}

static void what_has_not_the_form_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "qemu",
        "qemu:/system",
        "://h/system",
        "/var/run/socket",
        "qemu://h:/system",
        "+ssh://h/system",
        "qemu://h:0/system",
        "qemu://h:65536/system",
        "qemu://h:-1/system",
        "qemu://h:22x/system",
        "qemu://h:ssh/system",
        "qemu://h:99999999999999999999/system",
        "qemu://[fd00::1/system",
        "qemu://[fd00::1]22/system",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        cleanup_uri struct uri uri = { 0 };
        assert_false(uri_parse(texts[i], &uri));
    }
}

static void a_uri_is_remote_when_it_names_a_host(void **state)
{
    static const struct {
        const char *text;
        bool remote;
    } rows[] = {
        { "qemu:///system", false },       { "qemu+unix:///system", false },
        { "qemu+ssh:///system", false },   { "qemu://h/system", true },
        { "qemu+ssh://u@h/system", true }, { "qemu+ssh://[::1]/system", true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_uri struct uri uri = { 0 };
        assert_true(uri_parse(rows[i].text, &uri));
        assert_int_equal(uri_is_remote(&uri), rows[i].remote);
    }
}

static void release_empties(void **state)
{
    struct uri uri;

    (void)state;
    assert_true(uri_parse("qemu+ssh://u@h:1/p?q", &uri));
    uri_release(&uri);
    assert_null(uri.driver);
    assert_null(uri.host);
    assert_int_equal(uri.port, 0);
}

static void vmware_products_have_schemes(void **state)
{
    (void)state;
    expect_text(uri_vmware_scheme(NULL), "vmwarews");
    expect_text(uri_vmware_scheme("workstation"), "vmwarews");
    expect_text(uri_vmware_scheme("player"), "vmwareplayer");
    expect_text(uri_vmware_scheme("fusion"), "vmwarefusion");
    expect_text(uri_vmware_scheme("esx"), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_are_told_apart),
        cmocka_unit_test(what_has_not_the_form_is_refused),
        cmocka_unit_test(a_uri_is_remote_when_it_names_a_host),
        cmocka_unit_test(release_empties),
        cmocka_unit_test(vmware_products_have_schemes),
    };

    return cmocka_run_group_tests_name("uri", tests, NULL, NULL);
}
