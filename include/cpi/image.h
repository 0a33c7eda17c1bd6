/*
 * image.h - disk images, through qemu-img.
 *
 * Sizes are in MiB unless they say bytes; MiB is what the CPI's callers use
 * (contract section 1.5). Formats have qemu-img's names, except that its "vpc"
 * is "vhd" here, as in the names of files.
 */
#ifndef CPI_IMAGE_H
#define CPI_IMAGE_H

#include "cpi/host.h"

#include <stdint.h>

enum { MIB = 1 << 20 };

struct image_info {
    const char *format; /* qemu-img's name, a constant */
    uint64_t virtual_bytes;
};

/* The path of the image in a directory. What the hypervisor opens must carry its format's
 * extension: AppArmor's helper on Debian and Ubuntu goes by it. Owned by the caller. */
char *image_path(const char *directory, const char *format);

struct image_request {
    const char *path, *format;
    const char *preallocation; /* qemu-img's word, NULL: thin */
    uint64_t size_mib;
};

/* Makes an empty image. */
int image_create(const struct host *host, const struct image_request *request, struct error *err);

/* Makes an image larger, in place. It must not be in use. */
int image_grow(const struct host *host, const struct image_request *request, struct error *err);

struct backing {
    const char *path, *format;
    uint64_t virtual_bytes;
};

/* Makes a qcow2 overlay of at least size_mib (0: as large as its backing image). */
int image_create_overlay(const struct host *host, const char *path, const struct backing *backing,
                         uint64_t size_mib, struct error *err);

struct conversion {
    const char *from, *from_format;
    const char *to, *to_format;
    uint64_t virtual_bytes; /* of 'from'; a large image may take longer than other commands */
    bool compress;          /* the clusters of 'to' */
    bool into;              /* 'to' is there already, empty and at least as large */
    bool untrusted; /* 'from' is a stranger's, although recognised as one that stands alone */
};

/* Copies an image that is not in use to one that depends on nothing. */
int image_convert(const struct host *host, const struct conversion *conversion, struct error *err);

/* The same to an image of at least size_mib (0: as large as it is), for formats that qemu-img
 * cannot make larger. */
int image_clone(const struct host *host, const struct conversion *conversion, uint64_t size_mib,
                struct error *err);

/* Whether a program that failed said that the disk is full. */
bool image_says_no_space(const char *said);

/* Makes an image of such a format larger by way of a copy. It must not be in use. */
int image_grow_copied(const struct host *host, const struct image_request *request,
                      uint64_t virtual_bytes, struct error *err);

/*
 * Which firmware boots a recognised image: "efi" or "bios", a constant. What
 * has to be unpacked for that goes to the file 'scratch' for a moment.
 */
int image_firmware(const struct host *host, const struct image_info *info, const char *path,
                   const char *scratch, const char **firmware, struct error *err);

/*
 * Tells what a disk image of unknown origin is, by its content: "qcow2", or
 * "raw" for a disk with a boot sector. Refuses anything else, and a qcow2 that
 * would make the hypervisor open a further file (a backing file or an external
 * data file). The file must not be in use.
 */
int image_recognise(const struct host *host, const char *path, struct image_info *info,
                    struct error *err);

/* The same for the disk of an OVF, which must be a "vmdk" that names no further file. */
int image_recognise_vmdk(const struct host *host, const char *path, struct image_info *info,
                         struct error *err);

#endif
