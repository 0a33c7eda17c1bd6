/*
 * stemcell_import.h - from a stemcell's 'image' file to an image that root disks
 * are made from.
 */
#ifndef CPI_STEMCELL_IMPORT_H
#define CPI_STEMCELL_IMPORT_H

#include "cpi/cpi.h"

/*
 * Leaves the image as image.<format> in the directory 'staged'. *facts is what
 * the stemcell's record says of it (owned by the caller): format, virtual_bytes,
 * line, sha256 (of the image file) and, where the OVF says so, firmware.
 * ERROR_CLOUD, ERROR_NO_DISK_SPACE; what is half done stays in 'staged'.
 */
int stemcell_import(struct cpi *cpi, const char *image, const char *staged, cJSON **facts,
                    struct error *err);

#endif
