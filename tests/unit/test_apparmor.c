#include "unit.h"

#include "cpi/image.h"
#include "cpi/vm_domain.h"

#include <fnmatch.h>

/* What AppArmor's helper may read, and so a guest use: /etc/apparmor.d/
 * usr.lib.libvirt.virt-aa-helper of Debian 12 and Ubuntu 22.04. */
static bool lets_through(const char *path)
{
    static const char *const patterns[] = { "/*.img", "/*.raw",  "/*.qcow", "/*.qcow2",
                                            "/*.qed", "/*.vmdk", "/*.vhd",  "/*.[iI][sS][oO]",
                                            "*/disk", "*/disk.*" };

    for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
        if (fnmatch(patterns[i], path, 0) == 0)
            return true;
    print_error("AppArmor's helper would not read %s\n", path);
    return false;
}

static void the_files_of_a_vm_have_names_that_apparmor_knows(void **state)
{
    static const enum vm_file files[] = { VM_ROOT, VM_EPHEMERAL, VM_SETTINGS };
    char directory[] = "/store/vms/vm-1";
    const struct vm_domain domain = { .hypervisor = &hypervisor_qemu, .directory = directory };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        cleanup_free char *path = vm_domain_file(&domain, files[i]);
        assert_true(lets_through(path));
    }
    cleanup_free char *extra = vm_domain_extra_file(&domain, 7);
    assert_true(lets_through(extra));
}

static void images_have_names_that_apparmor_knows(void **state)
{
    (void)state;
    for (const char *const *format = hypervisor_qemu.disk_formats; *format; format++) {
        cleanup_free char *image = image_path("/store/stemcells/sc-1", *format);
        assert_true(lets_through(image));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_files_of_a_vm_have_names_that_apparmor_knows),
        cmocka_unit_test(images_have_names_that_apparmor_knows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
