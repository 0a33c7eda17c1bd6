/*
 * ssh.h - how another machine is reached with OpenSSH: the argv, and what it
 * means when ssh fails.
 *
 * The host's key is always verified, nothing is ever asked of a person, no agent
 * and no file of ~/.ssh is used that the target does not name, but known_hosts
 * where it pins no key, and the user's own keys where it names none.
 */
#ifndef CPI_SSH_H
#define CPI_SSH_H

#include "cpi/error.h"
#include "cpi/log.h"

struct ssh_target {
    const char *host;
    const char *username;           /* NULL: ssh's choice */
    const char *private_key;        /* a path or the key itself, NULL: the user's own keys */
    char *const *host_keys;         /* known_hosts lines or bare keys, NULL: known_hosts */
    const char *proxy_jump;         /* [user@]host[:port], NULL: none */
    const char *ssh_config;         /* path of an ssh_config, NULL: none is read */
    int port;                       /* 0: 22, or what ssh_config says */
    int connect_timeout, keepalive; /* seconds */
};

struct ssh {
    struct ssh_target target;
    const struct log *log;
    int key_file, hosts_file; /* in memory, gone with this process; -1: none */
};

#define SSH_NONE                         \
    {                                    \
        .key_file = -1, .hosts_file = -1 \
    }

/* What is wrong with these strings, NULL when nothing is. A host or user that ssh would take for an
 * option or a shell for more is wrong. */
const char *ssh_host_wrong(const char *host);
const char *ssh_username_wrong(const char *username);
const char *ssh_proxy_jump_wrong(const char *proxy_jump);

/* Is it a key's text, and not its file's path? */
bool ssh_is_key_text(const char *private_key);

/* Readies it. ERROR_CPI when the private key cannot be read. */
int ssh_init(struct ssh *ssh, const struct ssh_target *target, const struct log *log,
             struct error *err);

/* The argv that runs a line of shell there. Owned by the caller. */
char **ssh_argv(const struct ssh *ssh, const char *line);

/* The same with nothing to run, so that ssh tells on stderr what it meets. */
char **ssh_argv_told(const struct ssh *ssh);

/* The way to the host of proxy_jump alone. Its parts are cut out of 'text', a copy of proxy_jump;
 * all else is that of 'ssh', so nothing of it is to be released. */
struct ssh ssh_to_jump(const struct ssh *ssh, char *text);

/* Turns what ssh said when it could not connect into what the operator has to do. Retriable where
 * the cause may go by itself. */
void ssh_explain(const struct ssh *ssh, const char *said, struct error *err);

void ssh_release(struct ssh *ssh);

#endif
