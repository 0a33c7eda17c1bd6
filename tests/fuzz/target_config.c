/* cpi.json, and the context that overrides some of it. */
#include "fuzz.h"

#include "cpi/config.h"
#include "cpi/json.h"

#include <string.h>

static void check(const struct config *config)
{
    fuzz_must(config->hypervisor && config->uri && config->bin_path && config->store_dir);
    fuzz_must(*config->store_dir == '/' && config->store_dir[1]);
    fuzz_must(config->command_timeout > 0 && config->lock_timeout >= 0);
    fuzz_must(config->document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_parts struct fuzz_parts parts;
    cleanup_error struct error err = { 0 }, ignored = { 0 };
    struct config config = { 0 };
    struct log log = { 0 };

    fuzz_split(data, size, &parts);
    cleanup_free char *path = fuzz_file("cpi.json", parts.part[0], strlen(parts.part[0]));
    const char *text = parts.part[1];
    cleanup_json cJSON *context =
        text ? json_parse(text, strlen(text), "the context", &ignored) : NULL;
    if (context && !cJSON_IsObject(context))
        return 0;
    if (config_load(&config, path, context, &log, &err) == 0) {
        check(&config);
        config_release(&config);
    } else {
        fuzz_must(err.type == ERROR_CPI && err.message);
    }
    config_stemcell_formats(path, context);
    log_release(&log);
    return 0;
}
