#include "cpi/hypervisor.h"

const struct hypervisor hypervisor_lxc = {
    .name = "lxc",
    .default_uri = "lxc:///",
    .uri_drivers = (const char *const[]){ "lxc", NULL },
    .stemcell_formats = (const char *const[]){ NULL },
};
