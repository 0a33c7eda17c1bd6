#include "unit.h"

#include "cpi/definition.h"

static const char xml[] =
    "<domain type='lxc'>\n"
    "  <metadata><x:filesystem xmlns:x='x' type='file'><x:source "
    "file='/m'/></x:filesystem></metadata>\n"
    "  <devices>\n"
    "    <filesystem type='mount'><source dir='/r'/><target dir='/'/></filesystem>\n"
    "    <filesystem type='file' accessmode='passthrough'>\n"
    "      <driver type='loop' format='raw'/>\n"
    "      <source file='/s/fs/a&amp;b'/>\n"
    "      <target dir='/var/vcap/data'/>\n"
    "    </filesystem>\n"
    "    <filesystem type='file'><source file='/s/fs/d'/><target dir='/d'/></filesystem>\n"
    "  </devices>\n"
    "</domain>\n";

static void the_images_are_found(void **state)
{
    cleanup_definition struct domain_definition definition = { 0 };
    struct error err = { 0 };

    (void)state;
    assert_int_equal(definition_read(xml, &definition, &err), 0);
    assert_int_equal(definition.count, 2);
    assert_string_equal(definition.list[0].file, "/s/fs/a&b");
    assert_string_equal(definition.list[0].target, "/var/vcap/data");
    assert_string_equal(definition.list[1].file, "/s/fs/d");
    assert_string_equal(definition.root, "/r");
    assert_false(definition.mapped);
}

static void what_is_put_in_and_taken_out_leaves_all_else(void **state)
{
    cleanup_definition struct domain_definition before = { 0 }, after = { 0 };
    static const char device[] =
        "<filesystem type='file'><source file='/n'/><target dir='/n'/></filesystem>";
    struct error err = { 0 };

    (void)state;
    assert_int_equal(definition_read(xml, &before, &err), 0);
    cleanup_free char *with = definition_with(xml, &before, device);
    assert_int_equal(definition_read(with, &after, &err), 0);
    assert_int_equal(after.count, 3);
    assert_string_equal(after.list[2].target, "/n");
    cleanup_free char *without = definition_without(with, &after.list[2]);
    assert_string_equal(without, xml);
}

static void an_id_map_is_seen(void **state)
{
    static const char mapped[] =
        "<domain type='lxc'><idmap><uid start='0' target='524288' count='65536'/></idmap>"
        "<devices/></domain>";
    cleanup_definition struct domain_definition definition = { 0 };
    struct error err = { 0 };

    (void)state;
    assert_int_equal(definition_read(mapped, &definition, &err), 0);
    assert_true(definition.mapped);
    assert_null(definition.root);
}

static void what_is_no_domain_is_refused(void **state)
{
    static const char *const texts[] = { "", "nonsense", "<domain>", "<domain/>",
                                         "<domain><a><devices></devices></a></domain>" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        cleanup_definition struct domain_definition definition = { 0 };
        cleanup_error struct error err = { 0 };
        assert_int_equal(definition_read(texts[i], &definition, &err), -1);
        assert_int_equal(err.type, ERROR_CLOUD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_images_are_found),
        cmocka_unit_test(what_is_put_in_and_taken_out_leaves_all_else),
        cmocka_unit_test(an_id_map_is_seen),
        cmocka_unit_test(what_is_no_domain_is_refused),
    };

    return cmocka_run_group_tests_name("definition", tests, NULL, NULL);
}
