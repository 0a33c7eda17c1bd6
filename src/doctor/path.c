#include "cpi/doctor.h"

#include <stdlib.h>
#include <string.h>

/* Whom the hypervisor runs as, the way libvirt's security model "dac" tells it. */
struct user {
    unsigned uid, gid;
    char *groups; /* of 'id -G', in blanks */
};

static bool find_user(struct doctor *doctor, struct user *user)
{
    const char *model =
        doctor->capabilities ? strstr(doctor->capabilities, "<model>dac</model>") : NULL;
    const char *label = model ? strstr(model, "<baselabel") : NULL;

    if (!label || sscanf(label, "<baselabel type='%*[^']'>+%u:+%u", &user->uid, &user->gid) != 2)
        return false;
    cleanup_free char *uid = xasprintf("%u", user->uid);
    cleanup_free char *groups = doctor_ask(doctor, ARGV("id", "-G", uid));
    user->groups = xasprintf(" %u %.*s ", user->gid, groups ? (int)strcspn(groups, "\n") : 0,
                             groups ? groups : "");
    return true;
}

/* The directories from "/" down to the path. Owned by the caller. */
static char **directories_to(const char *path)
{
    char **list = NULL;

    strings_add(&list, "/");
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        cleanup_free char *part = xstrndup(path, (size_t)(slash - path));
        strings_add(&list, part);
    }
    if (path[1])
        strings_add(&list, path);
    return list;
}

/* Access control lists permit what the mode does not; 'ls' shows that there is one. */
static bool has_acl(struct doctor *doctor, const char *path)
{
    cleanup_free char *line = doctor_ask(doctor, ARGV("ls", "-ld", path));

    return line && line[strcspn(line, " ")] == ' ' && strcspn(line, " ") > 0 &&
           line[strcspn(line, " ") - 1] == '+';
}

static bool lets_through(const struct user *user, unsigned mode, unsigned uid, unsigned gid)
{
    cleanup_free char *group = xasprintf(" %u ", gid);

    if (user->uid == 0)
        return true;
    if (uid == user->uid)
        return mode & 0100;
    return strstr(user->groups, group) ? mode & 0010 : mode & 0001;
}

static void check_directory(struct doctor *doctor, const struct user *user, const char *path)
{
    cleanup_free char *text = doctor_ask(doctor, ARGV("stat", "-L", "-c", "%a %u %g", path));
    unsigned mode, uid, gid;

    if (!text || sscanf(text, "%o %u %u", &mode, &uid, &gid) != 3)
        return;
    if (!lets_through(user, mode, uid, gid) && !has_acl(doctor, path))
        doctor_error(doctor,
                     "the hypervisor's user (uid %u) cannot pass through '%s' (mode %04o) to the "
                     "store\n'chmod o+x %s', or 'setfacl -m u:%u:x %s'",
                     user->uid, path, mode, path, user->uid, path);
    if ((mode & 0002) && !(mode & 01000))
        doctor_warn(doctor,
                    "everybody may write to '%s' (mode %04o), and so replace the store\n"
                    "'chmod o-w %s'",
                    path, mode, path);
}

void doctor_check_path(struct doctor *doctor)
{
    struct user user = { 0 };
    cleanup_free char *real =
        doctor_ask(doctor, ARGV("readlink", "-f", "--", doctor->cpi->store.dir));

    if (!doctor->laid_out || !real || !find_user(doctor, &user))
        return;
    real[strcspn(real, "\n")] = '\0';
    cleanup_strings char **directories = directories_to(real);
    for (char **directory = directories; *directory; directory++)
        check_directory(doctor, &user, *directory);
    free(user.groups);
}
