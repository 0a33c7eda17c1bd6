#include "cpi/attachment.h"

#include "cpi/disk.h"
#include "cpi/driver.h"
#include "cpi/json.h"

#include <string.h>

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

void attachment_find(struct attachment *a)
{
    a->live = blocks_find(&a->state.live, a->directory);
    a->config = blocks_find(&a->state.config, a->directory);
}

int attachment_look(struct attachment *a, struct error *err)
{
    domain_state_release(&a->state);
    if (driver_of(a->cpi)->inspect(a->cpi, a->vm, &a->state, err) < 0)
        return -1;
    attachment_find(a);
    return 0;
}

static int open_attachment(struct attachment *a, struct error *err)
{
    a->directory = store_path(&a->cpi->store, STORE_DISK, a->disk, NULL);
    if (lock_both(a, err) < 0)
        return -1;
    return store_read(&a->cpi->store, STORE_DISK, a->disk, &a->record, err) < 0 ? -1 : 0;
}

static int read_properties(struct attachment *a, struct error *err)
{
    return disk_properties_read(json_get(a->record, "cloud_properties"), a->cpi->config.hypervisor,
                                &a->properties, NULL, err);
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

static int refuse_other_holder(struct attachment *a, struct error *err)
{
    const char *named = json_string(a->record, "attached_to");
    cleanup_holder struct disk_holder holder = { 0 };

    if (!named || strcmp(named, a->vm) == 0)
        return 0;
    int held = disk_holder_find(a->cpi, a->disk, a->record, &holder, err);
    if (held > 0)
        return fail(err, ERROR_CLOUD, "disk '%s' is attached to VM '%s': detach it there first",
                    a->disk, holder.vm);
    return held;
}

static int refuse_running(const struct attachment *a, struct error *err)
{
    const struct hypervisor *hypervisor = a->cpi->config.hypervisor;

    if (hypervisor->hot_plug || !a->state.active)
        return 0;
    return fail(err, ERROR_NOT_SUPPORTED,
                "the hypervisor '%s' cannot change the disks of a running VM: stop VM '%s', do "
                "this again, and start it with reboot_vm",
                hypervisor->name, a->vm);
}

/* A VM that is not in the store may not be there at all, and then nothing is to change. */
static int may_attach_at_once(struct attachment *a, struct error *err)
{
    if (!driver_of(a->cpi)->attach_at_once || json_string(a->record, "attached_to"))
        return 0;
    return store_has(&a->cpi->store, STORE_VM, a->vm, err);
}

/* Returns as attach_at_once does. */
static int attach_at_once(struct attachment *a, struct error *err)
{
    const struct host *host = &a->cpi->host;
    int may = may_attach_at_once(a, err);
    cleanup_error struct error ignored = { 0 };

    if (may <= 0)
        return may < 0 ? -1 : attachment_look(a, err);
    if (disk_settle(a->cpi, a->disk, err) < 0)
        return -1;
    host_postpone(host);
    int done = remember(a, a->vm, err) < 0 ? -1 : driver_of(a->cpi)->attach_at_once(a, err);
    if (done >= 0 && host_settle(host, err) < 0)
        done = -1;
    if (done < 0)
        host_forget(host);
    if (done < 0 && (a->untouched || err->type == ERROR_VM_NOT_FOUND))
        remember(a, NULL, &ignored);
    return done;
}

static cJSON *attach(struct attachment *a, struct error *err)
{
    const struct driver *driver = driver_of(a->cpi);

    store_foresee_has(&a->cpi->store, STORE_VM, a->vm);
    if (open_attachment(a, err) < 0 || (!a->record && attachment_look(a, err) < 0))
        return NULL;
    if (!a->record) {
        fail(err, ERROR_DISK_NOT_FOUND, "there is no disk '%s' in '%s'", a->disk,
             a->cpi->store.dir);
        return NULL;
    }
    int done = read_properties(a, err) < 0 ? -1 : attach_at_once(a, err);
    if (done)
        return done < 0 ? NULL : driver->hint(a);
    if (a->state.active && !a->live != !a->config && driver->mend(a, err) < 0)
        return NULL;
    if (a->config)
        return driver->hint(a);
    if (refuse_running(a, err) < 0 || refuse_other_holder(a, err) < 0 ||
        disk_settle(a->cpi, a->disk, err) < 0 || remember(a, a->vm, err) < 0)
        return NULL;
    return driver->attach(a, err);
}

cJSON *disk_attach(struct cpi *cpi, const char *vm_cid, const char *disk_cid, struct error *err)
{
    struct attachment a = ATTACHMENT(cpi, vm_cid, disk_cid);
    cJSON *hint = attach(&a, err);

    release(&a);
    return hint;
}

/* Returns as detach_at_once does. */
static int detach_at_once(struct attachment *a, struct error *err)
{
    const struct driver *driver = driver_of(a->cpi);
    const char *named = json_string(a->record, "attached_to");
    cleanup_error struct error spoilt = { 0 };

    if (!driver->detach_at_once || !named || strcmp(named, a->vm) != 0 ||
        read_properties(a, &spoilt) < 0)
        return attachment_look(a, err);
    return driver->detach_at_once(a, err);
}

static int detach(struct attachment *a, struct error *err)
{
    int done = open_attachment(a, err) < 0 ? -1 : detach_at_once(a, err);

    if (done < 0)
        return -1;
    if (done) {
        /* Nobody need wait for it: a VM that is named there in vain is looked at by who cares. */
        host_postpone(&a->cpi->host);
        int failed = remember(a, NULL, err);
        host_leave(&a->cpi->host);
        return failed;
    }
    if (!a->live && !a->config)
        return fail(err, ERROR_DISK_NOT_ATTACHED, "disk '%s' is not attached to VM '%s'", a->disk,
                    a->vm);
    if (refuse_running(a, err) < 0 || driver_of(a->cpi)->detach(a, err) < 0)
        return -1;
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
    if (driver_of(cpi)->inspect(cpi, vm_cid, &state, err) < 0)
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
