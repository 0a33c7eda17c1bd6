/*
 * disk.h - persistent disks and their attachment to VMs.
 *
 * libvirt's definitions say where a disk is attached. The disk's record names
 * the VM that it was last attached to, written before libvirt is told, so that
 * one look at one VM is enough to know.
 */
#ifndef CPI_DISK_H
#define CPI_DISK_H

#include "cpi/cpi.h"
#include "cpi/disk_properties.h"
#include "cpi/domain.h"
#include "cpi/id.h"

#include <stdint.h>

struct disk_request {
    uint64_t size_mib;
    const cJSON *cloud_properties; /* kept with the disk */
};

int disk_create(struct cpi *cpi, const struct disk_request *request, char cid[ID_SIZE],
                struct error *err);

/* An absent disk is success; ERROR_CLOUD while it is attached, naming the VM. */
int disk_delete(struct cpi *cpi, const char *cid, struct error *err);

/*
 * Makes a detached disk larger, in place. ERROR_DISK_NOT_FOUND, ERROR_CLOUD while it is attached,
 * ERROR_NOT_SUPPORTED when it would become smaller or its format cannot grow.
 */
int disk_resize(struct cpi *cpi, const char *cid, uint64_t size_mib, struct error *err);

/*
 * Gives a detached disk a new size (0: as it is) and new cloud_properties (NULL: as they are),
 * converting its image if its format changes. Fails like disk_resize; the disk is then as before.
 */
int disk_update(struct cpi *cpi, const char *cid, const struct disk_request *request,
                struct error *err);

/* ERROR_DISK_NOT_FOUND. */
int disk_set_metadata(struct cpi *cpi, const char *cid, const cJSON *metadata, struct error *err);

/* Attaches the disk, or finds it attached, and returns the hint for the agent (owned by the
 * caller). ERROR_VM_NOT_FOUND, ERROR_DISK_NOT_FOUND, ERROR_CLOUD when another VM has it. */
cJSON *disk_attach(struct cpi *cpi, const char *vm_cid, const char *disk_cid, struct error *err);

/* Detaches the disk and waits until the guest has let go. ERROR_VM_NOT_FOUND,
 * ERROR_DISK_NOT_ATTACHED, ERROR_CLOUD when the guest does not within detach_timeout. */
int disk_detach(struct cpi *cpi, const char *vm_cid, const char *disk_cid, struct error *err);

/* The CIDs of the persistent disks of a VM. Owned by the caller. ERROR_VM_NOT_FOUND. */
int disk_list(struct cpi *cpi, const char *vm_cid, char ***cids, struct error *err);

/* What a disk's record says. The path is owned by the caller. */
const char *disk_format(const cJSON *record);
uint64_t disk_size_mib(const cJSON *record);
char *disk_path(const struct cpi *cpi, const char *cid, const cJSON *record);

/* ERROR_NO_DISK_SPACE when a disk that is preallocated would not fit. */
int disk_check_space(const struct cpi *cpi, const struct disk_properties *properties,
                     uint64_t size_mib, struct error *err);

/* The VM that has a disk, as it was seen. Owned by the caller: disk_holder_release. */
struct disk_holder {
    char *vm; /* NULL: none has it */
    struct domain_state state;
};

#define cleanup_holder cleanup(disk_holder_release)

/* Is the disk attached to the VM that its record names? 1: it is, 0: no VM has it, -1: cannot tell.
 * The disk's lock must be held. */
int disk_holder_find(struct cpi *cpi, const char *cid, const cJSON *record,
                     struct disk_holder *holder, struct error *err);
void disk_holder_release(struct disk_holder *holder);

/* Undoes what a killed process left of the disk on the host; no VM has it, and its lock must be
 * held. */
int disk_settle(struct cpi *cpi, const char *cid, struct error *err);

#endif
