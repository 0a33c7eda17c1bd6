/*
 * unheard.h - what becomes of a thing whose response nobody read.
 *
 * A Director that ends in the middle of a call never learns the CID of what the
 * call made, and so never removes it; an address would be taken for good.
 */
#ifndef CPI_UNHEARD_H
#define CPI_UNHEARD_H

#include "cpi/dispatch.h"

/* Removes again what the request made, as the response to it tells; the log says how that went.
 * Nothing for a request that makes nothing, or failed. */
void unheard_remove(const struct request_text *request, const char *response, struct log *log);

#endif
