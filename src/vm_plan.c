#include "cpi/vm_plan.h"

#include "cpi/driver.h"
#include "cpi/json.h"
#include "cpi/reservation.h"
#include "cpi/vm_address.h"
#include "cpi/vm_network.h"

#include <stdlib.h>
#include <string.h>

static const char cpuinfo[] = "/proc/cpuinfo";

/* The CPU feature with which the host virtualises, NULL when it has none. On x86 kvm without one is
 * a software KVM, under which stock kernels do not boot; "" on a CPU that has no such names. */
static const char *virtualisation(const struct host *host)
{
    cleanup_error struct error ignored = { 0 };
    cleanup_free char *text = NULL;

    if (host_get(host, cpuinfo, &text, &ignored) <= 0)
        return NULL;
    if (!strstr(text, "vendor_id"))
        return "";
    return strstr(text, " vmx") ? "vmx" : strstr(text, " svm") ? "svm" : NULL;
}

/* Is kvm to be tried? It runs what the host's own CPU runs. */
static bool wants_kvm(const struct cpi *cpi, const struct vm_plan *plan, const char *feature)
{
    const struct config *config = &cpi->config;
    const bool native = feature && !*feature == (plan->domain.arch != NULL);

    return config->hypervisor->has_domain_type && config->domain_type == DOMAIN_AUTO && native;
}

static void decide_kvm(const struct cpi *cpi, struct vm_plan *plan, const char *feature, bool there)
{
    struct vm_domain *domain = &plan->domain;

    domain->kvm = cpi->config.domain_type == DOMAIN_KVM || there;
    domain->nesting = domain->kvm && feature && *feature ? feature : NULL;
}

/* A fixed address or gateway must fit the network's subnets, and nested virtualisation needs kvm:
 * to be known before anything is changed. */
static bool must_be_seen(const struct cpi *cpi, const struct vm_plan *plan)
{
    const struct nics *nics = &plan->domain.nics;

    if (!driver_of(cpi)->starts_at_once || plan->domain.properties.nested_given)
        return true;
    for (size_t i = 0; i < nics->count; i++)
        if (nics->list[i].ips || nics->list[i].gateways)
            return true;
    return false;
}

static int look(struct cpi *cpi, struct vm_plan *plan, const char *feature, struct error *err)
{
    cleanup_strings char **networks = vm_network_names(&plan->domain.nics);
    const struct survey_wish wish = { .networks = networks, .kvm = wants_kvm(cpi, plan, feature) };

    if (survey_take(&cpi->virsh, wish, &plan->survey, err) < 0)
        return -1;
    decide_kvm(cpi, plan, feature, wish.kvm && plan->survey.kvm);
    return 0;
}

static int look_at_host(struct cpi *cpi, struct vm_plan *plan, struct error *err)
{
    const struct vm_properties *p = &plan->domain.properties;
    const char *feature = virtualisation(&cpi->host);

    plan->unseen = !must_be_seen(cpi, plan);
    if (plan->unseen)
        decide_kvm(cpi, plan, feature, wants_kvm(cpi, plan, feature));
    else if (look(cpi, plan, feature, err) < 0 ||
             vm_network_check(cpi, &plan->domain.nics, &plan->survey, err) < 0)
        return -1;
    if (p->nested_given && p->nested && !plan->domain.nesting)
        return fail(err, ERROR_NOT_SUPPORTED,
                    "cloud_properties.nested: a VM can have VMs of its own only under kvm on a CPU "
                    "with vmx or svm, which this host does not offer");
    return 0;
}

static bool all_active(const struct vm_plan *plan)
{
    cleanup_strings char **names = vm_network_names(&plan->domain.nics);

    for (char **name = names; name && *name; name++)
        if (!strings_contain(plan->survey.active, *name))
            return false;
    return true;
}

int vm_plan_look(struct cpi *cpi, struct vm_plan *plan, struct error *err)
{
    const bool kvm = plan->domain.kvm;

    plan->unseen = false;
    if (look(cpi, plan, virtualisation(&cpi->host), err) < 0)
        return -1;
    return kvm != plan->domain.kvm || !all_active(plan);
}

static void plan_extra_disks(struct vm_domain *domain)
{
    const cJSON *list = domain->properties.extra_disks, *item;

    domain->extras = xcalloc((size_t)cJSON_GetArraySize(list), sizeof(*domain->extras));
    cJSON_ArrayForEach (item, list) {
        struct vm_extra *extra = &domain->extras[domain->extra_count++];
        cleanup_error struct error ignored = { 0 };
        id_new_serial(extra->serial);
        /* vm_properties_read has checked it. */
        json_whole(json_get(item, "size"), "size", (const uint64_t[]){ 1, UINT64_MAX },
                   &extra->size_mib, &ignored);
    }
}

/* The VM's own tags over those that the Director gives to all. */
static cJSON *merged_tags(const struct vm_request *request, const cJSON *own)
{
    const cJSON *given = json_get(json_get(request->env, "bosh"), "tags"), *tag;
    cJSON *tags = cJSON_IsObject(given) ? json_copy(given) : json_new_object();

    cJSON_ArrayForEach (tag, own)
        json_set(tags, tag->string, json_copy(tag));
    return tags;
}

static int check_networks(const struct hypervisor *hypervisor, const cJSON *networks,
                          struct error *err)
{
    const cJSON *network;

    cJSON_ArrayForEach (network, networks) {
        cleanup_free char *whose = xasprintf("network '%s':", network->string);
        if (hypervisor_check(hypervisor, json_get(network, "cloud_properties"), whose, err) < 0)
            return -1;
    }
    return 0;
}

static int plan_rest(struct cpi *cpi, const struct vm_request *request, struct vm_plan *plan,
                     struct error *err)
{
    struct vm_domain *domain = &plan->domain;

    plan_extra_disks(domain);
    plan->tags = merged_tags(request, domain->properties.tags);
    domain->tags = plan->tags;
    return driver_of(cpi)->plan(cpi, request, plan, err);
}

static void begin(struct cpi *cpi, struct vm_domain *domain)
{
    const struct config *config = &cpi->config;

    domain->hypervisor = config->hypervisor;
    domain->controller = config->storage_controller;
    domain->bus = config->hypervisor->buses[config->storage_controller];
    id_new(domain->cid, "vm");
    id_new_serial(domain->root_serial);
    id_new_serial(domain->ephemeral_serial);
    domain->directory = store_path(&cpi->store, STORE_VM, domain->cid, NULL);
}

/* All that is asked of the host in the usual case, where that costs a round trip. Most hosts have
 * kvm. */
static void foresee(struct cpi *cpi, const struct vm_plan *plan)
{
    const struct nics *nics = &plan->domain.nics;
    const struct vm_properties *p = &plan->domain.properties;
    cleanup_strings char **networks = vm_network_names(nics);
    const struct survey_wish wish = { .networks = networks, .kvm = wants_kvm(cpi, plan, "vmx") };

    host_foresee(&cpi->host, HOST_GET, cpuinfo);
    if (p->graphics_password_file)
        host_foresee(&cpi->host, HOST_GET, p->graphics_password_file);
    if (must_be_seen(cpi, plan))
        survey_foresee(&cpi->virsh, wish);
    vm_address_foresee(cpi, nics);
    store_foresee_list(&cpi->store, STORE_VM);
}

int vm_plan_make(struct cpi *cpi, const struct vm_request *request, struct vm_plan *plan,
                 struct error *err)
{
    struct vm_domain *domain = &plan->domain;
    const struct nic_defaults defaults = { .network = cpi->config.default_network,
                                           .types = cpi->config.hypervisor->nic_types,
                                           .model = cpi->config.hypervisor->nic_model,
                                           .vm_cid = domain->cid,
                                           .log = cpi->log };

    begin(cpi, domain);
    if (hypervisor_check(domain->hypervisor, request->cloud_properties, "the VM's", err) < 0 ||
        check_networks(domain->hypervisor, request->networks, err) < 0 ||
        vm_properties_read(request->cloud_properties, &domain->properties, cpi->log, err) < 0 ||
        nics_read(request->networks, &defaults, &domain->nics, err) < 0)
        return -1;
    foresee(cpi, plan);
    if (stemcell_open(cpi, request->stemcell_cid, &plan->stemcell, err) < 0 ||
        plan_rest(cpi, request, plan, err) < 0 || look_at_host(cpi, plan, err) < 0 ||
        vm_address_check(cpi, &domain->nics, err) < 0)
        return -1;
    plan->reservations = reservation_list(&domain->nics, &plan->survey, domain->cid);
    return reservation_check(cpi, plan->reservations, &plan->survey, err);
}

char *vm_plan_mark(const struct vm_plan *plan)
{
    return xasprintf("%s/" VM_CREATING, plan->domain.directory);
}

void vm_plan_release(struct vm_plan *plan)
{
    stemcell_release(&plan->stemcell);
    survey_release(&plan->survey);
    nics_release(&plan->domain.nics);
    cJSON_Delete(plan->reservations);
    cJSON_Delete(plan->tags);
    free(plan->password);
    free(plan->domain.extras);
    free(plan->domain.directory);
}
