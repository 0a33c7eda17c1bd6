#include "cpi/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Descriptors are given out from 3 on, and few are ever open. */
enum { GRACE_MS = 2000, LOCKS_BELOW = 256 };

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

_Noreturn static void become(const struct child_plan *plan, const int ends[4], char **environment)
{
    static const int usual[] = { SIGPIPE, SIGTERM, SIGINT, SIGHUP };
    sigset_t none;

    setpgid(0, 0);
    for (int i = 0; i < 3; i++)
        if (dup2(ends[i], i) < 0)
            goto failed;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
        signal(usual[i], SIG_DFL);
    if (plan->lockless)
        for (int fd = 3; fd < LOCKS_BELOW; fd++)
            fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (plan->memory_mib)
        limit(RLIMIT_AS, (rlim_t)plan->memory_mib << 20);
    if (plan->cpu_s)
        limit(RLIMIT_CPU, (rlim_t)plan->cpu_s);
    execvpe(plan->argv[0], (char *const *)plan->argv, environment);
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

int child_reap(const struct child *child)
{
    int raw = 0;

    while (waitpid(child->pid, &raw, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
}

/* Forks; pipes[0..2] are the child's stdin, stdout, stderr, pipes[3] tells why exec failed. */
static int spawn(const struct child_plan *plan, int pipes[4][2], struct child *child)
{
    cleanup_strings char **environment = scrubbed_environment();
    int ends[4] = { pipes[0][0], pipes[1][1], pipes[2][1], pipes[3][1] };

    child->pid = fork();
    if (child->pid == 0)
        become(plan, ends, environment);
    for (int i = 0; i < 4; i++)
        close(ends[i]);
    pipes[0][0] = pipes[1][1] = pipes[2][1] = pipes[3][1] = -1;
    if (child->pid < 0)
        return -1;
    child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    if (child->pidfd < 0) {
        /* Its end would never be seen. */
        const int cause = errno;
        /* It may not have come to lead its group yet. */
        kill(-child->pid, SIGKILL);
        kill(child->pid, SIGKILL);
        child_reap(child);
        errno = cause;
        return -1;
    }
    child->in = pipes[0][1];
    child->out = pipes[1][0];
    child->err = pipes[2][0];
    return 0;
}

void child_close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void child_release(struct child *child)
{
    child_close_end(&child->in);
    child_close_end(&child->out);
    child_close_end(&child->err);
    child_close_end(&child->pidfd);
}

static void set_nonblocking(const struct child *child)
{
    fcntl(child->in, F_SETFL, O_NONBLOCK);
    fcntl(child->out, F_SETFL, O_NONBLOCK);
    fcntl(child->err, F_SETFL, O_NONBLOCK);
}

int child_start(const struct child_plan *plan, struct child *child, struct error *err)
{
    int pipes[4][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
    int cause = 0;

    *child = (struct child)CHILD_NONE;
    for (int i = 0; i < 4; i++)
        if (pipe2(pipes[i], O_CLOEXEC) < 0) {
            cause = errno;
            break;
        }
    if (!cause && spawn(plan, pipes, child) < 0)
        cause = errno;
    const int started = pipes[3][0];
    if (cause) {
        for (int i = 0; i < 4; i++)
            close_pair(pipes[i]);
        return fail(err, ERROR_CLOUD, "cannot start '%s': %s", plan->argv[0], strerror(cause));
    }
    /* EOF here means that exec took place. */
    ssize_t got = read(started, &cause, sizeof(cause));
    close(started);
    if (got != (ssize_t)sizeof(cause)) {
        set_nonblocking(child);
        return 0;
    }
    child_reap(child);
    child_release(child);
    if (cause == ENOENT)
        return fail(err, ERROR_CLOUD,
                    "cannot find the program '%s' (PATH is %s): install it or configure its path",
                    plan->argv[0], getenv("PATH") ? getenv("PATH") : "not set");
    return fail(err, ERROR_CLOUD, "cannot run '%s': %s", plan->argv[0], strerror(cause));
}

void child_end(const struct child *child)
{
    struct pollfd ended = { .fd = child->pidfd, .events = POLLIN };

    kill(-child->pid, SIGTERM);
    poll(&ended, 1, GRACE_MS);
    kill(-child->pid, SIGKILL);
}
