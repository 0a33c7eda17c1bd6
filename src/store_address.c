#include "cpi/store.h"

#include <stdlib.h>
#include <string.h>

static char *ip_path(const struct store *store, const char *network, const char *ip)
{
    return xasprintf("%s/networks/%s%s%s", store->dir, network, ip ? "/" : "", ip ? ip : "");
}

int store_ip_holder(const struct store *store, const char *network, const char *ip, char **holder,
                    struct error *err)
{
    cleanup_free char *path = ip_path(store, network, ip);

    return host_claimed_by(store->host, path, holder, err);
}

int store_claim_ip(const struct store *store, const char *network, const char *ip, const char *cid,
                   char **holder, struct error *err)
{
    cleanup_free char *directory = ip_path(store, network, NULL);
    cleanup_free char *path = ip_path(store, network, ip);

    if (store_make_directory(store, directory, 0700, err) < 0)
        return -1;
    int claimed = host_claim(store->host, path, cid, err);
    if (claimed != 0)
        return claimed;
    int held = store_ip_holder(store, network, ip, holder, err);
    if (held < 0)
        return -1;
    return held && strcmp(*holder, cid) == 0;
}

int store_release_ip(const struct store *store, const char *network, const char *ip,
                     const char *cid, struct error *err)
{
    cleanup_free char *path = ip_path(store, network, ip);
    cleanup_free char *holder = NULL;
    int held = store_ip_holder(store, network, ip, &holder, err);

    if (held <= 0 || strcmp(holder, cid) != 0)
        return held < 0 ? -1 : 0;
    return host_remove(store->host, path, err);
}

int store_list_ips(const struct store *store, const char *network, char ***ips, struct error *err)
{
    cleanup_free char *directory = ip_path(store, network, NULL);

    return host_list(store->host, directory, ips, err);
}

int store_list_networks(const struct store *store, char ***networks, struct error *err)
{
    cleanup_free char *directory = xasprintf("%s/networks", store->dir);

    return host_list(store->host, directory, networks, err);
}

void store_foresee_ip(const struct store *store, const char *network, const char *ip)
{
    cleanup_free char *path = ip_path(store, network, ip);

    host_foresee(store->host, HOST_CLAIMED_BY, path);
}

int store_release_ips(const struct store *store, const char *cid, struct error *err)
{
    cleanup_free char *directory = xasprintf("%s/networks", store->dir);

    return host_unclaim(store->host, directory, cid, err);
}
