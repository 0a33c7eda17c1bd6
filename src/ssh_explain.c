#include "cpi/command.h"
#include "cpi/ssh.h"

#include <string.h>

/* What ssh says (LC_ALL=C, LogLevel=ERROR) and what is to be done about it. The first that is found
 * counts. */
static const struct {
    const char *said, *advice;
    bool retriable;
} causes[] = {
    { "Temporary failure in name resolution", "check this machine's name service", true },
    { "Could not resolve hostname", "check the name", false },
    { "UNPROTECTED PRIVATE KEY FILE",
      "the file of the private key must be readable by its user only (chmod 600)", false },
    { "Load key ", "private_key is not a key that ssh can use without a question", false },
    { "Permission denied",
      "is 'username' right, and is the public part of 'private_key' in that user's "
      "~/.ssh/authorized_keys there?",
      false },
    { "Too many authentication failures", "name the one key that is right as 'private_key'",
      false },
    { "stdio forwarding failed",
      "the host of proxy_jump does not get through to it: is sshd running there, and is 'port' "
      "right?",
      true },
    { "Connection refused", "is sshd running there, and is 'port' right?", true },
    { "timed out", "is the host up, and does a firewall let ssh through?", true },
    { "No route to host", "is the host up?", true },
    { "Network is unreachable", "is this machine's network up?", true },
    { "Connection closed", "its sshd may be busy: see MaxStartups in sshd_config there", true },
    { "Connection reset", "its sshd may be busy: see MaxStartups in sshd_config there", true },
    { "Broken pipe", "its sshd may be busy: see MaxStartups in sshd_config there", true },
};

/* The last line that says something. */
static char *last_line(const char *said)
{
    cleanup_free char *copy = xstrdup(said);
    cleanup_free char **lines = split_lines(copy);
    size_t count = strings_count(lines);

    if (count == 0)
        return xstrdup("ssh gave no reason");
    lines[count - 1][strcspn(lines[count - 1], "\r")] = '\0';
    return xstrdup(lines[count - 1]);
}

/* The line that holds a text, from there on. NULL when there is none. */
static char *line_with(const char *said, const char *text)
{
    const char *at = strstr(said, text);

    return at ? xstrndup(at, strcspn(at, "\r\n")) : NULL;
}

/* The line of a cause: by way of another host, ssh's last only says that there is no way. */
static char *words_of(const struct ssh *ssh, const char *said, const char *cause)
{
    const char *at = strstr(said, cause);

    if (!ssh->target.proxy_jump || !at)
        return last_line(said);
    while (at > said && at[-1] != '\n')
        at--;
    return xstrndup(at, strcspn(at, "\r\n"));
}

/* Is it this host whose key ssh does not like? */
static bool is_about(const char *said, const char *host)
{
    cleanup_free char *usual = xasprintf(" for %s ", host), *odd = xasprintf(" for [%s]:", host);

    return strcasestr(said, usual) || strcasestr(said, odd);
}

/* "ssh-ed25519 SHA256:…", which only a talkative ssh says. NULL when it does not come that far. */
static char *ask_fingerprint(const struct ssh *ssh)
{
    static const char label[] = "Server host key: ";
    cleanup_strings char **argv = ssh_argv_told(ssh);
    cleanup_outcome struct outcome outcome = { 0 };
    cleanup_error struct error ignored = { 0 };
    struct command command = { .argv = (const char *const *)argv,
                               .timeout_s = 2 * ssh->target.connect_timeout };

    if (command_run(&command, ssh->log, &outcome, &ignored) < 0)
        return NULL;
    cleanup_free char *line = line_with(outcome.err, label);
    return line ? xstrdup(line + strlen(label)) : NULL;
}

static int explain_host_key(const struct ssh *ssh, const char *said, struct error *err)
{
    cleanup_free char *jump = ssh->target.proxy_jump && !is_about(said, ssh->target.host)
                                  ? xstrdup(ssh->target.proxy_jump)
                                  : NULL;
    const struct ssh way = jump ? ssh_to_jump(ssh, jump) : *ssh;
    const char *host = way.target.host;
    const bool changed = strstr(said, "REMOTE HOST IDENTIFICATION HAS CHANGED");
    cleanup_free char *fingerprint = ask_fingerprint(&way);
    cleanup_free char *unknown = line_with(said, "No ");
    cleanup_free char *scan = way.target.port
                                  ? xasprintf("ssh-keyscan -p %d %s", way.target.port, host)
                                  : xasprintf("ssh-keyscan %s", host);
    const char *where = way.target.host_keys ? "'host_key'" : "known_hosts";

    return fail(err, ERROR_CLOUD,
                "the key of host '%s' %s %s: it is %s. Compare that with the host's own "
                "(ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub there); if it is the same, put "
                "the line that '%s' prints into 'host_key'%s%s",
                host, changed ? "is not the one in" : "is not in", where,
                fingerprint ? fingerprint : "not shown", scan,
                unknown && !fingerprint ? ". ssh says: " : "",
                unknown && !fingerprint ? unknown : "");
}

/* " as u by way of 'j'", as far as they are named. */
static char *whom_and_how(const struct ssh_target *target)
{
    return xasprintf("%s%s%s%s%s", target->username ? " as " : "",
                     target->username ? target->username : "",
                     target->proxy_jump ? " by way of '" : "",
                     target->proxy_jump ? target->proxy_jump : "", target->proxy_jump ? "'" : "");
}

void ssh_explain(const struct ssh *ssh, const char *said, struct error *err)
{
    cleanup_free char *how = whom_and_how(&ssh->target);
    cleanup_free char *key = line_with(said, "Load key ");

    if (strstr(said, "Host key verification failed") || strstr(said, "host key is known for")) {
        explain_host_key(ssh, said, err);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
        if (!strstr(said, causes[i].said))
            continue;
        cleanup_free char *words = words_of(ssh, said, causes[i].said);
        const bool both = key && !strstr(words, key);
        fail(err, ERROR_CLOUD, "cannot connect to host '%s'%s: %s%s%s (%s)", ssh->target.host, how,
             both ? key : "", both ? "; " : "", words, causes[i].advice);
        if (causes[i].retriable)
            error_retriable(err);
        return;
    }
    cleanup_free char *words = last_line(said);
    fail(err, ERROR_CLOUD, "cannot work on host '%s': %s", ssh->target.host, words);
}
