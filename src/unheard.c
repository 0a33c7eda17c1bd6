#include "cpi/unheard.h"

#include "cpi/json.h"
#include "cpi/method.h"

#include <string.h>

static cJSON *parse(const char *text, size_t length)
{
    cleanup_error struct error ignored = { 0 };

    return json_parse(text, length, "a document of our own", &ignored);
}

/* From api_version 2 on some results are a list that begins with the CID. */
static const char *made(const cJSON *response)
{
    const cJSON *result = json_get(response, "result");

    return cJSON_GetStringValue(cJSON_IsArray(result) ? cJSON_GetArrayItem(result, 0) : result);
}

/* The same request, turned into its opposite; its context says where. */
static void turn(cJSON *request, const char *method, const char *cid)
{
    cJSON *arguments = json_new_array();

    json_put_string(arguments, NULL, cid);
    cJSON_DeleteItemFromObjectCaseSensitive(request, "method");
    cJSON_DeleteItemFromObjectCaseSensitive(request, "arguments");
    json_put_string(request, "method", method);
    json_put(request, "arguments", arguments);
}

void unheard_remove(const struct request_text *request, const char *response, struct log *log)
{
    cleanup_json cJSON *asked = parse(request->text, request->length);
    cleanup_json cJSON *answered = parse(response, strlen(response));
    const char *name = json_string(asked, "method");
    const struct method *method = name ? method_find(name) : NULL;
    const char *cid = made(answered);

    if (!method || !method->opposite || !cid)
        return;
    log_note(log, "nobody reads the response: removing '%s' again", cid);
    turn(asked, method->opposite, cid);
    cleanup_free char *text = json_print(asked);
    const struct request_text opposite = { text, strlen(text), request->config_path };
    cleanup_free char *said = dispatch(&opposite, log);
    cleanup_json cJSON *undone = parse(said, strlen(said));
    const char *message = json_string(json_get(undone, "error"), "message");
    if (message)
        log_note(log, "warning: nobody knows of '%s', which stays: %s", cid, message);
}
