#include "cpi/network_definition.h"

#include "cpi/json.h"
#include "cpi/nearest.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static const char *const type_names[] = { [NETWORK_NAT] = "nat",
                                          [NETWORK_ISOLATED] = "isolated",
                                          [NETWORK_ROUTE] = "route",
                                          [NETWORK_BRIDGE] = "bridge" };

/* libvirt takes no larger range for DHCP. */
enum { DHCP_ADDRESSES = 65535 };

static int read_text(const cJSON *properties, const char *key, const char **text, struct error *err)
{
    const cJSON *value = json_get(properties, key);

    *text = cJSON_GetStringValue(value);
    if (value && (!*text || !**text))
        return fail(err, ERROR_CPI, "cloud_properties.%s must be a string that is not empty", key);
    return 0;
}

static int read_type(const cJSON *properties, enum network_type *type, struct error *err)
{
    const char *text;

    if (read_text(properties, "type", &text, err) < 0)
        return -1;
    for (size_t i = 0; text && i < ARRAY_SIZE(type_names); i++)
        if (strcmp(text, type_names[i]) == 0) {
            *type = (enum network_type)i;
            return 0;
        }
    return text ? fail(err, ERROR_CPI,
                       "cloud_properties.type is '%s' but must be nat, isolated, route or bridge",
                       text)
                : 0;
}

/* The name ends up in cloud_properties of VMs, and there in file names. */
static int read_name(const cJSON *properties, struct network_definition *definition,
                     struct error *err)
{
    const char *name;

    id_new(definition->cid, "net");
    if (read_text(properties, "name", &name, err) < 0)
        return -1;
    if (name && !id_valid(name))
        return fail(err, ERROR_CPI,
                    "cloud_properties.name is '%s' but must be a letter, then up to 127 letters, "
                    "digits, dots, underscores or dashes",
                    name);
    definition->name = name ? xstrdup(name) : xasprintf("bosh-%s", id_uuid(definition->cid));
    return 0;
}

/* What only a network with a bridge of its own has, and what only one without has. */
static int check_type(const struct network_definition *definition, const cJSON *properties,
                      struct error *err)
{
    static const char *const own[] = { "mtu", "domain", "dhcp", "ipv6" };

    if (definition->type != NETWORK_BRIDGE)
        return definition->bridge
                   ? fail(err, ERROR_CPI, "cloud_properties.bridge is for the type bridge only")
                   : 0;
    if (!definition->bridge)
        return fail(err, ERROR_CPI,
                    "cloud_properties.bridge must name the host's bridge for the type bridge");
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        const cJSON *value = json_get(properties, own[i]);
        if (value && !cJSON_IsFalse(value))
            return fail(err, ERROR_CPI,
                        "cloud_properties.%s is not for the type bridge: the host's bridge is as "
                        "it is",
                        own[i]);
    }
    return 0;
}

/* Without a gateway, or as the Director once wrote it with its prefix. */
static bool read_gateway(const char *text, struct network_range *range)
{
    struct subnet host;

    if (!text || !*text) {
        range->gateway = subnet_address(&range->subnet, 1);
        return true;
    }
    if (ip_parse(text, &range->gateway))
        return true;
    if (!subnet_parse(text, &host) || host.prefix != ip_bits(host.ip.family))
        return false;
    range->gateway = host.ip;
    return true;
}

static int read_range(const char *what, const char *text, const char *gateway,
                      struct network_range *range, struct error *err)
{
    if (!subnet_parse(text, &range->subnet) || range->subnet.prefix < 8 ||
        range->subnet.prefix > ip_bits(range->subnet.ip.family) - 2)
        return fail(err, ERROR_CPI, "%s is '%s' but must be a subnet such as 10.0.0.0/24", what,
                    text);
    if (!read_gateway(gateway, range))
        return fail(err, ERROR_CPI, "the gateway '%s' is not an IP address", gateway);
    struct ip first = subnet_address(&range->subnet, 0), last = subnet_last(&range->subnet);
    if (!subnet_contains(&range->subnet, &range->gateway) || ip_equal(&range->gateway, &first) ||
        (range->gateway.family == AF_INET && ip_equal(&range->gateway, &last)))
        return fail(err, ERROR_CPI, "the gateway %s is no host's address in the range %s", gateway,
                    text);
    return 0;
}

/* A range, or how large it is to be. */
static int read_main(const cJSON *given, struct network_definition *definition, struct error *err)
{
    static const uint64_t bits[] = { 8, 30 };
    const char *range = json_string(given, "range"), *gateway = json_string(given, "gateway");
    const cJSON *netmask_bits = json_get(given, "netmask_bits");

    if (range)
        return read_range("range", range, gateway, &definition->main, err);
    if (!netmask_bits || definition->type == NETWORK_BRIDGE)
        return fail(err, ERROR_CPI, "the subnet must have a range%s",
                    definition->type == NETWORK_BRIDGE ? ", for the host's bridge has it already"
                                                       : " or netmask_bits");
    return json_whole(netmask_bits, "netmask_bits", bits, &definition->netmask_bits, err);
}

static int read_ipv6(const cJSON *properties, struct network_definition *definition,
                     struct error *err)
{
    const char *text;

    if (read_text(properties, "ipv6", &text, err) < 0)
        return -1;
    if (!text)
        return 0;
    if (read_range("cloud_properties.ipv6", text, NULL, &definition->ipv6, err) < 0)
        return -1;
    if (definition->ipv6.subnet.ip.family != AF_INET6 ||
        definition->main.subnet.ip.family == AF_INET6)
        return fail(err, ERROR_CPI,
                    "cloud_properties.ipv6 is for an IPv6 subnet beside an IPv4 range");
    return 0;
}

static int read_properties(const cJSON *properties, struct network_definition *definition,
                           struct log *log, struct error *err)
{
    static const char *const known[] = { "name",   "type", "bridge", "mtu",
                                         "domain", "dhcp", "ipv6",   NULL };
    static const uint64_t mtu_range[] = { 68, 65535 };
    const cJSON *mtu = json_get(properties, "mtu"), *dhcp = json_get(properties, "dhcp");

    note_unknown_keys(properties, "cloud_properties", known, log);
    if (properties && !cJSON_IsObject(properties))
        return fail(err, ERROR_CPI, "cloud_properties must be an object");
    if (dhcp && !cJSON_IsBool(dhcp))
        return fail(err, ERROR_CPI, "cloud_properties.dhcp must be true or false");
    definition->dhcp = cJSON_IsTrue(dhcp);
    if (read_name(properties, definition, err) < 0 ||
        read_type(properties, &definition->type, err) < 0 ||
        read_text(properties, "bridge", &definition->bridge, err) < 0 ||
        read_text(properties, "domain", &definition->domain, err) < 0 ||
        (mtu && json_whole(mtu, "cloud_properties.mtu", mtu_range, &definition->mtu, err) < 0))
        return -1;
    return check_type(definition, properties, err);
}

int network_definition_read(const cJSON *given, struct network_definition *definition,
                            struct log *log, struct error *err)
{
    const cJSON *properties = json_get(given, "cloud_properties");
    const char *type = json_string(given, "type");

    if (type && strcmp(type, "manual") != 0)
        return fail(err, ERROR_CPI, "the network's type is '%s' but only manual can be created",
                    type);
    if (read_properties(properties, definition, log, err) < 0 ||
        read_main(given, definition, err) < 0)
        return -1;
    return read_ipv6(properties, definition, err);
}

/* The network that has some of the subnet, NULL when none has. */
static const struct libvirt_network *find_overlap(const struct subnet *subnet,
                                                  const struct libvirt_networks *others)
{
    for (size_t i = 0; i < others->count; i++)
        for (size_t j = 0; j < others->list[i].count; j++)
            if (subnet_overlaps(&others->list[i].subnets[j].subnet, subnet))
                return &others->list[i];
    return NULL;
}

int network_definition_check(const struct network_definition *definition,
                             const struct libvirt_networks *others, struct error *err)
{
    const struct subnet *subnets[] = { &definition->main.subnet, &definition->ipv6.subnet };

    /* A bridge's range is there already, and may well be that of the network it belongs to. */
    if (definition->type == NETWORK_BRIDGE)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(subnets); i++) {
        if (!subnets[i]->ip.family)
            continue;
        const struct libvirt_network *other = find_overlap(subnets[i], others);
        cleanup_free char *range = subnet_text(subnets[i]);
        if (other)
            return fail(err, ERROR_CLOUD, "the range %s overlaps that of network '%s'", range,
                        other->name);
    }
    return 0;
}

/* Reads a line "interface destination gateway flags refcnt use metric mask ...", the addresses as
 * the machine keeps them, in hexadecimal. The default route is no obstacle. */
static bool read_route(const char *line, struct subnet *subnet)
{
    unsigned destination, mask;

    if (sscanf(line, "%*s %8x %*s %*s %*s %*s %*s %8x", &destination, &mask) != 2 || !mask)
        return false;
    *subnet = (struct subnet){ .ip = { .family = AF_INET } };
    memcpy(subnet->ip.bytes, &destination, sizeof(destination));
    while (subnet->prefix < 32 && ntohl(mask) & 0x80000000U >> subnet->prefix)
        subnet->prefix++;
    return true;
}

static bool is_routed(const struct subnet *subnet, char *const *routes)
{
    struct subnet route;

    for (; *routes; routes++)
        if (read_route(*routes, &route) && subnet_overlaps(&route, subnet))
            return true;
    return false;
}

int network_definition_choose(struct network_definition *definition,
                              const struct libvirt_networks *others, const char *routes,
                              struct error *err)
{
    static const char *const pools[] = { "10.0.0.0/8", "172.16.0.0/12" };
    const unsigned bits = (unsigned)definition->netmask_bits;
    struct network_range *range = &definition->main;
    cleanup_free char *text = xstrdup(routes ? routes : "");
    cleanup_free char **lines = split_lines(text);
    struct subnet pool;

    for (size_t i = 0; i < ARRAY_SIZE(pools); i++) {
        if (!subnet_parse(pools[i], &pool) || bits < pool.prefix)
            continue;
        for (uint64_t n = 0; n < 1ULL << (bits - pool.prefix); n++) {
            range->subnet = (struct subnet){ subnet_address(&pool, n << (32 - bits)), bits };
            if (find_overlap(&range->subnet, others) || is_routed(&range->subnet, lines))
                continue;
            range->gateway = subnet_address(&range->subnet, 1);
            return 0;
        }
    }
    return fail(err, ERROR_CLOUD,
                "no subnet with %u netmask_bits is free in 10.0.0.0/8 and "
                "172.16.0.0/12",
                bits);
}

static void put_ip(cJSON *item, const char *key, const struct ip *ip)
{
    cleanup_free char *text = ip_text(ip);

    json_put_string(item, key, text);
}

/* All hosts' addresses that the gateway does not split, as many as libvirt takes. */
static cJSON *make_dhcp(const struct network_range *range)
{
    const struct subnet *subnet = &range->subnet;
    const unsigned host_bits = ip_bits(subnet->ip.family) - subnet->prefix;
    uint64_t start = 1, end = host_bits > 16 ? DHCP_ADDRESSES : (1ULL << host_bits) - 2;
    struct ip first = subnet_address(subnet, start), last = subnet_address(subnet, end);
    cJSON *dhcp = json_new_object();

    if (ip_equal(&first, &range->gateway))
        first = subnet_address(subnet, start + 1);
    if (ip_equal(&last, &range->gateway))
        last = subnet_address(subnet, end - 1);
    put_ip(dhcp, "start", &first);
    put_ip(dhcp, "end", &last);
    return dhcp;
}

static void put_subnet(cJSON *subnets, const struct network_range *range, bool dhcp)
{
    cJSON *item;

    if (!range->subnet.ip.family)
        return;
    item = json_new_object();
    json_put_string(item, "family", range->gateway.family == AF_INET ? "ipv4" : "ipv6");
    put_ip(item, "address", &range->gateway);
    json_put_number(item, "prefix", range->subnet.prefix);
    json_put(item, "dhcp", dhcp ? make_dhcp(range) : cJSON_CreateFalse());
    json_put(subnets, NULL, item);
}

static cJSON *make_forward(const struct network_definition *definition)
{
    const bool ipv6 =
        definition->ipv6.subnet.ip.family || definition->main.subnet.ip.family == AF_INET6;
    cJSON *forward;

    if (definition->type == NETWORK_ISOLATED)
        return cJSON_CreateFalse();
    forward = json_new_object();
    json_put_string(forward, "mode", type_names[definition->type]);
    json_put_bool(forward, "masquerade_ipv6", ipv6 && definition->type == NETWORK_NAT);
    return forward;
}

static void put_optional(cJSON *item, const char *key, const char *text)
{
    json_put(item, key, text ? cJSON_CreateString(text) : cJSON_CreateFalse());
}

cJSON *network_definition_item(const struct network_definition *definition)
{
    cJSON *item = json_new_object(), *subnets = json_new_array();

    if (definition->type != NETWORK_BRIDGE) {
        put_subnet(subnets, &definition->main, definition->dhcp);
        put_subnet(subnets, &definition->ipv6, definition->dhcp);
    }
    json_put_string(item, "name", definition->name);
    json_put_string(item, "uuid", id_uuid(definition->cid));
    json_put(item, "forward", make_forward(definition));
    put_optional(item, "bridge", definition->bridge);
    put_optional(item, "domain", definition->domain);
    json_put(item, "mtu",
             definition->mtu ? cJSON_CreateNumber((double)definition->mtu) : cJSON_CreateFalse());
    json_put(item, "subnets", subnets);
    return item;
}

void network_definition_release(struct network_definition *definition)
{
    free(definition->name);
    *definition = (struct network_definition){ 0 };
}
