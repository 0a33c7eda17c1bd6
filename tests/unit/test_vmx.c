#include "unit.h"

#include "cpi/vmx.h"

static void the_disks_of_a_vmx_are_read(void **state)
{
    static const char text[] = ".encoding = \"UTF-8\"\n"
                               "scsi0.present = \"true\"\n"
                               "scsi0:0.present = \"true\"\n"
                               "scsi0:0.fileName = \"/s/root.vmdk\"\n"
                               "scsi0:8.fileName = \"/s/a |22b|22 |7Cc.vmdk\"\n"
                               "scsi0:15.fileName = \"/s/last.vmdk\"\n"
                               "scsi0:16.fileName = \"/s/none.vmdk\"\n"
                               "scsi1:0.fileName = \"/s/other.vmdk\"\n"
                               "ide0:0.fileName = \"/s/settings.iso\"\n"
                               "serial0.fileName = \"/s/console.log\"\n"
                               "scsi0:1.fileName = no value\n"
                               "scsi0:2.fileName = \"";
    struct blocks blocks = { 0 };

    (void)state;
    vmx_read_disks(text, &blocks);
    assert_int_equal(blocks.count, 3);
    assert_string_equal(blocks.list[0].target, "sda");
    assert_string_equal(blocks.list[0].source, "/s/root.vmdk");
    assert_string_equal(blocks.list[1].target, "sdh");
    assert_string_equal(blocks.list[1].source, "/s/a \"b\" |c.vmdk");
    assert_string_equal(blocks.list[2].target, "sdo");
    blocks_release(&blocks);
}

/* libvirt leaves out the unit that the controller itself has (measured on 9.0). */
static void targets_are_units_but_the_seventh(void **state)
{
    static const struct {
        const char *target;
        unsigned unit;
    } rows[] = { { "sda", 0 }, { "sdb", 1 }, { "sdg", 6 }, { "sdh", 8 }, { "sdo", 15 } };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_free char *target = vmx_target(rows[i].unit);
        assert_string_equal(target, rows[i].target);
        assert_int_equal(vmx_unit(rows[i].target), rows[i].unit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_disks_of_a_vmx_are_read),
        cmocka_unit_test(targets_are_units_but_the_seventh),
    };

    return cmocka_run_group_tests_name("vmx", tests, NULL, NULL);
}
