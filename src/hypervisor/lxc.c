#include "cpi/hypervisor.h"

const struct hypervisor hypervisor_lxc = {
    .name = "lxc",
    .default_uri = "lxc:///",
    .uri_drivers = (const char *const[]){ "lxc", NULL },
    .stemcell_formats = (const char *const[]){ "warden-tar", "general-tar", NULL },
    .root_format = "directory",
    .disk_format = "raw",
    .disk_formats = (const char *const[]){ "raw", NULL },
    .nic_types = (const char *const[]){ "network", "bridge", "direct", NULL },
    .trees = true,
    .hot_plug = true,
    .resize = true,
    .metadata = true,
    .autostart = true,
};
