#include "cpi/stemcell_share.h"

#include "cpi/image.h"
#include "cpi/json.h"

#include <string.h>

/* The record of a stemcell, NULL when it has just gone or cannot be read: another's trouble is none
 * of this import. */
static cJSON *read_record(struct cpi *cpi, const char *cid)
{
    cleanup_error struct error ignored = { 0 };
    cJSON *record = NULL;

    if (store_read(&cpi->store, STORE_STEMCELL, cid, &record, &ignored) < 0)
        log_event(cpi->log, "stemcell '%s' is passed over: %s", cid, ignored.message);
    return record;
}

int stemcell_share_likely(struct cpi *cpi, uint64_t bytes, struct error *err)
{
    static const uint64_t range[] = { 1, UINT64_MAX };
    cleanup_strings char **cids = NULL;

    if (store_list(&cpi->store, STORE_STEMCELL, &cids, err) < 0)
        return -1;
    for (char **cid = cids; *cid; cid++) {
        cleanup_json cJSON *record = read_record(cpi, *cid);
        cleanup_error struct error ignored = { 0 };
        uint64_t theirs;
        const cJSON *value = json_get(record, "image_bytes");
        if (value && json_whole(value, "image_bytes", range, &theirs, &ignored) == 0 &&
            theirs == bytes)
            return 1;
    }
    return 0;
}

/* 1: 'staged' has the image, 0: it cannot be linked, -1: failed. */
static int take_over(struct cpi *cpi, const char *cid, const char *staged, cJSON **facts,
                     cJSON **theirs, struct error *err)
{
    static const char *const their_own[] = { "image_bytes", "cloud_properties", "tags" };
    const char *format = json_string(*theirs, "format"), *own = json_string(*facts, "format");
    cleanup_free char *directory = store_path(&cpi->store, STORE_STEMCELL, cid, NULL);
    cleanup_free char *image = image_path(directory, format);
    cleanup_free char *link = xasprintf("%s/shared", staged);
    cleanup_free char *named = image_path(staged, format);
    cleanup_free char *replaced = image_path(staged, own ? own : format);

    int linked = host_link(&cpi->host, image, link, err);
    if (linked <= 0)
        return linked;
    if (host_remove(&cpi->host, replaced, err) < 0 || host_rename(&cpi->host, link, named, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(their_own); i++)
        cJSON_DeleteItemFromObjectCaseSensitive(*theirs, their_own[i]);
    json_deletep(facts);
    *facts = steal_pointer(theirs);
    log_event(cpi->log, "the image is stored already, by stemcell '%s': shared", cid);
    return 1;
}

int stemcell_share(struct cpi *cpi, const char *sha256, const char *staged, cJSON **facts,
                   struct error *err)
{
    cleanup_strings char **cids = NULL;

    if (store_list(&cpi->store, STORE_STEMCELL, &cids, err) < 0)
        return -1;
    for (char **cid = cids; *cid; cid++) {
        cleanup_json cJSON *record = read_record(cpi, *cid);
        const char *theirs = json_string(record, "sha256");
        if (!theirs || strcmp(theirs, sha256) != 0 || !json_string(record, "format"))
            continue;
        int shared = take_over(cpi, *cid, staged, facts, &record, err);
        if (shared)
            return shared;
    }
    return 0;
}
