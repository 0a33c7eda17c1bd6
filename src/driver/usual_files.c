#include "cpi/usual.h"

#include "cpi/agent.h"
#include "cpi/config_drive.h"
#include "cpi/json.h"

static int make_root(struct cpi *cpi, const struct vm_plan *plan, struct error *err)
{
    cleanup_free char *root = vm_domain_file(&plan->domain, VM_ROOT);

    return image_create_overlay(&cpi->host, root, &plan->stemcell.image,
                                plan->domain.properties.root_mib, err);
}

static int make_empty(struct cpi *cpi, const char *path, uint64_t size_mib, struct error *err)
{
    const struct image_request request = {
        .path = path,
        .format = cpi->config.hypervisor->disk_format,
        .size_mib = size_mib,
    };

    return image_create(&cpi->host, &request, err);
}

int usual_make_empty_disks(struct cpi *cpi, const struct vm_plan *plan, struct error *err)
{
    const struct vm_domain *domain = &plan->domain;
    cleanup_free char *ephemeral = vm_domain_file(domain, VM_EPHEMERAL);

    if (domain->properties.ephemeral_mib &&
        make_empty(cpi, ephemeral, domain->properties.ephemeral_mib, err) < 0)
        return -1;
    for (size_t i = 0; i < domain->extra_count; i++) {
        cleanup_free char *path = vm_domain_extra_file(domain, i);
        if (make_empty(cpi, path, domain->extras[i].size_mib, err) < 0)
            return -1;
    }
    return 0;
}

/* A disk that lives and dies with its VM: its place among those, its target name, its serial. */
struct own_disk {
    unsigned index;
    const char *target, *serial;
};

static cJSON *own_hint(struct cpi *cpi, const struct vm_domain *domain, const struct own_disk *disk)
{
    const struct driver *driver = driver_of(cpi);

    return driver->own_hint ? driver->own_hint(domain, disk->index, disk->serial)
                            : agent_disk_hint(domain->bus, disk->target, disk->serial);
}

static cJSON *extra_hints(struct cpi *cpi, const struct vm_domain *domain)
{
    const unsigned first = domain->properties.ephemeral_mib ? 2 : 1;
    cJSON *hints = domain->extra_count ? json_new_array() : NULL;

    for (size_t i = 0; i < domain->extra_count; i++) {
        cleanup_free char *target = vm_domain_extra_target(domain, i);
        const struct own_disk disk = { first + (unsigned)i, target, domain->extras[i].serial };
        json_put(hints, NULL, own_hint(cpi, domain, &disk));
    }
    return hints;
}

static cJSON *ephemeral_hint(struct cpi *cpi, const struct vm_domain *domain)
{
    cleanup_free char *target = vm_domain_ephemeral_target(domain);
    const struct own_disk disk = { 1, target, domain->ephemeral_serial };

    return domain->properties.ephemeral_mib ? own_hint(cpi, domain, &disk) : NULL;
}

int usual_make_settings(struct cpi *cpi, const struct vm_request *request,
                        const struct vm_plan *plan, struct error *err)
{
    const struct vm_domain *domain = &plan->domain;
    cleanup_json cJSON *ephemeral = ephemeral_hint(cpi, domain);
    cleanup_json cJSON *extras = extra_hints(cpi, domain);
    const struct agent_input input = {
        .agent_id = request->agent_id,
        .vm_cid = domain->cid,
        .agent = cpi->config.agent,
        .networks = domain->nics.settings,
        .env = request->env,
        .system_disk = "/dev/vda",
        .ephemeral = ephemeral,
        .raw_ephemeral = extras,
    };
    cleanup_json cJSON *settings = agent_settings(&input);
    cleanup_free char *path = vm_domain_file(domain, VM_SETTINGS);
    cleanup_free char *iso = NULL;
    size_t length;

    const enum drive_layout layout =
        plan->stemcell.line == LINE_VSPHERE ? DRIVE_ENV : DRIVE_CONFIG_2;
    if (config_drive_build(settings, layout, &iso, &length, err) < 0)
        return -1;
    /* The mark that the VM is in the making is removed later. */
    return host_put_unsettled(&cpi->host, path, (struct bytes){ iso, length }, 0600, err);
}

int usual_make_files(struct cpi *cpi, const struct vm_request *request, const struct vm_plan *plan,
                     struct error *err)
{
    if (make_root(cpi, plan, err) < 0 || usual_make_empty_disks(cpi, plan, err) < 0)
        return -1;
    return usual_make_settings(cpi, request, plan, err);
}
