/*
 * log.h - what happened, for two readers.
 *
 * stderr gets one line per event, with the request's id, and ends in the
 * Director's debug log of the task. The response's "log" gets only what an
 * operator wants to see without asking. Never pass a secret to either.
 */
#ifndef CPI_LOG_H
#define CPI_LOG_H

#include "cpi/util.h"

struct trace;

struct log {
    FILE *stream;        /* where events go; NULL: nowhere */
    char *request_id;    /* context.request_id, NULL when the caller sends none */
    char *text;          /* the response's "log" so far, NULL when empty */
    struct trace *trace; /* of the children, NULL: none */
};

/* One line on stderr. */
void log_event(const struct log *log, const char *format, ...) printf_like(2, 3);

/* One line on stderr and in the response's "log". */
void log_note(struct log *log, const char *format, ...) printf_like(2, 3);

void log_release(struct log *log);

#endif
