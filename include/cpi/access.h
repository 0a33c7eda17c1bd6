/*
 * access.h - what cpi can still do with an image that libvirt has had.
 *
 * libvirt hands every image of a VM to the hypervisor's user. When the VM lets
 * go of it, libvirt gives it back to whom it had before, but not with
 * remember_owner = 0 in qemu.conf, on a file system without trusted extended
 * attributes, or after the host lost power; then it is root's or stays that
 * user's (measured with libvirt 9.0). An ordinary user could not open it again.
 */
#ifndef CPI_ACCESS_H
#define CPI_ACCESS_H

#include "cpi/host.h"

/*
 * Gives cpi's user there an access control entry of its own on an image that it
 * has just made: it stays when the owner changes. Nothing for root. What is not
 * possible is logged and no failure: the image may never leave our hands.
 */
void access_keep(const struct host *host, const char *path);

/* Says that access_keep is about to be called (host_foresee). */
void access_foresee(const struct host *host);

#endif
