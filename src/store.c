#include "cpi/store.h"

#include "cpi/id.h"
#include "cpi/json.h"

#include <stdlib.h>
#include <string.h>

enum { LAYOUT_VERSION = 1 };

static const struct {
    const char *directory, *record, *lock;
} kinds[] = {
    [STORE_VM] = { "vms", "vm.json", "vm" },
    [STORE_DISK] = { "disks", "disk.json", "disk" },
    [STORE_STEMCELL] = { "stemcells", "stemcell.json", "stemcell" },
    [STORE_SNAPSHOT] = { "snapshots", "snapshot.json", "snapshot" },
};

static char *version_path(const struct store *store)
{
    return xasprintf("%s/version", store->dir);
}

int store_is_laid_out(const struct store *store, struct error *err)
{
    cleanup_free char *path = version_path(store);

    return host_exists(store->host, path, err);
}

int store_check(struct store *store, struct error *err)
{
    cleanup_free char *path = version_path(store);
    cleanup_free char *text = NULL;
    int got = host_get(store->host, path, &text, err);

    if (got <= 0)
        return got;
    if (strtol(text, NULL, 10) > LAYOUT_VERSION)
        return fail(err, ERROR_CLOUD,
                    "'%s' was laid out by a newer cpi (version %ld, this one "
                    "knows %d): use that one",
                    store->dir, strtol(text, NULL, 10), LAYOUT_VERSION);
    store->laid_out = true;
    return 0;
}

/* Makes a directory and what is missing above it. */
static int make_path(const struct store *store, const char *path, struct error *err)
{
    cleanup_free char *part = xstrdup(path);

    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int there = host_exists(store->host, part, err);
        if (there < 0 || (!there && host_make_directory(store->host, part, 0755, err) < 0))
            return -1;
        *slash = '/';
    }
    return host_make_directory(store->host, path, 0711, err);
}

/* Others may pass through our directories, for the hypervisor's user is one of them, but not look
 * around; the locks are ours alone. */
int store_prepare(const struct store *store, struct error *err)
{
    static const struct {
        const char *name;
        mode_t mode;
    } directories[] = { { "vms", 0711 },       { "disks", 0711 },    { "stemcells", 0711 },
                        { "snapshots", 0711 }, { "networks", 0700 }, { ".lock", 0700 } };
    cleanup_free char *version = version_path(store);
    cleanup_free char *content = xasprintf("%d\n", LAYOUT_VERSION);
    int there = store->laid_out ? 1 : host_exists(store->host, version, err);

    if (there)
        return there < 0 ? -1 : 0;
    if (make_path(store, store->dir, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
        cleanup_free char *path = xasprintf("%s/%s", store->dir, directories[i].name);
        if (host_make_directory(store->host, path, directories[i].mode, err) < 0)
            return -1;
    }
    return host_put(store->host, version, (struct bytes){ content, strlen(content) }, 0644, err);
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
    return host_lock(store->host, path, mode, store->host->lock_timeout, held, err) < 0 ? -1 : 0;
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

int store_has(const struct store *store, enum store_kind kind, const char *cid, struct error *err)
{
    cleanup_free char *path = store_path(store, kind, cid, NULL);

    return host_exists(store->host, path, err);
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
        return 0;
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

    if (host_make_directory(store->host, path, 0711, err) < 0)
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

    if (there < 0 || host_remove(store->host, leaving, err) < 0)
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
        if (host_remove(store->host, path, err) < 0)
            return -1;
        host_retire_lock(&held);
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

    if (host_make_directory(store->host, directory, 0700, err) < 0)
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
