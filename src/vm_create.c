#include "cpi/vm.h"

#include "cpi/driver.h"
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
    bool refused; /* the request was wrong, as it turned out when the VM did not start */
};

/* The record says what there is to undo, so it comes before all of it. */
static int write_record(const struct making *m, struct error *err)
{
    const struct vm_domain *domain = &m->plan.domain;
    cleanup_json cJSON *record = json_new_object();
    cleanup_free char *marker = vm_plan_mark(&m->plan);
    const struct host *host = &m->cpi->host;

    json_put_string(record, "stemcell", m->request->stemcell_cid);
    json_put_string(record, "agent_id", m->request->agent_id);
    json_put(record, "addresses", vm_address_list(&domain->nics));
    json_put(record, "networks", vm_network_list(&domain->nics));
    json_put(record, "reservations", json_copy(m->plan.reservations));
    if (store_make_directory(&m->cpi->store, domain->directory, 0711, err) < 0 ||
        host_put_unsettled(host, marker, (struct bytes){ "", 0 }, 0600, err) < 0)
        return -1;
    return store_write(&m->cpi->store, STORE_VM, domain->cid, record, err);
}

/* The first error is the one to tell unless the host says that the request is wrong. */
static int start_again(struct making *m, struct error *err)
{
    const struct nics *nics = &m->plan.domain.nics;
    cleanup_error struct error second = { 0 };
    int mended = err->ok_to_retry ? -1 : vm_plan_look(m->cpi, &m->plan, &second);

    if (mended < 0)
        return -1;
    if (vm_network_check(m->cpi, nics, &m->plan.survey, &second) < 0) {
        m->refused = true;
        error_release(err);
        *err = second;
        second = (struct error){ 0 };
        return -1;
    }
    if (!mended)
        return -1;
    error_release(err);
    if (vm_network_enable(m->cpi, nics, &m->plan.survey, err) < 0)
        return -1;
    return driver_of(m->cpi)->start(m->cpi, &m->plan, err);
}

static int start(struct making *m, struct error *err)
{
    cleanup_free char *marker = vm_plan_mark(&m->plan);

    if (driver_of(m->cpi)->start(m->cpi, &m->plan, err) < 0 &&
        (!m->plan.unseen || host_step_failed(&m->cpi->host) || start_again(m, err) < 0))
        return -1;
    if (host_remove(&m->cpi->host, marker, err) < 0)
        return -1;
    return host_settle(&m->cpi->host, err);
}

static int make(struct making *m, struct error *err)
{
    const struct vm_domain *domain = &m->plan.domain;
    const struct driver *driver = driver_of(m->cpi);

    host_postpone(&m->cpi->host);
    if (write_record(m, err) < 0 || vm_address_claim(m->cpi, domain->cid, &domain->nics, err) < 0 ||
        (!m->plan.unseen && vm_network_enable(m->cpi, &domain->nics, &m->plan.survey, err) < 0) ||
        (!driver->starts_at_once && reservation_make(m->cpi, m->plan.reservations, err) < 0) ||
        driver->make_files(m->cpi, m->request, &m->plan, err) < 0)
        return -1;
    return start(m, err);
}

/* The first error is the one to tell. */
static void undo(struct making *m, struct error *err)
{
    const struct vm_domain *domain = &m->plan.domain;
    cleanup_error struct error undoing = { 0 };

    if (!m->refused)
        err->type = ERROR_VM_CREATION_FAILED;
    if (m->cpi->config.keep_failed_vms && !m->refused)
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
    host_forget(&m->cpi->host);
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
    /* The Director heeds that it may try again with this type alone (contract section 1.5). */
    if (failed && err->ok_to_retry)
        err->type = ERROR_VM_CREATION_FAILED;
    vm_plan_release(&m.plan);
    host_unlock(&m.stemcell_lock);
    host_unlock(&m.vm_lock);
    return failed;
}
