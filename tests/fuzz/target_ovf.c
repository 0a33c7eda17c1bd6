/* The OVF of a stemcell, and its manifest. */
#include "fuzz.h"

#include "cpi/ovf.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_parts struct fuzz_parts parts;
    cleanup_ovf struct ovf ovf = { 0 };
    cleanup_error struct error err = { 0 };
    char hex[DIGEST_SIZE];
    enum digest_kind kind;

    fuzz_split(data, size, &parts);
    if (ovf_read(parts.part[0], &ovf, &err) == 0) {
        fuzz_must(ovf.disk && *ovf.disk && !strchr(ovf.disk, '/'));
        fuzz_must(strcmp(ovf.disk, "..") != 0 && strcmp(ovf.disk, ".") != 0);
    } else {
        fuzz_must(err.type == ERROR_CLOUD && err.message);
    }
    const char *name = ovf.disk ? ovf.disk : "image-disk1.vmdk";
    if (parts.part[1] && ovf_manifest_find(parts.part[1], name, &kind, hex))
        fuzz_must(kind < DIGEST_COUNT && strspn(hex, "0123456789abcdefABCDEF") == strlen(hex));
    return 0;
}
