/*
 * exchange.h - one question to the far shell of a session, and its answer: what
 * goes over the pipes.
 *
 * A question is a line of 128 characters (mode, seconds, mark, the lengths of its
 * scripts), its scripts, and with SESSION_FEED blocks of input, each after a line of 12
 * characters with its length. The answer is what the scripts say, then the mark,
 * on both streams; on stdout with the status. A '.' tells whoever watches over
 * there that all is well. See session_loop.c for the other side.
 */
#ifndef CPI_EXCHANGE_H
#define CPI_EXCHANGE_H

#include "cpi/session.h"

/* What is sent next. */
enum stage { STAGE_QUESTION, STAGE_INPUT, STAGE_LAST_BLOCK, STAGE_SENT, STAGE_CONFIRMED };

/* How it ended. */
enum ending { ANSWERED, TIMED_OUT, INTERRUPTED, SOURCE_FAILED, LOST };

/* One question on its way. */
struct exchange {
    struct session *session;
    const struct session_question *question;
    struct session_answer *answer;
    char mark[64];
    struct buffer text; /* the question, then one block of input after the other */
    const char *next;   /* what the far side gets next */
    size_t next_length;
    enum stage stage;
    size_t looked[2]; /* so far for the mark, in stdout and in stderr */
    size_t found[2];  /* 1 + where it is */
    struct error source_error;
};

/* Sends the question and reads until the answer is there. */
enum ending exchange_run(struct exchange *exchange);

/* Sends the question alone, for so many milliseconds. */
void exchange_send(struct exchange *exchange, int milliseconds);

/* Takes an answer that is there out of what was read. */
void exchange_finish(struct exchange *exchange);

/* Has the loop said that it is there? */
bool exchange_greeted(const struct session *session);

#endif
