#include "cpi/stemcell.h"

#include "cpi/json.h"
#include "cpi/unpack.h"

#include <stdlib.h>
#include <string.h>

/* What the hypervisor opens must carry its format's extension: AppArmor's helper on Debian and
 * Ubuntu goes by it. */
static char *image_path(const char *directory, const char *format)
{
    return xasprintf("%s/image.%s", directory, format);
}

static cJSON *make_record(const struct stemcell_request *request, const struct image_info *info)
{
    cJSON *record = json_new_object();

    json_put_string(record, "format", info->format);
    json_put_number(record, "virtual_bytes", (double)info->virtual_bytes);
    json_put(record, "cloud_properties",
             request->cloud_properties ? json_copy(request->cloud_properties) : json_new_object());
    if (request->tags)
        json_put(record, "tags", json_copy(request->tags));
    return record;
}

static int import(struct cpi *cpi, const struct stemcell_request *request, const char *cid,
                  struct error *err)
{
    struct image_info info = { 0 };
    cleanup_free char *staged = store_stage(&cpi->store, STORE_STEMCELL, cid, err);

    if (!staged)
        return -1;
    cleanup_free char *unpacked = image_path(staged, "raw");
    if (unpack_root_image(request->image, unpacked, cpi->log, err) < 0 ||
        image_recognise(&cpi->host, unpacked, &info, err) < 0)
        return -1;
    cleanup_free char *named = image_path(staged, info.format);
    /* The hypervisor's user reads it too; nothing in it is secret. */
    if (host_rename(&cpi->host, unpacked, named, err) < 0 ||
        host_chmod(&cpi->host, named, 0644, err) < 0)
        return -1;
    cleanup_json cJSON *record = make_record(request, &info);
    return store_publish(&cpi->store, STORE_STEMCELL, cid, record, err);
}

int stemcell_create(struct cpi *cpi, const struct stemcell_request *request, char cid[ID_SIZE],
                    struct error *err)
{
    cleanup_lock struct lock lock = LOCK_NONE;

    int there = host_exists(&cpi->host, request->image, err);
    if (there <= 0)
        return there < 0
                   ? -1
                   : fail(err, ERROR_CLOUD, "there is no stemcell image '%s'", request->image);
    id_new(cid, "sc");
    if (store_prepare(&cpi->store, err) < 0 ||
        store_lock(&cpi->store, STORE_STEMCELL, cid, LOCK_EXCLUSIVE, &lock, err) < 0 ||
        store_sweep(&cpi->store, STORE_STEMCELL, err) < 0)
        return -1;
    if (import(cpi, request, cid, err) == 0)
        return 0;
    cleanup_error struct error undoing = { 0 };
    if (store_remove(&cpi->store, STORE_STEMCELL, cid, &undoing) < 0)
        log_note(cpi->log, "warning: undoing create_stemcell: %s", undoing.message);
    host_retire_lock(&lock);
    return -1;
}

/* The VMs whose root disk is an overlay of the stemcell, as "a, b". 1: some, 0: none, -1: failed.
 */
static int find_dependents(struct cpi *cpi, const char *cid, char **names, struct error *err)
{
    cleanup_strings char **vms = NULL;

    *names = NULL;
    if (store_list(&cpi->store, STORE_VM, &vms, err) < 0)
        return -1;
    for (char **vm = vms; *vm; vm++) {
        cleanup_json cJSON *record = NULL;
        if (store_read(&cpi->store, STORE_VM, *vm, &record, err) < 0)
            return -1;
        const char *stemcell = json_string(record, "stemcell");
        if (!stemcell || strcmp(stemcell, cid) != 0)
            continue;
        char *longer = xasprintf("%s%s%s", *names ? *names : "", *names ? ", " : "", *vm);
        free(*names);
        *names = longer;
    }
    return *names != NULL;
}

int stemcell_delete(struct cpi *cpi, const char *cid, struct error *err)
{
    cleanup_lock struct lock lock = LOCK_NONE;
    cleanup_free char *dependents = NULL;

    if (store_lock(&cpi->store, STORE_STEMCELL, cid, LOCK_EXCLUSIVE, &lock, err) < 0)
        return -1;
    int depended_on = find_dependents(cpi, cid, &dependents, err);
    if (depended_on < 0)
        return -1;
    if (depended_on)
        return fail(err, ERROR_CLOUD,
                    "stemcell '%s' is still the base of the root disks of %s: delete them first",
                    cid, dependents);
    if (store_remove(&cpi->store, STORE_STEMCELL, cid, err) < 0)
        return -1;
    host_retire_lock(&lock);
    return 0;
}

int stemcell_open(struct cpi *cpi, const char *cid, struct backing *backing, char **path,
                  struct error *err)
{
    static const uint64_t range[] = { 1, UINT64_MAX };
    cleanup_json cJSON *record = NULL;
    int got = store_read(&cpi->store, STORE_STEMCELL, cid, &record, err);

    if (got < 0)
        return -1;
    if (got == 0)
        return fail(err, ERROR_CLOUD, "there is no stemcell '%s' in '%s'", cid, cpi->store.dir);
    const char *format = json_string(record, "format");
    backing->format = format && strcmp(format, "raw") == 0 ? "raw" : "qcow2";
    if (json_whole(json_get(record, "virtual_bytes"), "the stemcell's virtual_bytes", range,
                   &backing->virtual_bytes, err) < 0)
        return -1;
    cleanup_free char *directory = store_path(&cpi->store, STORE_STEMCELL, cid, NULL);
    *path = image_path(directory, backing->format);
    backing->path = *path;
    return 0;
}
