#include "cpi/remote.h"

#include <stdlib.h>
#include <string.h>

/* How long the far side waits by itself, so that a lock that is soon free costs one question. */
enum { WAIT_S = 2, TAKEN_BY_ANOTHER = 75, NO_DIRECTORY = 76 };

/* 'command' keeps the shell from ending when the file cannot be opened. A file that was retired
 * while we waited locks nothing any more. */
static char *lock_script(const struct remote_lock *lock, int fd)
{
    cleanup_free char *path = remote_quote(lock->path);
    const char *slash = strrchr(lock->path, '/');
    cleanup_free char *above = xstrndup(lock->path, (size_t)(slash - lock->path) + 1);
    cleanup_free char *directory = remote_quote(above);

    return xasprintf("s=1; [ -d %s ] || s=%d; while [ $s = 1 ] && command exec %d<>%s; do "
                     "flock %s -w %d -E %d %d; s=$?; "
                     "if [ $s != 0 ]; then exec %d>&-; break; fi; "
                     "[ %s -ef /proc/self/fd/%d ] && break; "
                     "flock -u %d; exec %d>&-; s=1; done; (exit $s)",
                     directory, NO_DIRECTORY, fd, path, lock->mode == LOCK_SHARED ? "-s" : "-x",
                     lock->wait_s, TAKEN_BY_ANOTHER, fd, fd, path, fd, fd, fd);
}

/* 1: taken, 0: somebody has it, LOCK_NO_DIRECTORY, -1: failed. */
static int ask_for(const struct host *host, const struct remote_lock *lock, int fd,
                   struct error *err)
{
    cleanup_free char *script = lock_script(lock, fd);
    const struct remote_question question = { .what = "lock",
                                              .path = lock->path,
                                              .script = script };
    cleanup_answer struct session_answer answer = { 0 };

    if (remote_ask(host, &question, &answer, err) < 0)
        return -1;
    if (answer.outcome.status == TAKEN_BY_ANOTHER)
        return 0;
    if (answer.outcome.status == NO_DIRECTORY)
        return LOCK_NO_DIRECTORY;
    return answer.outcome.status == 0 ? 1 : remote_fail(&question, &answer, err);
}

int remote_try_lock(const struct host *host, const char *path, struct lock_wish wish,
                    struct lock *lock, struct error *err)
{
    struct remote *remote = host->remote;
    int fd = REMOTE_FIRST_LOCK;

    while (fd < REMOTE_LOCKS && remote->locks[fd].path)
        fd++;
    if (fd == REMOTE_LOCKS)
        return fail(err, ERROR_CLOUD, "cannot lock '%s': too many locks are held", path);
    struct remote_lock wanted = { .path = xstrdup(path),
                                  .mode = wish.mode,
                                  .wait_s = wish.may_wait ? WAIT_S : 0 };
    int taken = ask_for(host, &wanted, fd, err);
    if (taken != 1) {
        free(wanted.path);
        return taken;
    }
    wanted.turn = ++remote->turn;
    remote->locks[fd] = wanted;
    *lock = (struct lock){ .fd = fd, .path = xstrdup(path), .remote = remote };
    return 1;
}

/* Nobody waits for the answer, so it goes with the next question. */
static void postpone(struct remote *remote, char *line)
{
    char *longer = remote->pending ? xasprintf("%s\n%s", remote->pending, line) : xstrdup(line);

    free(remote->pending);
    remote->pending = longer;
}

void remote_retire_lock(const struct lock *lock)
{
    struct remote_lock *held = &lock->remote->locks[lock->fd];
    cleanup_free char *path = remote_quote(lock->path);
    cleanup_free char *line = xasprintf("rm -f -- %s || :", path);

    held->retired = true;
    lock->remote->must_send = true;
    if (lock->remote->session.open)
        postpone(lock->remote, line);
}

void remote_unlock(struct lock *lock)
{
    struct remote_lock *held = &lock->remote->locks[lock->fd];
    cleanup_free char *line = xasprintf("flock -u %d; exec %d>&-", lock->fd, lock->fd);

    if (lock->remote->session.open)
        postpone(lock->remote, line);
    free(held->path);
    *held = (struct remote_lock){ 0 };
}

static int take_one_again(struct remote *remote, int fd, struct error *err)
{
    const long long deadline = clock_ms() + remote->host->lock_timeout * 1000LL;
    struct remote_lock wanted = remote->locks[fd];

    /* The old shell, or what it runs, may have it for a moment. */
    wanted.wait_s = WAIT_S;
    for (;;) {
        int taken = ask_for(remote->host, &wanted, fd, err);
        if (taken)
            return taken < 0 ? -1 : 0;
        if (clock_ms() >= deadline)
            return fail(err, ERROR_CLOUD,
                        "the lock '%s' was lost with the connection and another process has it now",
                        remote->locks[fd].path);
    }
}

int remote_take_again(struct remote *remote, struct error *err)
{
    for (unsigned turn = 1; turn <= remote->turn; turn++)
        for (int fd = REMOTE_FIRST_LOCK; fd < REMOTE_LOCKS; fd++) {
            const struct remote_lock *lock = &remote->locks[fd];
            if (lock->path && lock->turn == turn && !lock->retired &&
                take_one_again(remote, fd, err) < 0)
                return -1;
        }
    return 0;
}
