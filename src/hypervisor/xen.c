#include "cpi/hypervisor.h"

const struct hypervisor hypervisor_xen = {
    .name = "xen",
    .default_uri = "xen:///",
    .uri_drivers = (const char *const[]){ "xen", NULL },
    .stemcell_formats = (const char *const[]){ NULL },
};
