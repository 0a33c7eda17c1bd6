#include "cpi/progress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char clear_line[] = "\r\033[K";

static size_t terminal_width(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80U;
}

/* An event is written as a whole, because the stream buffers lines. */
static ssize_t show(void *cookie, const char *text, size_t length)
{
    static const char prefix[] = "cpi: ";
    const size_t skipped =
        length > strlen(prefix) && starts_with(text, prefix) ? strlen(prefix) : 0;
    const size_t width = terminal_width() - 1;

    (void)cookie;
    fputs(clear_line, stderr);
    for (size_t i = skipped; i < length && i - skipped < width; i++)
        if ((unsigned char)text[i] >= 0x20 && text[i] != 0x7f)
            fputc(text[i], stderr);
    fflush(stderr);
    return (ssize_t)length;
}

FILE *progress_open(void)
{
    const char *kind = getenv("TERM");
    FILE *stream;

    if (!isatty(STDERR_FILENO) || !kind || strcmp(kind, "dumb") == 0)
        return NULL;
    stream = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = show });
    if (stream)
        setvbuf(stream, NULL, _IOLBF, BUFSIZ);
    return stream;
}

void progress_close(FILE *stream)
{
    if (!stream)
        return;
    fclose(stream);
    fputs(clear_line, stderr);
    fflush(stderr);
}
