/*
 * remote.h - the host behind ssh: what host.h needs of it beside the session.
 *
 * Files are handled by coreutils there, locks are util-linux's flock on descriptors
 * of the far shell. When the connection was lost, the next question makes a new
 * one and takes the locks again, in their order, before anything else runs.
 *
 * A question costs a round trip, so what need not be known at once travels with
 * the next one (remote_batch.c): first what changes the far shell itself, which is
 * locks that are let go and locks that are to be taken; then, apart from it, the
 * steps that were postponed and what was foreseen, in their order; then what is
 * asked. What fails keeps all after it from being run.
 */
#ifndef CPI_REMOTE_H
#define CPI_REMOTE_H

#include "cpi/host_ops.h"
#include "cpi/session.h"
#include "cpi/ssh.h"

/* What is said of content whose digest is another one there. A retry helps. */
#define REMOTE_DAMAGED "it arrived damaged"

/* A POSIX shell has descriptors of one digit only. */
enum { REMOTE_FIRST_LOCK = 3, REMOTE_LOCKS = 10 };

struct remote_lock {
    char *path; /* NULL: the descriptor is free */
    enum lock_mode mode;
    int wait_s;         /* at a time */
    long long deadline; /* of one that is to be taken, in clock_ms; 0: nobody has waited yet */
    unsigned turn;      /* the order in which they were asked for */
    bool taken;         /* false: it is to be taken by the next question */
    bool retired;       /* its file is gone */
    bool needless;      /* there is no directory for its file, and need not be */
    bool refused;       /* it was waited for in vain: nothing more is asked without it */
};

/* What is done before or after the next question. */
enum remote_kind {
    REMOTE_STEP,     /* its failure is the question's, which is not asked then */
    REMOTE_ATTEMPT,  /* its failure is logged */
    REMOTE_FORESEEN, /* whatever it answers is kept for who asks the same */
    REMOTE_SEQUEL,   /* the same, run after the question, if that has succeeded */
};

struct remote_part {
    enum remote_kind kind;
    char *what, *name; /* as in session_question */
    const char *verb;  /* as 'what' in remote_question */
    char *path;        /* that it is about, NULL: none */
    char *script, *input;
    size_t input_length; /* of 'input', which may be NULL */
    int timeout_s;       /* 0: command_timeout */
    struct verdict verdict;
    bool listing; /* it lists the directory 'path' */
};

/* What was foreseen. */
struct remote_known {
    char *script, *path;
    bool listing;
    struct session_answer answer;
};

/* What the host is to be like before anything is done there. */
struct remote_guard {
    char *path;         /* owned; NULL: nothing depends on anything */
    const char *text;   /* what it usually says */
    char **directories; /* that are usually there; owned */
    /* Reads it and decides, or learns that all is as usual: 0, or -1 with the error set. */
    int (*check)(void *state, bool usual, struct error *err);
    void *state;
    bool passed;
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
    struct remote_guard guard;
    bool alone; /* nothing travels with a question, and nothing is postponed */

    bool postponing, step_failed; /* see host_postpone and host_step_failed */
    bool broken;                  /* steps were lost: 'breach' is the error of all that follows */
    struct error breach;
    struct remote_part *parts; /* that are to travel with the next question */
    size_t part_count;
    struct remote_known *known;
    size_t known_count;
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

/* The same for what changes something and answers nothing: a status other than 0 is remote_fail's
 * error. It may be postponed. */
int remote_do(const struct host *host, const struct remote_question *question, struct error *err);

/* Why the command failed, as strerror would say it. Owned by the caller. */
char *remote_reason(const struct outcome *outcome);

/* Is that one of these? The last is NULL. */
bool remote_said(const struct session_answer *answer, const char *const *reasons);

/* The error of a status other than 0: "cannot 'what' 'path': why". */
int remote_fail(const struct remote_question *question, const struct outcome *outcome,
                struct error *err);

/* Fails if the command could not be run because there is no such program; NULL: it was none. */
int remote_check_found(const struct host *host, const char *program, const struct outcome *outcome,
                       struct error *err);

/* A word for the far shell. Owned by the caller. */
char *remote_quote(const char *word);

/* Puts a part with the next question; takes all that it owns. */
void remote_add(struct remote *remote, struct remote_part *part);

/* Asks the question, whose 'before' and steps are made here, with all that is to travel with it. */
int remote_exchange(const struct host *host, const struct session_question *question,
                    struct session_answer *answer, struct error *err);

/* The same for a question that the far shell itself must answer: nothing that was postponed or
 * foreseen travels with it. */
int remote_exchange_apart(const struct host *host, const struct session_question *question,
                          struct session_answer *answer, struct error *err);

/* Sends what host_leave has left, and what is pending, and waits for no answer. */
void remote_part_company(struct remote *remote);

/* What reads the file of this quoted path; what removes this file or directory; what syncs the
 * names in the directory of this path. Owned by the caller. */
char *remote_get_script(const char *quoted);
char *remote_remove_script(const char *path);
char *remote_sync_script(const char *path);

/* The answer to the script if it was foreseen, which serves once. */
bool remote_take_known(struct remote *remote, const char *script, struct session_answer *answer);

/* What was foreseen of this path, of what is below it, or of the list that it is in. */
void remote_forget_known(struct remote *remote, const char *path);

/* Keeps what a part has answered, which is taken from both. */
void remote_learn(struct remote *remote, struct remote_part *part, struct outcome *outcome);

void remote_parts_release(struct remote_part *parts, size_t count);

/* Does what was postponed. */
int remote_flush(const struct host *host, struct error *err);

/* Steps were lost: all that is asked from now on fails with this error. */
void remote_break_off(struct remote *remote, const struct error *err);
int remote_check_unbroken(const struct remote *remote, struct error *err);

/* What was lost does not matter any more. */
void remote_mend(struct remote *remote);

/* Is there a lock that is to be taken? Fails if one was waited for in vain. */
bool remote_lacks_lock(const struct remote *remote);
int remote_check_locks(const struct remote *remote, struct error *err);

/* Of host.h. */
int remote_settle(const struct host *host, struct error *err);
void remote_forget(const struct host *host);
void remote_leave(const struct host *host);

/* The lines that take the locks which are to be taken, and how long these may wait. Owned by the
 * caller, NULL: none. */
char *remote_lock_lines(struct remote *remote, int *wait_s);

/* What became of these lines; 'failure' is what the one that failed has answered, NULL: none. 1:
 * go on with the others, 0: all are taken, -1: failed. */
int remote_locks_taken(struct remote *remote, const struct outcome *failure, struct error *err);

/* host_remote's functions that are not in its own file: see host.h. */
int remote_run(const struct host *host, const struct command *command, struct outcome *outcome,
               struct error *err);
int remote_perform(const struct host *host, const struct command *command,
                   const struct verdict *verdict, struct error *err);
void remote_attempt(const struct host *host, const struct command *command, const char *what);
void remote_foresee(const struct host *host, enum host_question question, const char *path);
void remote_foresee_each(const struct host *host, const char *directory, const char *file);
void remote_foresee_run(const struct host *host, const struct command *command);
int remote_get(const struct host *host, const char *path, char **text, struct error *err);
int remote_get_each(const struct host *host, const char *directory, const char *file,
                    struct host_texts *texts, struct error *err);
int remote_exists(const struct host *host, const char *path, struct error *err);
int remote_look(const struct host *host, const char *path, struct host_file *file,
                struct error *err);
int remote_claimed_by(const struct host *host, const char *path, char **text, struct error *err);
int remote_list(const struct host *host, const char *path, char ***names, struct error *err);
int remote_read(const struct host *host, const char *path, struct host_range *range,
                struct error *err);
int remote_digest(const struct host *host, const char *path, enum digest_kind kind,
                  char hex[DIGEST_SIZE], struct error *err);
int remote_free_bytes(const struct host *host, const char *path, uint64_t *bytes,
                      struct error *err);
char *remote_home(const struct host *host, struct error *err);
int remote_write_image(const struct host *host, const char *path,
                       const struct host_content *content, struct error *err);
int remote_try_lock(const struct host *host, const char *path, struct lock_wish wish,
                    struct lock *lock, struct error *err);
int remote_lock_later(const struct host *host, const char *path, enum lock_mode mode,
                      struct lock *lock, struct error *err);
void remote_retire_lock(const struct lock *lock);
void remote_unlock(struct lock *lock);

/* After the connection was lost. */
int remote_take_again(struct remote *remote, struct error *err);

#endif
