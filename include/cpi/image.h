/*
 * image.h - disk images, through qemu-img.
 *
 * Sizes are in MiB unless they say bytes; MiB is what the CPI's callers use
 * (contract section 1.5).
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

/* Copies an image that is not in use into one of another format, which is independent. */
int image_convert(const struct host *host, const char *path, const struct image_info *from,
                  const char *target, const char *format, struct error *err);

/*
 * Tells what a disk image of unknown origin is, by its content: "qcow2", or
 * "raw" for a disk with a boot sector. Refuses anything else, and a qcow2 that
 * would make the hypervisor open a further file (a backing file or an external
 * data file). The file is on this machine and must not be in use.
 */
int image_recognise(const struct host *host, const char *path, struct image_info *info,
                    struct error *err);

#endif
