#include "cpi/buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIMIT = 64 << 20, STEP = 8192 };

/* Room for so many bytes more, and a NUL. */
static void reserve(struct buffer *buffer, size_t length)
{
    if (buffer->room - buffer->length > length)
        return;
    while (buffer->room - buffer->length <= length)
        buffer->room = buffer->room ? buffer->room * 2 : STEP;
    buffer->data = xrealloc(buffer->data, buffer->room);
}

void buffer_drain(struct buffer *buffer, int *fd)
{
    while (*fd >= 0) {
        reserve(buffer, STEP / 2);
        ssize_t got = read(*fd, buffer->data + buffer->length, buffer->room - buffer->length - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0 || buffer->length + (size_t)got > LIMIT) {
            close(*fd);
            *fd = -1;
            return;
        }
        buffer->length += (size_t)got;
    }
}

void buffer_add(struct buffer *buffer, const void *data, size_t length)
{
    reserve(buffer, length);
    if (length > 0)
        memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
}

void buffer_drop(struct buffer *buffer, size_t length)
{
    buffer->length -= length;
    memmove(buffer->data, buffer->data + length, buffer->length);
}

char *buffer_steal(struct buffer *buffer)
{
    reserve(buffer, 0);
    buffer->data[buffer->length] = '\0';
    buffer->length = buffer->room = 0;
    return steal_pointer(&buffer->data);
}

void buffer_release(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){ 0 };
}
