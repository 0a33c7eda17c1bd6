/*
 * usual.h - the usual ways of a driver (driver.h), which are qemu's: a domain
 * whose disks are image files. A driver takes of them what is true for it.
 */
#ifndef CPI_USUAL_H
#define CPI_USUAL_H

#include "cpi/driver.h"

/* Fits the machine to the request and looks at what kinds of VM the host can run. */
int usual_plan(struct cpi *cpi, const struct vm_request *request, struct vm_plan *plan,
               struct error *err);

/* An overlay as root disk, empty images, the settings on an ISO. */
int usual_make_files(struct cpi *cpi, const struct vm_request *request, const struct vm_plan *plan,
                     struct error *err);

/* The disks that come and go with a VM: ephemeral and extra ones. */
int usual_make_empty_disks(struct cpi *cpi, const struct vm_plan *plan, struct error *err);

/* The agent's settings, on an ISO. */
int usual_make_settings(struct cpi *cpi, const struct vm_request *request,
                        const struct vm_plan *plan, struct error *err);

int usual_start(struct cpi *cpi, const struct vm_plan *plan, struct error *err);

/* These do what domain.h says of the function of that name, with the flags of the hypervisor. */
int usual_end(struct cpi *cpi, const char *cid, struct error *err);
int usual_restart(struct cpi *cpi, const char *cid, struct error *err);
int usual_describe(struct cpi *cpi, const char *cid, const struct description *description,
                   struct error *err);
int usual_exists(struct cpi *cpi, const char *cid, struct error *err);
int usual_inspect(struct cpi *cpi, const char *cid, struct domain_state *state, struct error *err);

/* Through qemu-img. */
int usual_make_image(struct cpi *cpi, const struct image_request *request, struct error *err);
int usual_grow_image(struct cpi *cpi, const struct image_request *request, struct error *err);

/* The device of a disk, with a target of that number on the bus. Owned by the caller. */
char *usual_disk_xml(const struct attachment *a, const struct bus *bus, unsigned index,
                     struct error *err);

/* A device by 'virsh attach-device', found in the guest by its serial. */
int usual_attach_at_once(struct attachment *a, struct error *err);
int usual_detach_at_once(struct attachment *a, struct error *err);
int usual_mend(struct attachment *a, struct error *err);
cJSON *usual_attach(struct attachment *a, struct error *err);
cJSON *usual_hint(const struct attachment *a);
int usual_detach(struct attachment *a, struct error *err);

/* The members of a struct driver all of whose domains and disks are as usual. */
#define USUAL_DOMAINS_AND_DISKS                                                               \
    .make_files = usual_make_files, .start = usual_start, .end = usual_end,                   \
    .restart = usual_restart, .describe = usual_describe, .exists = usual_exists,             \
    .inspect = usual_inspect, .make_image = usual_make_image, .grow_image = usual_grow_image, \
    .mend = usual_mend, .attach = usual_attach, .hint = usual_hint, .detach = usual_detach

/* Through libvirt's push backup. */
int usual_copy_live(struct cpi *cpi, const char *vm, const struct block *live, const char *path,
                    struct error *err);

#endif
