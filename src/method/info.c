#include "cpi/json.h"
#include "cpi/method.h"

enum { CPI_API_VERSION = 3 };

cJSON *method_info(struct cpi *cpi, const cJSON *args, struct error *err)
{
    cJSON *info = json_new_object(), *formats = json_new_array();
    const char *const *format = config_stemcell_formats(cpi->config_path, cpi->context);

    (void)args;
    (void)err;
    for (; *format; format++)
        json_put(formats, NULL, cJSON_CreateString(*format));
    json_put_number(info, "api_version", CPI_API_VERSION);
    json_put(info, "stemcell_formats", formats);
    return info;
}

cJSON *method_ping(struct cpi *cpi, const cJSON *args, struct error *err)
{
    (void)cpi;
    (void)args;
    (void)err;
    return cJSON_CreateString("pong");
}

cJSON *method_not_implemented(struct cpi *cpi, const cJSON *args, struct error *err)
{
    (void)cpi;
    (void)args;
    fail(err, ERROR_NOT_IMPLEMENTED, "this cpi does not have this method");
    return NULL;
}

cJSON *method_not_supported(struct cpi *cpi, const cJSON *args, struct error *err)
{
    (void)cpi;
    (void)args;
    fail(err, ERROR_NOT_SUPPORTED, "the networks of a VM cannot be changed: recreate it");
    return NULL;
}
