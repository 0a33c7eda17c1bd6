/*
 * dispatch.h - from a request's text to a response's text.
 */
#ifndef CPI_DISPATCH_H
#define CPI_DISPATCH_H

#include "cpi/log.h"

#include <stddef.h>

struct request_text {
    const char *text;
    size_t length;
    const char *config_path; /* NULL: the usual places */
};

/*
 * Answers the request. Whatever comes in, the result is one valid response
 * (contract section 1.3): {"result", "error", "log"}. Owned by the caller.
 */
char *dispatch(const struct request_text *request, struct log *log);

struct error;

/* The response to a request that could not even be read. Owned by the caller. */
char *dispatch_failure(const struct error *err, const struct log *log);

#endif
