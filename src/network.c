#include "cpi/network.h"

#include "cpi/json.h"

#include <arpa/inet.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

/* 52:54 is the beginning that qemu's users know, and makes the address a locally administered one.
 */
static void make_mac(char mac[MAC_SIZE], const char *network, const char *what)
{
    unsigned char digest[SHA256_DIGEST_SIZE];
    struct sha256_ctx context;

    sha256_init(&context);
    sha256_update(&context, strlen(network) + 1, (const uint8_t *)network);
    sha256_update(&context, strlen(what), (const uint8_t *)what);
    sha256_digest(&context, sizeof(digest), digest);
    snprintf(mac, MAC_SIZE, "52:54:%02x:%02x:%02x:%02x", digest[0], digest[1], digest[2],
             digest[3]);
}

static bool normalise(const char *text, char normal[INET6_ADDRSTRLEN])
{
    unsigned char address[16];

    if (inet_pton(AF_INET, text, address) == 1)
        return inet_ntop(AF_INET, address, normal, INET6_ADDRSTRLEN);
    return inet_pton(AF_INET6, text, address) == 1 &&
           inet_ntop(AF_INET6, address, normal, INET6_ADDRSTRLEN);
}

/* A network's name becomes a file name in the store. */
static bool is_source_name(const char *name)
{
    if (!*name || strlen(name) > 200 || strchr(name, '/') || *name == '.')
        return false;
    for (; *name; name++)
        if ((unsigned char)*name < 0x20 || *name == 0x7f)
            return false;
    return true;
}

static int check_strings(const cJSON *object, const char *const *keys, const char *network,
                         struct error *err)
{
    for (; *keys; keys++) {
        const cJSON *value = json_get(object, *keys);
        if (value && !cJSON_IsString(value))
            return fail(err, ERROR_CPI, "network '%s': %s must be a string", network, *keys);
    }
    return 0;
}

static int read_source(const cJSON *network, const struct nic_defaults *defaults, struct nic *nic,
                       struct error *err)
{
    const cJSON *properties = json_get(network, "cloud_properties");
    const char *name = json_string(properties, "name"), *type = json_string(properties, "type");
    const char *model = json_string(properties, "model");

    if (properties && !cJSON_IsObject(properties))
        return fail(err, ERROR_CPI, "network '%s': cloud_properties must be an object",
                    network->string);
    if (check_strings(properties, (const char *const[]){ "name", "type", "model", NULL },
                      network->string, err) < 0)
        return -1;
    nic->source = name ? name : defaults->network;
    nic->model = model ? model : "virtio";
    nic->type = type && strcmp(type, "bridge") == 0 ? NIC_BRIDGE : NIC_NETWORK;
    if (!is_source_name(nic->source))
        return fail(err, ERROR_CPI, "network '%s': '%s' cannot be the name of a libvirt network",
                    network->string, nic->source);
    if (type && strcmp(type, "bridge") != 0 && strcmp(type, "network") != 0)
        return fail(err, ERROR_CPI,
                    "network '%s': cloud_properties.type is '%s' but must be network or bridge",
                    network->string, type);
    return 0;
}

/* The fixed address in *ip, NULL for a network that has none. */
static int read_address(const cJSON *network, const char *type, char normal[INET6_ADDRSTRLEN],
                        const char **ip, struct error *err)
{
    *ip = json_string(network, "ip");
    if (strcmp(type, "dynamic") == 0 && *ip && !**ip)
        *ip = NULL;
    if (!*ip && strcmp(type, "manual") == 0)
        return fail(err, ERROR_CPI, "network '%s' is a manual one but has no ip", network->string);
    if (*ip && !normalise(*ip, normal))
        return fail(err, ERROR_CPI, "network '%s': '%s' is not an IP address", network->string,
                    *ip);
    *ip = *ip ? normal : NULL;
    return 0;
}

static struct nic *find_group(struct nics *nics, const char *group)
{
    for (size_t i = 0; group && i < nics->count; i++)
        if (nics->list[i].group && strcmp(nics->list[i].group, group) == 0)
            return &nics->list[i];
    return NULL;
}

static struct nic *add_nic(struct nics *nics, const struct nic *nic)
{
    nics->list = xrealloc(nics->list, (nics->count + 1) * sizeof(*nics->list));
    nics->list[nics->count] = *nic;
    return &nics->list[nics->count++];
}

static int check_duplicates(const struct nics *nics, const cJSON *network, const struct nic *nic,
                            const char *ip, struct error *err)
{
    for (size_t i = 0; ip && i < nics->count; i++)
        if (strcmp(nics->list[i].source, nic->source) == 0 &&
            strings_contain(nics->list[i].ips, ip))
            return fail(err, ERROR_CPI, "network '%s': this VM has the address %s on '%s' already",
                        network->string, ip, nic->source);
    return 0;
}

static int read_network(const cJSON *network, const struct nic_defaults *defaults,
                        struct nics *nics, struct error *err)
{
    const char *type = json_string(network, "type"), *ip = NULL;
    char normal[INET6_ADDRSTRLEN];
    struct nic nic = { .group = json_string(network, "nic_group") };

    type = type ? type : "manual";
    if (!cJSON_IsObject(network))
        return fail(err, ERROR_CPI, "network '%s' must be an object", network->string);
    if (check_strings(network, (const char *const[]){ "type", "nic_group", NULL }, network->string,
                      err) < 0)
        return -1;
    if (strcmp(type, "vip") == 0)
        return 0;
    if (strcmp(type, "manual") != 0 && strcmp(type, "dynamic") != 0)
        return fail(err, ERROR_CPI,
                    "network '%s': the type '%s' is not one of manual, dynamic, vip",
                    network->string, type);
    if (read_source(network, defaults, &nic, err) < 0 ||
        read_address(network, type, normal, &ip, err) < 0 ||
        check_duplicates(nics, network, &nic, ip, err) < 0)
        return -1;

    struct nic *shared = find_group(nics, nic.group);
    if (shared && (strcmp(shared->source, nic.source) != 0 || shared->type != nic.type))
        return fail(err, ERROR_CPI,
                    "network '%s': all networks of the nic_group '%s' must be on one libvirt "
                    "network, not on '%s' and '%s'",
                    network->string, nic.group, shared->source, nic.source);
    if (!shared) {
        cleanup_free char *dynamic = xasprintf("%s/%s", defaults->vm_cid, network->string);
        make_mac(nic.mac, nic.source, ip ? ip : dynamic);
        shared = add_nic(nics, &nic);
    }
    if (ip)
        strings_add(&shared->ips, ip);
    cJSON *settings = cJSON_GetObjectItemCaseSensitive(nics->settings, network->string);
    cJSON_DeleteItemFromObjectCaseSensitive(settings, "mac");
    json_put_string(settings, "mac", shared->mac);
    return 0;
}

int nics_read(const cJSON *networks, const struct nic_defaults *defaults, struct nics *nics,
              struct error *err)
{
    const cJSON *network;

    if (networks && !cJSON_IsNull(networks) && !cJSON_IsObject(networks))
        return fail(err, ERROR_CPI, "the networks must be an object");
    nics->settings = cJSON_IsObject(networks) ? json_copy(networks) : json_new_object();
    cJSON_ArrayForEach (network, networks)
        if (read_network(network, defaults, nics, err) < 0)
            return -1;
    return 0;
}

void nics_release(struct nics *nics)
{
    for (size_t i = 0; i < nics->count; i++)
        util_free_stringsp(&nics->list[i].ips);
    free(nics->list);
    cJSON_Delete(nics->settings);
    *nics = (struct nics){ 0 };
}
