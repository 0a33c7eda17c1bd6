#include "cpi/log.h"

#include <stdlib.h>

static void write_line(const struct log *log, const char *line)
{
    if (!log->stream)
        return;
    fprintf(log->stream, "cpi%s%s: ", log->request_id ? " " : "",
            log->request_id ? log->request_id : "");
    for (; *line; line++)
        fputc(*line == '\n' ? ' ' : *line, log->stream);
    fputc('\n', log->stream);
}

void log_event(const struct log *log, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    cleanup_free char *line = xvasprintf(format, arguments);
    va_end(arguments);
    write_line(log, line);
}

void log_note(struct log *log, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    cleanup_free char *line = xvasprintf(format, arguments);
    va_end(arguments);
    write_line(log, line);

    char *text = xasprintf("%s%s\n", log->text ? log->text : "", line);
    free(log->text);
    log->text = text;
}

void log_release(struct log *log)
{
    free(log->text);
    free(log->request_id);
    log->text = NULL;
    log->request_id = NULL;
}
