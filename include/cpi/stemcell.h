/*
 * stemcell.h - stemcells: images that root disks are overlays of.
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

/* Imports a stemcell and writes its CID. */
int stemcell_create(struct cpi *cpi, const struct stemcell_request *request, char cid[ID_SIZE],
                    struct error *err);

/* Removes it; an absent one is success. ERROR_CLOUD while VMs depend on it, naming them. */
int stemcell_delete(struct cpi *cpi, const char *cid, struct error *err);

/* The image of a stemcell, as the backing of an overlay. 'path' is owned by the caller, 'format' is
 * a constant. The stemcell's lock must be held. ERROR_CLOUD when there is no such stemcell. */
int stemcell_open(struct cpi *cpi, const char *cid, struct backing *backing, char **path,
                  struct error *err);

#endif
