/*
 * child.h - a child process and the pipes to it: the only fork in the program.
 *
 * A child gets an argv (never a shell line), a scrubbed environment with
 * LC_ALL=C, its own process group and nothing of our descriptors but the locks
 * that are held, which live as long as its work does; not even those where what
 * it starts may outlive it.
 */
#ifndef CPI_CHILD_H
#define CPI_CHILD_H

#include "cpi/error.h"

#include <sys/types.h>

struct child_plan {
    const char *const *argv; /* argv[0] is looked up on PATH */
    int memory_mib, cpu_s;   /* limits of addresses and of CPU time; 0: none */
    bool lockless;           /* gets none of the locks that are held */
};

struct child {
    pid_t pid;
    int pidfd;
    int in, out, err; /* our ends of its stdin, stdout and stderr, non-blocking; -1: closed */
};

#define CHILD_NONE                                  \
    {                                               \
        .pidfd = -1, .in = -1, .out = -1, .err = -1 \
    }

/* Starts a child. ERROR_CLOUD when the program cannot be found or run. */
int child_start(const struct child_plan *plan, struct child *child, struct error *err);

/* Ends the child's process group, politely at first. */
void child_end(const struct child *child);

/* Waits for its end. Its exit status, or 128+n when signal n ended it. */
int child_reap(const struct child *child);

/* Closes one end, or all that are open. */
void child_close_end(int *fd);
void child_release(struct child *child);

#endif
