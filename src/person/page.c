#include "cpi/page.h"

#include "cpi/json.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct page page_on(FILE *stream)
{
    const char *refused = getenv("NO_COLOR"), *kind = getenv("TERM");
    struct page page = { .out = stream, .terminal = isatty(fileno(stream)) };

    page.colours = page.terminal && !(refused && *refused) && !(kind && strcmp(kind, "dumb") == 0);
    return page;
}

void page_print(const struct page *page, enum ink ink, const char *format, ...)
{
    static const char *const codes[] = {
        [INK_PLAIN] = "",       [INK_BOLD] = "\033[1m",    [INK_DIM] = "\033[2m",
        [INK_RED] = "\033[31m", [INK_YELLOW] = "\033[33m", [INK_GREEN] = "\033[32m",
    };
    const bool painted = page->colours && ink != INK_PLAIN;
    va_list arguments;

    va_start(arguments, format);
    cleanup_free char *text = xvasprintf(format, arguments);
    va_end(arguments);
    fputs(painted ? codes[ink] : "", page->out);
    page_print_safely(page, text);
    fputs(painted ? "\033[0m" : "", page->out);
}

/* How many bytes of a character are here that controls a terminal: one of ASCII, or U+0080 to
 * U+009F, of which some are short for an escape sequence. 0: it is another. */
static size_t controlling(const char *text)
{
    const unsigned char c = (unsigned char)text[0], next = c ? (unsigned char)text[1] : 0;

    if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
        return 1;
    return c == 0xc2 && next >= 0x80 && next < 0xa0 ? 2 : 0;
}

void page_print_safely(const struct page *page, const char *text)
{
    while (*text) {
        const size_t skipped = page->terminal ? controlling(text) : 0;
        if (skipped == 0)
            fputc(*text, page->out);
        text += skipped ? skipped : 1;
    }
}

/* Owned by the caller. */
static char *cell(const cJSON *row, const char *key)
{
    const cJSON *value = json_get(row, key), *item;
    char *text = NULL;
    size_t length;

    if (cJSON_IsString(value))
        return xstrdup(value->valuestring);
    if (!value || cJSON_IsFalse(value))
        return xstrdup("");
    if (cJSON_IsTrue(value))
        return xstrdup("yes");
    if (!cJSON_IsArray(value))
        return json_print(value);
    FILE *out = text_open(&text, &length);
    cJSON_ArrayForEach (item, value)
        fprintf(out, "%s%s", item == value->child ? "" : ", ",
                cJSON_IsString(item) ? item->valuestring : "");
    text_close(out);
    return text;
}

/* Characters, not bytes. */
static int width_of(const char *text)
{
    int width = 0;

    for (; *text; text++)
        width += (*text & 0xc0) != 0x80;
    return width;
}

static int column_width(const struct column *column, const cJSON *rows)
{
    int width = width_of(column->heading);
    const cJSON *row;

    cJSON_ArrayForEach (row, rows) {
        cleanup_free char *text = cell(row, column->key);
        if (width_of(text) > width)
            width = width_of(text);
    }
    return width;
}

/* NULL instead of a row: the headings. */
static void print_row(const struct page *page, const struct column *columns, const int *widths,
                      const cJSON *row)
{
    int blanks = 0;

    for (int i = 0; columns[i].key; i++) {
        cleanup_free char *text = row ? cell(row, columns[i].key) : xstrdup(columns[i].heading);
        if (*text)
            page_print(page, row ? INK_PLAIN : INK_BOLD, "%*s%s", blanks, "", text);
        /* Owed until there is something to the right. */
        blanks = (*text ? 0 : blanks) + widths[i] - width_of(text) + 2;
    }
    fputc('\n', page->out);
}

void page_table(const struct page *page, const struct column *columns, const cJSON *rows)
{
    int widths[16];
    const cJSON *row;

    if (cJSON_GetArraySize(rows) == 0)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(widths) && columns[i].key; i++)
        widths[i] = column_width(&columns[i], rows);
    print_row(page, columns, widths, NULL);
    cJSON_ArrayForEach (row, rows)
        print_row(page, columns, widths, row);
}

void page_json(const struct page *page, const cJSON *value)
{
    cleanup_free char *text = cJSON_Print(value);

    if (!text)
        abort();
    /* cJSON indents with tabs, and puts one after a colon; those of a string are escaped. */
    for (const char *c = text; *c; c++)
        if (*c == '\t')
            fputs(c > text && c[-1] == ':' ? " " : "  ", page->out);
        else
            fputc(*c, page->out);
    fputc('\n', page->out);
}

void page_error(const struct page *page, const char *message, const char *type, bool ok_to_retry)
{
    page_print(page, INK_RED, "error:");
    page_print(page, INK_PLAIN, " %s\n", message);
    if (type)
        page_print(page, INK_DIM, "  %s%s\n", type, ok_to_retry ? ", worth a retry" : "");
}
