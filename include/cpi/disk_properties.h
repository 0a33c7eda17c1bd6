/*
 * disk_properties.h - the cloud_properties of a persistent disk, and what they
 * mean for its image and its device.
 */
#ifndef CPI_DISK_PROPERTIES_H
#define CPI_DISK_PROPERTIES_H

#include "cpi/error.h"
#include "cpi/hypervisor.h"
#include "cpi/log.h"

#include <cjson/cJSON.h>
#include <stdint.h>

/* What all, reads only, writes only may do in a second. 0: as much as they like. */
struct io_limit {
    uint64_t total, read, write;
};

struct disk_properties {
    const char *format;               /* of the image, as qemu-img calls it */
    const char *cache, *io, *discard; /* of the device; NULL: libvirt's default */
    const char *preallocation;        /* NULL: thin */
    const struct bus *bus;            /* NULL: wherever there is room */
    struct io_limit iops;             /* operations a second */
    struct io_limit throughput;       /* MiB a second */
};

/*
 * Reads them; 'cloud_properties' may be NULL and must live as long as the
 * result. ERROR_CPI for what makes no sense, ERROR_NOT_SUPPORTED for what the
 * hypervisor cannot do. Unknown keys become notes in the log, which may be NULL.
 */
int disk_properties_read(const cJSON *cloud_properties, const struct hypervisor *hypervisor,
                         struct disk_properties *properties, struct log *log, struct error *err);

/* Does making an image of this preallocation take its whole size at once? */
bool disk_properties_take_space(const struct disk_properties *properties);

/* What the template "disk" wants to know of any disk. */
struct disk_device {
    const char *path, *format, *target, *serial;
    const struct bus *bus;
    const struct disk_properties *properties; /* NULL: none */
    bool boot;
    unsigned iothread; /* 0: none of its own */
    int index;         /* on a SCSI bus the address, -1: libvirt's choice */
};

/* The item for the template. Owned by the caller. */
cJSON *disk_device_item(const struct disk_device *device);

#endif
