#include "cpi/vm.h"

#include "cpi/driver.h"
#include "cpi/json.h"
#include "cpi/reservation.h"

#include <string.h>

/* What is shown travels on virsh's command line, where Linux takes 128 KiB in one word. */
enum { METADATA_LIMIT = 32 << 10 };

/* What the VM has of the networks' DHCP, as its record says. A spoilt record must not keep the VM:
 * the next VM with its address replaces the entry. */
static int drop_reservations(struct cpi *cpi, const char *cid, struct error *err)
{
    cleanup_json cJSON *record = NULL;
    cleanup_error struct error spoilt = { 0 };
    const int got = store_read(&cpi->store, STORE_VM, cid, &record, &spoilt);

    if (got < 0 && spoilt.ok_to_retry) {
        *err = spoilt;
        spoilt = (struct error){ 0 };
        return -1;
    }
    if (got < 0)
        log_note(cpi->log, "warning: the record of VM '%s' cannot be read: %s", cid,
                 spoilt.message);
    return reservation_drop(cpi, json_get(record, "reservations"), err);
}

/* Whoever finds the directory without its domain must know why. A VM that was never complete needs
 * no further mark. On a full disk there is no room for it, and all the more need to go on. */
static void mark_deleting(struct cpi *cpi, const char *cid)
{
    cleanup_free char *directory = store_path(&cpi->store, STORE_VM, cid, NULL);

    host_mark(&cpi->host, directory, VM_DELETING, VM_CREATING);
}

/* Nothing of the VM was removed. */
static void unmark_deleting(struct cpi *cpi, const char *cid)
{
    cleanup_free char *marker = store_path(&cpi->store, STORE_VM, cid, VM_DELETING);
    cleanup_error struct error failure = { 0 };

    if (host_remove(&cpi->host, marker, &failure) < 0)
        log_event(cpi->log, "VM '%s' stays marked: %s", cid, failure.message);
}

int vm_is_whole(const struct cpi *cpi, const char *cid, struct error *err)
{
    cleanup_free char *directory = store_path(&cpi->store, STORE_VM, cid, NULL);
    cleanup_strings char **names = NULL;

    if (host_list(&cpi->host, directory, &names, err) < 0)
        return -1;
    if (!*names || strings_contain(names, VM_DELETING))
        return 0;
    return cpi->config.keep_failed_vms || !strings_contain(names, VM_CREATING);
}

/* A domain of another name than ours, without a directory, is somebody else's. 1, 0, -1: cannot
 * tell. */
static int may_be_ours(struct cpi *cpi, const char *cid, struct error *err)
{
    if (starts_with(cid, "vm-") && id_uuid(cid))
        return 1;
    return store_has(&cpi->store, STORE_VM, cid, err);
}

/* The reservations come first: the record that tells of them is part of the rest. */
static int remove_rest(struct cpi *cpi, const char *cid, struct error *err)
{
    const struct host *host = &cpi->host;

    if (drop_reservations(cpi, cid, err) < 0)
        return -1;
    host_postpone(host);
    if (store_release_ips(&cpi->store, cid, err) < 0 ||
        store_remove(&cpi->store, STORE_VM, cid, err) < 0) {
        host_forget(host);
        return -1;
    }
    /* store_remove has a way of its own on a full disk, which the addresses do not know. */
    return host_step_failed(host) ? store_release_ips(&cpi->store, cid, err) : 0;
}

int vm_delete_locked(struct cpi *cpi, const char *cid, struct error *err)
{
    int ours = may_be_ours(cpi, cid, err);

    if (ours <= 0)
        return ours;
    store_foresee_read(&cpi->store, STORE_VM, cid);
    store_foresee_has(&cpi->store, STORE_VM, cid);
    mark_deleting(cpi, cid);
    if (driver_of(cpi)->end(cpi, cid, err) == 0)
        return remove_rest(cpi, cid, err);
    /* A mark that is there without our lock is another call's. */
    if (!host_lacks_lock(&cpi->host))
        unmark_deleting(cpi, cid);
    return -1;
}

int vm_delete(struct cpi *cpi, const char *cid, struct error *err)
{
    cleanup_lock struct lock lock = LOCK_NONE;

    if (store_lock(&cpi->store, STORE_VM, cid, LOCK_EXCLUSIVE, &lock, err) < 0 ||
        vm_delete_locked(cpi, cid, err) < 0)
        return -1;
    host_retire_lock(&lock);
    return 0;
}

int vm_exists(struct cpi *cpi, const char *cid, struct error *err)
{
    return driver_of(cpi)->exists(cpi, cid, err);
}

int vm_reboot(struct cpi *cpi, const char *cid, struct error *err)
{
    cleanup_lock struct lock lock = LOCK_NONE;

    if (store_lock(&cpi->store, STORE_VM, cid, LOCK_EXCLUSIVE, &lock, err) < 0)
        return -1;
    if (driver_of(cpi)->restart(cpi, cid, err) == 0)
        return 0;
    if (err->type == ERROR_VM_NOT_FOUND)
        host_retire_lock(&lock);
    return -1;
}

static char *value_text(const cJSON *value)
{
    return cJSON_IsString(value) ? xstrdup(value->valuestring) : json_print(value);
}

/* A title is one line: "web/0 (deployment)". */
static char *make_title(const cJSON *metadata, const char *cid)
{
    const char *name = json_string(metadata, "name"), *job = json_string(metadata, "job");
    const char *deployment = json_string(metadata, "deployment");
    const cJSON *index = json_get(metadata, "index");
    cleanup_free char *number = index ? value_text(index) : xstrdup("?");
    cleanup_free char *instance = name  ? xstrdup(name)
                                  : job ? xasprintf("%s/%s", job, number)
                                        : xstrdup(cid);
    char *title =
        deployment ? xasprintf("%s (%s)", instance, deployment) : steal_pointer(&instance);

    for (char *c = title; *c; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    return title;
}

static char *make_text(const cJSON *entries)
{
    char *text = NULL;
    size_t length;
    const cJSON *entry;
    FILE *out = text_open(&text, &length);

    cJSON_ArrayForEach (entry, entries)
        fprintf(out, "%s: %s\n", json_string(entry, "key"), json_string(entry, "value"));
    text_close(out);
    return text;
}

int vm_describe(struct cpi *cpi, const char *cid, const cJSON *metadata, struct error *err)
{
    const struct hypervisor *hypervisor = cpi->config.hypervisor;
    cleanup_json cJSON *item = json_new_object();
    cJSON *entries = vm_metadata_entries(metadata);
    cleanup_free char *title = make_title(metadata, cid);
    cleanup_free char *text = make_text(entries);

    json_put(item, "entries", entries);
    /* The one refusal that the callers pass over. */
    if (!hypervisor->metadata)
        return fail(err, ERROR_NOT_IMPLEMENTED, "the hypervisor '%s' keeps no metadata",
                    hypervisor->name);
    cleanup_free char *xml = template_render(&cpi->templates, "metadata", item, err);

    if (!xml)
        return -1;
    if (strlen(title) + strlen(text) + strlen(xml) > METADATA_LIMIT)
        return fail(err, ERROR_CPI, "the metadata of VM '%s' is larger than %d bytes", cid,
                    METADATA_LIMIT);
    struct description description = { title, text, xml, VM_METADATA_URI };
    return driver_of(cpi)->describe(cpi, cid, &description, err);
}
