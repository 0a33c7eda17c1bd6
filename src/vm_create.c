#include "cpi/vm.h"

#include "cpi/agent.h"
#include "cpi/config_drive.h"
#include "cpi/domain.h"
#include "cpi/image.h"
#include "cpi/json.h"
#include "cpi/reservation.h"
#include "cpi/vm_address.h"
#include "cpi/vm_network.h"
#include "cpi/vm_plan.h"

#include <string.h>

/* A VM in the making. */
struct making {
    struct cpi *cpi;
    const struct vm_request *request;
    struct vm_plan plan;
    struct lock vm_lock, stemcell_lock;
};

/* The record says what there is to undo, so it comes before all of it. */
static int write_record(const struct making *m, struct error *err)
{
    const struct vm_domain *domain = &m->plan.domain;
    cleanup_json cJSON *record = json_new_object();
    cleanup_free char *marker = xasprintf("%s/" VM_CREATING, domain->directory);
    const struct host *host = &m->cpi->host;

    json_put_string(record, "stemcell", m->request->stemcell_cid);
    json_put_string(record, "agent_id", m->request->agent_id);
    json_put(record, "addresses", vm_address_list(&domain->nics));
    json_put(record, "networks", vm_network_list(&domain->nics));
    json_put(record, "reservations", json_copy(m->plan.reservations));
    if (host_make_directory(host, domain->directory, 0711, err) < 0 ||
        host_put(host, marker, (struct bytes){ "", 0 }, 0600, err) < 0)
        return -1;
    return store_write(&m->cpi->store, STORE_VM, domain->cid, record, err);
}

static int make_disks(const struct making *m, struct error *err)
{
    const struct vm_domain *domain = &m->plan.domain;
    const struct host *host = &m->cpi->host;
    cleanup_free char *root = vm_domain_file(domain, VM_ROOT);
    cleanup_free char *ephemeral = vm_domain_file(domain, VM_EPHEMERAL);

    if (image_create_overlay(host, root, &m->plan.stemcell.image, domain->properties.root_mib,
                             err) < 0)
        return -1;
    if (domain->properties.ephemeral_mib == 0)
        return 0;
    const struct image_request request = {
        .path = ephemeral,
        .format = m->cpi->config.hypervisor->disk_format,
        .size_mib = domain->properties.ephemeral_mib,
    };
    return image_create(host, &request, err);
}

static int make_extra_disks(const struct making *m, struct error *err)
{
    for (size_t i = 0; i < m->plan.domain.extra_count; i++) {
        cleanup_free char *path = vm_domain_extra_file(&m->plan.domain, i);
        const struct image_request request = {
            .path = path,
            .format = m->cpi->config.hypervisor->disk_format,
            .size_mib = m->plan.domain.extras[i].size_mib,
        };
        if (image_create(&m->cpi->host, &request, err) < 0)
            return -1;
    }
    return 0;
}

static cJSON *extra_hints(const struct vm_domain *domain)
{
    cJSON *hints = domain->extra_count ? json_new_array() : NULL;

    for (size_t i = 0; i < domain->extra_count; i++)
        json_put(hints, NULL, agent_disk_hint(domain->bus, domain->extras[i].serial));
    return hints;
}

static int make_settings(const struct making *m, struct error *err)
{
    const struct vm_domain *domain = &m->plan.domain;
    cleanup_json cJSON *ephemeral = domain->properties.ephemeral_mib
                                        ? agent_disk_hint(domain->bus, domain->ephemeral_serial)
                                        : NULL;
    cleanup_json cJSON *extras = extra_hints(domain);
    const struct agent_input input = {
        .agent_id = m->request->agent_id,
        .vm_cid = domain->cid,
        .agent = m->cpi->config.agent,
        .networks = domain->nics.settings,
        .env = m->request->env,
        .system_disk = "/dev/vda",
        .ephemeral = ephemeral,
        .raw_ephemeral = extras,
    };
    cleanup_json cJSON *settings = agent_settings(&input);
    cleanup_free char *path = vm_domain_file(domain, VM_SETTINGS);
    cleanup_free char *iso = NULL;
    size_t length;

    const enum drive_layout layout =
        m->plan.stemcell.line == LINE_VSPHERE ? DRIVE_ENV : DRIVE_CONFIG_2;
    if (config_drive_build(settings, layout, &iso, &length, err) < 0)
        return -1;
    return host_put(&m->cpi->host, path, (struct bytes){ iso, length }, 0600, err);
}

static int start(const struct making *m, struct error *err)
{
    cleanup_free char *xml = vm_domain_render(&m->cpi->templates, &m->plan.domain, err);
    cleanup_free char *marker = xasprintf("%s/" VM_CREATING, m->plan.domain.directory);

    const struct definition_request request = {
        .name = m->plan.domain.cid,
        .xml = xml,
        .autostart = m->plan.domain.properties.autostart,
    };

    if (!xml || domain_create(&m->cpi->virsh, &request, err) < 0)
        return -1;
    return host_remove(&m->cpi->host, marker, err);
}

static int make(struct making *m, struct error *err)
{
    const struct vm_domain *domain = &m->plan.domain;

    if (write_record(m, err) < 0 || vm_address_claim(m->cpi, domain->cid, &domain->nics, err) < 0 ||
        vm_network_enable(m->cpi, &domain->nics, &m->plan.survey, err) < 0 ||
        reservation_make(m->cpi, m->plan.reservations, err) < 0 || make_disks(m, err) < 0 ||
        make_extra_disks(m, err) < 0 || make_settings(m, err) < 0)
        return -1;
    return start(m, err);
}

/* The first error is the one to tell. */
static void undo(struct making *m, struct error *err)
{
    const struct vm_domain *domain = &m->plan.domain;
    cleanup_error struct error undoing = { 0 };

    err->type = ERROR_VM_CREATION_FAILED;
    if (m->cpi->config.keep_failed_vms)
        log_note(m->cpi->log, "keep_failed_vms: what there is of VM '%s' was left in '%s'",
                 domain->cid, domain->directory);
    else if (vm_delete_locked(m->cpi, domain->cid, &undoing) < 0)
        log_note(m->cpi->log,
                 "warning: undoing create_vm left something of '%s': %s (delete_vm removes it)",
                 domain->cid, undoing.message);
    else
        host_retire_lock(&m->vm_lock);
}

static int create(struct making *m, struct error *err)
{
    struct store *store = &m->cpi->store;

    if (store_lock(store, STORE_STEMCELL, m->request->stemcell_cid, LOCK_SHARED, &m->stemcell_lock,
                   err) < 0 ||
        vm_plan_make(m->cpi, m->request, &m->plan, err) < 0 || store_prepare(store, err) < 0 ||
        store_sweep(store, STORE_VM, err) < 0 ||
        store_lock(store, STORE_VM, m->plan.domain.cid, LOCK_EXCLUSIVE, &m->vm_lock, err) < 0)
        return -1;
    if (make(m, err) == 0)
        return 0;
    undo(m, err);
    return -1;
}

int vm_create(struct cpi *cpi, const struct vm_request *request, struct vm_created *created,
              struct error *err)
{
    struct making m = {
        .cpi = cpi, .request = request, .vm_lock = LOCK_NONE, .stemcell_lock = LOCK_NONE
    };
    int failed = create(&m, err);

    if (!failed) {
        memcpy(created->cid, m.plan.domain.cid, sizeof(created->cid));
        created->networks = steal_pointer(&m.plan.domain.nics.settings);
    }
    vm_plan_release(&m.plan);
    host_unlock(&m.stemcell_lock);
    host_unlock(&m.vm_lock);
    return failed;
}
