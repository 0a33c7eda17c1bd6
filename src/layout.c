#include "cpi/layout.h"

#include <stdlib.h>
#include <string.h>

const struct layout layout_today = { .version = 1, .oldest = 1 };
const char store_version_text[] = "1\n";

char *store_version_path(const struct store *store)
{
    return xasprintf("%s/version", store->dir);
}

static int parse_version(const char *path, const char *text, long *version, struct error *err)
{
    char *end;

    *version = strtol(text, &end, 10);
    if (end != text && *version >= 0 && (!*end || strcmp(end, "\n") == 0))
        return 0;
    return fail(err, ERROR_CLOUD,
                "'%s' does not say how the store is laid out: it must hold a number, which other "
                "stores of the same cpi have there",
                path);
}

int layout_read(const struct store *store, const struct layout *layout, long *version,
                struct error *err)
{
    cleanup_free char *path = store_version_path(store);
    cleanup_free char *text = NULL;
    int got = host_get(store->host, path, &text, err);

    if (got <= 0)
        return got;
    if (parse_version(path, text, version, err) < 0)
        return -1;
    if (*version > layout->version)
        return fail(err, ERROR_CLOUD,
                    "'%s' was laid out by a newer cpi (version %ld, this one "
                    "knows %ld): use that one",
                    store->dir, *version, layout->version);
    if (*version < layout->oldest)
        return fail(err, ERROR_CLOUD,
                    "'%s' was laid out by a much older cpi (version %ld, this one knows %ld and "
                    "later): use one in between first",
                    store->dir, *version, layout->oldest);
    return 1;
}

static int write_version(const struct store *store, long version, struct error *err)
{
    cleanup_free char *path = store_version_path(store);
    cleanup_free char *content = xasprintf("%ld\n", version);

    return host_put(store->host, path, (struct bytes){ content, strlen(content) }, 0644, err);
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
static const struct {
    const char *name;
    mode_t mode;
} directories[] = { { "vms", 0711 },       { "disks", 0711 },    { "stemcells", 0711 },
                    { "snapshots", 0711 }, { "networks", 0700 }, { ".lock", 0700 } };

char **store_directories(const struct store *store)
{
    char **paths = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
        cleanup_free char *path = xasprintf("%s/%s", store->dir, directories[i].name);
        strings_add(&paths, path);
    }
    return paths;
}

int layout_make_directories(const struct store *store, struct error *err)
{
    if (make_path(store, store->dir, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
        cleanup_free char *path = xasprintf("%s/%s", store->dir, directories[i].name);
        if (host_make_directory(store->host, path, directories[i].mode, err) < 0)
            return -1;
    }
    return 0;
}

int layout_make(const struct store *store, const struct layout *layout, struct error *err)
{
    host_postpone(store->host);
    if (layout_make_directories(store, err) == 0 &&
        write_version(store, layout->version, err) == 0 && host_settle(store->host, err) == 0)
        return 0;
    host_forget(store->host);
    return -1;
}

/* A step that was killed is run again: the version says what is complete. */
static int run_steps(const struct store *store, const struct layout *layout, struct error *err)
{
    long version;

    /* Another process may have done it while we waited for the lock. */
    const int got = layout_read(store, layout, &version, err);
    if (got <= 0)
        return got;
    for (; version < layout->version; version++) {
        if (layout->steps[version - layout->oldest](store, err) < 0)
            return error_wrap(err, "'%s' could not be brought from layout %ld to %ld", store->dir,
                              version, version + 1);
        if (write_version(store, version + 1, err) < 0)
            return -1;
        log_note(store->host->log, "the store '%s' was brought from layout %ld to %ld", store->dir,
                 version, version + 1);
    }
    return 0;
}

int layout_upgrade(const struct store *store, const struct layout *layout, struct error *err)
{
    cleanup_free char *path = xasprintf("%s/.lock/layout", store->dir);
    cleanup_lock struct lock lock = LOCK_NONE;

    if (layout_make_directories(store, err) < 0 ||
        host_lock(store->host, path, LOCK_EXCLUSIVE, store->host->lock_timeout, &lock, err) < 0)
        return -1;
    return run_steps(store, layout, err);
}
