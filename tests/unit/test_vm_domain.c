#include "unit.h"

#include "cpi/vm_domain.h"

static const struct templates built_in = { .hypervisor = "qemu" };

#define UUID "123e4567-e89b-42d3-a456-426614174000"
#define ROOT "r0000000000000000001"
#define EPHEMERAL "e0000000000000000002"

/* A VM of qemu with an ephemeral disk and no NIC. */
static struct vm_domain vm(enum storage_controller controller)
{
    static char directory[] = "/store/vms/vm-1";

    return (struct vm_domain){
        .hypervisor = &hypervisor_qemu,
        .controller = controller,
        .bus = hypervisor_qemu.buses[controller],
        .cid = "vm-" UUID,
        .root_serial = ROOT,
        .ephemeral_serial = EPHEMERAL,
        .directory = directory,
        .firmware = "bios",
        .properties = { .cpus = 2, .memory_mib = 2048, .ephemeral_mib = 5000, .ballooning = true },
    };
}

static char *render(const struct vm_domain *domain)
{
    struct error err = { 0 };
    char *xml = vm_domain_render(&built_in, domain, &err);

    if (!xml)
        print_error("%s\n", err.message);
    assert_non_null(xml);
    expect_no_error(&err);
    return xml;
}

static size_t count(const char *text, const char *part)
{
    size_t times = 0;

    for (; (text = strstr(text, part)); text += strlen(part))
        times++;
    return times;
}

/* The n-th <disk> element, owned by the caller. */
static char *disk(const char *xml, int n)
{
    const char *from = strstr(xml, "<disk ");

    while (from && n-- > 0)
        from = strstr(from + 1, "<disk ");
    assert_non_null(from);
    const char *to = strstr(from, "</disk>");
    assert_non_null(to);
    return xstrndup(from, (size_t)(to - from));
}

static void files_are_in_the_vms_directory(void **state)
{
    static const struct {
        enum vm_file file;
        const char *path;
    } rows[] = { { VM_ROOT, "/store/vms/vm-1/root.qcow2" },
                 { VM_EPHEMERAL, "/store/vms/vm-1/ephemeral.qcow2" },
                 { VM_SETTINGS, "/store/vms/vm-1/settings.iso" },
                 { VM_CONSOLE, "/store/vms/vm-1/console.log" } };
    const struct vm_domain domain = vm(CONTROLLER_SATA);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_free char *path = vm_domain_file(&domain, rows[i].file);
        assert_string_equal(path, rows[i].path);
    }
}

static void the_domain_is_named_after_the_vm(void **state)
{
    const struct vm_domain domain = vm(CONTROLLER_SATA);
    cleanup_free char *xml = render(&domain);

    (void)state;
    expect_part(xml, "<name>vm-" UUID "</name>");
    expect_part(xml, "<uuid>" UUID "</uuid>");
}

static void sizes_are_in_mib(void **state)
{
    struct vm_domain domain = vm(CONTROLLER_SATA);

    (void)state;
    domain.properties.cpus = 4096;
    domain.properties.memory_mib = 1ULL << 43;
    cleanup_free char *xml = render(&domain);
    expect_part(xml, "<memory unit='MiB'>8796093022208</memory>");
    expect_part(xml, "<vcpu>4096</vcpu>");
}

static void kvm_and_emulation_have_their_own_cpu(void **state)
{
    struct vm_domain domain = vm(CONTROLLER_SATA);
    cleanup_free char *emulated = render(&domain);

    (void)state;
    expect_part(emulated, "<domain type='qemu'>");
    expect_part(emulated, "<cpu mode='maximum'>");
    expect_absent(emulated, "host-passthrough");
    domain.kvm = true;
    cleanup_free char *kvm = render(&domain);
    expect_part(kvm, "<domain type='kvm'>");
    expect_part(kvm, "<cpu mode='host-passthrough'>");
    expect_absent(kvm, "mode='maximum'");
}

static void each_controller_has_its_machine_targets_and_bus(void **state)
{
    static const struct {
        enum storage_controller controller;
        const char *machine, *root, *ephemeral, *cdrom;
    } rows[] = {
        { CONTROLLER_IDE, "machine='pc'", "<target dev='hda' bus='ide'/>",
          "<target dev='hdb' bus='ide'/>", "<target dev='hdc' bus='ide'/>" },
        { CONTROLLER_SATA, "machine='q35'", "<target dev='sda' bus='sata'/>",
          "<target dev='sdb' bus='sata'/>", "<target dev='sdc' bus='sata'/>" },
        { CONTROLLER_SCSI, "machine='q35'", "<target dev='sda' bus='scsi'/>",
          "<target dev='sdb' bus='scsi'/>", "<target dev='sdc' bus='sata'/>" },
        { CONTROLLER_VIRTIO, "machine='q35'", "<target dev='vda' bus='virtio'/>",
          "<target dev='vdb' bus='virtio'/>", "<target dev='sda' bus='sata'/>" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct vm_domain domain = vm(rows[i].controller);
        cleanup_free char *xml = render(&domain);
        cleanup_free char *root = disk(xml, 0), *ephemeral = disk(xml, 1), *cdrom = disk(xml, 2);
        expect_part(xml, rows[i].machine);
        expect_part(root, rows[i].root);
        expect_part(ephemeral, rows[i].ephemeral);
        expect_part(cdrom, rows[i].cdrom);
        assert_int_equal(count(xml, "<disk "), 3);
    }
}

/* pc has no such ports, and q35 needs them for what is plugged in later. */
static void only_q35_has_root_ports(void **state)
{
    const struct vm_domain pc = vm(CONTROLLER_IDE), q35 = vm(CONTROLLER_VIRTIO);
    cleanup_free char *without = render(&pc), *with = render(&q35);

    (void)state;
    expect_absent(without, "pcie-root-port");
    expect_part(with, "<controller type='pci' index='0' model='pcie-root'/>");
    expect_part(with, "<controller type='pci' model='pcie-root-port'/>");
}

static void disks_carry_their_serials_and_files(void **state)
{
    const struct vm_domain domain = vm(CONTROLLER_VIRTIO);
    cleanup_free char *xml = render(&domain);
    cleanup_free char *root = disk(xml, 0), *ephemeral = disk(xml, 1), *cdrom = disk(xml, 2);

    (void)state;
    expect_part(root, "<serial>" ROOT "</serial>");
    expect_part(root, "<source file='/store/vms/vm-1/root.qcow2'/>");
    expect_part(root, "type='qcow2'");
    expect_part(ephemeral, "<serial>" EPHEMERAL "</serial>");
    expect_part(ephemeral, "<source file='/store/vms/vm-1/ephemeral.qcow2'/>");
    expect_part(cdrom, "device='cdrom'");
    expect_part(cdrom, "<source file='/store/vms/vm-1/settings.iso'/>");
    expect_part(cdrom, "type='raw'");
    expect_part(cdrom, "<readonly/>");
    expect_part(xml, "<log file='/store/vms/vm-1/console.log' append='on'/>");
}

static void only_the_root_disk_is_booted_from(void **state)
{
    const struct vm_domain domain = vm(CONTROLLER_SATA);
    cleanup_free char *xml = render(&domain);
    cleanup_free char *root = disk(xml, 0);

    (void)state;
    expect_part(root, "<boot order='1'/>");
    assert_int_equal(count(xml, "<boot "), 1);
}

static void without_an_ephemeral_disk_its_target_is_free(void **state)
{
    struct vm_domain domain = vm(CONTROLLER_SATA);

    (void)state;
    domain.properties.ephemeral_mib = 0;
    cleanup_free char *xml = render(&domain);
    cleanup_free char *cdrom = disk(xml, 1);
    assert_int_equal(count(xml, "<disk "), 2);
    expect_absent(xml, EPHEMERAL);
    expect_part(cdrom, "<target dev='sdb' bus='sata'/>");
}

static void each_nic_is_an_interface(void **state)
{
    struct nic list[] = {
        { .type = NIC_NETWORK, .source = "default", .model = "virtio", .mac = "52:54:00:00:00:01" },
        { .type = NIC_BRIDGE, .source = "br0", .model = "e1000", .mac = "52:54:00:00:00:02" },
    };
    struct vm_domain domain = vm(CONTROLLER_SATA);

    (void)state;
    domain.nics = (struct nics){ .list = list, .count = ARRAY_SIZE(list) };
    cleanup_free char *xml = render(&domain);
    assert_int_equal(count(xml, "<interface "), 2);
    expect_part(xml, "    <interface type='network'>\n"
                     "      <mac address='52:54:00:00:00:01'/>\n"
                     "      <source network='default'/>\n"
                     "      <model type='virtio'/>\n"
                     "    </interface>\n");
    expect_part(xml, "    <interface type='bridge'>\n"
                     "      <mac address='52:54:00:00:00:02'/>\n"
                     "      <source bridge='br0'/>\n"
                     "      <model type='e1000'/>\n"
                     "    </interface>\n");
}

static void without_a_nic_there_is_no_interface(void **state)
{
    const struct vm_domain domain = vm(CONTROLLER_SATA);
    cleanup_free char *xml = render(&domain);

    (void)state;
    expect_absent(xml, "<interface");
}

static void what_comes_from_outside_is_escaped(void **state)
{
    char directory[] = "/s'/><&";
    struct nic nic = { .source = "a'/><x", .model = "<m>", .mac = "52:54:00:00:00:01" };
    struct vm_domain domain = vm(CONTROLLER_SATA);

    (void)state;
    domain.directory = directory;
    domain.nics = (struct nics){ .list = &nic, .count = 1 };
    cleanup_free char *xml = render(&domain);
    expect_part(xml, "<source file='/s&apos;/&gt;&lt;&amp;/root.qcow2'/>");
    expect_part(xml, "<log file='/s&apos;/&gt;&lt;&amp;/console.log'");
    expect_part(xml, "<source network='a&apos;/&gt;&lt;x'/>");
    expect_part(xml, "<model type='&lt;m&gt;'/>");
}

static void no_line_is_empty_and_no_tag_is_left(void **state)
{
    const struct vm_domain domain = vm(CONTROLLER_SATA);
    cleanup_free char *xml = render(&domain);

    (void)state;
    expect_absent(xml, "\n\n");
    expect_absent(xml, "{{");
    assert_true(starts_with(xml, "<domain type="));
    assert_true(ends_with(xml, "</domain>\n"));
}

static void a_template_of_ones_own_is_used(void **state)
{
    const struct templates own = { .directory = *state, .hypervisor = "qemu" };
    const struct vm_domain domain = vm(CONTROLLER_SATA);
    cleanup_free char *folder = xasprintf("%s/qemu", (char *)*state);
    cleanup_free char *path = xasprintf("%s/domain.xml", folder);
    struct error err = { 0 };

    assert_int_equal(mkdir(folder, 0700), 0);
    unit_write_text(path, "{{name}} {{#disks}}{{serial}},{{/disks}}");
    cleanup_free char *xml = vm_domain_render(&own, &domain, &err);
    assert_non_null(xml);
    assert_string_equal(xml, "vm-" UUID " " ROOT "," EPHEMERAL ",");
}

static void a_template_that_is_wrong_is_an_error(void **state)
{
    const struct templates own = { .directory = *state, .hypervisor = "qemu" };
    const struct vm_domain domain = vm(CONTROLLER_SATA);
    cleanup_free char *folder = xasprintf("%s/qemu", (char *)*state);
    cleanup_free char *path = xasprintf("%s/domain.xml", folder);
    struct error err = { 0 };

    assert_int_equal(mkdir(folder, 0700), 0);
    unit_write_text(path, "{{nome}}");
    assert_null(vm_domain_render(&own, &domain, &err));
    expect_error(&err, ERROR_CPI, "template 'domain': there is nothing called 'nome' here");
}

static void an_arm_guest_is_a_virt_machine_with_efi(void **state)
{
    struct vm_domain domain = vm(CONTROLLER_SATA);
    struct error err = { 0 };
    struct log log = { 0 };

    (void)state;
    domain.arch = "aarch64";
    domain.firmware = "efi";
    assert_int_equal(vm_domain_fit(&domain, &log, &err), 0);
    expect_part(log.text, "SCSI");
    log_release(&log);
    cleanup_free char *xml = render(&domain);
    expect_part(xml, "<os firmware='efi'>");
    expect_part(xml, "<type arch='aarch64' machine='virt'>hvm</type>");
    expect_part(xml, "<target dev='sda' bus='scsi'/>");
    expect_absent(xml, "bus='sata'");
    expect_absent(xml, "<apic/>");
}

/* Few machines of tests offer kvm with vmx or svm, so the golden file is held to this and not to
 * the whole program; tests/lint holds it to libvirt's schema. */
static void a_guest_with_guests_of_its_own_is_golden(void **state)
{
    static const char path[] = "tests/golden/domain-nested.xml";
    struct vm_domain domain = vm(CONTROLLER_VIRTIO);

    (void)state;
    domain.kvm = true;
    domain.nesting = "vmx";
    domain.properties.nested_given = domain.properties.nested = true;
    cleanup_free char *xml = render(&domain);
    expect_part(xml, "<feature policy='require' name='vmx'/>");
    if (getenv("UPDATE_GOLDEN"))
        unit_write_text(path, xml);
    expect_file(path, xml);
    domain.properties.nested = false;
    cleanup_free char *without = render(&domain);
    expect_part(without, "<feature policy='disable' name='vmx'/>");
}

static void ide_is_refused_where_the_machine_has_none(void **state)
{
    struct vm_domain domain = vm(CONTROLLER_IDE);
    struct error err = { 0 };
    struct log log = { 0 };

    (void)state;
    assert_int_equal(vm_domain_fit(&domain, &log, &err), 0);
    domain.properties.machine = "q35";
    assert_int_equal(vm_domain_fit(&domain, &log, &err), -1);
    expect_error(&err, ERROR_CPI, "has no IDE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_arm_guest_is_a_virt_machine_with_efi),
        cmocka_unit_test(a_guest_with_guests_of_its_own_is_golden),
        cmocka_unit_test(ide_is_refused_where_the_machine_has_none),
        cmocka_unit_test(files_are_in_the_vms_directory),
        cmocka_unit_test(the_domain_is_named_after_the_vm),
        cmocka_unit_test(sizes_are_in_mib),
        cmocka_unit_test(kvm_and_emulation_have_their_own_cpu),
        cmocka_unit_test(each_controller_has_its_machine_targets_and_bus),
        cmocka_unit_test(only_q35_has_root_ports),
        cmocka_unit_test(disks_carry_their_serials_and_files),
        cmocka_unit_test(only_the_root_disk_is_booted_from),
        cmocka_unit_test(without_an_ephemeral_disk_its_target_is_free),
        cmocka_unit_test(each_nic_is_an_interface),
        cmocka_unit_test(without_a_nic_there_is_no_interface),
        cmocka_unit_test(what_comes_from_outside_is_escaped),
        cmocka_unit_test(no_line_is_empty_and_no_tag_is_left),
        IN_DIRECTORY(a_template_of_ones_own_is_used),
        IN_DIRECTORY(a_template_that_is_wrong_is_an_error),
    };

    return cmocka_run_group_tests_name("vm_domain", tests, NULL, NULL);
}
