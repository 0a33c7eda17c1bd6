#include "cpi/config_reader.h"

#include "cpi/json.h"
#include "cpi/uri.h"

#include <string.h>
#include <strings.h>

bool config_is_remote_uri(const char *text)
{
    cleanup_uri struct uri uri = { 0 };

    return text && uri_parse(text, &uri) && uri_is_remote(&uri);
}

static bool is_ssh(const struct uri *uri)
{
    return uri->transport && strcmp(uri->transport, "ssh") == 0;
}

static void put_missing(cJSON *document, const char *name, const char *value)
{
    if (value && !json_get(document, name))
        json_put_string(document, name, value);
}

bool config_unfold_uri(cJSON *document)
{
    const char *text = json_string(document, "uri");
    cleanup_uri struct uri uri = { 0 };

    if (!text || !uri_parse(text, &uri) || !uri_is_remote(&uri))
        return true;
    if (!json_get(document, "host") && !is_ssh(&uri))
        return false;
    cleanup_free char *key = uri_parameter(&uri, "keyfile");
    put_missing(document, "host", uri.host);
    put_missing(document, "username", uri.user);
    put_missing(document, "private_key", key);
    if (uri.port && is_ssh(&uri) && !json_get(document, "port"))
        json_put_number(document, "port", uri.port);
    return true;
}

/* Parameters that would have libvirt trust more, or another program, than we do. */
static void warn_ignored(struct reader *r, const struct uri *uri)
{
    static const char *const ignored[] = { "no_verify", "known_hosts", "known_hosts_verify",
                                           "sshauth",   "command",     "netcat",
                                           "no_tty",    "proxy",       "socket" };

    for (size_t i = 0; i < ARRAY_SIZE(ignored); i++) {
        cleanup_free char *value = uri_parameter(uri, ignored[i]);
        if (value)
            log_note(r->log,
                     "warning: config: '%s' in 'uri' is ignored: cpi itself makes the connection, "
                     "see host_key and ssh_config",
                     ignored[i]);
    }
}

static void take_from_uri(struct reader *r, const struct uri *uri)
{
    struct ssh_target *ssh = &r->config->ssh;
    cleanup_free char *key = uri_parameter(uri, "keyfile");

    if (!ssh->host)
        ssh->host = config_own(r, "host", xstrdup(uri->host));
    if (!ssh->username && uri->user)
        ssh->username = config_own(r, "username", xstrdup(uri->user));
    if (!ssh->private_key && key)
        ssh->private_key = config_own(r, "keyfile", steal_pointer(&key));
    /* The port of another transport is not sshd's. */
    if (!ssh->port && is_ssh(uri))
        ssh->port = uri->port;
    warn_ignored(r, uri);
    /* virsh runs on that host, where the connection is a local one. */
    r->config->uri = config_own(r, "uri", xasprintf("%s://%s", uri->driver, uri->path));
}

/* libvirt knows no "vmware://", but a scheme for each of VMware's products. */
static void read_vmware_uri(struct reader *r, const struct uri *uri)
{
    const char *product = json_string(r->document, "vmware_product");
    const char *scheme = uri_vmware_scheme(product);

    if (strcmp(r->config->hypervisor->name, "vmware") != 0)
        return;
    if (!scheme)
        config_complain(
            r, "'vmware_product' is '%s' but must be one of workstation, player, fusion", product);
    else if (strcmp(uri->driver, "vmware") == 0)
        r->config->uri = config_own(r, "uri", xasprintf("%s://%s", scheme, uri->path));
    else if (product && strcmp(uri->driver, scheme) != 0)
        config_complain(r, "'vmware_product' is '%s' but 'uri' is for the driver '%s'", product,
                        uri->driver);
}

static void read_uri(struct reader *r)
{
    const struct hypervisor *hypervisor = r->config->hypervisor;
    struct config *config = r->config;
    cleanup_uri struct uri uri = { 0 };

    if (!hypervisor)
        return;
    if (!config->uri)
        config->uri = hypervisor->default_uri;
    if (!uri_parse(config->uri, &uri)) {
        config_complain(r, "'uri' is not a libvirt connection URI such as %s",
                        hypervisor->default_uri);
        return;
    }
    if (!strings_contain((char *const *)hypervisor->uri_drivers, uri.driver))
        config_complain(r, "'uri' is for the driver '%s' but 'hypervisor' is '%s'", uri.driver,
                        hypervisor->name);
    if (!uri_is_remote(&uri)) {
        read_vmware_uri(r, &uri);
        return;
    }
    if (config->ssh.host && strcasecmp(config->ssh.host, uri.host) != 0)
        config_complain(r, "'host' is '%s' but 'uri' leads to '%s'", config->ssh.host, uri.host);
    if (!config->ssh.host && !is_ssh(&uri))
        config_complain(r,
                        "'uri' leads to '%s' without ssh, and the files of store_dir are there "
                        "too: set 'host', 'username' and 'private_key', or use %s+ssh://",
                        uri.host, uri.driver);
    take_from_uri(r, &uri);
    read_vmware_uri(r, &uri);
}

static void check(struct reader *r, const char *key, const char *value,
                  const char *(*wrong)(const char *))
{
    const char *why = value ? wrong(value) : NULL;

    if (why)
        config_complain(r, "'%s' %s", key, why);
}

void config_read_host(struct reader *r)
{
    struct ssh_target *ssh = &r->config->ssh;

    read_uri(r);
    check(r, "host", ssh->host, ssh_host_wrong);
    check(r, "username", ssh->username, ssh_username_wrong);
    check(r, "proxy_jump", ssh->proxy_jump, ssh_proxy_jump_wrong);
    ssh->host_keys = r->config->host_keys;
}
