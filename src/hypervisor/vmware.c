#include "cpi/hypervisor.h"

const struct hypervisor hypervisor_vmware = {
    .name = "vmware",
    .default_uri = "vmware:///session",
    .uri_drivers =
        (const char *const[]){ "vmware", "vmwarews", "vmwareplayer", "vmwarefusion", NULL },
    .stemcell_formats = (const char *const[]){ NULL },
};
