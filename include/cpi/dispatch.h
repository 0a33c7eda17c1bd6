/*
 * dispatch.h - from a request's text to a response's text.
 */
#ifndef CPI_DISPATCH_H
#define CPI_DISPATCH_H

#include "cpi/cpi.h"

#include <stddef.h>

/* Of the CPI API. */
enum { NEWEST_API_VERSION = 3 };

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

/*
 * Reads the configuration that cpi->config_path and cpi->context name, and points all the rest of
 * 'cpi' at its host, for what is no call. To be closed after a failure too, and before
 * cpi->context goes. A store that a newer cpi laid out is found last: all but it is usable then.
 */
int dispatch_open(struct cpi *cpi, struct error *err);

void dispatch_close(struct cpi *cpi);

/* The response to a request that could not even be read. Owned by the caller. */
char *dispatch_failure(const struct error *err, const struct log *log);

#endif
