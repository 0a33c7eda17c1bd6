#include "cpi/lxc.h"

#include "cpi/stemcell_tree.h"
#include "cpi/usual.h"

#include <string.h>

/* How long the host is waited for: 10 seconds. */
enum { CGROUP_TRIES = 50, CGROUP_PAUSE_MS = 200 };

int lxc_run_command(struct cpi *cpi, const struct command *command, char **out, struct error *err)
{
    cleanup_outcome struct outcome outcome = { 0 };

    if (host_run(&cpi->host, command, &outcome, err) < 0)
        return -1;
    if (outcome.status == 0) {
        if (out)
            *out = steal_pointer(&outcome.out);
        return 0;
    }
    cleanup_free char *text = xstrdup(outcome.err);
    cleanup_free char **lines = split_lines(text);
    const size_t count = strings_count(lines);
    const char *said = count ? lines[count - 1] : "it said nothing";
    const bool full = strstr(outcome.err, "No space left on device") != NULL;
    return fail(err, full ? ERROR_NO_DISK_SPACE : ERROR_CLOUD, "%s failed (status %d): %s",
                command->argv[0], outcome.status, said);
}

int lxc_run(struct cpi *cpi, const char *const *argv, int timeout_s, char **out, struct error *err)
{
    const struct command command = { .argv = argv, .timeout_s = timeout_s };

    return lxc_run_command(cpi, &command, out, err);
}

int lxc_plan(struct cpi *cpi, const struct vm_request *request, struct vm_plan *plan,
             struct error *err)
{
    const struct vm_properties *p = &plan->domain.properties;

    if (plan->stemcell.line != LINE_WARDEN)
        return fail(err, ERROR_NOT_SUPPORTED,
                    "stemcell '%s' is the disk of a virtual machine: a container needs one of the "
                    "warden line",
                    request->stemcell_cid);
    if (lxc_check_store(cpi->store.dir, err) < 0)
        return -1;
    if (!p->privileged && p->ephemeral_mib)
        return fail(err, ERROR_NOT_SUPPORTED,
                    "cloud_properties.ephemeral_disk: " LXC_NO_IMAGES
                    "; set it to 0, and the ephemeral data is in its root directory");
    if (p->root_mib)
        log_note(cpi->log, "cloud_properties.root_disk_size is ignored: a container's root is a "
                           "directory, which has no size of its own");
    if (p->init && *p->init != '/')
        return fail(err, ERROR_CPI, "cloud_properties.init must be an absolute path");
    if (!p->init && !plan->stemcell.init)
        return fail(err, ERROR_CLOUD,
                    "stemcell '%s' has no init that is known: name its first program in "
                    "cloud_properties.init",
                    request->stemcell_cid);
    return 0;
}

/* libvirt tries only for a moment to remove them, and leaves those whose last process the host has
 * not yet buried, which may take seconds. They are empty; that one cannot be removed is no reason
 * to keep the VM. */
void lxc_remove_cgroups(struct cpi *cpi, const char *cid)
{
    cleanup_free char *name = xasprintf("/sys/fs/cgroup/*/lxc-*-%s.libvirt-lxc*", cid);
    cleanup_error struct error err = { 0 };

    for (int tries = 0; tries < CGROUP_TRIES; tries++) {
        if (tries)
            pause_ms(CGROUP_PAUSE_MS);
        error_release(&err);
        if (lxc_run(
                cpi,
                ARGV("find", "/sys/fs/cgroup", "-depth", "-type", "d", "-path", name, "-delete"), 0,
                NULL, &err) == 0)
            return;
    }
    log_event(cpi->log, "the cgroups of VM '%s': %s", cid, err.message);
}

int lxc_end(struct cpi *cpi, const char *cid, struct error *err)
{
    cleanup_free char *ephemeral = store_path(&cpi->store, STORE_VM, cid, "ephemeral.raw");

    cleanup_free char *link = lxc_ephemeral_name(cid);

    if (usual_end(cpi, cid, err) < 0 || (link && lxc_unlink(cpi, link, err) < 0))
        return -1;
    int there = host_exists(&cpi->host, ephemeral, err);
    if (there < 0 || (there && lxc_free_loops(cpi, ephemeral, err) < 0))
        return -1;
    lxc_remove_cgroups(cpi, cid);
    return 0;
}

const struct driver driver_lxc = {
    .import_stemcell = stemcell_import_tree,
    .plan = lxc_plan,
    .check_store = lxc_check_store,
    .make_files = lxc_make_files,
    .start = lxc_start,
    .end = lxc_end,
    .restart = lxc_restart,
    .describe = usual_describe,
    .exists = usual_exists,
    .inspect = lxc_inspect,
    .read_disks = lxc_read_disks,
    .make_image = lxc_make_image,
    .grow_image = lxc_grow_image,
    .mend = lxc_mend,
    .attach = lxc_attach,
    .hint = lxc_hint,
    .detach = lxc_detach,
    .settle = lxc_settle,
    .sweep = lxc_sweep,
};
