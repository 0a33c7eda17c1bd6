#include "cpi/usual.h"

#include "cpi/backup.h"
#include "cpi/reservation.h"
#include "cpi/slot.h"
#include "cpi/vm.h"
#include "cpi/vm_network.h"

/* What the virsh that starts the VM is to do before. */
static int prepare(struct cpi *cpi, const struct vm_plan *plan, bool asks,
                   struct virsh_script *script, struct error *err)
{
    if (asks)
        VIRSH_ADD(script, "net-list", "--all", "--autostart", "--name");
    return reservation_add(cpi, plan->reservations, script, err);
}

/* Looks at what that has answered. */
static int finish(struct cpi *cpi, const struct vm_plan *plan, bool asks,
                  const struct virsh_reply *reply, struct error *err)
{
    if (asks && reply->ok) {
        cleanup_strings char **autostart = trimmed_lines(reply->out[0]);
        vm_network_warn(cpi, &plan->domain.nics, autostart);
    }
    return reservation_added(cpi, plan->reservations, reply->out + asks, err);
}

int usual_start(struct cpi *cpi, const struct vm_plan *plan, struct error *err)
{
    cleanup_free char *xml = vm_domain_render(&cpi->templates, &plan->domain, err);
    cleanup_free char *marker = vm_plan_mark(plan);
    cleanup_strings char **networks = vm_network_names(&plan->domain.nics);
    cleanup_script struct virsh_script first = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };
    const bool asks = plan->unseen && networks;
    struct definition_request request = {
        .name = plan->domain.cid,
        .xml = xml,
        .autostart = plan->domain.properties.autostart && cpi->config.hypervisor->autostart,
        .done_mark = marker,
    };

    if (!xml || prepare(cpi, plan, asks, &first, err) < 0)
        return -1;
    request.first = first.count ? &first : NULL;
    if (domain_create(&cpi->virsh, &request, &reply, err) < 0)
        return -1;
    return finish(cpi, plan, asks, &reply, err);
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
