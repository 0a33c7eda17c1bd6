#include "cpi/store.h"

#include "cpi/id.h"
#include "cpi/json.h"
#include "cpi/layout.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *directory, *record;
} kinds[] = {
    [STORE_VM] = { "vms", "vm.json" },
    [STORE_DISK] = { "disks", "disk.json" },
    [STORE_STEMCELL] = { "stemcells", "stemcell.json" },
    [STORE_SNAPSHOT] = { "snapshots", "snapshot.json" },
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

int store_mend(const struct store *store, struct error *err)
{
    if (layout_make_directories(store, err) < 0)
        return -1;
    log_note(store->host->log, "warning: directories were missing in the store '%s': made anew",
             store->dir);
    return 0;
}

int store_complete(const struct store *store, struct error *err)
{
    cleanup_strings char **directories = store_directories(store);

    for (char **directory = directories; *directory; directory++) {
        int there = host_exists(store->host, *directory, err);
        if (there <= 0)
            return there < 0 ? -1 : store_mend(store, err);
    }
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
        store_mend(store, &second) < 0)
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

void store_foresee_has(const struct store *store, enum store_kind kind, const char *cid)
{
    cleanup_free char *path = store_path(store, kind, cid, NULL);

    host_foresee(store->host, HOST_EXISTS, path);
}

void store_foresee_list(const struct store *store, enum store_kind kind)
{
    cleanup_free char *path = kind_path(store, kind, "", "");

    host_foresee(store->host, HOST_LIST, path);
}

void store_foresee_read(const struct store *store, enum store_kind kind, const char *cid)
{
    cleanup_free char *path = store_path(store, kind, cid, kinds[kind].record);

    host_foresee(store->host, HOST_GET, path);
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

/* NULL: it is spoilt. */
static cJSON *parse_record(const struct store *store, enum store_kind kind, const char *cid,
                           const char *text, struct error *err)
{
    cleanup_free char *path = store_path(store, kind, cid, kinds[kind].record);
    cJSON *record = json_parse(text, strlen(text), path, err);

    if (!record)
        err->type = ERROR_CLOUD;
    return record;
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
    *record = parse_record(store, kind, cid, text, err);
    return *record ? 1 : -1;
}

void store_foresee_read_each(const struct store *store, enum store_kind kind)
{
    cleanup_free char *directory = kind_path(store, kind, "", "");

    host_foresee_each(store->host, directory, kinds[kind].record);
}

int store_read_each(const struct store *store, enum store_kind kind,
                    const struct store_reader *reader, struct error *err)
{
    cleanup_free char *directory = kind_path(store, kind, "", "");
    cleanup_texts struct host_texts texts = { 0 };
    int ended = 0;

    if (host_get_each(store->host, directory, kinds[kind].record, &texts, err) < 0)
        return error_retriable(err);
    for (size_t i = 0; !ended && texts.names && texts.names[i]; i++) {
        if (!id_valid(texts.names[i]))
            continue;
        cleanup_json cJSON *record = parse_record(store, kind, texts.names[i], texts.texts[i], err);
        ended = reader->each(reader->state, texts.names[i], record, err);
    }
    return ended;
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

/* The name goes at once, so that nobody finds half a thing; then its content. */
static int remove_named(const struct store *store, const char *path, const char *leaving,
                        struct error *err)
{
    if (host_remove(store->host, leaving, err) < 0 ||
        host_rename(store->host, path, leaving, err) < 0)
        return -1;
    return host_remove(store->host, leaving, err);
}

int store_remove(const struct store *store, enum store_kind kind, const char *cid,
                 struct error *err)
{
    const struct host *host = store->host;
    cleanup_free char *path = store_path(store, kind, cid, NULL);
    cleanup_free char *leaving = kind_path(store, kind, ".gone-", cid);
    cleanup_free char *staged = kind_path(store, kind, ".new-", cid);
    int there = host_exists(host, path, err);

    if (there < 0 || (!there && say_absent(store, err) < 0))
        return -1;
    host_postpone(host);
    int failed = there ? remove_named(store, path, leaving, err) : host_remove(host, leaving, err);
    if (!failed)
        failed = host_remove(host, staged, err);
    failed = failed || host_settle(host, err) < 0;
    if (!failed)
        return 0;
    host_forget(host);
    if (err->type != ERROR_NO_DISK_SPACE)
        return -1;
    /* A new name can need space too. Who removes what is in the way on a full disk must succeed,
     * even if others see half a thing for a moment. */
    error_release(err);
    if (host_remove(host, path, err) < 0 || host_remove(host, leaving, err) < 0)
        return -1;
    return host_remove(host, staged, err);
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
