#include "cpi/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file that was retired while we waited locks nothing any more. */
static bool still_there(int fd, const char *path)
{
    struct stat held, named;

    return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino &&
           held.st_dev == named.st_dev;
}

/* 1: taken, 0: somebody has it, -1: failed with errno. */
static int try_lock(const char *path, enum lock_mode mode, struct lock *lock)
{
    const int operation = (mode == LOCK_SHARED ? LOCK_SH : LOCK_EX) | LOCK_NB;

    for (;;) {
        /* No O_CLOEXEC: the children that do the work hold the lock with us. */
        int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
        if (fd < 0)
            return -1;
        if (flock(fd, operation) < 0) {
            int cause = errno;
            close(fd);
            errno = cause;
            return cause == EWOULDBLOCK ? 0 : -1;
        }
        if (still_there(fd, path)) {
            lock->fd = fd;
            lock->path = xstrdup(path);
            return 1;
        }
        close(fd);
    }
}

int host_lock(const struct host *host, const char *path, enum lock_mode mode, int wait_s,
              struct lock *lock, struct error *err)
{
    const long long deadline = clock_ms() + wait_s * 1000LL;
    long wait = 5;
    bool told = false;

    for (;;) {
        int taken = try_lock(path, mode, lock);
        if (taken < 0)
            return fail(err, ERROR_CLOUD, "cannot lock '%s': %s", path, strerror(errno));
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

void host_retire_lock(const struct lock *lock)
{
    if (lock->fd >= 0)
        unlink(lock->path);
}

void host_unlock(struct lock *lock)
{
    if (lock->fd >= 0)
        close(lock->fd);
    free(lock->path);
    *lock = (struct lock)LOCK_NONE;
}
