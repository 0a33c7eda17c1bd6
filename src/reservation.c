#include "cpi/reservation.h"

#include "cpi/id.h"
#include "cpi/json.h"
#include "cpi/vm.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A network as it runs and as it is defined, empty where it is not. */
struct definitions {
    struct libvirt_network live, config;
};

static void release(struct definitions *definitions)
{
    libvirt_network_release(&definitions->live);
    libvirt_network_release(&definitions->config);
}

#define cleanup_definitions cleanup(release)

/* What an entry of a network is to a reservation. */
enum kinship {
    UNRELATED,
    SAME,   /* the reservation itself */
    ENOUGH, /* somebody else's, of the same address for the same MAC */
    STALE,  /* of a VM that is no more, and in the way */
    TAKEN,  /* somebody else's, and in the way */
};

static void add_reservation(cJSON *list, const struct nic *nic, const struct libvirt_network *on,
                            const char *name)
{
    for (char **text = nic->ips; text && *text; text++) {
        struct ip ip;
        const struct network_subnet *subnet =
            ip_parse(*text, &ip) ? libvirt_network_subnet(on, &ip) : NULL;
        if (!subnet || !subnet->dhcp || strchr(*text, ':'))
            continue;
        cJSON *entry = json_new_object();
        json_put_string(entry, "network", nic->source);
        json_put_string(entry, "mac", nic->mac);
        json_put_string(entry, "name", name);
        json_put_string(entry, "ip", *text);
        json_put_number(entry, "parent", (double)(subnet - on->subnets));
        json_put(list, NULL, entry);
        /* A MAC can have one address. */
        return;
    }
}

cJSON *reservation_list(const struct nics *nics, const struct survey *survey, const char *vm_cid)
{
    cJSON *list = json_new_array();

    for (size_t i = 0; i < nics->count; i++) {
        const struct nic *nic = &nics->list[i];
        const struct libvirt_network *network =
            nic->type == NIC_NETWORK ? survey_network(survey, nic->source) : NULL;
        cleanup_free char *name = xasprintf("%s-%zu", vm_cid, i);
        if (network)
            add_reservation(list, nic, network, name);
    }
    return list;
}

char *reservation_vm(const char *name)
{
    const char *dash = strrchr(name, '-');
    cleanup_free char *cid = xstrndup(name, dash ? (size_t)(dash - name) : 0);

    return starts_with(cid, "vm-") && id_valid(cid) && id_uuid(cid) ? steal_pointer(&cid) : NULL;
}

/* Is there still anything of the VM? 1, 0, -1: cannot tell. */
static int is_left(struct cpi *cpi, const char *cid, struct error *err)
{
    int there = store_has(&cpi->store, STORE_VM, cid, err);

    return there ? there : vm_exists(cpi, cid, err);
}

/* -1: cannot tell. */
static int judge(struct cpi *cpi, const cJSON *entry, const struct dhcp_host *host,
                 struct error *err)
{
    const bool same_mac = strcasecmp(host->mac, json_string(entry, "mac")) == 0;
    const bool same_ip = strcmp(host->ip, json_string(entry, "ip")) == 0;
    const bool same_name = strcmp(host->name, json_string(entry, "name")) == 0;

    if (same_mac && same_ip && same_name)
        return SAME;
    if (!same_mac && !same_ip && !same_name)
        return UNRELATED;
    cleanup_free char *cid = reservation_vm(host->name);
    if (!cid)
        return same_mac && same_ip ? ENOUGH : TAKEN;
    /* One of our own that is not as it should be. */
    if (same_name)
        return STALE;
    int there = is_left(cpi, cid, err);
    return there < 0 ? -1 : there ? TAKEN : STALE;
}

static int taken(const cJSON *entry, const struct dhcp_host *host, struct error *err)
{
    return fail(err, ERROR_CLOUD,
                "the address %s for the MAC %s cannot be reserved on network '%s': its DHCP has "
                "an entry of %s for %s%s%s%s already (see 'virsh net-dumpxml')",
                json_string(entry, "ip"), json_string(entry, "mac"), json_string(entry, "network"),
                host->ip, *host->mac ? host->mac : "no MAC", *host->name ? ", '" : "", host->name,
                *host->name ? "'," : "");
}

static int add_update(struct cpi *cpi, struct virsh_script *script, const char *verb,
                      const cJSON *entry, const char *scope, struct error *err)
{
    cleanup_free char *xml = template_render(&cpi->templates, "host", entry, err);
    cleanup_free char *parent = xasprintf("%d", json_get(entry, "parent")->valueint);
    const bool both = scope == NULL;

    if (!xml)
        return -1;
    /* The NULL of the last word ends the command early. */
    VIRSH_ADD(script, "net-update", json_string(entry, "network"), verb, "ip-dhcp-host", xml,
              "--parent-index", parent, both ? "--live" : scope, both ? "--config" : NULL);
    return 0;
}

static void add_dumps(struct virsh_script *script, const cJSON *entry)
{
    VIRSH_ADD(script, "net-dumpxml", json_string(entry, "network"));
    VIRSH_ADD(script, "net-dumpxml", json_string(entry, "network"), "--inactive");
}

/* Reads what the commands of add_dumps answered; nothing where there is no such network. */
static int read_dumps(char *const out[2], struct definitions *definitions, struct error *err)
{
    if (strchr(out[0], '<') && libvirt_network_read(out[0], &definitions->live, err) < 0)
        return -1;
    return strchr(out[1], '<') ? libvirt_network_read(out[1], &definitions->config, err) : 0;
}

/* Runs the script; the last command tells whether libvirt answers at all. */
static int play(struct cpi *cpi, struct virsh_script *script, struct virsh_reply *reply,
                struct error *err)
{
    VIRSH_ADD(script, "net-list", "--name");
    if (virsh_play(&cpi->virsh, script, NULL, reply, err) < 0)
        return -1;
    if (reply->status != 0)
        return virsh_fail(reply, err, "cannot list the networks of '%s'", cpi->virsh.uri);
    return 0;
}

/* Adds the deletion of what is in an entry's way. */
static int add_removal(struct cpi *cpi, struct virsh_script *script, const cJSON *entry,
                       const struct dhcp_host *host, struct error *err)
{
    cleanup_json cJSON *stale = json_copy(entry);

    cJSON_ReplaceItemInObjectCaseSensitive(stale, "mac", cJSON_CreateString(host->mac));
    cJSON_ReplaceItemInObjectCaseSensitive(stale, "name", cJSON_CreateString(host->name));
    cJSON_ReplaceItemInObjectCaseSensitive(stale, "ip", cJSON_CreateString(host->ip));
    log_note(cpi->log, "removing the DHCP reservation of %s on network '%s', which '%s' left",
             host->ip, json_string(entry, "network"), host->name);
    if (add_update(cpi, script, "delete", stale, "--live", err) < 0)
        return -1;
    return add_update(cpi, script, "delete", stale, "--config", err);
}

/* Is the reservation made in this definition? What is in its way is to be removed by 'script', if
 * there is one. 1: made, 0: not, -1: failed, or somebody else's is in the way. */
static int examine(struct cpi *cpi, const cJSON *entry, const struct libvirt_network *network,
                   struct virsh_script *script, struct error *err)
{
    const size_t parent = (size_t)json_get(entry, "parent")->valueint;
    const struct network_subnet *subnet =
        parent < network->count ? &network->subnets[parent] : NULL;
    int made = 0;

    for (size_t i = 0; subnet && i < subnet->host_count; i++) {
        int kinship = judge(cpi, entry, &subnet->hosts[i], err);
        if (kinship < 0)
            return -1;
        if (kinship == TAKEN)
            return taken(entry, &subnet->hosts[i], err);
        if (kinship == STALE && script &&
            add_removal(cpi, script, entry, &subnet->hosts[i], err) < 0)
            return -1;
        made |= kinship == SAME || kinship == ENOUGH;
    }
    return made;
}

int reservation_check(struct cpi *cpi, const cJSON *list, const struct survey *survey,
                      struct error *err)
{
    const cJSON *entry;

    cJSON_ArrayForEach (entry, list) {
        const struct libvirt_network *network =
            survey_network(survey, json_string(entry, "network"));
        if (network && examine(cpi, entry, network, NULL, err) < 0)
            return -1;
    }
    return 0;
}

/* Makes an entry for which something is in the way, or which is there in one definition only. */
static int replace(struct cpi *cpi, const cJSON *entry, const struct definitions *before,
                   struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };
    cleanup_definitions struct definitions after = { 0 };
    int live = examine(cpi, entry, &before->live, &script, err);
    int config = live < 0 ? -1 : examine(cpi, entry, &before->config, &script, err);

    if (config < 0 || (!live && add_update(cpi, &script, "add", entry, "--live", err) < 0) ||
        (!config && add_update(cpi, &script, "add", entry, "--config", err) < 0))
        return -1;
    int dumps = script.count;
    add_dumps(&script, entry);
    if (play(cpi, &script, &reply, err) < 0 || read_dumps(reply.out + dumps, &after, err) < 0)
        return -1;
    live = examine(cpi, entry, &after.live, NULL, err);
    config = live < 0 ? -1 : examine(cpi, entry, &after.config, NULL, err);
    if (config < 0)
        return -1;
    if (!live || !config)
        return virsh_fail(&reply, err, "the address %s could not be reserved on network '%s'",
                          json_string(entry, "ip"), json_string(entry, "network"));
    return 0;
}

static int finish(struct cpi *cpi, const cJSON *entry, char *const out[2], struct error *err)
{
    cleanup_definitions struct definitions definitions = { 0 };

    if (read_dumps(out, &definitions, err) < 0)
        return -1;
    int live = examine(cpi, entry, &definitions.live, NULL, err);
    int config = live < 0 ? -1 : examine(cpi, entry, &definitions.config, NULL, err);
    if (config < 0 || (live && config))
        return config < 0 ? -1 : 0;
    return replace(cpi, entry, &definitions, err);
}

/* Adding an entry takes so many commands. */
enum { ADDING = 3 };

int reservation_add(struct cpi *cpi, const cJSON *list, struct virsh_script *script,
                    struct error *err)
{
    const cJSON *entry;

    cJSON_ArrayForEach (entry, list) {
        if (add_update(cpi, script, "add", entry, NULL, err) < 0)
            return -1;
        add_dumps(script, entry);
    }
    return 0;
}

int reservation_added(struct cpi *cpi, const cJSON *list, char *const *out, struct error *err)
{
    const cJSON *entry;

    cJSON_ArrayForEach (entry, list) {
        if (finish(cpi, entry, out + 1, err) < 0)
            return -1;
        out += ADDING;
    }
    return 0;
}

int reservation_make(struct cpi *cpi, const cJSON *list, struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    if (cJSON_GetArraySize(list) == 0)
        return 0;
    if (reservation_add(cpi, list, &script, err) < 0 || play(cpi, &script, &reply, err) < 0)
        return -1;
    return reservation_added(cpi, list, reply.out, err);
}

/* The number of the <ip> in which there is an entry of this name, -1 when there is none. */
static int find_name(const struct libvirt_network *network, const char *name)
{
    for (size_t i = 0; i < network->count; i++)
        for (size_t j = 0; j < network->subnets[i].host_count; j++)
            if (strcmp(network->subnets[i].hosts[j].name, name) == 0)
                return (int)i;
    return -1;
}

/* Removes the entries once, and leaves those in 'left' that are still there, with the number of
 * the <ip> in which they are now. */
static int drop_once(struct cpi *cpi, const cJSON *list, cJSON *left, struct virsh_reply *reply,
                     struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    const cJSON *entry;
    int index = 0;

    cJSON_ArrayForEach (entry, list) {
        if (add_update(cpi, &script, "delete", entry, "--live", err) < 0 ||
            add_update(cpi, &script, "delete", entry, "--config", err) < 0)
            return -1;
        add_dumps(&script, entry);
    }
    if (play(cpi, &script, reply, err) < 0)
        return -1;
    cJSON_ArrayForEach (entry, list) {
        cleanup_definitions struct definitions definitions = { 0 };
        if (read_dumps(reply->out + index + 2, &definitions, err) < 0)
            return -1;
        index += 4;
        int parent = find_name(&definitions.live, json_string(entry, "name"));
        if (parent < 0)
            parent = find_name(&definitions.config, json_string(entry, "name"));
        if (parent < 0)
            continue;
        cJSON *again = json_copy(entry);
        cJSON_ReplaceItemInObjectCaseSensitive(again, "parent", cJSON_CreateNumber(parent));
        json_put(left, NULL, again);
    }
    return 0;
}

int reservation_drop(struct cpi *cpi, const cJSON *list, struct error *err)
{
    cleanup_json cJSON *left = json_new_array(), *still = json_new_array();
    cleanup_reply struct virsh_reply first = { 0 }, second = { 0 };

    if (cJSON_GetArraySize(list) == 0)
        return 0;
    if (drop_once(cpi, list, left, &first, err) < 0)
        return -1;
    if (cJSON_GetArraySize(left) == 0)
        return 0;
    /* Somebody edited the network meanwhile. */
    if (drop_once(cpi, left, still, &second, err) < 0)
        return -1;
    if (cJSON_GetArraySize(still) == 0)
        return 0;
    return virsh_fail(&second, err, "libvirt did not remove a DHCP reservation of network '%s'",
                      json_string(cJSON_GetArrayItem(still, 0), "network"));
}
