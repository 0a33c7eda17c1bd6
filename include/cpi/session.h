/*
 * session.h - a shell on another machine that is asked one thing after another.
 *
 * One child (ssh) runs a small loop there, session_loop, in any POSIX shell. It
 * reads scripts from its stdin, each as long as its head says, and answers with
 * their stdout, stderr and status, each exact and apart, ended by a mark that no
 * output can hold. Nothing that is sent stands in an argv, here or there.
 *
 * What runs there is ended when the connection is lost, when its time is over or
 * when we are: the loop reads on while it runs. Locks are descriptors of the
 * loop, so they go with it and are inherited by what it runs.
 *
 * The connection is made at the first question and again at the first after it
 * was lost; a connection that cannot be made is not tried a second time.
 */
#ifndef CPI_SESSION_H
#define CPI_SESSION_H

#include "cpi/buffer.h"
#include "cpi/child.h"
#include "cpi/command.h"

/* What the far shell runs, as the argument of its -c: one line without a quote character. */
extern const char session_loop[];

struct session {
    const struct log *log;
    const char *host; /* its name, for messages */
    char **argv;      /* what starts the far shell with session_loop */
    int connect_s;    /* how long it may take until the loop says that it is there */

    /* Sets the error when there is no connection, from what ssh said. NULL: a general one. */
    void (*explain)(void *state, const char *said, struct error *err);
    /* Runs before the first question of a connection, and may ask. NULL: nothing. */
    int (*opened)(void *state, struct error *err);
    void *state;

    struct child child;
    struct buffer out, err;
    bool open, greeted[2];
    unsigned asked;  /* questions, which is round trips */
    char secret[33]; /* part of the marks */
    char *hopeless;  /* why no connection could be made */
    bool hopeless_retriable;
};

enum session_mode {
    SESSION_HERE, /* in the loop's shell itself: short things, and what changes it */
    SESSION_RUN,  /* apart, watched, without stdin */
    SESSION_FEED, /* the same with stdin */
};

struct session_question {
    const char *what;   /* a line, for the log */
    const char *name;   /* the same in a word for messages; NULL: what */
    const char *before; /* shell lines that run first, in the loop's shell; NULL: none */
    int before_s;       /* that these may wait; they print something then, when they are done */
    const char *script; /* runs if they succeeded */
    enum session_mode mode;
    const char *input; /* for SESSION_FEED, or its source */
    size_t input_length;
    const struct command_source *source;
    int timeout_s; /* as in struct command, for each of its steps */

    /* A script of several steps, each of which prints the separator on stdout when it has ended.
     * Their names, for messages; NULL: one step. */
    const char *const *steps;
    const char *separator;
    int whole_s; /* that all the steps may take; 0: timeout_s */
};

struct session_answer {
    struct outcome outcome;
    bool before_failed; /* the outcome is that of 'before' */
};

#define cleanup_answer cleanup(session_answer_release)

/* Makes the connection if there is none, without waiting for it: what fails later fails the first
 * question. */
int session_open(struct session *session, struct error *err);

/* Asks. Any status is success. ERROR_CLOUD when the connection cannot be made or is lost, which is
 * retriable where that can help, and as command_run fails. */
int session_ask(struct session *session, const struct session_question *question,
                struct session_answer *answer, struct error *err);

/* Tells the far shell itself to run a script, whatever comes of it, and waits for no answer: the
 * connection, which must be open, is to be closed next. */
void session_tell(struct session *session, const char *what, const char *script);

void session_answer_release(struct session_answer *answer);

/* Ends the connection; the next question would make a new one. */
void session_close(struct session *session);

/* session_close, and releases all that the session owns: argv and hopeless. */
void session_release(struct session *session);

#endif
