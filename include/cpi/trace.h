/*
 * trace.h - where the time of a call goes, as a file that chrome://tracing and
 * ui.perfetto.dev show: one span per child process, one per question to another host
 * and one over the whole call.
 *
 * The format is the Trace Event Format's JSON array. Times are microseconds
 * since the call began.
 */
#ifndef CPI_TRACE_H
#define CPI_TRACE_H

#include "cpi/error.h"

struct trace {
    FILE *stream; /* NULL: nothing is traced */
    long long began;
    int children, questions;
};

/* Starts a trace in a new or emptied file, which only its owner can read. ERROR_CPI. */
int trace_open(struct trace *trace, const char *path, struct error *err);

/* What the clock of the trace says. */
long long trace_now(const struct trace *trace);

/* A child that began then and has just ended with this status. Its words are no secrets. */
void trace_child(struct trace *trace, const char *const *argv, long long began, int status);

/* A question to the shell on another host that was put then and has just been answered. */
void trace_question(struct trace *trace, const char *host, const char *what, long long began,
                    int status);

/* Adds the span of the call itself, with its own CPU time, its children's and its peak memory in
 * KiB, and closes the file. */
void trace_close(struct trace *trace);

#endif
