/*
 * driver.h - what the hypervisors do each in their own way.
 *
 * One const struct a hypervisor, below src/driver/; what only differs as data is
 * in struct hypervisor, and what is the same for all is in the rooms that call
 * these functions. All of them are set unless a comment says that NULL will do.
 * The things' locks are held by the callers, who also look after the records.
 */
#ifndef CPI_DRIVER_H
#define CPI_DRIVER_H

#include "cpi/attachment.h"
#include "cpi/domain.h"
#include "cpi/image.h"
#include "cpi/vm_plan.h"

struct sweep;

struct driver {
    /* As stemcell_import (stemcell_import.h). */
    int (*import_stemcell)(struct cpi *cpi, const char *image, const char *staged, cJSON **facts,
                           struct error *err);

    /* Whether the host has what VMs need of it beside libvirt; the message says what is missing.
     * NULL: nothing. */
    int (*check_host)(struct cpi *cpi, struct error *err);

    /*
     * Looks at a request to create_vm, which changes nothing yet: refuses what
     * this hypervisor cannot do, decides what it leaves to the CPI. The
     * properties, the NICs and the stemcell in the plan were read.
     */
    int (*plan)(struct cpi *cpi, const struct vm_request *request, struct vm_plan *plan,
                struct error *err);

    /* ERROR_CPI for a store_dir in which no VM could be made. NULL: any will do. */
    int (*check_store)(const char *store_dir, struct error *err);

    /* Makes all the files of a planned VM in its directory, which exists: disks and settings. */
    int (*make_files)(struct cpi *cpi, const struct vm_request *request, const struct vm_plan *plan,
                      struct error *err);

    /* The agent's hint of a disk that the VM has from the start; the root disk's index is 0. Owned
     * by the caller. NULL: the disk is found by its serial. */
    cJSON *(*own_hint)(const struct vm_domain *domain, unsigned index, const char *serial);

    /* Defines the VM and starts it. Where starts_at_once is set it makes the reservations too, the
     * plan may be unseen, and one that failed may be started again after it was mended. */
    int (*start)(struct cpi *cpi, const struct vm_plan *plan, struct error *err);
    bool starts_at_once;

    /* Leaves nothing of the VM outside its directory, and nothing in use that is in there. An
     * absent VM is success, and so is one of which only something is left. */
    int (*end)(struct cpi *cpi, const char *cid, struct error *err);

    /* As domain_restart, domain_describe, domain_exists and domain_inspect (domain.h). */
    int (*restart)(struct cpi *cpi, const char *cid, struct error *err);
    int (*describe)(struct cpi *cpi, const char *cid, const struct description *description,
                    struct error *err);
    int (*exists)(struct cpi *cpi, const char *cid, struct error *err);
    int (*inspect)(struct cpi *cpi, const char *cid, struct domain_state *state, struct error *err);

    /* The VM's disks, from its XML (--inactive); a root directory is one too. NULL: 'virsh
     * domblklist' tells. */
    void (*read_disks)(const struct cpi *cpi, const char *xml, struct blocks *blocks);

    /* Makes the image of a persistent disk; makes it larger, while nobody has it. */
    int (*make_image)(struct cpi *cpi, const struct image_request *request, struct error *err);
    int (*grow_image)(struct cpi *cpi, const struct image_request *request, struct error *err);

    /* Makes the live and the persistent definition agree on the disk, after a process was killed
     * that changed them. The VM runs. */
    int (*mend)(struct attachment *a, struct error *err);

    /* Without a look beforehand, where all is as usual: gives the VM a disk that nobody is said to
     * have; takes a disk from the VM that is said to have it. 1: it is done; 0: it is not, and
     * a->live and a->config tell where the disk is; -1: failed, which may have changed something.
     * NULL: always look first. */
    int (*attach_at_once)(struct attachment *a, struct error *err);
    int (*detach_at_once)(struct attachment *a, struct error *err);

    /* Gives the disk to the VM, in both definitions. Returns the agent's hint, owned by the caller,
     * or NULL. */
    cJSON *(*attach)(struct attachment *a, struct error *err);

    /* The hint of a disk that is attached. Owned by the caller. */
    cJSON *(*hint)(const struct attachment *a);

    /* Takes the disk from the VM; a->live or a->config tell where it is. What fails leaves it
     * attached. */
    int (*detach)(struct attachment *a, struct error *err);

    /* Undoes on the host what a killed process left of a disk that no VM has. NULL: nothing can be
     * left. */
    int (*settle)(struct cpi *cpi, const char *disk, struct error *err);

    /* A step of leftovers_find (sweep.h), for what is outside store_dir. NULL: nothing can be left.
     */
    int (*sweep)(struct sweep *sweep, struct error *err);

    /* Copies the disk that a running VM has as that block to a new qcow2 image, while the guest
     * goes on. Not called unless the hypervisor's live_snapshot is set, and may be NULL then. */
    int (*copy_live)(struct cpi *cpi, const char *vm, const struct block *live, const char *path,
                     struct error *err);
};

/* The driver of the hypervisor that the configuration names. */
const struct driver *driver_of(const struct cpi *cpi);

extern const struct driver driver_qemu, driver_vbox, driver_lxc, driver_xen, driver_vmware;

#endif
