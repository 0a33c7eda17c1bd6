/*
 * desktop.h - what the drivers of VirtualBox and VMware have in common: machines
 * with few options, disks that are copies, VMDK.
 */
#ifndef CPI_DESKTOP_H
#define CPI_DESKTOP_H

#include "cpi/driver.h"

/* As usual_plan, for an x86 guest. Refuses by name what only other hypervisors have; a note in the
 * log says where storage_controller means another bus than it names. */
int desktop_plan(struct cpi *cpi, const struct vm_request *request, struct vm_plan *plan,
                 struct error *err);

/* The root disk, a copy of the stemcell's image. */
int desktop_make_root(struct cpi *cpi, const struct vm_plan *plan, struct error *err);

/* The hint of a disk without a serial number: its place on the only SCSI controller, which is at
 * that PCI address. Owned by the caller. */
cJSON *desktop_scsi_hint(const char *pci, unsigned unit);

#endif
