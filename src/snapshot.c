#include "cpi/snapshot.h"

#include "cpi/disk.h"
#include "cpi/driver.h"
#include "cpi/json.h"

#include <string.h>

/* A snapshot in the making. */
struct taking {
    struct cpi *cpi;
    const char *disk;
    struct disk_holder holder;
    cJSON *record; /* the disk's */
    struct lock vm_lock, disk_lock, lock;
};

static void release(struct taking *t)
{
    disk_holder_release(&t->holder);
    cJSON_Delete(t->record);
    host_unlock(&t->lock);
    host_unlock(&t->disk_lock);
    host_unlock(&t->vm_lock);
}

static int read_disk(struct taking *t, struct error *err)
{
    cJSON_Delete(t->record);
    t->record = NULL;
    int got = store_read(&t->cpi->store, STORE_DISK, t->disk, &t->record, err);
    if (got == 0)
        host_retire_lock(&t->disk_lock);
    if (got == 0)
        return fail(err, ERROR_DISK_NOT_FOUND, "there is no disk '%s' in '%s'", t->disk,
                    t->cpi->store.dir);
    return got < 0 ? -1 : 0;
}

/* The VM's lock comes before the disk's, so the VM must be known before the disk is ours: a disk
 * that turns out to be another VM's than was expected, at first none's, is let go again. */
static int lock_disk(struct taking *t, struct error *err)
{
    const struct store *store = &t->cpi->store;
    cleanup_free char *expected = NULL;

    store_foresee_list(store, STORE_SNAPSHOT);
    for (;;) {
        if (expected && store_lock(store, STORE_VM, expected, LOCK_EXCLUSIVE, &t->vm_lock, err) < 0)
            return -1;
        if (store_lock(store, STORE_DISK, t->disk, LOCK_EXCLUSIVE, &t->disk_lock, err) < 0 ||
            read_disk(t, err) < 0)
            return -1;
        const char *vm = json_string(t->record, "attached_to");
        if ((!vm && !expected) || (vm && expected && strcmp(vm, expected) == 0))
            return disk_holder_find(t->cpi, t->disk, t->record, &t->holder, err) < 0 ? -1 : 0;
        util_freep(&expected);
        expected = vm ? xstrdup(vm) : NULL;
        host_unlock(&t->disk_lock);
        host_unlock(&t->vm_lock);
    }
}

static int copy_live(struct cpi *cpi, const char *vm, const struct block *live, const char *target,
                     struct error *err)
{
    const struct hypervisor *hypervisor = cpi->config.hypervisor;

    if (!hypervisor->live_snapshot)
        /* The one refusal that the Director passes over. */
        return fail(err, ERROR_NOT_IMPLEMENTED,
                    "the hypervisor '%s' cannot take a snapshot of a disk of a running VM",
                    hypervisor->name);
    return driver_of(cpi)->copy_live(cpi, vm, live, target, err);
}

/* Copies through the hypervisor if it has the disk open, else with qemu-img. */
static int copy(struct taking *t, const char *target, struct error *err)
{
    struct cpi *cpi = t->cpi;
    cleanup_free char *path = disk_path(cpi, t->disk, t->record);
    cleanup_free char *directory = store_path(&cpi->store, STORE_DISK, t->disk, NULL);

    const struct block *live = blocks_find(&t->holder.state.live, directory);
    if (live)
        return copy_live(cpi, t->holder.vm, live, target, err);
    if (!t->holder.vm && disk_settle(cpi, t->disk, err) < 0)
        return -1;
    const struct conversion conversion = { .from = path,
                                           .from_format = disk_format(t->record),
                                           .to = target,
                                           .to_format = "qcow2",
                                           .virtual_bytes = disk_size_mib(t->record) * MIB };
    return image_convert(&cpi->host, &conversion, err);
}

static cJSON *make_record(const struct taking *t, const cJSON *metadata)
{
    cJSON *record = json_new_object();

    json_put_string(record, "disk", t->disk);
    json_put_string(record, "format", "qcow2");
    json_put_number(record, "size_mib", (double)disk_size_mib(t->record));
    json_put(record, "metadata", metadata ? json_copy(metadata) : json_new_object());
    return record;
}

static int take(struct taking *t, const cJSON *metadata, const char *cid, struct error *err)
{
    const struct store *store = &t->cpi->store;

    if (lock_disk(t, err) < 0 || store_prepare(store, err) < 0 ||
        store_lock(store, STORE_SNAPSHOT, cid, LOCK_EXCLUSIVE, &t->lock, err) < 0 ||
        store_sweep(store, STORE_SNAPSHOT, err) < 0)
        return -1;
    host_postpone(store->host);
    cleanup_free char *staged = store_stage(store, STORE_SNAPSHOT, cid, err);
    if (!staged)
        return -1;
    cleanup_free char *target = xasprintf("%s/disk.qcow2", staged);
    cleanup_json cJSON *record = make_record(t, metadata);
    if (copy(t, target, err) < 0 || store_publish(store, STORE_SNAPSHOT, cid, record, err) < 0)
        return -1;
    return host_settle(store->host, err);
}

int snapshot_create(struct cpi *cpi, const char *disk_cid, const cJSON *metadata, char cid[ID_SIZE],
                    struct error *err)
{
    struct taking t = { .cpi = cpi,
                        .disk = disk_cid,
                        .vm_lock = LOCK_NONE,
                        .disk_lock = LOCK_NONE,
                        .lock = LOCK_NONE };

    id_new(cid, "snap");
    int failed = take(&t, metadata, cid, err);
    host_forget(&cpi->host);
    cleanup_error struct error undoing = { 0 };
    if (failed && t.lock.fd >= 0) {
        if (store_remove(&cpi->store, STORE_SNAPSHOT, cid, &undoing) < 0)
            log_note(cpi->log, "warning: undoing snapshot_disk: %s", undoing.message);
        host_retire_lock(&t.lock);
    }
    release(&t);
    return failed;
}

int snapshot_delete(struct cpi *cpi, const char *cid, struct error *err)
{
    cleanup_lock struct lock lock = LOCK_NONE;

    if (store_lock(&cpi->store, STORE_SNAPSHOT, cid, LOCK_EXCLUSIVE, &lock, err) < 0 ||
        store_remove(&cpi->store, STORE_SNAPSHOT, cid, err) < 0)
        return -1;
    host_retire_lock(&lock);
    return 0;
}
