#include "cpi/store.h"

#include <string.h>

static const char *const names[] = {
    [STORE_VM] = "vm",
    [STORE_DISK] = "disk",
    [STORE_STEMCELL] = "stemcell",
    [STORE_SNAPSHOT] = "snapshot",
};

static char *lock_path(const struct store *store, enum store_kind kind, const char *cid)
{
    return xasprintf("%s/.lock/%s-%s", store->dir, names[kind], cid);
}

static int wait_for_lock(const struct store *store, const char *path, enum lock_mode mode,
                         struct lock *held, struct error *err)
{
    int taken = host_lock_later(store->host, path, mode, held, err);

    /* There is no directory for it. Nobody may work without a lock where there is a store. */
    if (taken == 0 && store->laid_out)
        taken =
            store_mend(store, err) < 0 ? -1 : host_lock_later(store->host, path, mode, held, err);
    return taken < 0 ? -1 : 0;
}

char *store_slot_path(const struct store *store)
{
    return xasprintf("%s/.lock/slot", store->dir);
}

int store_lock(const struct store *store, enum store_kind kind, const char *cid,
               enum lock_mode mode, struct lock *held, struct error *err)
{
    cleanup_free char *path = lock_path(store, kind, cid);

    return wait_for_lock(store, path, mode, held, err);
}

int store_lock_networks(const struct store *store, struct lock *held, struct error *err)
{
    cleanup_free char *path = xasprintf("%s/.lock/networks", store->dir);

    return wait_for_lock(store, path, LOCK_EXCLUSIVE, held, err);
}

int store_try_lock(const struct store *store, enum store_kind kind, const char *cid,
                   struct lock *held, struct error *err)
{
    cleanup_free char *path = lock_path(store, kind, cid);

    return host_lock(store->host, path, LOCK_EXCLUSIVE, 0, held, err);
}

int store_list_locks(const struct store *store, enum store_kind kind, char ***cids,
                     struct error *err)
{
    cleanup_free char *directory = xasprintf("%s/.lock", store->dir);
    cleanup_free char *prefix = xasprintf("%s-", names[kind]);
    cleanup_strings char **files = NULL;

    if (host_list(store->host, directory, &files, err) < 0)
        return -1;
    for (char **name = files; *name; name++)
        if (starts_with(*name, prefix))
            strings_add(cids, *name + strlen(prefix));
    return 0;
}
