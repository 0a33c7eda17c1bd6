/* A stranger's VMDK. */
#include "fuzz.h"

#include "cpi/vmdk.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *path = fuzz_file("disk.vmdk", data, size);
    cleanup_error struct error err = { 0 };
    struct log log = { 0 };
    const struct host host = { .log = &log };

    if (vmdk_check(&host, path, &err) < 0) {
        fuzz_must(err.type == ERROR_CLOUD && err.message);
        return 0;
    }
    fuzz_must(size >= 512 && memcmp(data, "KDMV", 4) == 0);
    fuzz_must(!memmem(data + 512, size - 512 < 20 * 512 ? size - 512 : 20 * 512,
                      "parentFileNameHint", strlen("parentFileNameHint")));
    return 0;
}
