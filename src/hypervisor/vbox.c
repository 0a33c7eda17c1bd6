#include "cpi/hypervisor.h"

const struct hypervisor hypervisor_vbox = {
    .name = "vbox",
    .default_uri = "vbox:///session",
    .uri_drivers = (const char *const[]){ "vbox", NULL },
    .stemcell_formats = (const char *const[]){ NULL },
};
