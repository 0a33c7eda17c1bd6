/*
 * vbox.h - the parts of VirtualBox's driver (driver.h), which are in two files:
 * VMs and their disks.
 */
#ifndef CPI_VBOX_H
#define CPI_VBOX_H

#include "cpi/driver.h"
#include "cpi/vboxmanage.h"

/* The snapshot that a copy of a running VM's disk is made from; gone afterwards. */
#define VBOX_SNAPSHOT "cpi-copy"

/* Deletes that snapshot if a killed process left it. ERROR_CLOUD when the VM has another one, which
 * only who took it may delete. */
int vbox_drop_snapshot(struct cpi *cpi, const char *vm, struct vbox_machine *machine,
                       struct error *err);

/* These are members of struct driver. */
cJSON *vbox_own_hint(const struct vm_domain *domain, unsigned index, const char *serial);
int vbox_inspect(struct cpi *cpi, const char *cid, struct domain_state *state, struct error *err);
int vbox_mend(struct attachment *a, struct error *err);
cJSON *vbox_hint(const struct attachment *a);
cJSON *vbox_attach_disk(struct attachment *a, struct error *err);
int vbox_detach_disk(struct attachment *a, struct error *err);
int vbox_settle(struct cpi *cpi, const char *disk, struct error *err);
int vbox_grow_image(struct cpi *cpi, const struct image_request *request, struct error *err);
int vbox_copy_live(struct cpi *cpi, const char *vm, const struct block *live, const char *path,
                   struct error *err);

#endif
