#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* cmocka's own would hide ours. */
#undef fail

#include "cpi/json.h"
#include "cpi/nearest.h"

#include <stdlib.h>

static const char *const known[] = { "name", "type", "filter", "bandwidth", "mtu", NULL };

static void a_slip_finds_what_was_meant(void **state)
{
    static const struct {
        const char *word, *meant;
    } rows[] = {
        { "nane", "name" },          { "nam", "name" },
        { "names", "name" },         { "anme", "name" },
        { "fitler", "filter" },      { "filtre", "filter" },
        { "bandwith", "bandwidth" }, { "band_width", "bandwidth" },
        { "name", "name" },          { "mut", "mtu" },
        { "typ", "type" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *found = nearest(rows[i].word, known);
        assert_non_null(found);
        assert_string_equal(found, rows[i].meant);
    }
}

static void what_is_far_from_all_finds_nothing(void **state)
{
    static const char *const words[] = {
        "",
        "x",
        "security_groups",
        "subnet",
        "nnnn",
        "m",
        "a word that is much too long to be compared with anything that a person would ever write",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        assert_null(nearest(words[i], known));
    assert_null(nearest("name", known + ARRAY_SIZE(known) - 1));
}

static void unknown_keys_are_noted_once_each(void **state)
{
    struct log log = { 0 };
    cleanup_json cJSON *object = cJSON_Parse("{\"name\": 1, \"fitler\": 2, \"zzz\": 3}");

    (void)state;
    note_unknown_keys(object, "cloud_properties", known, NULL);
    note_unknown_keys(NULL, "cloud_properties", known, &log);
    assert_null(log.text);
    note_unknown_keys(object, "cloud_properties", known, &log);
    assert_string_equal(log.text, "warning: cloud_properties.fitler is not known: it is ignored "
                                  "(is 'filter' meant?)\n"
                                  "warning: cloud_properties.zzz is not known: it is ignored\n");
    log_release(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slip_finds_what_was_meant),
        cmocka_unit_test(what_is_far_from_all_finds_nothing),
        cmocka_unit_test(unknown_keys_are_noted_once_each),
    };

    return cmocka_run_group_tests_name("nearest", tests, NULL, NULL);
}
