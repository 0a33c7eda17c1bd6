#include "unit.h"

#include "cpi/command.h"
#include "cpi/digest.h"

#include <signal.h>

/* FIPS 180-2's own examples: the digests of "abc". */
static const struct {
    enum digest_kind kind;
    const char *name, *hex;
} rows[] = {
    { DIGEST_SHA1, "SHA1", "a9993e364706816aba3e25717850c26c9cd0d89d" },
    { DIGEST_SHA256, "SHA256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { DIGEST_SHA512, "SHA512",
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
};

static void what_passes_by_and_what_is_in_a_file_have_the_same(void **state)
{
    cleanup_free char *path = xasprintf("%s/file", (char *)*state);
    struct error err = { 0 };
    struct digest digest;
    char hex[DIGEST_SIZE];

    unit_write_text(path, "abc");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        digest_init(&digest, rows[i].kind);
        digest_add(&digest, "a", 1);
        digest_add(&digest, "", 0);
        digest_add(&digest, "bc", 2);
        digest_finish(&digest, hex);
        assert_string_equal(hex, rows[i].hex);
        assert_int_equal(digest_file(path, rows[i].kind, hex, &err), 0);
        assert_string_equal(hex, rows[i].hex);
        assert_string_equal(digest_name(rows[i].kind), rows[i].name);
        assert_true(digest_valid(rows[i].kind, hex));
    }
    assert_null(digest_name(DIGEST_COUNT));
}

static void a_digest_has_its_number_of_hex_digits(void **state)
{
    (void)state;
    assert_true(digest_valid(DIGEST_SHA1, "A9993E364706816ABA3E25717850C26C9CD0D89D"));
    assert_false(digest_valid(DIGEST_SHA1, "A9993E364706816ABA3E25717850C26C9CD0D89"));
    assert_false(digest_valid(DIGEST_SHA1, "A9993E364706816ABA3E25717850C26C9CD0D89G"));
    assert_false(digest_valid(DIGEST_SHA256, "A9993E364706816ABA3E25717850C26C9CD0D89D"));
    assert_false(digest_valid(DIGEST_SHA256, ""));
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
    struct error err = { 0 };
    char hex[DIGEST_SIZE];

    assert_int_equal(digest_file("/nonexistent", DIGEST_SHA256, hex, &err), -1);
    expect_error(&err, ERROR_CLOUD, "cannot read '/nonexistent': No such file or directory");
    assert_int_equal(digest_file(*state, DIGEST_SHA256, hex, &err), -1);
    expect_error(&err, ERROR_CLOUD, *state);
}

static void a_request_to_stop_ends_it(void **state)
{
    cleanup_free char *path = xasprintf("%s/file", (char *)*state);
    struct error err = { 0 };
    char hex[DIGEST_SIZE];

    unit_write_text(path, "abc");
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_int_equal(digest_file(path, DIGEST_SHA256, hex, &err), -1);
    expect_error(&err, ERROR_CLOUD, "asked to end");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(what_passes_by_and_what_is_in_a_file_have_the_same),
        cmocka_unit_test(a_digest_has_its_number_of_hex_digits),
        IN_DIRECTORY(a_file_that_cannot_be_read_is_named),
        IN_DIRECTORY(a_request_to_stop_ends_it),
    };

    command_block_signals();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
