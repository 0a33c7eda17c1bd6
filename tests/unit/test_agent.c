#include "unit.h"

#include "cpi/agent.h"

static const struct bus virtio = { "virtio", "vd", "virtio-", true };

/* What the tests change is json text; NULL: absent. */
struct texts {
    const char *agent, *networks, *env, *ephemeral;
};

static cJSON *value(const char *text)
{
    return text ? unit_json(text) : NULL;
}

static cJSON *settings(struct texts texts)
{
    cleanup_json cJSON *agent = value(texts.agent ? texts.agent : "{\"mbus\":\"m\"}");
    cleanup_json cJSON *networks = value(texts.networks), *env = value(texts.env);
    cleanup_json cJSON *ephemeral = value(texts.ephemeral);
    const struct agent_input input = {
        .agent_id = "agent-1",
        .vm_cid = "vm-1",
        .agent = agent,
        .networks = networks,
        .env = env,
        .system_disk = "/dev/vda",
        .ephemeral = ephemeral,
    };

    return agent_settings(&input);
}

static void expect_member(const cJSON *object, const char *key, const char *expected)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, key);

    if (!expected) {
        assert_null(member);
        return;
    }
    assert_non_null(member);
    cleanup_free char *text = json_print(member);
    assert_string_equal(text, expected);
}

static void the_whole_document(void **state)
{
    cleanup_json cJSON *document =
        settings((struct texts){ .agent = "{\"mbus\":\"https://u:p@h:6868\",\"ntp\":[\"t\"],"
                                          "\"blobstore\":{\"provider\":\"local\"}}",
                                 .networks = "{\"a\":{\"mac\":\"52:54:00:00:00:01\"}}",
                                 .env = "{\"bosh\":{}}",
                                 .ephemeral = "{\"path\":\"/p\",\"id\":\"i\"}" });
    cleanup_free char *text = json_print(document);

    (void)state;
    assert_string_equal(text, "{\"agent_id\":\"agent-1\",\"vm\":{\"name\":\"vm-1\"},"
                              "\"mbus\":\"https://u:p@h:6868\",\"ntp\":[\"t\"],"
                              "\"blobstore\":{\"provider\":\"local\"},"
                              "\"networks\":{\"a\":{\"mac\":\"52:54:00:00:00:01\"}},"
                              "\"disks\":{\"system\":\"/dev/vda\","
                              "\"ephemeral\":{\"path\":\"/p\",\"id\":\"i\"},\"persistent\":{}},"
                              "\"env\":{\"bosh\":{}}}");
}

/* The object form that the documentation shows breaks the agent. */
static void the_system_disk_is_a_string(void **state)
{
    cleanup_json cJSON *document = settings((struct texts){ 0 });

    (void)state;
    assert_true(cJSON_IsString(json_get(json_get(document, "disks"), "system")));
    expect_member(json_get(document, "disks"), "system", "\"/dev/vda\"");
}

static void without_an_ephemeral_disk_none_is_named(void **state)
{
    cleanup_json cJSON *document = settings((struct texts){ 0 });

    (void)state;
    expect_member(json_get(document, "disks"), "ephemeral", NULL);
    expect_member(json_get(document, "disks"), "persistent", "{}");
}

static void env_is_passed_unchanged(void **state)
{
    static const char env[] =
        "{\"bosh\":{\"password\":\"*\",\"mbus\":{\"cert\":{\"ca\":\"-----\\n\"}},\"x\":null},"
        "\"other\":[1,2.5,true,{}],\"\":\"\xc3\xa9\"}";
    cleanup_json cJSON *document = settings((struct texts){ .env = env });

    (void)state;
    expect_member(document, "env", env);
}

static void no_env_is_an_empty_one(void **state)
{
    cleanup_json cJSON *document = settings((struct texts){ 0 });

    (void)state;
    expect_member(document, "env", "{}");
}

static void ntp_and_blobstore_are_there_only_if_configured(void **state)
{
    cleanup_json cJSON *without = settings((struct texts){ 0 });
    cleanup_json cJSON *null =
        settings((struct texts){ .agent = "{\"mbus\":\"m\",\"ntp\":null,\"blobstore\":null}" });

    (void)state;
    expect_member(without, "ntp", NULL);
    expect_member(without, "blobstore", NULL);
    expect_member(null, "ntp", NULL);
    expect_member(null, "blobstore", NULL);
}

static void what_else_the_agents_config_holds_is_not_passed_on(void **state)
{
    cleanup_json cJSON *document =
        settings((struct texts){ .agent = "{\"mbus\":\"m\",\"env\":1,\"disks\":2,\"x\":3}" });

    (void)state;
    expect_member(document, "mbus", "\"m\"");
    expect_member(document, "env", "{}");
    expect_member(document, "x", NULL);
}

static void the_input_stays_the_callers(void **state)
{
    cleanup_json cJSON *env = unit_json("{\"a\":1}");
    const struct agent_input input = {
        .agent_id = "a", .vm_cid = "v", .env = env, .system_disk = ""
    };

    (void)state;
    cJSON_Delete(agent_settings(&input));
    cleanup_free char *text = json_print(env);
    assert_string_equal(text, "{\"a\":1}");
}

static void a_hint_names_the_disk_by_its_serial(void **state)
{
    cleanup_json cJSON *hint = agent_disk_hint(&virtio, "vdc", "a1234567890123456789");
    cleanup_free char *text = json_print(hint);

    (void)state;
    assert_string_equal(text, "{\"path\":\"/dev/disk/by-id/virtio-a1234567890123456789\","
                              "\"id\":\"a1234567890123456789\"}");
}

/* The agent asserts their type without a check. */
static void every_value_of_a_hint_is_a_string(void **state)
{
    const cJSON *member;

    (void)state;
    for (int i = 0; i < CONTROLLER_COUNT; i++) {
        const struct bus *bus = hypervisor_qemu.buses[i];
        cleanup_json cJSON *hint = agent_disk_hint(bus, "sdc", "s");
        assert_int_equal(cJSON_GetArraySize(hint), 2);
        cJSON_ArrayForEach (member, hint)
            assert_true(cJSON_IsString(member));
    }
}

/* Xen's disks show no serial, but their names stay. */
static void a_hint_names_a_disk_of_xen_by_its_target(void **state)
{
    const struct bus *bus = hypervisor_xen.hotplug_bus;
    cleanup_json cJSON *hint = agent_disk_hint(bus, "xvde", "a1234567890123456789");
    cleanup_free char *text = json_print(hint);

    (void)state;
    assert_string_equal(text, "{\"path\":\"/dev/xvde\",\"id\":\"a1234567890123456789\"}");
}

static void qemus_buses_have_the_names_that_udev_gives(void **state)
{
    static const struct {
        enum storage_controller controller;
        const char *bus, *path;
    } rows[] = {
        { CONTROLLER_IDE, "ide", "/dev/disk/by-id/ata-QEMU_HARDDISK_s" },
        { CONTROLLER_SATA, "sata", "/dev/disk/by-id/ata-QEMU_HARDDISK_s" },
        { CONTROLLER_SCSI, "scsi", "/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_s" },
        { CONTROLLER_VIRTIO, "virtio", "/dev/disk/by-id/virtio-s" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct bus *bus = hypervisor_qemu.buses[rows[i].controller];
        cleanup_json cJSON *hint = agent_disk_hint(bus, "sdc", "s");
        assert_string_equal(bus->name, rows[i].bus);
        assert_string_equal(json_string(hint, "path"), rows[i].path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_document),
        cmocka_unit_test(the_system_disk_is_a_string),
        cmocka_unit_test(without_an_ephemeral_disk_none_is_named),
        cmocka_unit_test(env_is_passed_unchanged),
        cmocka_unit_test(no_env_is_an_empty_one),
        cmocka_unit_test(ntp_and_blobstore_are_there_only_if_configured),
        cmocka_unit_test(what_else_the_agents_config_holds_is_not_passed_on),
        cmocka_unit_test(the_input_stays_the_callers),
        cmocka_unit_test(a_hint_names_the_disk_by_its_serial),
        cmocka_unit_test(every_value_of_a_hint_is_a_string),
        cmocka_unit_test(a_hint_names_a_disk_of_xen_by_its_target),
        cmocka_unit_test(qemus_buses_have_the_names_that_udev_gives),
    };

    return cmocka_run_group_tests_name("agent", tests, NULL, NULL);
}
