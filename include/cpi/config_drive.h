/*
 * config_drive.h - the agent's settings as an ISO image, made in-process with
 * libarchive.
 */
#ifndef CPI_CONFIG_DRIVE_H
#define CPI_CONFIG_DRIVE_H

#include "cpi/error.h"

#include <cjson/cJSON.h>

/* What the agents of the lines of stemcells look for (contract section 1.7). */
enum drive_layout {
    DRIVE_CONFIG_2, /* openstack: volume "config-2", ec2/latest/user-data with the settings and
                       ec2/latest/meta-data.json, which the agent demands */
    DRIVE_ENV,      /* vsphere: the settings in a file "env"; the agent ejects the disc */
};

/* Makes the image. *iso is owned by the caller. */
int config_drive_build(const cJSON *settings, enum drive_layout layout, char **iso, size_t *length,
                       struct error *err);

#endif
