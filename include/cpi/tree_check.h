/*
 * tree_check.h - is it safe to unpack a stranger's root file system as root?
 *
 * Looks at the members of an archive in their order. What could touch a file
 * outside the directory that it is unpacked to is refused: absolute paths, paths
 * with "..", paths through a link, hard links to such paths. Symbolic links
 * themselves may say anything, for they mean what they mean inside. What cpi
 * itself writes into the tree later must not be led elsewhere either.
 */
#ifndef CPI_TREE_CHECK_H
#define CPI_TREE_CHECK_H

#include "cpi/error.h"

#include <archive_entry.h>
#include <stdbool.h>

struct tree_check {
    void *links; /* the paths of all symbolic links so far */
};

#define cleanup_tree_check cleanup(tree_check_release)

/* Where the settings are put, and disks appear, below the root. */
#define TREE_SETTINGS_DIRECTORY "var/vcap/bosh"
#define TREE_EPHEMERAL "var/vcap/data"
#define TREE_DISKS "warden-cpi-dev"

/*
 * Looks at the next member. Its path without "./" and slashes at its end goes
 * to *path (owned by the caller), "" for the root itself. ERROR_CLOUD when it is
 * refused; 'image' is what the message calls the archive.
 */
int tree_check_entry(struct tree_check *check, struct archive_entry *entry, const char *image,
                     char **path, struct error *err);

void tree_check_release(struct tree_check *check);

#endif
