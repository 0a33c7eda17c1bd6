#include "cpi/ssh.h"

#include "cpi/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The same for the way there and for the host itself. */
static const char *const fixed[] = {
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "VerifyHostKeyDNS=no",
    "UpdateHostKeys=no",
    "CheckHostIP=no",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "AddKeysToAgent=no",
    "PreferredAuthentications=publickey",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "Tunnel=no",
    "PermitLocalCommand=no",
    "ControlMaster=no",
    "ControlPath=none",
    "ControlPersist=no",
    "EscapeChar=none",
};

static const char host_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789.-_:%";

const char *ssh_host_wrong(const char *host)
{
    if (*host == '-' || strspn(host, host_characters) != strlen(host))
        return "must be the name or address of a host";
    return NULL;
}

const char *ssh_username_wrong(const char *username)
{
    for (const char *c = username; *c; c++)
        if ((unsigned char)*c <= ' ' || strchr("'\"`$\\;&<>|(){}:/", *c) || *c == 0x7f)
            return "must be the name of a user";
    return *username == '-' ? "must be the name of a user" : NULL;
}

/* Cuts "[user@]host[:port]"; a host in brackets is an IPv6 address. False when it is none. */
static bool cut_jump(char *text, char **user, char **host, char **port)
{
    char *at = strrchr(text, '@');

    *user = at ? text : NULL;
    *host = at ? at + 1 : text;
    if (at)
        *at = '\0';
    char *rest = *host;
    if (**host == '[') {
        rest = strchr(++*host, ']');
        if (!rest)
            return false;
        *rest++ = '\0';
    }
    *port = strchr(rest, ':');
    if (*port)
        *(*port)++ = '\0';
    if (*port && (!**port || strspn(*port, "0123456789") != strlen(*port)))
        return false;
    return **host && !ssh_host_wrong(*host) && (!*user || (**user && !ssh_username_wrong(*user)));
}

const char *ssh_proxy_jump_wrong(const char *proxy_jump)
{
    cleanup_free char *text = xstrdup(proxy_jump);
    char *user, *host, *port;

    if (cut_jump(text, &user, &host, &port))
        return NULL;
    return "must be [user@]host[:port], one host (for more, write them into a file and name it as "
           "ssh_config)";
}

bool ssh_is_key_text(const char *private_key)
{
    return strstr(private_key, "-----BEGIN ") != NULL;
}

/* A file that has no name and is gone when this process is, however it ends. ssh opens it through
 * /proc, and wants a key's to be its user's alone. */
static int keep(const char *name, const char *text)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    size_t length = strlen(text);

    if (fd < 0 || fchmod(fd, 0600) < 0)
        return fd;
    while (length > 0) {
        ssize_t n = write(fd, text, length);
        if (n < 0 && errno != EINTR)
            break;
        text += n > 0 ? n : 0;
        length -= n > 0 ? (size_t)n : 0;
    }
    return fd;
}

static char *kept_path(int fd)
{
    return xasprintf("/proc/%ld/fd/%d", (long)getpid(), fd);
}

/* The first word of a bare key: "ssh-ed25519 AAAA…", as in a .pub file. */
static bool is_bare_key(const char *line)
{
    static const char *const types[] = { "ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-" };

    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (starts_with(line, types[i]))
            return true;
    return false;
}

static char *known_hosts(const struct ssh_target *target)
{
    char *text = NULL;
    size_t length;
    FILE *out = text_open(&text, &length);

    for (char *const *key = target->host_keys; *key; key++) {
        cleanup_free char *copy = xstrdup(*key);
        cleanup_free char **lines = split_lines(copy);
        for (char **line = lines; *line; line++) {
            if (is_bare_key(*line) && target->port && target->port != 22)
                fprintf(out, "[%s]:%d ", target->host, target->port);
            else if (is_bare_key(*line))
                fprintf(out, "%s ", target->host);
            fprintf(out, "%s\n", *line);
        }
    }
    text_close(out);
    return text;
}

int ssh_init(struct ssh *ssh, const struct ssh_target *target, const struct log *log,
             struct error *err)
{
    const char *key = target->private_key;

    *ssh = (struct ssh)SSH_NONE;
    ssh->target = *target;
    ssh->log = log;
    if (key && ssh_is_key_text(key)) {
        /* ssh takes a last line without its end for a damaged key. */
        cleanup_free char *text = xasprintf("%s\n", key);
        ssh->key_file = keep("key", text);
        explicit_bzero(text, strlen(text));
    } else if (key && access(key, R_OK) < 0) {
        return fail(err, ERROR_CPI, "cannot read the private_key '%s': %s", key, strerror(errno));
    }
    if (target->host_keys) {
        cleanup_free char *text = known_hosts(target);
        ssh->hosts_file = keep("known_hosts", text);
    }
    if (target->ssh_config && access(target->ssh_config, R_OK) < 0)
        return fail(err, ERROR_CPI, "cannot read the ssh_config '%s': %s", target->ssh_config,
                    strerror(errno));
    return 0;
}

static void add_format(char ***argv, const char *format, ...) printf_like(2, 3);

static void add_format(char ***argv, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    cleanup_free char *word = xvasprintf(format, arguments);
    va_end(arguments);
    strings_add(argv, word);
}

/* ssh expands % in paths and in commands. */
static char *double_percents(const char *text)
{
    char *doubled = NULL;
    size_t length;
    FILE *out = text_open(&doubled, &length);

    for (; *text; text++)
        fputs(*text == '%' ? "%%" : (char[]){ *text, '\0' }, out);
    text_close(out);
    return doubled;
}

static void add_key(const struct ssh *ssh, char ***argv)
{
    cleanup_free char *path = ssh->key_file >= 0        ? kept_path(ssh->key_file)
                              : ssh->target.private_key ? double_percents(ssh->target.private_key)
                                                        : NULL;

    if (!path)
        return;
    strings_add(argv, "-i");
    strings_add(argv, path);
}

static void add_options(const struct ssh *ssh, char ***argv)
{
    const struct ssh_target *target = &ssh->target;

    strings_add(argv, "ssh");
    strings_add(argv, "-F");
    strings_add(argv, target->ssh_config ? target->ssh_config : "none");
    strings_add(argv, "-T");
    for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
        add_format(argv, "-o%s", fixed[i]);
    add_format(argv, "-oConnectTimeout=%d", target->connect_timeout);
    add_format(argv, "-oServerAliveInterval=%d", target->keepalive);
    strings_add(argv, "-oServerAliveCountMax=3");
    if (ssh->hosts_file >= 0) {
        cleanup_free char *path = kept_path(ssh->hosts_file);
        add_format(argv, "-oUserKnownHostsFile=%s", path);
        strings_add(argv, "-oGlobalKnownHostsFile=/dev/null");
    }
    add_key(ssh, argv);
}

static void add_whom(const struct ssh *ssh, char ***argv)
{
    if (ssh->target.username)
        add_format(argv, "-l%s", ssh->target.username);
    if (ssh->target.port)
        add_format(argv, "-p%d", ssh->target.port);
}

struct ssh ssh_to_jump(const struct ssh *ssh, char *text)
{
    struct ssh jump = *ssh;
    char *user, *host, *port = NULL;

    cut_jump(text, &user, &host, &port);
    jump.target.host = host;
    jump.target.port = port ? (int)strtol(port, NULL, 10) : 0;
    jump.target.proxy_jump = NULL;
    if (user)
        jump.target.username = user;
    return jump;
}

/* Not -J, whose ssh would not get these options. */
static void add_jump(const struct ssh *ssh, char ***argv)
{
    cleanup_free char *text = xstrdup(ssh->target.proxy_jump);
    const struct ssh way = ssh_to_jump(ssh, text);
    cleanup_strings char **jump = NULL;

    add_options(&way, &jump);
    strings_add(&jump, "-oLogLevel=ERROR");
    add_whom(&way, &jump);
    cleanup_free char *quoted = command_quote((const char *const *)jump);
    cleanup_free char *escaped = double_percents(quoted);
    cleanup_free char *destination = double_percents(way.target.host);
    add_format(argv, "-oProxyCommand=%s -W '[%%h]:%%p' -- %s", escaped, destination);
}

static char **make_argv(const struct ssh *ssh, const char *level, const char *line)
{
    const struct ssh_target *target = &ssh->target;
    char **argv = NULL;

    add_options(ssh, &argv);
    add_format(&argv, "-oLogLevel=%s", level);
    if (target->proxy_jump)
        add_jump(ssh, &argv);
    add_whom(ssh, &argv);
    strings_add(&argv, "--");
    strings_add(&argv, target->host);
    strings_add(&argv, line);
    return argv;
}

char **ssh_argv(const struct ssh *ssh, const char *line)
{
    return make_argv(ssh, "ERROR", line);
}

char **ssh_argv_told(const struct ssh *ssh)
{
    return make_argv(ssh, "DEBUG1", "true");
}

void ssh_release(struct ssh *ssh)
{
    if (ssh->key_file >= 0)
        close(ssh->key_file);
    if (ssh->hosts_file >= 0)
        close(ssh->hosts_file);
    *ssh = (struct ssh)SSH_NONE;
}
