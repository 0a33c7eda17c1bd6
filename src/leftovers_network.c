#include "cpi/id.h"
#include "cpi/json.h"
#include "cpi/libvirt_network.h"
#include "cpi/reservation.h"
#include "cpi/survey.h"
#include "cpi/sweep.h"

#include <string.h>

/* Holds a VM that is gone. 1: held, 0: it is not gone, or somebody works on it, -1: cannot tell. */
static int hold_gone(struct sweep *sweep, const char *vm, struct hold *hold, struct error *err)
{
    int gone = sweep_vm_is_gone(sweep, vm, err);

    if (gone > 0)
        gone = sweep_hold(sweep, STORE_VM, vm, hold, err);
    return gone > 0 ? sweep_vm_is_gone(sweep, vm, err) : gone;
}

static int sweep_claim(struct sweep *sweep, const char *network, const char *ip, struct error *err)
{
    const struct store *store = &sweep->cpi->store;
    cleanup_hold struct hold hold = HOLD_NONE;
    cleanup_free char *holder = NULL;
    cleanup_free char *where = xasprintf("%s on network %s", ip, network);
    cleanup_error struct error failure = { 0 };
    int held = store_ip_holder(store, network, ip, &holder, err);
    int gone = held;

    if (held > 0)
        gone = id_valid(holder) ? hold_gone(sweep, holder, &hold, err) : 0;

    if (gone > 0 && sweep_found(sweep, "the address of a VM that is gone", where) &&
        store_release_ip(store, network, ip, holder, &failure) < 0)
        sweep_failed(sweep, where, &failure);
    return gone < 0 ? -1 : 0;
}

int sweep_claims(struct sweep *sweep, struct error *err)
{
    const struct store *store = &sweep->cpi->store;
    cleanup_strings char **networks = NULL;

    if (store_list_networks(store, &networks, err) < 0)
        return -1;
    for (char **network = networks; *network; network++) {
        cleanup_strings char **ips = NULL;
        if (store_list_ips(store, *network, &ips, err) < 0)
            return -1;
        for (char **ip = ips; *ip; ip++)
            if (sweep_claim(sweep, *network, *ip, err) < 0)
                return -1;
    }
    return 0;
}

/* An entry of a network's DHCP as reservation_drop takes it. Owned by the caller. */
static cJSON *entry_of(const char *network, const struct dhcp_host *host, size_t parent)
{
    cJSON *entry = json_new_object();

    json_put_string(entry, "network", network);
    json_put_string(entry, "mac", host->mac);
    json_put_string(entry, "name", host->name);
    json_put_string(entry, "ip", host->ip);
    json_put_number(entry, "parent", (double)parent);
    return entry;
}

static int sweep_reservation(struct sweep *sweep, cJSON *entry, struct error *err)
{
    cleanup_json cJSON *list = json_new_array();
    cleanup_hold struct hold hold = HOLD_NONE;
    cleanup_free char *vm = reservation_vm(json_string(entry, "name"));
    cleanup_free char *where = xasprintf("%s on network %s, '%s'", json_string(entry, "ip"),
                                         json_string(entry, "network"), json_string(entry, "name"));
    cleanup_error struct error failure = { 0 };

    json_put(list, NULL, entry);
    /* Without its record nobody knew what a doomed one had reserved. */
    int gone = !vm ? 0 : strings_contain(sweep->doomed, vm) ? 1 : hold_gone(sweep, vm, &hold, err);
    if (gone > 0 && sweep_found(sweep, "the DHCP reservation of a VM that is gone", where) &&
        reservation_drop(sweep->cpi, list, &failure) < 0)
        sweep_failed(sweep, where, &failure);
    return gone < 0 ? -1 : 0;
}

/* What is in both definitions of a network goes from both at once. */
static bool is_known(char ***seen, const char *network, const struct dhcp_host *host)
{
    cleanup_free char *key = xasprintf("%s/%s/%s", network, host->name, host->ip);

    if (strings_contain(*seen, key))
        return true;
    strings_add(seen, key);
    return false;
}

static int sweep_network(struct sweep *sweep, const char *xml, char ***seen, struct error *err)
{
    cleanup_libvirt_network struct libvirt_network network = { 0 };

    /* It went since it was listed. */
    if (!strchr(xml, '<'))
        return 0;
    if (libvirt_network_read(xml, &network, err) < 0)
        return -1;
    for (size_t i = 0; i < network.count; i++)
        for (size_t j = 0; j < network.subnets[i].host_count; j++) {
            const struct dhcp_host *host = &network.subnets[i].hosts[j];
            if (!is_known(seen, network.name, host) &&
                sweep_reservation(sweep, entry_of(network.name, host, i), err) < 0)
                return -1;
        }
    return 0;
}

int sweep_reservations(struct sweep *sweep, struct error *err)
{
    char *none[] = { NULL };
    cleanup_survey struct survey survey = { 0 };
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };
    cleanup_strings char **seen = NULL;
    const struct virsh *virsh = &sweep->cpi->virsh;

    if (sweep->cpi->config.hypervisor->networks &&
        survey_take(virsh, (struct survey_wish){ .networks = none }, &survey, err) < 0)
        return -1;
    if (!survey.networks || !*survey.networks)
        return 0;
    for (char **name = survey.networks; *name; name++) {
        VIRSH_ADD(&script, "net-dumpxml", *name);
        VIRSH_ADD(&script, "net-dumpxml", *name, "--inactive");
    }
    if (virsh_play(virsh, &script, NULL, &reply, err) < 0)
        return -1;
    for (char **xml = reply.out; *xml; xml++)
        if (sweep_network(sweep, *xml, &seen, err) < 0)
            return -1;
    return 0;
}
