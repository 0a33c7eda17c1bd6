/*
 * network.h - the networks of create_vm (contract section 1.6) as the VM's NICs.
 */
#ifndef CPI_NETWORK_H
#define CPI_NETWORK_H

#include "cpi/error.h"

#include <cjson/cJSON.h>

enum { MAC_SIZE = 18 };

enum nic_type { NIC_NETWORK, NIC_BRIDGE };

struct nic {
    enum nic_type type;
    const char *source; /* the libvirt network's or the bridge's name */
    const char *model;
    const char *group;  /* nic_group, NULL when it has none */
    char mac[MAC_SIZE]; /* lower case, as the agent compares it */
    char **ips;         /* its fixed addresses; NULL when it has none */
};

struct nics {
    struct nic *list;
    size_t count;
    cJSON *settings; /* the networks as the agent gets them: with the MACs */
};

#define cleanup_nics cleanup(nics_release)

struct nic_defaults {
    const char *network; /* of NICs whose cloud_properties name none */
    const char *vm_cid;  /* what the MAC of a NIC without a fixed address comes from */
};

/*
 * Makes a NIC for each network that is not a vip, networks of one nic_group
 * sharing one. A NIC's MAC comes from its network and address where that is
 * given, so that a recreated VM keeps it. The NICs point into 'networks', which
 * must live as long. ERROR_CPI for what makes no sense.
 */
int nics_read(const cJSON *networks, const struct nic_defaults *defaults, struct nics *nics,
              struct error *err);

void nics_release(struct nics *nics);

#endif
