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

static int fail_taken(const struct remote *remote, const struct remote_lock *lock,
                      struct error *err)
{
    fail(err, ERROR_CLOUD,
         "another cpi process has held the lock '%s' for %d seconds (lock_timeout): try again when "
         "it has ended",
         lock->path, remote->host->lock_timeout);
    return error_retriable(err);
}

/* 1: taken, 0: somebody has it, LOCK_NO_DIRECTORY, -1: failed. */
static int judge(const struct remote_lock *lock, const struct outcome *outcome, struct error *err)
{
    const struct remote_question question = { .what = "lock", .path = lock->path };

    if (outcome->status == TAKEN_BY_ANOTHER)
        return 0;
    if (outcome->status == NO_DIRECTORY)
        return LOCK_NO_DIRECTORY;
    return outcome->status == 0 ? 1 : remote_fail(&question, outcome, err);
}

static int ask_for(const struct host *host, const struct remote_lock *lock, int fd,
                   struct error *err)
{
    cleanup_free char *script = lock_script(lock, fd);
    cleanup_free char *what = xasprintf("lock '%s'", lock->path);
    /* In the far shell itself, for it is to hold the lock. */
    const struct session_question question = {
        .what = what, .script = script, .mode = SESSION_HERE, .timeout_s = host->command_timeout
    };
    cleanup_answer struct session_answer answer = { 0 };

    if (remote_exchange_apart(host, &question, &answer, err) < 0)
        return -1;
    return judge(lock, &answer.outcome, err);
}

/* A descriptor that no lock has, -1: none. */
static int free_descriptor(const struct remote *remote, const char *path, struct error *err)
{
    for (int fd = REMOTE_FIRST_LOCK; fd < REMOTE_LOCKS; fd++)
        if (!remote->locks[fd].path)
            return fd;
    return fail(err, ERROR_CLOUD, "cannot lock '%s': too many locks are held", path);
}

static void hold(struct remote *remote, int fd, struct remote_lock held, struct lock *lock)
{
    held.turn = ++remote->turn;
    remote->locks[fd] = held;
    *lock = (struct lock){ .fd = fd, .path = xstrdup(held.path), .remote = remote };
}

int remote_try_lock(const struct host *host, const char *path, struct lock_wish wish,
                    struct lock *lock, struct error *err)
{
    struct remote *remote = host->remote;
    int fd = free_descriptor(remote, path, err);

    if (fd < 0)
        return -1;
    struct remote_lock wanted = { .path = xstrdup(path),
                                  .mode = wish.mode,
                                  .wait_s = wish.may_wait ? WAIT_S : 0,
                                  .taken = true };
    int taken = ask_for(host, &wanted, fd, err);
    if (taken != 1) {
        free(wanted.path);
        return taken;
    }
    hold(remote, fd, wanted, lock);
    return 1;
}

int remote_lock_later(const struct host *host, const char *path, enum lock_mode mode,
                      struct lock *lock, struct error *err)
{
    struct remote *remote = host->remote;
    int fd = free_descriptor(remote, path, err);

    if (fd < 0)
        return -1;
    log_event(host->log, "for %s, with what comes next: lock '%s'", remote->session.host, path);
    hold(remote, fd, (struct remote_lock){ .path = xstrdup(path), .mode = mode, .wait_s = WAIT_S },
         lock);
    return 1;
}

static bool is_wanted(const struct remote_lock *lock)
{
    return lock->path && !lock->taken && !lock->needless;
}

/* In the order in which they were asked for. NULL: there is none. */
static struct remote_lock *next_wanted(struct remote *remote, unsigned after)
{
    struct remote_lock *next = NULL;

    for (int fd = REMOTE_FIRST_LOCK; fd < REMOTE_LOCKS; fd++) {
        struct remote_lock *lock = &remote->locks[fd];
        if (is_wanted(lock) && lock->turn > after && (!next || lock->turn < next->turn))
            next = lock;
    }
    return next;
}

/* The one that could not be taken is told by its number. */
char *remote_lock_lines(struct remote *remote, int *wait_s)
{
    struct remote_lock *lock;
    char *lines = NULL;

    *wait_s = 0;

    for (unsigned turn = 0; (lock = next_wanted(remote, turn)); turn = lock->turn) {
        const int fd = (int)(lock - remote->locks);
        cleanup_free char *script = lock_script(lock, fd), *before = lines;
        *wait_s += lock->wait_s;
        lines = xasprintf("%s%s{ %s; } || { s=$?; echo %d; (exit $s); }", before ? before : "",
                          before ? " && " : "", script, fd);
    }
    return lines;
}

/* The far side waits for a moment only, again and again: a question that waits there while the
 * network is cut would be done long after its caller has given up. 1: once more. */
static int wait_on(const struct remote *remote, struct remote_lock *lock, struct error *err)
{
    if (!lock->deadline) {
        lock->deadline = clock_ms() + remote->host->lock_timeout * 1000LL;
        log_event(remote->session.log, "waiting for the lock '%s'", lock->path);
    }
    if (clock_ms() < lock->deadline)
        return 1;
    lock->refused = true;
    return fail_taken(remote, lock, err);
}

int remote_locks_taken(struct remote *remote, const struct outcome *failure, struct error *err)
{
    const long fd = failure ? strtol(failure->out, NULL, 10) : -1;
    struct remote_lock *lock;

    for (unsigned turn = 0; (lock = next_wanted(remote, turn)); turn = lock->turn) {
        if (!failure || lock - remote->locks != fd) {
            lock->taken = true;
            continue;
        }
        int taken = judge(lock, failure, err);
        if (taken == 0)
            return wait_on(remote, lock, err);
        /* The guard would have missed the directory where there is anything to lock. */
        lock->needless = taken == LOCK_NO_DIRECTORY;
        return taken < 0 ? -1 : 1;
    }
    if (!failure)
        return 0;
    return fail(
        err, ERROR_CLOUD,
        "the shell of host '%s' did not answer in the form that it should: '%s' was not run",
        remote->session.host, "flock");
}

bool remote_lacks_lock(const struct remote *remote)
{
    for (int fd = REMOTE_FIRST_LOCK; fd < REMOTE_LOCKS; fd++)
        if (is_wanted(&remote->locks[fd]))
            return true;
    return false;
}

int remote_check_locks(const struct remote *remote, struct error *err)
{
    for (int fd = REMOTE_FIRST_LOCK; fd < REMOTE_LOCKS; fd++)
        if (remote->locks[fd].path && remote->locks[fd].refused)
            return fail_taken(remote, &remote->locks[fd], err);
    return 0;
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

    if (!held->taken)
        return;
    held->retired = true;
    if (lock->remote->postponing) {
        struct remote_part part = { .kind = REMOTE_ATTEMPT,
                                    .what = xasprintf("retire '%s'", lock->path),
                                    .script = steal_pointer(&line) };
        remote_add(lock->remote, &part);
        return;
    }
    lock->remote->must_send = true;
    if (lock->remote->session.open)
        postpone(lock->remote, line);
}

void remote_unlock(struct lock *lock)
{
    struct remote_lock *held = &lock->remote->locks[lock->fd];
    cleanup_free char *line = xasprintf("flock -u %d; exec %d>&-", lock->fd, lock->fd);

    if (lock->remote->session.open && held->taken)
        postpone(lock->remote, line);
    free(held->path);
    *held = (struct remote_lock){ 0 };
}

/* Nothing else may travel with it. */
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
            if (lock->path && lock->taken && lock->turn == turn && !lock->retired &&
                take_one_again(remote, fd, err) < 0)
                return -1;
        }
    return 0;
}
