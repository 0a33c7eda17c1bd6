/* A template, and the data that it is rendered over. */
#include "fuzz.h"

#include "cpi/json.h"
#include "cpi/template.h"

#include <expat.h>
#include <string.h>
#include <sys/stat.h>

/* The surest template there is: whatever a value holds, the document stays one. */
static void check_values(const cJSON *data)
{
    struct templates templates = { .directory = fuzz_directory(), .hypervisor = "qemu" };
    static const char everywhere[] = "<a b='{{name}}'>{{name}}</a>";
    cleanup_error struct error err = { 0 };

    free(fuzz_file("qemu/value.xml", everywhere, strlen(everywhere)));
    cleanup_free char *text = template_render(&templates, "value", data, &err);

    if (!text)
        return;
    XML_Parser parser = XML_ParserCreate("UTF-8");
    fuzz_must(XML_Parse(parser, text, (int)strlen(text), 1) == XML_STATUS_OK);
    XML_ParserFree(parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct templates templates = { .directory = fuzz_directory(), .hypervisor = "qemu" };
    cleanup_parts struct fuzz_parts parts;
    cleanup_error struct error err = { 0 }, ignored = { 0 };
    cleanup_free char *directory = xasprintf("%s/qemu", fuzz_directory());

    fuzz_split(data, size, &parts);
    const char *text = parts.part[1] ? parts.part[1] : "{}";
    cleanup_json cJSON *item = json_parse(text, strlen(text), "the data", &ignored);
    if (!cJSON_IsObject(item))
        return 0;
    mkdir(directory, 0700);
    free(fuzz_file("qemu/fuzz.xml", parts.part[0], strlen(parts.part[0])));
    cleanup_free char *rendered = template_render(&templates, "fuzz", item, &err);
    fuzz_must(rendered || (err.type == ERROR_CPI && err.message));
    check_values(item);
    return 0;
}
