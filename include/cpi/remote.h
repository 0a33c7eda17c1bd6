/*
 * remote.h - the host behind ssh: what host.h needs of it beside the session.
 *
 * Files are handled by coreutils there, locks are util-linux's flock on descriptors
 * of the far shell. When the connection was lost, the next question makes a new
 * one and takes the locks again, in their order, before anything else runs.
 */
#ifndef CPI_REMOTE_H
#define CPI_REMOTE_H

#include "cpi/host_ops.h"
#include "cpi/session.h"
#include "cpi/ssh.h"

/* A POSIX shell has descriptors of one digit only. */
enum { REMOTE_FIRST_LOCK = 3, REMOTE_LOCKS = 10 };

struct remote_lock {
    char *path; /* NULL: the descriptor is free */
    enum lock_mode mode;
    int wait_s;    /* at a time */
    unsigned turn; /* the order in which they were taken */
    bool retired;  /* its file is gone */
};

struct remote {
    struct ssh ssh;
    struct session session;
    const struct host *host;
    struct remote_lock locks[REMOTE_LOCKS]; /* by descriptor */
    unsigned turn;
    char *pending;  /* shell lines that run before the next question, NULL: none */
    bool must_send; /* what is pending is more than what the end of the connection does anyhow */
    bool connected; /* before, if not now */

    /* Runs at the first connection and may use the host. NULL: nothing. */
    int (*first)(void *state, struct error *err);
    void *state;
};

/* Makes 'host' the one behind ssh; nothing is connected yet. ERROR_CPI. */
int remote_init(struct remote *remote, struct host *host, const struct ssh_target *target,
                struct error *err);

/* Sends what is pending and ends the connection. */
void remote_release(struct remote *remote);

/* For the files of remote.h's own. */

struct remote_question {
    const char *what;   /* in the infinitive, for messages: "make the directory" */
    const char *path;   /* that it is about */
    const char *script; /* owned by the caller */
    const struct bytes *input;
};

/* Asks; a status other than 0 is no error. */
int remote_ask(const struct host *host, const struct remote_question *question,
               struct session_answer *answer, struct error *err);

/* Why the last command failed, as strerror would say it. Owned by the caller. */
char *remote_reason(const struct session_answer *answer);

/* The error of a status other than 0: "cannot 'what' 'path': why". */
int remote_fail(const struct remote_question *question, const struct session_answer *answer,
                struct error *err);

/* A word for the far shell. Owned by the caller. */
char *remote_quote(const char *word);

int remote_try_lock(const struct host *host, const char *path, struct lock_wish wish,
                    struct lock *lock, struct error *err);
void remote_retire_lock(const struct lock *lock);
void remote_unlock(struct lock *lock);
int remote_take_again(struct remote *remote, struct error *err);
int remote_write_image(const struct host *host, const char *path,
                       const struct host_content *content, struct error *err);

#endif
