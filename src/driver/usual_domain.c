#include "cpi/usual.h"

#include "cpi/backup.h"
#include "cpi/slot.h"
#include "cpi/vm_network.h"

int usual_start(struct cpi *cpi, const struct vm_plan *plan, struct error *err)
{
    cleanup_free char *xml = vm_domain_render(&cpi->templates, &plan->domain, err);
    cleanup_strings char **wanted = vm_network_names(&plan->domain.nics);
    cleanup_strings char **networks = NULL;
    const bool asks = plan->unseen && wanted;
    const struct definition_request request = {
        .name = plan->domain.cid,
        .xml = xml,
        .autostart = plan->domain.properties.autostart && cpi->config.hypervisor->autostart,
        .networks = asks ? &networks : NULL,
    };

    if (!xml || domain_create(&cpi->virsh, &request, err) < 0)
        return -1;
    if (asks)
        vm_network_warn(cpi, &plan->domain.nics, networks);
    return 0;
}

int usual_end(struct cpi *cpi, const char *cid, struct error *err)
{
    return domain_delete(&cpi->virsh, cid, cpi->config.hypervisor->undefine_flags, err);
}

int usual_restart(struct cpi *cpi, const char *cid, struct error *err)
{
    return domain_restart(&cpi->virsh, cid, cpi->config.hypervisor->start_flags, err);
}

int usual_describe(struct cpi *cpi, const char *cid, const struct description *description,
                   struct error *err)
{
    return domain_describe(&cpi->virsh, cid, description, err);
}

int usual_exists(struct cpi *cpi, const char *cid, struct error *err)
{
    return domain_exists(&cpi->virsh, cid, err);
}

int usual_inspect(struct cpi *cpi, const char *cid, struct domain_state *state, struct error *err)
{
    return domain_inspect(&cpi->virsh, cid, state, err);
}

int usual_make_image(struct cpi *cpi, const struct image_request *request, struct error *err)
{
    return image_create(&cpi->host, request, err);
}

int usual_grow_image(struct cpi *cpi, const struct image_request *request, struct error *err)
{
    return image_grow(&cpi->host, request, err);
}

int usual_copy_live(struct cpi *cpi, const char *vm, const struct block *live, const char *path,
                    struct error *err)
{
    cleanup_lock struct lock slot = LOCK_NONE;

    if (slot_take(&cpi->host, &slot, err) < 0)
        return -1;
    return backup_disk(cpi, vm, live->target, path, err);
}
