/*
 * vm_network.h - the libvirt networks that a VM's NICs are on.
 */
#ifndef CPI_VM_NETWORK_H
#define CPI_VM_NETWORK_H

#include "cpi/cpi.h"
#include "cpi/network.h"
#include "cpi/survey.h"

/* Their names, each once; NULL when there are none. Owned by the caller. */
char **vm_network_names(const struct nics *nics);

/* The same for the VM's record. Owned by the caller. */
cJSON *vm_network_list(const struct nics *nics);

/*
 * Is every network there, and will it be active? Do the fixed addresses and
 * gateways lie in its subnets, and is none its bridge's own? ERROR_NETWORK_NOT_FOUND,
 * ERROR_CLOUD. A network without subnets, a bridge and macvtap take any address.
 */
int vm_network_check(struct cpi *cpi, const struct nics *nics, const struct survey *survey,
                     struct error *err);

/* Says in the log which of them do not start with the host; 'autostart' names those that do. */
void vm_network_warn(struct cpi *cpi, const struct nics *nics, char *const *autostart);

/* Starts those that are not active. */
int vm_network_enable(struct cpi *cpi, const struct nics *nics, const struct survey *survey,
                      struct error *err);

#endif
