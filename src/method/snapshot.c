#include "cpi/snapshot.h"

#include "cpi/method.h"

cJSON *method_snapshot_disk(struct cpi *cpi, const cJSON *args, struct error *err)
{
    const char *disk = arg_cid(args, 0, "disk_cid", err);
    const cJSON *metadata;
    char cid[ID_SIZE];

    if (!disk || arg_object(args, 1, "metadata", &metadata, err) < 0 ||
        snapshot_create(cpi, disk, metadata, cid, err) < 0)
        return NULL;
    return cJSON_CreateString(cid);
}

cJSON *method_delete_snapshot(struct cpi *cpi, const cJSON *args, struct error *err)
{
    const char *cid = arg_cid(args, 0, "snapshot_cid", err);

    return cid ? void_result(snapshot_delete(cpi, cid, err)) : NULL;
}
