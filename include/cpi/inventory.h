/*
 * inventory.h - what there is on the host that is ours, as JSON for people and
 * their programs. Changes nothing and takes no lock: what is on its way in or
 * out may be seen half.
 */
#ifndef CPI_INVENTORY_H
#define CPI_INVENTORY_H

#include "cpi/cpi.h"

/*
 * {"stemcells", "vms", "disks", "snapshots", "networks"}, each an array of
 * objects; docs/commands.md describes their members. Owned by the caller, NULL
 * on failure. One virsh for a hundred VMs.
 */
cJSON *inventory_take(struct cpi *cpi, struct error *err);

/*
 * The VMs of it: those that have a directory in the store, and the domains that
 * are named like ours and have disks in the store. Owned by the caller.
 */
cJSON *inventory_vms(struct cpi *cpi, struct error *err);

#endif
