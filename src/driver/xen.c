#include "cpi/usual.h"

#include "cpi/capabilities.h"
#include "cpi/json.h"
#include "cpi/stemcell_import.h"

#include <string.h>

/* The kinds of domain, best first: one that boots like any machine needs nothing of the host's, and
 * one with the CPU's help is faster than one without. 'kernel' is Debian's package grub-xen-host: a
 * GRUB that is started in the domain and boots what the disk's own grub.cfg says. */
static const struct kind {
    const char *virt_type, *os_type, *kernel;
} kinds[] = {
    { "hvm", "hvm", NULL },
    { "pvh", "xenpvh", "/usr/lib/grub-xen/grub-i386-xen_pvh.bin" },
    { "pv", "xen", "/usr/lib/grub-xen/grub-x86_64-xen.bin" },
};

static int import_stemcell(struct cpi *cpi, const char *image, const char *staged, cJSON **facts,
                           struct error *err)
{
    if (stemcell_import(cpi, image, staged, facts, err) < 0)
        return -1;
    const char *line = json_string(*facts, "line");
    if (strcmp(line, "openstack") == 0)
        return 0;
    cJSON_Delete(*facts);
    *facts = NULL;
    return fail(
        err, ERROR_NOT_SUPPORTED,
        "this is a vsphere stemcell: its agent looks for disks by serial numbers, which Xen "
        "does not show its guests. Use an openstack one");
}

static const struct kind *find_kind(const struct vm_properties *p, char *const *types)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (strings_contain(types, kinds[i].os_type) &&
            (!p->virt_type || strcmp(p->virt_type, kinds[i].virt_type) == 0))
            return &kinds[i];
    return NULL;
}

static const struct kind *choose_kind(struct cpi *cpi, const struct vm_properties *p,
                                      struct error *err)
{
    cleanup_strings char **types = NULL;

    if (capabilities_os_types(&cpi->virsh, &types, err) < 0)
        return NULL;
    const struct kind *kind = find_kind(p, types);
    if (!kind)
        fail(err, ERROR_NOT_SUPPORTED,
             "the Xen of this host runs no domains of virt_type '%s' (pvh and hvm need a CPU with "
             "vmx or svm)",
             p->virt_type ? p->virt_type : "pv, pvh or hvm");
    return kind;
}

/* What a property that names a file names must be there before anything is made. */
static int check_file(struct cpi *cpi, const char *key, const char *path, struct error *err)
{
    struct host_file file;
    int there = path ? host_look(&cpi->host, path, &file, err) : 1;

    if (there == 0)
        return fail(err, ERROR_CPI, "cloud_properties.%s: there is no '%s' on the host", key, path);
    return there < 0 ? -1 : 0;
}

static int check_boot_properties(const struct kind *kind, const struct vm_properties *p,
                                 struct error *err)
{
    if (!kind->kernel && (p->kernel || p->ramdisk || p->cmdline || p->bootloader))
        return fail(err, ERROR_CPI,
                    "cloud_properties: a domain of virt_type 'hvm' boots from its disk, without "
                    "kernel, ramdisk, cmdline or bootloader");
    if (p->bootloader && strcmp(kind->virt_type, "pv") != 0)
        return fail(err, ERROR_CPI, "cloud_properties.bootloader is for virt_type 'pv' only");
    if (p->bootloader && (p->kernel || p->ramdisk))
        return fail(err, ERROR_CPI,
                    "cloud_properties: a bootloader finds the kernel itself: leave out either "
                    "bootloader or kernel and ramdisk");
    if ((p->ramdisk || p->cmdline) && !p->kernel)
        return fail(err, ERROR_CPI, "cloud_properties.ramdisk and .cmdline need a kernel");
    return 0;
}

static int choose_kernel(struct cpi *cpi, const struct kind *kind, struct vm_domain *domain,
                         struct error *err)
{
    const struct vm_properties *p = &domain->properties;
    struct host_file file;

    if (check_boot_properties(kind, p, err) < 0 || check_file(cpi, "kernel", p->kernel, err) < 0 ||
        check_file(cpi, "ramdisk", p->ramdisk, err) < 0)
        return -1;
    domain->kernel = p->kernel;
    if (p->kernel || p->bootloader || !kind->kernel)
        return 0;
    domain->kernel = kind->kernel;
    int there = host_look(&cpi->host, kind->kernel, &file, err);
    if (there == 0)
        return fail(err, ERROR_CLOUD,
                    "there is no '%s' on the host, which boots domains of virt_type '%s': install "
                    "the package grub-xen-host, or set cloud_properties.kernel or "
                    "cloud_properties.bootloader",
                    kind->kernel, kind->virt_type);
    return there < 0 ? -1 : 0;
}

static int check_stemcell(const struct stemcell *stemcell, const struct kind *kind,
                          struct error *err)
{
    if (stemcell->line != LINE_OPENSTACK)
        return fail(err, ERROR_NOT_SUPPORTED,
                    "Xen runs openstack stemcells only: the agents of others look for disks by "
                    "serial numbers, which it does not show its guests");
    if (stemcell->arch)
        return fail(err, ERROR_NOT_SUPPORTED, "the stemcell is for another CPU than Xen's: %s",
                    stemcell->arch);
    if (!kind->kernel && stemcell->firmware && strcmp(stemcell->firmware, "efi") == 0)
        return fail(err, ERROR_NOT_SUPPORTED,
                    "the stemcell boots with EFI only, which domains of virt_type 'hvm' do not "
                    "have here: use virt_type pvh or pv");
    return 0;
}

static int plan(struct cpi *cpi, const struct vm_request *request, struct vm_plan *plan,
                struct error *err)
{
    struct vm_domain *domain = &plan->domain;

    if (usual_plan(cpi, request, plan, err) < 0)
        return -1;
    const struct kind *kind = choose_kind(cpi, &domain->properties, err);
    if (!kind)
        return -1;
    domain->virt_type = kind->virt_type;
    if (check_stemcell(&plan->stemcell, kind, err) < 0)
        return -1;
    return choose_kernel(cpi, kind, domain, err);
}

const struct driver driver_xen = {
    .import_stemcell = import_stemcell,
    .plan = plan,
    .starts_at_once = true,
    USUAL_DOMAINS_AND_DISKS,
};
