#include "unit.h"

#include "cpi/gunzip.h"

#include <fcntl.h>

/* "hello\n" as gzip(1) writes it. */
#define HELLO                                                                                      \
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\xe7\x02\x00\x20\x30\x3a\x36\x06" \
    "\x00\x00\x00"

enum { HELLO_LENGTH = sizeof(HELLO) - 1 };

/* Reads it all; *why is what was wrong, NULL for nothing. Owned by the caller. */
static char *read_all(void **state, const char *data, size_t length, const char **why)
{
    cleanup_free char *path = xasprintf("%s/file", (char *)*state);
    struct gunzip gunzip;
    const void *block;
    char *text = NULL;
    size_t size;
    ssize_t got;

    unit_write(path, data, length, 0600);
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    FILE *out = text_open(&text, &size);
    gunzip_init(&gunzip, fd);
    while ((got = gunzip_read(&gunzip, &block)) > 0)
        fwrite(block, 1, (size_t)got, out);
    *why = got < 0 ? gunzip.why : NULL;
    text_close(out);
    char hex[DIGEST_SIZE], whole[DIGEST_SIZE];
    struct error err = { 0 };
    digest_finish(&gunzip.digest, hex);
    assert_int_equal(digest_file(path, DIGEST_SHA256, whole, &err), 0);
    if (got == 0)
        assert_string_equal(hex, whole);
    gunzip_release(&gunzip);
    return text;
}

static void expect_text(void **state, const char *data, size_t length, const char *expected)
{
    const char *why;
    cleanup_free char *text = read_all(state, data, length, &why);

    assert_null(why);
    assert_string_equal(text, expected);
}

static void expect_broken(void **state, const char *data, size_t length, const char *part)
{
    const char *why;
    cleanup_free char *text = read_all(state, data, length, &why);

    assert_non_null(why);
    assert_non_null(strstr(why, part));
}

static void gzip_and_plain_are_read(void **state)
{
    expect_text(state, HELLO, HELLO_LENGTH, "hello\n");
    expect_text(state, HELLO HELLO, 2 * (size_t)HELLO_LENGTH, "hello\nhello\n");
    expect_text(state, "plain", 5, "plain");
    expect_text(state, "\x1f", 1, "\x1f");
    expect_text(state, "", 0, "");
}

static void what_stands_behind_is_passed_over(void **state)
{
    expect_text(state, HELLO "x", (size_t)HELLO_LENGTH + 1, "hello\n");
    expect_text(state, HELLO "trailing", (size_t)HELLO_LENGTH + 8, "hello\n");
    expect_text(state, HELLO "\0\0\0\0", (size_t)HELLO_LENGTH + 4, "hello\n");
}

static void every_cut_is_found(void **state)
{
    for (size_t length = 2; length < HELLO_LENGTH; length++)
        expect_broken(state, HELLO, length, "ends too early");
}

static void damage_is_found(void **state)
{
    char data[] = HELLO;

    /* In the data, the checksum and the length. */
    static const size_t places[] = { 11, 18, 23 };
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        data[places[i]] ^= 1;
        expect_broken(state, data, HELLO_LENGTH, "");
        data[places[i]] ^= 1;
    }
    expect_broken(state, "\x1f\x8b no gzip", 10, "");
}

static void more_than_a_block_is_read(void **state)
{
    const size_t length = 3 << 20;
    cleanup_free char *data = xcalloc(1, length + 1);

    memset(data, 'a', length);
    expect_text(state, data, length, data);
}

/* Compresses into memory with gzip(1). */
static char *gzip(void **state, const char *data, size_t length, size_t *compressed)
{
    cleanup_free char *from = xasprintf("%s/from", (char *)*state);
    cleanup_free char *line = xasprintf("gzip -c '%s'", from);
    char *text = NULL;

    unit_write(from, data, length, 0600);
    FILE *pipe = popen(line, "r"), *out = text_open(&text, compressed);
    assert_non_null(pipe);
    for (int c; (c = getc(pipe)) != EOF;)
        putc(c, out);
    assert_int_equal(pclose(pipe), 0);
    text_close(out);
    return text;
}

/* Data of every length around a block, that compresses well and badly. */
static void what_gzip_wrote_is_read(void **state)
{
    static const size_t lengths[] = { 1, 100, 65535, 262143, 262144, 262145, 1000003, 3 << 20 };

    for (size_t i = 0; i < 2 * ARRAY_SIZE(lengths); i++) {
        const size_t length = lengths[i / 2];
        cleanup_free char *data = xcalloc(1, length + 1);
        unsigned random = (unsigned)i;
        size_t compressed;
        for (size_t j = 0; j < length; j++) {
            random = random * 1664525u + 1013904223u;
            data[j] = (char)('a' + (i % 2 ? random >> 24 : j / 1000) % 26);
        }
        cleanup_free char *text = gzip(state, data, length, &compressed);
        expect_text(state, text, compressed, data);
    }
}

/* Members end anywhere in a block of the file, also on its border. */
static void many_members_are_one(void **state)
{
    enum { COUNT = 40000 };
    const size_t length = (size_t)COUNT * HELLO_LENGTH;
    cleanup_free char *data = xcalloc(1, length + 1), *expected = xcalloc(COUNT, 6 + 1);

    for (size_t i = 0; i < COUNT; i++) {
        memcpy(data + i * HELLO_LENGTH, HELLO, HELLO_LENGTH);
        memcpy(expected + i * 6, "hello\n", 6);
    }
    expect_text(state, data, length, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(gzip_and_plain_are_read),   IN_DIRECTORY(what_stands_behind_is_passed_over),
        IN_DIRECTORY(every_cut_is_found),        IN_DIRECTORY(damage_is_found),
        IN_DIRECTORY(more_than_a_block_is_read), IN_DIRECTORY(many_members_are_one),
        IN_DIRECTORY(what_gzip_wrote_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
