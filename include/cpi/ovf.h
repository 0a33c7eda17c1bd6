/*
 * ovf.h - the description and the manifest of a VM in the Open Virtualization
 * Format (DMTF DSP0243), as far as a stemcell needs them.
 */
#ifndef CPI_OVF_H
#define CPI_OVF_H

#include "cpi/digest.h"
#include "cpi/error.h"

struct ovf {
    char *disk;     /* the name of its one disk's file, a plain file name */
    char *firmware; /* "efi" or "bios"; NULL when it does not say */
};

#define cleanup_ovf cleanup(ovf_release)

/* Reads a description. ERROR_CLOUD when it is no OVF, or has not exactly one disk in a file beside
 * it. */
int ovf_read(const char *text, struct ovf *ovf, struct error *err);

void ovf_release(struct ovf *ovf);

/*
 * Looks up a file in a manifest, lines like "SHA256(name)= hex". 1: *kind and
 * hex are what it must have, 0: it says nothing of the file that we can check.
 */
int ovf_manifest_find(const char *manifest, const char *name, enum digest_kind *kind,
                      char hex[DIGEST_SIZE]);

#endif
