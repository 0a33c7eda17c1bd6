/*
 * network.h - the networks of create_vm (contract section 1.6) as the VM's NICs.
 */
#ifndef CPI_NETWORK_H
#define CPI_NETWORK_H

#include "cpi/error.h"
#include "cpi/log.h"

#include <cjson/cJSON.h>
#include <stdint.h>

enum { MAC_SIZE = 18 };

/* What a NIC is on: a libvirt network; a bridge of the host; one of its interfaces, by macvtap; the
 * hypervisor's own NAT; and VirtualBox's kinds of network. */
enum nic_type {
    NIC_NETWORK,
    NIC_BRIDGE,
    NIC_DIRECT,
    NIC_USER,
    NIC_HOSTONLY,
    NIC_NAT,
    NIC_NATNETWORK,
    NIC_BRIDGED,
    NIC_INTERNAL
};

/* A limit in one direction, as libvirt counts it; 0: not given. */
struct bandwidth {
    uint64_t average, peak; /* KiB/s */
    uint64_t burst;         /* KiB */
};

struct nic {
    enum nic_type type;
    const char *source; /* the libvirt network's, the bridge's or the interface's name */
    const char *mode;   /* of macvtap; NULL for the other types */
    const char *model;
    const char *filter; /* a libvirt nwfilter, NULL when it has none */
    const char *group;  /* nic_group, NULL when it has none */
    uint64_t mtu;       /* bytes; 0: the network's own */
    struct bandwidth inbound, outbound;
    cJSON *vlans;            /* an array of tags, NULL when it has none */
    char mac[MAC_SIZE];      /* lower case, as the agent compares it */
    char **ips;              /* its fixed addresses in their usual form; NULL when it has none */
    char **gateways;         /* of its manual networks; NULL when they have none */
    const cJSON *properties; /* the cloud_properties that all of this comes from, NULL: none */
};

struct nics {
    struct nic *list;
    size_t count;
    cJSON *settings; /* the networks as the agent gets them: with the MACs */
};

#define cleanup_nics cleanup(nics_release)

struct nic_defaults {
    const char *network;      /* of NICs whose cloud_properties name none */
    const char *const *types; /* that there are, the usual first; NULL: qemu's. Others of the
                                 program are ERROR_NOT_SUPPORTED */
    const char *model;        /* the usual; NULL: virtio */
    const char *vm_cid;       /* what the MAC of a NIC without a fixed address comes from */
    struct log *log;          /* for notes of unknown keys; NULL: no notes */
};

/*
 * Makes a NIC for each network that is not a vip, networks of one nic_group
 * sharing one. A NIC's MAC, unless it is given, comes from its network and
 * address where that is given, so that a recreated VM keeps it. The NICs point
 * into 'networks', which must live as long. ERROR_CPI for what makes no sense.
 */
int nics_read(const cJSON *networks, const struct nic_defaults *defaults, struct nics *nics,
              struct error *err);

void nics_release(struct nics *nics);

/* Reads the cloud_properties of one network into the NIC; 'mac' is "" afterwards when they give
 * none. What the NIC owns is released by nic_release. */
int nic_properties_read(const cJSON *network, const struct nic_defaults *defaults, struct nic *nic,
                        struct error *err);

/* The NIC for the template "nic". Owned by the caller. */
cJSON *nic_item(const struct nic *nic);

void nic_release(struct nic *nic);

#endif
