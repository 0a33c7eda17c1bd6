/*
 * stemcell_light.h - light stemcells: the image is a file that the host has
 * already, which cloud_properties name. It is used where it is.
 */
#ifndef CPI_STEMCELL_LIGHT_H
#define CPI_STEMCELL_LIGHT_H

#include "cpi/cpi.h"

struct stemcell_light {
    const char *image;  /* its absolute path on the host; NULL: this is no light stemcell */
    const char *sha256; /* what it must have, NULL when nothing is said */
    bool vsphere;       /* is the agent in it of the vsphere line? */
};

/* Reads a stemcell's cloud_properties (NULL: none). The strings are part of them. ERROR_CPI. */
int stemcell_light_read(const cJSON *cloud_properties, struct stemcell_light *light,
                        struct error *err);

/*
 * Checks the image and makes a hard link to it in the directory 'staged' where
 * that can be; else the record names its path. *facts is for the record (owned
 * by the caller). ERROR_CLOUD.
 */
int stemcell_light_take(struct cpi *cpi, const struct stemcell_light *light, const char *staged,
                        cJSON **facts, struct error *err);

/* The path in the record of a stemcell whose image is not in the store, NULL for all others. Part
 * of the record. */
const char *stemcell_light_path(const cJSON *record);

/* Is the file still what it was? ERROR_CLOUD when it is gone or was changed. */
int stemcell_light_check(struct cpi *cpi, const cJSON *record, struct error *err);

#endif
