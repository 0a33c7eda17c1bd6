#include "cpi/stemcell.h"

#include "cpi/json.h"
#include "cpi/method.h"

cJSON *method_create_stemcell(struct cpi *cpi, const cJSON *args, struct error *err)
{
    struct stemcell_request request = { .image = arg_string(args, 0, "image_path", err) };
    const cJSON *env;
    char cid[ID_SIZE];

    if (!request.image ||
        arg_object(args, 1, "cloud_properties", &request.cloud_properties, err) < 0 ||
        arg_object(args, 2, "env", &env, err) < 0)
        return NULL;
    request.tags = json_get(env, "tags");
    if (stemcell_create(cpi, &request, cid, err) < 0)
        return NULL;
    return cJSON_CreateString(cid);
}

cJSON *method_delete_stemcell(struct cpi *cpi, const cJSON *args, struct error *err)
{
    const char *cid = arg_cid(args, 0, "stemcell_cid", err);

    return cid ? void_result(stemcell_delete(cpi, cid, err)) : NULL;
}
