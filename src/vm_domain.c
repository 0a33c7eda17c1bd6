#include "cpi/vm_domain.h"

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

/* The next free target name on a bus: "sda", "sdb", ... */
static cJSON *next_target(const char *prefix, int *used)
{
    char name[8];

    snprintf(name, sizeof(name), "%s%c", prefix, 'a' + (*used)++);
    return cJSON_CreateString(name);
}

static cJSON *make_disk(const struct vm_domain *domain, enum vm_file file, int *used)
{
    cleanup_free char *path = vm_domain_file(domain, file);
    bool root = file == VM_ROOT;
    cJSON *disk = json_new_object();

    json_put_string(disk, "path", path);
    json_put_string(disk, "format", root ? "qcow2" : domain->hypervisor->disk_format);
    json_put(disk, "target", next_target(domain->bus->prefix, used));
    json_put_string(disk, "bus", domain->bus->name);
    json_put_string(disk, "serial", root ? domain->root_serial : domain->ephemeral_serial);
    json_put_bool(disk, "boot", root);
    json_put_bool(disk, "address", false);
    return disk;
}

/* The settings are on a CD-ROM of a bus that the machine has: q35 has no IDE, pc nothing else. */
static cJSON *make_cdrom(const struct vm_domain *domain, const int *used)
{
    cleanup_free char *path = vm_domain_file(domain, VM_SETTINGS);
    bool ide = domain->controller == CONTROLLER_IDE;
    const char *prefix = ide ? "hd" : "sd";
    int taken = strcmp(prefix, domain->bus->prefix) == 0 ? *used : 0;
    cJSON *cdrom = json_new_object();

    json_put_string(cdrom, "path", path);
    json_put(cdrom, "target", next_target(prefix, &taken));
    json_put_string(cdrom, "bus", ide ? "ide" : "sata");
    return cdrom;
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
        json_put(nics, NULL, nic_item(&domain->nics.list[i]));

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
