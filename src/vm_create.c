#include "cpi/vm.h"

#include "cpi/agent.h"
#include "cpi/config_drive.h"
#include "cpi/domain.h"
#include "cpi/image.h"
#include "cpi/json.h"
#include "cpi/network.h"
#include "cpi/stemcell.h"
#include "cpi/survey.h"
#include "cpi/vm_address.h"
#include "cpi/vm_domain.h"
#include "cpi/vm_properties.h"

#include <stdlib.h>
#include <string.h>

/* What the agent needs beyond the image when it has no ephemeral disk (it carves its data out of
 * the root disk; below this it never comes up). */
enum { ROOT_SPARE_MIB = 1024 };

/* All that the VNC protocol has room for. */
enum { VNC_PASSWORD_LIMIT = 8 };

/* A VM in the making. */
struct making {
    struct cpi *cpi;
    const struct vm_request *request;
    struct vm_domain domain; /* all that its domain XML says */
    struct stemcell stemcell;
    char *password;
    cJSON *tags;
    struct survey survey;
    struct lock vm_lock, stemcell_lock;
};

static void release(struct making *m)
{
    stemcell_release(&m->stemcell);
    free(m->password);
    free(m->domain.extras);
    cJSON_Delete(m->tags);
    survey_release(&m->survey);
    nics_release(&m->domain.nics);
    free(m->domain.directory);
    host_unlock(&m->stemcell_lock);
    host_unlock(&m->vm_lock);
}

/* Without an ephemeral disk the agent would never come up unless the root disk has room for it. */
static int check_sizes(const struct making *m, struct error *err)
{
    const struct vm_properties *p = &m->domain.properties;
    const uint64_t image_mib = (m->stemcell.image.virtual_bytes + MIB - 1) / MIB;

    if (p->ephemeral_mib || p->root_mib >= image_mib + ROOT_SPARE_MIB)
        return 0;
    return fail(err, ERROR_CPI,
                "cloud_properties.ephemeral_disk is 0, which needs a root_disk_size of at least "
                "%llu MiB: the agent would have no room for its data and never come up",
                (unsigned long long)(image_mib + ROOT_SPARE_MIB));
}

static bool uses_libvirt_networks(const struct nics *nics)
{
    for (size_t i = 0; i < nics->count; i++)
        if (nics->list[i].type == NIC_NETWORK)
            return true;
    return false;
}

/* The CPU feature with which the host virtualises, NULL when it has none. On x86 kvm without one is
 * a software KVM, under which stock kernels do not boot; "" on a CPU that has no such names. */
static const char *virtualisation(const struct host *host)
{
    cleanup_error struct error ignored = { 0 };
    cleanup_free char *text = NULL;

    if (host_get(host, "/proc/cpuinfo", &text, &ignored) <= 0)
        return NULL;
    if (!strstr(text, "vendor_id"))
        return "";
    return strstr(text, " vmx") ? "vmx" : strstr(text, " svm") ? "svm" : NULL;
}

static int look_at_host(struct making *m, struct error *err)
{
    const struct config *config = &m->cpi->config;
    const struct vm_properties *p = &m->domain.properties;
    const char *feature = virtualisation(&m->cpi->host);
    struct survey_wish wish = { .networks = uses_libvirt_networks(&m->domain.nics) };

    /* kvm runs what the host's own CPU runs. */
    const bool native = feature && !*feature == (m->domain.arch != NULL);
    wish.kvm = config->hypervisor->has_domain_type && config->domain_type == DOMAIN_AUTO && native;
    if (survey_take(&m->cpi->virsh, wish, &m->survey, err) < 0)
        return -1;
    m->domain.kvm = config->domain_type == DOMAIN_KVM || (wish.kvm && m->survey.kvm);
    m->domain.nesting = m->domain.kvm && feature && *feature ? feature : NULL;
    if (p->nested_given && p->nested && !m->domain.nesting)
        return fail(err, ERROR_NOT_SUPPORTED,
                    "cloud_properties.nested: a VM can have VMs of its own only under kvm on a CPU "
                    "with vmx or svm, which this host does not offer");
    return 0;
}

static int check_network(const struct making *m, const struct nic *nic, struct error *err)
{
    if (nic->type != NIC_NETWORK)
        return 0;
    if (!strings_contain(m->survey.networks, nic->source))
        return fail(err, ERROR_NETWORK_NOT_FOUND,
                    "there is no network '%s' at '%s': define it with 'virsh net-define', or name "
                    "another in the network's cloud_properties",
                    nic->source, m->cpi->virsh.uri);
    if (!strings_contain(m->survey.active, nic->source) && !m->cpi->config.auto_enable_networks)
        return fail(err, ERROR_CLOUD,
                    "network '%s' is not active: start it with 'virsh net-start %s' or set "
                    "auto_enable_networks",
                    nic->source, nic->source);
    if (!strings_contain(m->survey.autostart, nic->source) &&
        strings_contain(m->survey.active, nic->source))
        log_note(m->cpi->log,
                 "warning: network '%s' has no autostart: after a reboot of the host this VM does "
                 "not come back by itself; 'virsh net-autostart %s' mends that",
                 nic->source, nic->source);
    return 0;
}

/* The password travels in the domain's XML only, never in the request or on a command line. */
static int read_password(struct making *m, struct error *err)
{
    const struct vm_properties *p = &m->domain.properties;

    if (!p->graphics || strcmp(p->graphics, "vnc") != 0)
        return 0;
    int got = host_get(&m->cpi->host, p->graphics_password_file, &m->password, err);
    if (got == 0)
        return fail(err, ERROR_CPI, "cloud_properties.graphics_password_file: there is no '%s'",
                    p->graphics_password_file);
    if (got < 0)
        return -1;
    m->password[strcspn(m->password, "\r\n")] = '\0';
    if (!*m->password || strlen(m->password) > VNC_PASSWORD_LIMIT)
        return fail(err, ERROR_CPI, "'%s' must hold a password of 1 to %d characters",
                    p->graphics_password_file, VNC_PASSWORD_LIMIT);
    m->domain.password = m->password;
    return 0;
}

static void plan_extra_disks(struct vm_domain *domain)
{
    const cJSON *item;

    domain->extras = xcalloc((size_t)cJSON_GetArraySize(domain->properties.extra_disks),
                             sizeof(*domain->extras));
    cJSON_ArrayForEach (item, domain->properties.extra_disks) {
        struct vm_extra *extra = &domain->extras[domain->extra_count++];
        cleanup_error struct error ignored = { 0 };
        id_new_serial(extra->serial);
        json_whole(json_get(item, "size"), "size", (const uint64_t[]){ 1, 1ULL << 43 },
                   &extra->size_mib, &ignored);
    }
}

/* The VM's own tags over those that the Director gives to all. */
static cJSON *merged_tags(const struct making *m)
{
    const cJSON *given = json_get(json_get(m->request->env, "bosh"), "tags"), *tag;
    cJSON *tags = cJSON_IsObject(given) ? json_copy(given) : json_new_object();

    cJSON_ArrayForEach (tag, m->domain.properties.tags)
        json_set(tags, tag->string, json_copy(tag));
    return tags;
}

static int plan(struct making *m, struct error *err)
{
    const char *wanted = m->domain.properties.firmware;

    m->domain.firmware = wanted ? wanted : m->stemcell.firmware ? m->stemcell.firmware : "bios";
    m->domain.arch = m->stemcell.arch;
    plan_extra_disks(&m->domain);
    m->tags = merged_tags(m);
    m->domain.tags = m->tags;
    if (read_password(m, err) < 0)
        return -1;
    return vm_domain_fit(&m->domain, m->cpi->log, err);
}

/* Everything that can be found out before the first side effect. */
static int prepare(struct making *m, struct error *err)
{
    struct cpi *cpi = m->cpi;
    const struct nic_defaults defaults = { cpi->config.default_network, m->domain.cid };

    if (vm_properties_read(m->request->cloud_properties, &m->domain.properties, cpi->log, err) <
            0 ||
        nics_read(m->request->networks, &defaults, &m->domain.nics, err) < 0 ||
        stemcell_open(cpi, m->request->stemcell_cid, &m->stemcell, err) < 0 ||
        check_sizes(m, err) < 0 || plan(m, err) < 0 || look_at_host(m, err) < 0)
        return -1;
    for (size_t i = 0; i < m->domain.nics.count; i++)
        if (check_network(m, &m->domain.nics.list[i], err) < 0)
            return -1;
    return vm_address_check(cpi, &m->domain.nics, err);
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
    if (host_make_directory(host, m->domain.directory, 0711, err) < 0 ||
        host_put(host, marker, (struct bytes){ "", 0 }, 0600, err) < 0)
        return -1;
    return store_write(&m->cpi->store, STORE_VM, m->domain.cid, record, err);
}

static int enable_networks(const struct making *m, struct error *err)
{
    for (size_t i = 0; i < m->domain.nics.count; i++) {
        const struct nic *nic = &m->domain.nics.list[i];
        if (nic->type != NIC_NETWORK || strings_contain(m->survey.active, nic->source))
            continue;
        if (network_enable(&m->cpi->virsh, nic->source, err) < 0)
            return -1;
        log_note(m->cpi->log, "started network '%s' and set it to autostart", nic->source);
    }
    return 0;
}

static int make_disks(const struct making *m, struct error *err)
{
    const struct vm_domain *domain = &m->domain;
    const struct host *host = &m->cpi->host;
    cleanup_free char *root = vm_domain_file(domain, VM_ROOT);
    cleanup_free char *ephemeral = vm_domain_file(domain, VM_EPHEMERAL);

    if (image_create_overlay(host, root, &m->stemcell.image, domain->properties.root_mib, err) < 0)
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
    for (size_t i = 0; i < m->domain.extra_count; i++) {
        cleanup_free char *path = vm_domain_extra_file(&m->domain, i);
        const struct image_request request = {
            .path = path,
            .format = m->cpi->config.hypervisor->disk_format,
            .size_mib = m->domain.extras[i].size_mib,
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
    const struct vm_domain *domain = &m->domain;
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

    const enum drive_layout layout = m->stemcell.line == LINE_VSPHERE ? DRIVE_ENV : DRIVE_CONFIG_2;
    if (config_drive_build(settings, layout, &iso, &length, err) < 0)
        return -1;
    return host_put(&m->cpi->host, path, (struct bytes){ iso, length }, 0600, err);
}

static int start(const struct making *m, struct error *err)
{
    cleanup_free char *xml = vm_domain_render(&m->cpi->templates, &m->domain, err);
    cleanup_free char *marker = xasprintf("%s/" VM_CREATING, m->domain.directory);

    const struct definition_request request = {
        .name = m->domain.cid,
        .xml = xml,
        .autostart = m->domain.properties.autostart,
    };

    if (!xml || domain_create(&m->cpi->virsh, &request, err) < 0)
        return -1;
    return host_remove(&m->cpi->host, marker, err);
}

static int make(struct making *m, struct error *err)
{
    if (write_record(m, err) < 0 ||
        vm_address_claim(m->cpi, m->domain.cid, &m->domain.nics, err) < 0 ||
        enable_networks(m, err) < 0 || make_disks(m, err) < 0 || make_extra_disks(m, err) < 0 ||
        make_settings(m, err) < 0)
        return -1;
    return start(m, err);
}

/* The first error is the one to tell. */
static void undo(struct making *m, struct error *err)
{
    cleanup_error struct error undoing = { 0 };

    if (m->cpi->config.keep_failed_vms)
        log_note(m->cpi->log, "keep_failed_vms: what there is of VM '%s' was left in '%s'",
                 m->domain.cid, m->domain.directory);
    else if (vm_delete_locked(m->cpi, m->domain.cid, &undoing) < 0)
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
