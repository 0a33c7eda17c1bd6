/* A libvirt connection URI. */
#include "fuzz.h"

#include "cpi/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_parts struct fuzz_parts parts;
    cleanup_uri struct uri uri = { 0 };

    fuzz_split(data, size, &parts);
    if (!uri_parse(parts.part[0], &uri))
        return 0;
    fuzz_must(uri.driver && *uri.driver && uri.path);
    fuzz_must(uri.port >= 0 && uri.port <= 65535);
    uri_is_remote(&uri);
    return 0;
}
