#include "cpi/disk.h"

#include "cpi/json.h"
#include "cpi/method.h"

#include <stdlib.h>

static const uint64_t sizes[] = { 1, 1ULL << 43 };

/* The third argument, a VM, is only a hint for placement, and there is one host to place on. */
cJSON *method_create_disk(struct cpi *cpi, const cJSON *args, struct error *err)
{
    struct disk_request request = { 0 };
    char cid[ID_SIZE];

    if (json_whole(cJSON_GetArrayItem(args, 0), "argument 1, size (MiB),", sizes, &request.size_mib,
                   err) < 0 ||
        arg_object(args, 1, "cloud_properties", &request.cloud_properties, err) < 0 ||
        disk_create(cpi, &request, cid, err) < 0)
        return NULL;
    return cJSON_CreateString(cid);
}

cJSON *method_delete_disk(struct cpi *cpi, const cJSON *args, struct error *err)
{
    const char *cid = arg_cid(args, 0, "disk_cid", err);

    return cid ? void_result(disk_delete(cpi, cid, err)) : NULL;
}

cJSON *method_has_disk(struct cpi *cpi, const cJSON *args, struct error *err)
{
    const char *cid = arg_cid(args, 0, "disk_cid", err);
    int there = cid ? store_has(&cpi->store, STORE_DISK, cid, err) : -1;

    return there < 0 ? NULL : cJSON_CreateBool(there);
}

cJSON *method_attach_disk(struct cpi *cpi, const cJSON *args, struct error *err)
{
    const char *vm = arg_cid(args, 0, "vm_cid", err);
    const char *disk = vm ? arg_cid(args, 1, "disk_cid", err) : NULL;
    cleanup_json cJSON *hint = disk ? disk_attach(cpi, vm, disk, err) : NULL;

    if (hint && cpi->api_version < 2)
        return cJSON_CreateNull();
    return steal_pointer(&hint);
}

cJSON *method_detach_disk(struct cpi *cpi, const cJSON *args, struct error *err)
{
    const char *vm = arg_cid(args, 0, "vm_cid", err);
    const char *disk = vm ? arg_cid(args, 1, "disk_cid", err) : NULL;

    return disk ? void_result(disk_detach(cpi, vm, disk, err)) : NULL;
}

cJSON *method_get_disks(struct cpi *cpi, const cJSON *args, struct error *err)
{
    const char *vm = arg_cid(args, 0, "vm_cid", err);
    cleanup_strings char **cids = NULL;

    if (!vm || disk_list(cpi, vm, &cids, err) < 0)
        return NULL;
    cJSON *result = json_new_array();
    for (char **cid = cids; cid && *cid; cid++)
        json_put_string(result, NULL, *cid);
    return result;
}

cJSON *method_set_disk_metadata(struct cpi *cpi, const cJSON *args, struct error *err)
{
    const char *cid = arg_cid(args, 0, "disk_cid", err);
    const cJSON *metadata;

    if (!cid || arg_object(args, 1, "metadata", &metadata, err) < 0)
        return NULL;
    return void_result(disk_set_metadata(cpi, cid, metadata, err));
}

cJSON *method_resize_disk(struct cpi *cpi, const cJSON *args, struct error *err)
{
    const char *cid = arg_cid(args, 0, "disk_cid", err);
    uint64_t size;

    if (!cid || json_whole(cJSON_GetArrayItem(args, 1), "argument 2, new_size (MiB),", sizes, &size,
                           err) < 0)
        return NULL;
    return void_result(disk_resize(cpi, cid, size, err));
}

/* The CID stays valid, so the result is null. */
cJSON *method_update_disk(struct cpi *cpi, const cJSON *args, struct error *err)
{
    const char *cid = arg_cid(args, 0, "disk_cid", err);
    const cJSON *size = cJSON_GetArrayItem(args, 1);
    struct disk_request request = { 0 };

    if (!cid || arg_object(args, 2, "cloud_properties", &request.cloud_properties, err) < 0)
        return NULL;
    if (!cJSON_IsNull(size) &&
        json_whole(size, "argument 2, new_size (MiB),", sizes, &request.size_mib, err) < 0)
        return NULL;
    return void_result(disk_update(cpi, cid, &request, err));
}
