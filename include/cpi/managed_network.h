/*
 * managed_network.h - libvirt networks that the Director creates and deletes.
 *
 * libvirt alone keeps them: a CID is "net-" and the network's uuid, and a mark
 * in its metadata says that it is ours. Nothing about them is stored that could
 * be out of date.
 */
#ifndef CPI_MANAGED_NETWORK_H
#define CPI_MANAGED_NETWORK_H

#include "cpi/cpi.h"
#include "cpi/network_definition.h"

/* Makes the network and starts it, with the host too; a range that is wished by size only is known
 * afterwards. ERROR_CLOUD when its name or range is in use. */
int managed_network_create(struct cpi *cpi, struct network_definition *definition,
                           struct error *err);

/* ERROR_NETWORK_NOT_FOUND; ERROR_CLOUD when it is not ours or VMs are on it, naming them. */
int managed_network_delete(struct cpi *cpi, const char *cid, struct error *err);

#endif
