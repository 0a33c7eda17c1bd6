/*
 * unpack.h - takes the disk image out of a stemcell's 'image' file.
 */
#ifndef CPI_UNPACK_H
#define CPI_UNPACK_H

#include "cpi/error.h"
#include "cpi/log.h"

/* The largest disk image that is unpacked, in bytes: 128 GiB. */
#define UNPACK_LIMIT (128ULL << 30)

/*
 * Writes the member root.img of a (gzip'd) tar to 'target', sparse, and syncs
 * it. Reads the archive to its end, so that its checksum is checked. No other
 * member is written and no path of the archive is used.
 */
int unpack_root_image(const char *image, const char *target, const struct log *log,
                      struct error *err);

#endif
