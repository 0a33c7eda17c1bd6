/*
 * stemcell_tree.h - from a stemcell's 'image' file that holds a root file system
 * (the warden line; contract section 1.5) to the directory that containers'
 * roots are copied from.
 */
#ifndef CPI_STEMCELL_TREE_H
#define CPI_STEMCELL_TREE_H

#include "cpi/cpi.h"

/* The directory in a stemcell's, and in a VM's. */
#define TREE_ROOT "rootfs"

/*
 * As stemcell_import: leaves the tree as the directory 'rootfs' in 'staged'. It
 * is unpacked by the host's tar (GNU's), as root, so that owners, devices and
 * capabilities are what they were. In *facts: format "directory", virtual_bytes,
 * line "warden", sha256, init (where one was found) and settings, the names
 * below /var/vcap/bosh of the files in which the tree's agent looks for them.
 */
int stemcell_import_tree(struct cpi *cpi, const char *image, const char *staged, cJSON **facts,
                         struct error *err);

#endif
