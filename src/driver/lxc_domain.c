#include "cpi/lxc.h"

#include "cpi/json.h"
#include "cpi/stemcell_tree.h"
#include "cpi/subnet.h"
#include "cpi/tree_check.h"
#include "cpi/usual.h"

#include <string.h>
#include <sys/socket.h>

/* Microseconds: a container may use so much time of CPUs in each so long a period. */
enum { CPU_PERIOD = 100000 };

enum { ATTEMPTS = 3, PAUSE_MS = 500 };

static const char *family_of(const struct ip *ip)
{
    return ip->family == AF_INET6 ? "ipv6" : "ipv4";
}

static void put_address(cJSON *addresses, const cJSON *network, const struct ip *ip)
{
    cleanup_free char *text = ip_text(ip);
    const char *netmask = json_string(network, "netmask");
    const int prefix = netmask ? subnet_prefix_of(netmask) : -1;
    cJSON *item = json_new_object();

    json_put_string(item, "family", family_of(ip));
    json_put_string(item, "address", text);
    json_put_number(item, "prefix", prefix < 0 ? (int)ip_bits(ip->family) : prefix);
    json_put(addresses, NULL, item);
}

/* Is the gateway of this network the VM's? With one network it is, whatever 'default' says. */
static bool is_gateway(const cJSON *networks, const cJSON *network)
{
    const cJSON *item;

    cJSON_ArrayForEach (item, json_get(network, "default"))
        if (cJSON_IsString(item) && strcmp(item->valuestring, "gateway") == 0)
            return true;
    return cJSON_GetArraySize(networks) == 1;
}

static void put_route(cJSON *routes, const cJSON *network)
{
    const char *gateway = json_string(network, "gateway");
    struct ip ip;

    if (!gateway || !ip_parse(gateway, &ip))
        return;
    cleanup_free char *text = ip_text(&ip);
    cJSON *item = json_new_object();
    json_put_string(item, "family", family_of(&ip));
    json_put_string(item, "address", ip.family == AF_INET6 ? "::" : "0.0.0.0");
    json_put_string(item, "gateway", text);
    json_put(routes, NULL, item);
}

/* The fixed addresses are set by libvirt, for the agent of this line does not. */
static cJSON *make_nic(const struct nics *nics, size_t index)
{
    const struct nic *nic = &nics->list[index];
    cJSON *item = nic_item(nic), *addresses = json_new_array(), *routes = json_new_array();
    cleanup_free char *guest = xasprintf("eth%zu", index);
    const cJSON *network;
    struct ip ip;

    cJSON_ArrayForEach (network, nics->settings) {
        const char *mac = json_string(network, "mac"), *type = json_string(network, "type");
        const char *address = json_string(network, "ip");
        if (!mac || strcmp(mac, nic->mac) != 0 || (type && strcmp(type, "dynamic") == 0) ||
            !address || !ip_parse(address, &ip))
            continue;
        put_address(addresses, network, &ip);
        if (is_gateway(nics->settings, network))
            put_route(routes, network);
    }
    json_put(item, "addresses", addresses);
    json_put(item, "routes", routes);
    json_put_string(item, "guest", guest);
    return item;
}

static cJSON *make_images(const struct cpi *cpi, const struct vm_domain *domain)
{
    cleanup_free char *name = lxc_ephemeral_name(domain->cid);
    cleanup_free char *path = lxc_short_path(cpi, name);
    cJSON *images = json_new_array();

    if (domain->properties.ephemeral_mib) {
        cJSON *image = json_new_object();
        json_put_string(image, "path", path);
        json_put_string(image, "target", "/" TREE_EPHEMERAL);
        json_put(images, NULL, image);
    }
    return images;
}

static void put_optional(cJSON *item, const char *key, const char *text)
{
    json_put(item, key, text ? cJSON_CreateString(text) : cJSON_CreateFalse());
}

/* False in a privileged container, which has the host's. */
static cJSON *make_map(struct cpi *cpi, const struct vm_plan *plan, const char *root,
                       struct error *err)
{
    unsigned first;

    if (plan->domain.properties.privileged)
        return cJSON_CreateFalse();
    if (lxc_first_id(cpi, root, &first, err) < 0)
        return NULL;
    cJSON *map = json_new_object();
    json_put_number(map, "first", first);
    json_put_number(map, "count", LXC_IDS);
    return map;
}

static cJSON *make_item(struct cpi *cpi, const struct vm_plan *plan, struct error *err)
{
    const struct vm_domain *domain = &plan->domain;
    const struct vm_properties *p = &domain->properties;
    cleanup_free char *root = xasprintf("%s/" TREE_ROOT, domain->directory);
    cJSON *map = make_map(cpi, plan, root, err);

    if (!map)
        return NULL;
    cJSON *item = json_new_object(), *nics = json_new_array();
    for (size_t i = 0; i < domain->nics.count; i++)
        json_put(nics, NULL, make_nic(&domain->nics, i));
    json_put_string(item, "name", domain->cid);
    json_put_string(item, "uuid", id_uuid(domain->cid));
    put_optional(item, "title", p->title);
    json_put(item, "tags", vm_metadata_item(domain->tags));
    json_put_number(item, "memory", (double)p->memory_mib);
    json_put_number(item, "cpus", (double)p->cpus);
    json_put_number(item, "period", CPU_PERIOD);
    json_put_number(item, "quota", (double)(CPU_PERIOD * p->cpus));
    put_optional(item, "numa_nodes", p->numa_nodes);
    json_put_string(item, "init", p->init ? p->init : plan->stemcell.init);
    json_put(item, "map", map);
    json_put_string(item, "root", root);
    json_put(item, "images", make_images(cpi, domain));
    json_put(item, "nics", nics);
    return item;
}

/* Whoever makes loop devices without our lock may still come between. */
static int create(struct cpi *cpi, const struct definition_request *request, struct error *err)
{
    cleanup_lock struct lock lock = LOCK_NONE;

    if (lxc_lock(cpi, &lock, err) < 0)
        return -1;
    for (int attempt = 1;; attempt++) {
        if (domain_create(&cpi->virsh, request, NULL, err) == 0)
            return 0;
        if (attempt == ATTEMPTS || err->type != ERROR_CLOUD || err->ok_to_retry)
            return -1;
        log_event(cpi->log, "the start failed, once more: %s", err->message);
        error_release(err);
        pause_ms(PAUSE_MS);
    }
}

int lxc_start(struct cpi *cpi, const struct vm_plan *plan, struct error *err)
{
    cleanup_json cJSON *item = make_item(cpi, plan, err);
    cleanup_free char *xml = item ? template_render(&cpi->templates, "domain", item, err) : NULL;
    const struct definition_request request = {
        .name = plan->domain.cid,
        .xml = xml,
        .autostart = plan->domain.properties.autostart,
    };

    return xml ? create(cpi, &request, err) : -1;
}

int lxc_restart(struct cpi *cpi, const char *cid, struct error *err)
{
    cleanup_lock struct lock lock = LOCK_NONE;

    return lxc_lock(cpi, &lock, err) < 0 ? -1 : usual_restart(cpi, cid, err);
}
