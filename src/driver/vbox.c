#include "cpi/vbox.h"

#include "cpi/desktop.h"
#include "cpi/json.h"
#include "cpi/stemcell_import.h"
#include "cpi/usual.h"

#include <string.h>

/* On the chipset that libvirt's driver leaves as it is. */
enum { MAX_NICS = 8 };

/* How VBoxManage lists the networks of each kind, and how an operator makes one. */
static const struct {
    enum nic_type type;
    const char *kind, *what, *advice;
} networks[] = {
    { NIC_HOSTONLY, "hostonlyifs", "host-only interface", "VBoxManage hostonlyif create" },
    { NIC_NATNETWORK, "natnets", "NAT network",
      "VBoxManage natnetwork add --netname NAME --network CIDR --enable" },
    { NIC_BRIDGED, "bridgedifs", "interface of the host to bridge to",
      "VBoxManage list bridgedifs" },
};

static int check_network(struct cpi *cpi, enum nic_type type, const char *source, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(networks); i++) {
        cleanup_strings char **names = NULL;
        if (networks[i].type != type)
            continue;
        if (vbox_names(&cpi->host, networks[i].kind, &names, err) < 0)
            return -1;
        if (!strings_contain(names, source))
            return fail(err, ERROR_NETWORK_NOT_FOUND, "VirtualBox has no %s '%s' (%s)",
                        networks[i].what, source, networks[i].advice);
    }
    return 0;
}

/* VBoxManage, and the network of a NIC whose cloud_properties name none. */
static int check_host(struct cpi *cpi, struct error *err)
{
    return check_network(cpi, NIC_HOSTONLY, cpi->config.default_network, err);
}

static int vbox_plan(struct cpi *cpi, const struct vm_request *request, struct vm_plan *plan,
                     struct error *err)
{
    if (desktop_plan(cpi, request, plan, err) < 0)
        return -1;
    if (strcmp(plan->domain.firmware, "efi-secure") == 0)
        return fail(err, ERROR_NOT_SUPPORTED,
                    "cloud_properties.firmware: cpi sets up no secure boot in VirtualBox: use efi");
    if (plan->domain.nics.count > MAX_NICS)
        return fail(err, ERROR_NOT_SUPPORTED, "a VM of VirtualBox has %d NICs at most, not %zu",
                    MAX_NICS, plan->domain.nics.count);
    for (size_t i = 0; i < plan->domain.nics.count; i++) {
        const struct nic *nic = &plan->domain.nics.list[i];
        if (check_network(cpi, nic->type, nic->source, err) < 0)
            return -1;
    }
    return 0;
}

static int set_uuid(struct cpi *cpi, char *path, const char *serial, struct error *err)
{
    cleanup_free char *owned = path;
    char uuid[VBOX_UUID_SIZE];

    vbox_uuid(serial, uuid);
    return vbox_set_uuid(&cpi->host, owned, uuid, err);
}

static int make_files(struct cpi *cpi, const struct vm_request *request, const struct vm_plan *plan,
                      struct error *err)
{
    const struct vm_domain *domain = &plan->domain;

    if (desktop_make_root(cpi, plan, err) < 0 || usual_make_empty_disks(cpi, plan, err) < 0 ||
        set_uuid(cpi, vm_domain_file(domain, VM_ROOT), domain->root_serial, err) < 0)
        return -1;
    if (domain->properties.ephemeral_mib &&
        set_uuid(cpi, vm_domain_file(domain, VM_EPHEMERAL), domain->ephemeral_serial, err) < 0)
        return -1;
    for (size_t i = 0; i < domain->extra_count; i++)
        if (set_uuid(cpi, vm_domain_extra_file(domain, i), domain->extras[i].serial, err) < 0)
            return -1;
    return usual_make_settings(cpi, request, plan, err);
}

static bool has_screen(const struct vm_domain *domain)
{
    const char *graphics = domain->properties.graphics;

    return graphics && strcmp(graphics, "none") != 0;
}

static char *render(struct cpi *cpi, const struct vm_domain *domain, struct error *err)
{
    cleanup_json cJSON *item = vm_domain_item(domain);

    json_put_bool(item, "scsi", strcmp(domain->bus->name, "scsi") == 0);
    json_put_bool(item, "screen", has_screen(domain));
    return template_render(&cpi->templates, "domain", item, err);
}

/* Without the type of its system a machine is taken for a 32-bit one. */
static void add_machine(char ***words, const struct vm_domain *domain)
{
    const char *const given[] = {
        "--ostype",    "Linux_64",
        "--longmode",  "on",
        "--ioapic",    "on",
        "--rtcuseutc", "on",
        "--firmware",  starts_with(domain->firmware, "efi") ? "efi64" : "bios"
    };

    for (size_t i = 0; i < ARRAY_SIZE(given); i++)
        strings_add(words, given[i]);
}

/* libvirt's driver has no NAT networks. */
static void add_nat_networks(char ***words, const struct nics *nics)
{
    for (size_t i = 0; i < nics->count; i++) {
        cleanup_free char *nic = xasprintf("--nic%zu", i + 1);
        cleanup_free char *network = xasprintf("--nat-network%zu", i + 1);
        if (nics->list[i].type != NIC_NATNETWORK)
            continue;
        strings_add(words, nic);
        strings_add(words, "natnetwork");
        strings_add(words, network);
        strings_add(words, nics->list[i].source);
    }
}

static int adjust(struct cpi *cpi, const struct vm_domain *domain, struct error *err)
{
    cleanup_strings char **words = NULL;
    cleanup_free char *file = xasprintf("%s/vnc", domain->directory);

    add_machine(&words, domain);
    add_nat_networks(&words, &domain->nics);
    if (has_screen(domain)) {
        /* RDP asks for a user of the host and that one's password. */
        strings_add(&words, domain->password ? "--vrdeextpack" : "--vrdeauthtype");
        strings_add(&words, domain->password ? "VNC" : "external");
    }
    if (vbox_modify(&cpi->host, domain->cid, (const char *const *)words, err) < 0)
        return -1;
    return domain->password
               ? vbox_set_vnc_password(&cpi->host, domain->cid, domain->password, file, err)
               : 0;
}

/* A host on which nobody has set this up is none on which no VM can be made. */
static void set_autostart(struct cpi *cpi, const struct vm_domain *domain)
{
    cleanup_error struct error refused = { 0 };

    if (domain->properties.autostart &&
        vbox_modify(&cpi->host, domain->cid, ARGV("--autostart-enabled", "on"), &refused) < 0)
        log_note(cpi->log,
                 "VM '%s' will not start with the host: %s (see docs/hypervisors.md, VirtualBox)",
                 domain->cid, refused.message);
}

static int start(struct cpi *cpi, const struct vm_plan *plan, struct error *err)
{
    const struct vm_domain *domain = &plan->domain;
    cleanup_free char *xml = render(cpi, domain, err);

    if (!xml || domain_define(&cpi->virsh, domain->cid, xml, err) < 0 ||
        adjust(cpi, domain, err) < 0)
        return -1;
    set_autostart(cpi, domain);
    return domain_start(&cpi->virsh, domain->cid, err);
}

/* VirtualBox leaves logs in the directory of a VM's settings. */
static int end(struct cpi *cpi, const char *cid, struct error *err)
{
    cleanup_machine struct vbox_machine machine = { 0 };
    int there = domain_exists(&cpi->virsh, cid, err);

    if (there < 0 || (there && vbox_look(&cpi->host, cid, &machine, err) < 0))
        return -1;
    if (machine.snapshot && strcmp(machine.snapshot, VBOX_SNAPSHOT) == 0 &&
        vbox_drop_snapshot(cpi, cid, &machine, err) < 0)
        return -1;
    if (usual_end(cpi, cid, err) < 0)
        return -1;
    cleanup_free char *name = xasprintf("/%s", cid);
    const bool own = machine.directory && ends_with(machine.directory, name);
    return own ? host_remove(&cpi->host, machine.directory, err) : 0;
}

static int describe(struct cpi *cpi, const char *cid, const struct description *description,
                    struct error *err)
{
    if (domain_is_active(&cpi->virsh, cid, err) < 0 ||
        vbox_set_extra_data(&cpi->host, cid, "cpi/title", description->title, err) < 0)
        return -1;
    return vbox_set_extra_data(&cpi->host, cid, "cpi/description", description->text, err);
}

const struct driver driver_vbox = {
    .import_stemcell = stemcell_import,
    .check_host = check_host,
    .plan = vbox_plan,
    .make_files = make_files,
    .own_hint = vbox_own_hint,
    .start = start,
    .end = end,
    .restart = usual_restart,
    .describe = describe,
    .exists = usual_exists,
    .inspect = vbox_inspect,
    .make_image = usual_make_image,
    .grow_image = vbox_grow_image,
    .mend = vbox_mend,
    .attach = vbox_attach_disk,
    .hint = vbox_hint,
    .detach = vbox_detach_disk,
    .settle = vbox_settle,
    .copy_live = vbox_copy_live,
};
