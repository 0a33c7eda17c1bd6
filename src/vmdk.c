#include "cpi/vmdk.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

/* The sparse extent's header, little endian, and where qemu looks for the descriptor whatever the
 * header says (block/vmdk.c, vmdk_open and vmdk_parent_open). */
enum { SECTOR = 512, CAPACITY = 12, DESCRIPTOR_OFFSET = 28, DESCRIPTOR_SIZE = 20 * SECTOR };

struct vmdk {
    const char *path;
    char text[SECTOR + DESCRIPTOR_SIZE + 1];
    const unsigned char *header;
    const char *descriptor;
    size_t length; /* of the descriptor, as far as the file has it */
};

static int refuse(const struct vmdk *vmdk, struct error *err, const char *why)
{
    return fail(err, ERROR_CLOUD, "the disk of the stemcell's OVF, '%s', %s: refused", vmdk->path,
                why);
}

static int load(const struct host *host, struct vmdk *vmdk, struct error *err)
{
    struct host_range range = { .data = vmdk->text, .length = SECTOR + DESCRIPTOR_SIZE };

    if (host_read(host, vmdk->path, &range, err) < 0)
        return -1;
    vmdk->header = (const unsigned char *)vmdk->text;
    if (range.got < SECTOR || memcmp(vmdk->header, "KDMV", 4) != 0)
        return refuse(vmdk, err, "is not a sparse VMDK");
    vmdk->descriptor = vmdk->text + SECTOR;
    vmdk->length = range.got - SECTOR;
    return 0;
}

static uint64_t little_endian(const unsigned char *bytes)
{
    uint64_t value = 0;

    for (int i = 7; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

static bool is_extent(const char *line)
{
    static const char *const accesses[] = { "RW ", "RDONLY ", "NOACCESS " };

    for (size_t i = 0; i < ARRAY_SIZE(accesses); i++)
        if (starts_with(line, accesses[i]))
            return true;
    return false;
}

/* RW 131072 SPARSE "disk.vmdk": the name is what its maker called this very file. */
static bool is_own_extent(const char *line)
{
    const char *type = strstr(line, " SPARSE \"");

    return type && !strchr(type, '/') && !strchr(type, '\\') &&
           strchr(type, '"') + 1 < strrchr(type, '"');
}

static bool line_is(const char *line, const char *key, const char *value)
{
    cleanup_free char *wanted = xasprintf("%s=%s", key, value);

    return strcasecmp(line, wanted) == 0;
}

static int check_descriptor(const struct vmdk *vmdk, struct error *err)
{
    cleanup_free char *text = xstrdup(vmdk->descriptor);
    cleanup_free char **lines = split_lines(text);
    int types = 0, extents = 0;

    for (char **line = lines; *line; line++) {
        (*line)[strcspn(*line, "\r")] = '\0';
        if (starts_with(*line, "createType"))
            types += line_is(*line, "createType", "\"streamOptimized\"") ||
                             line_is(*line, "createType", "\"monolithicSparse\"")
                         ? 1
                         : 2;
        if (starts_with(*line, "parentCID") && !line_is(*line, "parentCID", "ffffffff"))
            return refuse(vmdk, err, "has a parent, which could be any file of the host");
        if (!is_extent(*line))
            continue;
        if (++extents > 1 || !is_own_extent(*line))
            return refuse(vmdk, err,
                          "has an extent in another file, which could be any file of "
                          "the host");
    }
    if (types != 1)
        return refuse(vmdk, err, "is neither of type streamOptimized nor monolithicSparse");
    return 0;
}

int vmdk_check(const struct host *host, const char *path, struct error *err)
{
    struct vmdk vmdk = { .path = path };

    if (load(host, &vmdk, err) < 0)
        return -1;
    /* With no capacity qemu takes the descriptor's extents, with the descriptor elsewhere it would
     * not be the one that we look at. */
    if (little_endian(vmdk.header + CAPACITY) == 0 ||
        little_endian(vmdk.header + DESCRIPTOR_OFFSET) != 1)
        return refuse(&vmdk, err, "is not a sparse VMDK with a descriptor of its own");
    /* Wherever in it: qemu does not ask for a line's beginning. */
    if (memmem(vmdk.descriptor, vmdk.length, "parentFileNameHint", strlen("parentFileNameHint")))
        return refuse(&vmdk, err, "has a parent, which could be any file of the host");
    return check_descriptor(&vmdk, err);
}
