/*
 * sweep.h - one search for leftovers (leftovers.h), step by step.
 */
#ifndef CPI_SWEEP_H
#define CPI_SWEEP_H

#include "cpi/cpi.h"

struct sweep {
    struct cpi *cpi;
    bool remove;                      /* and not only tell */
    cJSON *found;                     /* [{"what", "where"}, ...] */
    char **halves;                    /* VMs that are leftovers themselves */
    char **doomed;                    /* domains that are leftovers themselves */
    char **locks[STORE_SNAPSHOT + 1]; /* of each kind, as they were before */
    char **domains, **active; /* libvirt's, asked before all else: all, and those that run */
};

/* The steps; each fails when it cannot tell what there is. */
int sweep_backups(struct sweep *sweep, struct error *err);
int sweep_vms(struct sweep *sweep, struct error *err);
int sweep_strays(struct sweep *sweep, struct error *err);
int sweep_staged(struct sweep *sweep, struct error *err);
int sweep_files(struct sweep *sweep, struct error *err);
int sweep_claims(struct sweep *sweep, struct error *err);
int sweep_reservations(struct sweep *sweep, struct error *err);
int sweep_locks(struct sweep *sweep, struct error *err);

/* A lock for as long as a thing is judged. */
struct hold {
    struct lock lock;
    bool retire; /* remove the lock's file at the end: it was not there before, or the thing goes */
};

#define HOLD_NONE                          \
    {                                      \
        .lock = LOCK_NONE, .retire = false \
    }
#define cleanup_hold cleanup(sweep_release)

/* 1: held, 0: somebody is working on it, -1: failed. */
int sweep_hold(const struct sweep *sweep, enum store_kind kind, const char *cid, struct hold *hold,
               struct error *err);

void sweep_release(struct hold *hold);

/* Adds a leftover. True when it is to be removed. */
bool sweep_found(struct sweep *sweep, const char *what, const char *where);

/* Tells that one could not be removed. */
void sweep_failed(struct sweep *sweep, const char *where, const struct error *why);

/* Is there nothing of the VM, neither directory nor domain? 1, 0, -1: cannot tell. A doomed domain
 * is still there. */
int sweep_vm_is_gone(struct sweep *sweep, const char *cid, struct error *err);

#endif
