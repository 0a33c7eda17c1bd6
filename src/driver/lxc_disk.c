#include "cpi/lxc.h"

#include "cpi/definition.h"
#include "cpi/disk.h"
#include "cpi/json.h"

#include <string.h>

/* Where the block device is for the moment that it is in a container. */
#define DOOR "/dev/cpi-disk"

enum { POLL_MS = 250 };

static char *target_of(const struct attachment *a)
{
    return xasprintf(LXC_DISKS "/%s", a->disk);
}

cJSON *lxc_hint(const struct attachment *a)
{
    cleanup_free char *target = target_of(a);
    cJSON *hint = json_new_object();

    json_put_string(hint, "path", target);
    json_put_string(hint, "id", a->disk);
    return hint;
}

static int define(struct attachment *a, const char *xml, struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    VIRSH_ADD(&script, "define", "--validate", "/dev/stdin");
    if (virsh_play(&a->cpi->virsh, &script, xml, &reply, err) < 0)
        return -1;
    return reply.ok
               ? 0
               : virsh_fail(&reply, err, "libvirt did not change the definition of VM '%s'", a->vm);
}

static int refuse_paused(const struct attachment *a, const struct lxc_mounts *mounts,
                         struct error *err)
{
    if (!mounts->paused)
        return 0;
    return fail(err, ERROR_CLOUD,
                "VM '%s' is paused, and its disks cannot change: 'virsh resume' it first", a->vm);
}

static char *render_filesystem(struct attachment *a, struct error *err)
{
    cleanup_free char *path = lxc_short_path(a->cpi, a->disk);
    cleanup_free char *target = target_of(a);
    cleanup_json cJSON *item = json_new_object();

    json_put_string(item, "path", path);
    json_put_string(item, "target", target);
    return template_render(&a->cpi->templates, "filesystem", item, err);
}

/* From the next start on, libvirt itself mounts it. */
static int put_in_definition(struct attachment *a, struct error *err)
{
    cleanup_free char *xml = NULL, *device = render_filesystem(a, err);
    cleanup_free char *file = xasprintf("disks/%s/disk.raw", a->disk);
    cleanup_mounts struct lxc_mounts mounts = { 0 };
    cleanup_definition struct domain_definition definition = { 0 };

    if (!device || lxc_look(a->cpi, a->vm, &xml, &mounts, err) < 0 ||
        refuse_paused(a, &mounts, err) < 0 || definition_read(xml, &definition, err) < 0)
        return -1;
    if (definition.mapped)
        return fail(err, ERROR_NOT_SUPPORTED, "VM '%s' cannot have a disk: " LXC_NO_IMAGES, a->vm);
    if (lxc_link(a->cpi, a->disk, file, err) < 0)
        return -1;
    cleanup_free char *changed = definition_with(xml, &definition, device);
    return define(a, changed, err);
}

static int take_from_definition(struct attachment *a, struct error *err)
{
    cleanup_free char *xml = NULL, *target = target_of(a);
    cleanup_mounts struct lxc_mounts mounts = { 0 };
    cleanup_definition struct domain_definition definition = { 0 };

    if (lxc_look(a->cpi, a->vm, &xml, &mounts, err) < 0 ||
        definition_read(xml, &definition, err) < 0)
        return -1;
    for (size_t i = 0; i < definition.count; i++)
        if (strcmp(definition.list[i].target, target) == 0) {
            cleanup_free char *changed = definition_without(xml, &definition.list[i]);
            if (define(a, changed, err) < 0)
                return -1;
            break;
        }
    return lxc_unlink(a->cpi, a->disk, err);
}

/* Of two that are mounted, each would destroy what the other writes; a killed call may have left
 * one, and even a mount of it that is still at work. */
static char *make_loop(struct attachment *a, struct error *err)
{
    cleanup_free char *path = disk_path(a->cpi, a->disk, a->record);
    cleanup_lock struct lock lock = LOCK_NONE;
    char *made = NULL;
    int mounted = lxc_find_mounted(a->cpi, path, &made, err);

    if (mounted)
        return mounted < 0 ? NULL : made;
    if (lxc_clear_left(a->cpi, path, err) < 0 || lxc_lock(a->cpi, &lock, err) < 0 ||
        lxc_run(a->cpi, ARGV("losetup", "--find", "--show", path), 0, &made, err) < 0)
        return NULL;
    made[strcspn(made, "\n")] = '\0';
    return made;
}

/*
 * Runs a program of the container's in its namespaces, with its powers and that of making the
 * device; the bounding set is what the program cannot get beyond. Not by lxc-enter-namespace, which
 * leaves it all powers of the host's root, and which libvirt 9.0 refuses for as long as it lives
 * ("Init pid is not yet available") for some containers that it started by itself.
 */
static int run_inside(struct attachment *a, const char *init, const char *const *argv,
                      struct error *err)
{
    static const char powers[] = "-sys_module,-sys_time,-mac_admin,-audit_control";
    const char *words[32] = { "setpriv", "--bounding-set", powers,  "nsenter", "--target", init,
                              "--mount", "--uts",          "--ipc", "--net",   "--pid",    "--" };

    /* What a container's program leaves running must not hold the locks that its end needs. */
    const struct command command = { .argv = words, .lockless = true };

    for (size_t i = 12; i + 1 < ARRAY_SIZE(words) && *argv; i++)
        words[i] = *argv++;
    return lxc_run_command(a->cpi, &command, NULL, err);
}

/* The id of the process whose namespaces are the container's. Owned by the caller. */
static char *find_init(struct attachment *a, struct error *err)
{
    cleanup_free char *xml = NULL;
    cleanup_mounts struct lxc_mounts mounts = { 0 };

    if (lxc_look(a->cpi, a->vm, &xml, &mounts, err) < 0 || refuse_paused(a, &mounts, err) < 0)
        return NULL;
    if (!mounts.init)
        fail(err, ERROR_CLOUD, "VM '%s' has just ended", a->vm);
    return steal_pointer(&mounts.init);
}

/* The node in the container is made with the numbers that the device has on the host. */
static int make_node(struct attachment *a, const char *init, const char *loop, struct error *err)
{
    cleanup_free char *numbers = NULL;
    unsigned major, minor;

    if (lxc_run(a->cpi, ARGV("losetup", "--noheadings", "--output", "MAJ:MIN", loop), 0, &numbers,
                err) < 0)
        return -1;
    if (sscanf(numbers, "%u:%u", &major, &minor) != 2)
        return fail(err, ERROR_CLOUD, "losetup does not tell the numbers of %s", loop);
    cleanup_free char *first = xasprintf("%u", major), *second = xasprintf("%u", minor);
    return run_inside(a, init, ARGV("/bin/mknod", "-m", "0600", DOOR, "b", first, second), err);
}

/* The device is there for as long as it takes to mount it: the container has no need of it. One
 * that could not be removed is replaced by the next; the container's own processes may not open it
 * anyhow, for their device cgroup is not ours. */
static int mount_inside(struct attachment *a, const char *loop, struct error *err)
{
    cleanup_free char *target = target_of(a), *init = find_init(a, err);
    cleanup_error struct error closing = { 0 };

    if (!init || run_inside(a, init, ARGV("/bin/mkdir", "-p", target), err) < 0 ||
        run_inside(a, init, ARGV("/bin/rm", "-f", DOOR), err) < 0 ||
        make_node(a, init, loop, err) < 0)
        return -1;
    int failed = run_inside(a, init, ARGV("/bin/mount", "-t", "ext4", DOOR, target), err);
    if (run_inside(a, init, ARGV("/bin/rm", "-f", DOOR), failed ? &closing : err) < 0 || failed)
        return -1;
    return attachment_look(a, err);
}

static int put_in_container(struct attachment *a, struct error *err)
{
    cleanup_free char *loop = make_loop(a, err);
    if (!loop)
        return -1;
    int failed = mount_inside(a, loop, err);
    /* From here on the mount alone keeps it. */
    cleanup_error struct error second = { 0 };
    if (lxc_run(a->cpi, ARGV("losetup", "--detach", loop), 0, NULL, failed ? &second : err) < 0 ||
        failed)
        return -1;
    return a->live ? 0
                   : fail(err, ERROR_CLOUD, "disk '%s' was mounted in VM '%s' but is not there",
                          a->disk, a->vm);
}

static int refuse_while_paused(struct attachment *a, struct error *err)
{
    cleanup_free char *xml = NULL;
    cleanup_mounts struct lxc_mounts mounts = { 0 };

    return lxc_look(a->cpi, a->vm, &xml, &mounts, err) < 0 ? -1 : refuse_paused(a, &mounts, err);
}

int lxc_mend(struct attachment *a, struct error *err)
{
    if (!a->live)
        return refuse_while_paused(a, err) < 0 ? -1 : put_in_container(a, err);
    return put_in_definition(a, err) < 0 ? -1 : attachment_look(a, err);
}

cJSON *lxc_attach(struct attachment *a, struct error *err)
{
    cleanup_error struct error undoing = { 0 };

    if (put_in_definition(a, err) < 0)
        return NULL;
    if (!a->state.active || put_in_container(a, err) == 0)
        return lxc_hint(a);
    if (take_from_definition(a, &undoing) < 0)
        log_note(a->cpi->log, "warning: undoing attach_disk: %s", undoing.message);
    return NULL;
}

/* The agent mounts it where it wants it, besides. 1: it still does, 0: it does not, -1: cannot
 * tell. */
static int used_inside(struct attachment *a, struct error *err)
{
    cleanup_free char *xml = NULL, *target = target_of(a);
    cleanup_mounts struct lxc_mounts mounts = { 0 };

    if (lxc_look(a->cpi, a->vm, &xml, &mounts, err) < 0 || refuse_paused(a, &mounts, err) < 0)
        return -1;
    cleanup_free char *device = lxc_mounted(&mounts, target);
    return device && lxc_count_mounts(&mounts, device) > 1;
}

/* What is busy is tried again; the last word is what is seen afterwards. */
static int unmount_inside(struct attachment *a, struct error *err)
{
    cleanup_free char *target = target_of(a), *init = find_init(a, err);
    cleanup_error struct error busy = { 0 };

    if (!init)
        return -1;
    if (run_inside(a, init, ARGV("/bin/umount", target), &busy) == 0)
        run_inside(a, init, ARGV("/bin/rmdir", target), &busy);
    return attachment_look(a, err);
}

/* 1: nothing in the container has the disk any more, 0: something has, -1: cannot tell. The last
 * word is the host's, which knows all mount namespaces. */
static int try_to_let_go(struct attachment *a, struct error *err)
{
    cleanup_free char *path = disk_path(a->cpi, a->disk, a->record);
    cleanup_free char *loop = NULL;
    int used = a->live ? used_inside(a, err) : 0;

    if (used || (a->live && unmount_inside(a, err) < 0))
        return used > 0 ? 0 : -1;
    if (a->live)
        return 0;
    int mounted = lxc_find_mounted(a->cpi, path, &loop, err);
    return mounted < 0 ? -1 : !mounted;
}

static int wait_until_let_go(struct attachment *a, struct error *err)
{
    const int limit = a->cpi->config.detach_timeout;
    const long long deadline = clock_ms() + limit * 1000LL;

    for (;;) {
        int gone = try_to_let_go(a, err);
        if (gone)
            return gone < 0 ? -1 : 0;
        if (clock_ms() >= deadline)
            return fail(err, ERROR_CLOUD,
                        "VM '%s' did not let go of disk '%s' within %d seconds (detach_timeout): "
                        "is it unmounted there?",
                        a->vm, a->disk, limit);
        if (command_interrupted())
            return fail(err, ERROR_CLOUD, "this call was asked to end");
        pause_ms(POLL_MS);
    }
}

int lxc_detach(struct attachment *a, struct error *err)
{
    if (a->state.active && wait_until_let_go(a, err) < 0)
        return -1;
    return a->config ? take_from_definition(a, err) : 0;
}

int lxc_settle(struct cpi *cpi, const char *disk, struct error *err)
{
    cleanup_json cJSON *record = NULL;
    int got = store_read(&cpi->store, STORE_DISK, disk, &record, err);

    if (got <= 0)
        return got;
    cleanup_free char *path = disk_path(cpi, disk, record);
    int there = host_exists(&cpi->host, path, err);
    if (there < 0 || (there && lxc_free_loops(cpi, path, err) < 0))
        return -1;
    return lxc_unlink(cpi, disk, err);
}
