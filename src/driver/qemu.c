#include "cpi/stemcell_import.h"
#include "cpi/usual.h"

const struct driver driver_qemu = {
    .import_stemcell = stemcell_import,
    .plan = usual_plan,
    .copy_live = usual_copy_live,
    USUAL_DOMAINS_AND_DISKS,
};
