#include "cpi/definition.h"

#include "cpi/util.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

enum { DOMAIN_DEPTH = 1, DEVICES_DEPTH, DEVICE_DEPTH, PART_DEPTH };

struct reading {
    XML_Parser parser;
    struct domain_definition *definition;
    struct filesystem current;
    char *directory; /* the current one's, where it is one */
    int depth;
    bool in_devices, in_filesystem;
};

static const char *attribute(const char *const *attributes, const char *name)
{
    for (; *attributes; attributes += 2)
        if (strcmp(attributes[0], name) == 0)
            return attributes[1];
    return NULL;
}

static void set(char **text, const char *value)
{
    free(*text);
    *text = value ? xstrdup(value) : NULL;
}

static void begin(void *data, const char *name, const char **attributes)
{
    struct reading *r = data;
    const char *const *given = (const char *const *)attributes;
    r->depth++;
    if (r->depth == DEVICES_DEPTH) {
        r->in_devices = strcmp(name, "devices") == 0;
        r->definition->mapped = r->definition->mapped || strcmp(name, "idmap") == 0;
    }
    if (r->depth == DEVICE_DEPTH && r->in_devices && strcmp(name, "filesystem") == 0) {
        r->in_filesystem = true;
        r->current.start = (size_t)XML_GetCurrentByteIndex(r->parser);
    }
    if (r->depth == PART_DEPTH && r->in_filesystem && strcmp(name, "source") == 0) {
        set(&r->current.file, attribute(given, "file"));
        set(&r->directory, attribute(given, "dir"));
    }
    if (r->depth == PART_DEPTH && r->in_filesystem && strcmp(name, "target") == 0)
        set(&r->current.target, attribute(given, "dir"));
}

static void add(struct reading *r)
{
    struct domain_definition *d = r->definition;

    r->current.end =
        (size_t)(XML_GetCurrentByteIndex(r->parser) + XML_GetCurrentByteCount(r->parser));
    if (r->current.file && r->current.target) {
        d->list = xrealloc(d->list, (d->count + 1) * sizeof(*d->list));
        d->list[d->count++] = r->current;
    } else {
        if (r->directory && r->current.target && strcmp(r->current.target, "/") == 0)
            set(&d->root, r->directory);
        free(r->current.file);
        free(r->current.target);
    }
    set(&r->directory, NULL);
    r->current = (struct filesystem){ 0 };
    r->in_filesystem = false;
}

static void end(void *data, const char *name)
{
    struct reading *r = data;

    (void)name;
    if (r->depth == DEVICE_DEPTH && r->in_filesystem)
        add(r);
    if (r->depth == DEVICES_DEPTH && r->in_devices)
        r->definition->devices_end = (size_t)XML_GetCurrentByteIndex(r->parser);
    if (r->depth == DEVICES_DEPTH)
        r->in_devices = false;
    r->depth--;
}

int definition_read(const char *xml, struct domain_definition *definition, struct error *err)
{
    struct reading r = { .parser = XML_ParserCreate("UTF-8"), .definition = definition };

    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, begin, end);
    int read = XML_Parse(r.parser, xml, (int)strlen(xml), 1) == XML_STATUS_OK;
    XML_ParserFree(r.parser);
    free(r.current.file);
    free(r.current.target);
    free(r.directory);
    if (read && definition->devices_end)
        return 0;
    return fail(err, ERROR_CLOUD, "what libvirt tells of the VM is no definition of a domain");
}

char *definition_with(const char *xml, const struct domain_definition *definition,
                      const char *device)
{
    return xasprintf("%.*s%s%s", (int)definition->devices_end, xml, device,
                     xml + definition->devices_end);
}

char *definition_without(const char *xml, const struct filesystem *filesystem)
{
    return xasprintf("%.*s%s", (int)filesystem->start, xml, xml + filesystem->end);
}

void definition_release(struct domain_definition *definition)
{
    for (size_t i = 0; i < definition->count; i++) {
        free(definition->list[i].file);
        free(definition->list[i].target);
    }
    free(definition->list);
    free(definition->root);
    *definition = (struct domain_definition){ 0 };
}
