#include "cpi/stemcell_import.h"
#include "cpi/usual.h"

const struct driver driver_qemu = {
    .import_stemcell = stemcell_import,
    .plan = usual_plan,
    .make_files = usual_make_files,
    .start = usual_start,
    .starts_at_once = true,
    .end = usual_end,
    .restart = usual_restart,
    .describe = usual_describe,
    .exists = usual_exists,
    .inspect = usual_inspect,
    .make_image = usual_make_image,
    .grow_image = usual_grow_image,
    .mend = usual_mend,
    .attach_at_once = usual_attach_at_once,
    .detach_at_once = usual_detach_at_once,
    .attach = usual_attach,
    .hint = usual_hint,
    .detach = usual_detach,
    .copy_live = usual_copy_live,
};
