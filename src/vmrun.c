#include "cpi/vmrun.h"

#include <string.h>

/* What 'vmrun -T' calls the product. */
static const char *host_type(const char *uri)
{
    return starts_with(uri, "vmwareplayer")   ? "player"
           : starts_with(uri, "vmwarefusion") ? "fusion"
                                              : "ws";
}

int vmrun_stop(const struct virsh *virsh, const char *vmx, struct error *err)
{
    cleanup_outcome struct outcome outcome = { 0 };
    struct command command = {
        .argv = ARGV("vmrun", "-T", host_type(virsh->uri), "stop", vmx, "hard"),
    };

    if (host_run(virsh->host, &command, &outcome, err) < 0)
        return -1;
    if (outcome.status == 0)
        return 0;
    /* It complains on stdout. */
    outcome.out[strcspn(outcome.out, "\r\n")] = '\0';
    return fail(err, ERROR_CLOUD, "vmrun did not stop '%s': %s", vmx, outcome.out);
}
