#include "cpi/disk.h"
#include "cpi/json.h"
#include "cpi/leftovers.h"
#include "cpi/sweep.h"

#include <string.h>

static const enum store_kind kinds[] = { STORE_VM, STORE_DISK, STORE_STEMCELL, STORE_SNAPSHOT };

/* The CID in the name of what is on its way in or out, NULL in other names. Part of name. */
static const char *passing(const char *name)
{
    return starts_with(name, ".new-")    ? name + strlen(".new-")
           : starts_with(name, ".gone-") ? name + strlen(".gone-")
                                         : NULL;
}

static void remove_path(struct sweep *sweep, const char *path)
{
    cleanup_error struct error failure = { 0 };

    if (host_remove(&sweep->cpi->host, path, &failure) < 0)
        sweep_failed(sweep, path, &failure);
}

static int sweep_entry(struct sweep *sweep, enum store_kind kind, const char *name,
                       struct error *err)
{
    cleanup_hold struct hold hold = HOLD_NONE;
    cleanup_free char *path = store_path(&sweep->cpi->store, kind, name, NULL);
    int taken = sweep_hold(sweep, kind, passing(name), &hold, err);
    /* It may have arrived, or be gone, since the directory was listed. */
    int there = taken > 0 ? host_exists(&sweep->cpi->host, path, err) : taken;

    if (there > 0 && sweep_found(sweep, "a directory on its way in or out", path)) {
        remove_path(sweep, path);
        hold.retire = true;
    }
    return there < 0 ? -1 : 0;
}

int sweep_staged(struct sweep *sweep, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        cleanup_free char *directory = store_path(&sweep->cpi->store, kinds[i], "", NULL);
        cleanup_strings char **names = NULL;
        if (host_list(&sweep->cpi->host, directory, &names, err) < 0)
            return -1;
        for (char **name = names; *name; name++)
            if (passing(*name) && sweep_entry(sweep, kinds[i], *name, err) < 0)
                return -1;
    }
    return 0;
}

/* A record is written as another file first, which gets six characters more. */
static bool is_unfinished(enum store_kind kind, const char *name)
{
    const char *record = store_record_name(kind);
    const size_t length = strlen(record);

    return starts_with(name, record) && name[length] == '.' && strlen(name + length) == 7;
}

/* Is it the name of a disk's image, of any format? */
static bool is_image(const struct cpi *cpi, const char *name)
{
    return starts_with(name, "disk.") &&
           strings_contain((char *const *)cpi->config.hypervisor->disk_formats,
                           name + strlen("disk."));
}

/* An image that update_disk converted the disk to or from, and that its record does not name. Only
 * a disk that has its image can have one too many. */
static bool is_other_image(struct cpi *cpi, const char *cid, const char *name)
{
    cleanup_json cJSON *record = NULL;
    cleanup_error struct error ignored = { 0 };

    if (!is_image(cpi, name) || store_read(&cpi->store, STORE_DISK, cid, &record, &ignored) <= 0 ||
        !json_string(record, "format"))
        return false;
    cleanup_free char *path = disk_path(cpi, cid, record);
    return !ends_with(path, name) && host_exists(&cpi->host, path, &ignored) > 0;
}

static bool is_scrap(struct cpi *cpi, enum store_kind kind, const char *cid, const char *name)
{
    return is_unfinished(kind, name) || (kind == STORE_DISK && is_other_image(cpi, cid, name));
}

static int sweep_file(struct sweep *sweep, enum store_kind kind, const char *cid, const char *name,
                      struct error *err)
{
    cleanup_hold struct hold hold = HOLD_NONE;
    cleanup_free char *path = store_path(&sweep->cpi->store, kind, cid, name);
    int taken = sweep_hold(sweep, kind, cid, &hold, err);
    int there = taken > 0 ? host_exists(&sweep->cpi->host, path, err) : taken;

    if (there > 0 && is_scrap(sweep->cpi, kind, cid, name) &&
        sweep_found(sweep, "a file that was never finished or is no longer used", path))
        remove_path(sweep, path);
    return there < 0 ? -1 : 0;
}

/* What somebody else put there is no directory of ours. */
static char **list_files(struct sweep *sweep, enum store_kind kind, const char *cid)
{
    cleanup_free char *directory = store_path(&sweep->cpi->store, kind, cid, NULL);
    cleanup_error struct error passed_over = { 0 };
    char **names = NULL;

    if (host_list(&sweep->cpi->host, directory, &names, &passed_over) < 0)
        log_event(sweep->cpi->log, "%s", passed_over.message);
    return names;
}

static int count_images(const struct cpi *cpi, char *const *names)
{
    int count = 0;

    for (; names && *names; names++)
        count += is_image(cpi, *names);
    return count;
}

static int sweep_kind(struct sweep *sweep, enum store_kind kind, struct error *err)
{
    cleanup_strings char **cids = NULL;

    if (store_list(&sweep->cpi->store, kind, &cids, err) < 0)
        return -1;
    for (char **cid = cids; *cid; cid++) {
        cleanup_strings char **names = list_files(sweep, kind, *cid);
        const bool images = kind == STORE_DISK && count_images(sweep->cpi, names) > 1;
        for (char **name = names; name && *name; name++)
            if ((is_unfinished(kind, *name) || (images && is_image(sweep->cpi, *name))) &&
                sweep_file(sweep, kind, *cid, *name, err) < 0)
                return -1;
    }
    return 0;
}

int sweep_files(struct sweep *sweep, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (sweep_kind(sweep, kinds[i], err) < 0)
            return -1;
    return 0;
}

/* Is there nothing that the lock could be for? 1, 0, -1: cannot tell. */
static int is_idle(struct sweep *sweep, enum store_kind kind, const char *cid, struct error *err)
{
    static const char *const prefixes[] = { "", ".new-", ".gone-" };

    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
        cleanup_free char *name = xasprintf("%s%s", prefixes[i], cid);
        int there = store_has(&sweep->cpi->store, kind, name, err);
        if (there)
            return there < 0 ? -1 : 0;
    }
    return kind != STORE_VM || !strings_contain(sweep->domains, cid);
}

static int sweep_lock(struct sweep *sweep, enum store_kind kind, const char *cid, struct error *err)
{
    cleanup_hold struct hold hold = HOLD_NONE;
    int idle = is_idle(sweep, kind, cid, err);

    if (idle > 0)
        idle = sweep_hold(sweep, kind, cid, &hold, err);
    if (idle > 0)
        idle = is_idle(sweep, kind, cid, err);
    if (idle > 0)
        hold.retire = sweep_found(sweep, LEFTOVER_LOCK, cid);
    return idle < 0 ? -1 : 0;
}

int sweep_locks(struct sweep *sweep, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        cleanup_strings char **cids = NULL;
        if (store_list_locks(&sweep->cpi->store, kinds[i], &cids, err) < 0)
            return -1;
        /* A lock that is for no one thing is for good. */
        for (char **cid = cids; cid && *cid; cid++)
            if (id_valid(*cid) && sweep_lock(sweep, kinds[i], *cid, err) < 0)
                return -1;
    }
    return 0;
}
