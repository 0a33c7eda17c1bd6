/*
 * network_definition.h - the subnet_definition of create_network, and the
 * libvirt network that it asks for.
 */
#ifndef CPI_NETWORK_DEFINITION_H
#define CPI_NETWORK_DEFINITION_H

#include "cpi/id.h"
#include "cpi/libvirt_network.h"
#include "cpi/log.h"

#include <cjson/cJSON.h>

enum network_type { NETWORK_NAT, NETWORK_ISOLATED, NETWORK_ROUTE, NETWORK_BRIDGE };

/* A subnet and its gateway, which is the address of the network's bridge. */
struct network_range {
    struct subnet subnet; /* of family 0: not known, or none */
    struct ip gateway;
};

struct network_definition {
    char cid[ID_SIZE]; /* "net-<uuid>", the uuid being libvirt's */
    char *name;        /* libvirt's; owned by the definition */
    enum network_type type;
    const char *bridge; /* of the host, of a network of type bridge; else NULL */
    const char *domain; /* of names in its DNS, NULL: none */
    uint64_t mtu;       /* bytes; 0: libvirt's choice */
    bool dhcp;
    uint64_t netmask_bits;     /* of the range to be chosen; 0: the range is given */
    struct network_range main; /* what BOSH hands out addresses of */
    struct network_range ipv6; /* beside an IPv4 one */
};

#define cleanup_network_definition cleanup(network_definition_release)

/* Reads and checks it; unknown keys of cloud_properties become notes. The definition points into
 * 'given', which must live as long. ERROR_CPI. */
int network_definition_read(const cJSON *given, struct network_definition *definition,
                            struct log *log, struct error *err);

struct libvirt_networks {
    struct libvirt_network *list;
    size_t count;
};

/* ERROR_CLOUD when a range overlaps a network that there is, naming it. */
int network_definition_check(const struct network_definition *definition,
                             const struct libvirt_networks *others, struct error *err);

/* Chooses a range that is wished by size: the first that neither a network nor a route of the host
 * has. 'routes' is what /proc/net/route holds, NULL: none. ERROR_CLOUD when there is none. */
int network_definition_choose(struct network_definition *definition,
                              const struct libvirt_networks *others, const char *routes,
                              struct error *err);

/* For the template "network". Owned by the caller. */
cJSON *network_definition_item(const struct network_definition *definition);

void network_definition_release(struct network_definition *definition);

#endif
