#include "unit.h"

#include "cpi/id.h"

static const char lower[] = "abcdefghijklmnopqrstuvwxyz";
static const char digits_and_lower[] = "0123456789abcdefghijklmnopqrstuvwxyz";

static void new_id_is_prefix_dash_uuid(void **state)
{
    char id[ID_SIZE];

    (void)state;
    id_new(id, "vm");
    assert_int_equal(strlen(id), 3 + 36);
    assert_memory_equal(id, "vm-", 3);
    for (size_t i = 0; i < 36; i++)
        if (i == 8 || i == 13 || i == 18 || i == 23)
            assert_int_equal(id[3 + i], '-');
        else
            assert_non_null(strchr("0123456789abcdef", id[3 + i]));
    assert_true(id_valid(id));
}

static void new_ids_differ(void **state)
{
    char a[ID_SIZE], b[ID_SIZE];

    (void)state;
    id_new(a, "vm");
    id_new(b, "vm");
    assert_string_not_equal(a, b);
}

/* virtio-blk cuts serials at 20 bytes, and the agent wants at least 20. */
static void a_serial_is_20_lower_case_letters_and_digits(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        char id[ID_SIZE];
        id_new_serial(id);
        assert_int_equal(strlen(id), 20);
        assert_int_equal(strspn(id, digits_and_lower), 20);
        assert_non_null(strchr(lower, id[0]));
        assert_true(id_valid(id));
    }
}

static void a_serial_uses_every_character_everywhere(void **state)
{
    char seen[20][256] = { 0 };

    (void)state;
    for (int i = 0; i < 5000; i++) {
        char id[ID_SIZE];
        id_new_serial(id);
        for (int j = 0; j < 20; j++)
            seen[j][(unsigned char)id[j]] = 1;
    }
    for (int j = 0; j < 20; j++)
        for (const char *c = j ? digits_and_lower : lower; *c; c++)
            assert_true(seen[j][(unsigned char)*c]);
}

static void serials_differ(void **state)
{
    char a[ID_SIZE], b[ID_SIZE];

    (void)state;
    id_new_serial(a);
    id_new_serial(b);
    assert_string_not_equal(a, b);
}

static void valid_ids_are_accepted(void **state)
{
    static const char *const ids[] = { "a", "Z", "vm-1", "A.b_c-9", "a--..__", "sc-" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
        assert_true(id_valid(ids[i]));
}

static void what_is_no_safe_name_is_refused(void **state)
{
    static const char *const ids[] = {
        "",    "1a",   "-a",   ".a",   "_a",  "..",  "a/b", "../a",      "a b",      "a\n",
        "a\t", "a:b",  "a'b",  "a\"b", "a$b", "a;b", "a*",  "a\xc3\xa9", "\xc3\xa9", "a\x7f",
        "a@b", "a\\b", "a<b>", "a&b",  "[a",  "`a`", "{a",  "@",         "a\x01",    "/",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
        assert_false(id_valid(ids[i]));
}

static void an_id_has_at_most_128_characters(void **state)
{
    char id[130];

    (void)state;
    memset(id, 'a', sizeof(id));
    id[128] = '\0';
    assert_true(id_valid(id));
    id[128] = 'a';
    id[129] = '\0';
    assert_false(id_valid(id));
}

static void the_uuid_is_what_follows_the_prefix(void **state)
{
    static const char id[] = "vm-123e4567-e89b-42d3-a456-426614174000";

    (void)state;
    assert_ptr_equal(id_uuid(id), id + 3);
}

static void an_id_of_our_own_has_a_uuid(void **state)
{
    char id[ID_SIZE];

    (void)state;
    id_new(id, "sc");
    assert_ptr_equal(id_uuid(id), id + 3);
}

static void what_holds_no_uuid_has_none(void **state)
{
    (void)state;
    assert_null(id_uuid("vm-1"));
    assert_null(id_uuid("vm-"));
    assert_null(id_uuid("vm"));
    assert_null(id_uuid(""));
    assert_null(id_uuid("vm-123e4567-e89b-42d3-a456-4266141740001"));
    assert_null(id_uuid("vm-123e4567-e89b-42d3-a456-42661417400g"));
    assert_null(id_uuid("123e4567-e89b-42d3-a456-426614174000"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_id_is_prefix_dash_uuid),
        cmocka_unit_test(new_ids_differ),
        cmocka_unit_test(a_serial_is_20_lower_case_letters_and_digits),
        cmocka_unit_test(a_serial_uses_every_character_everywhere),
        cmocka_unit_test(serials_differ),
        cmocka_unit_test(valid_ids_are_accepted),
        cmocka_unit_test(what_is_no_safe_name_is_refused),
        cmocka_unit_test(an_id_has_at_most_128_characters),
        cmocka_unit_test(the_uuid_is_what_follows_the_prefix),
        cmocka_unit_test(an_id_of_our_own_has_a_uuid),
        cmocka_unit_test(what_holds_no_uuid_has_none),
    };

    return cmocka_run_group_tests_name("id", tests, NULL, NULL);
}
