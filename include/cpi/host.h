/*
 * host.h - "the host": the machine where virsh, qemu-img and the files of
 * store_dir are. Everything that touches a hypervisor or its files goes through
 * here, so that no other room knows which machine that is: this one, which NULL
 * stands for too, or one behind ssh (remote.h).
 *
 * All paths are absolute. Failures are ERROR_CLOUD and name the path, a full
 * disk is ERROR_NO_DISK_SPACE.
 */
#ifndef CPI_HOST_H
#define CPI_HOST_H

#include "cpi/command.h"
#include "cpi/digest.h"
#include "cpi/error.h"
#include "cpi/log.h"

#include <stdint.h>
#include <sys/types.h>

struct remote;

struct host {
    struct log *log;
    struct remote *remote; /* NULL: this machine */
    int command_timeout;   /* seconds that one child may take */
    int lock_timeout;      /* seconds to wait for a lock */
    int slots;             /* for heavy work (slot.h); 0: no limit */
    const char *slot_path; /* of their locks, without the number */
};

/* Bytes: what takes longer than other commands because a file is large may take so much longer. */
enum { HOST_READ_A_SECOND = 8 << 20 };

struct bytes {
    const char *data;
    size_t length;
};

/* Runs a command there. 'timeout_s' 0 means command_timeout. Any exit status is success. */
int host_run(const struct host *host, const struct command *command, struct outcome *outcome,
             struct error *err);

/* Makes a directory with exactly this mode; one that exists is left as it is. */
int host_make_directory(const struct host *host, const char *path, mode_t mode, struct error *err);

/* Writes a file as a whole: a reader sees the old content or the new, also after a crash. */
int host_put(const struct host *host, const char *path, struct bytes content, mode_t mode,
             struct error *err);

/* As host_put, but until another file of the directory is put or removed a power cut may take the
 * new name away. */
int host_put_unsettled(const struct host *host, const char *path, struct bytes content, mode_t mode,
                       struct error *err);

/* Reads a small file into *text (owned by the caller). 1: read, 0: there is none, -1: failed. */
int host_get(const struct host *host, const char *path, char **text, struct error *err);

struct host_range {
    void *data; /* room for 'length' bytes */
    size_t length;
    uint64_t offset; /* in the file */
    size_t got;      /* less than length at the file's end */
};

/* Reads a part of a file that must be there. */
int host_read(const struct host *host, const char *path, struct host_range *range,
              struct error *err);

/* The digest of a whole file, read where it is. */
int host_digest(const struct host *host, const char *path, enum digest_kind kind,
                char hex[DIGEST_SIZE], struct error *err);

/* A piece of a file; what is between two pieces is zero. */
struct host_piece {
    const char *data;
    size_t length;
    uint64_t offset;
};

struct host_content {
    /* The next piece, in the file's order, valid until the next call. 1: there is one, 0: that was
     * the last, -1: failed. */
    int (*next)(void *state, struct host_piece *piece, struct error *err);
    void *state;
    uint64_t size; /* bytes of the whole file */
};

/* Makes a new file that only its owner may read, with holes where there is nothing but zeros, and
 * syncs it. What arrives on another machine is compared by its SHA-256. */
int host_write_image(const struct host *host, const char *path, const struct host_content *content,
                     struct error *err);

/* 1: there is such a file or directory, 0: there is none, -1: cannot tell. */
int host_exists(const struct host *host, const char *path, struct error *err);

int host_rename(const struct host *host, const char *from, const char *to, struct error *err);

int host_chmod(const struct host *host, const char *path, mode_t mode, struct error *err);

struct host_file {
    bool regular;     /* and no directory, device, pipe or socket */
    uint64_t bytes;   /* its length */
    int64_t modified; /* seconds since the epoch */
};

/* What is at path, symbolic links followed. 1: *file tells, 0: there is nothing, -1: cannot tell.
 */
int host_look(const struct host *host, const char *path, struct host_file *file, struct error *err);

/* Gives a file a further name (a hard link, of a symbolic link's target). 1: done, 0: it cannot be:
 * another file system, or the owner does not permit it, or the file is gone; -1: failed. */
int host_link(const struct host *host, const char *from, const char *to, struct error *err);

/* How many bytes may still be written to the file system of path. */
int host_free_bytes(const struct host *host, const char *path, uint64_t *bytes, struct error *err);

/* Makes a symbolic link that says 'text'. 1: made, 0: something is at path already, -1: failed. */
int host_claim(const struct host *host, const char *path, const char *text, struct error *err);

/* What the link at path says. 1: read, 0: there is none, -1: failed. */
int host_claimed_by(const struct host *host, const char *path, char **text, struct error *err);

/* Removes a file or a whole directory; an absent one is success. */
int host_remove(const struct host *host, const char *path, struct error *err);

/* The names in a directory, sorted; an absent directory is empty. Owned by the caller. */
int host_list(const struct host *host, const char *path, char ***names, struct error *err);

enum lock_mode { LOCK_SHARED, LOCK_EXCLUSIVE };

struct lock {
    int fd; /* on the host, -1: not held. Children inherit it, and with it the lock. */
    char *path;
    struct remote *remote; /* the host's */
};

#define LOCK_NONE \
    {             \
        .fd = -1  \
    }
#define cleanup_lock cleanup(host_unlock)

/*
 * Takes the lock of this file (made if need be). Waits up to 'wait_s' seconds,
 * then fails with a retriable ERROR_CLOUD; with wait_s 0 a lock that somebody
 * holds is no error. 1: taken, 0: somebody has it, or there is no directory for
 * its file, -1: failed.
 */
int host_lock(const struct host *host, const char *path, enum lock_mode mode, int wait_s,
              struct lock *lock, struct error *err);

/* Removes the lock's file; the lock itself is held until host_unlock. */
void host_retire_lock(const struct lock *lock);

void host_unlock(struct lock *lock);

/* The path with a leading "~", "$HOME" or "${HOME}" replaced by the home directory of the user on
 * the host. Owned by the caller; NULL when there is no home directory or it cannot be asked for. */
char *host_expand(const struct host *host, const char *path, struct error *err);

/* Does the path start so? */
bool host_is_relative_to_home(const char *path);

#endif
