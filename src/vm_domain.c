#include "cpi/vm_domain.h"

#include "cpi/disk_properties.h"
#include "cpi/json.h"

#include <string.h>

char *vm_domain_file(const struct vm_domain *domain, enum vm_file file)
{
    static const char *const names[] = { [VM_ROOT] = "root.qcow2",
                                         [VM_EPHEMERAL] = "ephemeral.",
                                         [VM_SETTINGS] = "settings.iso",
                                         [VM_CONSOLE] = "console.log" };

    return xasprintf("%s/%s%s", domain->directory, names[file],
                     file == VM_EPHEMERAL ? domain->hypervisor->disk_format : "");
}

/* The next free target name on a bus: "sda", "sdb", ... Owned by the caller. */
static char *next_target(const char *prefix, int *used)
{
    return xasprintf("%s%c", prefix, 'a' + (*used)++);
}

static cJSON *make_disk(const struct vm_domain *domain, enum vm_file file, int *used)
{
    cleanup_free char *path = vm_domain_file(domain, file);
    cleanup_free char *target = next_target(domain->bus->prefix, used);
    bool root = file == VM_ROOT;
    const struct disk_device device = {
        .path = path,
        .format = root ? "qcow2" : domain->hypervisor->disk_format,
        .target = target,
        .serial = root ? domain->root_serial : domain->ephemeral_serial,
        .bus = domain->bus,
        .boot = root,
        .index = -1,
    };

    return disk_device_item(&device);
}

/* The settings are on a CD-ROM of a bus that the machine has: q35 has no IDE, pc nothing else. */
static cJSON *make_cdrom(const struct vm_domain *domain, const int *used)
{
    cleanup_free char *path = vm_domain_file(domain, VM_SETTINGS);
    bool ide = domain->controller == CONTROLLER_IDE;
    const char *prefix = ide ? "hd" : "sd";
    int taken = strcmp(prefix, domain->bus->prefix) == 0 ? *used : 0;
    cleanup_free char *target = next_target(prefix, &taken);
    cJSON *cdrom = json_new_object();

    json_put_string(cdrom, "path", path);
    json_put_string(cdrom, "target", target);
    json_put_string(cdrom, "bus", ide ? "ide" : "sata");
    return cdrom;
}

static cJSON *make_nic(const struct nic *nic)
{
    cJSON *item = json_new_object();
    bool bridge = nic->type == NIC_BRIDGE;

    json_put_string(item, "type", bridge ? "bridge" : "network");
    json_put_string(item, "attribute", bridge ? "bridge" : "network");
    json_put_string(item, "source", nic->source);
    json_put_string(item, "mac", nic->mac);
    json_put_string(item, "model", nic->model);
    return item;
}

static cJSON *make_item(const struct vm_domain *domain)
{
    cJSON *item = json_new_object(), *disks = json_new_array(), *nics = json_new_array();
    cleanup_free char *console = vm_domain_file(domain, VM_CONSOLE);
    int used = 0;

    json_put(disks, NULL, make_disk(domain, VM_ROOT, &used));
    if (domain->properties.ephemeral_mib)
        json_put(disks, NULL, make_disk(domain, VM_EPHEMERAL, &used));
    for (size_t i = 0; i < domain->nics.count; i++)
        json_put(nics, NULL, make_nic(&domain->nics.list[i]));

    json_put_string(item, "name", domain->cid);
    json_put_string(item, "uuid", id_uuid(domain->cid));
    json_put_string(item, "type", domain->kvm ? "kvm" : "qemu");
    json_put_bool(item, "kvm", domain->kvm);
    json_put_bool(item, "pcie", domain->controller != CONTROLLER_IDE);
    json_put_number(item, "memory", (double)domain->properties.memory_mib);
    json_put_number(item, "cpus", (double)domain->properties.cpus);
    json_put(item, "cdrom", make_cdrom(domain, &used));
    json_put(item, "disks", disks);
    json_put(item, "nics", nics);
    json_put_string(item, "console", console);
    return item;
}

char *vm_domain_render(const struct templates *templates, const struct vm_domain *domain,
                       struct error *err)
{
    cleanup_json cJSON *item = make_item(domain);

    return template_render(templates, "domain", item, err);
}
