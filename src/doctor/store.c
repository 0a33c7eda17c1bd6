#include "cpi/doctor.h"

#include "cpi/image.h"

#include <string.h>

enum { LITTLE_GIB = 10, TOO_LITTLE_GIB = 1, GIB = 1 << 30 };

/* The first that exists of the path and what is above it. Owned by the caller. */
static char *existing(struct doctor *doctor, const char *path)
{
    cleanup_error struct error ignored = { 0 };
    char *part = xstrdup(path);

    while (part[1] && host_exists(&doctor->cpi->host, part, &ignored) <= 0) {
        char *slash = strrchr(part, '/');
        slash[slash == part] = '\0';
        error_release(&ignored);
    }
    return part;
}

static void check_writable(struct doctor *doctor)
{
    cleanup_free char *place = existing(doctor, doctor->cpi->store.dir);
    cleanup_free char *writable =
        doctor_ask(doctor, ARGV("test", "-d", place, "-a", "-w", place, "-a", "-x", place));

    if (!writable)
        doctor_error(
            doctor,
            "the store cannot be in '%s': '%s' is no directory that this user may write to\n"
            "'install -d -o USER -m 0711 %s' as root, with the user that runs cpi",
            doctor->cpi->store.dir, place, doctor->cpi->store.dir);
}

void doctor_check_layout(struct doctor *doctor)
{
    struct store *store = &doctor->cpi->store;
    cleanup_error struct error failure = { 0 };

    doctor->laid_out = store_is_laid_out(store, &failure) > 0;
    if (failure.message || store_check(store, &failure) < 0)
        doctor_error(doctor, "%s\nsee docs/troubleshooting.md", failure.message);
    else if (!doctor->laid_out && cJSON_GetArraySize(doctor->vms) > 0)
        doctor_error(doctor,
                     "there is no store in '%s', but libvirt has %d VMs whose disks are there\n"
                     "mount the file system of the store",
                     store->dir, cJSON_GetArraySize(doctor->vms));
    else
        check_writable(doctor);
}

/* Is 'path' the directory, or below it? */
static bool is_below(const char *path, const char *directory)
{
    const size_t length = strlen(directory);

    return starts_with(path, directory) && (path[length] == '/' || path[length] == '\0');
}

/* An entry of /etc/fstab or /proc/mounts (fstab(5)). */
struct mount {
    char point[256], options[256];
};

/* Finds the last entry whose mount point has the path below it and is not "/". */
static bool find_mount(struct doctor *doctor, const char *table, const char *path,
                       struct mount *found)
{
    cleanup_free char *text = NULL;
    cleanup_error struct error ignored = { 0 };
    bool any = false;

    if (host_get(&doctor->cpi->host, table, &text, &ignored) <= 0)
        return false;
    cleanup_free char **lines = split_lines(text);
    for (char **line = lines; *line; line++) {
        struct mount mount;
        if (**line != '#' &&
            sscanf(*line, "%*s %255s %*s %255s", mount.point, mount.options) == 2 &&
            strcmp(mount.point, "/") != 0 && is_below(path, mount.point)) {
            *found = mount;
            any = true;
        }
    }
    return any;
}

static bool has_option(const struct mount *mount, const char *option)
{
    cleanup_free char *all = xasprintf(",%s,", mount->options);
    cleanup_free char *wanted = xasprintf(",%s,", option);

    return strstr(all, wanted) != NULL;
}

/* libvirtd starts VMs when the local file systems are mounted; those it need not wait for come
 * when they come. */
void doctor_check_mount(struct doctor *doctor)
{
    static const char *const late[] = { "noauto", "nofail" };
    const char *store = doctor->cpi->store.dir;
    struct mount wanted, mounted;

    if (!find_mount(doctor, "/etc/fstab", store, &wanted))
        return;
    if (!find_mount(doctor, "/proc/mounts", store, &mounted) ||
        !is_below(mounted.point, wanted.point))
        doctor_error(doctor,
                     "'%s' is not mounted, although /etc/fstab has it and the store is there\n"
                     "'mount %s'",
                     wanted.point, wanted.point);
    for (size_t i = 0; i < ARRAY_SIZE(late); i++)
        if (has_option(&wanted, late[i]))
            doctor_warn(doctor,
                        "'%s', where the store is, has '%s' in /etc/fstab: libvirtd may start VMs "
                        "before it is mounted\ntake '%s' out, or let libvirtd wait: "
                        "RequiresMountsFor=%s in its systemd unit",
                        wanted.point, late[i], late[i], wanted.point);
}

void doctor_check_space(struct doctor *doctor)
{
    const char *dir = doctor->cpi->store.dir;
    cleanup_error struct error ignored = { 0 };
    uint64_t bytes;

    if (!doctor->laid_out || host_free_bytes(&doctor->cpi->host, dir, &bytes, &ignored) < 0)
        return;
    const unsigned long long mib = bytes / MIB;
    if (bytes < (uint64_t)TOO_LITTLE_GIB * GIB)
        doctor_error(doctor,
                     "'%s' has only %llu MiB left: VMs stop when it is full\n"
                     "make room, or delete what BOSH does not need: 'bosh clean-up --all'",
                     dir, mib);
    else if (bytes < (uint64_t)LITTLE_GIB * GIB)
        doctor_warn(doctor,
                    "'%s' has only %llu MiB left: the next stemcell or disk may not fit\n"
                    "make room, or delete what BOSH does not need: 'bosh clean-up --all'",
                    dir, mib);
}

/* Files with secrets that others may read. The settings belong to the hypervisor's user while the
 * VM runs, with the same mode. */
void doctor_check_modes(struct doctor *doctor)
{
    cleanup_free char *vms = store_path(&doctor->cpi->store, STORE_VM, "", NULL);
    const char *template_dir = doctor->cpi->config.template_dir;
    cleanup_error struct error ignored = { 0 };

    if (template_dir && host_exists(NULL, template_dir, &ignored) == 0)
        doctor_warn(doctor,
                    "template_dir '%s' does not exist: the built-in templates are used\n"
                    "make it, or take the key out",
                    template_dir);
    if (!doctor->laid_out)
        return;
    cleanup_free char *found =
        doctor_ask(doctor, ARGV("find", vms, "-name", "settings.iso", "-perm", "/077", "-print"));
    cleanup_free char **lines = split_lines(found ? found : (char[]){ "" });
    for (char **line = lines; *line; line++)
        doctor_error(doctor,
                     "others can read '%s', which has the agent's secrets\n'chmod 0600 %s', and "
                     "recreate the VM to give it new ones",
                     *line, *line);
}
