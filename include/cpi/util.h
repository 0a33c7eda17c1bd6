/*
 * util.h - the few things that every file uses: cleanup attributes, ownership
 * hand-over and allocation that cannot fail.
 *
 * A variable declared with one of the cleanup_* attributes releases what it
 * owns when it goes out of scope; initialise it at its declaration. To hand the
 * thing on, return steal_pointer(&variable).
 */
#ifndef CPI_UTIL_H
#define CPI_UTIL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define cleanup(function) __attribute__((cleanup(function)))
#define cleanup_free cleanup(util_freep)
#define cleanup_fd cleanup(util_closep)
#define cleanup_strings cleanup(util_free_stringsp)
#define printf_like(string, first) __attribute__((format(printf, string, first)))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* The pointer's value; the variable itself is NULL afterwards. */
#define steal_pointer(pp)            \
    __extension__({                  \
        __auto_type stolen_ = *(pp); \
        *(pp) = NULL;                \
        stolen_;                     \
    })

/* Out of memory ends the process: a one-shot program has nothing better to do. */
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t length);
char *xasprintf(const char *format, ...) printf_like(1, 2);
char *xvasprintf(const char *format, va_list arguments) printf_like(1, 0);

/* A stdio stream that writes to memory; close it with text_close before reading *text. */
FILE *text_open(char **text, size_t *length);
void text_close(FILE *stream);

/* A list of strings ended by NULL; strings_add grows it and keeps a copy of text. */
void strings_add(char ***list, const char *text);
size_t strings_count(char *const *list);
bool strings_contain(char *const *list, const char *text);

bool starts_with(const char *text, const char *prefix);
bool ends_with(const char *text, const char *suffix);

/* Splits text in place into its non-empty lines; the returned array (owned by the caller, the
 * lines are part of text) ends with NULL. */
char **split_lines(char *text);

/* Copies of the lines without the blanks at their ends, none empty. Owned by the caller. */
char **trimmed_lines(char *text);

/* What a command said on stderr: its lines without the prefix, each thing once, joined by "; ", the
 * first ONE_LINE_LIMIT of them. Owned by the caller. */
enum { ONE_LINE_LIMIT = 12 };
char *one_line(const char *text, const char *prefix);

/* Milliseconds of the monotonic clock. */
long long clock_ms(void);
void pause_ms(long milliseconds);

void util_freep(void *pointer_to_pointer);
void util_closep(const int *fd);
void util_free_stringsp(char ***list);

#endif
