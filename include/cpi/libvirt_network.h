/*
 * libvirt_network.h - a libvirt network as its XML describes it.
 */
#ifndef CPI_LIBVIRT_NETWORK_H
#define CPI_LIBVIRT_NETWORK_H

#include "cpi/error.h"
#include "cpi/subnet.h"

/* One <host> of a <dhcp>; each text is "" where it has none. */
struct dhcp_host {
    char *mac, *name, *ip;
};

/* One <ip> of a network: the address of its bridge, and the subnet around it. */
struct network_subnet {
    struct subnet subnet;
    bool dhcp;
    struct dhcp_host *hosts;
    size_t host_count;
};

struct libvirt_network {
    char *name, *uuid;              /* "" when the XML has none */
    bool ours;                      /* made by create_network: its metadata says so */
    unsigned long connections;      /* NICs of running VMs on it, whoever made them */
    struct network_subnet *subnets; /* in the XML's order, which is that of --parent-index */
    size_t count;
};

#define cleanup_libvirt_network cleanup(libvirt_network_release)

/* Reads what 'virsh net-dumpxml' prints. ERROR_CLOUD when it is no network. */
int libvirt_network_read(const char *xml, struct libvirt_network *network, struct error *err);

/* The subnet that the address is in, NULL when there is none. */
const struct network_subnet *libvirt_network_subnet(const struct libvirt_network *network,
                                                    const struct ip *ip);

/* Its subnets as "10.0.0.0/24 and fd00::/64", for messages. Owned by the caller. */
char *libvirt_network_subnets(const struct libvirt_network *network);

void libvirt_network_release(struct libvirt_network *network);

#endif
