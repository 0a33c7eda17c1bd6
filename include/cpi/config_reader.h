/*
 * config_reader.h - what the files that read a configuration share.
 */
#ifndef CPI_CONFIG_READER_H
#define CPI_CONFIG_READER_H

#include "cpi/config.h"

struct reader {
    struct config *config;
    cJSON *document;
    struct log *log;
    FILE *complaints;
    int count; /* of complaints */
};

void config_complain(struct reader *r, const char *format, ...) printf_like(2, 3);

/* A string that the config owns, kept in its document under a name that no key has. */
const char *config_own(struct reader *r, const char *name, char *text);

/* Which machine, and how it is reached: uri, host and what belongs to them. */
void config_read_host(struct reader *r);

/* Does this uri lead to another machine? */
bool config_is_remote_uri(const char *text);

/* Gives the document the keys that its uri stands for, where it has none of its own, so that the
 * uri is not needed to find the host. False when the uri's host cannot be reached like that. */
bool config_unfold_uri(cJSON *document);

#endif
