/*
 * unpack.h - takes the disk image out of a stemcell's 'image' file.
 *
 * The file is a (gzip'd) tar. One of the openstack line holds root.img, one of
 * the vsphere line an OVF description, its disk and perhaps a manifest. Which
 * of them it is, is told by what it holds.
 */
#ifndef CPI_UNPACK_H
#define CPI_UNPACK_H

#include "cpi/host.h"

/* The largest disk image that is unpacked, in bytes: 128 GiB. */
#define UNPACK_LIMIT (128ULL << 30)

/* What an image file held. */
struct unpacked {
    char *disk;               /* the name of the member that was written */
    char *ovf;                /* the OVF description; NULL: the disk was root.img */
    char *manifest;           /* the OVF's, NULL when there is none */
    char sha256[DIGEST_SIZE]; /* of the image file itself, all of it */
};

#define cleanup_unpacked cleanup(unpacked_release)

/*
 * Writes the disk image of the file 'image', which is on this machine, to 'target' on the host
 * (host_write_image).
 * Reads the archive to its end, so that its checksum is checked. No other member
 * is written and no path of the archive is used: one that leads out of the
 * archive, a disk that is no file and a second disk are refused. ERROR_CLOUD,
 * ERROR_NO_DISK_SPACE.
 */
int unpack_image(const struct host *host, const char *image, const char *target,
                 struct unpacked *unpacked, struct error *err);

void unpacked_release(struct unpacked *unpacked);

#endif
