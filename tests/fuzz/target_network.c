/* A libvirt network's XML, and the address that is looked for in it. */
#include "fuzz.h"

#include "cpi/libvirt_network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_parts struct fuzz_parts parts;
    cleanup_libvirt_network struct libvirt_network network = { 0 };
    cleanup_error struct error err = { 0 };
    struct ip ip;

    fuzz_split(data, size, &parts);
    if (libvirt_network_read(parts.part[0], &network, &err) < 0) {
        fuzz_must(err.type == ERROR_CLOUD && err.message);
        return 0;
    }
    fuzz_must(network.name && network.uuid);
    for (size_t i = 0; i < network.count; i++)
        fuzz_must(network.subnets[i].subnet.ip.family || !network.subnets[i].subnet.prefix);
    free(libvirt_network_subnets(&network));
    for (size_t i = 0; i < network.count; i++)
        fuzz_must(network.subnets[i].subnet.prefix <= ip_bits(network.subnets[i].subnet.ip.family));
    if (parts.part[1] && ip_parse(parts.part[1], &ip)) {
        const struct network_subnet *found = libvirt_network_subnet(&network, &ip);
        fuzz_must(!found || subnet_contains(&found->subnet, &ip));
    }
    return 0;
}
