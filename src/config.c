#include "cpi/config_reader.h"

#include "cpi/host.h"
#include "cpi/json.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum kind { STRING, BOOLEAN, SECONDS, PORT, COUNT, STRINGS, OBJECT };

struct key {
    const char *name;
    enum kind kind;
    size_t offset; /* of the member of struct config */
    bool of_host;  /* says how to reach the host, so belongs to one host only */
    bool required;
};

#define MEMBER(member) offsetof(struct config, member)
#define NO_MEMBER SIZE_MAX

static const struct key keys[] = {
    { .name = "hypervisor", .kind = STRING, .offset = NO_MEMBER },
    { .name = "uri", .kind = STRING, .offset = MEMBER(uri) },
    { .name = "bin_path", .kind = STRING, .offset = MEMBER(bin_path) },
    { .name = "store_dir", .kind = STRING, .offset = MEMBER(store_dir), .required = true },
    { .name = "storage_controller", .kind = STRING, .offset = NO_MEMBER, .required = true },
    { .name = "auto_enable_networks", .kind = BOOLEAN, .offset = MEMBER(auto_enable_networks) },
    { .name = "agent", .kind = OBJECT, .offset = MEMBER(agent), .required = true },
    { .name = "host", .kind = STRING, .offset = MEMBER(ssh.host), .of_host = true },
    { .name = "username", .kind = STRING, .offset = MEMBER(ssh.username), .of_host = true },
    { .name = "private_key", .kind = STRING, .offset = MEMBER(ssh.private_key), .of_host = true },
    { .name = "port", .kind = PORT, .offset = MEMBER(ssh.port), .of_host = true },
    { .name = "host_key", .kind = STRINGS, .offset = MEMBER(host_keys), .of_host = true },
    { .name = "proxy_jump", .kind = STRING, .offset = MEMBER(ssh.proxy_jump), .of_host = true },
    { .name = "ssh_config", .kind = STRING, .offset = MEMBER(ssh.ssh_config), .of_host = true },
    { .name = "connect_timeout", .kind = SECONDS, .offset = MEMBER(ssh.connect_timeout) },
    { .name = "keepalive", .kind = SECONDS, .offset = MEMBER(ssh.keepalive) },
    { .name = "vmware_product", .kind = STRING, .offset = NO_MEMBER },
    { .name = "keep_failed_vms", .kind = BOOLEAN, .offset = MEMBER(keep_failed_vms) },
    { .name = "domain_type", .kind = STRING, .offset = NO_MEMBER },
    { .name = "default_network", .kind = STRING, .offset = MEMBER(default_network) },
    { .name = "template_dir", .kind = STRING, .offset = MEMBER(template_dir) },
    { .name = "stemcell_compress", .kind = BOOLEAN, .offset = MEMBER(stemcell_compress) },
    { .name = "command_timeout", .kind = SECONDS, .offset = MEMBER(command_timeout) },
    { .name = "detach_timeout", .kind = SECONDS, .offset = MEMBER(detach_timeout) },
    { .name = "lock_timeout", .kind = SECONDS, .offset = MEMBER(lock_timeout) },
    { .name = "max_parallel", .kind = COUNT, .offset = MEMBER(max_parallel) },
};

/* The keys that every context may have beside a cpi-config entry's properties. */
static const char *const context_keys[] = { "director_uuid", "request_id", "vm" };

static const struct {
    const char *name;
    enum storage_controller value;
} controllers[] = { { "IDE", CONTROLLER_IDE },
                    { "SCSI", CONTROLLER_SCSI },
                    { "SATA", CONTROLLER_SATA },
                    { "VIRTIO", CONTROLLER_VIRTIO } };

void config_complain(struct reader *r, const char *format, ...)
{
    va_list arguments;

    if (r->count++)
        fputs("; ", r->complaints);
    va_start(arguments, format);
    vfprintf(r->complaints, format, arguments);
    va_end(arguments);
}

static const struct key *find_key(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

static void warn_unknown(const cJSON *object, const char *where, struct log *log)
{
    const cJSON *member;

    cJSON_ArrayForEach (member, object) {
        bool known = find_key(member->string) != NULL;
        for (size_t i = 0; i < ARRAY_SIZE(context_keys); i++)
            known = known || strcmp(member->string, context_keys[i]) == 0;
        if (!known)
            log_note(log, "warning: %s: '%s' is not a key that cpi knows: it is ignored", where,
                     member->string);
    }
}

/* A file may hold a key twice, and cJSON keeps both. */
static void drop(cJSON *object, const char *name)
{
    cJSON *item;

    while ((item = cJSON_DetachItemFromObjectCaseSensitive(object, name)))
        cJSON_Delete(item);
}

/* State of one host is never asked on another: what says how to reach the file's host goes. */
static void forget_host(cJSON *document)
{
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (keys[i].of_host)
            drop(document, keys[i].name);
    if (config_is_remote_uri(json_string(document, "uri")))
        drop(document, "uri");
}

static void put_over(cJSON *document, const char *name, const cJSON *value)
{
    cJSON *copy = json_copy(value);

    if (strcmp(name, "agent") == 0 && cJSON_IsObject(copy) && !json_get(copy, "mbus")) {
        const cJSON *mbus = json_get(json_get(document, "agent"), "mbus");
        drop(copy, "mbus");
        if (mbus)
            json_put(copy, "mbus", json_copy(mbus));
    }
    drop(document, name);
    json_put(document, name, copy);
}

static void merge_context(cJSON *document, const cJSON *context)
{
    const char *hypervisor = json_string(context, "hypervisor");
    const char *before = json_string(document, "hypervisor");

    if (json_get(context, "host") || config_is_remote_uri(json_string(context, "uri")))
        forget_host(document);
    /* A uri of the hypervisor that was would only contradict the new one. */
    if (hypervisor && strcmp(hypervisor, before ? before : "qemu") != 0 &&
        config_unfold_uri(document))
        drop(document, "uri");
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const cJSON *value = json_get(context, keys[i].name);
        if (value)
            put_over(document, keys[i].name, value);
    }
}

static void *member_of(struct config *config, const struct key *key)
{
    return (char *)config + key->offset;
}

/* One string, or a list of them. */
static void read_strings(struct reader *r, const struct key *key, const cJSON *value)
{
    char ***list = member_of(r->config, key);
    const cJSON *item;

    if (cJSON_IsString(value) && *value->valuestring)
        strings_add(list, value->valuestring);
    cJSON_ArrayForEach (item, value)
        if (cJSON_IsString(item) && *item->valuestring)
            strings_add(list, item->valuestring);
    if ((cJSON_IsArray(value) ? (size_t)cJSON_GetArraySize(value) : 1) != strings_count(*list) ||
        !*list)
        config_complain(r, "'%s' must be a string or a list of strings, none of them empty",
                        key->name);
}

static void read_key(struct reader *r, const struct key *key)
{
    static const uint64_t seconds[] = { 1, 86400 }, ports[] = { 1, 65535 }, counts[] = { 0, 1000 };
    const cJSON *value = json_get(r->document, key->name);
    cleanup_error struct error err = { 0 };
    uint64_t number = 0;

    if (!value) {
        if (key->required)
            config_complain(r, "'%s' is required", key->name);
        return;
    }
    if (key->kind == STRING && (!cJSON_IsString(value) || !*value->valuestring))
        config_complain(r, "'%s' must be a string that is not empty", key->name);
    else if (key->kind == BOOLEAN && !cJSON_IsBool(value))
        config_complain(r, "'%s' must be true or false", key->name);
    else if (key->kind == OBJECT && !cJSON_IsObject(value))
        config_complain(r, "'%s' must be an object", key->name);
    else if (key->kind == SECONDS && json_whole(value, key->name, seconds, &number, &err) < 0)
        config_complain(r, "%s of seconds", err.message);
    else if ((key->kind == PORT || key->kind == COUNT) &&
             json_whole(value, key->name, key->kind == PORT ? ports : counts, &number, &err) < 0)
        config_complain(r, "%s", err.message);
    else if (key->kind == STRINGS)
        read_strings(r, key, value);
    else if (key->offset == NO_MEMBER)
        return;
    else if (key->kind == STRING)
        *(const char **)member_of(r->config, key) = value->valuestring;
    else if (key->kind == BOOLEAN)
        *(bool *)member_of(r->config, key) = cJSON_IsTrue(value);
    else if (key->kind == OBJECT)
        *(const cJSON **)member_of(r->config, key) = value;
    else
        *(int *)member_of(r->config, key) = (int)number;
}

static void read_hypervisor(struct reader *r)
{
    const char *name = json_string(r->document, "hypervisor");

    r->config->hypervisor = hypervisor_find(name ? name : "qemu");
    if (!r->config->hypervisor) {
        cleanup_free char *names = hypervisor_names();
        config_complain(r, "'hypervisor' is '%s' but must be one of %s", name, names);
    }
}

static void read_default_network(struct reader *r)
{
    const struct hypervisor *hypervisor = r->config->hypervisor;
    const char *usual = hypervisor ? hypervisor->default_network : NULL;

    if (!r->config->default_network)
        r->config->default_network = usual ? usual : "default";
}

static void read_controller(struct reader *r)
{
    const char *name = json_string(r->document, "storage_controller");

    for (size_t i = 0; name && i < ARRAY_SIZE(controllers); i++)
        if (strcasecmp(controllers[i].name, name) == 0) {
            r->config->storage_controller = controllers[i].value;
            return;
        }
    if (name)
        config_complain(
            r, "'storage_controller' is '%s' but must be one of IDE, SCSI, SATA, VIRTIO", name);
}

static void read_domain_type(struct reader *r)
{
    static const char *const names[] = { "auto", "kvm", "qemu" };
    const char *name = json_string(r->document, "domain_type");

    for (size_t i = 0; name && i < ARRAY_SIZE(names); i++)
        if (strcmp(names[i], name) == 0) {
            r->config->domain_type = (enum domain_type)i;
            return;
        }
    if (name)
        config_complain(r, "'domain_type' is '%s' but must be one of auto, kvm, qemu", name);
}

const char *config_own(struct reader *r, const char *name, char *text)
{
    cleanup_free char *owned = text;
    cleanup_free char *key = xasprintf("/%s", name);

    drop(r->document, key);
    json_put_string(r->document, key, owned);
    return json_string(r->document, key);
}

/* Makes a path absolute; both kinds of complaint name the key. */
static const char *expand(struct reader *r, const char *key, const char *path)
{
    if (!path)
        return NULL;
    cleanup_error struct error err = { 0 };
    cleanup_free char *expanded = host_expand(NULL, path, &err);
    if (!expanded) {
        config_complain(r, "'%s' starts with the home directory, which is not known: set HOME",
                        key);
        return path;
    }
    if (*expanded != '/')
        config_complain(r, "'%s' must be an absolute path", key);
    for (const char *c = expanded; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            config_complain(r, "'%s' must not hold control characters", key);
            break;
        }
    size_t length = strlen(expanded);
    while (length > 1 && expanded[length - 1] == '/')
        expanded[--length] = '\0';
    return config_own(r, key, steal_pointer(&expanded));
}

/* Of a path on the host, whose home directories only the host knows. */
static const char *expand_there(struct reader *r, const char *key, const char *path)
{
    if (r->config->ssh.host && path && host_is_relative_to_home(path))
        return path;
    return expand(r, key, path);
}

static void check_agent(struct reader *r)
{
    const cJSON *agent = r->config->agent;
    const char *mbus = json_string(agent, "mbus");
    const cJSON *ntp = json_get(agent, "ntp"), *blobstore = json_get(agent, "blobstore"), *server;

    if (!agent)
        return;
    if (!mbus || !*mbus)
        config_complain(r, "'agent.mbus' is required: the URL at which the agent is reached");
    if (ntp && !cJSON_IsArray(ntp))
        config_complain(r, "'agent.ntp' must be a list of server names");
    cJSON_ArrayForEach (server, ntp)
        if (!cJSON_IsString(server)) {
            config_complain(r, "'agent.ntp' must be a list of server names");
            break;
        }
    if (blobstore && !cJSON_IsObject(blobstore))
        config_complain(r, "'agent.blobstore' must be an object");
}

static void read_document(struct reader *r)
{
    struct config *config = r->config;

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        read_key(r, &keys[i]);
    read_hypervisor(r);
    read_default_network(r);
    read_controller(r);
    read_domain_type(r);
    config_read_host(r);
    check_agent(r);
    config->store_dir = expand_there(r, "store_dir", config->store_dir);
    config->template_dir = expand(r, "template_dir", config->template_dir);
    config->ssh.ssh_config = expand(r, "ssh_config", config->ssh.ssh_config);
    if (config->ssh.private_key && !ssh_is_key_text(config->ssh.private_key))
        config->ssh.private_key = expand(r, "private_key", config->ssh.private_key);
    if (strchr(config->bin_path, '/'))
        config->bin_path = expand_there(r, "bin_path", config->bin_path);
}

int config_from(struct config *config, cJSON *document, const cJSON *context, struct log *log,
                struct error *err)
{
    cleanup_free char *complaints = NULL;
    size_t length;
    struct reader r = { .config = config, .document = document, .log = log };

    *config = (struct config){ .bin_path = "virsh",
                               .command_timeout = 300,
                               .detach_timeout = 60,
                               .lock_timeout = 600,
                               .max_parallel = 4,
                               .ssh = { .connect_timeout = 15, .keepalive = 15 },
                               .document = document };
    warn_unknown(document, "config", log);
    warn_unknown(context, "context", log);
    merge_context(document, context);
    r.complaints = text_open(&complaints, &length);
    read_document(&r);
    text_close(r.complaints);
    if (r.count == 0)
        return 0;
    config_release(config);
    return fail(err, ERROR_CPI, "the configuration is not usable: %s", complaints);
}

void config_release(struct config *config)
{
    util_free_stringsp(&config->host_keys);
    cJSON_Delete(config->document);
    *config = (struct config){ 0 };
}
