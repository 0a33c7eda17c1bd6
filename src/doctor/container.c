#include "cpi/doctor.h"

#include <stdlib.h>
#include <string.h>

/* Their packages are those of docs/hypervisors.md. */
static const char *const tools[] = { "tar",       "find",    "mkfs.ext4", "e2fsck",
                                     "resize2fs", "losetup", "findmnt",   "nsenter",
                                     "setpriv",   "pgrep",   "chown",     "stat" };

static void check_user(struct doctor *doctor)
{
    cleanup_free char *uid = doctor_ask(doctor, ARGV("id", "-u"));

    if (uid && strtol(uid, NULL, 10) != 0)
        doctor_error(doctor,
                     "commands on the host run as user %.*s, and containers need root\n"
                     "run cpi as root, or set username to root",
                     (int)strcspn(uid, "\n"), uid);
}

/* What is said of a program that there is does not matter, for they do not agree on what they
 * understand. */
static bool has_tool(struct doctor *doctor, const char *tool)
{
    const struct command command = { .argv = ARGV("env", tool, "--version"), .timeout_s = 30 };
    cleanup_outcome struct outcome outcome = { 0 };
    cleanup_error struct error failure = { 0 };

    return host_run(&doctor->cpi->host, &command, &outcome, &failure) < 0 || outcome.status != 127;
}

static void check_tools(struct doctor *doctor)
{
    for (size_t i = 0; i < ARRAY_SIZE(tools); i++)
        if (!has_tool(doctor, tools[i]))
            doctor_error(doctor,
                         "'%s', which containers need, is not on the host\n"
                         "'apt-get install e2fsprogs util-linux procps tar findutils coreutils'",
                         tools[i]);
}

/* Where a file system of that type is mounted, in a list; NULL: nowhere. */
static char **mounted(const char *mounts, const char *type)
{
    cleanup_free char *copy = xstrdup(mounts);
    cleanup_free char **lines = split_lines(copy);
    char point[256], given[64], **list = NULL;

    for (char **line = lines; *line; line++)
        if (sscanf(*line, "%*s %255s %63s", point, given) == 2 && strcmp(given, type) == 0)
            strings_add(&list, point);
    return list;
}

static void check_unified(struct doctor *doctor, const char *point)
{
    cleanup_free char *path = xasprintf("%s/cgroup.controllers", point), *text = NULL;
    cleanup_error struct error ignored = { 0 };

    if (host_get(&doctor->cpi->host, path, &text, &ignored) > 0 && !strstr(text, "memory"))
        doctor_error(doctor,
                     "cgroup v2 at '%s' has no memory controller: libvirt starts no container\n"
                     "boot with systemd.unified_cgroup_hierarchy=1 and, where the kernel leaves it "
                     "out, cgroup_enable=memory",
                     point);
}

static void check_cgroups(struct doctor *doctor)
{
    cleanup_free char *mounts = NULL;
    cleanup_error struct error ignored = { 0 };

    if (host_get(&doctor->cpi->host, "/proc/mounts", &mounts, &ignored) <= 0)
        return;
    cleanup_strings char **v1 = mounted(mounts, "cgroup"), **v2 = mounted(mounts, "cgroup2");
    if (!v1 && !v2)
        doctor_error(doctor, "no cgroups are mounted: libvirt starts no container\n"
                             "mount them as systemd does, at /sys/fs/cgroup");
    else if (v1 && v2)
        doctor_error(doctor,
                     "cgroup v2 is mounted at '%s' beside v1: libvirt starts no container\n"
                     "'umount %s', or boot with systemd.unified_cgroup_hierarchy=1",
                     *v2, *v2);
    else if (v2)
        check_unified(doctor, *v2);
}

void doctor_check_containers(struct doctor *doctor)
{
    if (!doctor->cpi->config.hypervisor->trees)
        return;
    check_user(doctor);
    check_tools(doctor);
    check_cgroups(doctor);
}
