#include "cpi/vboxmanage.h"

#include <stdlib.h>
#include <string.h>

static const char program[] = "VBoxManage";

/* A medium may have to be copied: seconds. */
enum { PATIENCE = 3600 };

/* The first complaint says what is wrong, the others where in VBoxManage. */
static char *complaint(const char *text)
{
    static const char prefix[] = "VBoxManage: error: ";
    const char *found = strstr(text, prefix);

    if (!found && !*text)
        return xstrdup("VBoxManage gave no reason");
    found = found ? found + strlen(prefix) : text;
    return xstrndup(found, strcspn(found, "\r\n"));
}

static int judge(const struct outcome *outcome, const char *what, struct error *err)
{
    if (outcome->status == 0)
        return 0;
    cleanup_free char *said = complaint(outcome->err);
    if (strstr(said, "VERR_DISK_FULL") || strstr(said, "No space left on device"))
        return fail(err, ERROR_NO_DISK_SPACE, "%s: %s", what, said);
    return fail(err, ERROR_CLOUD, "%s: %s", what, said);
}

static int ask(const struct host *host, const char *const *argv, const char *what, char **answer,
               struct error *err)
{
    cleanup_outcome struct outcome outcome = { 0 };
    /* The first one starts VirtualBox's server, which stays. */
    struct command command = { .argv = argv, .lockless = true };

    if (host_run(host, &command, &outcome, err) < 0 || judge(&outcome, what, err) < 0)
        return -1;
    *answer = steal_pointer(&outcome.out);
    return 0;
}

static int tell(const struct host *host, const char *const *argv, const char *what,
                struct error *err)
{
    cleanup_outcome struct outcome outcome = { 0 };
    struct command command = { .argv = argv, .timeout_s = PATIENCE, .lockless = true };

    return host_run(host, &command, &outcome, err) < 0 ? -1 : judge(&outcome, what, err);
}

/* Where snapshots are, the images that they put before the disks give way to those. */
static int resolve(const struct host *host, struct vbox_machine *machine, struct error *err)
{
    cleanup_free char *media = NULL;

    if (!machine->snapshot)
        return 0;
    if (ask(host, ARGV(program, "list", "hdds"), "cannot list VirtualBox's media", &media, err) < 0)
        return -1;
    for (size_t i = 0; i < machine->count; i++) {
        struct vbox_disk *disk = &machine->disks[i];
        char *base = disk->uuid ? vbox_read_base(media, disk->uuid) : NULL;
        if (!base)
            continue;
        free(disk->path);
        disk->path = base;
    }
    return 0;
}

int vbox_look(const struct host *host, const char *vm, struct vbox_machine *machine,
              struct error *err)
{
    cleanup_free char *what = xasprintf("cannot look at VM '%s'", vm);
    cleanup_free char *answer = NULL;

    if (ask(host, ARGV(program, "showvminfo", vm, "--machinereadable"), what, &answer, err) < 0)
        return -1;
    /* Whoever takes an answer of another form for a VM without disks would give a disk away. */
    if (!vbox_read_machine(answer, machine))
        return fail(err, ERROR_CLOUD, "%s: VBoxManage did not answer in the form that it should",
                    what);
    return resolve(host, machine, err);
}

int vbox_set_uuid(const struct host *host, const char *path, const char *uuid, struct error *err)
{
    cleanup_free char *what = xasprintf("cannot set the UUID of '%s'", path);

    return tell(host, ARGV(program, "internalcommands", "sethduuid", path, uuid), what, err);
}

int vbox_attach(const struct host *host, const char *vm, const struct vbox_disk *place,
                struct error *err)
{
    cleanup_free char *what =
        xasprintf("VirtualBox did not attach '%s' to VM '%s'", place->path, vm);
    cleanup_free char *port = xasprintf("%u", place->port);

    return tell(host,
                ARGV(program, "storageattach", vm, "--storagectl", place->controller, "--port",
                     port, "--device", "0", "--type", "hdd", "--medium", place->path,
                     "--hotpluggable", "on"),
                what, err);
}

int vbox_detach(const struct host *host, const char *vm, const struct vbox_disk *place,
                struct error *err)
{
    cleanup_free char *what =
        xasprintf("VirtualBox did not take '%s' from VM '%s'", place->path, vm);
    cleanup_free char *port = xasprintf("%u", place->port);
    cleanup_free char *device = xasprintf("%u", place->device);

    return tell(host,
                ARGV(program, "storageattach", vm, "--storagectl", place->controller, "--port",
                     port, "--device", device, "--type", "hdd", "--medium", "none"),
                what, err);
}

int vbox_close(const struct host *host, const char *path, struct error *err)
{
    cleanup_free char *what = xasprintf("cannot close the medium '%s'", path);

    return tell(host, ARGV(program, "closemedium", "disk", path), what, err);
}

int vbox_resize(const struct host *host, const char *path, uint64_t size_mib, struct error *err)
{
    cleanup_free char *what = xasprintf("cannot make '%s' larger", path);
    cleanup_free char *size = xasprintf("%llu", (unsigned long long)size_mib);

    if (tell(host, ARGV(program, "modifymedium", "disk", path, "--resize", size), what, err) < 0)
        return -1;
    return vbox_close(host, path, err);
}

int vbox_modify(const struct host *host, const char *vm, const char *const *words,
                struct error *err)
{
    cleanup_free char *what = xasprintf("cannot change VM '%s'", vm);
    size_t count = strings_count((char *const *)words);
    cleanup_free const char **argv = xcalloc(count + 4, sizeof(*argv));

    argv[0] = program;
    argv[1] = "modifyvm";
    argv[2] = vm;
    memcpy(argv + 3, words, count * sizeof(*words));
    return tell(host, argv, what, err);
}

/* VBoxManage takes its words from a file too; on a command line everybody could read them. */
int vbox_set_vnc_password(const struct host *host, const char *vm, const char *password,
                          const char *file, struct error *err)
{
    cleanup_free char *what = xasprintf("cannot set the VNC password of VM '%s'", vm);
    cleanup_free char *words =
        xasprintf("modifyvm '%s' --vrde-property 'VNCPassword=%s'\n", vm, password);
    cleanup_free char *argument = xasprintf("@%s", file);
    cleanup_error struct error second = { 0 };

    if (strchr(password, '\''))
        return fail(err, ERROR_CPI, "a VNC password for VirtualBox must not have an apostrophe");
    if (host_put(host, file, (struct bytes){ words, strlen(words) }, 0600, err) < 0)
        return -1;
    int failed = tell(host, ARGV(program, argument), what, err);
    int left = host_remove(host, file, failed ? &second : err);
    return failed ? failed : left;
}

int vbox_set_extra_data(const struct host *host, const char *vm, const char *key, const char *value,
                        struct error *err)
{
    cleanup_free char *what = xasprintf("cannot describe VM '%s'", vm);

    return tell(host, ARGV(program, "setextradata", vm, key, value), what, err);
}

int vbox_delete_snapshot(const struct host *host, const char *vm, const char *name,
                         struct error *err)
{
    cleanup_free char *what = xasprintf("cannot delete snapshot '%s' of VM '%s'", name, vm);

    return tell(host, ARGV(program, "snapshot", vm, "delete", name), what, err);
}

int vbox_names(const struct host *host, const char *kind, char ***names, struct error *err)
{
    cleanup_free char *what = xasprintf("cannot list VirtualBox's %s", kind);
    cleanup_free char *answer = NULL;

    *names = NULL;
    if (ask(host, ARGV(program, "list", kind), what, &answer, err) < 0)
        return -1;
    *names = vbox_read_names(answer);
    return 0;
}
