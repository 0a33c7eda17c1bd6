#include "cpi/store.h"

#include "cpi/id.h"
#include "cpi/json.h"
#include "cpi/layout.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *directory, *record, *lock;
} kinds[] = {
    [STORE_VM] = { "vms", "vm.json", "vm" },
    [STORE_DISK] = { "disks", "disk.json", "disk" },
    [STORE_STEMCELL] = { "stemcells", "stemcell.json", "stemcell" },
    [STORE_SNAPSHOT] = { "snapshots", "snapshot.json", "snapshot" },
};

int store_is_laid_out(const struct store *store, struct error *err)
{
    cleanup_free char *path = xasprintf("%s/version", store->dir);

    return host_exists(store->host, path, err);
}

int store_check(struct store *store, struct error *err)
{
    long version;
    int got = layout_read(store, &layout_today, &version, err);

    if (got <= 0)
        return got;
    if (version < layout_today.version && layout_upgrade(store, &layout_today, err) < 0)
        return -1;
    store->laid_out = true;
    return 0;
}

int store_prepare(const struct store *store, struct error *err)
{
    int there = store->laid_out ? 1 : store_is_laid_out(store, err);

    if (there)
        return there < 0 ? -1 : 0;
    return layout_make(store, &layout_today, err);
}

/* A directory of ours can be lost to a restored backup or a person who cleans up. */
static int mend(const struct store *store, struct error *err)
{
    if (layout_make_directories(store, err) < 0)
        return -1;
    log_note(store->host->log, "warning: directories were missing in the store '%s': made anew",
             store->dir);
    return 0;
}

int store_make_directory(const struct store *store, const char *path, mode_t mode,
                         struct error *err)
{
    cleanup_error struct error second = { 0 };
    cleanup_free char *above = xstrndup(path, (size_t)(strrchr(path, '/') - path));

    if (host_make_directory(store->host, path, mode, err) == 0)
        return 0;
    if (!store->laid_out || host_exists(store->host, above, &second) != 0 ||
        mend(store, &second) < 0)
        return -1;
    error_release(err);
    return host_make_directory(store->host, path, mode, err);
}

const char *store_record_name(enum store_kind kind)
{
    return kinds[kind].record;
}

static char *kind_path(const struct store *store, enum store_kind kind, const char *prefix,
                       const char *name)
{
    return xasprintf("%s/%s/%s%s", store->dir, kinds[kind].directory, prefix, name);
}

char *store_path(const struct store *store, enum store_kind kind, const char *cid, const char *file)
{
    cleanup_free char *directory = kind_path(store, kind, "", cid);

    return file ? xasprintf("%s/%s", directory, file) : steal_pointer(&directory);
}

char *store_cid_of(const struct store *store, enum store_kind kind, const char *path)
{
    cleanup_free char *directory = kind_path(store, kind, "", "");

    if (!starts_with(path, directory))
        return NULL;
    const char *rest = path + strlen(directory);
    cleanup_free char *cid = xstrndup(rest, strcspn(rest, "/"));
    return id_valid(cid) ? steal_pointer(&cid) : NULL;
}

static char *lock_path(const struct store *store, enum store_kind kind, const char *cid)
{
    return xasprintf("%s/.lock/%s-%s", store->dir, kinds[kind].lock, cid);
}

static int wait_for_lock(const struct store *store, const char *path, enum lock_mode mode,
                         struct lock *held, struct error *err)
{
    const int wait_s = store->host->lock_timeout;
    int taken = host_lock(store->host, path, mode, wait_s, held, err);

    /* There is no directory for it. Nobody may work without a lock where there is a store. */
    if (taken == 0 && store->laid_out)
        taken = mend(store, err) < 0 ? -1 : host_lock(store->host, path, mode, wait_s, held, err);
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
    cleanup_free char *prefix = xasprintf("%s-", kinds[kind].lock);
    cleanup_strings char **names = NULL;

    if (host_list(store->host, directory, &names, err) < 0)
        return -1;
    for (char **name = names; *name; name++)
        if (starts_with(*name, prefix))
            strings_add(cids, *name + strlen(prefix));
    return 0;
}

/* A thing is not there. That says something only where the store is: what is mounted late, or not
 * at all, looks like a directory that was never used. 0, or -1. */
static int say_absent(const struct store *store, struct error *err)
{
    int there = store->laid_out ? 1 : store_is_laid_out(store, err);

    if (there)
        return there < 0 ? -1 : 0;
    fail(err, ERROR_CLOUD,
         "there is no store in '%s': is its file system mounted? (the first create_stemcell lays "
         "out a new one)",
         store->dir);
    return error_retriable(err);
}

int store_has(const struct store *store, enum store_kind kind, const char *cid, struct error *err)
{
    cleanup_free char *path = store_path(store, kind, cid, NULL);
    int there = host_exists(store->host, path, err);

    return there ? there : say_absent(store, err);
}

int store_list(const struct store *store, enum store_kind kind, char ***cids, struct error *err)
{
    cleanup_free char *path = kind_path(store, kind, "", "");
    cleanup_strings char **names = NULL;

    *cids = xcalloc(1, sizeof(**cids));
    if (host_list(store->host, path, &names, err) < 0)
        return -1;
    for (char **name = names; *name; name++)
        if (id_valid(*name))
            strings_add(cids, *name);
    return 0;
}

int store_read(const struct store *store, enum store_kind kind, const char *cid, cJSON **record,
               struct error *err)
{
    cleanup_free char *path = store_path(store, kind, cid, kinds[kind].record);
    cleanup_free char *text = NULL;
    int got = host_get(store->host, path, &text, err);

    if (got < 0)
        return error_retriable(err);
    if (got == 0)
        return say_absent(store, err);
    *record = json_parse(text, strlen(text), path, err);
    if (*record)
        return 1;
    err->type = ERROR_CLOUD;
    return -1;
}

static int write_record(const struct store *store, const char *directory, enum store_kind kind,
                        const cJSON *record, struct error *err)
{
    cleanup_free char *path = xasprintf("%s/%s", directory, kinds[kind].record);
    cleanup_free char *text = json_print(record);

    return host_put(store->host, path, (struct bytes){ text, strlen(text) }, 0600, err);
}

int store_write(const struct store *store, enum store_kind kind, const char *cid,
                const cJSON *record, struct error *err)
{
    cleanup_free char *path = store_path(store, kind, cid, NULL);

    return write_record(store, path, kind, record, err);
}

char *store_stage(const struct store *store, enum store_kind kind, const char *cid,
                  struct error *err)
{
    cleanup_free char *path = kind_path(store, kind, ".new-", cid);

    if (store_make_directory(store, path, 0711, err) < 0)
        return NULL;
    return steal_pointer(&path);
}

int store_publish(const struct store *store, enum store_kind kind, const char *cid,
                  const cJSON *record, struct error *err)
{
    cleanup_free char *staged = kind_path(store, kind, ".new-", cid);
    cleanup_free char *path = store_path(store, kind, cid, NULL);

    if (write_record(store, staged, kind, record, err) < 0)
        return -1;
    return host_rename(store->host, staged, path, err);
}

/* A new name can need space too. Who removes what is in the way on a full disk must succeed, even
 * if others see half a thing for a moment. */
static int remove_at_once(const struct store *store, const char *path, const char *leaving,
                          struct error *err)
{
    if (host_rename(store->host, path, leaving, err) == 0)
        return 0;
    if (err->type != ERROR_NO_DISK_SPACE)
        return -1;
    error_release(err);
    return host_remove(store->host, path, err);
}

/* The name goes at once, so that nobody finds half a thing; then its content. */
int store_remove(const struct store *store, enum store_kind kind, const char *cid,
                 struct error *err)
{
    cleanup_free char *path = store_path(store, kind, cid, NULL);
    cleanup_free char *leaving = kind_path(store, kind, ".gone-", cid);
    cleanup_free char *staged = kind_path(store, kind, ".new-", cid);
    int there = host_exists(store->host, path, err);

    if (there < 0 || (!there && say_absent(store, err) < 0) ||
        host_remove(store->host, leaving, err) < 0)
        return -1;
    if (there && remove_at_once(store, path, leaving, err) < 0)
        return -1;
    if (host_remove(store->host, leaving, err) < 0)
        return -1;
    return host_remove(store->host, staged, err);
}

int store_sweep(const struct store *store, enum store_kind kind, struct error *err)
{
    cleanup_free char *directory = kind_path(store, kind, "", "");
    cleanup_strings char **names = NULL;

    if (host_list(store->host, directory, &names, err) < 0)
        return -1;
    for (char **name = names; *name; name++) {
        cleanup_lock struct lock held = LOCK_NONE;
        const char *cid = starts_with(*name, ".new-")    ? *name + 5
                          : starts_with(*name, ".gone-") ? *name + 6
                                                         : NULL;
        cleanup_error struct error skipped = { 0 };
        if (!cid || store_try_lock(store, kind, cid, &held, &skipped) != 1)
            continue;
        cleanup_free char *path = kind_path(store, kind, "", *name);
        log_event(store->host->log, "removing '%s', which an ended process left", path);
        /* What cannot be removed, such as what a guest made immutable, is no reason to stop. */
        if (host_remove(store->host, path, &skipped) == 0)
            host_retire_lock(&held);
        else
            log_note(store->host->log, "warning: what an ended process left stays: %s",
                     skipped.message);
    }
    return 0;
}

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

static int release_in(const struct store *store, const char *network, const char *cid,
                      struct error *err)
{
    cleanup_strings char **ips = NULL;

    if (store_list_ips(store, network, &ips, err) < 0)
        return -1;
    for (char **ip = ips; *ip; ip++)
        if (store_release_ip(store, network, *ip, cid, err) < 0)
            return -1;
    return 0;
}

int store_release_ips(const struct store *store, const char *cid, struct error *err)
{
    cleanup_strings char **networks = NULL;

    if (store_list_networks(store, &networks, err) < 0)
        return -1;
    for (char **network = networks; *network; network++)
        if (release_in(store, *network, cid, err) < 0)
            return -1;
    return 0;
}
