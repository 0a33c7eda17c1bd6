#include "cpi/host_ops.h"

#include <errno.h>
#include <fcntl.h>
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

int local_try_lock(const struct host *host, const char *path, struct lock_wish wish,
                   struct lock *lock, struct error *err)
{
    int taken = try_lock(path, wish.mode, lock);

    (void)host;
    if (taken < 0 && errno == ENOENT)
        return LOCK_NO_DIRECTORY;
    return taken < 0 ? fail(err, ERROR_CLOUD, "cannot lock '%s': %s", path, strerror(errno))
                     : taken;
}
