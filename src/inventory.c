#include "cpi/inventory.h"

#include "cpi/disk.h"
#include "cpi/image.h"
#include "cpi/json.h"
#include "cpi/stemcell_light.h"
#include "cpi/survey.h"
#include "cpi/vm_metadata.h"

#include <string.h>

static void put_owner(cJSON *thing, const cJSON *metadata)
{
    cleanup_free char *instance = vm_metadata_instance(metadata);
    const char *deployment = json_string(metadata, "deployment");

    if (deployment)
        json_put_string(thing, "deployment", deployment);
    if (instance)
        json_put_string(thing, "instance", instance);
}

static void copy_string(cJSON *thing, const char *key, const cJSON *from)
{
    if (json_string(from, key))
        json_put_string(thing, key, json_string(from, key));
}

/* The CIDs of the VMs whose 'key' is, or whose list 'key' has, this one. */
static cJSON *users(const cJSON *vms, const char *key, const char *cid)
{
    cJSON *list = json_new_array();
    const cJSON *vm, *item;

    cJSON_ArrayForEach (vm, vms) {
        const cJSON *value = json_get(vm, key);
        bool uses = cJSON_IsString(value) && strcmp(value->valuestring, cid) == 0;
        if (cJSON_IsArray(value))
            cJSON_ArrayForEach (item, value)
                uses = uses || strcmp(item->valuestring, cid) == 0;
        if (uses)
            json_put_string(list, NULL, json_string(vm, "cid"));
    }
    return list;
}

static void describe_stemcell(cJSON *stemcell, const cJSON *record, const cJSON *vms)
{
    const cJSON *properties = json_get(record, "cloud_properties");
    const double bytes = cJSON_GetNumberValue(json_get(record, "virtual_bytes"));

    copy_string(stemcell, "name", properties);
    copy_string(stemcell, "version", properties);
    copy_string(stemcell, "format", record);
    if (bytes >= 1)
        json_put_number(stemcell, "size_mib", (double)((uint64_t)bytes / MIB));
    if (stemcell_light_path(record))
        json_put_string(stemcell, "path", stemcell_light_path(record));
    json_put(stemcell, "vms", users(vms, "stemcell", json_string(stemcell, "cid")));
}

static void describe_disk(cJSON *disk, const cJSON *record, const cJSON *vms)
{
    json_put_string(disk, "format", disk_format(record));
    json_put_number(disk, "size_mib", (double)disk_size_mib(record));
    json_put(disk, "vms", users(vms, "disks", json_string(disk, "cid")));
    put_owner(disk, json_get(record, "metadata"));
}

static void describe_snapshot(cJSON *snapshot, const cJSON *record, const cJSON *vms)
{
    (void)vms;
    copy_string(snapshot, "disk", record);
    json_put_number(snapshot, "size_mib", (double)disk_size_mib(record));
    put_owner(snapshot, json_get(record, "metadata"));
}

/* The things of a kind; what has gone meanwhile, or has a record that cannot be read, is described
 * by its CID alone. */
static cJSON *things(struct cpi *cpi, enum store_kind kind, const cJSON *vms,
                     void (*describe)(cJSON *thing, const cJSON *record, const cJSON *vms),
                     struct error *err)
{
    cleanup_strings char **cids = NULL;
    cleanup_json cJSON *list = json_new_array();

    if (store_list(&cpi->store, kind, &cids, err) < 0)
        return NULL;
    for (char **cid = cids; *cid; cid++) {
        cleanup_json cJSON *record = NULL;
        cleanup_error struct error unreadable = { 0 };
        cJSON *thing = json_new_object();
        json_put_string(thing, "cid", *cid);
        json_put(list, NULL, thing);
        if (store_read(&cpi->store, kind, *cid, &record, &unreadable) > 0)
            describe(thing, record, vms);
    }
    return steal_pointer(&list);
}

static int put_addresses(struct cpi *cpi, cJSON *network, const char *name, struct error *err)
{
    cleanup_strings char **ips = NULL;
    cJSON *addresses = json_new_object();

    json_put(network, "addresses", addresses);
    if (store_list_ips(&cpi->store, name, &ips, err) < 0)
        return -1;
    for (char **ip = ips; *ip; ip++) {
        cleanup_free char *holder = NULL;
        int held = store_ip_holder(&cpi->store, name, *ip, &holder, err);
        if (held < 0)
            return -1;
        if (held)
            json_put_string(addresses, *ip, holder);
    }
    json_put_number(network, "vms", cJSON_GetArraySize(addresses));
    return 0;
}

static int add_network(struct cpi *cpi, cJSON *list, const char *name, const struct survey *survey,
                       struct error *err)
{
    cJSON *network = json_new_object();
    const bool known = strings_contain(survey->networks, name);

    json_put(list, NULL, network);
    json_put_string(network, "name", name);
    json_put_string(network, "state",
                    !known                                  ? "not libvirt's"
                    : strings_contain(survey->active, name) ? "active"
                                                            : "inactive");
    json_put_bool(network, "autostart", strings_contain(survey->autostart, name));
    return put_addresses(cpi, network, name, err);
}

/* libvirt's, and the bridges and interfaces that VMs have addresses on. */
static cJSON *networks(struct cpi *cpi, struct error *err)
{
    char *none[] = { NULL };
    const struct survey_wish wish = { .networks = cpi->config.hypervisor->networks ? none : NULL };
    cleanup_survey struct survey survey = { 0 };
    cleanup_strings char **used = NULL;
    cleanup_json cJSON *list = json_new_array();

    if (survey_take(&cpi->virsh, wish, &survey, err) < 0 ||
        store_list_networks(&cpi->store, &used, err) < 0)
        return NULL;
    for (char **name = survey.networks; name && *name; name++)
        if (add_network(cpi, list, *name, &survey, err) < 0)
            return NULL;
    for (char **name = used; *name; name++)
        if (!strings_contain(survey.networks, *name) &&
            add_network(cpi, list, *name, &survey, err) < 0)
            return NULL;
    return steal_pointer(&list);
}

/* -1 when there is no value, which then has its error. */
static int put(cJSON *object, const char *key, cJSON *value)
{
    if (!value)
        return -1;
    json_put(object, key, value);
    return 0;
}

cJSON *inventory_take(struct cpi *cpi, struct error *err)
{
    cleanup_json cJSON *all = json_new_object();
    cJSON *vms = inventory_vms(cpi, err);

    if (put(all, "vms", vms) < 0 ||
        put(all, "stemcells", things(cpi, STORE_STEMCELL, vms, describe_stemcell, err)) < 0 ||
        put(all, "disks", things(cpi, STORE_DISK, vms, describe_disk, err)) < 0 ||
        put(all, "snapshots", things(cpi, STORE_SNAPSHOT, vms, describe_snapshot, err)) < 0 ||
        put(all, "networks", networks(cpi, err)) < 0)
        return NULL;
    return steal_pointer(&all);
}
