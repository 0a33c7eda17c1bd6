#include "cpi/disk.h"

#include "cpi/access.h"
#include "cpi/driver.h"
#include "cpi/json.h"

#include <string.h>

/* A detached disk that is being changed. */
struct change {
    struct cpi *cpi;
    const char *cid;
    cJSON *record;
    struct disk_properties before, after;
    uint64_t size_mib;
    struct lock lock;
};

static int read_properties(struct change *c, const struct disk_request *request, struct error *err)
{
    const struct hypervisor *hypervisor = c->cpi->config.hypervisor;
    const cJSON *had = json_get(c->record, "cloud_properties");
    const cJSON *wanted = request->cloud_properties ? request->cloud_properties : had;

    if (disk_properties_read(had, hypervisor, &c->before, NULL, err) < 0 ||
        disk_properties_read(wanted, hypervisor, &c->after, c->cpi->log, err) < 0)
        return -1;
    c->before.format = disk_format(c->record);
    if (!json_get(wanted, "format"))
        c->after.format = c->before.format;
    return 0;
}

/* All that can stand in the way, before anything is changed. */
static int open_change(struct change *c, const struct disk_request *request, struct error *err)
{
    struct cpi *cpi = c->cpi;
    cleanup_holder struct disk_holder holder = { 0 };

    if (store_lock(&cpi->store, STORE_DISK, c->cid, LOCK_EXCLUSIVE, &c->lock, err) < 0)
        return -1;
    int got = store_read(&cpi->store, STORE_DISK, c->cid, &c->record, err);
    if (got == 0) {
        host_retire_lock(&c->lock);
        return fail(err, ERROR_DISK_NOT_FOUND, "there is no disk '%s' in '%s'", c->cid,
                    cpi->store.dir);
    }
    int held = got < 0 ? -1 : disk_holder_find(cpi, c->cid, c->record, &holder, err);
    if (held < 0)
        return -1;
    if (held)
        return fail(err, ERROR_CLOUD, "disk '%s' is attached to VM '%s': detach it first", c->cid,
                    holder.vm);
    const uint64_t size = disk_size_mib(c->record);
    c->size_mib = request->size_mib ? request->size_mib : size;
    if (c->size_mib < size)
        return fail(err, ERROR_NOT_SUPPORTED,
                    "disk '%s' has %llu MiB and cannot become smaller, to %llu MiB", c->cid,
                    (unsigned long long)size, (unsigned long long)c->size_mib);
    return disk_settle(cpi, c->cid, err) < 0 ? -1 : read_properties(c, request, err);
}

static bool grows_in_place(const char *format)
{
    return strcmp(format, "qcow2") == 0 || strcmp(format, "raw") == 0;
}

/* Where another format is the usual one the driver has a way of its own. */
static bool can_grow(const struct change *c, const char *format)
{
    return grows_in_place(format) || !grows_in_place(c->cpi->config.hypervisor->disk_format);
}

static int grow(const struct change *c, const char *format, const char *path, struct error *err)
{
    const struct image_request request = {
        .path = path,
        .format = format,
        .preallocation = disk_properties_take_space(&c->after) ? c->after.preallocation : NULL,
        .size_mib = c->size_mib,
    };

    if (c->size_mib == disk_size_mib(c->record))
        return 0;
    if (!can_grow(c, format) || !c->cpi->config.hypervisor->resize)
        return fail(err, ERROR_NOT_SUPPORTED, "a disk of format '%s' cannot grow", format);
    if (disk_check_space(c->cpi, &c->after, c->size_mib - disk_size_mib(c->record), err) < 0)
        return -1;
    return driver_of(c->cpi)->grow_image(c->cpi, &request, err);
}

/* The record decides which image is the disk's, so the new one is complete before it is named
 * there, and the old one goes after. */
static int convert(struct change *c, const char *old_path, struct error *err)
{
    cleanup_free char *name = xasprintf("disk.%s", c->after.format);
    cleanup_free char *path = store_path(&c->cpi->store, STORE_DISK, c->cid, name);
    const struct conversion conversion = { .from = old_path,
                                           .from_format = c->before.format,
                                           .to = path,
                                           .to_format = c->after.format,
                                           .virtual_bytes = disk_size_mib(c->record) * MIB };
    cleanup_error struct error ignored = { 0 };

    if (image_convert(&c->cpi->host, &conversion, err) == 0 &&
        grow(c, c->after.format, path, err) == 0) {
        access_keep(&c->cpi->host, path);
        return 0;
    }
    host_remove(&c->cpi->host, path, &ignored);
    return -1;
}

static int write_record(struct change *c, const struct disk_request *request, struct error *err)
{
    json_set(c->record, "format", cJSON_CreateString(c->after.format));
    json_set(c->record, "size_mib", cJSON_CreateNumber((double)c->size_mib));
    if (request->cloud_properties)
        json_set(c->record, "cloud_properties", json_copy(request->cloud_properties));
    return store_write(&c->cpi->store, STORE_DISK, c->cid, c->record, err);
}

static int change(struct change *c, const struct disk_request *request, struct error *err)
{
    if (open_change(c, request, err) < 0)
        return -1;
    cleanup_free char *path = disk_path(c->cpi, c->cid, c->record);
    if (strcmp(c->before.format, c->after.format) != 0)
        return convert(c, path, err) < 0 || write_record(c, request, err) < 0
                   ? -1
                   : host_remove(&c->cpi->host, path, err);
    host_postpone(&c->cpi->host);
    if (grow(c, c->before.format, path, err) == 0 && write_record(c, request, err) == 0)
        return host_settle(&c->cpi->host, err);
    host_forget(&c->cpi->host);
    return -1;
}

int disk_update(struct cpi *cpi, const char *cid, const struct disk_request *request,
                struct error *err)
{
    struct change c = { .cpi = cpi, .cid = cid, .lock = LOCK_NONE };
    int failed = change(&c, request, err);

    cJSON_Delete(c.record);
    host_unlock(&c.lock);
    return failed;
}

int disk_resize(struct cpi *cpi, const char *cid, uint64_t size_mib, struct error *err)
{
    const struct disk_request request = { .size_mib = size_mib };

    return disk_update(cpi, cid, &request, err);
}
