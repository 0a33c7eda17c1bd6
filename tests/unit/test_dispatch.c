#include "unit.h"

#include "cpi/command.h"
#include "cpi/dispatch.h"
#include "cpi/hypervisor.h"

#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/* A configuration, a store that is not laid out yet and a stand-in for virsh, all below a
 * directory of the test's own. */
struct fixture {
    void *directory;
    char *config, *store, *virsh;
};

static int enter(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    *state = f;
    if (unit_enter(&f->directory) < 0)
        return -1;
    f->config = xasprintf("%s/cpi.json", (char *)f->directory);
    f->store = xasprintf("%s/store", (char *)f->directory);
    f->virsh = xasprintf("%s/virsh", (char *)f->directory);
    return 0;
}

static int leave(void **state)
{
    struct fixture *f = *state;
    int failed = unit_leave(&f->directory);

    free(f->config);
    free(f->store);
    free(f->virsh);
    free(f);
    return failed;
}

/* Writes a valid configuration with these further members ("": none). */
static void configure(const struct fixture *f, const char *more)
{
    cleanup_free char *text =
        xasprintf("{\"store_dir\":\"%s\",\"bin_path\":\"%s\",\"storage_controller\":\"VIRTIO\","
                  "\"agent\":{\"mbus\":\"https://u:hunter2@0.0.0.0:6868\"}%s}",
                  f->store, f->virsh, more);

    unit_write_text(f->config, text);
}

/* A response whose form was found good (contract section 1.3). */
static cJSON *checked(const char *text)
{
    struct error err = { 0 };
    cJSON *response = json_parse(text, strlen(text), "the response", &err);

    if (!response)
        print_error("%s: %s\n", err.message, text);
    assert_non_null(response);
    assert_true(cJSON_IsObject(response));
    assert_int_equal(cJSON_GetArraySize(response), 3);
    assert_true(cJSON_HasObjectItem(response, "result"));
    assert_true(cJSON_IsString(cJSON_GetObjectItem(response, "log")));

    const cJSON *error = cJSON_GetObjectItem(response, "error");
    assert_non_null(error);
    if (cJSON_IsNull(error))
        return response;
    assert_int_equal(cJSON_GetArraySize(error), 3);
    assert_true(cJSON_IsString(cJSON_GetObjectItem(error, "type")));
    assert_true(cJSON_IsString(cJSON_GetObjectItem(error, "message")));
    assert_true(cJSON_IsBool(cJSON_GetObjectItem(error, "ok_to_retry")));
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(response, "result")));
    return response;
}

static cJSON *ask_bytes(const char *config, const char *text, size_t length)
{
    struct log log = { 0 };
    const struct request_text request = { text, length, config };
    cleanup_free char *answer = dispatch(&request, &log);

    log_release(&log);
    return checked(answer);
}

static cJSON *ask(const char *config, const char *text)
{
    return ask_bytes(config, text, strlen(text));
}

static void expect_failure(const cJSON *response, const char *type, const char *part)
{
    const cJSON *error = json_get(response, "error");
    cleanup_free char *full = xasprintf("Bosh::Clouds::%s", type);

    if (!error)
        print_error("success instead of %s: %s\n", type, part);
    assert_non_null(error);
    if (strcmp(json_string(error, "type"), full) != 0)
        print_error("%s\n", json_string(error, "message"));
    assert_string_equal(json_string(error, "type"), full);
    expect_part(json_string(error, "message"), part);
}

static void refused(const char *config, const char *text, const char *type, const char *part)
{
    cleanup_json cJSON *response = ask(config, text);

    expect_failure(response, type, part);
}

static void expect_result(const char *config, const char *text, const char *expected)
{
    cleanup_json cJSON *response = ask(config, text);
    cleanup_free char *result = json_print(cJSON_GetObjectItem(response, "result"));

    if (json_get(response, "error"))
        print_error("%s\n", json_string(json_get(response, "error"), "message"));
    assert_null(json_get(response, "error"));
    assert_string_equal(result, expected);
}

static const char nowhere[] = "/nowhere/cpi.json";

static void a_malformed_request_is_a_cpi_error(void **state)
{
    static const struct {
        const char *text, *part;
    } rows[] = {
        { "", "the request on stdin is not valid JSON (line 1)" },
        { " \n", "is not valid JSON" },
        { "hello", "is not valid JSON" },
        { "{\"method\":\"info\"", "is not valid JSON" },
        { "{\"method\":\"info\"} {}", "the request on stdin holds more than one JSON value" },
        { "{\"method\":\"info\"}x", "holds more than one JSON value" },
        { "{\"method\":\"\xff\"}", "the request on stdin is not valid UTF-8" },
        { "{\"method\":\"info\\u0000\"}", "holds a NUL character" },
        { "null", "the request on stdin must be a JSON object" },
        { "[]", "must be a JSON object" },
        { "\"info\"", "must be a JSON object" },
        { "5", "must be a JSON object" },
        { "{}", "the request must have a 'method', a string" },
        { "{\"method\":null}", "must have a 'method'" },
        { "{\"method\":5}", "must have a 'method'" },
        { "{\"method\":\"\"}", "must have a 'method'" },
        { "{\"method\":[\"info\"]}", "must have a 'method'" },
        { "{\"Method\":\"info\"}", "must have a 'method'" },
        { "{\"method\":\"info\",\"arguments\":{}}", "'arguments' must be an array" },
        { "{\"method\":\"info\",\"arguments\":\"x\"}", "'arguments' must be an array" },
        { "{\"method\":\"info\",\"context\":[]}", "'context' must be an object" },
        { "{\"method\":\"info\",\"context\":\"x\"}", "'context' must be an object" },
        { "{\"method\":\"info\",\"context\":5}", "'context' must be an object" },
        { "{\"method\":\"info\",\"api_version\":0}", "api_version must be a whole number" },
        { "{\"method\":\"info\",\"api_version\":-1}", "api_version must be a whole number" },
        { "{\"method\":\"info\",\"api_version\":1.5}", "api_version must be a whole number" },
        { "{\"method\":\"info\",\"api_version\":\"two\"}", "api_version must be a whole number" },
        { "{\"method\":\"info\",\"api_version\":true}", "api_version must be a whole number" },
        { "{\"method\":\"info\",\"api_version\":{}}", "api_version must be a whole number" },
        { "{\"method\":\"info\",\"api_version\":1e300}", "api_version must be a whole number" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        refused(nowhere, rows[i].text, "CpiError", rows[i].part);
}

static void a_nul_byte_is_a_cpi_error(void **state)
{
    static const char text[] = "{\"method\":\"info\"}\0";
    cleanup_json cJSON *response = ask_bytes(nowhere, text, sizeof(text));

    (void)state;
    expect_failure(response, "CpiError", "is not valid UTF-8");
}

static void a_malformed_request_is_not_shown(void **state)
{
    cleanup_json cJSON *response =
        ask(nowhere, "{\"method\":\"create_vm\",\"arguments\":[{\"password\":\"hunter2\"]}");
    cleanup_free char *text = json_print(response);

    (void)state;
    expect_failure(response, "CpiError", "is not valid JSON");
    expect_absent(text, "hunter2");
}

static void an_api_version_of_the_future_is_not_supported(void **state)
{
    (void)state;
    refused(nowhere, "{\"method\":\"info\",\"arguments\":[],\"api_version\":4}", "NotSupported",
            "api_version 4 is not known: this cpi speaks 1 to 3");
    refused(nowhere, "{\"method\":\"ping\",\"arguments\":[],\"api_version\":1000}", "NotSupported",
            "api_version 1000 is not known");
}

static void an_unknown_method_is_not_implemented(void **state)
{
    (void)state;
    refused(nowhere, "{\"method\":\"fly\",\"arguments\":[]}", "NotImplemented",
            "fly: Method is not known, got: 'fly'");
    refused(nowhere, "{\"method\":\"INFO\",\"arguments\":[]}", "NotImplemented",
            "Method is not known, got: 'INFO'");
}

/* To ask for a configuration first would turn "not implemented" into an error that counts. */
static void what_this_cpi_lacks_is_told_without_a_configuration(void **state)
{
    (void)state;
    refused(nowhere, "{\"method\":\"current_vm_id\",\"arguments\":[]}", "NotImplemented",
            "current_vm_id");
    refused(nowhere, "{\"method\":\"configure_networks\",\"arguments\":[\"vm\",{}]}",
            "NotSupported", "configure_networks: ");
}

#define INFO                                                                                    \
    "{\"api_version\":3,\"stemcell_formats\":[\"openstack-qcow2\",\"openstack-raw\",\"vsphere-" \
    "ovf\","                                                                                    \
    "\"general-ovf\",\"libvirt-light\"]}"

static void info_is_the_same_for_every_version(void **state)
{
    static const char *const versions[] = { "",
                                            ",\"api_version\":null",
                                            ",\"api_version\":1",
                                            ",\"api_version\":2",
                                            ",\"api_version\":3",
                                            ",\"api_version\":\"2\"",
                                            ",\"api_version\":2.0" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        cleanup_free char *text =
            xasprintf("{\"method\":\"info\",\"arguments\":[]%s}", versions[i]);
        expect_result(nowhere, text, INFO);
    }
}

static void info_needs_nothing(void **state)
{
    struct fixture *f = *state;

    unit_write_text(f->config, "{ broken");
    expect_result(f->config, "{\"method\":\"info\",\"arguments\":[],\"context\":{}}", INFO);
    expect_result(f->config, "{\"method\":\"info\",\"context\":null}", INFO);
    expect_result(f->config, "{\"method\":\"info\",\"arguments\":null}", INFO);
    assert_false(unit_exists(f->store));
}

static void info_goes_by_the_contexts_hypervisor(void **state)
{
    struct fixture *f = *state;
    cleanup_json cJSON *info = json_new_object();
    cJSON *formats = json_new_array();

    configure(f, "");
    for (const char *const *format = hypervisor_lxc.stemcell_formats; *format; format++)
        json_put_string(formats, NULL, *format);
    json_put_number(info, "api_version", 3);
    json_put(info, "stemcell_formats", formats);
    cleanup_free char *expected = json_print(info);
    expect_result(f->config, "{\"method\":\"info\",\"context\":{\"hypervisor\":\"lxc\"}}",
                  expected);
}

static void a_configuration_that_is_not_there_is_a_cpi_error(void **state)
{
    (void)state;
    refused(nowhere, "{\"method\":\"has_vm\",\"arguments\":[\"vm\"],\"context\":{}}", "CpiError",
            "has_vm: there is no config file '/nowhere/cpi.json'");
}

static void ping_answers_pong(void **state)
{
    (void)state;
    expect_result(nowhere, "{\"method\":\"ping\",\"arguments\":[]}", "\"pong\"");
}

static void unknown_keys_and_further_arguments_are_tolerated(void **state)
{
    (void)state;
    expect_result(nowhere,
                  "{\"method\":\"ping\",\"arguments\":[1,2,{}],\"x\":1,\"context\":{\"y\":2}}",
                  "\"pong\"");
}

static void too_few_arguments_are_a_cpi_error(void **state)
{
    static const struct {
        const char *name;
        int arguments;
    } rows[] = {
        { "create_stemcell", 1 },   { "delete_stemcell", 1 },
        { "create_vm", 4 },         { "calculate_vm_cloud_properties", 1 },
        { "delete_vm", 1 },         { "has_vm", 1 },
        { "reboot_vm", 1 },         { "set_vm_metadata", 2 },
        { "create_disk", 1 },       { "delete_disk", 1 },
        { "has_disk", 1 },          { "attach_disk", 2 },
        { "detach_disk", 2 },       { "get_disks", 1 },
        { "set_disk_metadata", 2 },
    };
    static const char *const given[] = { "", ",\"arguments\":null", ",\"arguments\":[]" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        for (size_t j = 0; j < ARRAY_SIZE(given); j++) {
            cleanup_free char *text = xasprintf("{\"method\":\"%s\"%s}", rows[i].name, given[j]);
            cleanup_free char *part =
                xasprintf("%s: 0 arguments were given, at least %d are needed", rows[i].name,
                          rows[i].arguments);
            refused(nowhere, text, "CpiError", part);
        }
    refused(nowhere, "{\"method\":\"create_vm\",\"arguments\":[\"a\",\"s\",{}]}", "CpiError",
            "create_vm: 3 arguments were given, at least 4 are needed");
}

static void arguments_of_the_wrong_kind_are_a_cpi_error(void **state)
{
    static const struct {
        const char *method, *arguments, *part;
    } rows[] = {
        { "has_vm", "[5]", "argument 1, vm_cid, must be a string that is not empty" },
        { "has_vm", "[null]", "argument 1, vm_cid, must be a string" },
        { "has_vm", "[\"\"]", "argument 1, vm_cid, must be a string" },
        { "has_vm", "[\"../vm\"]", "argument 1, vm_cid, has not the form of a CID" },
        { "has_vm", "[\"vm;reboot\"]", "argument 1, vm_cid, has not the form of a CID" },
        { "has_vm", "[\"--all\"]", "argument 1, vm_cid, has not the form of a CID" },
        { "delete_vm", "[{}]", "argument 1, vm_cid, must be a string" },
        { "reboot_vm", "[[]]", "argument 1, vm_cid, must be a string" },
        { "set_vm_metadata", "[\"vm-1\",\"x\"]", "argument 2, metadata, must be an object" },
        { "get_disks", "[1]", "argument 1, vm_cid, must be a string" },
        { "attach_disk", "[\"vm-1\",5]", "argument 2, disk_cid, must be a string" },
        { "attach_disk", "[5,\"d\"]", "argument 1, vm_cid, must be a string" },
        { "detach_disk", "[\"vm-1\",\"/d\"]", "argument 2, disk_cid, has not the form of a CID" },
        { "has_disk", "[true]", "argument 1, disk_cid, must be a string" },
        { "delete_disk", "[\".new-x\"]", "argument 1, disk_cid, has not the form of a CID" },
        { "set_disk_metadata", "[\"d\",[]]", "argument 2, metadata, must be an object" },
        { "create_disk", "[0,{}]", "argument 1, size (MiB), must be a whole number from 1 to" },
        { "create_disk", "[-5,{}]", "argument 1, size (MiB), must be a whole number" },
        { "create_disk", "[1.5,{}]", "argument 1, size (MiB), must be a whole number" },
        { "create_disk", "[\"1G\",{}]", "argument 1, size (MiB), must be a whole number" },
        { "create_disk", "[8796093022209,{}]", "argument 1, size (MiB), must be a whole number" },
        { "create_disk", "[{},{}]", "argument 1, size (MiB), must be a whole number" },
        { "create_disk", "[5,\"x\"]", "argument 2, cloud_properties, must be an object" },
        { "create_stemcell", "[5,{}]", "argument 1, image_path, must be a string" },
        { "create_stemcell", "[\"/i\",[]]", "argument 2, cloud_properties, must be an object" },
        { "create_stemcell", "[\"/i\",{},5]", "argument 3, env, must be an object" },
        { "delete_stemcell", "[\"a b\"]", "argument 1, stemcell_cid, has not the form of a CID" },
        { "create_vm", "[5,\"s\",{},{}]", "argument 1, agent_id, must be a string" },
        { "create_vm", "[\"\",\"s\",{},{}]", "argument 1, agent_id, must be a string" },
        { "create_vm", "[\"a\",\"1\",{},{}]", "argument 2, stemcell_cid, has not the form" },
        { "create_vm", "[\"a\",\"s\",5,{}]", "argument 3, cloud_properties, must be an object" },
        { "create_vm", "[\"a\",\"s\",{},[]]", "argument 4, networks, must be an object" },
        { "create_vm", "[\"a\",\"s\",{},{},[],\"e\"]", "argument 6, env, must be an object" },
        { "create_vm", "[\"a\",\"s\",{\"cpus\":0},{}]", "cloud_properties.cpus must be" },
        { "create_vm", "[\"a\",\"s\",{},{\"n\":5}]", "network 'n' must be an object" },
        { "calculate_vm_cloud_properties", "[5]", "argument 1, vm_resources, must be an object" },
    };
    struct fixture *f = *state;

    configure(f, "");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_free char *text =
            xasprintf("{\"method\":\"%s\",\"arguments\":%s}", rows[i].method, rows[i].arguments);
        cleanup_free char *part = xasprintf("%s: %s", rows[i].method, rows[i].part);
        refused(f->config, text, "CpiError", part);
    }
    /* Nothing was changed before all was found good. */
    assert_false(unit_exists(f->store));
}

static void a_configuration_that_is_not_usable_is_a_cpi_error(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *part = xasprintf(
        "has_vm: %s: the configuration is not usable: 'store_dir' is required", f->config);

    unit_write_text(f->config,
                    "{\"storage_controller\":\"SATA\",\"agent\":{\"mbus\":\"hunter2\"}}");
    cleanup_json cJSON *response = ask(f->config, "{\"method\":\"has_vm\",\"arguments\":[\"vm\"]}");
    cleanup_free char *text = json_print(response);
    expect_failure(response, "CpiError", part);
    expect_absent(text, "hunter2");
}

static void the_context_goes_over_the_configuration(void **state)
{
    struct fixture *f = *state;

    configure(f, "");
    refused(f->config,
            "{\"method\":\"has_disk\",\"arguments\":[\"d\"],\"context\":{\"store_dir\":\"here\"}}",
            "CpiError", "'store_dir' must be an absolute path");
}

static void a_note_is_in_the_responses_log(void **state)
{
    struct fixture *f = *state;

    configure(f, ",\"colour\":\"red\"");
    cleanup_json cJSON *response =
        ask(f->config, "{\"method\":\"has_disk\",\"arguments\":[\"d\"]}");
    assert_string_equal(json_string(response, "log"),
                        "warning: config: 'colour' is not a key that cpi knows: it is ignored\n");
}

static void without_notes_the_log_is_empty_text(void **state)
{
    cleanup_json cJSON *response = ask(nowhere, "{\"method\":\"ping\"}");

    (void)state;
    assert_string_equal(json_string(response, "log"), "");
}

static void a_store_of_a_newer_cpi_is_not_touched(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *version = xasprintf("%s/version", f->store);

    configure(f, "");
    assert_int_equal(mkdir(f->store, 0700), 0);
    unit_write_text(version, "99\n");
    refused(f->config, "{\"method\":\"delete_disk\",\"arguments\":[\"d\"]}", "CloudError",
            "was laid out by a newer cpi (version 99");
}

static void the_request_id_is_on_every_line(void **state)
{
    static const char text[] =
        "{\"method\":\"fly\",\"arguments\":[],\"context\":{\"request_id\":\"cpi-42\"}}";
    const struct request_text request = { text, strlen(text), nowhere };
    cleanup_free char *lines = NULL;
    size_t length;
    struct log log = { .stream = text_open(&lines, &length) };
    cleanup_free char *answer = dispatch(&request, &log);

    (void)state;
    text_close(log.stream);
    log_release(&log);
    cJSON_Delete(checked(answer));
    assert_string_equal(lines,
                        "cpi cpi-42: Bosh::Clouds::NotImplemented: fly: Method is not known, "
                        "got: 'fly'\n");
}

static void a_request_id_of_the_wrong_kind_does_no_harm(void **state)
{
    (void)state;
    expect_result(nowhere, "{\"method\":\"ping\",\"context\":{\"request_id\":5}}", "\"pong\"");
}

static void calculated_properties_come_back(void **state)
{
    struct fixture *f = *state;

    configure(f, "");
    expect_result(f->config,
                  "{\"method\":\"calculate_vm_cloud_properties\","
                  "\"arguments\":[{\"cpu\":2,\"ram\":2048,\"ephemeral_disk_size\":10240}]}",
                  "{\"cpus\":2,\"memory\":2048,\"ephemeral_disk\":10240}");
}

static void a_vm_that_is_there_is_true(void **state)
{
    struct fixture *f = *state;

    configure(f, "");
    unit_write_script(f->virsh, "echo running\n");
    expect_result(f->config, "{\"method\":\"has_vm\",\"arguments\":[\"vm-1\"]}", "true");
}

static void a_vm_that_libvirt_does_not_list_is_false(void **state)
{
    struct fixture *f = *state;

    configure(f, "");
    unit_write_script(f->virsh, "case $4 in\n"
                                "list*) printf 'vm-2\\nvm-11\\n\\n' ;;\n"
                                "*) echo \"error: failed to get domain 'vm-1'\" >&2; exit 1 ;;\n"
                                "esac\n");
    expect_result(f->config, "{\"method\":\"has_vm\",\"arguments\":[\"vm-1\"]}", "false");
}

/* False would make the Director build the VM anew. */
static void what_is_uncertain_is_an_error_and_never_false(void **state)
{
    static const char request[] = "{\"method\":\"has_vm\",\"arguments\":[\"vm-1\"]}";
    struct fixture *f = *state;

    configure(f, "");
    refused(f->config, request, "CloudError", "has_vm: cannot find the program");
    unit_write_script(f->virsh, "echo 'error: no idea' >&2\nexit 1\n");
    refused(f->config, request, "CloudError",
            "has_vm: cannot list the VMs of 'qemu:///system': no idea");
}

static void no_connection_may_be_retried(void **state)
{
    struct fixture *f = *state;

    configure(f, "");
    unit_write_script(f->virsh, "echo 'error: failed to connect to the hypervisor' >&2\nexit 1\n");
    cleanup_json cJSON *response =
        ask(f->config, "{\"method\":\"has_vm\",\"arguments\":[\"vm-1\"]}");
    expect_failure(response, "CloudError", "cannot reach libvirt at 'qemu:///system'");
    assert_true(cJSON_IsTrue(json_get(json_get(response, "error"), "ok_to_retry")));
}

static void bad_bytes_of_a_child_do_not_break_the_response(void **state)
{
    struct fixture *f = *state;

    configure(f, "");
    unit_write_script(f->virsh, "printf 'error: caf\\351 \\377\\n' >&2\nexit 1\n");
    refused(f->config, "{\"method\":\"has_vm\",\"arguments\":[\"vm-1\"]}", "CloudError",
            "caf" UTF8_REPLACEMENT " " UTF8_REPLACEMENT);
}

static void bad_bytes_in_log_and_message_are_replaced(void **state)
{
    struct log log = { 0 };
    struct error err = { 0 };

    (void)state;
    log_note(&log, "note \xff");
    fail(&err, ERROR_NO_DISK_SPACE, "full \xc3(");
    error_retriable(&err);
    cleanup_free char *text = dispatch_failure(&err, &log);
    cleanup_json cJSON *response = checked(text);
    assert_string_equal(json_string(response, "log"), "note " UTF8_REPLACEMENT "\n");
    expect_failure(response, "NoDiskSpace", "full " UTF8_REPLACEMENT "(");
    assert_true(cJSON_IsTrue(json_get(json_get(response, "error"), "ok_to_retry")));
    error_release(&err);
    log_release(&log);
}

static void lay_out(const struct fixture *f)
{
    cleanup_free char *version = xasprintf("%s/version", f->store);

    assert_int_equal(mkdir(f->store, 0711), 0);
    unit_write_text(version, "1\n");
}

static void a_disk_that_is_not_there_is_false(void **state)
{
    struct fixture *f = *state;

    configure(f, "");
    lay_out(f);
    expect_result(f->config, "{\"method\":\"has_disk\",\"arguments\":[\"d\"]}", "false");
}

static void nothing_is_absent_from_a_store_that_is_not_there(void **state)
{
    struct fixture *f = *state;

    configure(f, "");
    refused(f->config, "{\"method\":\"has_disk\",\"arguments\":[\"d\"]}", "CloudError",
            "is its file system mounted?");
    refused(f->config, "{\"method\":\"delete_disk\",\"arguments\":[\"d\"]}", "CloudError",
            "is its file system mounted?");
    assert_false(unit_exists(f->store));
}

static void deleting_what_is_not_there_is_success(void **state)
{
    struct fixture *f = *state;

    configure(f, "");
    unit_write_script(f->virsh, "echo \"error: failed to get domain 'vm-1'\" >&2\n"
                                "printf '==cpi====cpi=='\n");
    lay_out(f);
    expect_result(f->config, "{\"method\":\"delete_vm\",\"arguments\":[\"vm-1\"]}", "null");
    expect_result(f->config, "{\"method\":\"delete_disk\",\"arguments\":[\"d\"]}", "null");
    expect_result(f->config, "{\"method\":\"delete_stemcell\",\"arguments\":[\"sc-1\"]}", "null");
}

#define DISK "d0000000000000000001"

/* Lays a disk into the store and lets virsh say that vm-1 has it. */
static void attach(const struct fixture *f)
{
    static const char *const parts[] = { "", "/disks", ("/disks/" DISK) };
    cleanup_free char *record = xasprintf("%s/disks/" DISK "/disk.json", f->store);
    cleanup_free char *list = xasprintf("printf ' file disk vda /x/root.qcow2\\n"
                                        " file disk vdb %s/disks/" DISK "/disk.qcow2\\n'",
                                        f->store);
    cleanup_free char *script =
        xasprintf("printf 'running\\n==cpi=='\n%s\nprintf ==cpi==\n%s\n", list, list);

    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        cleanup_free char *path = xasprintf("%s%s", f->store, parts[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    unit_write_text(record, "{\"format\":\"qcow2\",\"attached_to\":\"vm-1\"}");
    unit_write_script(f->virsh, script);
}

static void version_1_has_no_hint_and_later_ones_have(void **state)
{
    static const char hint[] = "{\"path\":\"/dev/disk/by-id/virtio-" DISK "\",\"id\":\"" DISK "\"}";
    static const struct {
        const char *version, *result;
    } rows[] = { { "", "null" },
                 { ",\"api_version\":1", "null" },
                 { ",\"api_version\":2", hint },
                 { ",\"api_version\":3", hint } };
    struct fixture *f = *state;

    configure(f, "");
    attach(f);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_free char *text =
            xasprintf("{\"method\":\"attach_disk\",\"arguments\":[\"vm-1\",\"" DISK "\"]%s}",
                      rows[i].version);
        expect_result(f->config, text, rows[i].result);
    }
}

static void the_disks_of_a_vm_are_its_persistent_ones(void **state)
{
    struct fixture *f = *state;

    configure(f, "");
    attach(f);
    expect_result(f->config, "{\"method\":\"get_disks\",\"arguments\":[\"vm-1\"]}",
                  "[\"" DISK "\"]");
}

static void an_attached_disk_is_not_deleted(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *record = xasprintf("%s/disks/" DISK "/disk.json", f->store);

    configure(f, "");
    attach(f);
    refused(f->config, "{\"method\":\"delete_disk\",\"arguments\":[\"" DISK "\"]}", "CloudError",
            "delete_disk: disk '" DISK "' is attached to VM 'vm-1': detach it first");
    assert_true(unit_exists(record));
}

/* An error that a success left behind would make one response of both. */
static void a_disk_is_made_beside_what_cannot_be_swept(void **state)
{
    struct fixture *f = *state;
    static const char *const parts[] = { "", "/disks", "/disks/.new-x", "/.lock", "/.lock/disk-x" };

    configure(f, "");
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        cleanup_free char *path = xasprintf("%s%s", f->store, parts[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    cleanup_json cJSON *response =
        ask(f->config, "{\"method\":\"create_disk\",\"arguments\":[8,{}]}");
    assert_non_null(response);
}

static void a_disk_that_is_made_is_there_until_it_is_deleted(void **state)
{
    struct fixture *f = *state;

    configure(f, "");
    cleanup_json cJSON *made =
        ask(f->config, "{\"method\":\"create_disk\",\"arguments\":[\"8\",{},null]}");
    const char *cid = json_string(made, "result");
    assert_non_null(cid);
    assert_int_equal(strlen(cid), 20);
    cleanup_free char *has = xasprintf("{\"method\":\"has_disk\",\"arguments\":[\"%s\"]}", cid);
    cleanup_free char *delete =
        xasprintf("{\"method\":\"delete_disk\",\"arguments\":[\"%s\"]}", cid);
    expect_result(f->config, has, "true");
    expect_result(f->config, delete, "null");
    expect_result(f->config, has, "false");
}

static int block_signals(void **state)
{
    (void)state;
    command_block_signals();
    return 0;
}

#define CONFIGURED(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_malformed_request_is_a_cpi_error),
        cmocka_unit_test(a_nul_byte_is_a_cpi_error),
        cmocka_unit_test(a_malformed_request_is_not_shown),
        cmocka_unit_test(an_api_version_of_the_future_is_not_supported),
        cmocka_unit_test(an_unknown_method_is_not_implemented),
        cmocka_unit_test(what_this_cpi_lacks_is_told_without_a_configuration),
        cmocka_unit_test(info_is_the_same_for_every_version),
        CONFIGURED(info_needs_nothing),
        CONFIGURED(info_goes_by_the_contexts_hypervisor),
        cmocka_unit_test(a_configuration_that_is_not_there_is_a_cpi_error),
        cmocka_unit_test(ping_answers_pong),
        cmocka_unit_test(unknown_keys_and_further_arguments_are_tolerated),
        cmocka_unit_test(too_few_arguments_are_a_cpi_error),
        CONFIGURED(arguments_of_the_wrong_kind_are_a_cpi_error),
        CONFIGURED(a_configuration_that_is_not_usable_is_a_cpi_error),
        CONFIGURED(the_context_goes_over_the_configuration),
        CONFIGURED(a_note_is_in_the_responses_log),
        cmocka_unit_test(without_notes_the_log_is_empty_text),
        CONFIGURED(a_store_of_a_newer_cpi_is_not_touched),
        cmocka_unit_test(the_request_id_is_on_every_line),
        cmocka_unit_test(a_request_id_of_the_wrong_kind_does_no_harm),
        CONFIGURED(calculated_properties_come_back),
        CONFIGURED(a_vm_that_is_there_is_true),
        CONFIGURED(a_vm_that_libvirt_does_not_list_is_false),
        CONFIGURED(what_is_uncertain_is_an_error_and_never_false),
        CONFIGURED(no_connection_may_be_retried),
        CONFIGURED(bad_bytes_of_a_child_do_not_break_the_response),
        cmocka_unit_test(bad_bytes_in_log_and_message_are_replaced),
        CONFIGURED(a_disk_that_is_not_there_is_false),
        CONFIGURED(nothing_is_absent_from_a_store_that_is_not_there),
        CONFIGURED(deleting_what_is_not_there_is_success),
        CONFIGURED(version_1_has_no_hint_and_later_ones_have),
        CONFIGURED(the_disks_of_a_vm_are_its_persistent_ones),
        CONFIGURED(an_attached_disk_is_not_deleted),
        CONFIGURED(a_disk_is_made_beside_what_cannot_be_swept),
        CONFIGURED(a_disk_that_is_made_is_there_until_it_is_deleted),
    };

    return cmocka_run_group_tests_name("dispatch", tests, block_signals, NULL);
}
