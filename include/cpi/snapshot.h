/*
 * snapshot.h - snapshots of persistent disks: images of their own, which depend
 * on nothing and on which nothing depends.
 */
#ifndef CPI_SNAPSHOT_H
#define CPI_SNAPSHOT_H

#include "cpi/cpi.h"
#include "cpi/id.h"

/*
 * Copies the disk as it is at one point in time. A disk of a running VM is
 * copied by the hypervisor while the guest goes on (libvirt's push backup,
 * https://libvirt.org/formatbackup.html); its own image stays as it is.
 * ERROR_DISK_NOT_FOUND, ERROR_NO_DISK_SPACE.
 */
int snapshot_create(struct cpi *cpi, const char *disk_cid, const cJSON *metadata, char cid[ID_SIZE],
                    struct error *err);

/* An absent one is success. */
int snapshot_delete(struct cpi *cpi, const char *cid, struct error *err);

#endif
