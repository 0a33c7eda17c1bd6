#include "cpi/dispatch.h"

#include "cpi/json.h"
#include "cpi/method.h"

#include <stdlib.h>
#include <string.h>

/* A parsed request; all of it is part of 'document'. */
struct request {
    cJSON *document;
    const char *method_name;
    const cJSON *arguments, *context;
    int api_version;
};

static char *response(cJSON *result, const struct error *err, const struct log *log)
{
    cleanup_json cJSON *object = json_new_object();
    cleanup_free char *text = json_clean_utf8(log->text ? log->text : "");

    json_put(object, "result", result ? result : cJSON_CreateNull());
    if (err->type == ERROR_NONE) {
        json_put(object, "error", cJSON_CreateNull());
    } else {
        cJSON *error = json_new_object();
        cleanup_free char *message = json_clean_utf8(err->message);
        json_put_string(error, "type", error_type_name(err->type));
        json_put_string(error, "message", message);
        json_put_bool(error, "ok_to_retry", err->ok_to_retry);
        json_put(object, "error", error);
    }
    json_put_string(object, "log", text);
    return json_print(object);
}

char *dispatch_failure(const struct error *err, const struct log *log)
{
    return response(NULL, err, log);
}

static int read_api_version(const cJSON *document, int *version, struct error *err)
{
    static const uint64_t range[] = { 1, 1000 };
    const cJSON *given = json_get(document, "api_version");
    uint64_t number = 1;

    if (given && json_whole(given, "api_version", range, &number, err) < 0)
        return -1;
    if (number > NEWEST_API_VERSION)
        return fail(err, ERROR_NOT_SUPPORTED,
                    "api_version %d is not known: this cpi speaks 1 to %d (see info)", (int)number,
                    NEWEST_API_VERSION);
    *version = (int)number;
    return 0;
}

static int read_request(const struct request_text *text, struct request *request, struct error *err)
{
    request->document = json_parse(text->text, text->length, "the request on stdin", err);
    if (!request->document)
        return -1;
    if (!cJSON_IsObject(request->document))
        return fail(err, ERROR_CPI, "the request on stdin must be a JSON object");
    request->method_name = json_string(request->document, "method");
    request->arguments = json_get(request->document, "arguments");
    request->context = json_get(request->document, "context");
    if (!request->method_name || !*request->method_name)
        return fail(err, ERROR_CPI, "the request must have a 'method', a string");
    if (request->arguments && !cJSON_IsArray(request->arguments))
        return fail(err, ERROR_CPI, "the request's 'arguments' must be an array");
    if (request->context && !cJSON_IsObject(request->context))
        return fail(err, ERROR_CPI, "the request's 'context' must be an object");
    return read_api_version(request->document, &request->api_version, err);
}

static int check_store(void *state, bool usual, struct error *err)
{
    struct cpi *cpi = state;

    if (store_check(&cpi->store, err) < 0)
        return -1;
    return usual || !cpi->store.laid_out ? 0 : store_complete(&cpi->store, err);
}

/* With a host that is reached over ssh, nothing is asked of it before a method does. */
static int set_up_host(struct cpi *cpi, struct error *err)
{
    const struct config *config = &cpi->config;

    cpi->host = (struct host){ .log = cpi->log,
                               .command_timeout = config->command_timeout,
                               .lock_timeout = config->lock_timeout,
                               .slots = config->max_parallel };
    if (!config->ssh.host)
        return 0;
    return remote_init(&cpi->remote, &cpi->host, &config->ssh, err);
}

/* Paths that start with the home directory there. */
static int set_up_paths(struct cpi *cpi, struct error *err)
{
    cpi->store_dir = host_expand(&cpi->host, cpi->config.store_dir, err);
    cpi->bin_path = cpi->store_dir ? host_expand(&cpi->host, cpi->config.bin_path, err) : NULL;
    cpi->store = (struct store){ .host = &cpi->host, .dir = cpi->store_dir };
    cpi->slot_path = cpi->store_dir ? store_slot_path(&cpi->store) : NULL;
    cpi->host.slot_path = cpi->slot_path;
    cpi->virsh =
        (struct virsh){ .host = &cpi->host, .program = cpi->bin_path, .uri = cpi->config.uri };
    return cpi->bin_path ? 0 : -1;
}

/* Points everything at the host that the configuration names. */
static int set_up(struct cpi *cpi, struct error *err)
{
    const struct config *config = &cpi->config;

    cpi->templates = (struct templates){ .directory = config->template_dir,
                                         .hypervisor = config->hypervisor->name };
    if (set_up_host(cpi, err) < 0 || set_up_paths(cpi, err) < 0)
        return -1;
    if (!cpi->host.remote)
        return store_check(&cpi->store, err);
    cpi->remote.guard = (struct remote_guard){ .path = store_version_path(&cpi->store),
                                               .text = store_version_text,
                                               .directories = store_directories(&cpi->store),
                                               .check = check_store,
                                               .state = cpi };
    return 0;
}

int dispatch_open(struct cpi *cpi, struct error *err)
{
    if (config_load(&cpi->config, cpi->config_path, cpi->context, cpi->log, err) < 0)
        return -1;
    return set_up(cpi, err);
}

void dispatch_close(struct cpi *cpi)
{
    if (cpi->host.remote)
        remote_release(&cpi->remote);
    free(cpi->store_dir);
    free(cpi->bin_path);
    free(cpi->slot_path);
    config_release(&cpi->config);
}

static cJSON *run_online(const struct method *method, struct cpi *cpi, const cJSON *args,
                         struct error *err)
{
    cJSON *result = NULL;

    if (dispatch_open(cpi, err) == 0)
        result = method->run(cpi, args, err);
    dispatch_close(cpi);
    return result;
}

static cJSON *run(const struct request *request, const char *config_path, struct log *log,
                  struct error *err)
{
    const struct method *method = method_find(request->method_name);
    int given = cJSON_GetArraySize(request->arguments);
    struct cpi cpi = { .log = log,
                       .config_path = config_path,
                       .context = request->context,
                       .api_version = request->api_version };

    if (!method) {
        fail(err, ERROR_NOT_IMPLEMENTED, "Method is not known, got: '%s'", request->method_name);
        return NULL;
    }
    if (given < method->min_args) {
        fail(err, ERROR_CPI, "%d arguments were given, at least %d are needed", given,
             method->min_args);
        return NULL;
    }
    return method->offline ? method->run(&cpi, request->arguments, err)
                           : run_online(method, &cpi, request->arguments, err);
}

char *dispatch(const struct request_text *text, struct log *log)
{
    struct request request = { .api_version = 1 };
    cleanup_error struct error err = { 0 };
    cJSON *result = NULL;

    if (read_request(text, &request, &err) == 0) {
        const char *id = json_string(request.context, "request_id");
        free(log->request_id);
        log->request_id = id ? xstrdup(id) : NULL;
        result = run(&request, text->config_path, log, &err);
        if (err.type != ERROR_NONE)
            error_wrap(&err, "%s", request.method_name);
    }
    if (err.type != ERROR_NONE)
        log_event(log, "%s: %s", error_type_name(err.type), err.message);
    char *answer = response(result, &err, log);
    cJSON_Delete(request.document);
    return answer;
}
