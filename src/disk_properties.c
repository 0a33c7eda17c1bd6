#include "cpi/disk_properties.h"

#include "cpi/json.h"
#include "cpi/nearest.h"

#include <string.h>

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define MAX_RATE (1ULL << 40)

static const struct choice {
    const char *name;
    size_t offset;
    const char *const *values;
} choices[] = {
    { "cache", offsetof(struct disk_properties, cache),
      LIST("default", "none", "writethrough", "writeback", "directsync", "unsafe") },
    { "io", offsetof(struct disk_properties, io), LIST("threads", "native", "io_uring") },
    { "discard", offsetof(struct disk_properties, discard), LIST("unmap", "ignore") },
    { "preallocation", offsetof(struct disk_properties, preallocation),
      LIST("off", "metadata", "falloc", "full") },
};

static const struct rate {
    const char *name;
    size_t offset;
} rates[] = {
    { "iops", offsetof(struct disk_properties, iops.total) },
    { "iops_read", offsetof(struct disk_properties, iops.read) },
    { "iops_write", offsetof(struct disk_properties, iops.write) },
    { "throughput", offsetof(struct disk_properties, throughput.total) },
    { "throughput_read", offsetof(struct disk_properties, throughput.read) },
    { "throughput_write", offsetof(struct disk_properties, throughput.write) },
};

static char *joined(const char *const *values)
{
    char *text = NULL;
    size_t length;
    FILE *out = text_open(&text, &length);

    for (const char *const *value = values; *value; value++)
        fprintf(out, "%s%s", value == values ? "" : ", ", *value);
    text_close(out);
    return text;
}

/* One of a list of values; *value stays as it is where the key is absent. */
static int read_choice(const cJSON *object, const char *name, const char *const *values,
                       const char **value, struct error *err)
{
    const cJSON *given = json_get(object, name);
    const char *text = cJSON_GetStringValue(given);

    if (!given)
        return 0;
    for (const char *const *known = values; text && *known; known++)
        if (strcmp(*known, text) == 0) {
            *value = *known;
            return 0;
        }
    cleanup_free char *all = joined(values);
    return fail(err, ERROR_CPI, "the disk's cloud_properties.%s must be one of %s", name, all);
}

static int read_rates(const cJSON *object, struct disk_properties *properties, struct error *err)
{
    static const uint64_t range[] = { 1, MAX_RATE };

    for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
        uint64_t *member = (void *)((char *)properties + rates[i].offset);
        const cJSON *given = json_get(object, rates[i].name);
        cleanup_free char *what = xasprintf("the disk's cloud_properties.%s", rates[i].name);
        if (given && json_whole(given, what, range, member, err) < 0)
            return -1;
    }
    return 0;
}

/* The bus by its name in any case; only buses that can be hot-plugged are to be had. */
static int read_bus(const cJSON *object, const struct hypervisor *hypervisor,
                    const struct bus **bus, struct error *err)
{
    const struct bus *const usable[] = { hypervisor->hotplug_bus, hypervisor->overflow_bus };
    const char *names[ARRAY_SIZE(usable) + 1] = { NULL };
    const char *name = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(usable) && usable[i]; i++)
        names[i] = usable[i]->name;

    if (read_choice(object, "bus", names, &name, err) < 0)
        return -1;
    for (size_t i = 0; name && i < ARRAY_SIZE(usable); i++)
        if (usable[i] && strcmp(usable[i]->name, name) == 0)
            *bus = usable[i];
    return 0;
}

/* What libvirt or qemu-img would refuse in less clear words. */
static int check_combination(const struct disk_properties *p, struct error *err)
{
    const bool grows = p->preallocation && strcmp(p->preallocation, "off") != 0;
    const bool uncached =
        p->cache && (strcmp(p->cache, "none") == 0 || strcmp(p->cache, "directsync") == 0);

    if (p->io && strcmp(p->io, "native") == 0 && !uncached)
        return fail(err, ERROR_CPI,
                    "the disk's cloud_properties.io 'native' needs cache 'none' or 'directsync'");
    if (grows && strcmp(p->format, "qcow2") != 0 && strcmp(p->format, "raw") != 0)
        return fail(err, ERROR_NOT_SUPPORTED, "a disk of format '%s' cannot be preallocated",
                    p->format);
    if (grows && strcmp(p->format, "raw") == 0 && strcmp(p->preallocation, "metadata") == 0)
        return fail(err, ERROR_CPI,
                    "a raw disk has no metadata to preallocate: use falloc or full");
    if ((p->iops.total && (p->iops.read || p->iops.write)) ||
        (p->throughput.total && (p->throughput.read || p->throughput.write)))
        return fail(err, ERROR_CPI,
                    "a disk's limit is one for all operations or one for reads and one for writes, "
                    "not both");
    return 0;
}

static void note_unknown(const cJSON *object, struct log *log)
{
    const char *known[2 + ARRAY_SIZE(choices) + ARRAY_SIZE(rates) + 1] = { "format", "bus" };
    size_t count = 2;

    for (size_t i = 0; i < ARRAY_SIZE(choices); i++)
        known[count++] = choices[i].name;
    for (size_t i = 0; i < ARRAY_SIZE(rates); i++)
        known[count++] = rates[i].name;
    known[count] = NULL;
    note_unknown_keys(object, "the disk's cloud_properties", known, log);
}

int disk_properties_read(const cJSON *cloud_properties, const struct hypervisor *hypervisor,
                         struct disk_properties *properties, struct log *log, struct error *err)
{
    properties->format = hypervisor->disk_format;
    if (hypervisor_check(hypervisor, cloud_properties, "the disk's", err) < 0 ||
        read_choice(cloud_properties, "format", hypervisor->disk_formats, &properties->format,
                    err) < 0 ||
        read_bus(cloud_properties, hypervisor, &properties->bus, err) < 0 ||
        read_rates(cloud_properties, properties, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
        const char **value = (void *)((char *)properties + choices[i].offset);
        if (read_choice(cloud_properties, choices[i].name, choices[i].values, value, err) < 0)
            return -1;
    }
    if (check_combination(properties, err) < 0)
        return -1;
    note_unknown(cloud_properties, log);
    return 0;
}

bool disk_properties_take_space(const struct disk_properties *properties)
{
    const char *how = properties->preallocation;

    return how && (strcmp(how, "falloc") == 0 || strcmp(how, "full") == 0);
}

static cJSON *text_or_false(const char *text)
{
    return text ? cJSON_CreateString(text) : cJSON_CreateFalse();
}

static void put_limit(cJSON *tune, const char *name, uint64_t limit)
{
    json_put(tune, name, limit ? cJSON_CreateNumber((double)limit) : cJSON_CreateFalse());
}

/* libvirt counts bytes a second. */
static cJSON *make_tune(const struct disk_properties *p)
{
    const uint64_t mib = 1 << 20;
    cJSON *tune = json_new_object();

    put_limit(tune, "iops", p->iops.total);
    put_limit(tune, "iops_read", p->iops.read);
    put_limit(tune, "iops_write", p->iops.write);
    put_limit(tune, "bytes", p->throughput.total * mib);
    put_limit(tune, "bytes_read", p->throughput.read * mib);
    put_limit(tune, "bytes_write", p->throughput.write * mib);
    return tune;
}

static bool is_limited(const struct disk_properties *p)
{
    return p->iops.total || p->iops.read || p->iops.write || p->throughput.total ||
           p->throughput.read || p->throughput.write;
}

/* By itself libvirt puts seven disks on a SCSI controller and then wants a slot for another one. */
static cJSON *make_address(const struct disk_device *device)
{
    if (device->index < 0 || strcmp(device->bus->name, "scsi") != 0)
        return cJSON_CreateFalse();
    cJSON *address = json_new_object();
    json_put_number(address, "target", device->index % 256);
    json_put_number(address, "unit", device->index / 256);
    return address;
}

cJSON *disk_device_item(const struct disk_device *device)
{
    static const struct disk_properties none = { 0 };
    const struct disk_properties *p = device->properties ? device->properties : &none;
    cJSON *item = json_new_object();

    json_put_string(item, "path", device->path);
    json_put_string(item, "format", device->format);
    json_put_string(item, "target", device->target);
    json_put_string(item, "bus", device->bus->name);
    json_put_string(item, "serial", device->serial);
    json_put_bool(item, "boot", device->boot);
    json_put(item, "cache", text_or_false(p->cache));
    json_put(item, "io", text_or_false(p->io));
    json_put(item, "iothread",
             device->iothread ? cJSON_CreateNumber(device->iothread) : cJSON_CreateFalse());
    json_put_string(item, "discard", p->discard ? p->discard : "unmap");
    json_put(item, "tune", is_limited(p) ? make_tune(p) : cJSON_CreateFalse());
    json_put(item, "address", make_address(device));
    return item;
}
