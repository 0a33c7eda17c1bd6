/*
 * vmdk.h - tells a stranger's VMDK by its header, before anything else opens it.
 */
#ifndef CPI_VMDK_H
#define CPI_VMDK_H

#include "cpi/host.h"

/*
 * Is the file a VMDK that is complete in itself: createType streamOptimized or
 * monolithicSparse, no parent, one extent, its own? A VMDK may also name other
 * files, which qemu-img would open. ERROR_CLOUD.
 */
int vmdk_check(const struct host *host, const char *path, struct error *err);

#endif
