#include "unit.h"

#include "cpi/vbox_answer.h"

/* As VirtualBox 7.2 answers, without the lines that are of no interest. */
static const char answer[] =
    "WARNING: The character device /dev/vboxdrv does not exist.\n"
    "name=\"vm-1\"\n"
    "CfgFile=\"/root/VirtualBox VMs/vm-1/vm-1.vbox\"\n"
    "memory=1024\n"
    "storagecontrollername0=\"IDE Controller\"\n"
    "storagecontrollertype0=\"PIIX4\"\n"
    "storagecontrollerportcount0=\"2\"\n"
    "storagecontrollername1=\"My SATA-1\"\n"
    "storagecontrollertype1=\"IntelAhci\"\n"
    "storagecontrollermaxportcount1=\"30\"\n"
    "storagecontrollerportcount1=\"4\"\n"
    "\"IDE Controller-0-0\"=\"emptydrive\"\n"
    "\"IDE Controller-1-1\"=\"/s/settings.iso\"\n"
    "\"My SATA-1-0-0\"=\"/s/a \\\"b\\\" \\\\c.vmdk\"\n"
    "\"My SATA-1-ImageUUID-0-0\"=\"12345678-1111-4222-8333-aabbccddeeff\"\n"
    "\"My SATA-1-discard-0-0\"=\"off\"\n"
    "\"My SATA-1-1-0\"=\"none\"\n"
    "\"My SATA-1-2-0\"=\"/s/d.vdi\"\n"
    "nic1=\"nat\"\n";

static void a_machine_is_read(void **state)
{
    cleanup_machine struct vbox_machine machine = { 0 };

    (void)state;
    assert_true(vbox_read_machine(answer, &machine));
    assert_int_equal(machine.count, 3);
    assert_string_equal(machine.disks[0].controller, "IDE Controller");
    assert_int_equal(machine.disks[0].port, 1);
    assert_int_equal(machine.disks[0].device, 1);
    assert_null(machine.disks[0].uuid);
    assert_string_equal(machine.disks[1].controller, "My SATA-1");
    assert_string_equal(machine.disks[1].path, "/s/a \"b\" \\c.vmdk");
    assert_string_equal(machine.disks[1].uuid, "12345678-1111-4222-8333-aabbccddeeff");
    assert_int_equal(machine.disks[2].port, 2);
    assert_string_equal(machine.sata, "My SATA-1");
    assert_int_equal(machine.sata_ports, 4);
    assert_string_equal(machine.directory, "/root/VirtualBox VMs/vm-1");
    assert_null(machine.snapshot);
}

static void what_is_no_machine_is_refused(void **state)
{
    static const char *const texts[] = { "", "\n", "garbage", "\"", "=\"", "\"=\"\"", "a=\"b\"\n" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        cleanup_machine struct vbox_machine machine = { 0 };
        assert_false(vbox_read_machine(texts[i], &machine));
    }
}

static void the_lowest_empty_port_is_found(void **state)
{
    cleanup_machine struct vbox_machine machine = { 0 }, none = { 0 };
    cleanup_error struct error err = { 0 };
    unsigned port;

    (void)state;
    vbox_read_machine(answer, &machine);
    assert_int_equal(vbox_free_port(&machine, &port, &err), 0);
    assert_int_equal(port, 1);
    machine.sata_ports = 1;
    assert_int_equal(vbox_free_port(&machine, &port, &err), -1);
    assert_int_equal(err.type, ERROR_CLOUD);
    assert_int_equal(vbox_free_port(&none, &port, &err), -1);
}

static void snapshots_lead_to_the_base(void **state)
{
    static const char media[] =
        "UUID:           a\nParent UUID:    base\nState:          created\n"
        "Location:       /s/a.vmdk\n\n"
        "UUID:           b\nParent UUID:    a\nLocation:       /v/{b}.vmdk\n\n"
        "UUID:           c\nParent UUID:    b\nLocation:       /v/{c}.vmdk\n"
        "UUID:           d\nParent UUID:    gone\nLocation:       /v/d.vmdk\n";
    cleanup_free char *own = vbox_read_base(media, "a"), *base = vbox_read_base(media, "c");

    (void)state;
    assert_string_equal(own, "/s/a.vmdk");
    assert_string_equal(base, "/s/a.vmdk");
    assert_null(vbox_read_base(media, "d"));
    assert_null(vbox_read_base(media, "e"));
    assert_null(vbox_read_base("", "a"));
}

static void names_are_read(void **state)
{
    cleanup_strings char **names =
        vbox_read_names("Name:         n \"1\nNetwork:      10.9.0.0/24\n"
                        "VBoxNetworkName: x\n\nName:   b\n");

    (void)state;
    assert_int_equal(strings_count(names), 2);
    assert_string_equal(names[0], "n \"1");
    assert_string_equal(names[1], "b");
    assert_null(vbox_read_names("WARNING: none\n"));
}

static void a_serial_makes_one_uuid(void **state)
{
    char first[VBOX_UUID_SIZE], again[VBOX_UUID_SIZE], other[VBOX_UUID_SIZE];

    (void)state;
    vbox_uuid("a23456789012345678ab", first);
    vbox_uuid("a23456789012345678ab", again);
    vbox_uuid("a23456789012345678ac", other);
    assert_int_equal(strlen(first), VBOX_UUID_SIZE - 1);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
    assert_int_equal(first[14], '4');
    assert_int_equal(first[19], '8');
}

/* VirtualBox prints both halves without saying whether it would print zeros in front. */
static void no_half_of_a_serial_number_begins_with_zero(void **state)
{
    (void)state;
    for (int i = 0; i < 500; i++) {
        char uuid[VBOX_UUID_SIZE];
        cleanup_free char *cid = xasprintf("a%019d", i);
        vbox_uuid(cid, uuid);
        cleanup_free char *serial = vbox_serial(uuid);
        assert_int_equal(strlen(serial), strlen("VB12345678-12345678"));
        assert_int_not_equal(serial[2], '0');
        assert_int_not_equal(serial[11], '0');
    }
}

static void the_serial_number_is_virtualboxs(void **state)
{
    cleanup_free char *serial = vbox_serial("12345678-1111-4222-8333-aabbccddeeff");

    (void)state;
    assert_string_equal(serial, "VB12345678-ffeeddcc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_is_read),
        cmocka_unit_test(what_is_no_machine_is_refused),
        cmocka_unit_test(the_lowest_empty_port_is_found),
        cmocka_unit_test(snapshots_lead_to_the_base),
        cmocka_unit_test(names_are_read),
        cmocka_unit_test(a_serial_makes_one_uuid),
        cmocka_unit_test(no_half_of_a_serial_number_begins_with_zero),
        cmocka_unit_test(the_serial_number_is_virtualboxs),
    };

    return cmocka_run_group_tests_name("vbox_answer", tests, NULL, NULL);
}
