/*
 * method.h - the CPI's methods (contract section 1.5): each reads its arguments,
 * calls one domain function and returns the result.
 */
#ifndef CPI_METHOD_H
#define CPI_METHOD_H

#include "cpi/cpi.h"

struct method {
    const char *name;
    const char *takes; /* its arguments, for people: "SIZE [CLOUD_PROPERTIES]" */
    int min_args;
    bool offline;         /* needs no valid configuration */
    const char *opposite; /* the method that removes what this one makes; NULL: it makes nothing */
    cJSON *(*run)(struct cpi *cpi, const cJSON *args, struct error *err);
};

/* The method's row; NULL for an unknown name. */
const struct method *method_find(const char *name);

/* The rows by number, from 0; NULL after the last. */
const struct method *method_at(size_t index);

/* Each returns its result, owned by the caller, or NULL and an error. */
cJSON *method_info(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_ping(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_not_implemented(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_not_supported(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_create_stemcell(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_delete_stemcell(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_create_vm(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_calculate_vm_cloud_properties(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_delete_vm(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_has_vm(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_reboot_vm(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_set_vm_metadata(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_create_disk(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_delete_disk(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_has_disk(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_attach_disk(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_detach_disk(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_get_disks(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_resize_disk(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_update_disk(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_snapshot_disk(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_delete_snapshot(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_set_disk_metadata(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_create_network(struct cpi *cpi, const cJSON *args, struct error *err);
cJSON *method_delete_network(struct cpi *cpi, const cJSON *args, struct error *err);

/* The argument's CID, checked; NULL and ERROR_CPI when it is none. Part of args. */
const char *arg_cid(const cJSON *args, int index, const char *what, struct error *err);

/* The argument's text; NULL and ERROR_CPI when it is no string or empty. Part of args. */
const char *arg_string(const cJSON *args, int index, const char *what, struct error *err);

/* The argument's object, NULL in *object where it is absent or null. */
int arg_object(const cJSON *args, int index, const char *what, const cJSON **object,
               struct error *err);

/* The result of a method that has none, or NULL when it failed. */
cJSON *void_result(int failed);

#endif
