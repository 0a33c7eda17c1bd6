/*
 * cpi.h - what every domain function works with during one call.
 */
#ifndef CPI_CPI_H
#define CPI_CPI_H

#include "cpi/config.h"
#include "cpi/remote.h"
#include "cpi/store.h"
#include "cpi/template.h"
#include "cpi/virsh.h"

struct cpi {
    struct config config;
    struct host host;
    struct remote remote;       /* of the host, where it is not this machine */
    char *store_dir, *bin_path; /* config's, with the home directory put in */
    char *slot_path;            /* host's */
    struct store store;
    struct virsh virsh;
    struct templates templates;
    struct log *log;
    const char *config_path; /* as given by --config, NULL: the usual places */
    const cJSON *context;    /* the request's, NULL when it has none */
    int api_version;         /* that the caller speaks: 1 to 3 */
};

#endif
