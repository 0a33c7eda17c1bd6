#include "unit.h"

#include "cpi/config.h"

#include <libgen.h>

/* One reading of a configuration and what it left. */
struct reading {
    struct config config;
    struct log log;
    struct error err;
    int result;
};

static void release(struct reading *r)
{
    config_release(&r->config);
    log_release(&r->log);
    error_release(&r->err);
}

#define cleanup_reading cleanup(release)

static char *put_file(const char *dir, const char *name, const char *text)
{
    char *path = xasprintf("%s/%s", dir, name);

    unit_write_text(path, text);
    return path;
}

static struct reading load(const char *path)
{
    struct reading r = { 0 };

    r.result = config_load(&r.config, path, NULL, &r.log, &r.err);
    return r;
}

static void a_file_may_hold_comments(void **state)
{
    cleanup_free char *path = put_file(*state, "c.json",
                                       "// the store\n{ \"store_dir\": \"/s\", /* and\n more */\n"
                                       "\"storage_controller\": \"sata\", // http://x\n"
                                       "\"agent\": { \"mbus\": \"https://a:b@c:6868\" } }\n");
    cleanup_reading struct reading r = load(path);

    assert_int_equal(r.result, 0);
    assert_string_equal(json_string(r.config.agent, "mbus"), "https://a:b@c:6868");
}

static void a_broken_file_is_named_with_its_line_but_not_shown(void **state)
{
    cleanup_free char *path =
        put_file(*state, "c.json", "{\n\"agent\": {\"mbus\": \"hunter2\"\n,, }");
    cleanup_reading struct reading r = load(path);

    assert_int_equal(r.result, -1);
    assert_int_equal(r.err.type, ERROR_CPI);
    expect_part(r.err.message, path);
    expect_part(r.err.message, "is not valid JSON (line 3)");
    expect_absent(r.err.message, "hunter2");
}

static void an_unusable_file_is_named(void **state)
{
    cleanup_free char *path =
        put_file(*state, "c.json", "{\"agent\":{\"mbus\":\"hunter2\",\"ntp\":5}}");
    cleanup_reading struct reading r = load(path);

    assert_int_equal(r.result, -1);
    expect_part(r.err.message, path);
    expect_part(r.err.message, ": the configuration is not usable: 'store_dir' is required");
    expect_absent(r.err.message, "hunter2");
}

static void a_file_must_hold_an_object(void **state)
{
    cleanup_free char *path = put_file(*state, "c.json", "[]");
    cleanup_reading struct reading r = load(path);

    assert_int_equal(r.result, -1);
    expect_error(&r.err, ERROR_CPI, "must hold a JSON object");
}

static void an_empty_file_is_refused(void **state)
{
    cleanup_free char *path = put_file(*state, "c.json", "");
    cleanup_reading struct reading r = load(path);

    assert_int_equal(r.result, -1);
    expect_error(&r.err, ERROR_CPI, "is not valid JSON");
}

static void a_file_that_is_not_there_is_named(void **state)
{
    cleanup_free char *path = xasprintf("%s/nowhere.json", (char *)*state);
    cleanup_free char *part = xasprintf("there is no config file '%s'", path);
    cleanup_reading struct reading r = load(path);

    assert_int_equal(r.result, -1);
    expect_error(&r.err, ERROR_CPI, part);
}

static void a_file_that_cannot_be_read_is_a_config_error(void **state)
{
    cleanup_reading struct reading r = load(*state);

    assert_int_equal(r.result, -1);
    expect_error(&r.err, ERROR_CPI, *state);
}

/* A config whose store_dir tells which file it is. */
static char *put_marked(const char *dir, const char *name, const char *mark)
{
    cleanup_free char *text = xasprintf("{\"store_dir\":\"/%s\",\"storage_controller\":\"SATA\","
                                        "\"agent\":{\"mbus\":\"m\"}}",
                                        mark);

    return put_file(dir, name, text);
}

/* Makes <dir>/libvirt_cpi/config/cpi.json and points $BOSH_JOBS_DIR at it. */
static void put_job(const char *dir)
{
    cleanup_free char *job = xasprintf("%s/libvirt_cpi", dir);
    cleanup_free char *config = xasprintf("%s/config", job);

    assert_int_equal(mkdir(job, 0700), 0);
    assert_int_equal(mkdir(config, 0700), 0);
    free(put_marked(config, "cpi.json", "job"));
    assert_int_equal(setenv("BOSH_JOBS_DIR", dir, 1), 0);
}

static void the_file_that_is_named_comes_first(void **state)
{
    cleanup_free char *option = put_marked(*state, "o.json", "option");
    cleanup_free char *named = put_marked(*state, "n.json", "named");

    put_job(*state);
    assert_int_equal(setenv("CPI_CONFIG", named, 1), 0);
    cleanup_reading struct reading r = load(option);
    assert_int_equal(r.result, 0);
    assert_string_equal(r.config.store_dir, "/option");
}

static void cpi_config_comes_before_the_job(void **state)
{
    cleanup_free char *named = put_marked(*state, "n.json", "named");

    put_job(*state);
    assert_int_equal(setenv("CPI_CONFIG", named, 1), 0);
    cleanup_reading struct reading r = load(NULL);
    assert_int_equal(r.result, 0);
    assert_string_equal(r.config.store_dir, "/named");
}

/* Another file than the one that was meant could be another hypervisor. */
static void a_cpi_config_that_is_not_there_is_an_error(void **state)
{
    cleanup_free char *named = xasprintf("%s/nowhere.json", (char *)*state);

    put_job(*state);
    assert_int_equal(setenv("CPI_CONFIG", named, 1), 0);
    cleanup_reading struct reading r = load(NULL);
    assert_int_equal(r.result, -1);
    expect_error(&r.err, ERROR_CPI, named);
}

static void without_cpi_config_the_job_is_taken(void **state)
{
    put_job(*state);
    assert_int_equal(unsetenv("CPI_CONFIG"), 0);
    cleanup_reading struct reading unset = load(NULL);
    assert_int_equal(unset.result, 0);
    assert_string_equal(unset.config.store_dir, "/job");

    assert_int_equal(setenv("CPI_CONFIG", "", 1), 0);
    cleanup_reading struct reading empty = load(NULL);
    assert_int_equal(empty.result, 0);
    assert_string_equal(empty.config.store_dir, "/job");
}

static void with_no_file_the_places_are_named(void **state)
{
    if (unit_exists("/etc/cpi/cpi.json"))
        skip();
    assert_int_equal(unsetenv("CPI_CONFIG"), 0);
    assert_int_equal(setenv("BOSH_JOBS_DIR", *state, 1), 0);
    cleanup_free char *part =
        xasprintf("no config file was found (looked for --config, $CPI_CONFIG, "
                  "%s/libvirt_cpi/config/cpi.json, /etc/cpi/cpi.json)",
                  (char *)*state);
    cleanup_reading struct reading r = load(NULL);

    assert_int_equal(r.result, -1);
    expect_error(&r.err, ERROR_CPI, part);
}

static void with_no_file_a_context_that_says_all_is_enough(void **state)
{
    if (unit_exists("/etc/cpi/cpi.json"))
        skip();
    cleanup_json cJSON *context =
        unit_json("{\"store_dir\":\"/store\",\"storage_controller\":\"SATA\","
                  "\"agent\":{\"mbus\":\"m\"}}");
    cleanup_reading struct reading r = { 0 };
    assert_int_equal(unsetenv("CPI_CONFIG"), 0);
    assert_int_equal(setenv("BOSH_JOBS_DIR", *state, 1), 0);
    r.result = config_load(&r.config, NULL, context, &r.log, &r.err);
    assert_int_equal(r.result, 0);
    assert_string_equal(r.config.store_dir, "/store");
}

static void every_sample_file_is_accepted(void **state)
{
    static const struct {
        const char *file, *hypervisor, *uri, *host;
    } rows[] = {
        { "cpi-libvirt.json", "qemu", "qemu:///system", NULL },
        { "cpi-libvirt-remote.json", "qemu", "qemu:///system", "remote-host" },
        { "cpi-lxc.json", "lxc", "lxc:///", NULL },
        { "cpi-vbox.json", "vbox", "vbox:///session", NULL },
        { "cpi-vmware.json", "vmware", "vmwarews:///session", NULL },
        { "cpi-xen.json", "xen", "xen:///", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char here[] = __FILE__;
        cleanup_free char *path = xasprintf("%s/../../config/%s", dirname(here), rows[i].file);
        cleanup_reading struct reading r = load(path);
        if (r.result < 0)
            print_error("%s\n", r.err.message);
        assert_int_equal(r.result, 0);
        assert_string_equal(r.config.hypervisor->name, rows[i].hypervisor);
        assert_string_equal(r.config.uri, rows[i].uri);
        if (rows[i].host)
            assert_string_equal(r.config.ssh.host, rows[i].host);
        else
            assert_null(r.config.ssh.host);
        assert_int_equal(r.config.storage_controller, CONTROLLER_SATA);
        assert_true(r.config.auto_enable_networks);
        assert_null(r.log.text);
    }
}

static void expect_formats(const char *path, const char *context, const char *first)
{
    cleanup_json cJSON *over = context ? unit_json(context) : NULL;
    const char *const *formats = config_stemcell_formats(path, over);

    if (first)
        assert_string_equal(formats[0], first);
    else
        assert_null(formats[0]);
}

static void stemcell_formats_are_those_of_the_hypervisor_that_is_named(void **state)
{
    cleanup_free char *path = put_file(*state, "c.json", "{\"hypervisor\":\"lxc\"}");

    expect_formats(path, NULL, hypervisor_lxc.stemcell_formats[0]);
    expect_formats(path, "{\"hypervisor\":\"qemu\"}", "openstack-qcow2");
    expect_formats(path, "{\"hypervisor\":null}", hypervisor_lxc.stemcell_formats[0]);
}

/* info is asked before anything else and must answer whatever the state of the configuration. */
static void stemcell_formats_need_no_valid_config(void **state)
{
    cleanup_free char *broken = put_file(*state, "b.json", "{\"hypervisor\":");
    cleanup_free char *nonsense = put_file(*state, "n.json", "{\"hypervisor\":\"none\"}");
    cleanup_free char *absent = xasprintf("%s/nowhere", (char *)*state);

    expect_formats(broken, NULL, "openstack-qcow2");
    expect_formats(nonsense, NULL, "openstack-qcow2");
    expect_formats(absent, NULL, "openstack-qcow2");
    expect_formats(absent, "{\"hypervisor\":5}", "openstack-qcow2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(a_file_may_hold_comments),
        IN_DIRECTORY(a_broken_file_is_named_with_its_line_but_not_shown),
        IN_DIRECTORY(an_unusable_file_is_named),
        IN_DIRECTORY(a_file_must_hold_an_object),
        IN_DIRECTORY(an_empty_file_is_refused),
        IN_DIRECTORY(a_file_that_is_not_there_is_named),
        IN_DIRECTORY(a_file_that_cannot_be_read_is_a_config_error),
        IN_DIRECTORY(the_file_that_is_named_comes_first),
        IN_DIRECTORY(cpi_config_comes_before_the_job),
        IN_DIRECTORY(a_cpi_config_that_is_not_there_is_an_error),
        IN_DIRECTORY(without_cpi_config_the_job_is_taken),
        IN_DIRECTORY(with_no_file_the_places_are_named),
        IN_DIRECTORY(with_no_file_a_context_that_says_all_is_enough),
        cmocka_unit_test(every_sample_file_is_accepted),
        IN_DIRECTORY(stemcell_formats_are_those_of_the_hypervisor_that_is_named),
        IN_DIRECTORY(stemcell_formats_need_no_valid_config),
    };

    return cmocka_run_group_tests_name("config_file", tests, NULL, NULL);
}
