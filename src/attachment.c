#include "cpi/agent.h"
#include "cpi/backup.h"
#include "cpi/disk.h"
#include "cpi/disk_properties.h"
#include "cpi/domain.h"
#include "cpi/json.h"

#include <string.h>

/* A disk, the VM that it comes to or leaves, and what libvirt knows of the two. */
struct attachment {
    struct cpi *cpi;
    const char *vm, *disk;
    char *directory;                   /* the disk's */
    cJSON *record;                     /* the disk's */
    const struct block *live, *config; /* where it is attached; part of state */
    struct disk_properties properties;
    struct domain_state state;
    struct lock vm_lock, disk_lock;
};

#define ATTACHMENT(cpi_, vm_, disk_)                                                              \
    {                                                                                             \
        .cpi = (cpi_), .vm = (vm_), .disk = (disk_), .vm_lock = LOCK_NONE, .disk_lock = LOCK_NONE \
    }

static void release(struct attachment *a)
{
    util_freep(&a->directory);
    cJSON_Delete(a->record);
    domain_state_release(&a->state);
    host_unlock(&a->disk_lock);
    host_unlock(&a->vm_lock);
}

/* Both locks are always taken in this order. */
static int lock_both(struct attachment *a, struct error *err)
{
    const struct store *store = &a->cpi->store;

    if (store_lock(store, STORE_VM, a->vm, LOCK_EXCLUSIVE, &a->vm_lock, err) < 0)
        return -1;
    return store_lock(store, STORE_DISK, a->disk, LOCK_EXCLUSIVE, &a->disk_lock, err);
}

/* Asks libvirt anew where the disk is. */
static int look(struct attachment *a, struct error *err)
{
    domain_state_release(&a->state);
    if (domain_inspect(&a->cpi->virsh, a->vm, &a->state, err) < 0)
        return -1;
    a->live = blocks_find(&a->state.live, a->directory);
    a->config = blocks_find(&a->state.config, a->directory);
    return 0;
}

static int open_attachment(struct attachment *a, struct error *err)
{
    a->directory = store_path(&a->cpi->store, STORE_DISK, a->disk, NULL);
    if (lock_both(a, err) < 0 || look(a, err) < 0)
        return -1;
    return store_read(&a->cpi->store, STORE_DISK, a->disk, &a->record, err) < 0 ? -1 : 0;
}

/* Names the VM in the disk's record; NULL: none. */
static int remember(struct attachment *a, const char *vm, struct error *err)
{
    const char *before = json_string(a->record, "attached_to");

    if (!a->record || (!vm && !before) || (vm && before && strcmp(vm, before) == 0))
        return 0;
    cJSON_DeleteItemFromObjectCaseSensitive(a->record, "attached_to");
    if (vm)
        json_put_string(a->record, "attached_to", vm);
    return store_write(&a->cpi->store, STORE_DISK, a->disk, a->record, err);
}

/* The index of "vda" is 0, of "vdaa" 26. */
static unsigned target_index(const char *target, const char *prefix)
{
    unsigned index = 0;

    for (const char *letter = target + strlen(prefix); *letter >= 'a' && *letter <= 'z'; letter++)
        index = index * 26 + (unsigned)(*letter - 'a') + 1;
    return index ? index - 1 : 0;
}

/* vda, ..., vdz, vdaa, ... */
static char *target_name(const char *prefix, unsigned index)
{
    char letters[8] = "";

    for (int i = 6; i >= 0; i--) {
        letters[i] = (char)('a' + index % 26);
        if (index < 26)
            return xasprintf("%s%s", prefix, letters + i);
        index = index / 26 - 1;
    }
    return xasprintf("%s%u", prefix, index);
}

static bool has_target(const struct blocks *blocks, const char *target)
{
    for (size_t i = 0; i < blocks->count; i++)
        if (strcmp(blocks->list[i].target, target) == 0)
            return true;
    return false;
}

/* libvirt wants a target name that no disk of either definition has; the guest never sees it. */
static unsigned free_index(const struct domain_state *state, const char *prefix)
{
    for (unsigned index = 0;; index++) {
        cleanup_free char *target = target_name(prefix, index);
        if (!has_target(&state->live, target) && !has_target(&state->config, target))
            return index;
    }
}

static char *render_disk(const struct attachment *a, const struct bus *bus, unsigned index,
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

static int attach_on(struct attachment *a, const struct bus *bus, struct error *err)
{
    cleanup_free char *xml = render_disk(a, bus, free_index(&a->state, bus->prefix), err);

    if (!xml)
        return -1;
    return domain_attach(&a->cpi->virsh, a->vm, a->state.active, xml, err);
}

static const struct bus *bus_of(const struct cpi *cpi, const struct block *block)
{
    const struct hypervisor *hypervisor = cpi->config.hypervisor;

    if (hypervisor->overflow_bus && starts_with(block->target, hypervisor->overflow_bus->prefix))
        return hypervisor->overflow_bus;
    return hypervisor->hotplug_bus;
}

/* The usual bus has a limited number of slots; the other one takes what does not fit. */
static const struct bus *attach_somewhere(struct attachment *a, struct error *err)
{
    const struct hypervisor *hypervisor = a->cpi->config.hypervisor;
    const struct bus *wanted = a->properties.bus ? a->properties.bus : hypervisor->hotplug_bus;
    cleanup_error struct error second = { 0 };

    if (attach_on(a, wanted, err) == 0)
        return wanted;
    if (a->properties.bus || !hypervisor->overflow_bus || err->type != ERROR_CLOUD ||
        err->ok_to_retry)
        return NULL;
    /* A virsh that was killed may have done its work: the disk must not be there twice. */
    if (look(a, &second) < 0)
        return NULL;
    if (a->config && (a->live || !a->state.active)) {
        error_release(err);
        return bus_of(a->cpi, a->config);
    }
    log_event(a->cpi->log, "no place on the %s bus, trying %s", hypervisor->hotplug_bus->name,
              hypervisor->overflow_bus->name);
    if (attach_on(a, hypervisor->overflow_bus, &second) < 0)
        return NULL;
    error_release(err);
    return hypervisor->overflow_bus;
}

/* Two definitions that differ were left by a process that was killed between them. */
static int mend(struct attachment *a, struct error *err)
{
    cleanup_reply struct virsh_reply reply = { 0 };

    if (a->live) {
        const struct bus *bus = bus_of(a->cpi, a->live);
        cleanup_free char *xml =
            render_disk(a, bus, target_index(a->live->target, bus->prefix), err);
        if (!xml || domain_attach(&a->cpi->virsh, a->vm, false, xml, err) < 0)
            return -1;
    } else if (domain_detach(&a->cpi->virsh, a->vm, a->config->target, DEFINITION_CONFIG, &reply,
                             err) < 0) {
        return -1;
    }
    return look(a, err);
}

static int refuse_other_holder(struct attachment *a, struct error *err)
{
    const char *named = json_string(a->record, "attached_to");
    cleanup_free char *holder = NULL;

    if (!named || strcmp(named, a->vm) == 0)
        return 0;
    int held = disk_holder(a->cpi, a->disk, a->record, &holder, err);
    if (held > 0)
        return fail(err, ERROR_CLOUD, "disk '%s' is attached to VM '%s': detach it there first",
                    a->disk, holder);
    return held;
}

static const struct bus *attach(struct attachment *a, struct error *err)
{
    if (open_attachment(a, err) < 0)
        return NULL;
    if (!a->record) {
        fail(err, ERROR_DISK_NOT_FOUND, "there is no disk '%s' in '%s'", a->disk,
             a->cpi->store.dir);
        return NULL;
    }
    if (disk_properties_read(json_get(a->record, "cloud_properties"), a->cpi->config.hypervisor,
                             &a->properties, NULL, err) < 0)
        return NULL;
    if (a->state.active && !a->live != !a->config && mend(a, err) < 0)
        return NULL;
    if (a->config)
        return bus_of(a->cpi, a->config);
    if (refuse_other_holder(a, err) < 0 || remember(a, a->vm, err) < 0)
        return NULL;
    return attach_somewhere(a, err);
}

cJSON *disk_attach(struct cpi *cpi, const char *vm_cid, const char *disk_cid, struct error *err)
{
    struct attachment a = ATTACHMENT(cpi, vm_cid, disk_cid);
    const struct bus *bus = attach(&a, err);

    release(&a);
    return bus ? agent_disk_hint(bus, disk_cid) : NULL;
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
            if (look(a, err) < 0)
                return -1;
        }
    }
    return 0;
}

/* The running guest first: if it does not let go, both definitions are as before. */
static int detach(struct attachment *a, struct error *err)
{
    cleanup_reply struct virsh_reply reply = { 0 };

    if (open_attachment(a, err) < 0)
        return -1;
    if (!a->live && !a->config)
        return fail(err, ERROR_DISK_NOT_ATTACHED, "disk '%s' is not attached to VM '%s'", a->disk,
                    a->vm);
    if (wait_until_let_go(a, err) < 0)
        return -1;
    if (a->config) {
        if (domain_detach(&a->cpi->virsh, a->vm, a->config->target, DEFINITION_CONFIG, &reply,
                          err) < 0)
            return -1;
        if (!reply.ok)
            return virsh_fail(&reply, err, "libvirt did not take disk '%s' out of VM '%s'", a->disk,
                              a->vm);
    }
    return remember(a, NULL, err);
}

int disk_detach(struct cpi *cpi, const char *vm_cid, const char *disk_cid, struct error *err)
{
    struct attachment a = ATTACHMENT(cpi, vm_cid, disk_cid);
    int failed = detach(&a, err);

    release(&a);
    return failed;
}

/* "<store_dir>/disks/<cid>/disk.qcow2" -> "<cid>"; NULL for what is no persistent disk. */
static char *disk_of(const struct cpi *cpi, const struct block *block)
{
    cleanup_free char *disks = store_path(&cpi->store, STORE_DISK, "", NULL);

    if (!starts_with(block->source, disks))
        return NULL;
    const char *cid = block->source + strlen(disks);
    cleanup_free char *name = xstrndup(cid, strcspn(cid, "/"));
    return id_valid(name) ? steal_pointer(&name) : NULL;
}

int disk_list(struct cpi *cpi, const char *vm_cid, char ***cids, struct error *err)
{
    cleanup_state struct domain_state state = { 0 };

    *cids = NULL;
    if (domain_inspect(&cpi->virsh, vm_cid, &state, err) < 0)
        return -1;
    const struct blocks *both[] = { &state.config, &state.live };
    for (size_t i = 0; i < ARRAY_SIZE(both); i++)
        for (size_t j = 0; j < both[i]->count; j++) {
            cleanup_free char *cid = disk_of(cpi, &both[i]->list[j]);
            if (cid && !strings_contain(*cids, cid))
                strings_add(cids, cid);
        }
    return 0;
}
