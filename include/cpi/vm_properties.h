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
    uint64_t memory_mib;
    uint64_t ephemeral_mib; /* 0: none */
    uint64_t root_mib;      /* at least; 0: as large as the stemcell's */
};

/* Reads them with their defaults and aliases; unknown keys become notes in the log. */
int vm_properties_read(const cJSON *cloud_properties, struct vm_properties *properties,
                       struct log *log, struct error *err);

/* The cloud_properties for a manifest's vm_resources {cpu, ram (MiB), ephemeral_disk_size (MiB)}.
 * Owned by the caller. */
cJSON *vm_properties_for(const cJSON *resources, struct error *err);

#endif
