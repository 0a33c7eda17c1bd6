#include "cpi/lxc.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_LENGTH = SERIAL_LENGTH, PATIENCE_MS = 10000, POLL_MS = 100 };

char *lxc_short_path(const struct cpi *cpi, const char *name)
{
    return xasprintf("%s/fs/%s", cpi->store.dir, name);
}

char *lxc_ephemeral_name(const char *vm_cid)
{
    const char *uuid = id_uuid(vm_cid);
    char name[NAME_LENGTH + 1] = "e";
    size_t length = 1;

    for (; uuid && *uuid && length < NAME_LENGTH; uuid++)
        if (*uuid != '-')
            name[length++] = *uuid;
    return length == NAME_LENGTH ? xstrdup(name) : NULL;
}

int lxc_check_store(const char *store_dir, struct error *err)
{
    const size_t length = strlen(store_dir) + strlen("/fs/") + NAME_LENGTH;

    if (length <= LXC_PATH_LIMIT)
        return 0;
    return fail(err, ERROR_CPI,
                "store_dir '%s' is %zu characters too long: libvirt takes images of containers "
                "with paths of up to %d characters only",
                store_dir, length - LXC_PATH_LIMIT, LXC_PATH_LIMIT);
}

int lxc_link(struct cpi *cpi, const char *name, const char *file, struct error *err)
{
    cleanup_free char *directory = xasprintf("%s/fs", cpi->store.dir);
    cleanup_free char *path = lxc_short_path(cpi, name), *text = xasprintf("../%s", file);
    cleanup_free char *other = NULL;

    if (lxc_check_store(cpi->store.dir, err) < 0 ||
        host_make_directory(&cpi->host, directory, 0700, err) < 0)
        return -1;
    int made = host_claim(&cpi->host, path, text, err);
    if (made)
        return made < 0 ? -1 : 0;
    int known = host_claimed_by(&cpi->host, path, &other, err);
    if (known > 0 && strcmp(other, text) == 0)
        return 0;
    return known < 0 ? -1
                     : fail(err, ERROR_CLOUD, "'%s' should be a link that says '%s'", path, text);
}

int lxc_unlink(struct cpi *cpi, const char *name, struct error *err)
{
    cleanup_free char *path = lxc_short_path(cpi, name);

    return host_remove(&cpi->host, path, err);
}

/* No VM has that name, for a CID begins with a letter. */
int lxc_lock(struct cpi *cpi, struct lock *lock, struct error *err)
{
    return store_lock(&cpi->store, STORE_VM, ".containers", LOCK_EXCLUSIVE, lock, err);
}

static int find_loops(struct cpi *cpi, const char *file, char ***loops, struct error *err)
{
    cleanup_free char *out = NULL;

    if (lxc_run(cpi,
                ARGV("losetup", "--noheadings", "--raw", "--output", "NAME", "--associated", file),
                0, &out, err) < 0)
        return -1;
    cleanup_free char **lines = split_lines(out);
    for (char **line = lines; *line; line++)
        if (starts_with(*line, "/dev/"))
            strings_add(loops, *line);
    return 0;
}

/* The kernel's own word, over all mount namespaces. The device itself must not be asked: one that
 * stayed open may have old data of the file in its cache. */
static int is_mounted(struct cpi *cpi, const char *loop, struct error *err)
{
    cleanup_free char *path = xasprintf("/sys/fs/ext4/%s", strrchr(loop, '/') + 1);
    cleanup_outcome struct outcome outcome = { 0 };
    const struct command command = { .argv = ARGV("test", "-e", path) };

    if (host_run(&cpi->host, &command, &outcome, err) < 0)
        return -1;
    if (outcome.status <= 1)
        return outcome.status == 0;
    return fail(err, ERROR_CLOUD, "cannot tell whether %s is mounted: %s", loop, outcome.err);
}

int lxc_find_mounted(struct cpi *cpi, const char *file, char **loop, struct error *err)
{
    cleanup_strings char **loops = NULL;

    if (find_loops(cpi, file, &loops, err) < 0)
        return -1;
    for (char **each = loops; each && *each; each++) {
        int mounted = is_mounted(cpi, *each, err);
        if (mounted > 0)
            *loop = xstrdup(*each);
        if (mounted)
            return mounted;
    }
    return 0;
}

/* The mounts of a container that was ended go a moment after it. -1: cannot tell. */
static int wait_until_unmounted(struct cpi *cpi, const char *file, char **loop, struct error *err)
{
    const long long deadline = clock_ms() + PATIENCE_MS;

    for (;;) {
        free(*loop);
        *loop = NULL;
        int mounted = lxc_find_mounted(cpi, file, loop, err);
        if (mounted <= 0 || clock_ms() >= deadline || command_interrupted())
            return mounted;
        pause_ms(POLL_MS);
    }
}

/* One that is open somewhere is only marked, and goes when it is closed; that may have been just
 * now. */
static int free_loop(struct cpi *cpi, const char *file, const char *loop, struct error *err)
{
    cleanup_strings char **left = NULL;
    cleanup_error struct error failure = { 0 };

    if (lxc_run(cpi, ARGV("losetup", "--detach", loop), 0, NULL, &failure) == 0)
        return 0;
    if (find_loops(cpi, file, &left, err) < 0)
        return -1;
    if (!strings_contain(left, loop))
        return 0;
    *err = failure;
    failure = (struct error){ 0 };
    return -1;
}

/* Those that do not go by themselves when nobody has them any more. */
static int find_left(struct cpi *cpi, const char *file, char ***loops, struct error *err)
{
    cleanup_free char *out = NULL;

    if (lxc_run(cpi,
                ARGV("losetup", "--noheadings", "--raw", "--output", "AUTOCLEAR,NAME",
                     "--associated", file),
                0, &out, err) < 0)
        return -1;
    cleanup_free char **lines = split_lines(out);
    for (char **line = lines; *line; line++) {
        const char *name = *line + strspn(*line, " ");
        if (starts_with(name, "0 /dev/"))
            strings_add(loops, name + strlen("0 "));
    }
    return 0;
}

/* 1: at least one of the loop devices is there, 0: none is, -1: cannot tell. */
static int any_is_there(struct cpi *cpi, const char *file, char **loops, struct error *err)
{
    cleanup_strings char **now = NULL;

    if (find_loops(cpi, file, &now, err) < 0)
        return -1;
    for (char **loop = loops; loop && *loop; loop++)
        if (strings_contain(now, *loop))
            return 1;
    return 0;
}

int lxc_clear_left(struct cpi *cpi, const char *file, struct error *err)
{
    const long long deadline = clock_ms() + PATIENCE_MS;
    cleanup_strings char **left = NULL;

    if (find_left(cpi, file, &left, err) < 0)
        return -1;
    for (char **loop = left; loop && *loop; loop++)
        if (free_loop(cpi, file, *loop, err) < 0)
            return -1;
    while (left) {
        int there = any_is_there(cpi, file, left, err);
        if (there <= 0)
            return there;
        if (clock_ms() >= deadline || command_interrupted()) {
            fail(err, ERROR_CLOUD, "a call that was killed is still at work on '%s': %s is in use",
                 file, *left);
            return error_retriable(err);
        }
        pause_ms(POLL_MS);
    }
    return 0;
}

int lxc_free_loops(struct cpi *cpi, const char *file, struct error *err)
{
    cleanup_strings char **loops = NULL;
    cleanup_free char *mounted = NULL;

    if (find_loops(cpi, file, &loops, err) < 0)
        return -1;
    for (char **loop = loops; loop && *loop; loop++)
        if (free_loop(cpi, file, *loop, err) < 0)
            return -1;
    if (!loops)
        return 0;
    int left = wait_until_unmounted(cpi, file, &mounted, err);
    if (left > 0)
        return fail(err, ERROR_CLOUD, "'%s' is still in use on the host: %s is mounted somewhere",
                    file, mounted);
    return left;
}
