#include "cpi/vm_properties.h"

#include "cpi/json.h"

#include <stddef.h>
#include <string.h>

#define MAX_MIB (1ULL << 43)

static const struct property {
    const char *name, *alias;
    size_t offset;
    uint64_t range[2], fallback;
} properties_known[] = {
    { "cpus", "cpu", offsetof(struct vm_properties, cpus), { 1, 4096 }, 1 },
    { "memory", "ram", offsetof(struct vm_properties, memory_mib), { 64, MAX_MIB }, 1024 },
    { "ephemeral_disk", NULL, offsetof(struct vm_properties, ephemeral_mib), { 0, MAX_MIB }, 5000 },
    { "root_disk_size", NULL, offsetof(struct vm_properties, root_mib), { 1, MAX_MIB }, 0 },
};

static bool is_known(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(properties_known); i++) {
        const struct property *p = &properties_known[i];
        if (strcmp(p->name, name) == 0 || (p->alias && strcmp(p->alias, name) == 0))
            return true;
    }
    return false;
}

static int read_property(const cJSON *object, const struct property *property, uint64_t *value,
                         struct error *err)
{
    const cJSON *given = json_get(object, property->name);
    cleanup_free char *what = xasprintf("cloud_properties.%s", property->name);

    if (!given && property->alias)
        given = json_get(object, property->alias);
    *value = property->fallback;
    return given ? json_whole(given, what, property->range, value, err) : 0;
}

int vm_properties_read(const cJSON *cloud_properties, struct vm_properties *properties,
                       struct log *log, struct error *err)
{
    const cJSON *member;

    if (cloud_properties && !cJSON_IsNull(cloud_properties) && !cJSON_IsObject(cloud_properties))
        return fail(err, ERROR_CPI, "the VM's cloud_properties must be an object");
    for (size_t i = 0; i < ARRAY_SIZE(properties_known); i++) {
        uint64_t *value = (void *)((char *)properties + properties_known[i].offset);
        if (read_property(cloud_properties, &properties_known[i], value, err) < 0)
            return -1;
    }
    cJSON_ArrayForEach (member, cloud_properties)
        if (!is_known(member->string))
            log_note(log, "warning: the VM's cloud_properties.%s is not known: it is ignored",
                     member->string);
    return 0;
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
