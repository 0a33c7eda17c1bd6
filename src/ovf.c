#include "cpi/ovf.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* More than any stemcell refers to. */
enum { FILES_MAX = 16 };

struct reading {
    XML_Parser parser;
    struct {
        char *id, *href;
    } files[FILES_MAX];
    int files_count, disks_count;
    char *disk_file; /* the id of the first disk's file, NULL when it has none */
    char *firmware;
    bool envelope, too_much;
};

/* The names of OVF come in namespaces whose prefix every tool chooses; their last part is clear
 * enough. */
static const char *local_name(const char *name)
{
    const char *colon = strrchr(name, ':');

    return colon ? colon + 1 : name;
}

static const char *attribute(const char **attributes, const char *name)
{
    for (; *attributes; attributes += 2)
        if (strcmp(local_name(attributes[0]), name) == 0)
            return attributes[1];
    return NULL;
}

static void read_file(struct reading *r, const char *id, const char *href)
{
    if (r->files_count == FILES_MAX) {
        r->too_much = true;
        return;
    }
    r->files[r->files_count].id = xstrdup(id ? id : "");
    r->files[r->files_count].href = xstrdup(href ? href : "");
    r->files_count++;
}

/* <vmw:Config vmw:key="firmware" vmw:value="efi"/> */
static void read_config(struct reading *r, const char **attributes)
{
    static const char *const known[] = { "efi", "bios" };
    const char *key = attribute(attributes, "key"), *value = attribute(attributes, "value");

    if (!key || !value || r->firmware || strcmp(key, "firmware") != 0)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (strcasecmp(value, known[i]) == 0)
            r->firmware = xstrdup(known[i]);
}

static void start_element(void *data, const char *name, const char **attributes)
{
    struct reading *r = data;

    name = local_name(name);
    if (strcmp(name, "Envelope") == 0) {
        r->envelope = true;
    } else if (strcmp(name, "File") == 0) {
        read_file(r, attribute(attributes, "id"), attribute(attributes, "href"));
    } else if (strcmp(name, "Disk") == 0) {
        const char *file = attribute(attributes, "fileRef");
        if (r->disks_count++ == 0 && file)
            r->disk_file = xstrdup(file);
    } else if (strcmp(name, "Config") == 0 || strcmp(name, "ExtraConfig") == 0) {
        read_config(r, attributes);
    }
}

/* An OVF has no document type, and so no entities to be blown up by. */
static void refuse_doctype(void *data, const char *name, const char *system, const char *public,
                           int internal)
{
    struct reading *r = data;

    (void)name;
    (void)system;
    (void)public;
    (void)internal;
    XML_StopParser(r->parser, XML_FALSE);
}

static int parse(struct reading *r, const char *text, struct error *err)
{
    r->parser = XML_ParserCreate(NULL);
    if (!r->parser)
        return fail(err, ERROR_CLOUD, "the XML parser cannot be made");
    XML_SetUserData(r->parser, r);
    XML_SetStartElementHandler(r->parser, start_element);
    XML_SetStartDoctypeDeclHandler(r->parser, refuse_doctype);
    if (XML_Parse(r->parser, text, (int)strlen(text), 1) != XML_STATUS_OK)
        return fail(err, ERROR_CLOUD, "the stemcell's OVF is wrong in line %lu: %s",
                    (unsigned long)XML_GetCurrentLineNumber(r->parser),
                    XML_ErrorString(XML_GetErrorCode(r->parser)));
    if (!r->envelope)
        return fail(err, ERROR_CLOUD, "the stemcell's OVF has no Envelope");
    return 0;
}

/* The file of the one disk; NULL when there is not exactly one. */
static const char *find_disk(const struct reading *r)
{
    if (r->too_much || r->disks_count > 1)
        return NULL;
    if (!r->disk_file)
        return r->files_count == 1 ? r->files[0].href : NULL;
    for (int i = 0; i < r->files_count; i++)
        if (strcmp(r->files[i].id, r->disk_file) == 0)
            return r->files[i].href;
    return NULL;
}

/* It is compared with names only, but what is no plain name is meant for somebody else's disk. */
static bool is_plain(const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789._-";

    return *name && *name != '.' && *name != '-' && strlen(name) < 256 &&
           strspn(name, plain) == strlen(name);
}

static int read_ovf(struct reading *r, const char *text, struct ovf *ovf, struct error *err)
{
    if (parse(r, text, err) < 0)
        return -1;
    const char *disk = find_disk(r);
    if (!disk)
        return fail(err, ERROR_CLOUD,
                    "the stemcell's OVF must have exactly one disk with a file: it has %d disks "
                    "and %d files",
                    r->disks_count, r->files_count);
    if (!is_plain(disk))
        return fail(err, ERROR_CLOUD,
                    "the stemcell's OVF refers to a disk elsewhere, not beside it: refused");
    ovf->disk = xstrdup(disk);
    ovf->firmware = steal_pointer(&r->firmware);
    return 0;
}

int ovf_read(const char *text, struct ovf *ovf, struct error *err)
{
    struct reading r = { 0 };
    int failed = read_ovf(&r, text, ovf, err);

    if (r.parser)
        XML_ParserFree(r.parser);
    for (int i = 0; i < r.files_count; i++) {
        free(r.files[i].id);
        free(r.files[i].href);
    }
    free(r.disk_file);
    free(r.firmware);
    return failed;
}

void ovf_release(struct ovf *ovf)
{
    free(ovf->disk);
    free(ovf->firmware);
    *ovf = (struct ovf){ 0 };
}

/* The digest in "SHA256(name)= hex" when the line is of that kind and name. */
static const char *match_line(const char *line, enum digest_kind kind, const char *name)
{
    cleanup_free char *start = xasprintf("%s(%s)", digest_name(kind), name);

    if (!starts_with(line, start))
        return NULL;
    line += strlen(start);
    line += strspn(line, " ");
    return *line == '=' ? line + 1 + strspn(line + 1, " ") : NULL;
}

int ovf_manifest_find(const char *manifest, const char *name, enum digest_kind *kind,
                      char hex[DIGEST_SIZE])
{
    cleanup_free char *text = xstrdup(manifest);
    cleanup_free char **lines = split_lines(text);

    for (char **line = lines; *line; line++)
        for (*kind = DIGEST_SHA1; *kind < DIGEST_COUNT; (*kind)++) {
            const char *value = match_line(*line, *kind, name);
            const size_t length = value ? strspn(value, "0123456789abcdefABCDEF") : 0;
            if (!value)
                continue;
            snprintf(hex, DIGEST_SIZE, "%.*s", (int)(length < DIGEST_SIZE ? length : 0), value);
            return 1;
        }
    return 0;
}
