#include "fuzz.h"

#include "cpi/command.h"

#include <expat.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *directory;
static char *const *replies;
static long long now_ms;

int __wrap_command_run(const struct command *command, const struct log *log,
                       struct outcome *outcome, struct error *err);
long long __wrap_clock_ms(void);
void __wrap_pause_ms(long milliseconds);

_Noreturn void fuzz_found(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: this must hold: %s\n", file, line, condition);
    abort();
}

/* The separator is a whole line. */
static char *cut(char *text, const char *separator)
{
    size_t length = strlen(separator);

    for (char *found = text; (found = strstr(found, separator)); found += length) {
        bool begins = found == text || found[-1] == '\n';
        if (!begins || found[length] != '\n')
            continue;
        *found = '\0';
        return found + length + 1;
    }
    return NULL;
}

void fuzz_split(const uint8_t *data, size_t size, struct fuzz_parts *parts)
{
    *parts = (struct fuzz_parts){ .text = xcalloc(size + 1, 1) };
    if (size)
        memcpy(parts->text, data, size);
    char *rest = parts->text;
    for (int i = 0; rest && i + 1 < FUZZ_PARTS; i++) {
        parts->part[i] = rest;
        rest = cut(rest, "%%");
    }
}

void fuzz_parts_release(struct fuzz_parts *parts)
{
    free(parts->text);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void remove_directory(void)
{
    nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(directory);
}

const char *fuzz_directory(void)
{
    if (directory)
        return directory;
    directory =
        xasprintf("%s/cpi-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    fuzz_must(mkdtemp(directory));
    atexit(remove_directory);
    return directory;
}

char *fuzz_file(const char *name, const void *data, size_t size)
{
    char *path = xasprintf("%s/%s", fuzz_directory(), name);
    cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    fuzz_must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    return path;
}

void fuzz_replies(char *const *list)
{
    replies = list;
}

static void check_xml(const char *text, size_t length)
{
    XML_Parser parser = XML_ParserCreate("UTF-8");

    fuzz_must(XML_Parse(parser, text, (int)length, 1) == XML_STATUS_OK);
    XML_ParserFree(parser);
}

static void read_source(const struct command_source *source)
{
    cleanup_error struct error err = { 0 };
    const char *block;

    while (source->read(source->state, &block, &err) > 0)
        ;
}

int __wrap_command_run(const struct command *command, const struct log *log,
                       struct outcome *outcome, struct error *err)
{
    (void)log;
    (void)err;
    char *reply = replies && *replies ? xstrdup(*replies++) : xstrdup("0");
    char *complaint = cut(reply, "%!");

    if (command->input)
        check_xml(command->input, command->input_length);
    if (command->source)
        read_source(command->source);
    outcome->status = *reply ? (*reply - '0') & 0xff : 0;
    outcome->out = xstrdup(*reply ? reply + 1 : "");
    outcome->err = xstrdup(complaint ? complaint : "");
    free(reply);
    return 0;
}

long long __wrap_clock_ms(void)
{
    return now_ms;
}

void __wrap_pause_ms(long milliseconds)
{
    now_ms += milliseconds > 0 ? milliseconds : 1;
}
