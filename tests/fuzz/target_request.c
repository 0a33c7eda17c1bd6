/* A request, and then what the commands answer that are run for it; in a store where there is one
 * of each thing. */
#include "fuzz.h"

#include "cpi/config.h"
#include "cpi/dispatch.h"
#include "cpi/host.h"
#include "cpi/json.h"

#include <string.h>

int __real_config_load(struct config *config, const char *path, const cJSON *context,
                       struct log *log, struct error *err);
int __wrap_config_load(struct config *config, const char *path, const cJSON *context,
                       struct log *log, struct error *err);

/* Whatever a context says, we stay in our directory. */
int __wrap_config_load(struct config *config, const char *path, const cJSON *context,
                       struct log *log, struct error *err)
{
    cleanup_json cJSON *tame = context ? json_copy(context) : json_new_object();

    cJSON_DeleteItemFromObjectCaseSensitive(tame, "store_dir");
    cJSON_DeleteItemFromObjectCaseSensitive(tame, "template_dir");
    return __real_config_load(config, path, tame, log, err);
}

/* A secret of the configuration: what the request itself says may come back. */
static const char canary[] = "canary-7f3a91d2";

static const struct {
    const char *path, *text;
} things[] = {
    { "version", "1\n" },
    { "vms/vm-1/vm.json",
      "{\"stemcell\":\"sc-1\",\"agent_id\":\"a\",\"addresses\":[{\"network\":\"default\",\"ip\":"
      "\"10.0.0.10\"}],\"networks\":[\"default\"],\"reservations\":[]}" },
    { "vms/vm-1/root.qcow2", "" },
    { "disks/d0000000000000000001/disk.json",
      "{\"format\":\"qcow2\",\"size_mib\":64,\"cloud_properties\":{}}" },
    { "disks/d0000000000000000001/disk.qcow2", "" },
    { "stemcells/sc-1/stemcell.json",
      "{\"format\":\"qcow2\",\"virtual_bytes\":3221225472,\"line\":\"openstack\",\"firmware\":"
      "\"bios\",\"cloud_properties\":{}}" },
    { "stemcells/sc-1/image.qcow2", "" },
    { "snapshots/snap-1/snapshot.json",
      "{\"disk\":\"d0000000000000000001\",\"format\":\"qcow2\",\"size_mib\":64}" },
    { "networks/default/.keep", "" },
    { ".lock/networks", "" },
};

static void prepare_parents(const char *name)
{
    cleanup_error struct error err = { 0 };

    for (const char *slash = name; (slash = strchr(slash, '/')); slash++) {
        cleanup_free char *path =
            xasprintf("%s/store/%.*s", fuzz_directory(), (int)(slash - name), name);
        fuzz_must(host_make_directory(NULL, path, 0711, &err) == 0);
    }
}

static void prepare_store(void)
{
    cleanup_error struct error err = { 0 };
    cleanup_free char *store = xasprintf("%s/store", fuzz_directory());

    fuzz_must(host_remove(NULL, store, &err) == 0);
    fuzz_must(host_make_directory(NULL, store, 0711, &err) == 0);
    for (size_t i = 0; i < ARRAY_SIZE(things); i++) {
        cleanup_free char *name = xasprintf("store/%s", things[i].path);
        prepare_parents(things[i].path);
        free(fuzz_file(name, things[i].text, strlen(things[i].text)));
    }
}

static char *prepare_config(void)
{
    cleanup_free char *text = xasprintf(
        "{\"store_dir\":\"%s/"
        "store\",\"domain_type\":\"qemu\",\"storage_controller\":\"VIRTIO\",\"lock_timeout\":1,"
        "\"agent\":{\"mbus\":\"https://u:%s@h\"}}",
        fuzz_directory(), canary);

    return fuzz_file("cpi.json", text, strlen(text));
}

static void check(const char *answer, bool asked)
{
    static const char *const types[] = { "CpiError",
                                         "NotSupported",
                                         "NotImplemented",
                                         "CloudError",
                                         "VMNotFound",
                                         "NetworkNotFound",
                                         "NoDiskSpace",
                                         "DiskNotAttached",
                                         "DiskNotFound",
                                         "VMCreationFailed",
                                         NULL };
    cleanup_error struct error err = { 0 };
    cleanup_json cJSON *json = json_parse(answer, strlen(answer), "the answer", &err);
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(json, "error");
    const char *type = json_string(error, "type"), *message = json_string(error, "message");

    fuzz_must(json && error && cJSON_HasObjectItem(json, "result") && json_string(json, "log"));
    fuzz_must(asked || !strstr(answer, canary));
    if (cJSON_IsNull(error))
        return;
    fuzz_must(type && starts_with(type, "Bosh::Clouds::") && message && *message);
    fuzz_must(strings_contain((char *const *)types, type + strlen("Bosh::Clouds::")));
    fuzz_must(cJSON_IsBool(cJSON_GetObjectItemCaseSensitive(error, "ok_to_retry")));
    fuzz_must(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(json, "result")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_parts struct fuzz_parts parts;
    cleanup_free char *config = prepare_config();
    struct log log = { 0 };

    prepare_store();
    fuzz_split(data, size, &parts);
    fuzz_replies(parts.part + 1);
    /* Without any "%%" the text is taken with all its NULs. */
    const char *text = parts.part[0];
    struct request_text request = { text, parts.part[1] ? strlen(text) : size, config };
    cleanup_free char *answer = dispatch(&request, &log);
    /* libFuzzer finds out what it is compared with, and says it itself. */
    check(answer, memmem(data, size, canary, strlen(canary)));
    log_release(&log);
    return 0;
}
