/*
 * shim.c - stands in for the C library's calls that can fail: preloaded into cpi
 * (not into its children, whose environment is cpi's own choice), it counts
 * them and lets one, or all from one on, go wrong.
 *
 *   CPI_SHIM_AT      the number of the call that fails; none: all are only counted
 *   CPI_SHIM_HOW     ENOSPC, EIO, EMFILE, EACCES, or "short": half is written. With a "+" behind
 *                    it all later calls that can fail in this way do.
 *                    KILL or TERM: nothing fails, but cpi gets that signal before the call, or
 *                    with late-KILL and late-TERM after it
 *   CPI_SHIM_REPORT  a file that gets one line for each call: its name and how it can fail, where
 *                    KILL stands for a call that changes something, and 'sent' when the signal
 *                    was; cpi and its children then are a session of their own
 *
 * What is asked of pipes is not counted, for how often depends on the time, nor
 * the request and the answer, for who cannot read or speak cannot answer.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

enum way { SPACE = 1, IO = 2, FILES = 4, ACCESS = 8, SHORT = 16, CHANGE = 32 };

static const struct {
    enum way way;
    const char *name;
    int error;
} ways[] = { { SPACE, "ENOSPC", ENOSPC },  { IO, "EIO", EIO },    { FILES, "EMFILE", EMFILE },
             { ACCESS, "EACCES", EACCES }, { SHORT, "short", 0 }, { CHANGE, "KILL", 0 } };

static struct {
    bool ready, from_then_on;
    long number, at;
    int how;    /* index into ways, -1: none */
    int signal; /* or this; 0: none */
    bool late;  /* after the call */
    FILE *report;
    struct stat answer;
} shim = { .how = -1 };

#define NEXT(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void)
{
    const char *at = getenv("CPI_SHIM_AT"), *how = getenv("CPI_SHIM_HOW");
    const char *report = getenv("CPI_SHIM_REPORT");

    fstat(STDOUT_FILENO, &shim.answer);
    shim.at = at ? atol(at) : 0;
    for (size_t i = 0; how && i < sizeof(ways) / sizeof(ways[0]); i++)
        if (strncmp(how, ways[i].name, strlen(ways[i].name)) == 0)
            shim.how = (int)i;
    shim.from_then_on = how && strchr(how, '+');
    shim.signal = !how ? 0 : strstr(how, "KILL") ? SIGKILL : strstr(how, "TERM") ? SIGTERM : 0;
    shim.late = how && strncmp(how, "late-", 5) == 0;
    shim.report = report ? NEXT(fopen64)(report, "we") : NULL;
    if (shim.signal)
        setsid();
    shim.ready = true;
}

__attribute__((destructor)) static void end(void)
{
    shim.ready = false;
    if (shim.report)
        fclose(shim.report);
}

static void tell(const char *name, int can)
{
    if (!shim.report)
        return;
    fputs(name, shim.report);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        if (can & (int)ways[i].way)
            fprintf(shim.report, " %s", ways[i].name);
    fputc('\n', shim.report);
}

/* What has to be seen by others is written before the process is no more. */
static void send_signal(bool late)
{
    if (!shim.signal || shim.number != shim.at || shim.late != late)
        return;
    if (shim.report) {
        fputs("sent\n", shim.report);
        fflush(shim.report);
    }
    kill(getpid(), shim.signal);
}

/* Counts a call that can fail in these ways: does this one, and how? */
static enum way fails(const char *name, int can)
{
    if (!shim.ready)
        return 0;
    shim.number++;
    tell(name, can);
    send_signal(false);
    if (shim.signal)
        return 0;
    bool now = shim.number == shim.at || (shim.from_then_on && shim.at && shim.number > shim.at);
    if (!now || shim.how < 0 || !(can & (int)ways[shim.how].way))
        return 0;
    errno = ways[shim.how].error;
    return ways[shim.how].way;
}

/* Files and directories only, and not the answer. */
static bool counts(int fd)
{
    struct stat status;

    if (!shim.ready || fd <= STDERR_FILENO || fstat(fd, &status) < 0)
        return false;
    if (status.st_dev == shim.answer.st_dev && status.st_ino == shim.answer.st_ino)
        return false;
    return S_ISREG(status.st_mode) || S_ISDIR(status.st_mode);
}

/* Defines the function, which fails with 'bad' when its turn has come. */
#define STAND_IN(type, name, can, bad, parameters, ...) \
    type name parameters;                               \
    type name parameters                                \
    {                                                   \
        if (fails(#name, can))                          \
            return bad;                                 \
        return NEXT(name)(__VA_ARGS__);                 \
    }

#define STAND_IN_FD(type, name, can, bad, parameters, ...) \
    type name parameters;                                  \
    type name parameters                                   \
    {                                                      \
        if (counts(fd) && fails(#name, can))               \
            return bad;                                    \
        return NEXT(name)(__VA_ARGS__);                    \
    }

STAND_IN(int, mkdir, CHANGE | SPACE | IO | ACCESS, -1, (const char *path, mode_t mode), path, mode)
STAND_IN(int, mkostemp64, CHANGE | SPACE | IO | FILES | ACCESS, -1, (char *path, int flags), path,
         flags)
STAND_IN(int, mkstemp64, CHANGE | SPACE | IO | FILES | ACCESS, -1, (char *path), path)
STAND_IN(int, mkstemp, CHANGE | SPACE | IO | FILES | ACCESS, -1, (char *path), path)
STAND_IN(int, rename, CHANGE | SPACE | IO | ACCESS, -1, (const char *from, const char *to), from,
         to)
STAND_IN(int, symlink, CHANGE | SPACE | IO | ACCESS, -1, (const char *text, const char *path), text,
         path)
STAND_IN(int, linkat, CHANGE | SPACE | IO | ACCESS, -1,
         (int from_fd, const char *from, int to_fd, const char *to, int flags), from_fd, from,
         to_fd, to, flags)
STAND_IN(int, unlink, CHANGE | IO | ACCESS, -1, (const char *path), path)
STAND_IN(int, remove, CHANGE | IO | ACCESS, -1, (const char *path), path)
STAND_IN(int, chmod, CHANGE | IO | ACCESS, -1, (const char *path, mode_t mode), path, mode)
STAND_IN(int, stat64, IO | ACCESS, -1, (const char *path, struct stat64 *status), path, status)
STAND_IN(int, lstat64, IO | ACCESS, -1, (const char *path, struct stat64 *status), path, status)
STAND_IN(int, statvfs64, IO | ACCESS, -1, (const char *path, struct statvfs64 *space), path, space)
STAND_IN(ssize_t, readlink, IO | ACCESS, -1, (const char *path, char *text, size_t room), path,
         text, room)
STAND_IN(DIR *, opendir, IO | FILES | ACCESS, NULL, (const char *path), path)
STAND_IN(FILE *, fopen64, IO | FILES | ACCESS, NULL, (const char *path, const char *mode), path,
         mode)
STAND_IN(int, nftw64, IO | FILES | ACCESS, -1,
         (const char *path, __nftw64_func_t each, int fds, int flags), path, each, fds, flags)
STAND_IN(int, pipe2, FILES, -1, (int ends[2], int flags), ends, flags)
STAND_IN_FD(int, fchmod, CHANGE | IO | ACCESS, -1, (int fd, mode_t mode), fd, mode)
STAND_IN_FD(int, fsync, SPACE | IO, -1, (int fd), fd)
STAND_IN_FD(int, ftruncate64, CHANGE | SPACE | IO, -1, (int fd, off64_t length), fd, length)
STAND_IN_FD(int, flock, CHANGE | IO, -1, (int fd, int operation), fd, operation)
STAND_IN_FD(ssize_t, read, IO, -1, (int fd, void *data, size_t length), fd, data, length)
STAND_IN_FD(ssize_t, pread64, IO, -1, (int fd, void *data, size_t length, off64_t offset), fd, data,
            length, offset)

/* After it the child is at work. */
pid_t fork(void)
{
    if (fails("fork", FILES | CHANGE))
        return -1;
    pid_t pid = NEXT(fork)();
    if (pid > 0)
        send_signal(true);
    return pid;
}

/* What was closed with an error is closed all the same. */
int close(int fd)
{
    bool failed = counts(fd) && fails("close", IO | SPACE);
    int cause = errno;

    if (NEXT(close)(fd) < 0)
        return -1;
    errno = cause;
    return failed ? -1 : 0;
}

ssize_t write(int fd, const void *data, size_t length)
{
    enum way way = counts(fd) ? fails("write", CHANGE | SPACE | IO | SHORT) : 0;

    if (way && way != SHORT)
        return -1;
    return NEXT(write)(fd, data, way && length > 1 ? length / 2 : length);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset)
{
    enum way way = counts(fd) ? fails("pwrite64", CHANGE | SPACE | IO | SHORT) : 0;

    if (way && way != SHORT)
        return -1;
    return NEXT(pwrite64)(fd, data, way && length > 1 ? length / 2 : length, offset);
}

int open64(const char *path, int flags, ...)
{
    va_list rest;

    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    const bool makes = flags & O_CREAT && faccessat(AT_FDCWD, path, F_OK, 0) < 0;
    if (fails("open64", IO | FILES | ACCESS | (makes ? SPACE | CHANGE : 0)))
        return -1;
    return NEXT(open64)(path, flags, mode);
}

long syscall(long number, ...)
{
    va_list rest;
    long a[6];

    va_start(rest, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(rest, long);
    va_end(rest);
    if (number == SYS_pidfd_open && fails("pidfd_open", FILES))
        return -1;
    return NEXT(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
