#include "cpi/json.h"
#include "cpi/managed_network.h"
#include "cpi/method.h"

/* [cid, {"range", "gateway", "reserved"}, cloud_properties], as the Director takes it apart. */
static cJSON *make_result(const struct network_definition *made)
{
    cJSON *result = json_new_array(), *addresses = json_new_object(),
          *properties = json_new_object();
    cleanup_free char *range = subnet_text(&made->main.subnet);
    cleanup_free char *gateway = ip_text(&made->main.gateway);

    json_put_string(addresses, "range", range);
    json_put_string(addresses, "gateway", gateway);
    json_put(addresses, "reserved", json_new_array());
    json_put_string(properties, "name", made->name);
    json_put_string(properties, "type", "network");
    json_put_string(result, NULL, made->cid);
    json_put(result, NULL, addresses);
    json_put(result, NULL, properties);
    return result;
}

static int check_networks(const struct cpi *cpi, struct error *err)
{
    const struct hypervisor *hypervisor = cpi->config.hypervisor;

    if (hypervisor->networks)
        return 0;
    return fail(err, ERROR_NOT_SUPPORTED,
                "libvirt makes no networks on the hypervisor '%s': make it there, and take "
                "'managed' from the network",
                hypervisor->name);
}

cJSON *method_create_network(struct cpi *cpi, const cJSON *args, struct error *err)
{
    cleanup_network_definition struct network_definition definition = { 0 };
    const cJSON *given;

    if (check_networks(cpi, err) < 0 || arg_object(args, 0, "subnet_definition", &given, err) < 0 ||
        network_definition_read(given, &definition, cpi->log, err) < 0 ||
        managed_network_create(cpi, &definition, err) < 0)
        return NULL;
    return make_result(&definition);
}

cJSON *method_delete_network(struct cpi *cpi, const cJSON *args, struct error *err)
{
    const char *cid = arg_cid(args, 0, "network_cid", err);

    if (!cid || check_networks(cpi, err) < 0)
        return NULL;
    return void_result(managed_network_delete(cpi, cid, err));
}
