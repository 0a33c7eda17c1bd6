#include "cpi/lxc.h"

#include "cpi/sweep.h"

#include <string.h>

/* Whose file that is, "disks/<cid>/..." or "vms/<cid>/..." below store_dir: its CID, owned by the
 * caller; NULL: nobody's. */
static char *owner_of(const char *file, enum store_kind *kind)
{
    static const struct {
        const char *prefix;
        enum store_kind kind;
    } places[] = { { "disks/", STORE_DISK }, { "vms/", STORE_VM } };

    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        if (!starts_with(file, places[i].prefix))
            continue;
        const char *cid = file + strlen(places[i].prefix);
        cleanup_free char *copy = xstrndup(cid, strcspn(cid, "/"));
        *kind = places[i].kind;
        return id_valid(copy) ? steal_pointer(&copy) : NULL;
    }
    return NULL;
}

/* "<its file> <0 or 1, whether it goes when nobody has it>", 'device' NULL: of all, after their
 * names. */
static int ask_loops(struct cpi *cpi, const char *device, char **out, struct error *err)
{
    const char *columns = device ? "AUTOCLEAR,BACK-FILE" : "NAME,AUTOCLEAR,BACK-FILE";

    return lxc_run(cpi, ARGV("losetup", "--noheadings", "--raw", "--output", columns, device), 0,
                   out, err);
}

/* One with autoclear is libvirt's or was let go, and goes by itself. */
static bool is_left(const char *line, const char *directory, const char **file)
{
    int place = 0;

    if (sscanf(line, " 0 %n", &place) != 0 || place == 0)
        return false;
    const char *path = line + place;
    if (!starts_with(path, directory) || path[strlen(directory)] != '/')
        return false;
    *file = path + strlen(directory) + 1;
    return true;
}

/* attach_disk makes one and lets go of it under the disk's lock. */
static int sweep_loop(struct sweep *sweep, const char *line, const char *directory,
                      struct error *err)
{
    cleanup_hold struct hold hold = HOLD_NONE;
    cleanup_free char *device = xstrndup(line, strcspn(line, " "));
    cleanup_free char *now = NULL;
    cleanup_error struct error gone = { 0 };
    const char *file;
    enum store_kind kind;

    if (!is_left(line + strlen(device), directory, &file))
        return 0;
    cleanup_free char *cid = owner_of(file, &kind);
    int taken = cid ? sweep_hold(sweep, kind, cid, &hold, err) : 0;
    if (taken <= 0)
        return taken;
    if (ask_loops(sweep->cpi, device, &now, &gone) < 0 || !is_left(now, directory, &file) ||
        !sweep_found(sweep, "a loop device that nobody uses", device))
        return 0;
    if (lxc_run(sweep->cpi, ARGV("losetup", "--detach", device), 0, NULL, &gone) < 0)
        sweep_failed(sweep, device, &gone);
    return 0;
}

static int sweep_loops(struct sweep *sweep, struct error *err)
{
    cleanup_free char *directory = NULL, *out = NULL;

    if (lxc_run(sweep->cpi, ARGV("readlink", "--canonicalize", "--", sweep->cpi->store.dir), 0,
                &directory, err) < 0 ||
        ask_loops(sweep->cpi, NULL, &out, err) < 0)
        return -1;
    directory[strcspn(directory, "\n")] = '\0';
    cleanup_free char **lines = split_lines(out);
    for (char **line = lines; *line; line++)
        if (sweep_loop(sweep, *line, directory, err) < 0)
            return -1;
    return 0;
}

static int sweep_link(struct sweep *sweep, const char *name, struct error *err)
{
    cleanup_hold struct hold hold = HOLD_NONE;
    cleanup_free char *path = lxc_short_path(sweep->cpi, name), *text = NULL;
    cleanup_error struct error failure = { 0 };
    enum store_kind kind;
    int there = host_claimed_by(&sweep->cpi->host, path, &text, err);

    if (there <= 0 || !starts_with(text, "../"))
        return there < 0 ? -1 : 0;
    cleanup_free char *cid = owner_of(text + strlen("../"), &kind);
    int taken = cid ? sweep_hold(sweep, kind, cid, &hold, err) : 0;
    if (taken <= 0)
        return taken;
    cleanup_free char *image = xasprintf("%s/%s", sweep->cpi->store.dir, text + strlen("../"));
    there = host_exists(&sweep->cpi->host, image, err);
    if (there || !sweep_found(sweep, "a link to an image that is gone", path))
        return there < 0 ? -1 : 0;
    if (lxc_unlink(sweep->cpi, name, &failure) < 0)
        sweep_failed(sweep, path, &failure);
    return 0;
}

static int sweep_links(struct sweep *sweep, struct error *err)
{
    cleanup_free char *directory = lxc_short_path(sweep->cpi, "");
    cleanup_strings char **names = NULL;

    if (host_list(&sweep->cpi->host, directory, &names, err) < 0)
        return -1;
    for (char **name = names; *name; name++)
        if (sweep_link(sweep, *name, err) < 0)
            return -1;
    return 0;
}

/* The VM in a name such as ".../lxc-2872-vm-<uuid>.libvirt-lxc"; NULL: none of ours. Owned by the
 * caller. */
static char *vm_of(const char *path)
{
    const char *base = strrchr(path, '/'), *cid = base ? strstr(base, "-vm-") : NULL;
    const char *end = cid ? strstr(cid, ".libvirt-lxc") : NULL;

    if (!end)
        return NULL;
    cleanup_free char *copy = xstrndup(cid + 1, (size_t)(end - cid - 1));
    return id_valid(copy) && id_uuid(copy) ? steal_pointer(&copy) : NULL;
}

static int sweep_vm_cgroups(struct sweep *sweep, const char *cid, struct error *err)
{
    cleanup_hold struct hold hold = HOLD_NONE;
    int gone = sweep_vm_is_gone(sweep, cid, err);

    if (gone > 0)
        gone = sweep_hold(sweep, STORE_VM, cid, &hold, err);
    if (gone > 0)
        gone = sweep_vm_is_gone(sweep, cid, err);
    if (gone > 0 && sweep_found(sweep, "the cgroups of a container that is gone", cid))
        lxc_remove_cgroups(sweep->cpi, cid);
    return gone < 0 ? -1 : 0;
}

static int sweep_cgroups(struct sweep *sweep, struct error *err)
{
    cleanup_free char *out = NULL;
    cleanup_strings char **cids = NULL;

    if (lxc_run(sweep->cpi,
                ARGV("find", "/sys/fs/cgroup", "-type", "d", "-name", "lxc-*-vm-*.libvirt-lxc*"), 0,
                &out, err) < 0)
        return -1;
    cleanup_free char **lines = split_lines(out);
    for (char **line = lines; *line; line++) {
        cleanup_free char *cid = vm_of(*line);
        if (!cid || strings_contain(cids, cid))
            continue;
        strings_add(&cids, cid);
        if (sweep_vm_cgroups(sweep, cid, err) < 0)
            return -1;
    }
    return 0;
}

int lxc_sweep(struct sweep *sweep, struct error *err)
{
    return sweep_loops(sweep, err) < 0 || sweep_links(sweep, err) < 0 ? -1
                                                                      : sweep_cgroups(sweep, err);
}
