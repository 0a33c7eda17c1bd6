#include "cpi/driver.h"
#include "cpi/sweep.h"
#include "cpi/vm.h"

#include <string.h>

/* The CID of the snapshot that a backup job writes, told from the file that its XML names. Owned by
 * the caller; NULL: it is no job of ours. */
static char *snapshot_of(const char *xml)
{
    static const char staged[] = "/snapshots/.new-";
    const char *found = strstr(xml, staged);

    if (!found)
        return NULL;
    const char *cid = found + strlen(staged);
    cleanup_free char *copy = xstrndup(cid, strcspn(cid, "/"));
    return id_valid(copy) ? steal_pointer(&copy) : NULL;
}

/* Ends the job if nobody waits for it any more. */
static int end_backup(struct sweep *sweep, const char *vm, const char *snapshot, struct error *err)
{
    cleanup_hold struct hold vm_hold = HOLD_NONE, hold = HOLD_NONE;
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };
    cleanup_free char *where = xasprintf("%s, snapshot %s", vm, snapshot);
    int taken = sweep_hold(sweep, STORE_VM, vm, &vm_hold, err);

    if (taken > 0)
        taken = sweep_hold(sweep, STORE_SNAPSHOT, snapshot, &hold, err);
    if (taken <= 0)
        return taken;
    if (!sweep_found(sweep, "a copy of a disk that still runs", where))
        return 0;
    VIRSH_ADD(&script, "domjobabort", vm);
    return virsh_play(&sweep->cpi->virsh, &script, NULL, &reply, err);
}

int sweep_backups(struct sweep *sweep, struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };
    cleanup_strings char **cids = NULL, **asked = NULL;

    if (store_list(&sweep->cpi->store, STORE_VM, &cids, err) < 0)
        return -1;
    for (char **cid = cids; *cid; cid++)
        if (strings_contain(sweep->active, *cid)) {
            VIRSH_ADD(&script, "backup-dumpxml", *cid);
            strings_add(&asked, *cid);
        }
    /* A VM without a job is a failed command here, so nothing is read from the status. */
    if (!asked || virsh_play(&sweep->cpi->virsh, &script, NULL, &reply, err) < 0)
        return asked ? -1 : 0;
    for (size_t i = 0; asked[i]; i++) {
        cleanup_free char *snapshot = snapshot_of(reply.out[i]);
        if (snapshot && end_backup(sweep, asked[i], snapshot, err) < 0)
            return -1;
    }
    return 0;
}

/* Is there nothing yet but the mark of create_vm, or what was to become it? */
static bool is_bare(char *const *names)
{
    for (; *names; names++)
        if (!starts_with(*names, VM_CREATING))
            return false;
    return true;
}

/* Does one of the marks of a VM that is not whole stand there? */
static bool is_marked(struct sweep *sweep, const char *cid)
{
    cleanup_free char *directory = store_path(&sweep->cpi->store, STORE_VM, cid, NULL);
    cleanup_strings char **names = NULL;
    cleanup_error struct error passed_over = { 0 };

    if (host_list(&sweep->cpi->host, directory, &names, &passed_over) < 0)
        return false;
    if (strings_contain(names, VM_DELETING))
        return true;
    /* What create_vm was told to leave is not left by mistake. */
    if (sweep->cpi->config.keep_failed_vms)
        return false;
    return strings_contain(names, VM_CREATING) ||
           (is_bare(names) && !strings_contain(sweep->domains, cid));
}

static void remove_vm(struct sweep *sweep, const char *cid, struct hold *hold)
{
    cleanup_error struct error failure = { 0 };

    if (vm_delete_locked(sweep->cpi, cid, &failure) < 0)
        sweep_failed(sweep, cid, &failure);
    else
        hold->retire = true;
}

static int sweep_vm(struct sweep *sweep, const char *cid, struct error *err)
{
    cleanup_hold struct hold hold = HOLD_NONE;

    if (!is_marked(sweep, cid))
        return 0;
    int held = sweep_hold(sweep, STORE_VM, cid, &hold, err);
    if (held <= 0)
        return held;
    /* Whoever had the lock may just have got through, or have removed all of it. */
    int there = store_has(&sweep->cpi->store, STORE_VM, cid, err);
    if (there <= 0 || !is_marked(sweep, cid))
        return there < 0 ? -1 : 0;
    strings_add(&sweep->halves, cid);
    if (sweep_found(sweep, "a VM half made or half removed", cid))
        remove_vm(sweep, cid, &hold);
    return 0;
}

int sweep_vms(struct sweep *sweep, struct error *err)
{
    cleanup_strings char **cids = NULL;

    if (store_list(&sweep->cpi->store, STORE_VM, &cids, err) < 0)
        return -1;
    for (char **cid = cids; *cid; cid++)
        if (sweep_vm(sweep, *cid, err) < 0)
            return -1;
    return 0;
}

/* Does the domain have its own disks in our store? 1, 0, -1: cannot tell. */
static int is_ours(struct sweep *sweep, const char *name, struct error *err)
{
    cleanup_state struct domain_state state = { 0 };
    cleanup_error struct error gone = { 0 };

    if (driver_of(sweep->cpi)->inspect(sweep->cpi, name, &state, &gone) < 0) {
        if (gone.type == ERROR_VM_NOT_FOUND)
            return 0;
        *err = gone;
        gone = (struct error){ 0 };
        return -1;
    }
    cleanup_free char *directory = store_path(&sweep->cpi->store, STORE_VM, name, NULL);
    return !state.active && blocks_find(&state.config, directory);
}

static int sweep_stray(struct sweep *sweep, const char *name, struct error *err)
{
    const struct store *store = &sweep->cpi->store;
    cleanup_hold struct hold hold = HOLD_NONE;
    int taken = sweep_hold(sweep, STORE_VM, name, &hold, err);

    if (taken <= 0)
        return taken;
    int there = store_has(store, STORE_VM, name, err);
    int ours = there ? 0 : is_ours(sweep, name, err);
    if (there < 0 || ours < 0)
        return -1;
    if (!ours)
        return 0;
    strings_add(&sweep->doomed, name);
    if (sweep_found(sweep, "a domain without a directory", name))
        remove_vm(sweep, name, &hold);
    return 0;
}

/* One that runs still serves somebody, so it is left to the operator. */
int sweep_strays(struct sweep *sweep, struct error *err)
{
    for (char **name = sweep->domains; name && *name; name++) {
        if (!starts_with(*name, "vm-") || !id_valid(*name) || !id_uuid(*name) ||
            strings_contain(sweep->active, *name) || strings_contain(sweep->halves, *name))
            continue;
        int there = store_has(&sweep->cpi->store, STORE_VM, *name, err);
        if (there < 0 || (!there && sweep_stray(sweep, *name, err) < 0))
            return -1;
    }
    return 0;
}
