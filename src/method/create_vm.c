#include "cpi/json.h"
#include "cpi/method.h"
#include "cpi/vm.h"
#include "cpi/vm_properties.h"

/* disk_cids, the fifth argument, are only a hint for placement, and there is one host to place on.
 */
static int read_request(const cJSON *args, struct vm_request *request, struct error *err)
{
    request->agent_id = arg_string(args, 0, "agent_id", err);
    if (!request->agent_id)
        return -1;
    request->stemcell_cid = arg_cid(args, 1, "stemcell_cid", err);
    if (!request->stemcell_cid ||
        arg_object(args, 2, "cloud_properties", &request->cloud_properties, err) < 0 ||
        arg_object(args, 3, "networks", &request->networks, err) < 0)
        return -1;
    return arg_object(args, 5, "env", &request->env, err);
}

cJSON *method_create_vm(struct cpi *cpi, const cJSON *args, struct error *err)
{
    struct vm_request request = { 0 };
    struct vm_created created = { 0 };

    if (read_request(args, &request, err) < 0 || vm_create(cpi, &request, &created, err) < 0)
        return NULL;
    if (cpi->api_version < 2) {
        cJSON_Delete(created.networks);
        return cJSON_CreateString(created.cid);
    }
    cJSON *result = json_new_array();
    json_put_string(result, NULL, created.cid);
    json_put(result, NULL, created.networks);
    return result;
}

cJSON *method_calculate_vm_cloud_properties(struct cpi *cpi, const cJSON *args, struct error *err)
{
    const cJSON *resources;

    (void)cpi;
    if (arg_object(args, 0, "vm_resources", &resources, err) < 0)
        return NULL;
    return vm_properties_for(resources, err);
}
