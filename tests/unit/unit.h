/*
 * unit.h - what several unit tests need: a directory of their own, files in it,
 * and a look at errors.
 */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* cmocka's own would hide ours. */
#undef fail

#include "cpi/error.h"
#include "cpi/json.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A test that gets a fresh directory's path as its *state; the directory goes after it. */
#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, unit_enter, unit_leave)

static inline int unit_enter(void **state)
{
    const char *base = getenv("TMPDIR");
    char *path = xasprintf("%s/cpi-unit-XXXXXX", base && *base ? base : "/tmp");

    *state = path;
    return mkdtemp(path) ? 0 : -1;
}

static inline int unit_remove(const char *path, const struct stat *status, int kind,
                              struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static inline int unit_leave(void **state)
{
    int failed = nftw(*state, unit_remove, 16, FTW_DEPTH | FTW_PHYS);

    free(*state);
    return failed;
}

static inline void unit_write(const char *path, const void *data, size_t length, mode_t mode)
{
    FILE *out = fopen(path, "we");

    assert_non_null(out);
    assert_int_equal(fwrite(data, 1, length, out), length);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static inline void unit_write_text(const char *path, const char *text)
{
    unit_write(path, text, strlen(text), 0600);
}

/* An executable /bin/sh script. */
static inline void unit_write_script(const char *path, const char *text)
{
    cleanup_free char *script = xasprintf("#!/bin/sh\n%s", text);

    unit_write(path, script, strlen(script), 0700);
}

/* A whole file, with a NUL after it; owned by the caller. */
static inline char *unit_read(const char *path, size_t *length)
{
    char *data = NULL;
    char block[4096];
    size_t got, size = 0;
    FILE *in = fopen(path, "re");

    assert_non_null(in);
    FILE *out = text_open(&data, &size);
    while ((got = fread(block, 1, sizeof(block), in)) > 0)
        fwrite(block, 1, got, out);
    fclose(in);
    text_close(out);
    if (length)
        *length = size;
    return data;
}

static inline bool unit_exists(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0;
}

static inline mode_t unit_mode(const char *path)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 07777;
}

#define expect_file(path, text)                                \
    do {                                                       \
        cleanup_free char *content_ = unit_read((path), NULL); \
        assert_string_equal(content_, (text));                 \
    } while (0)

static inline void unit_expect_part(const char *text, const char *part, const char *file, int line)
{
    if (text && strstr(text, part))
        return;
    print_error("\"%s\" is not in \"%s\"\n", part, text ? text : "(null)");
    _fail(file, line);
}

static inline void unit_expect_absent(const char *text, const char *part, const char *file,
                                      int line)
{
    if (text && !strstr(text, part))
        return;
    print_error("\"%s\" is in \"%s\"\n", part, text ? text : "(null)");
    _fail(file, line);
}

#define expect_part(text, part) unit_expect_part((text), (part), __FILE__, __LINE__)
#define expect_absent(text, part) unit_expect_absent((text), (part), __FILE__, __LINE__)

static inline void unit_expect_error(struct error *err, enum error_type type, const char *part,
                                     const char *file, int line)
{
    if (err->type != type) {
        print_error("the error is %d, not %d: %s\n", err->type, type,
                    err->message ? err->message : "(no message)");
        _fail(file, line);
    }
    unit_expect_part(err->message, part, file, line);
    error_release(err);
}

/* The error has this type, and this in its message; it is released. */
#define expect_error(err, type, part) unit_expect_error((err), (type), (part), __FILE__, __LINE__)

static inline void unit_expect_no_error(const struct error *err, const char *file, int line)
{
    if (err->type == ERROR_NONE && !err->message)
        return;
    print_error("an error was set: %s\n", err->message ? err->message : "(no message)");
    _fail(file, line);
}

#define expect_no_error(err) unit_expect_no_error((err), __FILE__, __LINE__)

/* A JSON text of the test as a value; owned by the caller. */
static inline cJSON *unit_json(const char *text)
{
    cJSON *value = cJSON_Parse(text);

    if (!value)
        print_error("the test's own JSON is wrong: %s\n", text);
    assert_non_null(value);
    return value;
}

#endif
