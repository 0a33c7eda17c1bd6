/*
 * vm_metadata.h - what set_vm_metadata left at a domain, read back.
 */
#ifndef CPI_VM_METADATA_H
#define CPI_VM_METADATA_H

#include <cjson/cJSON.h>

/* Reads what 'virsh metadata' prints into an object of strings, {} where it cannot be read. Owned
 * by the caller. */
cJSON *vm_metadata_read(const char *xml);

/* The name of an instance, "web/0", from the metadata of its VM, of its disk or of a snapshot.
 * Owned by the caller; NULL when it says none. */
char *vm_metadata_instance(const cJSON *metadata);

#endif
