#include "cpi/vm_domain.h"

#include "cpi/disk_properties.h"
#include "cpi/json.h"

#include <stdio.h>
#include <string.h>

static bool is_arm(const struct vm_domain *domain)
{
    return domain->arch && strcmp(domain->arch, "aarch64") == 0;
}

static const char *machine_of(const struct vm_domain *domain)
{
    if (domain->properties.machine)
        return domain->properties.machine;
    if (is_arm(domain))
        return "virt";
    return domain->controller == CONTROLLER_IDE ? "pc" : "q35";
}

/* The old PC has slots of its own; the others need a port for each device that may come. */
static bool is_pcie(const struct vm_domain *domain)
{
    const char *machine = machine_of(domain);

    return strcmp(machine, "pc") != 0 && !starts_with(machine, "pc-i440fx");
}

int vm_domain_fit(struct vm_domain *domain, struct log *log, struct error *err)
{
    const struct hypervisor *hypervisor = domain->hypervisor;

    if (is_arm(domain) &&
        (domain->controller == CONTROLLER_IDE || domain->controller == CONTROLLER_SATA)) {
        log_note(log, "the machine '%s' has no IDE or SATA: root and ephemeral disk are on SCSI",
                 machine_of(domain));
        domain->controller = CONTROLLER_SCSI;
        domain->bus = hypervisor->buses[CONTROLLER_SCSI];
    }
    if (domain->controller == CONTROLLER_IDE && is_pcie(domain))
        return fail(err, ERROR_CPI,
                    "the machine '%s' has no IDE: use the machine 'pc' or another "
                    "storage_controller",
                    machine_of(domain));
    return 0;
}

char *vm_domain_file(const struct vm_domain *domain, enum vm_file file)
{
    static const char *const names[] = { [VM_ROOT] = "root.",
                                         [VM_EPHEMERAL] = "ephemeral.",
                                         [VM_SETTINGS] = "settings.iso",
                                         [VM_CONSOLE] = "console.log" };

    const char *format = file == VM_ROOT        ? domain->hypervisor->root_format
                         : file == VM_EPHEMERAL ? domain->hypervisor->disk_format
                                                : "";

    return xasprintf("%s/%s%s", domain->directory, names[file], format);
}

char *vm_domain_extra_file(const struct vm_domain *domain, size_t index)
{
    return xasprintf("%s/extra-%zu.%s", domain->directory, index, domain->hypervisor->disk_format);
}

/* The next free target name on a bus: "sda", "sdb", ... Owned by the caller. */
static char *next_target(const char *prefix, int *used)
{
    return xasprintf("%s%c", prefix, 'a' + (*used)++);
}

static cJSON *make_disk(const struct vm_domain *domain, const char *path, const char *serial,
                        int *used)
{
    cleanup_free char *target = next_target(domain->bus->prefix, used);
    const struct vm_properties *p = &domain->properties;
    const struct disk_properties properties = { .cache = p->disk_cache, .io = p->disk_io };
    const bool threaded = p->iothreads && strcmp(domain->bus->name, "virtio") == 0;
    const struct disk_device device = {
        .path = path,
        .format = ends_with(path, ".qcow2") ? "qcow2" : domain->hypervisor->disk_format,
        .target = target,
        .serial = serial,
        .bus = domain->bus,
        .properties = &properties,
        .boot = serial == domain->root_serial,
        .iothread = threaded ? 1 + (unsigned)(*used - 1) % (unsigned)p->iothreads : 0,
        .index = -1,
    };

    return disk_device_item(&device);
}

static cJSON *make_disks(const struct vm_domain *domain, int *used)
{
    cleanup_free char *root = vm_domain_file(domain, VM_ROOT);
    cleanup_free char *ephemeral = vm_domain_file(domain, VM_EPHEMERAL);
    cJSON *disks = json_new_array();

    json_put(disks, NULL, make_disk(domain, root, domain->root_serial, used));
    if (domain->properties.ephemeral_mib)
        json_put(disks, NULL, make_disk(domain, ephemeral, domain->ephemeral_serial, used));
    for (size_t i = 0; i < domain->extra_count; i++) {
        cleanup_free char *path = vm_domain_extra_file(domain, i);
        json_put(disks, NULL, make_disk(domain, path, domain->extras[i].serial, used));
    }
    return disks;
}

/* The settings are on a CD-ROM of a bus that the machine has: q35 has no IDE, virt not even SATA.
 */
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
    json_put_string(cdrom, "bus", ide ? "ide" : is_arm(domain) ? "scsi" : "sata");
    return cdrom;
}

static void put_text(cJSON *item, const char *key, const char *text)
{
    json_put(item, key, text ? cJSON_CreateString(text) : cJSON_CreateFalse());
}

static cJSON *make_topology(const struct vm_properties *p)
{
    if (!p->sockets && !p->cores && !p->threads)
        return cJSON_CreateFalse();
    cJSON *topology = json_new_object();
    json_put_number(topology, "sockets", p->sockets ? (double)p->sockets : 1);
    json_put_number(topology, "cores", p->cores ? (double)p->cores : 1);
    json_put_number(topology, "threads", p->threads ? (double)p->threads : 1);
    return topology;
}

static cJSON *make_feature(const struct vm_domain *domain)
{
    if (!domain->properties.nested_given || !domain->nesting)
        return cJSON_CreateFalse();
    cJSON *feature = json_new_object();
    json_put_string(feature, "policy", domain->properties.nested ? "require" : "disable");
    json_put_string(feature, "name", domain->nesting);
    return feature;
}

/* Emulation cannot pass the host's CPU through; "maximum" is all that it can do. */
static cJSON *make_cpu(const struct vm_domain *domain)
{
    const struct vm_properties *p = &domain->properties;
    const char *mode = p->cpu_mode ? p->cpu_mode : p->cpu_model ? "custom" : NULL;
    cJSON *cpu = json_new_object();

    json_put_string(cpu, "mode", mode ? mode : domain->kvm ? "host-passthrough" : "maximum");
    put_text(cpu, "model", p->cpu_model);
    json_put(cpu, "topology", make_topology(p));
    json_put(cpu, "feature", make_feature(domain));
    return cpu;
}

static cJSON *make_efi(const struct vm_domain *domain)
{
    if (!starts_with(domain->firmware, "efi"))
        return cJSON_CreateFalse();
    cJSON *efi = json_new_object();
    json_put_string(efi, "secure", strcmp(domain->firmware, "efi-secure") == 0 ? "yes" : "no");
    return efi;
}

static cJSON *make_host_devices(const cJSON *addresses)
{
    cJSON *devices = json_new_array();
    const cJSON *address;

    cJSON_ArrayForEach (address, addresses) {
        char domain[5], bus[3], slot[3], function[2];
        cJSON *device = json_new_object();
        if (sscanf(address->valuestring, "%4[^:]:%2[^:]:%2[^.].%1s", domain, bus, slot, function) ==
            4) {
            json_put_string(device, "domain", domain);
            json_put_string(device, "bus", bus);
            json_put_string(device, "slot", slot);
            json_put_string(device, "function", function);
        }
        json_put(devices, NULL, device);
    }
    return devices;
}

cJSON *vm_metadata_entries(const cJSON *metadata)
{
    cJSON *entries = json_new_array();
    const cJSON *member;

    cJSON_ArrayForEach (member, metadata) {
        cleanup_free char *text =
            cJSON_IsString(member) ? xstrdup(member->valuestring) : json_print(member);
        cJSON *entry = json_new_object();
        json_put_string(entry, "key", member->string);
        json_put_string(entry, "value", text);
        json_put(entries, NULL, entry);
    }
    return entries;
}

cJSON *vm_metadata_item(const cJSON *metadata)
{
    if (cJSON_GetArraySize(metadata) == 0)
        return cJSON_CreateFalse();
    cJSON *item = json_new_object();
    json_put_string(item, "uri", VM_METADATA_URI);
    json_put(item, "entries", vm_metadata_entries(metadata));
    return item;
}

static cJSON *make_vnc(const char *password)
{
    if (!password)
        return cJSON_CreateFalse();
    cJSON *vnc = json_new_object();
    json_put_string(vnc, "password", password);
    return vnc;
}

static void put_machine(cJSON *item, const struct vm_domain *domain)
{
    const struct vm_properties *p = &domain->properties;

    json_put_string(item, "type", domain->kvm ? "kvm" : "qemu");
    put_text(item, "arch", domain->arch);
    json_put_string(item, "machine", machine_of(domain));
    json_put_bool(item, "x86", !is_arm(domain));
    json_put_bool(item, "pcie", is_pcie(domain));
    json_put_bool(item, "smm", strcmp(domain->firmware, "efi-secure") == 0);
    json_put(item, "efi", make_efi(domain));
    json_put(item, "cpu", make_cpu(domain));
    json_put_number(item, "memory", (double)p->memory_mib);
    json_put_number(item, "cpus", (double)p->cpus);
    json_put_bool(item, "hugepages", p->hugepages);
    json_put(item, "iothreads",
             p->iothreads ? cJSON_CreateNumber((double)p->iothreads) : cJSON_CreateFalse());
    put_text(item, "numa_nodes", p->numa_nodes);
    put_text(item, "watchdog", p->watchdog);
    json_put_string(item, "balloon", p->ballooning ? "virtio" : "none");
    json_put_string(item, "video", is_arm(domain) ? "virtio" : "vga");
}

static cJSON *make_item(const struct vm_domain *domain)
{
    cJSON *item = json_new_object(), *nics = json_new_array();
    cleanup_free char *console = vm_domain_file(domain, VM_CONSOLE);
    int used = 0;

    for (size_t i = 0; i < domain->nics.count; i++)
        json_put(nics, NULL, nic_item(&domain->nics.list[i]));
    json_put_string(item, "name", domain->cid);
    json_put_string(item, "uuid", id_uuid(domain->cid));
    put_text(item, "title", domain->properties.title);
    json_put(item, "tags", vm_metadata_item(domain->tags));
    put_machine(item, domain);
    json_put(item, "disks", make_disks(domain, &used));
    json_put(item, "cdrom", make_cdrom(domain, &used));
    json_put(item, "nics", nics);
    json_put(item, "host_devices", make_host_devices(domain->properties.host_devices));
    json_put_string(item, "console", console);
    json_put(item, "vnc", make_vnc(domain->password));
    return item;
}

char *vm_domain_render(const struct templates *templates, const struct vm_domain *domain,
                       struct error *err)
{
    cleanup_json cJSON *item = make_item(domain);

    return template_render(templates, "domain", item, err);
}
