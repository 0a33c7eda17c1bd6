#include "cpi/host_ops.h"

#include <stdlib.h>

static const struct host_ops *ops_of(const struct remote *remote)
{
    return remote ? &host_remote : &host_local;
}

int host_lock(const struct host *host, const char *path, enum lock_mode mode, int wait_s,
              struct lock *lock, struct error *err)
{
    const struct host_ops *ops = ops_of(host->remote);
    const struct lock_wish wish = { .mode = mode, .may_wait = wait_s > 0 };
    const long long deadline = clock_ms() + wait_s * 1000LL;
    long wait = 5;
    bool told = false;

    for (;;) {
        int taken = ops->lock(host, path, wish, lock, err);
        if (taken == LOCK_NO_DIRECTORY)
            return 0;
        if (taken || wait_s == 0)
            return taken;
        if (command_interrupted())
            return fail(err, ERROR_CLOUD, "this call was asked to end while it waited for '%s'",
                        path);
        if (clock_ms() >= deadline) {
            fail(err, ERROR_CLOUD,
                 "another cpi process has held the lock '%s' for %d seconds (lock_timeout): "
                 "try again when it has ended",
                 path, wait_s);
            return error_retriable(err);
        }
        if (!told && wait > 100) {
            log_event(host->log, "waiting for the lock '%s'", path);
            told = true;
        }
        pause_ms(wait);
        wait = wait < 100 ? wait * 2 : 120;
    }
}

int host_lock_later(const struct host *host, const char *path, enum lock_mode mode,
                    struct lock *lock, struct error *err)
{
    const struct host_ops *ops = ops_of(host->remote);

    return ops->lock_later ? ops->lock_later(host, path, mode, lock, err)
                           : host_lock(host, path, mode, host->lock_timeout, lock, err);
}

void host_retire_lock(const struct lock *lock)
{
    if (lock->fd >= 0)
        ops_of(lock->remote)->retire_lock(lock);
}

void host_unlock(struct lock *lock)
{
    if (lock->fd >= 0)
        ops_of(lock->remote)->unlock(lock);
    free(lock->path);
    *lock = (struct lock)LOCK_NONE;
}
