/*
 * vmrun.h - what libvirt's VMware driver never does: end a VM whose guest does
 * not shut down by itself. 'virsh destroy' is 'vmrun stop ... soft' there, which
 * needs VMware's tools in the guest (libvirt 9.0, src/vmware).
 */
#ifndef CPI_VMRUN_H
#define CPI_VMRUN_H

#include "cpi/virsh.h"

/* Cuts the power of the VM with that .vmx file; the product is the one of virsh's uri. */
int vmrun_stop(const struct virsh *virsh, const char *vmx, struct error *err);

#endif
