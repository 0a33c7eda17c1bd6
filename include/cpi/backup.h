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

/*
 * Ends a backup that backup_disk began and whose process was killed. The VM's
 * lock must be held, so that none is still waiting for it. 1: ended, 0: there
 * was none of ours, -1: failed.
 */
int backup_end_orphan(struct cpi *cpi, const char *vm_cid, struct error *err);

#endif
