/*
 * stemcell_share.h - the same image file imported twice is stored once: the
 * stemcells made of it have hard links to one image. Nothing ever writes to it,
 * and it is there until the last of them is deleted.
 */
#ifndef CPI_STEMCELL_SHARE_H
#define CPI_STEMCELL_SHARE_H

#include "cpi/cpi.h"

/* Was an image file of that many bytes imported before, so that its digest is worth knowing?
 * 1, 0, -1: failed. */
int stemcell_share_likely(struct cpi *cpi, uint64_t bytes, struct error *err);

/*
 * Gives the directory 'staged' the image of a stemcell whose image file has this
 * SHA-256, in place of its own; *facts (owned by the caller, NULL: there is no
 * own) becomes what is known of it. 1: done, 0: there is none that can be
 * shared, -1: failed.
 */
int stemcell_share(struct cpi *cpi, const char *sha256, const char *staged, cJSON **facts,
                   struct error *err);

#endif
