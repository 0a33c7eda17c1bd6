#include "cpi/vm_domain.h"

#include "cpi/disk_properties.h"
#include "cpi/json.h"

#include <stdio.h>
#include <string.h>

static bool is_arm(const struct vm_domain *domain)
{
    return domain->arch && strcmp(domain->arch, "aarch64") == 0;
}

static bool is_virt_type(const struct vm_domain *domain, const char *type)
{
    return domain->virt_type && strcmp(domain->virt_type, type) == 0;
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

char *target_name(const char *prefix, unsigned index)
{
    char letters[8] = "";

    for (int i = 6; i >= 0; i--) {
        letters[i] = (char)('a' + index % 26);
        if (index < 26)
            return xasprintf("%s%s", prefix, letters + i);
        index = index / 26 - 1;
    }
    return xasprintf("%s%u", prefix, index);
}

/* The root disk is number 0, the ephemeral one, if there is one, number 1. */
static unsigned extra_number(const struct vm_domain *domain, size_t index)
{
    const unsigned own = domain->properties.ephemeral_mib ? 2 : 1;
    const unsigned first = domain->hypervisor->first_target;

    return (first > own ? first : own) + (unsigned)index;
}

char *vm_domain_ephemeral_target(const struct vm_domain *domain)
{
    return target_name(domain->bus->prefix, 1);
}

char *vm_domain_extra_target(const struct vm_domain *domain, size_t index)
{
    return target_name(domain->bus->prefix, extra_number(domain, index));
}

static cJSON *make_disk(const struct vm_domain *domain, const char *path, const char *serial,
                        unsigned number)
{
    cleanup_free char *target = target_name(domain->bus->prefix, number);
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
        .iothread = threaded ? 1 + number % (unsigned)p->iothreads : 0,
        .index = -1,
    };

    return disk_device_item(&device);
}

static cJSON *make_disks(const struct vm_domain *domain)
{
    cleanup_free char *root = vm_domain_file(domain, VM_ROOT);
    cleanup_free char *ephemeral = vm_domain_file(domain, VM_EPHEMERAL);
    cJSON *disks = json_new_array();

    json_put(disks, NULL, make_disk(domain, root, domain->root_serial, 0));
    if (domain->properties.ephemeral_mib)
        json_put(disks, NULL, make_disk(domain, ephemeral, domain->ephemeral_serial, 1));
    for (size_t i = 0; i < domain->extra_count; i++) {
        cleanup_free char *path = vm_domain_extra_file(domain, i);
        json_put(disks, NULL,
                 make_disk(domain, path, domain->extras[i].serial, extra_number(domain, i)));
    }
    return disks;
}

/* The bus of the CD-ROM with the settings is one that the machine has: q35 has no IDE, virt not
 * even SATA. A Xen guest without emulated devices has no CD-ROM at all, but reads a disk just as
 * well. */
static const char *settings_bus(const struct vm_domain *domain)
{
    if (domain->virt_type)
        return is_virt_type(domain, "hvm") ? "ide" : domain->bus->name;
    if (domain->controller == CONTROLLER_IDE)
        return "ide";
    return is_arm(domain) ? "scsi" : "sata";
}

/* Under Xen the name is the same for all: xvdd, and hdd, which is emulated in its place. */
static char *settings_target(const struct vm_domain *domain, const char *bus)
{
    if (domain->virt_type)
        return xasprintf("%sd", strcmp(bus, "ide") == 0 ? "hd" : domain->bus->prefix);
    const char *prefix = strcmp(bus, "ide") == 0 ? "hd" : "sd";
    const unsigned after = extra_number(domain, domain->extra_count);
    return target_name(prefix, strcmp(prefix, domain->bus->prefix) == 0 ? after : 0);
}

static cJSON *make_cdrom(const struct vm_domain *domain)
{
    cleanup_free char *path = vm_domain_file(domain, VM_SETTINGS);
    const char *bus = settings_bus(domain);
    cleanup_free char *target = settings_target(domain, bus);
    cJSON *cdrom = json_new_object();

    json_put_string(cdrom, "path", path);
    json_put_string(cdrom, "target", target);
    json_put_string(cdrom, "bus", bus);
    json_put_string(cdrom, "device",
                    is_virt_type(domain, "hvm") || !domain->virt_type ? "cdrom" : "disk");
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

static void put_xen(cJSON *item, const struct vm_domain *domain)
{
    const struct vm_properties *p = &domain->properties;

    json_put_bool(item, "pv", is_virt_type(domain, "pv"));
    json_put_bool(item, "pvh", is_virt_type(domain, "pvh"));
    json_put_bool(item, "hvm", is_virt_type(domain, "hvm"));
    put_text(item, "kernel", domain->kernel);
    put_text(item, "ramdisk", p->ramdisk);
    put_text(item, "cmdline", p->cmdline);
    put_text(item, "bootloader", p->bootloader);
}

cJSON *vm_domain_item(const struct vm_domain *domain)
{
    cJSON *item = json_new_object(), *nics = json_new_array();
    cleanup_free char *console = vm_domain_file(domain, VM_CONSOLE);

    for (size_t i = 0; i < domain->nics.count; i++)
        json_put(nics, NULL, nic_item(&domain->nics.list[i]));
    json_put_string(item, "name", domain->cid);
    json_put_string(item, "uuid", id_uuid(domain->cid));
    put_text(item, "title", domain->properties.title);
    json_put(item, "tags", vm_metadata_item(domain->tags));
    put_machine(item, domain);
    put_xen(item, domain);
    json_put(item, "disks", make_disks(domain));
    json_put(item, "cdrom", make_cdrom(domain));
    json_put(item, "nics", nics);
    json_put(item, "host_devices", make_host_devices(domain->properties.host_devices));
    json_put_string(item, "console", console);
    json_put(item, "vnc", make_vnc(domain->password));
    return item;
}

char *vm_domain_render(const struct templates *templates, const struct vm_domain *domain,
                       struct error *err)
{
    cleanup_json cJSON *item = vm_domain_item(domain);

    return template_render(templates, "domain", item, err);
}
