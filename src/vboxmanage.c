#include "cpi/vboxmanage.h"

#include "cpi/digest.h"

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

    if (!found)
        return xstrdup("VBoxManage gave no reason");
    found += strlen(prefix);
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
    struct command command = { .argv = argv };

    if (host_run(host, &command, &outcome, err) < 0 || judge(&outcome, what, err) < 0)
        return -1;
    *answer = steal_pointer(&outcome.out);
    return 0;
}

static int tell(const struct host *host, const char *const *argv, const char *what,
                struct error *err)
{
    cleanup_outcome struct outcome outcome = { 0 };
    struct command command = { .argv = argv, .timeout_s = PATIENCE };

    return host_run(host, &command, &outcome, err) < 0 ? -1 : judge(&outcome, what, err);
}

/* The value of the line "NAME:   value", NULL when there is none. Owned by the caller. */
static char *labelled(const char *text, const char *name)
{
    cleanup_free char *copy = xstrdup(text);
    cleanup_free char **lines = split_lines(copy);
    size_t length = strlen(name);

    for (char **line = lines; *line; line++)
        if (starts_with(*line, name) && (*line)[length] == ':') {
            const char *value = *line + length + 1;
            return xstrdup(value + strspn(value, " "));
        }
    return NULL;
}

/* Follows the images that snapshots made to the one that was attached. */
static int find_base(const struct host *host, const char *path, char **base, struct error *err)
{
    cleanup_free char *medium = xstrdup(path);

    for (;;) {
        cleanup_free char *answer = NULL;
        cleanup_free char *what = xasprintf("cannot look at the medium '%s'", medium);
        if (ask(host, ARGV(program, "showmediuminfo", "disk", medium), what, &answer, err) < 0)
            return -1;
        cleanup_free char *parent = labelled(answer, "Parent UUID");
        if (!parent || strcmp(parent, "base") == 0) {
            *base = labelled(answer, "Location");
            return *base ? 0 : fail(err, ERROR_CLOUD, "%s: it has no location", what);
        }
        free(medium);
        medium = steal_pointer(&parent);
    }
}

/* A backslash stands before a quote and a backslash. */
static void unescape(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        if (*from == '\\' && from[1])
            from++;
        *to++ = *from;
    }
    *to = '\0';
}

/* Cuts 'key="value"', both in quotes or only the value. False for any other line. */
static bool cut(char *line, char **key, char **value)
{
    const bool quoted = *line == '"';
    char *middle = strstr(line, quoted ? "\"=\"" : "=\"");
    size_t length = strlen(line);

    if (!middle || length < 2 || line[length - 1] != '"')
        return false;
    *key = line + quoted;
    *value = middle + (quoted ? 3 : 2);
    line[length - 1] = *middle = '\0';
    unescape(*value);
    return true;
}

/* "SATA Controller-4-0" is a place. */
static bool read_place(const char *key, struct vbox_disk *disk)
{
    const char *end = key + strlen(key), *device = NULL, *port = NULL;

    while (end > key && !port)
        if (*--end == '-') {
            port = device ? end : NULL;
            device = device ? device : end;
        }
    if (!port || sscanf(port, "-%u-%u", &disk->port, &disk->device) != 2)
        return false;
    disk->controller = xstrndup(key, (size_t)(port - key));
    return true;
}

static void read_disk(struct vbox_machine *machine, const char *key, const char *value)
{
    struct vbox_disk disk = { 0 };

    if (*value != '/' || !read_place(key, &disk))
        return;
    disk.path = xstrdup(value);
    machine->disks = xrealloc(machine->disks, (machine->count + 1) * sizeof(*machine->disks));
    machine->disks[machine->count++] = disk;
}

struct reading {
    char *name; /* of the controller that is being described */
    bool sata;
};

static void read_line(struct vbox_machine *machine, struct reading *reading, char *line)
{
    static const char controller[] = "storagecontroller";
    char *key, *value;

    if (!cut(line, &key, &value))
        return;
    if (starts_with(key, "storagecontrollername")) {
        free(reading->name);
        reading->name = xstrdup(value);
    } else if (starts_with(key, "storagecontrollertype")) {
        reading->sata = strcmp(value, "IntelAhci") == 0;
        if (reading->sata && !machine->sata)
            machine->sata = xstrdup(reading->name ? reading->name : "");
    } else if (starts_with(key, "storagecontrollerportcount") && reading->sata) {
        machine->sata_ports = (unsigned)strtoul(value, NULL, 10);
    } else if (strcmp(key, "CurrentSnapshotName") == 0) {
        machine->snapshot = xstrdup(value);
    } else if (strcmp(key, "CfgFile") == 0 && strrchr(value, '/')) {
        machine->directory = xstrndup(value, (size_t)(strrchr(value, '/') - value));
    } else if (!starts_with(key, controller)) {
        read_disk(machine, key, value);
    }
}

static int resolve(const struct host *host, struct vbox_machine *machine, struct error *err)
{
    for (size_t i = 0; machine->snapshot && i < machine->count; i++) {
        char *base = NULL;
        if (ends_with(machine->disks[i].path, ".iso"))
            continue;
        if (find_base(host, machine->disks[i].path, &base, err) < 0)
            return -1;
        free(machine->disks[i].path);
        machine->disks[i].path = base;
    }
    return 0;
}

int vbox_look(const struct host *host, const char *vm, struct vbox_machine *machine,
              struct error *err)
{
    cleanup_free char *what = xasprintf("cannot look at VM '%s'", vm);
    cleanup_free char *answer = NULL;
    struct reading reading = { 0 };

    if (ask(host, ARGV(program, "showvminfo", vm, "--machinereadable"), what, &answer, err) < 0)
        return -1;
    cleanup_free char **lines = split_lines(answer);
    for (char **line = lines; *line; line++)
        read_line(machine, &reading, *line);
    free(reading.name);
    /* Whoever takes an answer of another form for a VM without disks would give a disk away. */
    if (!machine->directory)
        return fail(err, ERROR_CLOUD, "%s: VBoxManage did not answer in the form that it should",
                    what);
    return resolve(host, machine, err);
}

void vbox_machine_release(struct vbox_machine *machine)
{
    for (size_t i = 0; i < machine->count; i++) {
        free(machine->disks[i].controller);
        free(machine->disks[i].path);
    }
    free(machine->disks);
    free(machine->sata);
    free(machine->snapshot);
    free(machine->directory);
    *machine = (struct vbox_machine){ 0 };
}

static bool is_taken(const struct vbox_machine *machine, unsigned port)
{
    for (size_t i = 0; i < machine->count; i++)
        if (strcmp(machine->disks[i].controller, machine->sata) == 0 &&
            machine->disks[i].port == port)
            return true;
    return false;
}

int vbox_free_port(const struct vbox_machine *machine, unsigned *port, struct error *err)
{
    if (!machine->sata)
        return fail(err, ERROR_CLOUD, "the VM has no SATA controller");
    for (*port = 0; *port < machine->sata_ports; (*port)++)
        if (!is_taken(machine, *port))
            return 0;
    return fail(err, ERROR_CLOUD, "all %u ports of the VM's SATA controller are taken",
                machine->sata_ports);
}

void vbox_uuid(const char *serial, char uuid[VBOX_UUID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    char hash[DIGEST_SIZE];
    struct digest digest;
    char *to = uuid;

    digest_init(&digest, DIGEST_SHA256);
    digest_add(&digest, serial, strlen(serial));
    digest_finish(&digest, hash);
    for (int i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            *to++ = '-';
        *to++ = hash[i];
    }
    *to = '\0';
    /* Version 4; and no zero in front of either half of the serial number, so that it matters to
     * nobody whether such zeros are printed. */
    uuid[14] = '4';
    uuid[19] = '8';
    uuid[0] = uuid[0] == '0' ? '1' : uuid[0];
    uuid[34] = uuid[34] == '0' ? digits[1] : uuid[34];
}

/* The first and the last 32 bits of the UUID as it is in memory, where the first are a little
 * endian number already (VirtualBox, src/VBox/Devices/Storage/DevAHCI.cpp). */
char *vbox_serial(const char *uuid)
{
    const char *end = uuid + 28;

    return xasprintf("VB%.8s-%.2s%.2s%.2s%.2s", uuid, end + 6, end + 4, end + 2, end);
}

int vbox_set_uuid(const struct host *host, const char *path, const char *uuid, struct error *err)
{
    cleanup_free char *what = xasprintf("cannot set the UUID of '%s'", path);

    return tell(host, ARGV(program, "internalcommands", "sethduuid", path, uuid), what, err);
}

int vbox_attach(const struct host *host, const char *vm, const struct vbox_disk *place,
                const char *uuid, struct error *err)
{
    cleanup_free char *what =
        xasprintf("VirtualBox did not attach '%s' to VM '%s'", place->path, vm);
    cleanup_free char *port = xasprintf("%u", place->port);

    return tell(host,
                ARGV(program, "storageattach", vm, "--storagectl", place->controller, "--port",
                     port, "--device", "0", "--type", "hdd", "--medium", place->path, "--setuuid",
                     uuid, "--hotpluggable", "on"),
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
    cleanup_free char **lines = split_lines(answer);
    for (char **line = lines; *line; line++)
        if (starts_with(*line, "Name:")) {
            const char *name = *line + strlen("Name:");
            strings_add(names, name + strspn(name, " "));
        }
    return 0;
}
