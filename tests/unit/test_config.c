#include "unit.h"

#include "cpi/config.h"

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

static const char base[] = "{\"store_dir\":\"/store\",\"storage_controller\":\"SATA\","
                           "\"agent\":{\"mbus\":\"https://u:hunter2@0.0.0.0:6868\"}}";

static void merge(cJSON *document, const char *changes)
{
    cleanup_json cJSON *object = unit_json(changes);
    const cJSON *change;

    cJSON_ArrayForEach (change, object) {
        cJSON_DeleteItemFromObjectCaseSensitive(document, change->string);
        json_put(document, change->string, json_copy(change));
    }
}

/* Reads a complete document with these changes, under this context (NULL: none). */
static struct reading take(const char *changes, const char *context)
{
    struct reading r = { 0 };
    cJSON *document = unit_json(base);
    cleanup_json cJSON *over = context ? unit_json(context) : NULL;

    merge(document, changes);
    r.result = config_from(&r.config, document, over, &r.log, &r.err);
    if (r.result < 0)
        assert_null(r.config.document);
    else
        expect_no_error(&r.err);
    return r;
}

static struct reading accepted(const char *changes, const char *context)
{
    struct reading r = take(changes, context);

    if (r.result < 0)
        print_error("%s\n", r.err.message);
    assert_int_equal(r.result, 0);
    return r;
}

static void refused(const char *changes, const char *context, const char *part)
{
    cleanup_reading struct reading r = take(changes, context);

    assert_int_equal(r.result, -1);
    assert_int_equal(r.err.type, ERROR_CPI);
    expect_part(r.err.message, "the configuration is not usable: ");
    expect_part(r.err.message, part);
    expect_absent(r.err.message, "hunter2");
}

static void what_is_not_said_has_its_default(void **state)
{
    cleanup_reading struct reading r = accepted("{}", NULL);

    (void)state;
    assert_ptr_equal(r.config.hypervisor, &hypervisor_qemu);
    assert_string_equal(r.config.uri, "qemu:///system");
    assert_string_equal(r.config.bin_path, "virsh");
    assert_string_equal(r.config.default_network, "default");
    assert_null(r.config.template_dir);
    assert_null(r.config.ssh.host);
    assert_null(r.config.ssh.username);
    assert_null(r.config.ssh.private_key);
    assert_int_equal(r.config.domain_type, DOMAIN_AUTO);
    assert_false(r.config.auto_enable_networks);
    assert_int_equal(r.config.command_timeout, 300);
    assert_int_equal(r.config.detach_timeout, 60);
    assert_int_equal(r.config.lock_timeout, 600);
    assert_int_equal(r.config.max_parallel, 4);
    assert_null(r.log.text);
}

static void vmwares_uri_becomes_that_of_its_product(void **state)
{
    static const struct {
        const char *changes, *uri;
    } rows[] = {
        { "{\"hypervisor\":\"vmware\",\"vmware_product\":\"player\"}", "vmwareplayer:///session" },
        { "{\"hypervisor\":\"vmware\",\"uri\":\"vmware:///session\",\"vmware_product\":\"fusion\"}",
          "vmwarefusion:///session" },
        { "{\"hypervisor\":\"vmware\",\"uri\":\"vmwareplayer:///session\"}",
          "vmwareplayer:///session" },
        { "{\"hypervisor\":\"qemu\",\"vmware_product\":\"nonsense\"}", "qemu:///system" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_reading struct reading r = accepted(rows[i].changes, NULL);
        assert_string_equal(r.config.uri, rows[i].uri);
    }
}

static void every_hypervisor_has_its_own_default_uri(void **state)
{
    static const struct {
        const char *name, *uri;
    } rows[] = { { "qemu", "qemu:///system" },
                 { "vbox", "vbox:///session" },
                 { "lxc", "lxc:///" },
                 { "xen", "xen:///" },
                 /* libvirt knows no "vmware". */
                 { "vmware", "vmwarews:///session" } };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_free char *changes = xasprintf("{\"hypervisor\":\"%s\"}", rows[i].name);
        cleanup_reading struct reading r = accepted(changes, NULL);
        assert_string_equal(r.config.hypervisor->name, rows[i].name);
        assert_string_equal(r.config.uri, rows[i].uri);
    }
}

static const char all_keys[] =
    "{\"hypervisor\":\"xen\",\"uri\":\"xen:///x\",\"bin_path\":\"/opt/virsh\","
    "\"store_dir\":\"/s2\",\"storage_controller\":\"SCSI\",\"auto_enable_networks\":true,"
    "\"agent\":{\"mbus\":\"m2\"},\"host\":\"h2\",\"username\":\"u2\",\"private_key\":\"/k2\","
    "\"domain_type\":\"kvm\",\"default_network\":\"n2\",\"template_dir\":\"/t2\","
    "\"command_timeout\":1,\"detach_timeout\":\"2\",\"lock_timeout\":86400,"
    "\"max_parallel\":0}";

static void expect_all_keys(const struct config *config)
{
    assert_string_equal(config->hypervisor->name, "xen");
    assert_string_equal(config->uri, "xen:///x");
    assert_string_equal(config->bin_path, "/opt/virsh");
    assert_string_equal(config->store_dir, "/s2");
    assert_int_equal(config->storage_controller, CONTROLLER_SCSI);
    assert_true(config->auto_enable_networks);
    assert_string_equal(json_string(config->agent, "mbus"), "m2");
    assert_string_equal(config->ssh.host, "h2");
    assert_string_equal(config->ssh.username, "u2");
    assert_string_equal(config->ssh.private_key, "/k2");
    assert_int_equal(config->domain_type, DOMAIN_KVM);
    assert_string_equal(config->default_network, "n2");
    assert_string_equal(config->template_dir, "/t2");
    assert_int_equal(config->command_timeout, 1);
    assert_int_equal(config->detach_timeout, 2);
    assert_int_equal(config->lock_timeout, 86400);
    assert_int_equal(config->max_parallel, 0);
}

static void every_key_is_read(void **state)
{
    cleanup_reading struct reading r = accepted(all_keys, NULL);

    (void)state;
    expect_all_keys(&r.config);
    assert_null(r.log.text);
}

static void the_context_overrides_key_for_key(void **state)
{
    cleanup_reading struct reading r = accepted("{}", all_keys);

    (void)state;
    expect_all_keys(&r.config);
    assert_null(r.log.text);
}

static void what_the_context_does_not_name_stays(void **state)
{
    cleanup_reading struct reading r =
        accepted("{\"default_network\":\"n1\",\"command_timeout\":7}", "{\"command_timeout\":9}");

    (void)state;
    assert_string_equal(r.config.default_network, "n1");
    assert_int_equal(r.config.command_timeout, 9);
}

/* cJSON keeps both of two equal keys. */
static void the_context_overrides_a_key_that_is_there_twice(void **state)
{
    struct reading r = { 0 };
    cJSON *document = unit_json(base);
    cleanup_json cJSON *context = unit_json("{\"bin_path\":\"new\"}");

    (void)state;
    json_put_string(document, "bin_path", "old");
    json_put_string(document, "bin_path", "older");
    r.result = config_from(&r.config, document, context, &r.log, &r.err);
    /* Refusing such a file is as good. */
    if (r.result == 0)
        assert_string_equal(r.config.bin_path, "new");
    release(&r);
}

static void null_is_absent(void **state)
{
    cleanup_reading struct reading r =
        accepted("{\"uri\":null,\"bin_path\":null,\"host\":null,\"command_timeout\":null,"
                 "\"hypervisor\":null,\"default_network\":\"n1\"}",
                 "{\"default_network\":null,\"store_dir\":null,\"agent\":null}");

    (void)state;
    assert_string_equal(r.config.uri, "qemu:///system");
    assert_string_equal(r.config.bin_path, "virsh");
    assert_null(r.config.ssh.host);
    assert_int_equal(r.config.command_timeout, 300);
    assert_string_equal(r.config.default_network, "n1");
    assert_string_equal(r.config.store_dir, "/store");
    refused("{\"store_dir\":null}", NULL, "'store_dir' is required");
}

static void each_required_key_is_missed_by_name(void **state)
{
    static const char *const required[] = { "store_dir", "storage_controller", "agent" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(required); i++) {
        cleanup_free char *changes = xasprintf("{\"%s\":null}", required[i]);
        cleanup_free char *part = xasprintf("'%s' is required", required[i]);
        refused(changes, NULL, part);
    }
}

static void each_value_of_the_wrong_kind_is_named(void **state)
{
    static const char text[] = "must be a string that is not empty";
    static const char seconds[] = "must be a whole number from 1 to 86400";
    static const struct {
        const char *key, *value, *complaint;
    } rows[] = {
        { "hypervisor", "5", text },
        { "hypervisor", "\"\"", text },
        { "hypervisor", "\"kvm\"",
          "'hypervisor' is 'kvm' but must be one of qemu, vbox, lxc, xen, vmware" },
        { "uri", "5", text },
        { "uri", "\"\"", text },
        { "uri", "\"/var/run/libvirt-sock\"", "'uri' is not a libvirt connection URI" },
        { "uri", "\"xen:///\"", "'uri' is for the driver 'xen' but 'hypervisor' is 'qemu'" },
        { "bin_path", "true", text },
        { "bin_path", "\"\"", text },
        { "bin_path", "\"./virsh\"", "'bin_path' must be an absolute path" },
        { "store_dir", "[]", text },
        { "store_dir", "\"\"", text },
        { "store_dir", "\"store\"", "'store_dir' must be an absolute path" },
        { "store_dir", "\"../store\"", "'store_dir' must be an absolute path" },
        { "store_dir", "\"~other/store\"", "'store_dir' must be an absolute path" },
        { "store_dir", "\"/a\\nb\"", "'store_dir' must not hold control characters" },
        { "storage_controller", "1", text },
        { "storage_controller", "\"NVME\"",
          "'storage_controller' is 'NVME' but must be one of IDE, SCSI, SATA, VIRTIO" },
        { "auto_enable_networks", "\"true\"", "must be true or false" },
        { "auto_enable_networks", "1", "must be true or false" },
        { "agent", "\"mbus\"", "'agent' must be an object" },
        { "agent", "[]", "'agent' must be an object" },
        { "agent", "{\"mbus\":\"\"}", "'agent.mbus' is required" },
        { "agent", "{\"mbus\":5}", "'agent.mbus' is required" },
        { "agent", "{\"mbus\":\"m\",\"ntp\":\"a\"}", "'agent.ntp' must be a list of server names" },
        { "agent", "{\"mbus\":\"m\",\"ntp\":[1]}", "'agent.ntp' must be a list of server names" },
        { "agent", "{\"mbus\":\"m\",\"blobstore\":[]}", "'agent.blobstore' must be an object" },
        { "host", "5", text },
        { "host", "\"\"", text },
        { "username", "{}", text },
        { "private_key", "[\"k\"]", text },
        { "domain_type", "5", text },
        { "domain_type", "\"xen\"", "'domain_type' is 'xen' but must be one of auto, kvm, qemu" },
        { "default_network", "0", text },
        { "template_dir", "false", text },
        { "template_dir", "\"templates\"", "'template_dir' must be an absolute path" },
        { "command_timeout", "0", seconds },
        { "command_timeout", "86401", seconds },
        { "command_timeout", "\"soon\"", seconds },
        { "detach_timeout", "-1", seconds },
        { "detach_timeout", "1.5", seconds },
        { "lock_timeout", "true", seconds },
        { "max_parallel", "-1", "max_parallel must be a whole number from 0 to 1000" },
        { "max_parallel", "1001", "max_parallel must be a whole number from 0 to 1000" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_free char *changes = xasprintf("{\"%s\":%s}", rows[i].key, rows[i].value);
        refused(changes, NULL, rows[i].complaint);
        refused(changes, NULL, rows[i].key);
        refused("{}", changes, rows[i].complaint);
    }
}

static void mbus_is_required(void **state)
{
    (void)state;
    refused("{\"agent\":{\"ntp\":[]}}", NULL, "'agent.mbus' is required");
    refused("{\"agent\":{\"mbus\":null}}", NULL, "'agent.mbus' is required");
}

static void all_complaints_come_at_once(void **state)
{
    cleanup_reading struct reading r =
        take("{\"store_dir\":5,\"storage_controller\":\"x\",\"lock_timeout\":0,\"agent\":null,"
             "\"auto_enable_networks\":\"y\"}",
             NULL);
    int separators = 0;

    (void)state;
    assert_int_equal(r.result, -1);
    expect_part(r.err.message, "'store_dir' must be a string");
    expect_part(r.err.message, "'storage_controller' is 'x'");
    expect_part(r.err.message, "lock_timeout must be");
    expect_part(r.err.message, "'agent' is required");
    expect_part(r.err.message, "'auto_enable_networks' must be true or false");
    for (const char *c = r.err.message; (c = strstr(c, "; ")); c++)
        separators++;
    assert_int_equal(separators, 4);
}

static void storage_controller_has_no_case(void **state)
{
    static const struct {
        const char *name;
        enum storage_controller value;
    } rows[] = { { "ide", CONTROLLER_IDE },
                 { "Scsi", CONTROLLER_SCSI },
                 { "sata", CONTROLLER_SATA },
                 { "SATA", CONTROLLER_SATA },
                 { "VirtIO", CONTROLLER_VIRTIO } };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_free char *changes = xasprintf("{\"storage_controller\":\"%s\"}", rows[i].name);
        cleanup_reading struct reading r = accepted(changes, NULL);
        assert_int_equal(r.config.storage_controller, rows[i].value);
    }
}

static void each_domain_type_is_known(void **state)
{
    static const char *const names[] = {
        [DOMAIN_AUTO] = "auto", [DOMAIN_KVM] = "kvm", [DOMAIN_QEMU] = "qemu"
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        cleanup_free char *changes = xasprintf("{\"domain_type\":\"%s\"}", names[i]);
        cleanup_reading struct reading r = accepted(changes, NULL);
        assert_int_equal(r.config.domain_type, i);
    }
}

static void the_contexts_agent_overrides_whole_but_mbus_is_kept(void **state)
{
    static const char agent[] = "{\"agent\":{\"mbus\":\"m1\",\"ntp\":[\"a\"],\"blobstore\":{}}}";
    cleanup_reading struct reading r = accepted(agent, "{\"agent\":{\"ntp\":[\"b\"]}}");
    cleanup_reading struct reading null = accepted(agent, "{\"agent\":{\"mbus\":null}}");
    cleanup_reading struct reading own = accepted(agent, "{\"agent\":{\"mbus\":\"m2\"}}");
    cleanup_free char *text = json_print(r.config.agent);

    (void)state;
    assert_string_equal(text, "{\"ntp\":[\"b\"],\"mbus\":\"m1\"}");
    assert_string_equal(json_string(null.config.agent, "mbus"), "m1");
    assert_null(json_get(null.config.agent, "ntp"));
    assert_string_equal(json_string(own.config.agent, "mbus"), "m2");
}

static void unknown_keys_are_warned_of_and_ignored(void **state)
{
    cleanup_reading struct reading r = accepted("{\"colour\":\"red\"}", "{\"Store_dir\":\"/x\"}");

    (void)state;
    assert_string_equal(r.log.text,
                        "warning: config: 'colour' is not a key that cpi knows: it is ignored\n"
                        "warning: context: 'Store_dir' is not a key that cpi knows: it is "
                        "ignored\n");
    assert_string_equal(r.config.store_dir, "/store");
}

static void what_every_context_has_is_no_unknown_key(void **state)
{
    cleanup_reading struct reading r =
        accepted("{}", "{\"director_uuid\":\"d\",\"request_id\":\"cpi-1\","
                       "\"vm\":{\"stemcell\":{\"api_version\":3}}}");

    (void)state;
    assert_null(r.log.text);
}

/* Strings that the config derives must not be found in the file. */
static void no_unknown_key_takes_the_place_of_a_derived_value(void **state)
{
    cleanup_reading struct reading r =
        accepted("{\"/store_dir\":\"/evil\",\"/template_dir\":5,\"template_dir\":\"/t\","
                 "\"/uri\":\"qemu:///evil\",\"/host\":\"evil\",\"/username\":\"evil\","
                 "\"uri\":\"qemu+ssh://u@h/system\"}",
                 NULL);

    (void)state;
    assert_string_equal(r.config.store_dir, "/store");
    assert_non_null(r.config.template_dir);
    assert_string_equal(r.config.template_dir, "/t");
    assert_string_equal(r.config.ssh.host, "h");
    assert_string_equal(r.config.ssh.username, "u");
    assert_string_equal(r.config.uri, "qemu:///system");
}

static void home_is_expanded_in_paths(void **state)
{
    static const struct {
        const char *given, *expanded;
    } rows[] = {
        { "~/store", "/home/op/store" },
        { "$HOME/store", "/home/op/store" },
        { "${HOME}/store", "/home/op/store" },
        { "~", "/home/op" },
        { "/a/~/b", "/a/~/b" },
        { "/a$HOME", "/a$HOME" },
        { "/a/b///", "/a/b" },
        { "/", "/" },
    };

    (void)state;
    assert_int_equal(setenv("HOME", "/home/op", 1), 0);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_free char *changes = xasprintf("{\"store_dir\":\"%s\",\"template_dir\":\"%s\"}",
                                               rows[i].given, rows[i].given);
        cleanup_reading struct reading r = accepted(changes, NULL);
        assert_string_equal(r.config.store_dir, rows[i].expanded);
        assert_string_equal(r.config.template_dir, rows[i].expanded);
    }
}

static void bin_path_is_a_name_on_path_or_a_path(void **state)
{
    cleanup_reading struct reading name = accepted("{\"bin_path\":\"virsh-9\"}", NULL);

    (void)state;
    assert_string_equal(name.config.bin_path, "virsh-9");
    assert_int_equal(setenv("HOME", "/home/op", 1), 0);
    cleanup_reading struct reading path = accepted("{\"bin_path\":\"~/bin/virsh\"}", NULL);
    assert_string_equal(path.config.bin_path, "/home/op/bin/virsh");
}

static void a_uri_and_a_host_must_be_one_host(void **state)
{
    (void)state;
    refused("{\"host\":\"a\",\"uri\":\"qemu+ssh://b/system\"}", NULL,
            "'host' is 'a' but 'uri' leads to 'b'");
    cleanup_reading struct reading r =
        accepted("{\"host\":\"Host.Example\",\"uri\":\"qemu+ssh://host.example/system\"}", NULL);
    assert_string_equal(r.config.ssh.host, "Host.Example");
    assert_string_equal(r.config.uri, "qemu:///system");
}

static void an_ssh_uri_without_a_host_gives_host_and_user(void **state)
{
    cleanup_reading struct reading r =
        accepted("{\"uri\":\"qemu+ssh://admin@far.example:2222/system?keyfile=/k\"}", NULL);

    (void)state;
    assert_string_equal(r.config.ssh.host, "far.example");
    assert_string_equal(r.config.ssh.username, "admin");
    assert_string_equal(r.config.uri, "qemu:///system");
}

static void username_beats_the_user_of_the_uri(void **state)
{
    cleanup_reading struct reading r =
        accepted("{\"uri\":\"qemu+ssh://admin@h/system\",\"username\":\"root\"}", NULL);

    (void)state;
    assert_string_equal(r.config.ssh.username, "root");
}

static void a_remote_uri_is_a_local_one_on_the_host(void **state)
{
    cleanup_reading struct reading r =
        accepted("{\"uri\":\"qemu+tls://h/session\",\"host\":\"h\"}", NULL);

    (void)state;
    assert_string_equal(r.config.uri, "qemu:///session");
    assert_string_equal(r.config.ssh.host, "h");
}

static void another_remote_transport_needs_a_host(void **state)
{
    static const char *const uris[] = { "qemu+tls://h/system", "qemu+tcp://h/system",
                                        "qemu://h/system", "qemu+libssh2://h/system" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(uris); i++) {
        cleanup_free char *changes = xasprintf("{\"uri\":\"%s\"}", uris[i]);
        refused(changes, NULL,
                "'uri' leads to 'h' without ssh, and the files of store_dir are there too: set "
                "'host', 'username' and 'private_key', or use qemu+ssh://");
    }
}

static void a_uri_on_this_machine_stays_as_it_is(void **state)
{
    cleanup_reading struct reading r =
        accepted("{\"uri\":\"qemu+unix:///system?socket=/run/s\"}", NULL);

    (void)state;
    assert_string_equal(r.config.uri, "qemu+unix:///system?socket=/run/s");
    assert_null(r.config.ssh.host);
}

static void a_remote_uri_says_all_of_how_to_get_there(void **state)
{
    cleanup_reading struct reading r = accepted(
        "{\"uri\":\"xen+ssh://o%40p@[fd00::1]:2222/?no_tty=1&keyfile=/a%20key&no_verify=1\","
        "\"hypervisor\":\"xen\"}",
        NULL);

    (void)state;
    assert_string_equal(r.config.ssh.host, "fd00::1");
    assert_int_equal(r.config.ssh.port, 2222);
    assert_string_equal(r.config.ssh.private_key, "/a key");
    assert_string_equal(r.config.uri, "xen:///");
    expect_part(r.log.text, "'no_verify' in 'uri' is ignored");
}

static void what_the_config_says_counts_before_its_uri(void **state)
{
    cleanup_reading struct reading r =
        accepted("{\"uri\":\"qemu+ssh://u@h:1/system?keyfile=/k\",\"host\":\"H\",\"port\":2,"
                 "\"username\":\"v\",\"private_key\":\"-----BEGIN A KEY-----\"}",
                 NULL);

    (void)state;
    assert_string_equal(r.config.ssh.host, "H");
    assert_int_equal(r.config.ssh.port, 2);
    assert_string_equal(r.config.ssh.username, "v");
    assert_string_equal(r.config.ssh.private_key, "-----BEGIN A KEY-----");
}

static void the_port_of_another_transport_is_not_sshds(void **state)
{
    cleanup_reading struct reading r =
        accepted("{\"uri\":\"qemu+tcp://h:16509/system\",\"host\":\"h\"}", NULL);

    (void)state;
    assert_int_equal(r.config.ssh.port, 0);
}

static void host_keys_are_one_or_several(void **state)
{
    cleanup_reading struct reading one = accepted("{\"host\":\"h\",\"host_key\":\"k\"}", NULL);
    cleanup_reading struct reading two =
        accepted("{\"host\":\"h\",\"host_key\":[\"k\",\"l\"]}", NULL);

    (void)state;
    assert_int_equal(strings_count(one.config.ssh.host_keys), 1);
    assert_string_equal(two.config.ssh.host_keys[1], "l");
}

/* What ssh would take for an option, or a shell for more than a name. */
static void names_that_could_do_harm_are_refused(void **state)
{
    static const char *const changes[] = {
        "{\"host\":\"-oProxyCommand=x\"}",
        "{\"host\":\"a b\"}",
        "{\"host\":\"a;b\"}",
        "{\"host\":\"h\",\"username\":\"-l\"}",
        "{\"host\":\"h\",\"username\":\"a b\"}",
        "{\"host\":\"h\",\"username\":\"$(id)\"}",
        "{\"host\":\"h\",\"proxy_jump\":\"-x\"}",
        "{\"host\":\"h\",\"proxy_jump\":\"a,b\"}",
        "{\"host\":\"h\",\"proxy_jump\":\"u@h:x\"}",
        "{\"host\":\"h\",\"private_key\":\"relative\"}",
        "{\"host\":\"h\",\"port\":0}",
        "{\"host\":\"h\",\"port\":65536}",
        "{\"host\":\"h\",\"host_key\":[]}",
        "{\"host\":\"h\",\"host_key\":[1]}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        cleanup_reading struct reading r = take(changes[i], NULL);
        expect_part(r.err.message ? r.err.message : changes[i], "must be");
    }
}

static void the_home_directory_of_another_host_is_its_own(void **state)
{
    cleanup_reading struct reading r =
        accepted("{\"host\":\"h\",\"store_dir\":\"~/store\",\"bin_path\":\"$HOME/virsh\"}", NULL);

    (void)state;
    assert_string_equal(r.config.store_dir, "~/store");
    assert_string_equal(r.config.bin_path, "$HOME/virsh");
}

/* The file's host is still meant, or the call would work on this machine. */
static void another_hypervisor_does_not_lose_the_files_host(void **state)
{
    cleanup_reading struct reading r =
        accepted("{\"uri\":\"qemu+ssh://u@h:5/system?keyfile=/k\"}", "{\"hypervisor\":\"lxc\"}");

    (void)state;
    assert_string_equal(r.config.ssh.host, "h");
    assert_string_equal(r.config.ssh.username, "u");
    assert_string_equal(r.config.ssh.private_key, "/k");
    assert_int_equal(r.config.ssh.port, 5);
    assert_string_equal(r.config.uri, "lxc:///");
}

static void a_contexts_host_forgets_every_key_of_the_files(void **state)
{
    cleanup_reading struct reading r =
        accepted("{\"host\":\"a\",\"port\":5,\"host_key\":\"k\",\"proxy_jump\":\"j\","
                 "\"ssh_config\":\"/c\",\"connect_timeout\":7}",
                 "{\"uri\":\"qemu+ssh://b/system\"}");

    (void)state;
    assert_string_equal(r.config.ssh.host, "b");
    assert_int_equal(r.config.ssh.port, 0);
    assert_null(r.config.ssh.host_keys);
    assert_null(r.config.ssh.proxy_jump);
    assert_null(r.config.ssh.ssh_config);
    assert_int_equal(r.config.ssh.connect_timeout, 7);
}

static const char file_host[] = "{\"host\":\"a\",\"username\":\"ua\",\"private_key\":\"/ka\","
                                "\"uri\":\"qemu+ssh://ua@a/system\"}";

static void a_contexts_host_forgets_what_belongs_to_the_files(void **state)
{
    cleanup_reading struct reading r = accepted(file_host, "{\"host\":\"b\"}");

    (void)state;
    assert_string_equal(r.config.ssh.host, "b");
    assert_null(r.config.ssh.username);
    assert_null(r.config.ssh.private_key);
    assert_string_equal(r.config.uri, "qemu:///system");
}

static void a_contexts_remote_uri_forgets_what_belongs_to_the_files(void **state)
{
    cleanup_reading struct reading r = accepted(file_host, "{\"uri\":\"qemu+ssh://ub@b/session\"}");

    (void)state;
    assert_string_equal(r.config.ssh.host, "b");
    assert_string_equal(r.config.ssh.username, "ub");
    assert_null(r.config.ssh.private_key);
    assert_string_equal(r.config.uri, "qemu:///session");
}

static void a_contexts_own_keys_of_its_host_count(void **state)
{
    cleanup_reading struct reading r =
        accepted(file_host, "{\"host\":\"b\",\"username\":\"ub\",\"private_key\":\"/kb\"}");

    (void)state;
    assert_string_equal(r.config.ssh.username, "ub");
    assert_string_equal(r.config.ssh.private_key, "/kb");
}

static void a_contexts_local_uri_forgets_nothing(void **state)
{
    cleanup_reading struct reading r =
        accepted("{\"host\":\"a\",\"username\":\"ua\"}", "{\"uri\":\"qemu:///session\"}");

    (void)state;
    assert_string_equal(r.config.ssh.host, "a");
    assert_string_equal(r.config.ssh.username, "ua");
    assert_string_equal(r.config.uri, "qemu:///session");
}

static void another_hypervisor_drops_the_files_uri(void **state)
{
    cleanup_reading struct reading r =
        accepted("{\"uri\":\"qemu:///session\"}", "{\"hypervisor\":\"lxc\"}");
    cleanup_reading struct reading own = accepted(
        "{\"uri\":\"qemu:///session\"}", "{\"hypervisor\":\"xen\",\"uri\":\"xen:///mine\"}");

    (void)state;
    assert_string_equal(r.config.uri, "lxc:///");
    assert_string_equal(own.config.uri, "xen:///mine");
}

static void the_same_hypervisor_keeps_the_files_uri(void **state)
{
    cleanup_reading struct reading said = accepted(
        "{\"hypervisor\":\"qemu\",\"uri\":\"qemu:///session\"}", "{\"hypervisor\":\"qemu\"}");
    cleanup_reading struct reading silent =
        accepted("{\"uri\":\"qemu:///session\"}", "{\"hypervisor\":\"qemu\"}");

    (void)state;
    assert_string_equal(said.config.uri, "qemu:///session");
    assert_string_equal(silent.config.uri, "qemu:///session");
}

static void release_empties(void **state)
{
    struct reading r = accepted("{}", NULL);

    (void)state;
    release(&r);
    assert_null(r.config.document);
    assert_null(r.config.store_dir);
    config_release(&r.config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_said_has_its_default),
        cmocka_unit_test(every_hypervisor_has_its_own_default_uri),
        cmocka_unit_test(vmwares_uri_becomes_that_of_its_product),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(the_context_overrides_key_for_key),
        cmocka_unit_test(what_the_context_does_not_name_stays),
        cmocka_unit_test(the_context_overrides_a_key_that_is_there_twice),
        cmocka_unit_test(null_is_absent),
        cmocka_unit_test(each_required_key_is_missed_by_name),
        cmocka_unit_test(each_value_of_the_wrong_kind_is_named),
        cmocka_unit_test(mbus_is_required),
        cmocka_unit_test(all_complaints_come_at_once),
        cmocka_unit_test(storage_controller_has_no_case),
        cmocka_unit_test(each_domain_type_is_known),
        cmocka_unit_test(the_contexts_agent_overrides_whole_but_mbus_is_kept),
        cmocka_unit_test(unknown_keys_are_warned_of_and_ignored),
        cmocka_unit_test(what_every_context_has_is_no_unknown_key),
        cmocka_unit_test(no_unknown_key_takes_the_place_of_a_derived_value),
        cmocka_unit_test(home_is_expanded_in_paths),
        cmocka_unit_test(bin_path_is_a_name_on_path_or_a_path),
        cmocka_unit_test(a_uri_and_a_host_must_be_one_host),
        cmocka_unit_test(an_ssh_uri_without_a_host_gives_host_and_user),
        cmocka_unit_test(username_beats_the_user_of_the_uri),
        cmocka_unit_test(a_remote_uri_is_a_local_one_on_the_host),
        cmocka_unit_test(another_remote_transport_needs_a_host),
        cmocka_unit_test(a_uri_on_this_machine_stays_as_it_is),
        cmocka_unit_test(a_contexts_host_forgets_what_belongs_to_the_files),
        cmocka_unit_test(a_contexts_remote_uri_forgets_what_belongs_to_the_files),
        cmocka_unit_test(a_contexts_own_keys_of_its_host_count),
        cmocka_unit_test(a_contexts_local_uri_forgets_nothing),
        cmocka_unit_test(another_hypervisor_drops_the_files_uri),
        cmocka_unit_test(a_remote_uri_says_all_of_how_to_get_there),
        cmocka_unit_test(what_the_config_says_counts_before_its_uri),
        cmocka_unit_test(the_port_of_another_transport_is_not_sshds),
        cmocka_unit_test(host_keys_are_one_or_several),
        cmocka_unit_test(names_that_could_do_harm_are_refused),
        cmocka_unit_test(the_home_directory_of_another_host_is_its_own),
        cmocka_unit_test(another_hypervisor_does_not_lose_the_files_host),
        cmocka_unit_test(a_contexts_host_forgets_every_key_of_the_files),
        cmocka_unit_test(the_same_hypervisor_keeps_the_files_uri),
        cmocka_unit_test(release_empties),
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
