#include "cpi/desktop.h"

#include "cpi/json.h"
#include "cpi/usual.h"

#include <string.h>
#include <strings.h>

static void note_controller(struct cpi *cpi)
{
    static const char *const names[] = { [CONTROLLER_IDE] = "IDE",
                                         [CONTROLLER_SCSI] = "SCSI",
                                         [CONTROLLER_SATA] = "SATA",
                                         [CONTROLLER_VIRTIO] = "VIRTIO" };
    const char *wanted = names[cpi->config.storage_controller];
    const char *bus = cpi->config.hypervisor->buses[cpi->config.storage_controller]->name;

    if (strcasecmp(wanted, bus) != 0)
        log_note(cpi->log, "storage_controller %s: the disks of the hypervisor '%s' are on %s",
                 wanted, cpi->config.hypervisor->name, bus);
}

int desktop_plan(struct cpi *cpi, const struct vm_request *request, struct vm_plan *plan,
                 struct error *err)
{
    if (usual_plan(cpi, request, plan, err) < 0)
        return -1;
    if (plan->domain.arch)
        return fail(err, ERROR_NOT_SUPPORTED,
                    "the hypervisor '%s' runs no %s stemcells through libvirt: use one of amd64",
                    cpi->config.hypervisor->name, plan->domain.arch);
    note_controller(cpi);
    return 0;
}

int desktop_make_root(struct cpi *cpi, const struct vm_plan *plan, struct error *err)
{
    cleanup_free char *root = vm_domain_file(&plan->domain, VM_ROOT);
    const struct conversion conversion = { .from = plan->stemcell.image.path,
                                           .from_format = plan->stemcell.image.format,
                                           .to = root,
                                           .to_format = cpi->config.hypervisor->disk_format,
                                           .virtual_bytes = plan->stemcell.image.virtual_bytes };

    return image_clone(&cpi->host, &conversion, plan->domain.properties.root_mib, err);
}

/* The agent of openstack stemcells reads the path, that of vsphere ones the number. */
cJSON *desktop_scsi_hint(const char *pci, unsigned unit)
{
    cleanup_free char *path = xasprintf("/dev/disk/by-path/pci-%s-scsi-0:0:%u:0", pci, unit);
    cleanup_free char *number = xasprintf("%u", unit);
    cJSON *hint = json_new_object();

    json_put_string(hint, "path", path);
    json_put_string(hint, "volume_id", number);
    return hint;
}
