/*
 * progress.h - what a command is doing at the moment: one line of the terminal,
 * which is gone when the command is done.
 */
#ifndef CPI_PROGRESS_H
#define CPI_PROGRESS_H

#include "cpi/util.h"

/* A stream for the events of a log, of which the latest is shown. NULL where stderr is no terminal,
 * or one that cannot clear a line. */
FILE *progress_open(void);

/* Clears the line; NULL is nothing to clear. */
void progress_close(FILE *stream);

#endif
