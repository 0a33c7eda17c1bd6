#include "cpi/network.h"

#include "cpi/json.h"
#include "cpi/subnet.h"

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

/* An address in its usual form, as one is written in many ways in IPv6; NULL when text is none.
 * Owned by the caller. */
static char *usual_form(const char *text)
{
    struct ip ip;

    return ip_parse(text, &ip) ? ip_text(&ip) : NULL;
}

/* The fixed address and the gateway, NULL for a network that has none. Owned by the caller. */
static int read_addresses(const cJSON *network, const char *type, char **ip, char **gateway,
                          struct error *err)
{
    const bool manual = strcmp(type, "manual") == 0;
    const char *given = json_string(network, "ip"), *router = json_string(network, "gateway");

    if (!manual && given && !*given)
        given = NULL;
    if (!given && manual)
        return fail(err, ERROR_CPI, "network '%s' is a manual one but has no ip", network->string);
    *ip = given ? usual_form(given) : NULL;
    if (given && !*ip)
        return fail(err, ERROR_CPI, "network '%s': '%s' is not an IP address", network->string,
                    given);
    if (!manual || !router || !*router)
        return 0;
    *gateway = usual_form(router);
    if (!*gateway)
        return fail(err, ERROR_CPI, "network '%s': the gateway '%s' is not an IP address",
                    network->string, router);
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
    for (size_t i = 0; i < nics->count; i++) {
        const struct nic *other = &nics->list[i];
        if (ip && strcmp(other->source, nic->source) == 0 && strings_contain(other->ips, ip))
            return fail(err, ERROR_CPI, "network '%s': this VM has the address %s on '%s' already",
                        network->string, ip, nic->source);
    }
    return 0;
}

/* Networks that share a NIC cannot want it different. */
static int check_shared(const struct nic *shared, const cJSON *network, const struct nic *nic,
                        struct error *err)
{
    if (strcmp(shared->source, nic->source) != 0 || shared->type != nic->type)
        return fail(err, ERROR_CPI,
                    "network '%s': all networks of the nic_group '%s' must be on one libvirt "
                    "network, not on '%s' and '%s'",
                    network->string, nic->group, shared->source, nic->source);
    if (shared->properties && nic->properties &&
        !cJSON_Compare(shared->properties, nic->properties, true))
        return fail(err, ERROR_CPI,
                    "network '%s': all networks of the nic_group '%s' share one NIC and must have "
                    "the same cloud_properties",
                    network->string, nic->group);
    return 0;
}

static int set_mac(const struct nics *nics, const cJSON *network, const char *what, struct nic *nic,
                   struct error *err)
{
    if (!*nic->mac)
        make_mac(nic->mac, nic->source, what);
    for (size_t i = 0; i < nics->count; i++)
        if (strcmp(nics->list[i].mac, nic->mac) == 0)
            return fail(err, ERROR_CPI, "network '%s': another NIC of this VM has the MAC %s",
                        network->string, nic->mac);
    return 0;
}

/* The NIC of a network: that of its nic_group, or a new one, which takes over what *nic owns. */
static struct nic *place(const cJSON *network, const char *what, struct nics *nics, struct nic *nic,
                         struct error *err)
{
    struct nic *shared = find_group(nics, nic->group);

    if (shared)
        return check_shared(shared, network, nic, err) < 0 ? NULL : shared;
    if (set_mac(nics, network, what, nic, err) < 0)
        return NULL;
    shared = add_nic(nics, nic);
    nic->vlans = NULL;
    return shared;
}

static int read_nic(const cJSON *network, const char *type, const struct nic_defaults *defaults,
                    struct nics *nics, struct error *err)
{
    cleanup(nic_release) struct nic nic = { 0 };
    cleanup_free char *dynamic = xasprintf("%s/%s", defaults->vm_cid, network->string);
    cleanup_free char *ip = NULL, *gateway = NULL;

    nic.group = json_string(network, "nic_group");
    if (nic_properties_read(network, defaults, &nic, err) < 0 ||
        read_addresses(network, type, &ip, &gateway, err) < 0 ||
        check_duplicates(nics, network, &nic, ip, err) < 0)
        return -1;
    struct nic *placed = place(network, ip ? ip : dynamic, nics, &nic, err);
    if (!placed)
        return -1;
    if (ip)
        strings_add(&placed->ips, ip);
    if (gateway)
        strings_add(&placed->gateways, gateway);
    cJSON *settings = cJSON_GetObjectItemCaseSensitive(nics->settings, network->string);
    cJSON_DeleteItemFromObjectCaseSensitive(settings, "mac");
    json_put_string(settings, "mac", placed->mac);
    return 0;
}

static int read_network(const cJSON *network, const struct nic_defaults *defaults,
                        struct nics *nics, struct error *err)
{
    static const char *const texts[] = { "type", "gateway", "nic_group" };
    const char *type = json_string(network, "type");

    type = type ? type : "manual";
    if (!cJSON_IsObject(network))
        return fail(err, ERROR_CPI, "network '%s' must be an object", network->string);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (json_get(network, texts[i]) && !json_string(network, texts[i]))
            return fail(err, ERROR_CPI, "network '%s': %s must be a string", network->string,
                        texts[i]);
    if (strcmp(type, "vip") == 0)
        return 0;
    if (strcmp(type, "manual") != 0 && strcmp(type, "dynamic") != 0)
        return fail(err, ERROR_CPI,
                    "network '%s': the type '%s' is not one of manual, dynamic, vip",
                    network->string, type);
    return read_nic(network, type, defaults, nics, err);
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
        nic_release(&nics->list[i]);
    free(nics->list);
    cJSON_Delete(nics->settings);
    *nics = (struct nics){ 0 };
}
