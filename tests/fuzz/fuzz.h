/*
 * fuzz.h - what the fuzz targets share. Each target_*.c is a program of its own
 * (libFuzzer, https://llvm.org/docs/LibFuzzer.html) that gives one room of cpi
 * whatever comes to mind. Beside what the sanitizers see, a target aborts when
 * what the room says of hostile input cannot be.
 *
 * An input with several parts has lines "%%" between them. Time stands still
 * but for pauses, and no program is ever run: see fuzz_replies.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "cpi/util.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_PARTS = 12 };

struct fuzz_parts {
    char *part[FUZZ_PARTS]; /* each with a NUL after it; NULL where there is none */
    char *text;             /* owns them */
};

#define cleanup_parts cleanup(fuzz_parts_release)

void fuzz_split(const uint8_t *data, size_t size, struct fuzz_parts *parts);
void fuzz_parts_release(struct fuzz_parts *parts);

/* A directory of our own, which goes when the program ends. Not to be freed. */
const char *fuzz_directory(void);

/* Writes a file there. Returns its path, owned by the caller. */
char *fuzz_file(const char *name, const void *data, size_t size);

/*
 * What the next commands answer, in order: "STATUS stdout", and after a line
 * "%!" stderr. Ended by NULL; those after the last succeed in silence. What
 * they are given must be well-formed XML.
 */
void fuzz_replies(char *const *replies);

/* Ends the program, as a finding, unless the condition holds. */
#define fuzz_must(condition)                            \
    do {                                                \
        if (!(condition))                               \
            fuzz_found(__FILE__, __LINE__, #condition); \
    } while (0)

_Noreturn void fuzz_found(const char *file, int line, const char *condition);

#endif
