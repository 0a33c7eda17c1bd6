/* The first sector of a stranger's image, and then what qemu-img says of it. */
#include "fuzz.h"

#include "cpi/firmware.h"
#include "cpi/image.h"

#include <string.h>

enum { HEAD = 512 };

static void check(const struct host *host, const char *path, const uint8_t *head)
{
    static const uint8_t none[8];
    cleanup_error struct error err = { 0 };
    cleanup_free char *scratch = xasprintf("%s/scratch", fuzz_directory());
    struct image_info info = { 0 };
    const char *firmware = NULL;

    if (image_recognise(host, path, &info, &err) < 0) {
        fuzz_must(err.type == ERROR_CLOUD || err.type == ERROR_NO_DISK_SPACE);
        return;
    }
    fuzz_must(info.virtual_bytes > 0);
    if (strcmp(info.format, "qcow2") == 0)
        fuzz_must(memcmp(head + 8, none, 8) == 0);
    else
        fuzz_must(head[510] == 0x55 && head[511] == 0xaa);
    if (image_firmware(host, &info, path, scratch, &firmware, &err) == 0)
        fuzz_must(strcmp(firmware, "efi") == 0 || strcmp(firmware, "bios") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const size_t head = size < HEAD ? size : HEAD;
    cleanup_free char *path = fuzz_file("image", data, head);
    cleanup_parts struct fuzz_parts parts;
    struct log log = { 0 };
    const struct host host = { .log = &log, .command_timeout = 60, .lock_timeout = 1 };

    fuzz_split(data + head, size - head, &parts);
    fuzz_replies(parts.part);
    check(&host, path, data);
    firmware_of(data, size);
    log_release(&log);
    return 0;
}
