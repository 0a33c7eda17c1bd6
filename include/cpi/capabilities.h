/*
 * capabilities.h - what kinds of VM the host can run, from 'virsh capabilities'.
 */
#ifndef CPI_CAPABILITIES_H
#define CPI_CAPABILITIES_H

#include "cpi/virsh.h"

/* The <os_type> of each kind of guest, such as "hvm", and on Xen "xen" (paravirtual) and "xenpvh".
 * A list ended by NULL, owned by the caller. */
int capabilities_os_types(const struct virsh *virsh, char ***types, struct error *err);

#endif
