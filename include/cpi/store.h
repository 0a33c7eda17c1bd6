/*
 * store.h - where things live below store_dir, and how they come and go.
 *
 *     vms/<cid>/        all that a VM owns; 'creating' stands there until create_vm is through
 *     disks/<cid>/      a persistent disk and its record
 *     stemcells/<cid>/  a stemcell's image and its record
 *     snapshots/<cid>/  a disk's copy and its record
 *     networks/<network>/<ip>  links to the CID of the VM that has the address
 *     fs/<name>         links to the images of containers, for libvirt's LXC driver
 *     .lock/            locks
 *     version           of this layout
 *
 * A disk, stemcell or snapshot arrives under its name complete or not at all; what is on
 * its way in or out has a name that starts with a dot. Each kind's record is a
 * JSON object.
 */
#ifndef CPI_STORE_H
#define CPI_STORE_H

#include "cpi/host.h"

#include <cjson/cJSON.h>

enum store_kind { STORE_VM, STORE_DISK, STORE_STEMCELL, STORE_SNAPSHOT };

struct store {
    const struct host *host;
    const char *dir;
    bool laid_out; /* store_check has seen that it is */
};

/* Refuses a store that a newer cpi laid out, and brings one of an older cpi to today's layout
 * (layout.h). Makes no store. */
int store_check(struct store *store, struct error *err);

/* The file that store_check reads, and what it usually says. The path is owned by the caller. */
char *store_version_path(const struct store *store);
extern const char store_version_text[];

/* The directories that a store has. Owned by the caller. */
char **store_directories(const struct store *store);

/* Makes those anew that a restored backup or a person who cleans up has lost, which the log tells.
 */
int store_mend(const struct store *store, struct error *err);

/* The same if one is missing. */
int store_complete(const struct store *store, struct error *err);

/* Makes what is missing of store_dir and its directories. */
int store_prepare(const struct store *store, struct error *err);

/* Makes a directory in the store. One of the store's own that is missing above it is made too,
 * which the log tells. */
int store_make_directory(const struct store *store, const char *path, mode_t mode,
                         struct error *err);

/* Was it laid out? 1, 0, -1: cannot tell. */
int store_is_laid_out(const struct store *store, struct error *err);

/* The file name of a kind's records. */
const char *store_record_name(enum store_kind kind);

/* The path of a thing's directory, or of a file in it. Owned by the caller. */
char *store_path(const struct store *store, enum store_kind kind, const char *cid,
                 const char *file);

/* The CID of the thing that the path lies in, NULL when it lies in none. Owned by the caller. */
char *store_cid_of(const struct store *store, enum store_kind kind, const char *path);

/* Takes a thing's lock, waiting up to lock_timeout. Where no store was laid out yet there is
 * nothing to protect: the lock is not held then, and nothing is made. */
int store_lock(const struct store *store, enum store_kind kind, const char *cid,
               enum lock_mode mode, struct lock *lock, struct error *err);

/* The same without waiting. 1: taken, 0: somebody has it, -1: failed. */
int store_try_lock(const struct store *store, enum store_kind kind, const char *cid,
                   struct lock *lock, struct error *err);

/* The CIDs, of a kind, that somebody has or had a lock for. Owned by the caller. */
int store_list_locks(const struct store *store, enum store_kind kind, char ***cids,
                     struct error *err);

/* Takes the lock that the making and removing of libvirt networks is under, as store_lock does. */
int store_lock_networks(const struct store *store, struct lock *lock, struct error *err);

/* Where the locks of the slots for heavy work are (slot.h), without their numbers. Owned by the
 * caller. */
char *store_slot_path(const struct store *store);

/* See host_foresee: of store_has, store_list, store_read, store_read_each. */
void store_foresee_has(const struct store *store, enum store_kind kind, const char *cid);
void store_foresee_list(const struct store *store, enum store_kind kind);
void store_foresee_read(const struct store *store, enum store_kind kind, const char *cid);
void store_foresee_read_each(const struct store *store, enum store_kind kind);

/* 1: there, 0: absent, -1: cannot tell. */
int store_has(const struct store *store, enum store_kind kind, const char *cid, struct error *err);

/* The CIDs of a kind, sorted. Owned by the caller. */
int store_list(const struct store *store, enum store_kind kind, char ***cids, struct error *err);

/* Reads a thing's record. 1: read, 0: there is none, -1: failed, retriable unless the record is
 * spoilt. Owned by the caller. */
int store_read(const struct store *store, enum store_kind kind, const char *cid, cJSON **record,
               struct error *err);

/*
 * Reads the records of all things of a kind, in the order of their CIDs, for
 * 'each', which returns 0 to go on, 1 to end it, or -1. A record that is spoilt is
 * NULL, with the error set, which -1 passes on. 1: it was ended, 0: it was not, -1: failed.
 */
struct store_reader {
    int (*each)(void *state, const char *cid, cJSON *record, struct error *err);
    void *state;
};

int store_read_each(const struct store *store, enum store_kind kind,
                    const struct store_reader *reader, struct error *err);

int store_write(const struct store *store, enum store_kind kind, const char *cid,
                const cJSON *record, struct error *err);

/* The path of the directory in which a disk or stemcell is made, which exists afterwards.
 * The thing's lock must be held. Owned by the caller, NULL on failure. */
char *store_stage(const struct store *store, enum store_kind kind, const char *cid,
                  struct error *err);

/* Writes the record into a staged directory and gives it its name. */
int store_publish(const struct store *store, enum store_kind kind, const char *cid,
                  const cJSON *record, struct error *err);

/* Removes a thing, staged or published; an absent one is success. */
int store_remove(const struct store *store, enum store_kind kind, const char *cid,
                 struct error *err);

/* Removes what killed processes left on its way in or out. */
int store_sweep(const struct store *store, enum store_kind kind, struct error *err);

/* Gives an address to a VM. 1: it has it, 0: another VM has, whose CID is in *holder (owned by
 * the caller), -1: failed. */
int store_claim_ip(const struct store *store, const char *network, const char *ip, const char *cid,
                   char **holder, struct error *err);

/* Who has the address. 1: *holder has (owned by the caller), 0: nobody, -1: failed. */
int store_ip_holder(const struct store *store, const char *network, const char *ip, char **holder,
                    struct error *err);

/* The networks of which addresses are or were given, and the addresses given of one, sorted. Owned
 * by the caller. */
int store_list_networks(const struct store *store, char ***networks, struct error *err);
int store_list_ips(const struct store *store, const char *network, char ***ips, struct error *err);

/* Takes the address from the VM, if it has it. */
int store_release_ip(const struct store *store, const char *network, const char *ip,
                     const char *cid, struct error *err);

/* See host_foresee: of store_ip_holder. */
void store_foresee_ip(const struct store *store, const char *network, const char *ip);

/* Takes all its addresses from a VM. May be postponed. */
int store_release_ips(const struct store *store, const char *cid, struct error *err);

#endif
