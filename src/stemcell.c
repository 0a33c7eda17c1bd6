#include "cpi/stemcell.h"

#include "cpi/digest.h"
#include "cpi/driver.h"
#include "cpi/json.h"
#include "cpi/stemcell_light.h"
#include "cpi/stemcell_share.h"
#include "cpi/stemcell_tree.h"

#include <stdlib.h>
#include <string.h>

/* What the record says beside the facts of the image. */
static void complete_record(cJSON *record, const struct stemcell_request *request, uint64_t bytes)
{
    if (bytes)
        json_put_number(record, "image_bytes", (double)bytes);
    json_put(record, "cloud_properties",
             request->cloud_properties ? json_copy(request->cloud_properties) : json_new_object());
    if (request->tags)
        json_put(record, "tags", json_copy(request->tags));
}

/* A stemcell on its way into the store. */
struct arrival {
    struct cpi *cpi;
    const struct stemcell_request *request;
    const char *cid;
    struct stemcell_light light;
    uint64_t image_bytes; /* of the image file; 0: it does not matter */
    char *staged;
    cJSON *record;
    bool shared; /* the image is another stemcell's */
};

static int check_light(const struct hypervisor *hypervisor, struct error *err)
{
    if (strings_contain((char *const *)hypervisor->stemcell_formats, "libvirt-light"))
        return 0;
    return fail(err, ERROR_NOT_SUPPORTED, "the hypervisor '%s' runs no light stemcells",
                hypervisor->name);
}

/* What is wrong with the request, before anything is written. */
static int check_request(struct arrival *a, struct error *err)
{
    const struct stemcell_request *request = a->request;
    struct host_file file = { 0 };

    if (stemcell_light_read(request->cloud_properties, &a->light, err) < 0)
        return -1;
    if (a->light.image)
        return check_light(a->cpi->config.hypervisor, err);
    /* Whoever calls has put the file on the machine that we run on. */
    int there = host_look(NULL, request->image, &file, err);
    if (there < 0)
        return -1;
    if (!there || !file.regular)
        return fail(err, ERROR_CLOUD, "there is no stemcell image '%s'", request->image);
    if (file.bytes == 0)
        return fail(err, ERROR_CLOUD,
                    "the stemcell image '%s' is empty: a light stemcell says in "
                    "cloud_properties.image_path where its image is",
                    request->image);
    a->image_bytes = file.bytes;
    return 0;
}

/* The image may have holes, so that only its compressed form tells how much is written at least. */
static int check_space(const struct arrival *a, struct error *err)
{
    uint64_t available;

    if (host_free_bytes(&a->cpi->host, a->staged, &available, err) < 0)
        return -1;
    if (a->image_bytes <= available)
        return 0;
    return fail(err, ERROR_NO_DISK_SPACE,
                "the stemcell image needs more than %llu MiB, but '%s' has room for %llu MiB",
                (unsigned long long)(a->image_bytes / MIB), a->cpi->store.dir,
                (unsigned long long)(available / MIB));
}

static int take_image(struct arrival *a, struct error *err)
{
    char sha256[DIGEST_SIZE];

    if (a->light.image)
        return stemcell_light_take(a->cpi, &a->light, a->staged, &a->record, err);
    /* A tree cannot have a second name. */
    int likely =
        a->cpi->config.hypervisor->trees ? 0 : stemcell_share_likely(a->cpi, a->image_bytes, err);
    if (likely < 0)
        return -1;
    if (likely) {
        if (digest_file(a->request->image, DIGEST_SHA256, sha256, err) < 0)
            return -1;
        int shared = stemcell_share(a->cpi, sha256, a->staged, &a->record, err);
        a->shared = shared > 0;
        if (shared)
            return shared < 0 ? -1 : 0;
    }
    if (check_space(a, err) < 0)
        return -1;
    return driver_of(a->cpi)->import_stemcell(a->cpi, a->request->image, a->staged, &a->record,
                                              err);
}

/* Of two that import the same image at once, the one that comes here second finds the first's. */
static int publish(struct arrival *a, struct error *err)
{
    cleanup_lock struct lock lock = LOCK_NONE;
    const char *sha256 = json_string(a->record, "sha256");

    if (sha256 && !a->shared && !a->cpi->config.hypervisor->trees) {
        cleanup_free char *name = xasprintf("sha256-%s", sha256);
        cleanup_free char *digest = xstrdup(sha256);
        if (store_lock(&a->cpi->store, STORE_STEMCELL, name, LOCK_EXCLUSIVE, &lock, err) < 0 ||
            stemcell_share(a->cpi, digest, a->staged, &a->record, err) < 0)
            return -1;
    }
    complete_record(a->record, a->request, a->image_bytes);
    int failed = store_publish(&a->cpi->store, STORE_STEMCELL, a->cid, a->record, err) < 0 ||
                         host_settle(&a->cpi->host, err) < 0
                     ? -1
                     : 0;
    host_retire_lock(&lock);
    return failed;
}

static int arrive(struct arrival *a, struct error *err)
{
    host_postpone(&a->cpi->host);
    a->staged = store_stage(&a->cpi->store, STORE_STEMCELL, a->cid, err);
    if (!a->staged || take_image(a, err) < 0)
        return -1;
    return publish(a, err);
}

int stemcell_create(struct cpi *cpi, const struct stemcell_request *request, char cid[ID_SIZE],
                    struct error *err)
{
    cleanup_lock struct lock lock = LOCK_NONE;
    struct arrival arrival = { .cpi = cpi, .request = request, .cid = cid };

    id_new(cid, "sc");
    if (check_request(&arrival, err) < 0)
        return -1;
    store_foresee_list(&cpi->store, STORE_STEMCELL);
    if (store_prepare(&cpi->store, err) < 0 ||
        store_lock(&cpi->store, STORE_STEMCELL, cid, LOCK_EXCLUSIVE, &lock, err) < 0 ||
        store_sweep(&cpi->store, STORE_STEMCELL, err) < 0)
        return -1;
    int failed = arrive(&arrival, err);
    host_forget(&cpi->host);
    util_freep(&arrival.staged);
    json_deletep(&arrival.record);
    if (!failed)
        return 0;
    cleanup_error struct error undoing = { 0 };
    if (store_remove(&cpi->store, STORE_STEMCELL, cid, &undoing) < 0)
        log_note(cpi->log, "warning: undoing create_stemcell: %s", undoing.message);
    host_retire_lock(&lock);
    return -1;
}

/* The VMs whose root disks are overlays of a stemcell. */
struct dependents {
    const char *cid;
    char *names; /* "a, b"; NULL: there are none */
};

/* Of one that cannot be read it is not known. */
static int add_dependent(void *state, const char *vm, cJSON *record, struct error *err)
{
    struct dependents *found = state;
    const char *stemcell = json_string(record, "stemcell");

    (void)err;
    if (!record)
        return -1;
    if (!stemcell || strcmp(stemcell, found->cid) != 0)
        return 0;
    cleanup_free char *before = found->names;
    found->names = xasprintf("%s%s%s", before ? before : "", before ? ", " : "", vm);
    return 0;
}

int stemcell_delete(struct cpi *cpi, const char *cid, struct error *err)
{
    cleanup_lock struct lock lock = LOCK_NONE;
    struct dependents dependents = { .cid = cid };
    const struct store_reader reader = { .each = add_dependent, .state = &dependents };

    store_foresee_has(&cpi->store, STORE_STEMCELL, cid);
    if (store_lock(&cpi->store, STORE_STEMCELL, cid, LOCK_EXCLUSIVE, &lock, err) < 0)
        return -1;
    const int failed = store_read_each(&cpi->store, STORE_VM, &reader, err);
    cleanup_free char *names = dependents.names;
    if (failed)
        return -1;
    if (names)
        return fail(err, ERROR_CLOUD,
                    "stemcell '%s' is still the base of the root disks of %s: delete them first",
                    cid, names);
    if (store_remove(&cpi->store, STORE_STEMCELL, cid, err) < 0)
        return -1;
    host_retire_lock(&lock);
    return 0;
}

/* The constant that a record's word stands for, NULL for any other word. */
static const char *firmware_of(const cJSON *record)
{
    static const char *const known[] = { "efi", "bios" };
    const char *firmware = json_string(record, "firmware");

    for (size_t i = 0; firmware && i < ARRAY_SIZE(known); i++)
        if (strcmp(firmware, known[i]) == 0)
            return known[i];
    return NULL;
}

/* Stemcells say "arm64" or, as libvirt does, "aarch64". */
static const char *arch_of(const cJSON *record)
{
    const char *arch = json_string(json_get(record, "cloud_properties"), "architecture");

    return arch && (strcmp(arch, "arm64") == 0 || strcmp(arch, "aarch64") == 0) ? "aarch64" : NULL;
}

static const char *format_of(const cJSON *record)
{
    static const char *const known[] = { "raw", "vmdk", "directory" };
    const char *format = json_string(record, "format");

    for (size_t i = 0; format && i < ARRAY_SIZE(known); i++)
        if (strcmp(format, known[i]) == 0)
            return known[i];
    return "qcow2";
}

static enum stemcell_line line_of(const cJSON *record)
{
    const char *line = json_string(record, "line");

    if (line && strcmp(line, "warden") == 0)
        return LINE_WARDEN;
    return line && strcmp(line, "vsphere") == 0 ? LINE_VSPHERE : LINE_OPENSTACK;
}

static char *copy_of(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

static int find_image(struct cpi *cpi, const char *cid, const cJSON *record,
                      struct stemcell *stemcell, struct error *err)
{
    cleanup_free char *directory = store_path(&cpi->store, STORE_STEMCELL, cid, NULL);
    const char *path = stemcell_light_path(record);

    if (path && stemcell_light_check(cpi, record, err) < 0)
        return -1;
    if (stemcell->line == LINE_WARDEN)
        stemcell->path = xasprintf("%s/" TREE_ROOT, directory);
    else
        stemcell->path = path ? xstrdup(path) : image_path(directory, stemcell->image.format);
    stemcell->image.path = stemcell->path;
    return 0;
}

int stemcell_open(struct cpi *cpi, const char *cid, struct stemcell *stemcell, struct error *err)
{
    static const uint64_t range[] = { 1, UINT64_MAX };
    cleanup_json cJSON *record = NULL;
    int got = store_read(&cpi->store, STORE_STEMCELL, cid, &record, err);

    if (got < 0)
        return -1;
    if (got == 0)
        return fail(err, ERROR_CLOUD, "there is no stemcell '%s' in '%s'", cid, cpi->store.dir);
    const cJSON *settings = json_get(record, "settings");
    stemcell->image.format = format_of(record);
    stemcell->line = line_of(record);
    stemcell->init = copy_of(json_string(record, "init"));
    stemcell->settings = settings ? json_copy(settings) : NULL;
    stemcell->firmware = firmware_of(record);
    stemcell->arch = arch_of(record);
    if (json_whole(json_get(record, "virtual_bytes"), "the stemcell's virtual_bytes", range,
                   &stemcell->image.virtual_bytes, err) < 0)
        return -1;
    return find_image(cpi, cid, record, stemcell, err);
}

void stemcell_release(struct stemcell *stemcell)
{
    free(stemcell->path);
    free(stemcell->init);
    cJSON_Delete(stemcell->settings);
    *stemcell = (struct stemcell){ 0 };
}
