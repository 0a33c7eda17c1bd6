/*
 * backup.h - copies a disk of a running VM through the hypervisor.
 */
#ifndef CPI_BACKUP_H
#define CPI_BACKUP_H

#include "cpi/cpi.h"

/*
 * Copies the disk with that target name to a new qcow2 image: what the disk
 * holds at the moment of the call, while the guest writes on. Waits for the
 * end. After a failure the VM has no job of ours any more.
 */
int backup_disk(struct cpi *cpi, const char *vm_cid, const char *target, const char *path,
                struct error *err);

#endif
