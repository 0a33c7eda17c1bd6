/*
 * vm_address.h - who has which fixed address: no two VMs of a store get the
 * same one on the same network.
 */
#ifndef CPI_VM_ADDRESS_H
#define CPI_VM_ADDRESS_H

#include "cpi/cpi.h"
#include "cpi/network.h"

/*
 * Looks whether the addresses are to be had. ERROR_CLOUD when a VM has one,
 * naming it. A VM that is only half there, because the process that made or
 * removed it was killed, is removed.
 */
int vm_address_check(struct cpi *cpi, const struct nics *nics, struct error *err);

/* Says that vm_address_check is about to be called (host_foresee). */
void vm_address_foresee(struct cpi *cpi, const struct nics *nics);

/* Gives them to the VM; fails like vm_address_check. */
int vm_address_claim(struct cpi *cpi, const char *vm_cid, const struct nics *nics,
                     struct error *err);

/* [{"network", "ip"}, ...] for the VM's record. Owned by the caller. */
cJSON *vm_address_list(const struct nics *nics);

#endif
