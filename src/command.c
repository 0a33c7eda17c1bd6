#include "cpi/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { OUTPUT_LIMIT = 64 << 20, GRACE_MS = 2000 };

struct buffer {
    char *data;
    size_t length, room;
};

struct child {
    pid_t pid;
    int pidfd, in, out, err, started; /* our ends; -1 when closed */
    struct buffer out_text, err_text;
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

void command_block_signals(void)
{
    sigset_t set = stop_set();

    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool command_interrupted(void)
{
    sigset_t set = stop_set();

    return sigtimedwait(&set, NULL, &(struct timespec){ 0 }) > 0;
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

/* What virsh, qemu-img and ssh need to find their files; nothing that changes what they say. */
static char **scrubbed_environment(void)
{
    static const char *const kept[] = { "HOME",          "TMPDIR",          "USER",
                                        "LOGNAME",       "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME",
                                        "XDG_CACHE_HOME" };
    const char *path = getenv("PATH");
    char **environment = NULL;
    cleanup_free char *path_entry =
        xasprintf("PATH=%s", path && *path ? path : "/usr/sbin:/usr/bin:/sbin:/bin");

    strings_add(&environment, path_entry);
    strings_add(&environment, "LC_ALL=C");
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
        const char *value = getenv(kept[i]);
        if (!value)
            continue;
        cleanup_free char *entry = xasprintf("%s=%s", kept[i], value);
        strings_add(&environment, entry);
    }
    return environment;
}

static void limit(int resource, rlim_t amount)
{
    setrlimit(resource, &(struct rlimit){ amount, amount });
}

_Noreturn static void become(const struct command *command, const int ends[4], char **environment)
{
    sigset_t none;

    setpgid(0, 0);
    for (int i = 0; i < 3; i++)
        if (dup2(ends[i], i) < 0)
            goto failed;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (command->untrusted_input) {
        limit(RLIMIT_AS, (rlim_t)(command->memory_mib ? command->memory_mib : 1024) << 20);
        limit(RLIMIT_CPU, command->cpu_s ? (rlim_t)command->cpu_s : 10);
    }
    execvpe(command->argv[0], (char *const *)command->argv, environment);
failed:;
    int cause = errno;
    ssize_t ignored = write(ends[3], &cause, sizeof(cause));
    (void)ignored;
    _exit(127);
}

static void close_pair(int pair[2])
{
    for (int i = 0; i < 2; i++) {
        if (pair[i] >= 0)
            close(pair[i]);
        pair[i] = -1;
    }
}

/* Forks; pipes[0..2] are the child's stdin, stdout, stderr, pipes[3] tells why exec failed. */
static int spawn(const struct command *command, int pipes[4][2], struct child *child)
{
    cleanup_strings char **environment = scrubbed_environment();
    int ends[4] = { pipes[0][0], pipes[1][1], pipes[2][1], pipes[3][1] };

    child->pid = fork();
    if (child->pid == 0)
        become(command, ends, environment);
    for (int i = 0; i < 4; i++)
        close(ends[i]);
    pipes[0][0] = pipes[1][1] = pipes[2][1] = pipes[3][1] = -1;
    if (child->pid < 0)
        return -1;
    child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    child->in = pipes[0][1];
    child->out = pipes[1][0];
    child->err = pipes[2][0];
    child->started = pipes[3][0];
    return 0;
}

static void reap(struct child *child, int *status)
{
    int raw = 0;

    while (waitpid(child->pid, &raw, 0) < 0 && errno == EINTR)
        ;
    *status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
}

static int start(const struct command *command, struct child *child, struct error *err)
{
    int pipes[4][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
    int cause = 0, status;

    for (int i = 0; i < 4; i++)
        if (pipe2(pipes[i], O_CLOEXEC) < 0) {
            cause = errno;
            break;
        }
    if (!cause && spawn(command, pipes, child) < 0)
        cause = errno;
    if (cause) {
        for (int i = 0; i < 4; i++)
            close_pair(pipes[i]);
        return fail(err, ERROR_CLOUD, "cannot start '%s': %s", command->argv[0], strerror(cause));
    }
    /* EOF here means that exec took place. */
    ssize_t got = read(child->started, &cause, sizeof(cause));
    close(child->started);
    child->started = -1;
    if (got != (ssize_t)sizeof(cause))
        return 0;
    reap(child, &status);
    if (cause == ENOENT)
        return fail(err, ERROR_CLOUD,
                    "cannot find the program '%s' (PATH is %s): install it or configure its path",
                    command->argv[0], getenv("PATH") ? getenv("PATH") : "not set");
    return fail(err, ERROR_CLOUD, "cannot run '%s': %s", command->argv[0], strerror(cause));
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Reads what there is. Closes the end at EOF or when the child says too much. */
static void drain(int *fd, struct buffer *buffer)
{
    for (;;) {
        if (buffer->room - buffer->length < 4096) {
            buffer->room = buffer->room ? buffer->room * 2 : 8192;
            buffer->data = xrealloc(buffer->data, buffer->room);
        }
        ssize_t got = read(*fd, buffer->data + buffer->length, buffer->room - buffer->length - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0 || buffer->length + (size_t)got > OUTPUT_LIMIT) {
            close_end(fd);
            return;
        }
        buffer->length += (size_t)got;
    }
}

/* Writes what the pipe takes; a child that does not read its stdin is its own business. */
static void feed(const struct command *command, struct child *child, size_t *written)
{
    while (*written < command->input_length) {
        ssize_t n = write(child->in, command->input + *written, command->input_length - *written);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            break;
        *written += (size_t)n;
    }
    close_end(&child->in);
}

enum ending { ENDED, TIMED_OUT, INTERRUPTED };

/* Pumps the pipes until the child has ended or must. */
static enum ending pump(const struct command *command, struct child *child)
{
    const long long deadline = clock_ms() + command->timeout_s * 1000LL;
    size_t written = 0;

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
        if (fds[1].revents)
            feed(command, child, &written);
        if (fds[2].revents)
            drain(&child->out, &child->out_text);
        if (fds[3].revents)
            drain(&child->err, &child->err_text);
        if (fds[0].revents)
            return ENDED;
    }
}

/* A grandchild may keep the pipes open for ever, so only what is there already is read. */
static void collect(struct child *child)
{
    if (child->out >= 0)
        drain(&child->out, &child->out_text);
    if (child->err >= 0)
        drain(&child->err, &child->err_text);
}

static void end_group(const struct child *child)
{
    struct pollfd ended = { .fd = child->pidfd, .events = POLLIN };

    kill(-child->pid, SIGTERM);
    poll(&ended, 1, GRACE_MS);
    kill(-child->pid, SIGKILL);
}

static char *finish(struct buffer *buffer)
{
    if (!buffer->data)
        return xstrdup("");
    buffer->data[buffer->length] = '\0';
    return steal_pointer(&buffer->data);
}

static void set_nonblocking(const struct child *child)
{
    fcntl(child->in, F_SETFL, O_NONBLOCK);
    fcntl(child->out, F_SETFL, O_NONBLOCK);
    fcntl(child->err, F_SETFL, O_NONBLOCK);
}

int command_run(const struct command *command, const struct log *log, struct outcome *outcome,
                struct error *err)
{
    struct child child = { .pidfd = -1, .in = -1, .out = -1, .err = -1, .started = -1 };
    cleanup_free char *line = command_quote(command->argv);
    const long long began = clock_ms();

    log_event(log, "run: %s", line);
    if (start(command, &child, err) < 0) {
        close_end(&child.in);
        close_end(&child.out);
        close_end(&child.err);
        close_end(&child.pidfd);
        return -1;
    }
    set_nonblocking(&child);
    if (!command->input)
        close_end(&child.in);

    enum ending ending = pump(command, &child);
    if (ending != ENDED)
        end_group(&child);
    reap(&child, &outcome->status);
    collect(&child);
    close_end(&child.in);
    close_end(&child.out);
    close_end(&child.err);
    close_end(&child.pidfd);
    outcome->out = finish(&child.out_text);
    outcome->err = finish(&child.err_text);
    log_event(log, "  -> %d after %lld ms", outcome->status, clock_ms() - began);

    if (ending == INTERRUPTED)
        return fail(err, ERROR_CLOUD, "'%s' was stopped: this call was asked to end",
                    command->argv[0]);
    if (ending == TIMED_OUT) {
        fail(err, ERROR_CLOUD,
             "'%s' did not end within %d seconds (command_timeout) and was stopped",
             command->argv[0], command->timeout_s);
        return error_retriable(err);
    }
    return 0;
}

void outcome_release(struct outcome *outcome)
{
    free(outcome->out);
    free(outcome->err);
    *outcome = (struct outcome){ 0 };
}
