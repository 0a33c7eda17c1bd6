#include "cpi/vm_metadata.h"

#include "cpi/json.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    cJSON *metadata;
    char *key, *value; /* of the present entry, NULL outside of one */
};

static void XMLCALL start_element(void *user, const char *name, const char **attributes)
{
    struct reader *r = user;

    if (!ends_with(name, "entry") || r->key)
        return;
    for (; *attributes; attributes += 2)
        if (strcmp(attributes[0], "key") == 0 && !r->key) {
            r->key = xstrdup(attributes[1]);
            r->value = xstrdup("");
        }
}

static void XMLCALL end_element(void *user, const char *name)
{
    struct reader *r = user;

    (void)name;
    if (!r->key)
        return;
    json_set(r->metadata, r->key, cJSON_CreateString(r->value));
    free(r->key);
    free(r->value);
    r->key = r->value = NULL;
}

static void XMLCALL add_text(void *user, const char *text, int length)
{
    struct reader *r = user;

    if (!r->key)
        return;
    cleanup_free char *before = r->value;
    r->value = xasprintf("%s%.*s", before, length, text);
}

cJSON *vm_metadata_read(const char *xml)
{
    struct reader reader = { .metadata = json_new_object() };
    XML_Parser parser = XML_ParserCreate(NULL);

    if (!parser)
        abort();
    XML_SetUserData(parser, &reader);
    XML_SetElementHandler(parser, start_element, end_element);
    XML_SetCharacterDataHandler(parser, add_text);
    XML_Parse(parser, xml, (int)strlen(xml), 1);
    XML_ParserFree(parser);
    free(reader.key);
    free(reader.value);
    return reader.metadata;
}

/* The text of a string or number. Owned by the caller; NULL when there is none. */
static char *text_of(const cJSON *metadata, const char *key)
{
    const cJSON *value = json_get(metadata, key);

    if (cJSON_IsNumber(value))
        return json_print(value);
    return cJSON_IsString(value) && *value->valuestring ? xstrdup(value->valuestring) : NULL;
}

char *vm_metadata_instance(const cJSON *metadata)
{
    static const char *const names[] = { "name", "instance_name" };
    static const char *const indexes[] = { "index", "instance_index", "instance_id" };
    cleanup_free char *job = text_of(metadata, "job");

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char *name = text_of(metadata, names[i]);
        if (name)
            return name;
    }
    for (size_t i = 0; job && i < ARRAY_SIZE(indexes); i++) {
        cleanup_free char *index = text_of(metadata, indexes[i]);
        if (index)
            return xasprintf("%s/%s", job, index);
    }
    return steal_pointer(&job);
}
