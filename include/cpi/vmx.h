/*
 * vmx.h - reads the disks in a VM's .vmx file, VMware's own definition of it:
 * lines 'key = "value"' in which a |XX is a byte in hexadecimal.
 *
 * libvirt 9.0 reads such files too, but of a SCSI controller only the units up
 * to 6, while it writes those up to 15 (measured).
 */
#ifndef CPI_VMX_H
#define CPI_VMX_H

#include "cpi/domain.h"

/* Adds the SCSI disks that are in 'text', by their targets ("sda" is unit 0 of controller 0). */
void vmx_read_disks(const char *text, struct blocks *blocks);

/* The unit on the SCSI controller of a target "sda", "sdb", ...; 7 is the controller itself. */
unsigned vmx_unit(const char *target);

/* The target of a unit below 16. Owned by the caller. */
char *vmx_target(unsigned unit);

#endif
