#include "cpi/vbox_answer.h"

#include "cpi/digest.h"

#include <stdlib.h>
#include <string.h>

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

/* The medium's UUID follows its path. */
static void read_uuid(struct vbox_machine *machine, const char *key, const char *value)
{
    struct vbox_disk *last = machine->count ? &machine->disks[machine->count - 1] : NULL;
    struct vbox_disk place = { 0 };

    if (!last || !read_place(key, &place))
        return;
    if (!last->uuid && place.port == last->port && place.device == last->device &&
        ends_with(place.controller, "-ImageUUID"))
        last->uuid = xstrdup(value);
    free(place.controller);
}

static void read_disk(struct vbox_machine *machine, const char *key, const char *value)
{
    struct vbox_disk disk = { 0 };

    if (*value != '/')
        read_uuid(machine, key, value);

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

bool vbox_read_machine(const char *text, struct vbox_machine *machine)
{
    cleanup_free char *copy = xstrdup(text);
    cleanup_free char **lines = split_lines(copy);
    struct reading reading = { 0 };

    for (char **line = lines; *line; line++)
        read_line(machine, &reading, *line);
    free(reading.name);
    return machine->directory != NULL;
}

void vbox_machine_release(struct vbox_machine *machine)
{
    for (size_t i = 0; i < machine->count; i++) {
        free(machine->disks[i].controller);
        free(machine->disks[i].path);
        free(machine->disks[i].uuid);
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

/* What follows "NAME:" and blanks, NULL for another line. */
static const char *labelled(const char *line, const char *name)
{
    size_t length = strlen(name);

    if (!starts_with(line, name) || line[length] != ':')
        return NULL;
    return line + length + 1 + strspn(line + length + 1, " ");
}

struct medium {
    const char *parent, *location;
};

/* The paragraph of that UUID in 'list hdds'. */
static bool find_medium(char *const *lines, const char *uuid, struct medium *medium)
{
    bool here = false;

    *medium = (struct medium){ 0 };
    for (char *const *line = lines; *line; line++) {
        const char *own = labelled(*line, "UUID"), *parent = labelled(*line, "Parent UUID");
        const char *location = labelled(*line, "Location");
        here = own ? strcmp(own, uuid) == 0 : here;
        if (here && parent)
            medium->parent = parent;
        if (here && location)
            medium->location = location;
    }
    return medium->parent && medium->location;
}

char *vbox_read_base(const char *text, const char *uuid)
{
    cleanup_free char *copy = xstrdup(text);
    cleanup_free char **lines = split_lines(copy);
    struct medium medium;

    while (find_medium(lines, uuid, &medium)) {
        if (strcmp(medium.parent, "base") == 0)
            return xstrdup(medium.location);
        uuid = medium.parent;
    }
    return NULL;
}

char **vbox_read_names(const char *text)
{
    cleanup_free char *copy = xstrdup(text);
    cleanup_free char **lines = split_lines(copy);
    char **names = NULL;

    for (char **line = lines; *line; line++) {
        const char *name = labelled(*line, "Name");
        if (name)
            strings_add(&names, name);
    }
    return names;
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
