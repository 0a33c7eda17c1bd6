#include "cpi/capabilities.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    char ***types;
    char *text; /* of the <os_type> that is being read, NULL outside of one */
};

static void XMLCALL on_start(void *data, const char *name, const char **attributes)
{
    struct reader *r = data;

    (void)attributes;
    if (strcmp(name, "os_type") == 0 && !r->text)
        r->text = xstrdup("");
}

static void XMLCALL on_text(void *data, const char *text, int length)
{
    struct reader *r = data;

    if (!r->text)
        return;
    cleanup_free char *before = r->text;
    r->text = xasprintf("%s%.*s", before, length, text);
}

static void XMLCALL on_end(void *data, const char *name)
{
    struct reader *r = data;

    if (strcmp(name, "os_type") != 0 || !r->text)
        return;
    if (!strings_contain(*r->types, r->text))
        strings_add(r->types, r->text);
    util_freep(&r->text);
    r->text = NULL;
}

static bool read_types(const char *xml, char ***types)
{
    struct reader r = { .types = types };
    XML_Parser parser = XML_ParserCreate(NULL);

    if (!parser)
        abort();
    XML_SetUserData(parser, &r);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    const bool read = XML_Parse(parser, xml, (int)strlen(xml), 1) == XML_STATUS_OK;
    XML_ParserFree(parser);
    util_freep(&r.text);
    return read;
}

int capabilities_os_types(const struct virsh *virsh, char ***types, struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    *types = NULL;
    VIRSH_ADD(&script, "capabilities");
    if (virsh_play(virsh, &script, NULL, &reply, err) < 0)
        return -1;
    if (!reply.ok)
        return virsh_fail(&reply, err, "cannot tell what kinds of VM '%s' can run", virsh->uri);
    if (read_types(reply.out[0], types))
        return 0;
    util_free_stringsp(types);
    return fail(err, ERROR_CLOUD, "the capabilities of '%s' cannot be read", virsh->uri);
}
