#include "cpi/usual.h"

#include "cpi/disk.h"
#include "cpi/domain_disk.h"

#include <string.h>

/* Targets "vdaa" to "vdzz": those of one letter are the VM's own disks'. */
enum { FIRST_TARGET = 26, TARGETS = 26 * 26 };

/* The same for a disk in every VM, so that nobody need be asked which is free: two disks of a VM
 * seldom want the same one, and libvirt refuses the second. FNV-1a. */
static unsigned target_of(const char *disk)
{
    uint32_t hash = 2166136261U;

    for (const char *c = disk; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619U;
    return FIRST_TARGET + hash % TARGETS;
}

static int drop(struct attachment *a, const char *target, struct error *err)
{
    cleanup_reply struct virsh_reply reply = { 0 };

    return domain_detach(&a->cpi->virsh, a->vm, target, DEFINITION_CONFIG, &reply, err);
}

/* libvirt does not mind that a VM which is off has one file twice: somebody may have attached the
 * disk by hand. Ours is the one that is right in both definitions. */
static int drop_others(struct attachment *a, const char *target, struct error *err)
{
    const struct blocks *config = &a->state.config;
    bool dropped = false;

    for (size_t i = 0; i < config->count; i++) {
        const struct block *other = &config->list[i];

        if (!block_is_in(other, a->directory) || strcmp(other->target, target) == 0)
            continue;
        if (drop(a, other->target, err) < 0)
            return -1;
        dropped = true;
    }
    return dropped ? attachment_look(a, err) : 0;
}

static bool is_attached_as(const struct attachment *a, const char *target)
{
    for (size_t i = 0; i < a->state.config.count; i++)
        if (strcmp(a->state.config.list[i].target, target) == 0)
            return block_is_in(&a->state.config.list[i], a->directory) &&
                   (a->live || !a->state.active);
    return false;
}

int usual_attach_at_once(struct attachment *a, struct error *err)
{
    const struct bus *wanted = a->properties.bus;
    const struct bus *bus = wanted ? wanted : a->cpi->config.hypervisor->hotplug_bus;

    if (!bus->any_target)
        return attachment_look(a, err);
    const unsigned index = target_of(a->disk);
    cleanup_free char *target = target_name(bus->prefix, index);
    cleanup_free char *xml = usual_disk_xml(a, bus, index, err);
    struct domain_change change = { .untouched = !xml };
    int told = xml ? domain_attach_at_once(&a->cpi->virsh, a->vm, xml, &change, err) : -1;
    a->untouched = change.untouched;
    if (told <= 0)
        return told < 0 ? -1 : attachment_look(a, err);
    a->state = change.after;
    attachment_find(a);
    if (!is_attached_as(a, target))
        return 0;
    return drop_others(a, target, err) < 0 ? -1 : 1;
}

int usual_detach_at_once(struct attachment *a, struct error *err)
{
    cleanup_free char *path = disk_path(a->cpi, a->disk, a->record);
    cleanup_state struct domain_state before = { 0 };
    struct domain_change change = { 0 };

    int told = domain_detach_at_once(&a->cpi->virsh, a->vm, path, &change, err);
    if (told <= 0)
        return told < 0 ? -1 : attachment_look(a, err);
    before = change.before;
    a->state = change.after;
    attachment_find(a);
    const bool was_defined = blocks_find(&before.config, a->directory) != NULL;
    /* While the guest takes its time the disk is to be where it was. */
    if (a->live && !a->config && was_defined)
        return usual_mend(a, err);
    return !a->live && !a->config && (was_defined || blocks_find(&before.live, a->directory));
}
