#include "cpi/json.h"
#include "cpi/nearest.h"
#include "cpi/network.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const properties_known[] = { "name", "type", "mode",   "model",     "mac",
                                                "vlan", "mtu",  "filter", "bandwidth", NULL };

static const struct {
    const char *name;
    const char *type;      /* libvirt's <interface type='...'> */
    const char *attribute; /* what <source> calls the thing that the name is of; NULL: no source */
} types[] = {
    [NIC_NETWORK] = { "network", "network", "network" },
    [NIC_BRIDGE] = { "bridge", "bridge", "bridge" },
    [NIC_DIRECT] = { "direct", "direct", "dev" },
    [NIC_USER] = { "user", "user", NULL },
    [NIC_HOSTONLY] = { "hostonly", "network", "network" },
    [NIC_NAT] = { "nat", "user", NULL },
    [NIC_NATNETWORK] = { "natnetwork", "user", NULL },
    [NIC_BRIDGED] = { "bridged", "bridge", "bridge" },
    [NIC_INTERNAL] = { "internal", "internal", "name" },
};

static const char *const modes[] = { "bridge", "vepa", "private", "passthrough" };

/* A network's name becomes a file name in the store and a word on virsh's command line. */
static bool is_source_name(const char *name)
{
    if (!*name || strlen(name) > 200 || strchr(name, '/') || *name == '.' || *name == '-')
        return false;
    for (; *name; name++)
        if ((unsigned char)*name < 0x20 || *name == 0x7f)
            return false;
    return true;
}

/* A member that must be text where it is given at all. */
static int read_text(const cJSON *network, const char *key, const char **text, struct error *err)
{
    const cJSON *value = json_get(json_get(network, "cloud_properties"), key);

    *text = cJSON_GetStringValue(value);
    if (value && (!*text || !**text))
        return fail(err, ERROR_CPI,
                    "network '%s': cloud_properties.%s must be a string that is not empty",
                    network->string, key);
    return 0;
}

/* "network or bridge or direct". Owned by the caller. */
static char *joined(const char *const *names)
{
    char *text = NULL;
    size_t length;
    FILE *out = text_open(&text, &length);

    for (const char *const *name = names; *name; name++)
        fprintf(out, "%s%s", name == names ? "" : " or ", *name);
    text_close(out);
    return text;
}

static int read_type(const cJSON *network, const struct nic_defaults *defaults, struct nic *nic,
                     struct error *err)
{
    static const char *const usual[] = { "network", "bridge", "direct", NULL };
    const char *const *names = defaults->types ? defaults->types : usual;
    const char *type;

    if (read_text(network, "type", &type, err) < 0)
        return -1;
    if (!type)
        type = names[0];
    size_t i = 0;
    while (i < ARRAY_SIZE(types) && strcmp(type, types[i].name) != 0)
        i++;
    cleanup_free char *all = joined(names);
    if (i == ARRAY_SIZE(types))
        return fail(err, ERROR_CPI, "network '%s': cloud_properties.type is '%s' but must be %s",
                    network->string, type, all);
    if (!strings_contain((char *const *)names, type))
        return fail(err, ERROR_NOT_SUPPORTED,
                    "network '%s': cloud_properties.type '%s' is for other hypervisors, here it "
                    "must be %s",
                    network->string, type, all);
    nic->type = (enum nic_type)i;
    return 0;
}

static int read_mode(const cJSON *network, struct nic *nic, struct error *err)
{
    if (read_text(network, "mode", &nic->mode, err) < 0)
        return -1;
    if (nic->type != NIC_DIRECT)
        return nic->mode ? fail(err, ERROR_CPI,
                                "network '%s': cloud_properties.mode is for the type direct only",
                                network->string)
                         : 0;
    if (!nic->mode)
        nic->mode = modes[0];
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
        if (strcmp(nic->mode, modes[i]) == 0)
            return 0;
    return fail(err, ERROR_CPI,
                "network '%s': cloud_properties.mode is '%s' but must be bridge, vepa, private or "
                "passthrough",
                network->string, nic->mode);
}

/* Six pairs of hexadecimal digits, of one card: no broadcast, no multicast, not all zeros. */
static bool is_mac(const char *text)
{
    for (int i = 0; i < MAC_SIZE - 1; i++)
        if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
            return false;
    return !text[MAC_SIZE - 1] && !(strtoul(text, NULL, 16) & 1) &&
           strcmp(text, "00:00:00:00:00:00") != 0;
}

static int read_mac(const cJSON *network, struct nic *nic, struct error *err)
{
    const char *mac;

    nic->mac[0] = '\0';
    if (read_text(network, "mac", &mac, err) < 0)
        return -1;
    if (mac && !is_mac(mac))
        return fail(err, ERROR_CPI,
                    "network '%s': cloud_properties.mac is '%s', which is not the MAC address of "
                    "one NIC (such as 52:54:00:12:34:56)",
                    network->string, mac);
    for (int i = 0; mac && i < MAC_SIZE; i++)
        nic->mac[i] = (char)tolower((unsigned char)mac[i]);
    return 0;
}

static int read_number(const cJSON *network, const char *key, const cJSON *value, uint64_t *number,
                       const uint64_t range[2], struct error *err)
{
    cleanup_free char *what = xasprintf("network '%s': cloud_properties.%s", network->string, key);

    return value ? json_whole(value, what, range, number, err) : 0;
}

static int add_tag(const cJSON *network, const cJSON *value, struct nic *nic, struct error *err)
{
    static const uint64_t range[] = { 1, 4094 };
    uint64_t tag = 0;

    if (read_number(network, "vlan", value, &tag, range, err) < 0)
        return -1;
    json_put(nic->vlans, NULL, cJSON_CreateNumber((double)tag));
    return 0;
}

static int read_vlan(const cJSON *network, struct nic *nic, struct error *err)
{
    const cJSON *given = json_get(json_get(network, "cloud_properties"), "vlan"), *tag;

    if (!given)
        return 0;
    nic->vlans = json_new_array();
    if (!cJSON_IsArray(given))
        return add_tag(network, given, nic, err);
    cJSON_ArrayForEach (tag, given)
        if (add_tag(network, tag, nic, err) < 0)
            return -1;
    if (cJSON_GetArraySize(nic->vlans) == 0)
        return fail(err, ERROR_CPI, "network '%s': cloud_properties.vlan is an empty list",
                    network->string);
    return 0;
}

static int read_limits(const cJSON *network, const char *direction, struct bandwidth *bandwidth,
                       const struct nic_defaults *defaults, struct error *err)
{
    static const char *const known[] = { "average", "peak", "burst", NULL };
    static const uint64_t range[] = { 1, UINT32_MAX };
    const cJSON *given =
        json_get(json_get(json_get(network, "cloud_properties"), "bandwidth"), direction);
    uint64_t *values[] = { &bandwidth->average, &bandwidth->peak, &bandwidth->burst };
    cleanup_free char *what =
        xasprintf("network '%s': cloud_properties.bandwidth.%s", network->string, direction);

    if (!given)
        return 0;
    if (!cJSON_IsObject(given) || !json_get(given, "average"))
        return fail(err, ERROR_CPI, "%s must be an object with an average (KiB/s)", what);
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        cleanup_free char *key = xasprintf("bandwidth.%s.%s", direction, known[i]);
        if (read_number(network, key, json_get(given, known[i]), values[i], range, err) < 0)
            return -1;
    }
    note_unknown_keys(given, what, known, defaults->log);
    return 0;
}

static int read_bandwidth(const cJSON *network, const struct nic_defaults *defaults,
                          struct nic *nic, struct error *err)
{
    static const char *const known[] = { "inbound", "outbound", NULL };
    const cJSON *given = json_get(json_get(network, "cloud_properties"), "bandwidth");
    cleanup_free char *what =
        xasprintf("network '%s': cloud_properties.bandwidth", network->string);

    if (given && !cJSON_IsObject(given))
        return fail(err, ERROR_CPI, "%s must be an object with inbound or outbound", what);
    note_unknown_keys(given, what, known, defaults->log);
    if (read_limits(network, "inbound", &nic->inbound, defaults, err) < 0)
        return -1;
    return read_limits(network, "outbound", &nic->outbound, defaults, err);
}

static int read_source(const cJSON *network, const struct nic_defaults *defaults, struct nic *nic,
                       struct error *err)
{
    const cJSON *name = json_get(json_get(network, "cloud_properties"), "name");

    nic->source = name ? cJSON_GetStringValue(name) : defaults->network;
    if (!nic->source)
        return fail(err, ERROR_CPI, "network '%s': cloud_properties.name must be a string",
                    network->string);
    if (!is_source_name(nic->source))
        return fail(err, ERROR_CPI, "network '%s': '%s' cannot be the name of a libvirt network",
                    network->string, nic->source);
    return 0;
}

int nic_properties_read(const cJSON *network, const struct nic_defaults *defaults, struct nic *nic,
                        struct error *err)
{
    static const uint64_t mtu_range[] = { 68, 65535 };
    const cJSON *properties = json_get(network, "cloud_properties");
    cleanup_free char *what = xasprintf("network '%s': cloud_properties", network->string);

    if (properties && !cJSON_IsObject(properties))
        return fail(err, ERROR_CPI, "%s must be an object", what);
    nic->properties = properties;
    note_unknown_keys(properties, what, properties_known, defaults->log);
    if (read_source(network, defaults, nic, err) < 0 ||
        read_type(network, defaults, nic, err) < 0 || read_mode(network, nic, err) < 0 ||
        read_text(network, "model", &nic->model, err) < 0 ||
        read_text(network, "filter", &nic->filter, err) < 0 || read_mac(network, nic, err) < 0 ||
        read_number(network, "mtu", json_get(properties, "mtu"), &nic->mtu, mtu_range, err) < 0 ||
        read_vlan(network, nic, err) < 0)
        return -1;
    if (!nic->model)
        nic->model = defaults->model ? defaults->model : "virtio";
    return read_bandwidth(network, defaults, nic, err);
}

/* A text that the template shows only where there is one. */
static void put_optional(cJSON *item, const char *key, const char *text)
{
    json_put(item, key, text ? cJSON_CreateString(text) : cJSON_CreateFalse());
}

static void put_limits(cJSON *directions, const char *name, const struct bandwidth *bandwidth)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = { { "average", bandwidth->average },
                 { "peak", bandwidth->peak },
                 { "burst", bandwidth->burst } };
    cJSON *direction = json_new_object(), *limits = json_new_array();

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (!rows[i].value)
            continue;
        cJSON *limit = json_new_object();
        json_put_string(limit, "limit", rows[i].name);
        json_put_number(limit, "value", (double)rows[i].value);
        json_put(limits, NULL, limit);
    }
    json_put_string(direction, "direction", name);
    json_put(direction, "limits", limits);
    if (bandwidth->average)
        json_put(directions, NULL, direction);
    else
        cJSON_Delete(direction);
}

static cJSON *make_bandwidth(const struct nic *nic)
{
    cJSON *bandwidth, *directions;

    if (!nic->inbound.average && !nic->outbound.average)
        return cJSON_CreateFalse();
    bandwidth = json_new_object();
    directions = json_new_array();
    put_limits(directions, "inbound", &nic->inbound);
    put_limits(directions, "outbound", &nic->outbound);
    json_put(bandwidth, "directions", directions);
    return bandwidth;
}

static cJSON *make_vlan(const struct nic *nic)
{
    if (!nic->vlans)
        return cJSON_CreateFalse();
    cJSON *vlan = json_new_object();

    json_put_bool(vlan, "trunk", cJSON_GetArraySize(nic->vlans) > 1);
    json_put(vlan, "tags", json_copy(nic->vlans));
    return vlan;
}

static cJSON *make_source(const struct nic *nic)
{
    cJSON *source = json_new_object();

    json_put_string(source, "attribute", types[nic->type].attribute);
    json_put_string(source, "name", nic->source);
    put_optional(source, "mode", nic->mode);
    return source;
}

cJSON *nic_item(const struct nic *nic)
{
    cJSON *item = json_new_object();

    json_put_string(item, "type", types[nic->type].type);
    json_put(item, "source", types[nic->type].attribute ? make_source(nic) : cJSON_CreateFalse());
    json_put_string(item, "mac", nic->mac);
    json_put_string(item, "model", nic->model);
    json_put(item, "mtu", nic->mtu ? cJSON_CreateNumber((double)nic->mtu) : cJSON_CreateFalse());
    put_optional(item, "filter", nic->filter);
    json_put(item, "vlan", make_vlan(nic));
    json_put(item, "bandwidth", make_bandwidth(nic));
    return item;
}

void nic_release(struct nic *nic)
{
    util_free_stringsp(&nic->ips);
    util_free_stringsp(&nic->gateways);
    cJSON_Delete(nic->vlans);
    *nic = (struct nic){ 0 };
}
