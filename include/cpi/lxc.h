/*
 * lxc.h - containers, the way of libvirt's LXC driver.
 *
 * A container's root is a directory of its own. Its ephemeral and persistent
 * disks are raw images with an ext4 file system in all of them, which libvirt
 * mounts from the definition whenever the container starts; a loop device is
 * given back by the kernel with its last mount (autoclear). The driver can put no
 * file system into a container that runs, so a persistent disk is mounted there
 * from inside, from a block device that is there for that moment only.
 */
#ifndef CPI_LXC_H
#define CPI_LXC_H

#include "cpi/driver.h"

/* Where a persistent disk is in the container: this directory and the CID. The warden line's agent
 * mounts it where it wants it (BindMountPersistentDisk), and so hints name it. */
#define LXC_DISKS "/warden-cpi-dev"

/* These are functions of struct driver. */
int lxc_plan(struct cpi *cpi, const struct vm_request *request, struct vm_plan *plan,
             struct error *err);
int lxc_check_store(const char *store_dir, struct error *err);
int lxc_make_files(struct cpi *cpi, const struct vm_request *request, const struct vm_plan *plan,
                   struct error *err);
int lxc_start(struct cpi *cpi, const struct vm_plan *plan, struct error *err);
int lxc_restart(struct cpi *cpi, const char *cid, struct error *err);
int lxc_end(struct cpi *cpi, const char *cid, struct error *err);
int lxc_inspect(struct cpi *cpi, const char *cid, struct domain_state *state, struct error *err);
void lxc_read_disks(const struct cpi *cpi, const char *xml, struct blocks *blocks);
int lxc_make_image(struct cpi *cpi, const struct image_request *request, struct error *err);
int lxc_grow_image(struct cpi *cpi, const struct image_request *request, struct error *err);
int lxc_mend(struct attachment *a, struct error *err);
cJSON *lxc_attach(struct attachment *a, struct error *err);
cJSON *lxc_hint(const struct attachment *a);
int lxc_detach(struct attachment *a, struct error *err);
int lxc_sweep(struct sweep *sweep, struct error *err);
int lxc_settle(struct cpi *cpi, const char *disk, struct error *err);

/* Runs a command on the host; whatever it answers but success is ERROR_CLOUD. What it printed goes
 * to *out (owned by the caller), which may be NULL. 'timeout_s' 0 means command_timeout. */
int lxc_run(struct cpi *cpi, const char *const *argv, int timeout_s, char **out, struct error *err);
int lxc_run_command(struct cpi *cpi, const struct command *command, char **out, struct error *err);

/*
 * Which loop device of a file is mounted anywhere on the host: 1: *loop is (owned by the caller),
 * 0: none is, -1: cannot tell. One that libvirt made stays open in its controller until the
 * container ends, also when nothing has it mounted any more; that one does no harm and is never
 * used again.
 */
int lxc_find_mounted(struct cpi *cpi, const char *file, char **loop, struct error *err);

/* Gives back those that killed calls left, and waits until they are gone: a mount that such a call
 * began may still be at work. ERROR_CLOUD, retriable, when it does not end. */
int lxc_clear_left(struct cpi *cpi, const char *file, struct error *err);

/* Gives back the file's loop devices. ERROR_CLOUD when one is mounted. */
int lxc_free_loops(struct cpi *cpi, const char *file, struct error *err);

/* The longest path that libvirt gives a loop device (LO_NAME_SIZE in linux/loop.h; libvirt 9.0
 * fails with "Unable to set backing file" on longer ones). */
enum { LXC_PATH_LIMIT = 63 };

/* What definitions call an image: a link "fs/<name>" in store_dir, which is short enough. Owned
 * by the caller. */
char *lxc_short_path(const struct cpi *cpi, const char *name);

/* The name of a VM's ephemeral disk there, which follows from its CID; NULL for a CID that is none
 * of ours. Owned by the caller. */
char *lxc_ephemeral_name(const char *vm_cid);

/* Makes the link to a file of the store, such as "vms/<cid>/ephemeral.raw"; takes it away. What is
 * done already is success. */
int lxc_link(struct cpi *cpi, const char *name, const char *file, struct error *err);
int lxc_unlink(struct cpi *cpi, const char *name, struct error *err);

/* Takes the lock under which containers start and loop devices are made: of two at once,
 * libvirt 9.0 takes one loop device for both and fails ("Unable to attach ... Device or resource
 * busy"), and trips over cgroups ("Unable to write to '.../tasks': No such file or directory"). */
int lxc_lock(struct cpi *cpi, struct lock *lock, struct error *err);

/* Removes the cgroups that an ended container left, and waits for that. */
void lxc_remove_cgroups(struct cpi *cpi, const char *cid);

/* How long what handles every file of the VM's tree may take, in seconds. */
int lxc_patience(const struct cpi *cpi, const struct vm_plan *plan);

/* How many users and groups a container with an id map has (privileged: false). */
enum { LXC_IDS = 65536 };

/* Why it has no disks. libvirt 9.0 mounts images when it is in the container's user namespace
 * already, where the kernel does not permit it ("Unable to open filesystem /.oldroot/dev/loop0:
 * Permission denied"). */
#define LXC_NO_IMAGES                                                         \
    "libvirt cannot mount the image of a disk in a container with an id map " \
    "(privileged: false, see docs/hypervisors.md)"

/*
 * Gives the VM's root file system, which is complete, to users and groups of the host that only
 * this container has: number N in there is first + N on the host. Set-user-id bits are kept;
 * capabilities of files are not, for chown(2) takes them. ERROR_NOT_SUPPORTED for a tree with a
 * number that has no place in the map.
 */
int lxc_shift(struct cpi *cpi, const struct vm_plan *plan, const char *root, struct error *err);

/* The first of those numbers. */
int lxc_first_id(struct cpi *cpi, const char *root, unsigned *first, struct error *err);

/* What is mounted in a container. */
struct lxc_mounts {
    char *text;  /* what findmnt says of its first process; NULL: it does not run */
    char *init;  /* that process's id, NULL: it does not run */
    bool paused; /* nothing can be done inside then */
};

#define cleanup_mounts cleanup(lxc_mounts_release)

/* What a container is made of and has mounted; *xml is its definition (owned by the caller).
 * ERROR_VM_NOT_FOUND. */
int lxc_look(struct cpi *cpi, const char *cid, char **xml, struct lxc_mounts *mounts,
             struct error *err);

/* What is mounted at that place: its device as "7:1" (owned by the caller), NULL when nothing is.
 */
char *lxc_mounted(const struct lxc_mounts *mounts, const char *target);

/* How many mounts of a device there are. */
int lxc_count_mounts(const struct lxc_mounts *mounts, const char *device);

void lxc_mounts_release(struct lxc_mounts *mounts);

#endif
