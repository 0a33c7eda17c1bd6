/*
 * reservation.h - the fixed addresses of VMs in the DHCP of their libvirt
 * networks, so that no other guest is leased one.
 *
 * An entry's name is the VM's CID and the number of the NIC, which tells ours
 * from those that others made. IPv4 only: libvirt's entries of IPv6 have no MAC.
 */
#ifndef CPI_RESERVATION_H
#define CPI_RESERVATION_H

#include "cpi/cpi.h"
#include "cpi/network.h"
#include "cpi/survey.h"

/*
 * The entries that a VM needs, for its record, which must be written before
 * they are made: [{"network", "mac", "name", "ip", "parent"}, ...], 'parent'
 * being the number of the <ip>. Owned by the caller.
 */
cJSON *reservation_list(const struct nics *nics, const struct survey *survey, const char *vm_cid);

/* ERROR_CLOUD when somebody else has reserved one of the addresses. Changes nothing. */
int reservation_check(struct cpi *cpi, const cJSON *list, const struct survey *survey,
                      struct error *err);

/* Makes the entries, live and persistent. One that exists is no error, and one of a VM that is no
 * more is replaced. */
int reservation_make(struct cpi *cpi, const cJSON *list, struct error *err);

/* The same as a part of a larger script: its commands, and what they answered, which may take a
 * further virsh to put right. */
int reservation_add(struct cpi *cpi, const cJSON *list, struct virsh_script *script,
                    struct error *err);
int reservation_added(struct cpi *cpi, const cJSON *list, char *const *out, struct error *err);

/* Removes the entries from both; absent ones are success. */
int reservation_drop(struct cpi *cpi, const cJSON *list, struct error *err);

/* The CID of the VM in the name of an entry that we made, NULL in other names. Owned by the caller.
 */
char *reservation_vm(const char *name);

#endif
