#include "cpi/vm.h"

#include "cpi/method.h"

cJSON *method_delete_vm(struct cpi *cpi, const cJSON *args, struct error *err)
{
    const char *cid = arg_cid(args, 0, "vm_cid", err);

    return cid ? void_result(vm_delete(cpi, cid, err)) : NULL;
}

cJSON *method_has_vm(struct cpi *cpi, const cJSON *args, struct error *err)
{
    const char *cid = arg_cid(args, 0, "vm_cid", err);
    int there = cid ? vm_exists(cpi, cid, err) : -1;

    return there < 0 ? NULL : cJSON_CreateBool(there);
}

cJSON *method_reboot_vm(struct cpi *cpi, const cJSON *args, struct error *err)
{
    const char *cid = arg_cid(args, 0, "vm_cid", err);

    return cid ? void_result(vm_reboot(cpi, cid, err)) : NULL;
}

cJSON *method_set_vm_metadata(struct cpi *cpi, const cJSON *args, struct error *err)
{
    const char *cid = arg_cid(args, 0, "vm_cid", err);
    const cJSON *metadata;

    if (!cid || arg_object(args, 1, "metadata", &metadata, err) < 0)
        return NULL;
    return void_result(vm_describe(cpi, cid, metadata, err));
}
