#include "cpi/vm_network.h"

#include "cpi/json.h"

char **vm_network_names(const struct nics *nics)
{
    char **names = NULL;

    for (size_t i = 0; i < nics->count; i++)
        if (nics->list[i].type == NIC_NETWORK && !strings_contain(names, nics->list[i].source))
            strings_add(&names, nics->list[i].source);
    return names;
}

cJSON *vm_network_list(const struct nics *nics)
{
    cleanup_strings char **names = vm_network_names(nics);
    cJSON *list = json_new_array();

    for (char **name = names; name && *name; name++)
        json_put_string(list, NULL, *name);
    return list;
}

static void warn_of(struct cpi *cpi, const char *name, char *const *autostart)
{
    if (!strings_contain(autostart, name))
        log_note(cpi->log,
                 "warning: network '%s' has no autostart: after a reboot of the host this VM does "
                 "not come back by itself; 'virsh net-autostart %s' mends that",
                 name, name);
}

void vm_network_warn(struct cpi *cpi, const struct nics *nics, char *const *autostart)
{
    cleanup_strings char **names = vm_network_names(nics);

    for (char **name = names; name && *name; name++)
        warn_of(cpi, *name, autostart);
}

static int check_state(struct cpi *cpi, const char *name, const struct survey *survey,
                       struct error *err)
{
    if (!strings_contain(survey->networks, name))
        return fail(err, ERROR_NETWORK_NOT_FOUND,
                    "there is no network '%s' at '%s': define it with 'virsh net-define', or name "
                    "another in the network's cloud_properties",
                    name, cpi->virsh.uri);
    if (!strings_contain(survey->active, name) && !cpi->config.auto_enable_networks)
        return fail(err, ERROR_CLOUD,
                    "network '%s' is not active: start it with 'virsh net-start %s' or set "
                    "auto_enable_networks",
                    name, name);
    if (strings_contain(survey->active, name))
        warn_of(cpi, name, survey->autostart);
    return 0;
}

static int outside(const struct libvirt_network *network, const char *what, const char *address,
                   struct error *err)
{
    cleanup_free char *subnets = libvirt_network_subnets(network);

    return fail(err, ERROR_CLOUD, "%s %s is outside network '%s', which is %s", what, address,
                network->name, subnets);
}

static int check_ip(const struct libvirt_network *network, const char *text, struct error *err)
{
    const struct network_subnet *subnet;
    struct ip ip;

    if (!ip_parse(text, &ip))
        return 0;
    subnet = libvirt_network_subnet(network, &ip);
    if (!subnet)
        return outside(network, "the address", text, err);
    if (ip_equal(&subnet->subnet.ip, &ip))
        return fail(err, ERROR_CLOUD,
                    "the address %s belongs to the host: it is that of the bridge of network '%s'",
                    text, network->name);
    return 0;
}

static int check_addresses(const struct nic *nic, const struct libvirt_network *network,
                           struct error *err)
{
    struct ip ip;

    for (char **text = nic->ips; text && *text; text++)
        if (check_ip(network, *text, err) < 0)
            return -1;
    for (char **text = nic->gateways; text && *text; text++)
        if (ip_parse(*text, &ip) && !libvirt_network_subnet(network, &ip))
            return outside(network, "the gateway", *text, err);
    return 0;
}

int vm_network_check(struct cpi *cpi, const struct nics *nics, const struct survey *survey,
                     struct error *err)
{
    cleanup_strings char **names = vm_network_names(nics);

    for (char **name = names; name && *name; name++)
        if (check_state(cpi, *name, survey, err) < 0)
            return -1;
    for (size_t i = 0; i < nics->count; i++) {
        const struct nic *nic = &nics->list[i];
        const struct libvirt_network *network =
            nic->type == NIC_NETWORK ? survey_network(survey, nic->source) : NULL;
        if (network && network->count && check_addresses(nic, network, err) < 0)
            return -1;
    }
    return 0;
}

int vm_network_enable(struct cpi *cpi, const struct nics *nics, const struct survey *survey,
                      struct error *err)
{
    cleanup_strings char **names = vm_network_names(nics);

    for (char **name = names; name && *name; name++) {
        if (strings_contain(survey->active, *name))
            continue;
        if (network_enable(&cpi->virsh, *name, err) < 0)
            return -1;
        log_note(cpi->log, "started network '%s' and set it to autostart", *name);
    }
    return 0;
}
