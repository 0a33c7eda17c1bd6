#include "cpi/person.h"

#include "cpi/dispatch.h"
#include "cpi/json.h"
#include "cpi/method.h"
#include "cpi/nearest.h"
#include "cpi/progress.h"

#include <string.h>

static int refuse_method(const char *name, struct error *err)
{
    cleanup_strings char **names = NULL;

    for (size_t i = 0; method_at(i); i++)
        strings_add(&names, method_at(i)->name);
    const char *meant = nearest(name, (const char *const *)names);
    return fail(err, ERROR_CPI, "there is no method '%s'%s%s%s (see 'cpi help call')", name,
                meant ? ": is '" : "", meant ? meant : "", meant ? "' meant?" : "");
}

static cJSON *read_file(const char *path, struct error *err)
{
    cleanup_free char *text = NULL;
    int got = host_get(NULL, path, &text, err);

    if (got == 0)
        fail(err, ERROR_CPI, "there is no file '%s'", path);
    return got <= 0 ? NULL : json_parse(text, strlen(text), path, err);
}

/* JSON if it is any, else a string; "@file" is the JSON in a file, which is the place of secrets.
 */
static cJSON *read_argument(const char *word, struct error *err)
{
    cleanup_error struct error plain = { 0 };

    if (*word == '@')
        return read_file(word + 1, err);
    cJSON *value = json_parse(word, strlen(word), word, &plain);
    if (value)
        return value;
    /* What looks like JSON was meant to be some. */
    if (*word != '{' && *word != '[')
        return cJSON_CreateString(word);
    fail(err, ERROR_CPI, "an argument begins like JSON and is none: check its quotes");
    return NULL;
}

/* Owned by the caller. */
static cJSON *make_request(const struct arguments *arguments, struct error *err)
{
    const struct method *method = method_find(arguments->words[0]);
    cleanup_json cJSON *request = json_new_object();
    cJSON *given = json_new_array();
    const int version = arguments->api_version ? arguments->api_version : NEWEST_API_VERSION;

    json_put_string(request, "method", arguments->words[0]);
    json_put(request, "arguments", given);
    json_put(request, "context", json_new_object());
    json_put_number(request, "api_version", version);
    if (!method) {
        refuse_method(arguments->words[0], err);
        return NULL;
    }
    for (char *const *word = arguments->words + 1; *word; word++) {
        cJSON *value = read_argument(*word, err);
        if (!value)
            return NULL;
        json_put(given, NULL, value);
    }
    if (cJSON_GetArraySize(given) < method->min_args) {
        fail(err, ERROR_CPI, "this is used as 'cpi call %s %s'", method->name, method->takes);
        return NULL;
    }
    return steal_pointer(&request);
}

static void print_result(const struct page *page, const cJSON *result)
{
    if (cJSON_IsString(result))
        page_print(page, INK_PLAIN, "%s\n", result->valuestring);
    else if (!cJSON_IsNull(result))
        page_json(page, result);
}

static int print_answer(const struct page *page, const cJSON *answer)
{
    const struct page errors = page_on(stderr);
    const cJSON *error = json_get(answer, "error");
    const char *notes = json_string(answer, "log");

    if (notes && *notes)
        page_print(&errors, INK_YELLOW, "%s", notes);
    if (error)
        page_error(&errors, json_string(error, "message"), json_string(error, "type"),
                   cJSON_IsTrue(json_get(error, "ok_to_retry")));
    else
        print_result(page, cJSON_GetObjectItemCaseSensitive(answer, "result"));
    return error ? PERSON_FAILED : PERSON_DONE;
}

static int call(const struct arguments *arguments, const struct page *page)
{
    struct log log = { 0 };
    cleanup_error struct error err = { 0 };
    cleanup_json cJSON *request = make_request(arguments, &err);

    if (!request) {
        person_fail(&err);
        return PERSON_MISUSED;
    }
    cleanup_free char *text = json_print(request);
    const struct request_text sent = { text, strlen(text), arguments->config };
    FILE *progress = arguments->verbose ? NULL : progress_open();
    log.stream = arguments->verbose ? stderr : progress;
    cleanup_free char *received = dispatch(&sent, &log);
    progress_close(progress);
    cleanup_json cJSON *answer = json_parse(received, strlen(received), "the response", &err);
    log_release(&log);
    if (!answer)
        return person_fail(&err);
    if (!arguments->json)
        return print_answer(page, answer);
    fprintf(page->out, "%s\n", received);
    return json_get(answer, "error") ? PERSON_FAILED : PERSON_DONE;
}

static void tell_methods(const struct page *page)
{
    const struct method *method;

    for (size_t i = 0; (method = method_at(i)); i++)
        page_print(page, INK_PLAIN, "  %s %s\n", method->name, method->takes);
    page_print(page, INK_PLAIN, "\n");
}

const struct person_command person_call = {
    .name = "call",
    .synopsis = "METHOD [ARGUMENT]... [--config FILE] [--api-version N] [--json]",
    .summary = "Calls a method of the CPI as the Director does",
    .help =
        "An ARGUMENT is JSON, or a string where it is no JSON; @FILE is the JSON in a file. What\n"
        "others must not see belongs into a file, for all can read a command line.\n"
        "\n"
        "    cpi call has_vm vm-5b0d6d7c-8f9d-4c39-a9f1-0d5d1e4a6a10\n"
        "    cpi call create_disk 1024 '{\"format\": \"raw\"}'\n"
        "    cpi call create_vm agent-1 sc-2f6ae2a4-7f0b-4f0e-8a43-1f0f6a1b8c11 '{}' "
        "@networks.json\n"
        "\n"
        "The result is printed for reading; with --json the whole response as the Director gets "
        "it.\n"
        "The methods, which docs/methods.md describes:\n",
    .tell = tell_methods,
    .options = (const char *const[]){ "--config", "--api-version", "--json", NULL },
    .min_words = 1,
    .max_words = 64,
    .run = call,
};
