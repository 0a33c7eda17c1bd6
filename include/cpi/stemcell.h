/*
 * stemcell.h - stemcells: images that root disks are overlays of, and trees that
 * containers' roots are copies of.
 */
#ifndef CPI_STEMCELL_H
#define CPI_STEMCELL_H

#include "cpi/cpi.h"
#include "cpi/id.h"
#include "cpi/image.h"

struct stemcell_request {
    const char *image;             /* path of the 'image' file, on this machine */
    const cJSON *cloud_properties; /* kept with the stemcell */
    const cJSON *tags;             /* likewise; NULL when there are none */
};

/*
 * Imports a stemcell and writes its CID. The image of a light stemcell stays
 * where it is; that of an image file that was imported before is stored once.
 */
int stemcell_create(struct cpi *cpi, const struct stemcell_request *request, char cid[ID_SIZE],
                    struct error *err);

/* Removes it; an absent one is success. ERROR_CLOUD while VMs depend on it, naming them. The file
 * of a light stemcell stays. */
int stemcell_delete(struct cpi *cpi, const char *cid, struct error *err);

/* How the agent in the image finds its settings and its disks. */
enum stemcell_line { LINE_OPENSTACK, LINE_VSPHERE, LINE_WARDEN };

/* A stemcell as create_vm needs it. */
struct stemcell {
    struct backing image; /* of an overlay, or the directory "rootfs" that a container's root is
                             copied from; its path is owned by the stemcell, see 'path' */
    char *path;
    char *init;      /* a tree's first program, NULL: none was found */
    cJSON *settings; /* a tree's files for the agent's settings, below /var/vcap/bosh */
    enum stemcell_line line;
    const char *firmware; /* "efi" or "bios", a constant; NULL when the stemcell does not say */
    const char *arch;     /* "aarch64", a constant; NULL for an x86 */
};

/* Finds a stemcell, whose lock must be held. ERROR_CLOUD when there is none, or when the file of a
 * light one is gone or was changed. */
int stemcell_open(struct cpi *cpi, const char *cid, struct stemcell *stemcell, struct error *err);

void stemcell_release(struct stemcell *stemcell);

#endif
