#include "cpi/template.h"

#include "cpi/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { INCLUDE_DEPTH = 8 };

struct renderer {
    const struct templates *templates;
    const char *name; /* of the template, for messages */
    FILE *out;
    int depth;
    struct error *err;
};

/* One {{...}}: its kind ('#', '^', '/', '>' or 0 for a name) and what follows it. */
struct tag {
    char kind;
    char name[64];
    const char *start, *end; /* around the braces, or the whole line when it stands alone */
};

static const char *find_builtin(const char *path)
{
    for (const struct template_file *row = template_files; row->path; row++)
        if (strcmp(row->path, path) == 0)
            return row->text;
    return NULL;
}

static char *read_file(const char *path)
{
    char *text = NULL;
    size_t length, got;
    char block[4096];
    FILE *in = fopen(path, "re");

    if (!in)
        return NULL;
    FILE *out = text_open(&text, &length);
    while ((got = fread(block, 1, sizeof(block), in)) > 0)
        fwrite(block, 1, got, out);
    int failed = ferror(in);
    fclose(in);
    text_close(out);
    if (failed) {
        free(text);
        return NULL;
    }
    return text;
}

static char *load(const struct renderer *r, const char *name)
{
    cleanup_free char *path = xasprintf("%s/%s.xml", r->templates->hypervisor, name);

    if (r->templates->directory) {
        cleanup_free char *file = xasprintf("%s/%s", r->templates->directory, path);
        errno = 0;
        char *text = read_file(file);
        if (text)
            return text;
        if (errno != ENOENT && errno != ENOTDIR) {
            fail(r->err, ERROR_CPI, "template_dir: cannot read '%s': %s", file, strerror(errno));
            return NULL;
        }
    }
    const char *builtin = find_builtin(path);
    if (!builtin)
        fail(r->err, ERROR_CPI, "there is no template '%s'", path);
    return builtin ? xstrdup(builtin) : NULL;
}

static int escape(const struct renderer *r, const char *text)
{
    static const struct {
        char plain;
        const char *escaped;
    } rows[] = {
        { '<', "&lt;" }, { '>', "&gt;" }, { '&', "&amp;" }, { '"', "&quot;" }, { '\'', "&apos;" }
    };

    for (; *text; text++) {
        const char *escaped = NULL;
        if ((unsigned char)*text < 0x20 && !strchr("\t\n\r", *text))
            return fail(r->err, ERROR_CPI,
                        "a value for the template '%s' holds the control "
                        "character 0x%02x, which XML cannot carry",
                        r->name, *text);
        if (starts_with(text, "\xef\xbf\xbe") || starts_with(text, "\xef\xbf\xbf"))
            return fail(
                r->err, ERROR_CPI,
                "a value for the template '%s' holds U+FFFE or U+FFFF, which XML cannot carry",
                r->name);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
            if (rows[i].plain == *text)
                escaped = rows[i].escaped;
        if (escaped)
            fputs(escaped, r->out);
        else
            fputc(*text, r->out);
    }
    return 0;
}

static int write_value(const struct renderer *r, const char *name, const cJSON *value)
{
    if (cJSON_IsString(value))
        return escape(r, value->valuestring);
    if (cJSON_IsNumber(value)) {
        fprintf(r->out, "%.15g", value->valuedouble);
        return 0;
    }
    return fail(r->err, ERROR_CPI, "template '%s': '%s' is neither text nor a number", r->name,
                name);
}

/* A section's tag that is alone on its line takes the line with it. */
static void widen(const char *text, struct tag *tag)
{
    const char *start = tag->start, *end = tag->end;

    while (start > text && (start[-1] == ' ' || start[-1] == '\t'))
        start--;
    while (*end == ' ' || *end == '\t')
        end++;
    if ((start == text || start[-1] == '\n') && *end == '\n') {
        tag->start = start;
        tag->end = end + 1;
    }
}

/* Finds the next tag at or after 'from'. 1: found, 0: none, -1: malformed. */
static int next_tag(const struct renderer *r, const char *text, const char *from, struct tag *tag)
{
    const char *open = strstr(from, "{{");
    const char *close = open ? strstr(open, "}}") : NULL;

    if (!open)
        return 0;
    if (!close)
        return fail(r->err, ERROR_CPI, "template '%s': '{{' without '}}'", r->name);
    const char *name = open + 2;
    tag->kind = strchr("#^/>", *name) ? *name++ : '\0';
    size_t length = (size_t)(close - name);
    if (length == 0 || length >= sizeof(tag->name))
        return fail(r->err, ERROR_CPI, "template '%s': a tag has no name, or a very long one",
                    r->name);
    memcpy(tag->name, name, length);
    tag->name[length] = '\0';
    tag->start = open;
    tag->end = close + 2;
    if (tag->kind)
        widen(text, tag);
    return 1;
}

/* The closing tag that belongs to an opened section. */
static int find_close(const struct renderer *r, const char *text, const struct tag *open,
                      struct tag *close)
{
    int depth = 1, found;
    const char *from = open->end;

    while ((found = next_tag(r, text, from, close)) > 0) {
        depth += close->kind == '#' || close->kind == '^';
        depth -= close->kind == '/';
        if (depth == 0)
            break;
        from = close->end;
    }
    if (found < 0)
        return -1;
    if (!found || strcmp(open->name, close->name) != 0)
        return fail(r->err, ERROR_CPI, "template '%s': the section '%s' is not closed", r->name,
                    open->name);
    return 0;
}

static const cJSON *look_up(const struct renderer *r, const cJSON *item, const char *name)
{
    const cJSON *value =
        strcmp(name, ".") == 0 ? item : cJSON_GetObjectItemCaseSensitive(item, name);

    if (!value)
        fail(r->err, ERROR_CPI, "template '%s': there is nothing called '%s' here", r->name, name);
    return value;
}

static bool is_empty(const cJSON *value)
{
    return cJSON_IsNull(value) || cJSON_IsFalse(value) ||
           (cJSON_IsArray(value) && cJSON_GetArraySize(value) == 0);
}

static int render_text(const struct renderer *r, const char *text, const cJSON *item);

static int render_section(const struct renderer *r, const struct tag *tag, const char *body,
                          const cJSON *item)
{
    const cJSON *value = look_up(r, item, tag->name), *each;

    if (!value)
        return -1;
    if (tag->kind == '^')
        return is_empty(value) ? render_text(r, body, item) : 0;
    if (is_empty(value))
        return 0;
    if (cJSON_IsTrue(value))
        return render_text(r, body, item);
    if (!cJSON_IsArray(value))
        return render_text(r, body, value);
    cJSON_ArrayForEach (each, value)
        if (render_text(r, body, each) < 0)
            return -1;
    return 0;
}

static int render_include(const struct renderer *r, const char *name, const cJSON *item)
{
    struct renderer inner = *r;

    if (++inner.depth > INCLUDE_DEPTH)
        return fail(r->err, ERROR_CPI, "template '%s' includes itself", name);
    cleanup_free char *text = load(r, name);
    if (!text)
        return -1;
    inner.name = name;
    return render_text(&inner, text, item);
}

/* Renders one tag; *next is where the text goes on after it. */
static int render_tag(const struct renderer *r, const char *text, const struct tag *tag,
                      const cJSON *item, const char **next)
{
    struct tag close;

    *next = tag->end;
    if (tag->kind == '\0') {
        const cJSON *value = look_up(r, item, tag->name);
        return value ? write_value(r, tag->name, value) : -1;
    }
    if (tag->kind == '>')
        return render_include(r, tag->name, item);
    if (tag->kind == '/')
        return fail(r->err, ERROR_CPI, "template '%s': '%s' is closed but was not opened", r->name,
                    tag->name);
    if (find_close(r, text, tag, &close) < 0)
        return -1;
    cleanup_free char *body = xstrndup(tag->end, (size_t)(close.start - tag->end));
    *next = close.end;
    return render_section(r, tag, body, item);
}

static int render_text(const struct renderer *r, const char *text, const cJSON *item)
{
    const char *from = text;
    struct tag tag;
    int found;

    while ((found = next_tag(r, text, from, &tag)) > 0) {
        if (tag.start > from)
            fwrite(from, 1, (size_t)(tag.start - from), r->out);
        if (render_tag(r, text, &tag, item, &from) < 0)
            return -1;
    }
    if (found == 0)
        fputs(from, r->out);
    return found;
}

char *template_render(const struct templates *templates, const char *name, const cJSON *item,
                      struct error *err)
{
    cleanup_free char *rendered = NULL;
    size_t length;
    struct renderer r = { .templates = templates, .name = name, .err = err };

    r.out = text_open(&rendered, &length);
    int failed = render_include(&r, name, item);
    text_close(r.out);
    return failed < 0 ? NULL : steal_pointer(&rendered);
}
