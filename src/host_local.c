#include "cpi/host_ops.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int fail_errno(struct error *err, const char *what, const char *path)
{
    if (errno == ENOSPC || errno == EDQUOT)
        return fail(err, ERROR_NO_DISK_SPACE, "cannot %s '%s': %s", what, path, strerror(errno));
    return fail(err, ERROR_CLOUD, "cannot %s '%s': %s", what, path, strerror(errno));
}

static int local_run(const struct host *host, const struct command *command,
                     struct outcome *outcome, struct error *err)
{
    struct command timed = *command;

    if (timed.timeout_s == 0)
        timed.timeout_s = host->command_timeout;
    return command_run(&timed, host->log, outcome, err);
}

static int local_make_directory(const struct host *host, const char *path, mode_t mode,
                                struct error *err)
{
    (void)host;
    struct stat status;

    if (mkdir(path, mode) < 0) {
        if (errno == EEXIST && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
            return 0;
        return fail_errno(err, "make the directory", path);
    }
    return chmod(path, mode) < 0 ? fail_errno(err, "set the mode of", path) : 0;
}

static int write_all(int fd, struct bytes content)
{
    while (content.length > 0) {
        ssize_t n = write(fd, content.data, content.length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        content.data += n;
        content.length -= (size_t)n;
    }
    return 0;
}

/* An empty file has nothing that could be lost; its name is as safe as any other. */
static int write_file(int fd, struct bytes content, mode_t mode)
{
    if (fchmod(fd, mode) < 0 || write_all(fd, content) < 0)
        return -1;
    return content.length > 0 ? fsync(fd) : 0;
}

/* A name that came, went or changed is one after a power cut too. Some file systems cannot do that
 * for a directory, and then it must do without. */
static int sync_names(const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/');
    cleanup_free char *above = xstrndup(path, slash > path ? (size_t)(slash - path) : 1);
    cleanup_fd int fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0 && (fsync(fd) == 0 || errno == EINVAL))
        return 0;
    return errno == EACCES ? 0 : fail_errno(err, "write the directory", above);
}

static int local_put_unsettled(const struct host *host, const char *path, struct bytes content,
                               mode_t mode, struct error *err)
{
    (void)host;
    cleanup_free char *temporary = xasprintf("%s.XXXXXX", path);
    int fd = mkostemp(temporary, O_CLOEXEC);

    if (fd < 0)
        return fail_errno(err, "write", path);
    int failed = write_file(fd, content, mode) < 0;
    int cause = errno;
    if (close(fd) < 0 && !failed) {
        failed = 1;
        cause = errno;
    }
    if (!failed && rename(temporary, path) == 0)
        return 0;
    errno = failed ? cause : errno;
    fail_errno(err, "write", path);
    unlink(temporary);
    return -1;
}

static int local_put(const struct host *host, const char *path, struct bytes content, mode_t mode,
                     struct error *err)
{
    return local_put_unsettled(host, path, content, mode, err) < 0 ? -1 : sync_names(path, err);
}

static int local_get(const struct host *host, const char *path, char **text, struct error *err)
{
    (void)host;
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    cleanup_free char *content = NULL;
    size_t length = 0;
    ssize_t got;

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : fail_errno(err, "open", path);
    do {
        content = xrealloc(content, length + 65537);
        got = read(fd, content + length, 65536);
        length += got > 0 ? (size_t)got : 0;
    } while (got > 0 || (got < 0 && errno == EINTR));
    if (got < 0)
        return fail_errno(err, "read", path);
    content[length] = '\0';
    if (strlen(content) != length)
        return fail(err, ERROR_CLOUD, "'%s' holds a NUL character, so it is no text", path);
    *text = steal_pointer(&content);
    return 1;
}

static int local_exists(const struct host *host, const char *path, struct error *err)
{
    struct stat status;

    (void)host;
    if (lstat(path, &status) == 0)
        return 1;
    return errno == ENOENT || errno == ENOTDIR ? 0 : fail_errno(err, "look at", path);
}

static int local_rename(const struct host *host, const char *from, const char *to,
                        struct error *err)
{
    (void)host;
    return rename(from, to) < 0 ? fail_errno(err, "rename to", to) : sync_names(to, err);
}

static int local_chmod(const struct host *host, const char *path, mode_t mode, struct error *err)
{
    (void)host;
    return chmod(path, mode) < 0 ? fail_errno(err, "set the mode of", path) : 0;
}

static int local_look(const struct host *host, const char *path, struct host_file *file,
                      struct error *err)
{
    struct stat status;

    (void)host;
    if (stat(path, &status) < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : fail_errno(err, "look at", path);
    *file = (struct host_file){ .regular = S_ISREG(status.st_mode),
                                .bytes = (uint64_t)status.st_size,
                                .modified = status.st_mtime };
    return 1;
}

static int local_link(const struct host *host, const char *from, const char *to, struct error *err)
{
    static const int refusals[] = { EXDEV, EPERM, EACCES, EMLINK, EOPNOTSUPP, ENOENT };

    (void)host;
    if (linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW) == 0)
        return 1;
    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
        if (errno == refusals[i])
            return 0;
    return fail_errno(err, "make the link", to);
}

static int local_free_bytes(const struct host *host, const char *path, uint64_t *bytes,
                            struct error *err)
{
    struct statvfs space;

    (void)host;
    if (statvfs(path, &space) < 0)
        return fail_errno(err, "ask for the free space of", path);
    *bytes = (uint64_t)space.f_bavail * space.f_frsize;
    return 0;
}

static int local_claim(const struct host *host, const char *path, const char *text,
                       struct error *err)
{
    (void)host;
    if (symlink(text, path) == 0)
        return sync_names(path, err) < 0 ? -1 : 1;
    return errno == EEXIST ? 0 : fail_errno(err, "make the link", path);
}

static int local_claimed_by(const struct host *host, const char *path, char **text,
                            struct error *err)
{
    char target[256];
    ssize_t length = readlink(path, target, sizeof(target) - 1);

    (void)host;
    if (length < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : fail_errno(err, "read the link", path);
    *text = xstrndup(target, (size_t)length);
    return 1;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path) < 0 && errno != ENOENT ? errno : 0;
}

static int local_remove(const struct host *host, const char *path, struct error *err)
{
    (void)host;
    cleanup_error struct error unsynced = { 0 };

    /* Marks and claims are files, which should not come back. A tree has lost its name before. */
    if (unlink(path) == 0) {
        sync_names(path, &unsynced);
        return 0;
    }
    int cause = nftw(path, remove_entry, 32, FTW_DEPTH | FTW_PHYS);

    if (cause > 0)
        errno = cause;
    if (cause != 0 && errno != ENOENT && errno != ENOTDIR)
        return fail_errno(err, "remove", path);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int local_list(const struct host *host, const char *path, char ***names, struct error *err)
{
    (void)host;
    char **list = xcalloc(1, sizeof(*list));
    size_t count = 0, room = 1;
    DIR *directory = opendir(path);

    *names = list;
    if (!directory)
        return errno == ENOENT ? 0 : fail_errno(err, "list", path);
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (count + 1 == room) {
            room *= 2;
            list = xrealloc(list, room * sizeof(*list));
        }
        list[count++] = xstrdup(entry->d_name);
        list[count] = NULL;
    }
    closedir(directory);
    qsort(list, count, sizeof(*list), by_name);
    *names = list;
    return 0;
}

static int local_read(const struct host *host, const char *path, struct host_range *range,
                      struct error *err)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : pread(fd, range->data, range->length, (off_t)range->offset);

    (void)host;
    if (got < 0)
        return fail_errno(err, "read", path);
    range->got = (size_t)got;
    return 0;
}

static int local_digest(const struct host *host, const char *path, enum digest_kind kind,
                        char hex[DIGEST_SIZE], struct error *err)
{
    (void)host;
    return digest_file(path, kind, hex, err);
}

static void local_retire_lock(const struct lock *lock)
{
    unlink(lock->path);
}

static void local_unlock(struct lock *lock)
{
    close(lock->fd);
}

/* Not getpwuid: in a static binary that needs the C library's own shared objects at run time. */
static char *home_of_user(void)
{
    FILE *file = fopen("/etc/passwd", "re");
    const struct passwd *user;
    char *home = NULL;

    if (!file)
        return NULL;
    while (!home && (user = fgetpwent(file)))
        if (user->pw_uid == getuid())
            home = xstrdup(user->pw_dir);
    fclose(file);
    return home;
}

static char *local_home(const struct host *host, struct error *err)
{
    char *home = getenv("HOME") ? xstrdup(getenv("HOME")) : home_of_user();

    (void)host;
    if (home)
        return home;
    fail(err, ERROR_CPI, "the home directory is not known: set HOME");
    return NULL;
}

const struct host_ops host_local = {
    .run = local_run,
    .make_directory = local_make_directory,
    .put = local_put,
    .put_unsettled = local_put_unsettled,
    .get = local_get,
    .read = local_read,
    .digest = local_digest,
    .write_image = local_write_image,
    .exists = local_exists,
    .rename = local_rename,
    .chmod = local_chmod,
    .look = local_look,
    .link = local_link,
    .free_bytes = local_free_bytes,
    .claim = local_claim,
    .claimed_by = local_claimed_by,
    .remove = local_remove,
    .list = local_list,
    .lock = local_try_lock,
    .retire_lock = local_retire_lock,
    .unlock = local_unlock,
    .home = local_home,
};
