#include "cpi/config.h"

#include "cpi/host.h"
#include "cpi/json.h"

#include <stdlib.h>
#include <string.h>

/* The first place that has a config file, or NULL; 'looked' gets all the places, for the message.
 */
static char *find_file(char **looked)
{
    const char *named = getenv("CPI_CONFIG"), *jobs = getenv("BOSH_JOBS_DIR");
    char *places[] = { named && *named ? xstrdup(named) : NULL,
                       xasprintf("%s/libvirt_cpi/config/cpi.json",
                                 jobs && *jobs ? jobs : "/var/vcap/jobs"),
                       xstrdup("/etc/cpi/cpi.json") };
    char *found = NULL;

    *looked = xasprintf("$CPI_CONFIG, %s, %s", places[1], places[2]);
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        cleanup_error struct error ignored = { 0 };
        /* A file that $CPI_CONFIG names is the one meant, there or not. */
        bool take = places[i] && !found && (i == 0 || host_exists(NULL, places[i], &ignored) != 0);
        if (take)
            found = steal_pointer(&places[i]);
        free(places[i]);
    }
    return found;
}

static cJSON *read_document(const char *path, struct error *err)
{
    cleanup_free char *text = NULL;
    cleanup_free char *what = xasprintf("config file '%s'", path);
    int got = host_get(NULL, path, &text, err);

    if (got <= 0) {
        if (got == 0)
            fail(err, ERROR_CPI, "there is no config file '%s'", path);
        err->type = ERROR_CPI;
        return NULL;
    }
    json_blank_comments(text, strlen(text));
    cleanup_json cJSON *document = json_parse(text, strlen(text), what, err);
    if (document && !cJSON_IsObject(document)) {
        fail(err, ERROR_CPI, "%s must hold a JSON object", what);
        return NULL;
    }
    return steal_pointer(&document);
}

char *config_find(const char *path)
{
    cleanup_free char *looked = NULL;

    return path ? xstrdup(path) : find_file(&looked);
}

int config_load(struct config *config, const char *path, const cJSON *context, struct log *log,
                struct error *err)
{
    cleanup_free char *looked = NULL;
    cleanup_free char *found = path ? xstrdup(path) : find_file(&looked);
    cJSON *document = found ? read_document(found, err) : json_new_object();

    if (!document)
        return -1;
    if (config_from(config, document, context, log, err) == 0)
        return 0;
    if (!found)
        return error_wrap(err, "no config file was found (looked for --config, %s)", looked);
    return error_wrap(err, "%s", found);
}

const char *const *config_stemcell_formats(const char *path, const cJSON *context)
{
    cleanup_error struct error ignored = { 0 };
    cleanup_free char *looked = NULL;
    cleanup_free char *found = path ? xstrdup(path) : find_file(&looked);
    cleanup_json cJSON *document = found ? read_document(found, &ignored) : NULL;
    const char *name = json_string(context, "hypervisor");

    if (!name)
        name = json_string(document, "hypervisor");
    const struct hypervisor *hypervisor = name ? hypervisor_find(name) : NULL;
    return (hypervisor ? hypervisor : &hypervisor_qemu)->stemcell_formats;
}
