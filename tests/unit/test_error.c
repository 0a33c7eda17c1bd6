#include "unit.h"

static void fail_sets_type_and_message_and_returns_minus_one(void **state)
{
    struct error err = { 0 };

    (void)state;
    assert_int_equal(fail(&err, ERROR_VM_NOT_FOUND, "there is no VM '%s'", "vm-1"), -1);
    assert_int_equal(err.type, ERROR_VM_NOT_FOUND);
    assert_string_equal(err.message, "there is no VM 'vm-1'");
    assert_false(err.ok_to_retry);
    error_release(&err);
}

static void a_second_failure_replaces_the_first_whole(void **state)
{
    struct error err = { 0 };

    (void)state;
    fail(&err, ERROR_CLOUD, "first");
    error_retriable(&err);
    fail(&err, ERROR_CPI, "second");
    assert_int_equal(err.type, ERROR_CPI);
    assert_string_equal(err.message, "second");
    assert_false(err.ok_to_retry);
    error_release(&err);
}

static void a_failure_can_quote_the_message_that_it_replaces(void **state)
{
    struct error err = { 0 };

    (void)state;
    fail(&err, ERROR_CLOUD, "first");
    fail(&err, ERROR_CPI, "after %s", err.message);
    assert_string_equal(err.message, "after first");
    error_release(&err);
}

static void wrap_puts_context_before_the_message(void **state)
{
    struct error err = { 0 };

    (void)state;
    fail(&err, ERROR_DISK_NOT_FOUND, "no disk");
    assert_int_equal(error_wrap(&err, "attach_disk: VM '%s'", "vm-1"), -1);
    assert_string_equal(err.message, "attach_disk: VM 'vm-1': no disk");
    error_release(&err);
}

static void wrap_keeps_type_and_retry(void **state)
{
    struct error err = { 0 };

    (void)state;
    fail(&err, ERROR_NO_DISK_SPACE, "full");
    error_retriable(&err);
    error_wrap(&err, "create_disk");
    assert_int_equal(err.type, ERROR_NO_DISK_SPACE);
    assert_true(err.ok_to_retry);
    error_release(&err);
}

static void wrap_of_no_message_says_so(void **state)
{
    struct error err = { 0 };

    (void)state;
    error_wrap(&err, "here");
    assert_string_equal(err.message, "here: unknown failure");
    error_release(&err);
}

static void retriable_marks_and_returns_minus_one(void **state)
{
    struct error err = { 0 };

    (void)state;
    fail(&err, ERROR_CLOUD, "busy");
    assert_int_equal(error_retriable(&err), -1);
    assert_true(err.ok_to_retry);
    error_release(&err);
}

static void release_leaves_an_unset_error(void **state)
{
    struct error err = { 0 };

    (void)state;
    fail(&err, ERROR_CLOUD, "x");
    error_retriable(&err);
    error_release(&err);
    assert_int_equal(err.type, ERROR_NONE);
    assert_null(err.message);
    assert_false(err.ok_to_retry);
}

static void success_leaves_the_error_untouched(void **state)
{
    static const uint64_t range[] = { 1, 10 };
    struct error err = { .type = ERROR_NOT_SUPPORTED, .ok_to_retry = true };
    char *const message = xstrdup("kept");
    uint64_t number;

    (void)state;
    err.message = message;
    cleanup_json cJSON *value = json_parse("7", 1, "x", &err);
    assert_non_null(value);
    assert_int_equal(json_whole(value, "x", range, &number, &err), 0);
    assert_int_equal(err.type, ERROR_NOT_SUPPORTED);
    assert_true(err.ok_to_retry);
    assert_ptr_equal(err.message, message);
    error_release(&err);
}

/* What the Director does not know becomes an UnknownError there (contract section 1.3). */
static void type_names_are_the_ten_that_the_director_knows(void **state)
{
    static const char *const names[] = {
        [ERROR_CPI] = "Bosh::Clouds::CpiError",
        [ERROR_CLOUD] = "Bosh::Clouds::CloudError",
        [ERROR_NOT_SUPPORTED] = "Bosh::Clouds::NotSupported",
        [ERROR_NOT_IMPLEMENTED] = "Bosh::Clouds::NotImplemented",
        [ERROR_VM_NOT_FOUND] = "Bosh::Clouds::VMNotFound",
        [ERROR_NETWORK_NOT_FOUND] = "Bosh::Clouds::NetworkNotFound",
        [ERROR_NO_DISK_SPACE] = "Bosh::Clouds::NoDiskSpace",
        [ERROR_DISK_NOT_ATTACHED] = "Bosh::Clouds::DiskNotAttached",
        [ERROR_DISK_NOT_FOUND] = "Bosh::Clouds::DiskNotFound",
        [ERROR_VM_CREATION_FAILED] = "Bosh::Clouds::VMCreationFailed",
    };

    (void)state;
    assert_int_equal(ARRAY_SIZE(names), 11);
    for (size_t type = 1; type < ARRAY_SIZE(names); type++)
        assert_string_equal(error_type_name((enum error_type)type), names[type]);
}

static void an_unset_type_has_a_known_name_too(void **state)
{
    (void)state;
    assert_string_equal(error_type_name(ERROR_NONE), "Bosh::Clouds::CpiError");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fail_sets_type_and_message_and_returns_minus_one),
        cmocka_unit_test(a_second_failure_replaces_the_first_whole),
        cmocka_unit_test(a_failure_can_quote_the_message_that_it_replaces),
        cmocka_unit_test(wrap_puts_context_before_the_message),
        cmocka_unit_test(wrap_keeps_type_and_retry),
        cmocka_unit_test(wrap_of_no_message_says_so),
        cmocka_unit_test(retriable_marks_and_returns_minus_one),
        cmocka_unit_test(release_leaves_an_unset_error),
        cmocka_unit_test(success_leaves_the_error_untouched),
        cmocka_unit_test(type_names_are_the_ten_that_the_director_knows),
        cmocka_unit_test(an_unset_type_has_a_known_name_too),
    };

    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
