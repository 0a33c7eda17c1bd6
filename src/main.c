#include "cpi/command.h"
#include "cpi/dispatch.h"
#include "cpi/person.h"
#include "cpi/trace.h"
#include "cpi/unheard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef CPI_VERSION
#define CPI_VERSION "unknown"
#endif

enum { REQUEST_LIMIT = 16 << 20 };

struct options {
    const char *config_path, *trace_path;
    char *answer; /* to print instead of handling a request */
    char *text;   /* the request */
    size_t length;
};

static int read_options(int argc, char **argv, struct options *options, struct error *err)
{
    for (int i = 1; i < argc; i++) {
        const bool traces = strcmp(argv[i], "--trace") == 0;
        const bool takes_file =
            traces || strcmp(argv[i], "--config") == 0 || strcmp(argv[i], "-configPath") == 0;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            options->answer = person_usage();
        else if (strcmp(argv[i], "--version") == 0)
            options->answer = xstrdup("cpi " CPI_VERSION "\n");
        else if (takes_file && i + 1 < argc)
            *(traces ? &options->trace_path : &options->config_path) = argv[++i];
        else if (takes_file)
            return fail(err, ERROR_CPI, "option '%s' needs a file", argv[i]);
        else
            return fail(err, ERROR_CPI, "option '%s' is not known: see 'cpi --help'", argv[i]);
    }
    return 0;
}

static int read_request(char **text, size_t *length, struct error *err)
{
    size_t room = 65536;
    ssize_t got;

    *text = xrealloc(NULL, room);
    *length = 0;
    while ((got = read(STDIN_FILENO, *text + *length, room - *length)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(err, ERROR_CPI, "cannot read the request on stdin: %s", strerror(errno));
        *length += (size_t)got;
        if (*length > REQUEST_LIMIT)
            return fail(err, ERROR_CPI, "the request on stdin is larger than %d bytes",
                        REQUEST_LIMIT);
        if (*length == room)
            *text = xrealloc(*text, room *= 2);
    }
    return 0;
}

/* The reply keeps the real stdout for itself; whatever else writes to 1 ends up on stderr. */
static int keep_reply_descriptor(void)
{
    int reply = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);

    dup2(STDERR_FILENO, STDOUT_FILENO);
    return reply;
}

static int write_reply(int fd, const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        ssize_t n = write(fd, text, left);
        if (n < 0 && errno == EINTR)
            continue;
        /* Whoever started us may have made the pipe so, and reads slowly. */
        if (n < 0 && errno == EAGAIN) {
            poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, -1);
            continue;
        }
        if (n < 0)
            return -1;
        text += n;
        left -= (size_t)n;
    }
    return 0;
}

static char *handle(struct options *options, struct log *log)
{
    cleanup_error struct error err = { 0 };
    struct trace trace = { 0 };
    char *reply;

    if (options->trace_path && trace_open(&trace, options->trace_path, &err) < 0)
        return dispatch_failure(&err, log);
    log->trace = &trace;
    if (read_request(&options->text, &options->length, &err) < 0) {
        reply = dispatch_failure(&err, log);
    } else {
        struct request_text request = { options->text, options->length, options->config_path };
        reply = dispatch(&request, log);
    }
    log->trace = NULL;
    trace_close(&trace);
    return reply;
}

static char *answer(int argc, char **argv, struct options *options, struct log *log)
{
    cleanup_error struct error err = { 0 };

    if (read_options(argc, argv, options, &err) < 0)
        return dispatch_failure(&err, log);
    return options->answer ? options->answer : handle(options, log);
}

/* Writes the reply to where it is awaited. */
static int deliver(int fd, const char *reply, const struct options *options, struct log *log)
{
    const struct request_text request = { options->text, options->length, options->config_path };
    cleanup_free char *line = xasprintf("%s%s", reply, ends_with(reply, "\n") ? "" : "\n");

    if (write_reply(fd, line) == 0)
        return EXIT_SUCCESS;
    if (request.text)
        unheard_remove(&request, reply, log);
    return EXIT_FAILURE;
}

/* Descriptors 0 to 2 must be open, or what we open next would take their place. */
static void fill_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

int main(int argc, char **argv)
{
    struct log log = { .stream = stderr };

    fill_standard_descriptors();
    setvbuf(stderr, NULL, _IOLBF, 0);
    umask(077);
    command_block_signals();
    if (argc > 1 && *argv[1] && *argv[1] != '-')
        return person_main(argv);

    struct options options = { 0 };
    int reply = keep_reply_descriptor();
    cleanup_free char *text = answer(argc, argv, &options, &log);
    int status = deliver(reply, text, &options, &log);
    log_release(&log);
    free(options.text);
    return status;
}
