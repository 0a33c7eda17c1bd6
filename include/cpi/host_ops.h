/*
 * host_ops.h - the two kinds of host behind host.h: this machine, and one behind
 * a session. What each function does is written there.
 */
#ifndef CPI_HOST_OPS_H
#define CPI_HOST_OPS_H

#include "cpi/host.h"

enum { LOCK_NO_DIRECTORY = 2 };

struct lock_wish {
    enum lock_mode mode;
    bool may_wait;
};

struct host_ops {
    int (*run)(const struct host *host, const struct command *command, struct outcome *outcome,
               struct error *err);
    /* NULL, here and below: host.c makes it of the others. */
    int (*perform)(const struct host *host, const struct command *command,
                   const struct verdict *verdict, struct error *err);
    void (*attempt)(const struct host *host, const struct command *command, const char *what);
    int (*make_directory)(const struct host *host, const char *path, mode_t mode,
                          struct error *err);
    int (*put)(const struct host *host, const char *path, struct bytes content, mode_t mode,
               struct error *err);
    /* NULL: put, which does more */
    int (*put_unsettled)(const struct host *host, const char *path, struct bytes content,
                         mode_t mode, struct error *err);
    int (*get)(const struct host *host, const char *path, char **text, struct error *err);
    int (*read)(const struct host *host, const char *path, struct host_range *range,
                struct error *err);
    int (*digest)(const struct host *host, const char *path, enum digest_kind kind,
                  char hex[DIGEST_SIZE], struct error *err);
    int (*write_image)(const struct host *host, const char *path,
                       const struct host_content *content, struct error *err);
    int (*exists)(const struct host *host, const char *path, struct error *err);
    int (*rename)(const struct host *host, const char *from, const char *to, struct error *err);
    int (*chmod)(const struct host *host, const char *path, mode_t mode, struct error *err);
    int (*look)(const struct host *host, const char *path, struct host_file *file,
                struct error *err);
    int (*link)(const struct host *host, const char *from, const char *to, struct error *err);
    int (*free_bytes)(const struct host *host, const char *path, uint64_t *bytes,
                      struct error *err);
    int (*claim)(const struct host *host, const char *path, const char *text, struct error *err);
    int (*claimed_by)(const struct host *host, const char *path, char **text, struct error *err);
    int (*remove)(const struct host *host, const char *path, struct error *err);
    int (*unclaim)(const struct host *host, const char *directory, const char *text,
                   struct error *err);
    void (*mark)(const struct host *host, const char *directory, const char *name,
                 const char *unless);
    int (*list)(const struct host *host, const char *path, char ***names, struct error *err);
    int (*get_each)(const struct host *host, const char *directory, const char *file,
                    struct host_texts *texts, struct error *err);
    /* NULL: there is nothing to do. */
    void (*foresee)(const struct host *host, enum host_question question, const char *path);
    void (*foresee_each)(const struct host *host, const char *directory, const char *file);
    void (*foresee_run)(const struct host *host, const struct command *command);
    /* 1: taken, 0: somebody has it, after a moment if it may wait, LOCK_NO_DIRECTORY, -1: failed */
    int (*lock)(const struct host *host, const char *path, struct lock_wish wish, struct lock *lock,
                struct error *err);
    /* NULL: as host_lock. */
    int (*lock_later)(const struct host *host, const char *path, enum lock_mode mode,
                      struct lock *lock, struct error *err);
    void (*retire_lock)(const struct lock *lock);
    void (*unlock)(struct lock *lock);
    char *(*home)(const struct host *host, struct error *err);
};

extern const struct host_ops host_local, host_remote;

/* Parts of host_local and host_remote that have files of their own. */
int local_try_lock(const struct host *host, const char *path, struct lock_wish wish,
                   struct lock *lock, struct error *err);
int local_write_image(const struct host *host, const char *path, const struct host_content *content,
                      struct error *err);

#endif
