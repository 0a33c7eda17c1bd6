#include "cpi/disk.h"

#include "cpi/access.h"
#include "cpi/driver.h"
#include "cpi/json.h"
#include "cpi/vm.h"

#include <string.h>

const char *disk_format(const cJSON *record)
{
    const char *format = json_string(record, "format");

    return format ? format : "raw";
}

char *disk_path(const struct cpi *cpi, const char *cid, const cJSON *record)
{
    cleanup_free char *name = xasprintf("disk.%s", disk_format(record));

    return store_path(&cpi->store, STORE_DISK, cid, name);
}

uint64_t disk_size_mib(const cJSON *record)
{
    static const uint64_t range[] = { 1, 1ULL << 43 };
    cleanup_error struct error ignored = { 0 };
    uint64_t size = 0;

    json_whole(json_get(record, "size_mib"), "size_mib", range, &size, &ignored);
    return size;
}

int disk_check_space(const struct cpi *cpi, const struct disk_properties *properties,
                     uint64_t size_mib, struct error *err)
{
    uint64_t available;

    if (!disk_properties_take_space(properties))
        return 0;
    if (host_free_bytes(&cpi->host, cpi->store.dir, &available, err) < 0)
        return -1;
    if (size_mib <= available / MIB)
        return 0;
    return fail(err, ERROR_NO_DISK_SPACE,
                "a preallocated disk needs %llu MiB but '%s' has only %llu MiB left",
                (unsigned long long)size_mib, cpi->store.dir,
                (unsigned long long)(available / MIB));
}

static cJSON *make_record(const struct disk_request *request,
                          const struct disk_properties *properties)
{
    cJSON *record = json_new_object();

    json_put_string(record, "format", properties->format);
    json_put_number(record, "size_mib", (double)request->size_mib);
    json_put(record, "cloud_properties",
             request->cloud_properties ? json_copy(request->cloud_properties) : json_new_object());
    return record;
}

static int make(struct cpi *cpi, const struct disk_request *request,
                const struct disk_properties *properties, const char *cid, struct error *err)
{
    cleanup_free char *staged = store_stage(&cpi->store, STORE_DISK, cid, err);
    cleanup_json cJSON *record = make_record(request, properties);

    if (!staged)
        return -1;
    cleanup_free char *path = xasprintf("%s/disk.%s", staged, properties->format);
    const struct image_request image = {
        .path = path,
        .format = properties->format,
        .preallocation = properties->preallocation,
        .size_mib = request->size_mib,
    };
    if (driver_of(cpi)->make_image(cpi, &image, err) < 0)
        return -1;
    access_keep(&cpi->host, path);
    if (store_publish(&cpi->store, STORE_DISK, cid, record, err) < 0)
        return -1;
    return host_settle(&cpi->host, err);
}

static int create(struct cpi *cpi, const struct disk_request *request, char cid[ID_SIZE],
                  struct error *err)
{
    cleanup_lock struct lock lock = LOCK_NONE;
    struct disk_properties properties = { 0 };

    id_new_serial(cid);
    store_foresee_list(&cpi->store, STORE_DISK);
    access_foresee(&cpi->host);
    if (disk_properties_read(request->cloud_properties, cpi->config.hypervisor, &properties,
                             cpi->log, err) < 0 ||
        store_prepare(&cpi->store, err) < 0 ||
        disk_check_space(cpi, &properties, request->size_mib, err) < 0 ||
        store_lock(&cpi->store, STORE_DISK, cid, LOCK_EXCLUSIVE, &lock, err) < 0 ||
        store_sweep(&cpi->store, STORE_DISK, err) < 0)
        return -1;
    host_postpone(&cpi->host);
    if (make(cpi, request, &properties, cid, err) == 0)
        return 0;
    host_forget(&cpi->host);
    cleanup_error struct error undoing = { 0 };
    if (store_remove(&cpi->store, STORE_DISK, cid, &undoing) < 0)
        log_note(cpi->log, "warning: undoing create_disk: %s", undoing.message);
    host_retire_lock(&lock);
    return -1;
}

/* Nothing was kept, and space comes back as disks and snapshots go (contract section 1.5). */
int disk_create(struct cpi *cpi, const struct disk_request *request, char cid[ID_SIZE],
                struct error *err)
{
    if (create(cpi, request, cid, err) == 0)
        return 0;
    return err->type == ERROR_NO_DISK_SPACE ? error_retriable(err) : -1;
}

/* The VM that the record names is not in libvirt. If all of it is in the store, then another
 * libvirt may run it, with the disk. */
static int check_lost_vm(const struct cpi *cpi, const char *cid, const char *vm, struct error *err)
{
    int whole = vm_is_whole(cpi, vm, err);

    if (whole <= 0)
        return whole;
    return fail(
        err, ERROR_CLOUD,
        "disk '%s' is attached to VM '%s', which is in the store but not in libvirt at '%s': "
        "use the host and hypervisor that run it or, if it is lost, remove it with delete_vm",
        cid, vm, cpi->config.uri);
}

int disk_holder_find(struct cpi *cpi, const char *cid, const cJSON *record,
                     struct disk_holder *holder, struct error *err)
{
    const char *named = json_string(record, "attached_to");
    cleanup_error struct error look = { 0 };

    disk_holder_release(holder);
    if (!named)
        return 0;
    if (driver_of(cpi)->inspect(cpi, named, &holder->state, &look) < 0) {
        if (look.type == ERROR_VM_NOT_FOUND)
            return check_lost_vm(cpi, cid, named, err);
        *err = look;
        look = (struct error){ 0 };
        return error_wrap(err, "cannot tell whether VM '%s' still has disk '%s'", named, cid);
    }
    cleanup_free char *directory = store_path(&cpi->store, STORE_DISK, cid, NULL);
    if (!blocks_find(&holder->state.live, directory) &&
        !blocks_find(&holder->state.config, directory))
        return 0;
    holder->vm = xstrdup(named);
    return 1;
}

void disk_holder_release(struct disk_holder *holder)
{
    util_freep(&holder->vm);
    domain_state_release(&holder->state);
}

int disk_settle(struct cpi *cpi, const char *cid, struct error *err)
{
    const struct driver *driver = driver_of(cpi);

    return driver->settle ? driver->settle(cpi, cid, err) : 0;
}

int disk_delete(struct cpi *cpi, const char *cid, struct error *err)
{
    cleanup_lock struct lock lock = LOCK_NONE;
    cleanup_json cJSON *record = NULL;
    cleanup_holder struct disk_holder holder = { 0 };

    store_foresee_has(&cpi->store, STORE_DISK, cid);
    if (store_lock(&cpi->store, STORE_DISK, cid, LOCK_EXCLUSIVE, &lock, err) < 0 ||
        store_read(&cpi->store, STORE_DISK, cid, &record, err) < 0)
        return -1;
    int held = disk_holder_find(cpi, cid, record, &holder, err);
    if (held < 0)
        return -1;
    if (held)
        return fail(err, ERROR_CLOUD, "disk '%s' is attached to VM '%s': detach it first", cid,
                    holder.vm);
    if (disk_settle(cpi, cid, err) < 0 || store_remove(&cpi->store, STORE_DISK, cid, err) < 0)
        return -1;
    host_retire_lock(&lock);
    return 0;
}

int disk_set_metadata(struct cpi *cpi, const char *cid, const cJSON *metadata, struct error *err)
{
    cleanup_lock struct lock lock = LOCK_NONE;
    cleanup_json cJSON *record = NULL;

    if (store_lock(&cpi->store, STORE_DISK, cid, LOCK_EXCLUSIVE, &lock, err) < 0)
        return -1;
    int got = store_read(&cpi->store, STORE_DISK, cid, &record, err);
    if (got == 0) {
        host_retire_lock(&lock);
        return fail(err, ERROR_DISK_NOT_FOUND, "there is no disk '%s' in '%s'", cid,
                    cpi->store.dir);
    }
    if (got < 0)
        return -1;
    json_set(record, "metadata", metadata ? json_copy(metadata) : json_new_object());
    return store_write(&cpi->store, STORE_DISK, cid, record, err);
}
