/*
 * vm_properties.h - the cloud_properties of a VM.
 */
#ifndef CPI_VM_PROPERTIES_H
#define CPI_VM_PROPERTIES_H

#include "cpi/error.h"
#include "cpi/log.h"

#include <cjson/cJSON.h>
#include <stdint.h>

struct vm_properties {
    uint64_t cpus;
    uint64_t sockets, cores, threads; /* 0: libvirt's choice; else their product is cpus */
    uint64_t memory_mib;
    uint64_t ephemeral_mib; /* 0: none */
    uint64_t root_mib;      /* at least; 0: as large as the stemcell's */
    uint64_t iothreads;
    /* Strings are NULL where the key is absent. */
    const char *firmware; /* "bios", "efi", "efi-secure" */
    const char *machine;  /* libvirt's machine type */
    const char *cpu_mode, *cpu_model;
    const char *numa_nodes; /* of the host, as in "0-1,3" */
    const char *disk_cache, *disk_io;
    const char *graphics, *graphics_password_file;
    const char *watchdog; /* what happens when the guest hangs */
    const char *title;
    const char *virt_type;                               /* Xen's: "pv", "pvh" or "hvm" */
    const char *kernel, *ramdisk, *cmdline, *bootloader; /* what a PV or PVH domain boots */
    const char *init;                                    /* a container's first program */
    bool hugepages, ballooning, autostart;
    bool privileged; /* is a container's root the host's? */
    bool nested, nested_given;
    const cJSON *tags;         /* an object, or NULL */
    const cJSON *extra_disks;  /* an array of {"size": MiB}, or NULL */
    const cJSON *host_devices; /* an array of PCI addresses "0000:03:00.0", or NULL */
};

/* Reads them with their defaults and aliases; unknown keys become notes in the log. What is read
 * points into 'cloud_properties', which may be NULL. */
int vm_properties_read(const cJSON *cloud_properties, struct vm_properties *properties,
                       struct log *log, struct error *err);

/* The cloud_properties for a manifest's vm_resources {cpu, ram (MiB), ephemeral_disk_size (MiB)}.
 * Owned by the caller. */
cJSON *vm_properties_for(const cJSON *resources, struct error *err);

#endif
