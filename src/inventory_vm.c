#include "cpi/inventory.h"

#include "cpi/driver.h"
#include "cpi/json.h"
#include "cpi/vm.h"
#include "cpi/vm_domain.h"
#include "cpi/vm_metadata.h"

#include <stdlib.h>
#include <string.h>

enum { PER_VIRSH = 100, COMMANDS = 3 };

/* The value in a line such as "Managed save:   no", NULL where there is none. Owned by the caller.
 */
static char *info_field(const char *text, const char *name)
{
    cleanup_free char *copy = xstrdup(text);
    cleanup_free char **lines = split_lines(copy);

    for (char **line = lines; *line; line++) {
        if (!starts_with(*line, name))
            continue;
        const char *value = *line + strlen(name);
        return xstrdup(value + strspn(value, " "));
    }
    return NULL;
}

/* 'known' is the state where libvirt has nothing to tell, NULL: there is no such VM then. */
static void put_info(cJSON *vm, const char *info, const char *known)
{
    cleanup_free char *state = info_field(info, "State:");
    cleanup_free char *cpus = info_field(info, "CPU(s):");
    cleanup_free char *memory = info_field(info, "Max memory:"); /* in KiB */
    cleanup_free char *saved = info_field(info, "Managed save:");
    cleanup_free char *autostart = info_field(info, "Autostart:");

    json_put_bool(vm, "domain", state || known);
    json_put_string(vm, "state", state ? state : known ? known : "no domain");
    if (cpus)
        json_put_number(vm, "cpus", strtod(cpus, NULL));
    if (memory)
        json_put_number(vm, "memory_mib", (double)(strtoull(memory, NULL, 10) / 1024));
    json_put_bool(vm, "managed_save", saved && strcmp(saved, "yes") == 0);
    json_put_bool(vm, "autostart", autostart && strcmp(autostart, "enable") == 0);
}

/* Which disks of the store it has: the persistent ones, and whether any at all are the store's. */
static void put_disks(const struct cpi *cpi, cJSON *vm, const struct blocks *blocks)
{
    cJSON *disks = json_new_array();
    bool in_store = false;

    for (size_t i = 0; i < blocks->count; i++) {
        cleanup_free char *disk = store_cid_of(&cpi->store, STORE_DISK, blocks->list[i].source);
        cleanup_free char *own = store_cid_of(&cpi->store, STORE_VM, blocks->list[i].source);
        in_store = in_store || disk || own;
        if (disk)
            json_put_string(disks, NULL, disk);
    }
    json_put(vm, "disks", disks);
    json_put_bool(vm, "in_store", in_store);
}

static void put_owner(cJSON *vm, const char *xml)
{
    cleanup_json cJSON *metadata = vm_metadata_read(xml);
    cleanup_free char *instance = vm_metadata_instance(metadata);
    const char *deployment = json_string(metadata, "deployment");

    if (deployment)
        json_put_string(vm, "deployment", deployment);
    if (instance)
        json_put_string(vm, "instance", instance);
}

/* What the record says. One that cannot be read is the doctor's to tell. */
static void put_record(const struct cpi *cpi, cJSON *vm, const char *cid)
{
    static const char *const copied[] = { "stemcell", "agent_id" };
    cleanup_json cJSON *record = NULL;
    cleanup_error struct error ignored = { 0 };
    cJSON *addresses = json_new_array();
    const cJSON *entry;

    store_read(&cpi->store, STORE_VM, cid, &record, &ignored);
    for (size_t i = 0; i < ARRAY_SIZE(copied); i++)
        if (json_string(record, copied[i]))
            json_put_string(vm, copied[i], json_string(record, copied[i]));
    cJSON_ArrayForEach (entry, json_get(record, "addresses"))
        if (json_string(entry, "ip"))
            json_put_string(addresses, NULL, json_string(entry, "ip"));
    json_put(vm, "addresses", addresses);
}

static int put_directory(const struct cpi *cpi, cJSON *vm, const char *cid, struct error *err)
{
    static const char *const marks[] = { VM_CREATING, VM_DELETING };
    int there = store_has(&cpi->store, STORE_VM, cid, err), marked = 0;

    for (size_t i = 0; there > 0 && marked == 0 && i < ARRAY_SIZE(marks); i++) {
        cleanup_free char *mark = store_path(&cpi->store, STORE_VM, cid, marks[i]);
        marked = host_exists(&cpi->host, mark, err);
    }
    if (there < 0 || marked < 0)
        return -1;
    json_put_bool(vm, "directory", there);
    json_put_bool(vm, "unfinished", marked);
    return 0;
}

static void add_commands(const struct cpi *cpi, struct virsh_script *script, const char *cid)
{
    VIRSH_ADD(script, "dominfo", cid);
    if (driver_of(cpi)->read_disks)
        VIRSH_ADD(script, "dumpxml", cid, "--inactive");
    else
        VIRSH_ADD(script, "domblklist", cid, "--details");
    VIRSH_ADD(script, "metadata", cid, VM_METADATA_URI);
}

/* What our own driver knows of a desktop's VM: its state and its disks. Stays empty when there is
 * no such VM. */
static int look(struct cpi *cpi, const char *cid, struct domain_state *state, const char **known,
                struct error *err)
{
    cleanup_error struct error failure = { 0 };

    if (driver_of(cpi)->inspect(cpi, cid, state, &failure) == 0) {
        *known = state->active ? "running" : "shut off";
        return 0;
    }
    if (failure.type == ERROR_VM_NOT_FOUND)
        return 0;
    *err = failure;
    failure = (struct error){ 0 };
    return -1;
}

static int add_vm(struct cpi *cpi, cJSON *vms, const char *cid, char *const out[COMMANDS],
                  struct error *err)
{
    cleanup_json cJSON *vm = json_new_object();
    cleanup_state struct domain_state state = { 0 };
    const char *known = NULL;

    if (driver_of(cpi)->read_disks)
        driver_of(cpi)->read_disks(cpi, out[1], &state.config);
    else if (!cpi->config.hypervisor->desktop)
        blocks_read(out[1], &state.config);
    else if (look(cpi, cid, &state, &known, err) < 0)
        return -1;
    json_put_string(vm, "cid", cid);
    put_info(vm, out[0], known);
    put_disks(cpi, vm, &state.config);
    put_owner(vm, out[2]);
    put_record(cpi, vm, cid);
    if (put_directory(cpi, vm, cid, err) < 0)
        return -1;
    json_put(vms, NULL, steal_pointer(&vm));
    return 0;
}

/* Asks about so many VMs, and for the names of all domains, which tells whether libvirt answers. */
static int ask(struct cpi *cpi, char *const *cids, size_t count, cJSON *vms, char ***domains,
               struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    for (size_t i = 0; i < count; i++)
        add_commands(cpi, &script, cids[i]);
    VIRSH_ADD(&script, "list", "--all", "--name");
    if (virsh_play(&cpi->virsh, &script, NULL, &reply, err) < 0)
        return -1;
    if (reply.status != 0)
        return virsh_fail(&reply, err, "cannot list the VMs of '%s'", cpi->virsh.uri);
    for (size_t i = 0; i < count; i++)
        if (add_vm(cpi, vms, cids[i], reply.out + i * COMMANDS, err) < 0)
            return -1;
    cleanup_free char **lines = split_lines(reply.out[count * COMMANDS]);
    for (char **line = lines; domains && *line; line++)
        strings_add(domains, *line);
    return 0;
}

static int ask_all(struct cpi *cpi, char *const *cids, cJSON *vms, char ***domains,
                   struct error *err)
{
    size_t left = strings_count(cids);

    do {
        const size_t count = left < PER_VIRSH ? left : PER_VIRSH;
        if (ask(cpi, cids, count, vms, domains, err) < 0)
            return -1;
        /* The names once. */
        domains = NULL;
        cids += count;
        left -= count;
    } while (left > 0);
    return 0;
}

/* Domains named like ours that have no directory; others' are left out afterwards. */
static int add_strays(struct cpi *cpi, char *const *known, char *const *domains, cJSON *vms,
                      struct error *err)
{
    cleanup_strings char **names = NULL;
    cleanup_json cJSON *strays = json_new_array();

    for (char *const *name = domains; name && *name; name++)
        if (starts_with(*name, "vm-") && id_valid(*name) && id_uuid(*name) &&
            !strings_contain(known, *name))
            strings_add(&names, *name);
    if (!names)
        return 0;
    if (ask_all(cpi, names, strays, NULL, err) < 0)
        return -1;
    while (strays->child) {
        cJSON *vm = cJSON_DetachItemFromArray(strays, 0);
        if (cJSON_IsTrue(json_get(vm, "in_store")))
            json_put(vms, NULL, vm);
        else
            cJSON_Delete(vm);
    }
    return 0;
}

cJSON *inventory_vms(struct cpi *cpi, struct error *err)
{
    cleanup_strings char **cids = NULL, **domains = NULL;
    cleanup_json cJSON *vms = json_new_array();

    if (store_list(&cpi->store, STORE_VM, &cids, err) < 0 ||
        ask_all(cpi, cids, vms, &domains, err) < 0 || add_strays(cpi, cids, domains, vms, err) < 0)
        return NULL;
    return steal_pointer(&vms);
}
