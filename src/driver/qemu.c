#include "cpi/stemcell_import.h"
#include "cpi/usual.h"

const struct driver driver_qemu = {
    .import_stemcell = stemcell_import,
    .plan = usual_plan,
    .starts_at_once = true,
    .attach_at_once = usual_attach_at_once,
    .detach_at_once = usual_detach_at_once,
    .copy_live = usual_copy_live,
    USUAL_DOMAINS_AND_DISKS,
};
