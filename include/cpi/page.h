/*
 * page.h - what a person reads: text on stdout, colours on a terminal only.
 */
#ifndef CPI_PAGE_H
#define CPI_PAGE_H

#include "cpi/error.h"

#include <cjson/cJSON.h>

enum ink { INK_PLAIN, INK_BOLD, INK_DIM, INK_RED, INK_YELLOW, INK_GREEN };

struct page {
    FILE *out;
    bool terminal; /* is 'out' one? */
    bool colours;  /* a terminal, and NO_COLOR (https://no-color.org) is not set */
};

/* The stream as a page. */
struct page page_on(FILE *stream);

void page_print(const struct page *page, enum ink ink, const char *format, ...) printf_like(3, 4);

/* Pages are read on terminals: prints text of a stranger without what would control one. */
void page_print_safely(const struct page *page, const char *text);

struct column {
    const char *heading;
    const char *key; /* of the row's member: a string, a number, true or an array of strings */
};

/* A table of an array of objects; 'columns' ends with a row without a key. Nothing is printed of an
 * empty one. */
void page_table(const struct page *page, const struct column *columns, const cJSON *rows);

/* JSON as a person reads it, with a newline. */
void page_json(const struct page *page, const cJSON *value);

/* The error, and whether it is worth a retry; 'page' is that of stderr. */
void page_error(const struct page *page, const char *message, const char *type, bool ok_to_retry);

#endif
