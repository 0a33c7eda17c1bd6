#include "cpi/command.h"

#include "cpi/buffer.h"
#include "cpi/child.h"
#include "cpi/trace.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { DEFAULT_MEMORY_MIB = 1024, DEFAULT_CPU_S = 10 };

/* A child at work. */
struct run {
    const struct command *command;
    struct child child;
    struct buffer out_text, err_text;
    const char *block; /* what its stdin gets next */
    size_t block_length;
    struct error source_error;
};

static const int stop_signals[] = { SIGTERM, SIGINT, SIGHUP };

static sigset_t stop_set(void)
{
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_SIZE(stop_signals); i++)
        sigaddset(&set, stop_signals[i]);
    return set;
}

static void handle_stop_signals(void (*how)(int))
{
    for (size_t i = 0; i < ARRAY_SIZE(stop_signals); i++)
        signal(stop_signals[i], how);
}

void command_block_signals(void)
{
    sigset_t set = stop_set();

    handle_stop_signals(SIG_DFL);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool command_interrupted(void)
{
    sigset_t set = stop_set();

    if (sigtimedwait(&set, NULL, &(struct timespec){ 0 }) <= 0)
        return false;
    /* Whoever asks again, by whatever signal, has to wait for the undoing. What is blocked would be
     * kept although it is ignored. */
    handle_stop_signals(SIG_IGN);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    return true;
}

static void quote_word(FILE *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_./:=@,+-%";

    if (*word && strspn(word, plain) == strlen(word)) {
        fputs(word, out);
        return;
    }
    fputc('\'', out);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", out);
        else
            fputc(*word, out);
    fputc('\'', out);
}

char *command_quote(const char *const *argv)
{
    char *line = NULL;
    size_t length;
    FILE *out = text_open(&line, &length);

    for (size_t i = 0; argv[i]; i++) {
        if (i)
            fputc(' ', out);
        quote_word(out, argv[i]);
    }
    text_close(out);
    return line;
}

/* Is there something to write? */
static bool refill(struct run *run)
{
    const struct command_source *source = run->command->source;

    if (run->block_length > 0 || !source)
        return run->block_length > 0;
    ssize_t got = source->read(source->state, &run->block, &run->source_error);
    run->block_length = got > 0 ? (size_t)got : 0;
    return got > 0;
}

/* Writes what the pipe takes; a child that does not read its stdin is its own business. Returns
 * whether it took something. */
static bool feed(struct run *run)
{
    bool took = false;

    while (refill(run)) {
        ssize_t n = write(run->child.in, run->block, run->block_length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return took;
        if (n < 0)
            break;
        took = true;
        run->block += n;
        run->block_length -= (size_t)n;
    }
    child_close_end(&run->child.in);
    return took;
}

enum ending { ENDED, TIMED_OUT, INTERRUPTED, SOURCE_FAILED };

/* Pumps the pipes until the child has ended or must. */
static enum ending pump(struct run *run)
{
    struct child *child = &run->child;
    const long long patience = run->command->timeout_s * 1000LL;
    long long deadline = clock_ms() + patience;

    for (;;) {
        struct pollfd fds[4] = { { .fd = child->pidfd, .events = POLLIN },
                                 { .fd = child->in, .events = POLLOUT },
                                 { .fd = child->out, .events = POLLIN },
                                 { .fd = child->err, .events = POLLIN } };
        long long left = deadline - clock_ms();

        if (left <= 0)
            return TIMED_OUT;
        /* The short step is for the signals, which are blocked and only asked for. */
        if (poll(fds, 4, left < 200 ? (int)left : 200) < 0 && errno != EINTR)
            return TIMED_OUT;
        if (command_interrupted())
            return INTERRUPTED;
        if (fds[1].revents && feed(run) && run->command->source)
            deadline = clock_ms() + patience;
        if (run->source_error.type != ERROR_NONE)
            return SOURCE_FAILED;
        if (fds[2].revents)
            buffer_drain(&run->out_text, &child->out);
        if (fds[3].revents)
            buffer_drain(&run->err_text, &child->err);
        if (fds[0].revents)
            return ENDED;
    }
}

static int judge(enum ending ending, const struct run *run, struct error *err)
{
    const struct command *command = run->command;

    if (ending == ENDED)
        return 0;
    if (ending == SOURCE_FAILED) {
        *err = run->source_error;
        return -1;
    }
    if (ending == INTERRUPTED)
        return fail(err, ERROR_CLOUD, "'%s' was stopped: " COMMAND_STOPPED, command->argv[0]);
    fail(err, ERROR_CLOUD, "'%s' did not end within %d seconds (command_timeout) and was stopped",
         command->argv[0], command->timeout_s);
    return error_retriable(err);
}

int command_memory_mib(const struct command *command)
{
    if (!command->untrusted_input)
        return 0;
    return command->memory_mib ? command->memory_mib : DEFAULT_MEMORY_MIB;
}

int command_cpu_s(const struct command *command)
{
    if (!command->untrusted_input)
        return 0;
    return command->cpu_s ? command->cpu_s : DEFAULT_CPU_S;
}

static int start(struct run *run, struct error *err)
{
    const struct command *command = run->command;
    const struct child_plan plan = { .argv = command->argv,
                                     .memory_mib = command_memory_mib(command),
                                     .cpu_s = command_cpu_s(command),
                                     .lockless = command->lockless };

    if (child_start(&plan, &run->child, err) < 0)
        return -1;
    run->block = command->input;
    run->block_length = command->input ? command->input_length : 0;
    if (!command->input && !command->source)
        child_close_end(&run->child.in);
    return 0;
}

int command_run(const struct command *command, const struct log *log, struct outcome *outcome,
                struct error *err)
{
    struct run run = { .command = command };
    cleanup_free char *line = command_quote(command->argv);
    const long long began = clock_ms(), traced = trace_now(log->trace);

    log_event(log, "run: %s", line);
    if (start(&run, err) < 0)
        return -1;
    enum ending ending = pump(&run);
    if (ending != ENDED)
        child_end(&run.child);
    outcome->status = child_reap(&run.child);
    /* A grandchild may keep the pipes open for ever, so only what is there already is read. */
    buffer_drain(&run.out_text, &run.child.out);
    buffer_drain(&run.err_text, &run.child.err);
    child_release(&run.child);
    outcome->out_length = run.out_text.length;
    outcome->out = buffer_steal(&run.out_text);
    outcome->err = buffer_steal(&run.err_text);
    log_event(log, "  -> %d after %lld ms", outcome->status, clock_ms() - began);
    trace_child(log->trace, command->argv, traced, outcome->status);
    return judge(ending, &run, err);
}

void outcome_release(struct outcome *outcome)
{
    free(outcome->out);
    free(outcome->err);
    *outcome = (struct outcome){ 0 };
}
