/*
 * config_drive.h - the agent's settings as an ISO image, made in-process with
 * libarchive.
 */
#ifndef CPI_CONFIG_DRIVE_H
#define CPI_CONFIG_DRIVE_H

#include "cpi/error.h"

#include <cjson/cJSON.h>

/*
 * The config drive of the openstack line of stemcells: volume "config-2",
 * ec2/latest/user-data with the settings and ec2/latest/meta-data.json, which
 * the agent demands (contract section 1.7). *iso is owned by the caller.
 */
int config_drive_build(const cJSON *settings, char **iso, size_t *length, struct error *err);

#endif
