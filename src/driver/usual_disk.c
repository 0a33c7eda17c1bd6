#include "cpi/usual.h"

#include "cpi/agent.h"
#include "cpi/backup.h"
#include "cpi/disk.h"
#include "cpi/json.h"

#include <string.h>

/* The index of "vda" is 0, of "vdaa" 26. */
static unsigned target_index(const char *target, const char *prefix)
{
    unsigned index = 0;

    for (const char *letter = target + strlen(prefix); *letter >= 'a' && *letter <= 'z'; letter++)
        index = index * 26 + (unsigned)(*letter - 'a') + 1;
    return index ? index - 1 : 0;
}

static bool has_target(const struct blocks *blocks, const char *target)
{
    for (size_t i = 0; i < blocks->count; i++)
        if (strcmp(blocks->list[i].target, target) == 0)
            return true;
    return false;
}

/* libvirt wants a target name that no disk of either definition has. Both keep it, so that where
 * the guest sees it, it is the same after a reboot. */
static unsigned free_index(const struct attachment *a, const char *prefix)
{
    for (unsigned index = a->cpi->config.hypervisor->first_target;; index++) {
        cleanup_free char *target = target_name(prefix, index);
        if (!has_target(&a->state.live, target) && !has_target(&a->state.config, target))
            return index;
    }
}

char *usual_disk_xml(const struct attachment *a, const struct bus *bus, unsigned index,
                     struct error *err)
{
    cleanup_free char *path = disk_path(a->cpi, a->disk, a->record);
    cleanup_free char *target = target_name(bus->prefix, index);
    const struct disk_device device = {
        .path = path,
        .format = disk_format(a->record),
        .target = target,
        .serial = a->disk,
        .bus = bus,
        .properties = &a->properties,
        .index = (int)index,
    };
    cleanup_json cJSON *item = disk_device_item(&device);

    return template_render(&a->cpi->templates, "disk", item, err);
}

/* Returns the hint. */
static cJSON *attach_on(struct attachment *a, const struct bus *bus, struct error *err)
{
    const unsigned index = free_index(a, bus->prefix);
    cleanup_free char *xml = usual_disk_xml(a, bus, index, err);
    cleanup_free char *target = target_name(bus->prefix, index);

    if (!xml || domain_attach(&a->cpi->virsh, a->vm, a->state.active, xml, err) < 0)
        return NULL;
    return agent_disk_hint(bus, target, a->disk);
}

static const struct bus *bus_of(const struct cpi *cpi, const struct block *block)
{
    const struct hypervisor *hypervisor = cpi->config.hypervisor;

    if (hypervisor->overflow_bus && starts_with(block->target, hypervisor->overflow_bus->prefix))
        return hypervisor->overflow_bus;
    return hypervisor->hotplug_bus;
}

cJSON *usual_hint(const struct attachment *a)
{
    return agent_disk_hint(bus_of(a->cpi, a->config), a->config->target, a->disk);
}

/* The usual bus has a limited number of slots; the other one takes what does not fit. */
cJSON *usual_attach(struct attachment *a, struct error *err)
{
    const struct hypervisor *hypervisor = a->cpi->config.hypervisor;
    const struct bus *wanted = a->properties.bus ? a->properties.bus : hypervisor->hotplug_bus;
    cleanup_error struct error second = { 0 };
    cJSON *hint = attach_on(a, wanted, err);

    if (hint)
        return hint;
    if (a->properties.bus || !hypervisor->overflow_bus || err->type != ERROR_CLOUD ||
        err->ok_to_retry)
        return NULL;
    /* A virsh that was killed may have done its work: the disk must not be there twice. */
    if (attachment_look(a, &second) < 0)
        return NULL;
    if (a->config && (a->live || !a->state.active)) {
        error_release(err);
        return usual_hint(a);
    }
    log_event(a->cpi->log, "no place on the %s bus, trying %s", hypervisor->hotplug_bus->name,
              hypervisor->overflow_bus->name);
    hint = attach_on(a, hypervisor->overflow_bus, &second);
    if (hint)
        error_release(err);
    return hint;
}

/* Two definitions that differ were left by a process that was killed between them. */
int usual_mend(struct attachment *a, struct error *err)
{
    cleanup_reply struct virsh_reply reply = { 0 };

    if (a->live) {
        const struct bus *bus = bus_of(a->cpi, a->live);
        cleanup_free char *xml =
            usual_disk_xml(a, bus, target_index(a->live->target, bus->prefix), err);
        if (!xml || domain_attach(&a->cpi->virsh, a->vm, false, xml, err) < 0)
            return -1;
    } else if (domain_detach(&a->cpi->virsh, a->vm, a->config->target, DEFINITION_CONFIG, &reply,
                             err) < 0) {
        return -1;
    }
    return attachment_look(a, err);
}

static int still_attached(const struct attachment *a, const char *said, struct error *err)
{
    return fail(err, ERROR_CLOUD,
                "the guest in VM '%s' did not let go of disk '%s' within %d seconds "
                "(detach_timeout): is it up, and is the disk unmounted?%s%s",
                a->vm, a->disk, a->cpi->config.detach_timeout, said ? " libvirt said: " : "",
                said ? said : "");
}

/* The first complaint tells most: the later ones may only say that the guest was asked before. */
static void keep_complaint(char **said, struct virsh_reply *reply)
{
    if (!*said && reply->complaints && *reply->complaints)
        *said = steal_pointer(&reply->complaints);
}

/* A guest that is still booting ignores the first request, so it is asked again and again. libvirt
 * itself refuses while a job reads the disk, be it one that a killed snapshot_disk has left. */
static int wait_until_let_go(struct attachment *a, struct error *err)
{
    const int limit = a->cpi->config.detach_timeout;
    const long long deadline = clock_ms() + limit * 1000LL;
    cleanup_free char *said = NULL;

    while (a->live) {
        cleanup_reply struct virsh_reply reply = { 0 };

        if (clock_ms() >= deadline)
            return still_attached(a, said, err);
        if (domain_detach(&a->cpi->virsh, a->vm, a->live->target, DEFINITION_LIVE, &reply, err) < 0)
            return -1;
        int ended = reply.ok ? 0 : backup_end_orphan(a->cpi, a->vm, err);
        if (ended < 0)
            return -1;
        if (ended)
            continue;
        keep_complaint(&said, &reply);
        for (int polls = 0; a->live && polls < 20 && clock_ms() < deadline; polls++) {
            if (polls)
                pause_ms(250);
            if (command_interrupted())
                return fail(err, ERROR_CLOUD, "this call was asked to end");
            if (attachment_look(a, err) < 0)
                return -1;
        }
    }
    return 0;
}

/* The running guest first: if it does not let go, both definitions are as before. */
int usual_detach(struct attachment *a, struct error *err)
{
    cleanup_reply struct virsh_reply reply = { 0 };

    if (wait_until_let_go(a, err) < 0)
        return -1;
    if (!a->config)
        return 0;
    if (domain_detach(&a->cpi->virsh, a->vm, a->config->target, DEFINITION_CONFIG, &reply, err) < 0)
        return -1;
    return reply.ok ? 0
                    : virsh_fail(&reply, err, "libvirt did not take disk '%s' out of VM '%s'",
                                 a->disk, a->vm);
}
