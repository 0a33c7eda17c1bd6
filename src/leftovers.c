#include "cpi/leftovers.h"

#include "cpi/driver.h"
#include "cpi/json.h"
#include "cpi/sweep.h"

bool sweep_found(struct sweep *sweep, const char *what, const char *where)
{
    cJSON *leftover = json_new_object();

    json_put_string(leftover, "what", what);
    json_put_string(leftover, "where", where);
    json_put(sweep->found, NULL, leftover);
    return sweep->remove;
}

void sweep_failed(struct sweep *sweep, const char *where, const struct error *why)
{
    log_note(sweep->cpi->log, "warning: '%s' was not removed: %s", where, why->message);
}

int sweep_vm_is_gone(struct sweep *sweep, const char *cid, struct error *err)
{
    if (strings_contain(sweep->domains, cid))
        return 0;
    int there = store_has(&sweep->cpi->store, STORE_VM, cid, err);
    return there < 0 ? -1 : !there;
}

int sweep_hold(const struct sweep *sweep, enum store_kind kind, const char *cid, struct hold *hold,
               struct error *err)
{
    hold->retire = !strings_contain(sweep->locks[kind], cid);
    return store_try_lock(&sweep->cpi->store, kind, cid, &hold->lock, err);
}

void sweep_release(struct hold *hold)
{
    if (hold->retire)
        host_retire_lock(&hold->lock);
    host_unlock(&hold->lock);
}

static int list_locks(struct sweep *sweep, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(sweep->locks); i++)
        if (store_list_locks(&sweep->cpi->store, (enum store_kind)i, &sweep->locks[i], err) < 0)
            return -1;
    return 0;
}

static void copy_lines(char *text, char ***names)
{
    cleanup_free char **lines = split_lines(text);

    for (char **line = lines; *line; line++)
        strings_add(names, *line);
}

static int ask_domains(struct sweep *sweep, struct error *err)
{
    const struct virsh *virsh = &sweep->cpi->virsh;
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    VIRSH_ADD(&script, "list", "--name");
    VIRSH_ADD(&script, "list", "--all", "--name");
    if (virsh_play(virsh, &script, NULL, &reply, err) < 0)
        return -1;
    if (!reply.ok)
        return virsh_fail(&reply, err, "cannot list the VMs of '%s'", virsh->uri);
    copy_lines(reply.out[0], &sweep->active);
    copy_lines(reply.out[1], &sweep->domains);
    return 0;
}

static int sweep_driver(struct sweep *sweep, struct error *err)
{
    const struct driver *driver = driver_of(sweep->cpi);

    return driver->sweep ? driver->sweep(sweep, err) : 0;
}

/* What holds others comes before them: a job its image, a VM its addresses, and all their locks. */
static int run(struct sweep *sweep, struct error *err)
{
    static int (*const steps[])(struct sweep * sweep, struct error * err) = {
        sweep_backups, sweep_vms,          sweep_strays, sweep_staged, sweep_files,
        sweep_claims,  sweep_reservations, sweep_driver, sweep_locks,
    };

    if (list_locks(sweep, err) < 0 || ask_domains(sweep, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
        if (steps[i](sweep, err) < 0)
            return -1;
    return 0;
}

cJSON *leftovers_find(struct cpi *cpi, bool remove, struct error *err)
{
    struct sweep sweep = { .cpi = cpi, .remove = remove };
    cleanup_json cJSON *found = sweep.found = json_new_array();
    int laid_out = store_is_laid_out(&cpi->store, err);

    if (laid_out < 0)
        return NULL;
    int failed = laid_out && run(&sweep, err) < 0;
    for (size_t i = 0; i < ARRAY_SIZE(sweep.locks); i++)
        util_free_stringsp(&sweep.locks[i]);
    util_free_stringsp(&sweep.domains);
    util_free_stringsp(&sweep.active);
    util_free_stringsp(&sweep.halves);
    util_free_stringsp(&sweep.doomed);
    return failed ? NULL : steal_pointer(&found);
}
