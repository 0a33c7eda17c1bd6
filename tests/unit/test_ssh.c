#include "unit.h"

#include "cpi/ssh.h"

static const struct log quiet;

#define cleanup_ssh cleanup(ssh_release)

static struct ssh ready(const struct ssh_target *target)
{
    struct ssh ssh;
    struct error err = { 0 };
    struct ssh_target timed = *target;

    timed.connect_timeout = timed.keepalive = 7;
    assert_int_equal(ssh_init(&ssh, &timed, &quiet, &err), 0);
    expect_no_error(&err);
    return ssh;
}

/* The words with a space between them. */
static char *argv_of(const struct ssh *ssh)
{
    cleanup_strings char **argv = ssh_argv(ssh, "the line");
    char *text = NULL;
    size_t length;
    FILE *out = text_open(&text, &length);

    for (char **word = argv; *word; word++)
        fprintf(out, "%s ", *word);
    text_close(out);
    return text;
}

static void nothing_is_trusted_or_asked(void **state)
{
    static const char *const words[] = {
        "ssh -F none -T ",     "-oBatchMode=yes ",      "-oStrictHostKeyChecking=yes ",
        "-oForwardAgent=no ",  "-oIdentityAgent=none ", "-oIdentitiesOnly=yes ",
        "-oControlMaster=no ", "-oConnectTimeout=7 ",   "-oServerAliveInterval=7 ",
        "-oLogLevel=ERROR ",   " -- h the line ",       "-oPermitLocalCommand=no ",
    };
    cleanup_ssh struct ssh ssh = ready(&(struct ssh_target){ .host = "h" });
    cleanup_free char *text = argv_of(&ssh);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        expect_part(text, words[i]);
    expect_absent(text, "KnownHostsFile");
    expect_absent(text, " -i ");
    expect_absent(text, " -l");
    expect_absent(text, " -p");
    expect_absent(text, "ProxyCommand");
}

static void user_port_key_and_configuration_are_named(void **state)
{
    cleanup_free char *key = xasprintf("%s/100%% key", (char *)*state);
    cleanup_free char *path = xasprintf(" -i %s/100%%%% key ", (char *)*state);

    unit_write_text(key, "k");
    cleanup_ssh struct ssh ssh = ready(&(struct ssh_target){
        .host = "h", .username = "u", .port = 2222, .private_key = key, .ssh_config = key });
    cleanup_free char *text = argv_of(&ssh);
    cleanup_free char *config = xasprintf("ssh -F %s ", key);

    expect_part(text, " -lu -p2222 -- h ");
    expect_part(text, path);
    expect_part(text, config);
}

/* What ssh would read. */
static char *content_of(const char *argv, const char *before)
{
    const char *at = strstr(argv, before);

    assert_non_null(at);
    at += strlen(before);
    cleanup_free char *path = xstrndup(at, strcspn(at, " "));
    assert_int_equal(strncmp(path, "/proc/", 6), 0);
    size_t length;
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    return unit_read(path, &length);
}

static void a_key_that_is_text_is_in_a_file_without_a_name(void **state)
{
    static const char key[] = "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n-----END";
    cleanup_ssh struct ssh ssh = ready(&(struct ssh_target){ .host = "h", .private_key = key });
    cleanup_free char *text = argv_of(&ssh);
    cleanup_free char *content = content_of(text, " -i ");

    (void)state;
    expect_absent(text, "secret");
    assert_string_equal(content, "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n-----END\n");
}

static void pinned_keys_are_the_only_known_hosts(void **state)
{
    char bare[] = "ssh-ed25519 AAAA", lines[] = "j ssh-rsa BBBB\nssh-rsa CCCC comment\n";
    char *keys[] = { bare, lines, NULL };
    cleanup_ssh struct ssh ssh = ready(&(struct ssh_target){ .host = "h", .host_keys = keys });
    cleanup_ssh struct ssh odd =
        ready(&(struct ssh_target){ .host = "fd00::1", .port = 23, .host_keys = keys });
    cleanup_free char *text = argv_of(&ssh), *odd_text = argv_of(&odd);
    cleanup_free char *content = content_of(text, "-oUserKnownHostsFile=");
    cleanup_free char *odd_content = content_of(odd_text, "-oUserKnownHostsFile=");

    (void)state;
    expect_part(text, "-oGlobalKnownHostsFile=/dev/null ");
    assert_string_equal(content, "h ssh-ed25519 AAAA\nj ssh-rsa BBBB\nh ssh-rsa CCCC comment\n");
    assert_int_equal(strncmp(odd_content, "[fd00::1]:23 ssh-ed25519 AAAA\n", 30), 0);
}

static void the_way_over_another_host_has_the_same_options(void **state)
{
    cleanup_ssh struct ssh ssh =
        ready(&(struct ssh_target){ .host = "h", .username = "u", .proxy_jump = "v@[fd00::2]:24" });
    cleanup_free char *text = argv_of(&ssh);

    (void)state;
    expect_part(text, "-oProxyCommand=ssh -F none -T -oBatchMode=yes -oStrictHostKeyChecking=yes");
    expect_part(text, "-lv -p24 -W '[%h]:%p' -- fd00::2 ");
}

static void a_private_key_that_cannot_be_read_is_named(void **state)
{
    const struct ssh_target target = { .host = "h", .private_key = "/no/such" };
    struct ssh ssh;
    struct error err = { 0 };

    (void)state;
    assert_int_equal(ssh_init(&ssh, &target, &quiet, &err), -1);
    expect_error(&err, ERROR_CPI, "cannot read the private_key '/no/such': No such file");
}

static void what_ssh_says_is_told_with_what_to_do(void **state)
{
    static const struct {
        const char *said, *told;
        bool retriable;
    } rows[] = {
        { "u@h: Permission denied (publickey).\r\n", "authorized_keys", false },
        { "ssh: connect to host h port 22: Connection refused\r\n", "is sshd running", true },
        { "ssh: connect to host h port 22: Connection timed out\r\n", "firewall", true },
        { "ssh: connect to host h port 22: No route to host\r\n", "is the host up?", true },
        { "ssh: Could not resolve hostname h: Name or service not known\r\n", "the name", false },
        { "ssh: Could not resolve hostname h: Temporary failure in name resolution\r\n",
          "name service", true },
        { "kex_exchange_identification: Connection closed by remote host\r\nConnection closed by "
          "::1 port 22\r\n",
          "MaxStartups", true },
        { "Load key \"/proc/1/fd/3\": error in libcrypto\r\nu@h: Permission denied "
          "(publickey).\r\n",
          "Load key", false },
        { "", "ssh gave no reason", false },
        { "something new\n", "something new", false },
    };
    cleanup_ssh struct ssh ssh = ready(&(struct ssh_target){ .host = "h", .username = "u" });

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct error err = { 0 };
        ssh_explain(&ssh, rows[i].said, &err);
        assert_int_equal(err.ok_to_retry, rows[i].retriable);
        expect_part(err.message, "host 'h'");
        expect_error(&err, ERROR_CLOUD, rows[i].told);
    }
}

/* ssh's last line is about a connection that there never was. */
static void what_fails_on_the_way_is_told_as_such(void **state)
{
    static const char ending[] =
        "kex_exchange_identification: Connection closed by remote host\r\n";
    static const struct {
        const char *said, *told;
        bool retriable;
    } rows[] = {
        { "v@j: Permission denied (publickey).\r\n",
          "host 'h' as u by way of 'v@j:24': v@j: Permission denied (publickey). (is ", false },
        { "ssh: connect to host j port 24: Connection refused\r\n",
          "'v@j:24': ssh: connect to host j port 24: Connection refused (is sshd running", true },
        { "stdio forwarding failed\r\n", "(the host of proxy_jump does not get through to it",
          true },
        { "Load key \"/k\": error in libcrypto\r\nv@j: Permission denied (publickey).\r\n",
          "'v@j:24': Load key \"/k\": error in libcrypto (private_key is not", false },
        { "", "Connection closed by remote host (its sshd may be busy", true },
    };
    cleanup_ssh struct ssh ssh =
        ready(&(struct ssh_target){ .host = "h", .username = "u", .proxy_jump = "v@j:24" });

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_free char *said = xasprintf("%s%s", rows[i].said, ending);
        struct error err = { 0 };
        ssh_explain(&ssh, said, &err);
        assert_int_equal(err.ok_to_retry, rows[i].retriable);
        expect_part(err.message, rows[i].told);
        expect_error(&err, ERROR_CLOUD, "cannot connect to");
    }
}

static void the_host_of_proxy_jump_is_reached_as_the_way_is(void **state)
{
    char text[] = "[fd00::2]:24", keys[] = "ssh-ed25519 AAAA", *list[] = { keys, NULL };
    cleanup_ssh struct ssh ssh = ready(&(struct ssh_target){
        .host = "h", .username = "u", .port = 7, .host_keys = list, .proxy_jump = text });
    cleanup_free char *copy = xstrdup(text);
    const struct ssh jump = ssh_to_jump(&ssh, copy);
    cleanup_free char *argv = argv_of(&jump);

    (void)state;
    expect_part(argv, " -lu -p24 -- fd00::2 the line ");
    expect_part(argv, "-oUserKnownHostsFile=/proc/");
    expect_absent(argv, "ProxyCommand");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_trusted_or_asked),
        IN_DIRECTORY(user_port_key_and_configuration_are_named),
        cmocka_unit_test(a_key_that_is_text_is_in_a_file_without_a_name),
        cmocka_unit_test(pinned_keys_are_the_only_known_hosts),
        cmocka_unit_test(the_way_over_another_host_has_the_same_options),
        cmocka_unit_test(a_private_key_that_cannot_be_read_is_named),
        cmocka_unit_test(what_ssh_says_is_told_with_what_to_do),
        cmocka_unit_test(what_fails_on_the_way_is_told_as_such),
        cmocka_unit_test(the_host_of_proxy_jump_is_reached_as_the_way_is),
    };

    return cmocka_run_group_tests_name("ssh", tests, NULL, NULL);
}
