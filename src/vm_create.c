#include "cpi/vm.h"

#include "cpi/agent.h"
#include "cpi/config_drive.h"
#include "cpi/domain.h"
#include "cpi/image.h"
#include "cpi/json.h"
#include "cpi/network.h"
#include "cpi/reservation.h"
#include "cpi/stemcell.h"
#include "cpi/survey.h"
#include "cpi/vm_address.h"
#include "cpi/vm_domain.h"
#include "cpi/vm_network.h"
#include "cpi/vm_properties.h"

#include <stdlib.h>
#include <string.h>

/* What the agent needs beyond the image when it has no ephemeral disk (it carves its data out of
 * the root disk; below this it never comes up). */
enum { ROOT_SPARE_MIB = 1024 };

/* A VM in the making. */
struct making {
    struct cpi *cpi;
    const struct vm_request *request;
    struct vm_domain domain; /* all that its domain XML says */
    struct backing stemcell;
    char *stemcell_path;
    struct survey survey;
    cJSON *reservations; /* of DHCP, as in the record */
    struct lock vm_lock, stemcell_lock;
};

static void release(struct making *m)
{
    free(m->stemcell_path);
    survey_release(&m->survey);
    cJSON_Delete(m->reservations);
    nics_release(&m->domain.nics);
    free(m->domain.directory);
    host_unlock(&m->stemcell_lock);
    host_unlock(&m->vm_lock);
}

/* Without an ephemeral disk the agent would never come up unless the root disk has room for it. */
static int check_sizes(const struct making *m, struct error *err)
{
    const struct vm_properties *p = &m->domain.properties;
    const uint64_t image_mib = (m->stemcell.virtual_bytes + MIB - 1) / MIB;

    if (p->ephemeral_mib || p->root_mib >= image_mib + ROOT_SPARE_MIB)
        return 0;
    return fail(err, ERROR_CPI,
                "cloud_properties.ephemeral_disk is 0, which needs a root_disk_size of at least "
                "%llu MiB: the agent would have no room for its data and never come up",
                (unsigned long long)(image_mib + ROOT_SPARE_MIB));
}

/* On x86 kvm without these is a software KVM, under which stock kernels do not boot. */
static bool has_virtualisation(const struct host *host)
{
    cleanup_error struct error ignored = { 0 };
    cleanup_free char *text = NULL;

    if (host_get(host, "/proc/cpuinfo", &text, &ignored) <= 0)
        return false;
    if (!strstr(text, "vendor_id"))
        return true;
    return strstr(text, " vmx") || strstr(text, " svm");
}

static int look_at_host(struct making *m, struct error *err)
{
    const struct config *config = &m->cpi->config;
    cleanup_strings char **networks = vm_network_names(&m->domain.nics);
    struct survey_wish wish = { .networks = networks };

    wish.kvm = config->hypervisor->has_domain_type && config->domain_type == DOMAIN_AUTO &&
               has_virtualisation(&m->cpi->host);
    if (survey_take(&m->cpi->virsh, wish, &m->survey, err) < 0)
        return -1;
    m->domain.kvm = config->domain_type == DOMAIN_KVM || (wish.kvm && m->survey.kvm);
    return 0;
}

/* Everything that can be found out before the first side effect. */
static int prepare(struct making *m, struct error *err)
{
    struct cpi *cpi = m->cpi;
    const struct nic_defaults defaults = { cpi->config.default_network, m->domain.cid, cpi->log };

    if (vm_properties_read(m->request->cloud_properties, &m->domain.properties, cpi->log, err) <
            0 ||
        nics_read(m->request->networks, &defaults, &m->domain.nics, err) < 0 ||
        stemcell_open(cpi, m->request->stemcell_cid, &m->stemcell, &m->stemcell_path, err) < 0 ||
        check_sizes(m, err) < 0 || look_at_host(m, err) < 0 ||
        vm_network_check(cpi, &m->domain.nics, &m->survey, err) < 0 ||
        vm_address_check(cpi, &m->domain.nics, err) < 0)
        return -1;
    m->reservations = reservation_list(&m->domain.nics, &m->survey, m->domain.cid);
    return reservation_check(cpi, m->reservations, &m->survey, err);
}

/* The record says what there is to undo, so it comes before all of it. */
static int write_record(const struct making *m, struct error *err)
{
    cleanup_json cJSON *record = json_new_object();
    cleanup_free char *marker = xasprintf("%s/" VM_CREATING, m->domain.directory);
    const struct host *host = &m->cpi->host;

    json_put_string(record, "stemcell", m->request->stemcell_cid);
    json_put_string(record, "agent_id", m->request->agent_id);
    json_put(record, "addresses", vm_address_list(&m->domain.nics));
    json_put(record, "networks", vm_network_list(&m->domain.nics));
    json_put(record, "reservations", json_copy(m->reservations));
    if (host_make_directory(host, m->domain.directory, 0711, err) < 0 ||
        host_put(host, marker, (struct bytes){ "", 0 }, 0600, err) < 0)
        return -1;
    return store_write(&m->cpi->store, STORE_VM, m->domain.cid, record, err);
}

static int make_disks(const struct making *m, struct error *err)
{
    const struct vm_domain *domain = &m->domain;
    const struct host *host = &m->cpi->host;
    cleanup_free char *root = vm_domain_file(domain, VM_ROOT);
    cleanup_free char *ephemeral = vm_domain_file(domain, VM_EPHEMERAL);

    if (image_create_overlay(host, root, &m->stemcell, domain->properties.root_mib, err) < 0)
        return -1;
    if (domain->properties.ephemeral_mib == 0)
        return 0;
    return image_create(host, ephemeral, m->cpi->config.hypervisor->disk_format,
                        domain->properties.ephemeral_mib, err);
}

static int make_settings(const struct making *m, struct error *err)
{
    const struct vm_domain *domain = &m->domain;
    cleanup_json cJSON *ephemeral = domain->properties.ephemeral_mib
                                        ? agent_disk_hint(domain->bus, domain->ephemeral_serial)
                                        : NULL;
    const struct agent_input input = {
        .agent_id = m->request->agent_id,
        .vm_cid = domain->cid,
        .agent = m->cpi->config.agent,
        .networks = domain->nics.settings,
        .env = m->request->env,
        .system_disk = "/dev/vda",
        .ephemeral = ephemeral,
    };
    cleanup_json cJSON *settings = agent_settings(&input);
    cleanup_free char *path = vm_domain_file(domain, VM_SETTINGS);
    cleanup_free char *iso = NULL;
    size_t length;

    if (config_drive_build(settings, &iso, &length, err) < 0)
        return -1;
    return host_put(&m->cpi->host, path, (struct bytes){ iso, length }, 0600, err);
}

static int start(const struct making *m, struct error *err)
{
    cleanup_free char *xml = vm_domain_render(&m->cpi->templates, &m->domain, err);
    cleanup_free char *marker = xasprintf("%s/" VM_CREATING, m->domain.directory);

    if (!xml || domain_create(&m->cpi->virsh, m->domain.cid, xml, err) < 0)
        return -1;
    return host_remove(&m->cpi->host, marker, err);
}

static int make(struct making *m, struct error *err)
{
    if (write_record(m, err) < 0 ||
        vm_address_claim(m->cpi, m->domain.cid, &m->domain.nics, err) < 0 ||
        vm_network_enable(m->cpi, &m->domain.nics, &m->survey, err) < 0 ||
        reservation_make(m->cpi, m->reservations, err) < 0 || make_disks(m, err) < 0 ||
        make_settings(m, err) < 0)
        return -1;
    return start(m, err);
}

/* The first error is the one to tell. */
static void undo(struct making *m, struct error *err)
{
    cleanup_error struct error undoing = { 0 };

    if (vm_delete_locked(m->cpi, m->domain.cid, &undoing) < 0)
        log_note(m->cpi->log,
                 "warning: undoing create_vm left something of '%s': %s (delete_vm "
                 "removes it)",
                 m->domain.cid, undoing.message);
    else
        host_retire_lock(&m->vm_lock);
    err->type = ERROR_VM_CREATION_FAILED;
}

static int create(struct making *m, struct error *err)
{
    struct store *store = &m->cpi->store;

    id_new(m->domain.cid, "vm");
    id_new_serial(m->domain.root_serial);
    id_new_serial(m->domain.ephemeral_serial);
    m->domain.directory = store_path(store, STORE_VM, m->domain.cid, NULL);
    if (store_lock(store, STORE_STEMCELL, m->request->stemcell_cid, LOCK_SHARED, &m->stemcell_lock,
                   err) < 0 ||
        prepare(m, err) < 0 || store_prepare(store, err) < 0 ||
        store_lock(store, STORE_VM, m->domain.cid, LOCK_EXCLUSIVE, &m->vm_lock, err) < 0)
        return -1;
    if (make(m, err) == 0)
        return 0;
    undo(m, err);
    return -1;
}

int vm_create(struct cpi *cpi, const struct vm_request *request, struct vm_created *created,
              struct error *err)
{
    const struct config *config = &cpi->config;
    struct making m = {
        .cpi = cpi,
        .request = request,
        .domain = { .hypervisor = config->hypervisor,
                    .controller = config->storage_controller,
                    .bus = config->hypervisor->buses[config->storage_controller] },
        .vm_lock = LOCK_NONE,
        .stemcell_lock = LOCK_NONE,
    };

    int failed = create(&m, err);
    if (!failed) {
        memcpy(created->cid, m.domain.cid, sizeof(created->cid));
        created->networks = steal_pointer(&m.domain.nics.settings);
    }
    release(&m);
    return failed;
}
