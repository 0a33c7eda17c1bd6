#include "cpi/vm_address.h"

#include "cpi/json.h"
#include "cpi/vm.h"

struct address {
    const char *network, *ip;
};

/* Removes what a killed process left of the VM that has our address. */
static int evict(struct cpi *cpi, const char *holder, struct address address, struct error *err)
{
    cleanup_lock struct lock lock = LOCK_NONE;
    int taken = store_try_lock(&cpi->store, STORE_VM, holder, &lock, err);

    if (taken < 0)
        return -1;
    if (taken == 0) {
        fail(err, ERROR_CLOUD,
             "the address %s on network '%s' belongs to VM '%s', which another cpi process is "
             "working on",
             address.ip, address.network, holder);
        return error_retriable(err);
    }
    int whole = vm_is_whole(cpi, holder, err);
    if (whole < 0)
        return -1;
    if (whole)
        return fail(err, ERROR_CLOUD, "the address %s on network '%s' belongs to VM '%s'",
                    address.ip, address.network, holder);
    log_note(cpi->log, "removing VM '%s', which an ended process left half made", holder);
    if (vm_delete_locked(cpi, holder, err) < 0)
        return -1;
    host_retire_lock(&lock);
    /* If its directory was gone too, nothing but the address was left. */
    return store_release_ip(&cpi->store, address.network, address.ip, holder, err);
}

static int check(struct cpi *cpi, struct address address, struct error *err)
{
    cleanup_free char *holder = NULL;
    int held = store_ip_holder(&cpi->store, address.network, address.ip, &holder, err);

    return held > 0 ? evict(cpi, holder, address, err) : held;
}

static int claim(struct cpi *cpi, const char *vm_cid, struct address address, struct error *err)
{
    for (;;) {
        cleanup_free char *holder = NULL;
        int claimed =
            store_claim_ip(&cpi->store, address.network, address.ip, vm_cid, &holder, err);
        if (claimed)
            return claimed < 0 ? -1 : 0;
        if (holder && evict(cpi, holder, address, err) < 0)
            return -1;
    }
}

void vm_address_foresee(struct cpi *cpi, const struct nics *nics)
{
    for (size_t i = 0; i < nics->count; i++)
        for (char **ip = nics->list[i].ips; ip && *ip; ip++)
            store_foresee_ip(&cpi->store, nics->list[i].source, *ip);
}

int vm_address_check(struct cpi *cpi, const struct nics *nics, struct error *err)
{
    for (size_t i = 0; i < nics->count; i++)
        for (char **ip = nics->list[i].ips; ip && *ip; ip++)
            if (check(cpi, (struct address){ nics->list[i].source, *ip }, err) < 0)
                return -1;
    return 0;
}

int vm_address_claim(struct cpi *cpi, const char *vm_cid, const struct nics *nics,
                     struct error *err)
{
    for (size_t i = 0; i < nics->count; i++)
        for (char **ip = nics->list[i].ips; ip && *ip; ip++)
            if (claim(cpi, vm_cid, (struct address){ nics->list[i].source, *ip }, err) < 0)
                return -1;
    return 0;
}

cJSON *vm_address_list(const struct nics *nics)
{
    cJSON *list = json_new_array();

    for (size_t i = 0; i < nics->count; i++)
        for (char **ip = nics->list[i].ips; ip && *ip; ip++) {
            cJSON *entry = json_new_object();
            json_put_string(entry, "network", nics->list[i].source);
            json_put_string(entry, "ip", *ip);
            json_put(list, NULL, entry);
        }
    return list;
}
