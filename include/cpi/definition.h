/*
 * definition.h - a domain's definition, as 'virsh dumpxml --inactive' tells it,
 * with a file system more or less.
 *
 * For what no virsh command changes: libvirt's LXC driver refuses to attach and
 * detach a <filesystem> ("persistent attach of device is not supported", 9.0).
 * All else in the definition stays as it is, byte for byte.
 */
#ifndef CPI_DEFINITION_H
#define CPI_DEFINITION_H

#include "cpi/error.h"

#include <stdbool.h>
#include <stddef.h>

/* An image file that is mounted in a container. */
struct filesystem {
    char *file;        /* on the host */
    char *target;      /* in the container */
    size_t start, end; /* of the element, bytes in the definition */
};

struct domain_definition {
    struct filesystem *list; /* those of type 'file' */
    size_t count;
    char *root;         /* the directory that is a container's root, NULL: none is */
    size_t devices_end; /* where </devices> begins */
    bool mapped;        /* is a container's root another user than the host's? */
};

#define cleanup_definition cleanup(definition_release)

/* ERROR_CLOUD for what is no domain. */
int definition_read(const char *xml, struct domain_definition *definition, struct error *err);

/* The definition with a further device, which is XML itself. Owned by the caller. */
char *definition_with(const char *xml, const struct domain_definition *definition,
                      const char *device);

/* The definition without that file system. Owned by the caller. */
char *definition_without(const char *xml, const struct filesystem *filesystem);

void definition_release(struct domain_definition *definition);

#endif
