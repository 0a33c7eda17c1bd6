#include "cpi/stemcell_share.h"

#include "cpi/image.h"
#include "cpi/json.h"

#include <stdlib.h>
#include <string.h>

/* The search for a stemcell of the same image. */
struct search {
    struct cpi *cpi;
    uint64_t bytes;     /* of its file, if sha256 is NULL */
    const char *sha256; /* of it */
    const char *staged; /* what is to share it, with these facts */
    cJSON **facts;
};

static bool has_size(const cJSON *record, uint64_t bytes)
{
    static const uint64_t range[] = { 1, UINT64_MAX };
    cleanup_error struct error ignored = { 0 };
    const cJSON *value = json_get(record, "image_bytes");
    uint64_t theirs;

    return value && json_whole(value, "image_bytes", range, &theirs, &ignored) == 0 &&
           theirs == bytes;
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

/* Another stemcell's trouble is none of this import. */
static int try_one(void *state, const char *cid, cJSON *record, struct error *err)
{
    const struct search *search = state;
    const char *theirs = json_string(record, "sha256");

    if (!record) {
        log_event(search->cpi->log, "stemcell '%s' is passed over: %s", cid, err->message);
        error_release(err);
        return 0;
    }
    if (!search->sha256)
        return has_size(record, search->bytes);
    if (!theirs || strcmp(theirs, search->sha256) != 0 || !json_string(record, "format"))
        return 0;
    cleanup_json cJSON *copy = json_copy(record);
    return take_over(search->cpi, cid, search->staged, search->facts, &copy, err);
}

static int find(struct search *search, struct error *err)
{
    const struct store_reader reader = { .each = try_one, .state = search };

    return store_read_each(&search->cpi->store, STORE_STEMCELL, &reader, err);
}

int stemcell_share_likely(struct cpi *cpi, uint64_t bytes, struct error *err)
{
    struct search search = { .cpi = cpi, .bytes = bytes };

    return find(&search, err);
}

int stemcell_share(struct cpi *cpi, const char *sha256, const char *staged, cJSON **facts,
                   struct error *err)
{
    struct search search = { .cpi = cpi, .sha256 = sha256, .staged = staged, .facts = facts };

    return find(&search, err);
}
