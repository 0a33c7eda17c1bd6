/*
 * domain_disk.h - a disk that comes to a domain, or leaves it, in one virsh that
 * also tells what came of it.
 *
 * The functions return 1 when the states tell what was there and what is there
 * now, whether or not the disk has moved; 0 when virsh did not say enough for
 * that, so that domain_inspect must; -1 when virsh cannot be asked. The states
 * must be released.
 */
#ifndef CPI_DOMAIN_DISK_H
#define CPI_DOMAIN_DISK_H

#include "cpi/domain.h"

struct domain_change {
    struct domain_state before, after;
    bool untouched; /* after -1: it is certain that nothing was changed */
};

/* Puts the disk into the persistent definition, and into the live one if there is one. Does not
 * tell what was there before. */
int domain_attach_at_once(const struct virsh *virsh, const char *name, const char *xml,
                          struct domain_change *change, struct error *err);

/*
 * Takes the disk with that file out of both definitions. virsh finds a disk by
 * its file as well as by its target (measured on libvirt 9.0), and libvirt waits
 * up to 5 seconds for a running guest to let go; one that takes longer leaves
 * the disk in the live definition alone.
 */
int domain_detach_at_once(const struct virsh *virsh, const char *name, const char *file,
                          struct domain_change *change, struct error *err);

#endif
