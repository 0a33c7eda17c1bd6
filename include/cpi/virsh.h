/*
 * virsh.h - talks to libvirt through virsh: several commands in one process,
 * because most of a virsh call's time is its own start and its connection.
 *
 * virsh exits 1 for every failure and goes on after a failing command of a
 * batch, its status being the last command's (measured on libvirt 9.0). So the
 * callers decide by what they see afterwards, never by an error's text.
 */
#ifndef CPI_VIRSH_H
#define CPI_VIRSH_H

#include "cpi/host.h"

struct virsh {
    const struct host *host;
    const char *program, *uri;
};

/* Commands to run in order. Start from { 0 }; virsh_play or virsh_script_release ends it. */
struct virsh_script {
    char *text;
    int count;
    const char *done_mark; /* as in struct command; NULL: none */
};

#define cleanup_script cleanup(virsh_script_release)

/* Adds a command; its words arrive in virsh as they are. */
void virsh_add(struct virsh_script *script, const char *const *words);
#define VIRSH_ADD(script, ...) virsh_add(script, ARGV(__VA_ARGS__))

/* Adds all commands of another script. */
void virsh_append(struct virsh_script *script, const struct virsh_script *more);

struct virsh_reply {
    bool ok;          /* the last command succeeded and no command complained */
    int status;       /* the last command's */
    char **out;       /* each command's stdout, "" for one that never ran; ended by NULL */
    char *complaints; /* all that virsh said on stderr, trimmed, "" when nothing */
    bool untouched;   /* after a failure: it is certain that no command was run */
};

#define cleanup_reply cleanup(virsh_reply_release)

/*
 * Runs the script in one virsh; 'input' (or NULL) is what a command sees as
 * /dev/stdin. What the commands answer is success here. Fails when virsh itself
 * cannot be run or has no connection (ERROR_CLOUD, retriable).
 */
int virsh_play(const struct virsh *virsh, const struct virsh_script *script, const char *input,
               struct virsh_reply *reply, struct error *err);

/* Asks for nothing now: the script is about to be played, without input (host_foresee_run). */
void virsh_foresee(const struct virsh *virsh, const struct virsh_script *script);

/* Fails with ERROR_CLOUD "what: virsh's own words", and with what to do where that is known. */
int virsh_fail(const struct virsh_reply *reply, struct error *err, const char *format, ...)
    printf_like(3, 4);

void virsh_script_release(struct virsh_script *script);
void virsh_reply_release(struct virsh_reply *reply);

#endif
