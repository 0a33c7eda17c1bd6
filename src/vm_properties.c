#include "cpi/vm_properties.h"

#include "cpi/json.h"
#include "cpi/nearest.h"

#include <stddef.h>
#include <string.h>

#define MAX_MIB (1ULL << 43)
#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define MEMBER(member) offsetof(struct vm_properties, member)

enum kind { WHOLE, TEXT, FLAG, ARRAY, OBJECT };

static const struct property {
    const char *name, *alias;
    enum kind kind;
    size_t offset;
    uint64_t range[2], fallback; /* of a WHOLE, a FLAG's fallback is 0 or 1 */
    const char *const *choices;  /* of a TEXT, NULL: anything */
} table[] = {
    { "cpus", "cpu", WHOLE, MEMBER(cpus), { 1, 4096 }, 1, NULL },
    { "memory", "ram", WHOLE, MEMBER(memory_mib), { 64, MAX_MIB }, 1024, NULL },
    { "ephemeral_disk", NULL, WHOLE, MEMBER(ephemeral_mib), { 0, MAX_MIB }, 5000, NULL },
    { "root_disk_size", NULL, WHOLE, MEMBER(root_mib), { 1, MAX_MIB }, 0, NULL },
    { "cpu_sockets", NULL, WHOLE, MEMBER(sockets), { 1, 256 }, 0, NULL },
    { "cpu_cores", NULL, WHOLE, MEMBER(cores), { 1, 4096 }, 0, NULL },
    { "cpu_threads", NULL, WHOLE, MEMBER(threads), { 1, 16 }, 0, NULL },
    { "iothreads", NULL, WHOLE, MEMBER(iothreads), { 0, 64 }, 0, NULL },
    { "firmware", NULL, TEXT, MEMBER(firmware), { 0 }, 0, LIST("bios", "efi", "efi-secure") },
    { "machine", NULL, TEXT, MEMBER(machine), { 0 }, 0, NULL },
    { "cpu_mode",
      NULL,
      TEXT,
      MEMBER(cpu_mode),
      { 0 },
      0,
      LIST("host-passthrough", "host-model", "maximum", "custom") },
    { "cpu_model", NULL, TEXT, MEMBER(cpu_model), { 0 }, 0, NULL },
    { "numa_nodes", NULL, TEXT, MEMBER(numa_nodes), { 0 }, 0, NULL },
    { "disk_cache",
      NULL,
      TEXT,
      MEMBER(disk_cache),
      { 0 },
      0,
      LIST("default", "none", "writethrough", "writeback", "directsync", "unsafe") },
    { "disk_io", NULL, TEXT, MEMBER(disk_io), { 0 }, 0, LIST("threads", "native", "io_uring") },
    { "graphics", NULL, TEXT, MEMBER(graphics), { 0 }, 0, LIST("none", "vnc", "rdp") },
    { "graphics_password_file", NULL, TEXT, MEMBER(graphics_password_file), { 0 }, 0, NULL },
    { "watchdog",
      NULL,
      TEXT,
      MEMBER(watchdog),
      { 0 },
      0,
      LIST("reset", "shutdown", "poweroff", "pause", "none", "dump", "inject-nmi") },
    { "init", NULL, TEXT, MEMBER(init), { 0 }, 0, NULL },
    { "title", NULL, TEXT, MEMBER(title), { 0 }, 0, NULL },
    { "virt_type", NULL, TEXT, MEMBER(virt_type), { 0 }, 0, LIST("pv", "pvh", "hvm") },
    { "kernel", NULL, TEXT, MEMBER(kernel), { 0 }, 0, NULL },
    { "ramdisk", NULL, TEXT, MEMBER(ramdisk), { 0 }, 0, NULL },
    { "cmdline", NULL, TEXT, MEMBER(cmdline), { 0 }, 0, NULL },
    { "bootloader", NULL, TEXT, MEMBER(bootloader), { 0 }, 0, NULL },
    { "hugepages", NULL, FLAG, MEMBER(hugepages), { 0 }, 0, NULL },
    { "ballooning", NULL, FLAG, MEMBER(ballooning), { 0 }, 1, NULL },
    { "autostart", NULL, FLAG, MEMBER(autostart), { 0 }, 1, NULL },
    { "privileged", NULL, FLAG, MEMBER(privileged), { 0 }, 1, NULL },
    { "nested", NULL, FLAG, MEMBER(nested), { 0 }, 0, NULL },
    { "tags", NULL, OBJECT, MEMBER(tags), { 0 }, 0, NULL },
    { "extra_disks", NULL, ARRAY, MEMBER(extra_disks), { 0 }, 0, NULL },
    { "host_devices", NULL, ARRAY, MEMBER(host_devices), { 0 }, 0, NULL },
};

static void note_unknown(const cJSON *object, struct log *log)
{
    const char *known[2 * ARRAY_SIZE(table) + 1];
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        known[count++] = table[i].name;
        if (table[i].alias)
            known[count++] = table[i].alias;
    }
    known[count] = NULL;
    note_unknown_keys(object, "the VM's cloud_properties", known, log);
}

static int read_text(const struct property *property, const cJSON *given, const char **text,
                     struct error *err)
{
    const char *value = cJSON_GetStringValue(given);

    if (!value || !*value)
        return fail(err, ERROR_CPI, "cloud_properties.%s must be a string that is not empty",
                    property->name);
    for (const char *const *choice = property->choices; choice && *choice; choice++)
        if (strcmp(*choice, value) == 0) {
            *text = *choice;
            return 0;
        }
    if (property->choices)
        return fail(err, ERROR_CPI,
                    "cloud_properties.%s is '%s', which is none of its values: see "
                    "docs/cloud-properties.md",
                    property->name, value);
    *text = value;
    return 0;
}

static int read_given(const struct property *property, const cJSON *given, void *member,
                      struct error *err)
{
    cleanup_free char *what = xasprintf("cloud_properties.%s", property->name);

    if (property->kind == WHOLE)
        return json_whole(given, what, property->range, member, err);
    if (property->kind == TEXT)
        return read_text(property, given, member, err);
    if (property->kind == FLAG && !cJSON_IsBool(given))
        return fail(err, ERROR_CPI, "%s must be true or false", what);
    if (property->kind == ARRAY && !cJSON_IsArray(given))
        return fail(err, ERROR_CPI, "%s must be an array", what);
    if (property->kind == OBJECT && !cJSON_IsObject(given))
        return fail(err, ERROR_CPI, "%s must be an object", what);
    if (property->kind == FLAG)
        *(bool *)member = cJSON_IsTrue(given);
    else
        *(const cJSON **)member = given;
    return 0;
}

static int read_property(const cJSON *object, const struct property *property,
                         struct vm_properties *properties, struct error *err)
{
    const cJSON *given = json_get(object, property->name);
    void *member = (char *)properties + property->offset;

    if (!given && property->alias)
        given = json_get(object, property->alias);
    if (given)
        return read_given(property, given, member, err);
    if (property->kind == WHOLE)
        *(uint64_t *)member = property->fallback;
    else if (property->kind == FLAG)
        *(bool *)member = property->fallback;
    return 0;
}

static bool is_pci_address(const char *text)
{
    unsigned domain, bus, slot, function;
    int end = 0;

    return text && sscanf(text, "%4x:%2x:%2x.%1x%n", &domain, &bus, &slot, &function, &end) == 4 &&
           (size_t)end == strlen(text) && slot < 32 && function < 8;
}

static int check_lists(const struct vm_properties *p, struct error *err)
{
    static const uint64_t range[] = { 1, MAX_MIB };
    const cJSON *item;
    uint64_t size;

    cJSON_ArrayForEach (item, p->extra_disks)
        if (json_whole(json_get(item, "size"),
                       "the size (MiB) of each of cloud_properties.extra_disks", range, &size,
                       err) < 0)
            return -1;
    cJSON_ArrayForEach (item, p->host_devices)
        if (!is_pci_address(cJSON_GetStringValue(item)))
            return fail(err, ERROR_CPI,
                        "cloud_properties.host_devices must hold PCI addresses such "
                        "as \"0000:03:00.0\"");
    return 0;
}

static int check_combination(const struct vm_properties *p, struct error *err)
{
    const uint64_t product =
        (p->sockets ? p->sockets : 1) * (p->cores ? p->cores : 1) * (p->threads ? p->threads : 1);
    const bool uncached = p->disk_cache && (strcmp(p->disk_cache, "none") == 0 ||
                                            strcmp(p->disk_cache, "directsync") == 0);

    if (p->title && strpbrk(p->title, "\r\n"))
        return fail(err, ERROR_CPI, "cloud_properties.title must be one line");
    if ((p->sockets || p->cores || p->threads) && product != p->cpus)
        return fail(err, ERROR_CPI,
                    "cloud_properties: cpu_sockets x cpu_cores x cpu_threads is %llu "
                    "but cpus is %llu",
                    (unsigned long long)product, (unsigned long long)p->cpus);
    if (p->cpu_mode && strcmp(p->cpu_mode, "custom") == 0 && !p->cpu_model)
        return fail(err, ERROR_CPI, "cloud_properties.cpu_mode 'custom' needs a cpu_model");
    if (p->cpu_model && p->cpu_mode && strcmp(p->cpu_mode, "custom") != 0)
        return fail(err, ERROR_CPI, "cloud_properties.cpu_model goes with cpu_mode 'custom' only");
    if (p->disk_io && strcmp(p->disk_io, "native") == 0 && !uncached)
        return fail(err, ERROR_CPI,
                    "cloud_properties.disk_io 'native' needs disk_cache 'none' or "
                    "'directsync'");
    if (p->graphics && strcmp(p->graphics, "vnc") == 0 && !p->graphics_password_file)
        return fail(err, ERROR_CPI,
                    "cloud_properties.graphics 'vnc' needs a "
                    "graphics_password_file: a screen without a password is open to every user of "
                    "the host");
    return 0;
}

int vm_properties_read(const cJSON *cloud_properties, struct vm_properties *properties,
                       struct log *log, struct error *err)
{
    if (cloud_properties && !cJSON_IsNull(cloud_properties) && !cJSON_IsObject(cloud_properties))
        return fail(err, ERROR_CPI, "the VM's cloud_properties must be an object");
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (read_property(cloud_properties, &table[i], properties, err) < 0)
            return -1;
    properties->nested_given = json_get(cloud_properties, "nested") != NULL;
    note_unknown(cloud_properties, log);
    if (check_lists(properties, err) < 0)
        return -1;
    return check_combination(properties, err);
}

static int copy_whole(cJSON *to, const char *name, const cJSON *from, const char *key,
                      struct error *err)
{
    static const uint64_t range[] = { 1, MAX_MIB };
    const cJSON *given = json_get(from, key);
    uint64_t value;

    if (!given)
        return 0;
    if (json_whole(given, key, range, &value, err) < 0)
        return -1;
    json_put_number(to, name, (double)value);
    return 0;
}

cJSON *vm_properties_for(const cJSON *resources, struct error *err)
{
    cleanup_json cJSON *result = json_new_object();

    if (copy_whole(result, "cpus", resources, "cpu", err) < 0 ||
        copy_whole(result, "memory", resources, "ram", err) < 0 ||
        copy_whole(result, "ephemeral_disk", resources, "ephemeral_disk_size", err) < 0)
        return NULL;
    return steal_pointer(&result);
}
