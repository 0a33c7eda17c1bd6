#include "cpi/image.h"

#include "cpi/firmware.h"
#include "cpi/json.h"
#include "cpi/slot.h"
#include "cpi/vmdk.h"

#include <string.h>

/* A copy may take longer than other commands, by as much as a slow disk needs. Bytes. */
enum { COPIED_A_SECOND = 8 << 20 };

/* How many of qemu-img's threads may work at once: a second of time is up to so many of CPU time.
 * It starts up to 64 that wait for I/O, each with 8 MiB of stack and addresses for a heap of 128
 * MiB. */
enum { CONVERT_THREADS = 8, CONVERT_MIB = 16384 };

char *image_path(const char *directory, const char *format)
{
    return xasprintf("%s/image.%s", directory, format);
}

/* The other programs, and our file names, say VHD. */
static const char *qemu_name(const char *format)
{
    return strcmp(format, "vhd") == 0 ? "vpc" : format;
}

/* A VHD is to have exactly the size that was asked for, not the next that old geometries know. */
static char *create_option(const struct image_request *request)
{
    if (request->preallocation)
        return xasprintf("preallocation=%s", request->preallocation);
    return strcmp(request->format, "vhd") == 0 ? xstrdup("force_size=on") : NULL;
}

bool image_says_no_space(const char *said)
{
    return strstr(said, "No space left on device") || strstr(said, "Disk quota exceeded");
}

/* qemu-img answers 1 to everything; what the operator needs is on stderr, where the line that
 * explains a failure may come before the one that states it. */
static int judge(const struct outcome *outcome, const char *path, struct error *err)
{
    cleanup_free char *said = one_line(outcome->err, "qemu-img: ");

    if (outcome->status == 0)
        return 0;
    if (image_says_no_space(said))
        return fail(err, ERROR_NO_DISK_SPACE, "no space for '%s': %s", path, said);
    return fail(err, ERROR_CLOUD, "qemu-img failed on '%s' (status %d): %s%s", path,
                outcome->status, *said ? said : "it said nothing",
                strstr(said, "Permission denied")
                    ? " (libvirt may have handed it to its own user: 'setfacl -m u:USER:rw FILE', "
                      "as root, lets the user of cpi in again)"
                    : "");
}

static int judge_subject(const struct verdict *verdict, const struct outcome *outcome,
                         struct error *err)
{
    return judge(outcome, verdict->subject, err);
}

/* May be postponed. */
static int run(const struct host *host, const char *path, const struct command *command,
               struct error *err)
{
    return host_perform(host, command, &(struct verdict){ .judge = judge_subject, .subject = path },
                        err);
}

/* Heavy work is never postponed: it is done while its slot is held. */
static int run_now(const struct host *host, const char *path, const struct command *command,
                   struct error *err)
{
    cleanup_outcome struct outcome outcome = { 0 };

    if (host_run(host, command, &outcome, err) < 0)
        return -1;
    return judge(&outcome, path, err);
}

/* With preallocation "full" every byte is written. */
static int run_in_turn(const struct host *host, const struct image_request *request,
                       const char *const *argv, struct error *err)
{
    cleanup_lock struct lock slot = LOCK_NONE;
    const bool heavy = request->preallocation && strcmp(request->preallocation, "full") == 0;
    const int writing = (int)(request->size_mib * MIB / COPIED_A_SECOND);
    const struct command command = { .argv = argv,
                                     .timeout_s = heavy ? host->command_timeout + writing : 0 };

    if (!heavy)
        return run(host, request->path, &command, err);
    return slot_take(host, &slot, err) < 0 ? -1 : run_now(host, request->path, &command, err);
}

int image_create(const struct host *host, const struct image_request *request, struct error *err)
{
    cleanup_free char *size = xasprintf("%lluM", (unsigned long long)request->size_mib);
    cleanup_free char *option = create_option(request);
    const char *format = qemu_name(request->format);

    if (!option)
        return run_in_turn(host, request,
                           ARGV("qemu-img", "create", "-q", "-f", format, request->path, size),
                           err);
    return run_in_turn(
        host, request,
        ARGV("qemu-img", "create", "-q", "-f", format, "-o", option, request->path, size), err);
}

int image_grow(const struct host *host, const struct image_request *request, struct error *err)
{
    cleanup_free char *size = xasprintf("%lluM", (unsigned long long)request->size_mib);
    cleanup_free char *option =
        xasprintf("--preallocation=%s", request->preallocation ? request->preallocation : "off");

    return run_in_turn(
        host, request,
        ARGV("qemu-img", "resize", "-q", "-f", request->format, option, request->path, size), err);
}

int image_create_overlay(const struct host *host, const char *path, const struct backing *backing,
                         uint64_t size_mib, struct error *err)
{
    uint64_t bytes = size_mib * MIB;
    cleanup_free char *size = xasprintf(
        "%llu",
        (unsigned long long)(bytes > backing->virtual_bytes ? bytes : backing->virtual_bytes));

    const struct command command = { .argv =
                                         ARGV("qemu-img", "create", "-q", "-f", "qcow2", "-b",
                                              backing->path, "-F", backing->format, path, size) };
    return run(host, path, &command, err);
}

static uint64_t big_endian(const unsigned char *bytes, int count)
{
    uint64_t value = 0;

    while (count-- > 0)
        value = value << 8 | *bytes++;
    return value;
}

/* The header's fields: https://www.qemu.org/docs/master/interop/qcow2.html. Read here because
 * nothing else may open a stranger's image before it is known to open no further file. */
static int check_qcow2(const unsigned char *header, const char *path, struct error *err)
{
    const uint64_t version = big_endian(header + 4, 4), backing = big_endian(header + 8, 8);
    const uint64_t incompatible = version >= 3 ? big_endian(header + 72, 8) : 0;
    const uint64_t external_data = 1 << 2;

    if (backing)
        return fail(err, ERROR_CLOUD,
                    "'%s' has a backing file, which could be any file of the host: refused", path);
    if (incompatible & external_data)
        return fail(err, ERROR_CLOUD,
                    "'%s' has an external data file, which could be any file of the host: refused",
                    path);
    return 0;
}

static int read_info(const struct host *host, const char *path, struct image_info *info,
                     struct error *err)
{
    static const uint64_t range[] = { 1, UINT64_MAX };
    cleanup_outcome struct outcome outcome = { 0 };
    struct command command = {
        .argv = ARGV("qemu-img", "info", "--output=json", "-f", info->format, path),
        .untrusted_input = true,
    };

    if (host_run(host, &command, &outcome, err) < 0 || judge(&outcome, path, err) < 0)
        return -1;
    cleanup_json cJSON *json =
        json_parse(outcome.out, strlen(outcome.out), "what qemu-img info answered", err);
    if (json && json_whole(json_get(json, "virtual-size"), "qemu-img's virtual-size", range,
                           &info->virtual_bytes, err) == 0)
        return 0;
    err->type = ERROR_CLOUD;
    return -1;
}

static int read_head(const struct host *host, const char *path, unsigned char head[512],
                     struct error *err)
{
    struct host_range range = { .data = head, .length = 512 };

    if (host_read(host, path, &range, err) < 0)
        return -1;
    if (range.got < 512)
        return fail(err, ERROR_CLOUD, "'%s' is too small to be a disk image", path);
    return 0;
}

int image_recognise(const struct host *host, const char *path, struct image_info *info,
                    struct error *err)
{
    unsigned char head[512];

    if (read_head(host, path, head, err) < 0)
        return -1;
    if (memcmp(head, "QFI\xfb", 4) == 0) {
        info->format = "qcow2";
        if (check_qcow2(head, path, err) < 0)
            return -1;
    } else if (head[510] == 0x55 && head[511] == 0xaa) {
        info->format = "raw";
    } else {
        return fail(err, ERROR_CLOUD,
                    "'%s' is neither a qcow2 image nor a raw disk with a boot sector", path);
    }
    return read_info(host, path, info, err);
}

int image_recognise_vmdk(const struct host *host, const char *path, struct image_info *info,
                         struct error *err)
{
    if (vmdk_check(host, path, err) < 0)
        return -1;
    info->format = "vmdk";
    return read_info(host, path, info, err);
}

/* Not qemu-img's own choice of cache, with which the image would not be on the disk afterwards. */
int image_convert(const struct host *host, const struct conversion *conversion, struct error *err)
{
    const int patience = host->command_timeout + (int)(conversion->virtual_bytes / COPIED_A_SECOND);
    cleanup_lock struct lock slot = LOCK_NONE;
    /* A NULL among the last options ends the argv early. */
    struct command command = {
        .argv = ARGV("qemu-img", "convert", "-q", "-f", qemu_name(conversion->from_format), "-O",
                     qemu_name(conversion->to_format), "-t", "writeback", conversion->from,
                     conversion->to,
                     conversion->compress ? "-c"
                     : conversion->into   ? "-n"
                                          : NULL,
                     conversion->into ? "--target-is-zero" : NULL),
        .timeout_s = patience,
        .untrusted_input = conversion->untrusted,
        .cpu_s = CONVERT_THREADS * patience,
        .memory_mib = CONVERT_MIB,
    };

    if (slot_take(host, &slot, err) < 0)
        return -1;
    return run_now(host, conversion->to, &command, err);
}

int image_clone(const struct host *host, const struct conversion *conversion, uint64_t size_mib,
                struct error *err)
{
    const uint64_t given = (conversion->virtual_bytes + MIB - 1) / MIB;
    const struct image_request request = { .path = conversion->to,
                                           .format = conversion->to_format,
                                           .size_mib = size_mib > given ? size_mib : given };
    struct conversion into = *conversion;

    into.into = true;
    if (image_create(host, &request, err) < 0)
        return -1;
    return image_convert(host, &into, err);
}

int image_grow_copied(const struct host *host, const struct image_request *request,
                      uint64_t virtual_bytes, struct error *err)
{
    cleanup_free char *larger = xasprintf("%s.larger", request->path);
    const struct conversion conversion = { .from = request->path,
                                           .from_format = request->format,
                                           .to = larger,
                                           .to_format = request->format,
                                           .virtual_bytes = virtual_bytes };
    cleanup_error struct error ignored = { 0 };

    if (image_clone(host, &conversion, request->size_mib, err) == 0 &&
        host_rename(host, larger, request->path, err) == 0)
        return 0;
    host_remove(host, larger, &ignored);
    return -1;
}

static int look_at_head(const struct host *host, const char *path, const char **firmware,
                        struct error *err)
{
    cleanup_free unsigned char *head = xcalloc(1, FIRMWARE_HEAD);
    struct host_range range = { .data = head, .length = FIRMWARE_HEAD };

    if (host_read(host, path, &range, err) < 0)
        return -1;
    *firmware = firmware_of(head, range.got);
    return 0;
}

int image_firmware(const struct host *host, const struct image_info *info, const char *path,
                   const char *scratch, const char **firmware, struct error *err)
{
    cleanup_outcome struct outcome outcome = { 0 };
    cleanup_free char *from = xasprintf("if=%s", path), *to = xasprintf("of=%s", scratch);
    cleanup_free char *block = xasprintf("bs=%d", FIRMWARE_HEAD);
    struct command command = {
        .argv = ARGV("qemu-img", "dd", "-f", info->format, "-O", "raw", block, "count=1", from, to),
        .untrusted_input = true,
    };

    if (strcmp(info->format, "raw") == 0)
        return look_at_head(host, path, firmware, err);
    if (host_run(host, &command, &outcome, err) < 0 || judge(&outcome, scratch, err) < 0 ||
        look_at_head(host, scratch, firmware, err) < 0)
        return -1;
    return host_remove(host, scratch, err);
}
