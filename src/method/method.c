#include "cpi/method.h"

#include "cpi/id.h"
#include "cpi/json.h"

#include <string.h>

static const struct method methods[] = {
    { .name = "info", .takes = "", .run = method_info, .offline = true },
    { .name = "ping", .takes = "", .run = method_ping, .offline = true },
    { .name = "create_stemcell",
      .takes = "IMAGE [CLOUD_PROPERTIES [{\"tags\": TAGS}]]",
      .min_args = 1,
      .run = method_create_stemcell,
      .opposite = "delete_stemcell" },
    { .name = "delete_stemcell",
      .takes = "STEMCELL",
      .min_args = 1,
      .run = method_delete_stemcell },
    { .name = "create_vm",
      .takes = "AGENT_ID STEMCELL CLOUD_PROPERTIES NETWORKS [DISKS [ENV]]",
      .min_args = 4,
      .run = method_create_vm,
      .opposite = "delete_vm" },
    { .name = "calculate_vm_cloud_properties",
      .takes = "RESOURCES",
      .min_args = 1,
      .run = method_calculate_vm_cloud_properties },
    { .name = "delete_vm", .takes = "VM", .min_args = 1, .run = method_delete_vm },
    { .name = "has_vm", .takes = "VM", .min_args = 1, .run = method_has_vm },
    { .name = "reboot_vm", .takes = "VM", .min_args = 1, .run = method_reboot_vm },
    { .name = "set_vm_metadata",
      .takes = "VM METADATA",
      .min_args = 2,
      .run = method_set_vm_metadata },
    { .name = "create_disk",
      .takes = "MIB [CLOUD_PROPERTIES [VM]]",
      .min_args = 1,
      .run = method_create_disk,
      .opposite = "delete_disk" },
    { .name = "delete_disk", .takes = "DISK", .min_args = 1, .run = method_delete_disk },
    { .name = "has_disk", .takes = "DISK", .min_args = 1, .run = method_has_disk },
    { .name = "attach_disk", .takes = "VM DISK", .min_args = 2, .run = method_attach_disk },
    { .name = "detach_disk", .takes = "VM DISK", .min_args = 2, .run = method_detach_disk },
    { .name = "get_disks", .takes = "VM", .min_args = 1, .run = method_get_disks },
    { .name = "set_disk_metadata",
      .takes = "DISK METADATA",
      .min_args = 2,
      .run = method_set_disk_metadata },
    { .name = "resize_disk", .takes = "DISK MIB", .min_args = 2, .run = method_resize_disk },
    { .name = "update_disk",
      .takes = "DISK MIB [CLOUD_PROPERTIES]",
      .min_args = 2,
      .run = method_update_disk },
    { .name = "snapshot_disk",
      .takes = "DISK [METADATA]",
      .min_args = 1,
      .run = method_snapshot_disk,
      .opposite = "delete_snapshot" },
    { .name = "delete_snapshot",
      .takes = "SNAPSHOT",
      .min_args = 1,
      .run = method_delete_snapshot },
    { .name = "create_network",
      .takes = "DEFINITION",
      .min_args = 1,
      .run = method_create_network,
      .opposite = "delete_network" },
    { .name = "delete_network", .takes = "NETWORK", .min_args = 1, .run = method_delete_network },
    { .name = "current_vm_id", .takes = "", .run = method_not_implemented, .offline = true },
    { .name = "configure_networks", .takes = "", .run = method_not_supported, .offline = true },
};

const struct method *method_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    return NULL;
}

const struct method *method_at(size_t index)
{
    return index < ARRAY_SIZE(methods) ? &methods[index] : NULL;
}

const char *arg_string(const cJSON *args, int index, const char *what, struct error *err)
{
    const char *text = cJSON_GetStringValue(cJSON_GetArrayItem(args, index));

    if (!text || !*text) {
        fail(err, ERROR_CPI, "argument %d, %s, must be a string that is not empty", index + 1,
             what);
        return NULL;
    }
    return text;
}

const char *arg_cid(const cJSON *args, int index, const char *what, struct error *err)
{
    const char *cid = arg_string(args, index, what, err);

    if (cid && !id_valid(cid)) {
        fail(err, ERROR_CPI,
             "argument %d, %s, has not the form of a CID: a letter, then up to 127 letters, "
             "digits, dots, underscores or dashes",
             index + 1, what);
        return NULL;
    }
    return cid;
}

int arg_object(const cJSON *args, int index, const char *what, const cJSON **object,
               struct error *err)
{
    const cJSON *given = cJSON_GetArrayItem(args, index);

    *object = cJSON_IsNull(given) ? NULL : given;
    if (*object && !cJSON_IsObject(*object))
        return fail(err, ERROR_CPI, "argument %d, %s, must be an object", index + 1, what);
    return 0;
}

cJSON *void_result(int failed)
{
    return failed < 0 ? NULL : cJSON_CreateNull();
}
