/*
 * error.h - what went wrong, for the operator.
 *
 * Every function that can fail takes a struct error as its last parameter.
 * Success leaves it untouched; failure sets it once and returns -1 or NULL. The
 * type is chosen where the knowledge is; callers on the way up only add context.
 *
 *     return fail(err, ERROR_VM_NOT_FOUND, "there is no VM '%s'", cid);
 *     return error_wrap(err, "attach_disk: VM '%s'", cid);
 */
#ifndef CPI_ERROR_H
#define CPI_ERROR_H

#include "cpi/util.h"

/* The ten types that the Director knows (DIR/lib/clouds/external_cpi.rb, contract section 1.3). */
enum error_type {
    ERROR_NONE,
    ERROR_CPI,   /* the request or the configuration is at fault */
    ERROR_CLOUD, /* the infrastructure is */
    ERROR_NOT_SUPPORTED,
    ERROR_NOT_IMPLEMENTED,
    ERROR_VM_NOT_FOUND,
    ERROR_NETWORK_NOT_FOUND,
    ERROR_NO_DISK_SPACE,
    ERROR_DISK_NOT_ATTACHED,
    ERROR_DISK_NOT_FOUND,
    ERROR_VM_CREATION_FAILED,
};

struct error {
    enum error_type type;
    bool ok_to_retry; /* a retry of the same request is known to help */
    char *message;    /* owned by the error */
};

#define cleanup_error cleanup(error_release)

/* Sets the error and returns -1. An error that is already set is replaced. What it returns is to be
 * seen where it is used, by those who read and by static analysis alike. */
#define fail(...) (error_set(__VA_ARGS__), error_failed())

void error_set(struct error *err, enum error_type type, const char *format, ...) printf_like(3, 4);

static inline int error_failed(void)
{
    return -1;
}

/* Puts "context: " before the message and returns -1. */
int error_wrap(struct error *err, const char *format, ...) printf_like(2, 3);

/* Marks the error as one that a retry helps against and returns -1. */
int error_retriable(struct error *err);

/* The type's name in a response, such as "Bosh::Clouds::VMNotFound". */
const char *error_type_name(enum error_type type);

void error_release(struct error *err);

#endif
