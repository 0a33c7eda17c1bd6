/*
 * buffer.h - what has been read from a pipe so far.
 */
#ifndef CPI_BUFFER_H
#define CPI_BUFFER_H

#include "cpi/util.h"

struct buffer {
    char *data; /* NULL: nothing yet */
    size_t length, room;
};

/* Reads what there is. Closes the descriptor, and makes it -1, at its end and when there is more
 * than 64 MiB. */
void buffer_drain(struct buffer *buffer, int *fd);

void buffer_add(struct buffer *buffer, const void *data, size_t length);

/* Takes away the first 'length' bytes. */
void buffer_drop(struct buffer *buffer, size_t length);

/* The content with a NUL after it, owned by the caller; the buffer is empty afterwards. */
char *buffer_steal(struct buffer *buffer);

void buffer_release(struct buffer *buffer);

#endif
