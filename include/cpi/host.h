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

/* What the outcome of a command means: 0, or -1 with the error set. */
struct verdict {
    int (*judge)(const struct verdict *verdict, const struct outcome *outcome, struct error *err);
    const char *subject; /* what it is about; copied where it must last */
};

/* Runs a command that the verdict decides about. It may be postponed (below). */
int host_perform(const struct host *host, const struct command *command,
                 const struct verdict *verdict, struct error *err);

/* Runs a command that is not missed when it fails, which is logged as 'what'. It may be postponed.
 */
void host_attempt(const struct host *host, const struct command *command, const char *what);

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

/* Removes each link in the directories in 'directory' that says 'text'. */
int host_unclaim(const struct host *host, const char *directory, const char *text,
                 struct error *err);

/* Makes the empty file 'name' in a directory that is there and has no file 'unless'. That it could
 * not be is only logged. */
void host_mark(const struct host *host, const char *directory, const char *name,
               const char *unless);

/* The names in a directory, sorted; an absent directory is empty. Owned by the caller. */
int host_list(const struct host *host, const char *path, char ***names, struct error *err);

struct host_texts {
    char **names, **texts; /* a pair each, ended by NULL, or NULL for none */
};

/* Reads the small file 'file' in each directory in 'directory' whose name does not start with a
 * dot. Owned by the caller: host_texts_release. */
int host_get_each(const struct host *host, const char *directory, const char *file,
                  struct host_texts *texts, struct error *err);
void host_texts_release(struct host_texts *texts);
#define cleanup_texts cleanup(host_texts_release)

/*
 * Fewer round trips to a host behind ssh. On this machine, where there are none,
 * all is done when it is called for, and the functions that follow do nothing.
 *
 * Between host_postpone and host_settle what only succeeds or fails (make_directory,
 * put, rename, chmod, claim, remove, unclaim, perform) returns 0 at once and is
 * done, in its order, with the next question that must be answered. The first that
 * ends with a status other than 0 keeps all after it from being done, the question too,
 * which returns its error; and so does whatever is asked or postponed after that, for
 * nobody knows any more what there is, until one of the next four functions is called.
 * A lock must not be let go of before what it protects was settled.
 */
void host_postpone(const struct host *host);

/* Ends that: does what was not done yet. Also tells of what failed before. */
int host_settle(const struct host *host, struct error *err);

/* Ends that: what was not done yet never is. */
void host_forget(const struct host *host);

/* Ends that: what was not done yet is attempted by the end of the call, when nobody hears any more
 * what came of it. */
void host_leave(const struct host *host);

/* Has something postponed failed since host_postpone, so that nothing after it was done? */
bool host_step_failed(const struct host *host);

/* Has a lock of host_lock_later's not been taken yet, as far as we know? */
bool host_lacks_lock(const struct host *host);

/* Says that the function of that name (host_get and so on) is about to be called, with the locks
 * that are held and taken by then: the next question brings its answer along. */
enum host_question { HOST_GET, HOST_EXISTS, HOST_LIST, HOST_CLAIMED_BY };
void host_foresee(const struct host *host, enum host_question question, const char *path);
void host_foresee_each(const struct host *host, const char *directory, const char *file);
void host_foresee_run(const struct host *host, const struct command *command);

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

/*
 * The same for a caller that need not know at once and waits for lock_timeout:
 * behind ssh the lock is taken with the next question, which fails where host_lock
 * would have. 1: taken, or to be taken, 0: there is no directory for its file.
 */
int host_lock_later(const struct host *host, const char *path, enum lock_mode mode,
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
