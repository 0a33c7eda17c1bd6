#include "cpi/util.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void *check(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

void *xcalloc(size_t count, size_t size)
{
    return check(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *old, size_t size)
{
    return check(realloc(old, size ? size : 1));
}

char *xstrdup(const char *text)
{
    return check(strdup(text));
}

char *xstrndup(const char *text, size_t length)
{
    return check(strndup(text, length));
}

char *xvasprintf(const char *format, va_list arguments)
{
    char *text = NULL;

    if (vasprintf(&text, format, arguments) < 0)
        abort();
    return text;
}

char *xasprintf(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    char *text = xvasprintf(format, arguments);
    va_end(arguments);
    return text;
}

FILE *text_open(char **text, size_t *length)
{
    return check(open_memstream(text, length));
}

void text_close(FILE *stream)
{
    if (fclose(stream) != 0)
        abort();
}

size_t strings_count(char *const *list)
{
    size_t count = 0;

    while (list && list[count])
        count++;
    return count;
}

void strings_add(char ***list, const char *text)
{
    size_t count = strings_count(*list);

    *list = xrealloc(*list, (count + 2) * sizeof(**list));
    (*list)[count] = xstrdup(text);
    (*list)[count + 1] = NULL;
}

bool strings_contain(char *const *list, const char *text)
{
    for (; list && *list; list++)
        if (strcmp(*list, text) == 0)
            return true;
    return false;
}

bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);

    return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

char **split_lines(char *text)
{
    size_t room = 2;

    for (const char *c = text; *c; c++)
        room += *c == '\n';
    char **lines = xcalloc(room, sizeof(*lines)), **next = lines;
    char *state = NULL;
    for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state))
        *next++ = line;
    return lines;
}

char *one_line(const char *text, const char *prefix)
{
    cleanup_free char *copy = xstrdup(text);
    cleanup_free char **lines = split_lines(copy);
    cleanup_strings char **seen = NULL;
    char *joined = NULL;
    size_t length;
    FILE *out = text_open(&joined, &length);

    for (char **line = lines; *line && strings_count(seen) < ONE_LINE_LIMIT; line++) {
        const char *said = *line + (starts_with(*line, prefix) ? strlen(prefix) : 0);
        if (strings_contain(seen, said) || !*said)
            continue;
        fprintf(out, "%s%s", seen ? "; " : "", said);
        strings_add(&seen, said);
    }
    text_close(out);
    return joined;
}

long long clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

void pause_ms(long milliseconds)
{
    struct timespec span = { milliseconds / 1000, milliseconds % 1000 * 1000000L };

    nanosleep(&span, NULL);
}

void util_freep(void *pointer_to_pointer)
{
    free(*(void **)pointer_to_pointer);
}

void util_closep(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

void util_free_stringsp(char ***list)
{
    for (char **item = *list; item && *item; item++)
        free(*item);
    free(*list);
}

char **trimmed_lines(char *text)
{
    char **lines = split_lines(text), **kept = lines;

    for (char **line = lines; *line; line++) {
        size_t length = strlen(*line);
        while (length > 0 && (*line)[length - 1] == ' ')
            length--;
        if (length)
            *kept++ = xstrndup(*line, length);
    }
    *kept = NULL;
    return lines;
}
