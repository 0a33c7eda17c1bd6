#include "cpi/usual.h"

#include <string.h>

/* What the agent needs beyond the image when it has no ephemeral disk (it carves its data out of
 * the root disk; below this it never comes up). */
enum { ROOT_SPARE_MIB = 1024 };

/* All that the VNC protocol has room for. */
enum { VNC_PASSWORD_LIMIT = 8 };

/* Without an ephemeral disk the agent would never come up unless the root disk has room for it. */
static int check_sizes(const struct vm_plan *plan, struct error *err)
{
    const struct vm_properties *p = &plan->domain.properties;
    const uint64_t image_mib = (plan->stemcell.image.virtual_bytes + MIB - 1) / MIB;

    if (p->ephemeral_mib || p->root_mib >= image_mib + ROOT_SPARE_MIB)
        return 0;
    return fail(err, ERROR_CPI,
                "cloud_properties.ephemeral_disk is 0, which needs a root_disk_size of at least "
                "%llu MiB: the agent would have no room for its data and never come up",
                (unsigned long long)image_mib + ROOT_SPARE_MIB);
}

/* The password travels in the domain's XML only, never in the request or on a command line. */
static int read_password(struct cpi *cpi, struct vm_plan *plan, struct error *err)
{
    const struct vm_properties *p = &plan->domain.properties;

    if (p->graphics && strcmp(p->graphics, "rdp") == 0 && !cpi->config.hypervisor->rdp)
        return fail(err, ERROR_NOT_SUPPORTED,
                    "cloud_properties.graphics: the hypervisor '%s' has no screens by RDP: use vnc",
                    cpi->config.hypervisor->name);
    if (!p->graphics || strcmp(p->graphics, "vnc") != 0)
        return 0;
    int got = host_get(&cpi->host, p->graphics_password_file, &plan->password, err);
    if (got == 0)
        return fail(err, ERROR_CPI, "cloud_properties.graphics_password_file: there is no '%s'",
                    p->graphics_password_file);
    if (got < 0)
        return -1;
    plan->password[strcspn(plan->password, "\r\n")] = '\0';
    if (!*plan->password || strlen(plan->password) > VNC_PASSWORD_LIMIT)
        return fail(err, ERROR_CPI, "'%s' must hold a password of 1 to %d characters",
                    p->graphics_password_file, VNC_PASSWORD_LIMIT);
    plan->domain.password = plan->password;
    return 0;
}

int usual_plan(struct cpi *cpi, const struct vm_request *request, struct vm_plan *plan,
               struct error *err)
{
    struct vm_domain *domain = &plan->domain;
    const char *wanted = domain->properties.firmware, *found = plan->stemcell.firmware;

    if (plan->stemcell.line == LINE_WARDEN)
        return fail(err, ERROR_NOT_SUPPORTED,
                    "stemcell '%s' is a root file system for containers, which the hypervisor '%s' "
                    "cannot boot",
                    request->stemcell_cid, cpi->config.hypervisor->name);
    domain->arch = plan->stemcell.arch;
    domain->firmware = wanted ? wanted : found ? found : domain->arch ? "efi" : "bios";
    if (check_sizes(plan, err) < 0 || read_password(cpi, plan, err) < 0)
        return -1;
    return vm_domain_fit(domain, cpi->log, err);
}
