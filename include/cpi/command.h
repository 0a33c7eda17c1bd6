/*
 * command.h - runs one child process (child.h) to its end, its stdout and stderr
 * captured apart.
 */
#ifndef CPI_COMMAND_H
#define CPI_COMMAND_H

#include "cpi/error.h"
#include "cpi/log.h"

#include <sys/types.h>

#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* What a child reads on its stdin, made while it reads. */
struct command_source {
    /* The next bytes, valid until the next call. Returns how many, 0 at the end, -1 when it failed.
     */
    ssize_t (*read)(void *state, const char **block, struct error *err);
    void *state;
};

struct command {
    const char *const *argv;             /* argv[0] is looked up on PATH */
    const char *input;                   /* what the child reads on stdin; NULL: nothing */
    size_t input_length;                 /* bytes */
    const struct command_source *source; /* instead of input, NULL: none */
    int timeout_s;         /* the child is killed so many seconds after it began or, if it has a
                              source, after it last took something */
    bool lockless;         /* it may leave processes behind, which must not hold our locks */
    const char *done_mark; /* behind ssh this file is removed with it, if it succeeds, which a
                              host_remove of it then finds done; NULL: none */
    bool untrusted_input;  /* limits memory and CPU time: the child reads a stranger's file */
    int cpu_s, memory_mib; /* these limits; 0: 10 seconds of CPU time, 1024 MiB of addresses */
};

struct outcome {
    int status;        /* the exit status, or 128+n when signal n ended the child */
    char *out, *err;   /* never NULL after success of command_run; owned by the outcome */
    size_t out_length; /* bytes, for out may hold NULs */
};

#define cleanup_outcome cleanup(outcome_release)

/*
 * Runs the command to its end. Any exit status is success here; the caller
 * judges it. Fails with ERROR_CLOUD when the program cannot be started, does
 * not end in time (retriable; it is killed) or when we are asked to stop, and as
 * its source fails, which ends the child too.
 */
int command_run(const struct command *command, const struct log *log, struct outcome *outcome,
                struct error *err);

/*
 * Have we been asked to stop (SIGTERM, SIGINT, SIGHUP)? It is told once: the
 * undoing that follows is not itself interrupted, also not by another of these
 * signals. They must be blocked (command_block_signals).
 */
bool command_interrupted(void);
void command_block_signals(void);

/* What command_run's error says when we were asked to stop. */
#define COMMAND_STOPPED "this call was asked to end"

/* Its limits of addresses and of CPU time, 0 for none. */
int command_memory_mib(const struct command *command);
int command_cpu_s(const struct command *command);

/* The argv as one line for a POSIX shell. Owned by the caller. */
char *command_quote(const char *const *argv);

void outcome_release(struct outcome *outcome);

#endif
