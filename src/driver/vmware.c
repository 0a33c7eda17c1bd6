#include "cpi/desktop.h"
#include "cpi/disk.h"
#include "cpi/json.h"
#include "cpi/stemcell_import.h"
#include "cpi/usual.h"
#include "cpi/vmrun.h"
#include "cpi/vmx.h"

#include <string.h>

/* Where VMware has the first SCSI controller. */
static const char scsi_controller[] = "0000:00:10.0";

/* The ports of the screens, one a VM: from the first on, so many. */
enum { FIRST_PORT = 20000, PORTS = 10000 };

/* What the VM was made of, the persistent disks not among it: those are in the .vmx. */
static char *definition_path(const struct cpi *cpi, const char *cid)
{
    return store_path(&cpi->store, STORE_VM, cid, "definition.json");
}

static char *vmx_path(const struct cpi *cpi, const char *cid)
{
    cleanup_free char *name = xasprintf("%s.vmx", cid);

    return store_path(&cpi->store, STORE_VM, cid, name);
}

static int vmware_plan(struct cpi *cpi, const struct vm_request *request, struct vm_plan *plan,
                       struct error *err)
{
    if (desktop_plan(cpi, request, plan, err) < 0)
        return -1;
    if (strcmp(plan->domain.firmware, "bios") != 0)
        return fail(err, ERROR_NOT_SUPPORTED,
                    "libvirt's VMware driver makes no VMs that boot with EFI: use a stemcell that "
                    "boots with BIOS, or say \"firmware\": \"bios\" if this one can");
    return 0;
}

/* Without a screen libvirt has VMware open a window; so each VM has one, and a password that nobody
 * knows unless one was given. */
static void put_screen(cJSON *item, const struct vm_domain *domain)
{
    char password[ID_SIZE];
    unsigned hash = 5381;

    for (const char *c = domain->cid; *c; c++)
        hash = hash * 33 + (unsigned char)*c;
    id_new_serial(password);
    password[8] = '\0';
    json_put_number(item, "vnc_port", FIRST_PORT + hash % PORTS);
    json_put_string(item, "vnc_password", domain->password ? domain->password : password);
}

static int make_files(struct cpi *cpi, const struct vm_request *request, const struct vm_plan *plan,
                      struct error *err)
{
    cleanup_json cJSON *item = vm_domain_item(&plan->domain);
    cleanup_free char *path = definition_path(cpi, plan->domain.cid);

    put_screen(item, &plan->domain);
    cleanup_free char *text = json_print(item);
    if (desktop_make_root(cpi, plan, err) < 0 || usual_make_empty_disks(cpi, plan, err) < 0 ||
        host_put(&cpi->host, path, (struct bytes){ text, strlen(text) }, 0600, err) < 0)
        return -1;
    return usual_make_settings(cpi, request, plan, err);
}

static cJSON *own_hint(const struct vm_domain *domain, unsigned index, const char *serial)
{
    cleanup_free char *target = xasprintf("sd%c", (char)('a' + index));

    (void)domain;
    (void)serial;
    return desktop_scsi_hint(scsi_controller, vmx_unit(target));
}

/* Is there a VM in libvirt's sense: one with a .vmx? */
static int exists(struct cpi *cpi, const char *cid, struct error *err)
{
    cleanup_free char *vmx = vmx_path(cpi, cid);

    return host_exists(&cpi->host, vmx, err);
}

static int require(struct cpi *cpi, const char *cid, struct error *err)
{
    int there = exists(cpi, cid, err);

    if (there == 0)
        return fail(err, ERROR_VM_NOT_FOUND, "there is no VM '%s' in '%s'", cid, cpi->store.dir);
    return there < 0 ? -1 : 0;
}

/* libvirt forgets what does not run, so the list is of what runs. */
static int is_running(struct cpi *cpi, const char *cid, struct error *err)
{
    cleanup_strings char **names = NULL;

    if (domain_list_active(&cpi->virsh, &names, err) < 0)
        return -1;
    return strings_contain(names, cid);
}

static int inspect(struct cpi *cpi, const char *cid, struct domain_state *state, struct error *err)
{
    cleanup_free char *vmx = vmx_path(cpi, cid);
    cleanup_free char *text = NULL;

    if (require(cpi, cid, err) < 0 || host_get(&cpi->host, vmx, &text, err) < 0)
        return -1;
    int running = is_running(cpi, cid, err);
    if (running < 0)
        return -1;
    state->active = running;
    vmx_read_disks(text ? text : "", &state->config);
    if (running)
        vmx_read_disks(text ? text : "", &state->live);
    return 0;
}

static bool has_disk(const cJSON *disks, const char *path)
{
    const cJSON *disk;

    cJSON_ArrayForEach (disk, disks)
        if (json_string(disk, "path") && strcmp(json_string(disk, "path"), path) == 0)
            return true;
    return false;
}

static void put_disk(cJSON *disks, const char *path, const char *target)
{
    cJSON *disk = json_new_object();

    json_put_string(disk, "path", path);
    json_put_string(disk, "target", target);
    json_put(disks, NULL, disk);
}

/* The definition with the disks that the VM shall have. Owned by the caller. */
static char *render(struct cpi *cpi, const char *cid, const struct blocks *disks, struct error *err)
{
    cleanup_free char *path = definition_path(cpi, cid);
    cleanup_free char *text = NULL;

    int got = host_get(&cpi->host, path, &text, err);
    if (got == 0)
        fail(err, ERROR_CLOUD, "VM '%s' has lost its definition '%s'", cid, path);
    cleanup_json cJSON *item = got > 0 ? json_parse(text, strlen(text), path, err) : NULL;
    if (!item)
        return NULL;
    cJSON *own = cJSON_GetObjectItemCaseSensitive(item, "disks");
    for (size_t i = 0; i < disks->count; i++)
        if (!has_disk(own, disks->list[i].source))
            put_disk(own, disks->list[i].source, disks->list[i].target);
    return template_render(&cpi->templates, "domain", item, err);
}

/* In one virsh, for a definition is forgotten with its end. */
static int define_and_start(struct cpi *cpi, const char *cid, const struct blocks *disks,
                            struct error *err)
{
    cleanup_free char *xml = render(cpi, cid, disks, err);
    const struct definition_request request = { .name = cid, .xml = xml };

    return xml ? domain_create(&cpi->virsh, &request, NULL, err) : -1;
}

static int start(struct cpi *cpi, const struct vm_plan *plan, struct error *err)
{
    const struct blocks none = { 0 };

    return define_and_start(cpi, plan->domain.cid, &none, err);
}

/* libvirt only asks the guest, so one that does not answer has its power cut. */
static int stop(struct cpi *cpi, const char *cid, struct error *err)
{
    cleanup_free char *vmx = vmx_path(cpi, cid);
    int running = is_running(cpi, cid, err);

    if (running <= 0)
        return running;
    running = domain_destroy(&cpi->virsh, cid, err);
    if (running <= 0)
        return running;
    if (vmrun_stop(&cpi->virsh, vmx, err) < 0)
        return -1;
    running = is_running(cpi, cid, err);
    return running > 0 ? fail(err, ERROR_CLOUD, "VM '%s' runs on although it was stopped", cid)
                       : running;
}

static int end(struct cpi *cpi, const char *cid, struct error *err)
{
    cleanup_free char *vmx = vmx_path(cpi, cid);

    return stop(cpi, cid, err) < 0 ? -1 : host_remove(&cpi->host, vmx, err);
}

static int restart(struct cpi *cpi, const char *cid, struct error *err)
{
    cleanup_state struct domain_state state = { 0 };

    if (inspect(cpi, cid, &state, err) < 0 || stop(cpi, cid, err) < 0)
        return -1;
    return define_and_start(cpi, cid, &state.config, err);
}

static int describe(struct cpi *cpi, const char *cid, const struct description *description,
                    struct error *err)
{
    (void)cid;
    (void)description;
    return fail(err, ERROR_NOT_IMPLEMENTED, "the hypervisor '%s' keeps no metadata",
                cpi->config.hypervisor->name);
}

static int grow_image(struct cpi *cpi, const struct image_request *request, struct error *err)
{
    return image_grow_copied(&cpi->host, request, request->size_mib * MIB, err);
}

static int mend(struct attachment *a, struct error *err)
{
    return attachment_look(a, err);
}

static cJSON *hint(const struct attachment *a)
{
    return desktop_scsi_hint(scsi_controller, vmx_unit(a->config->target));
}

static int redefine(struct attachment *a, const struct blocks *disks, struct error *err)
{
    cleanup_free char *xml = render(a->cpi, a->vm, disks, err);

    if (!xml || domain_define(&a->cpi->virsh, a->vm, xml, err) < 0)
        return -1;
    return attachment_look(a, err);
}

/* NULL when all places are taken. Owned by the caller. */
static char *free_target(const struct blocks *disks)
{
    for (unsigned unit = 0; unit < 16; unit++) {
        cleanup_free char *target = vmx_target(unit);
        bool taken = unit == vmx_unit("sdg") + 1;
        for (size_t i = 0; i < disks->count; i++)
            taken = taken || strcmp(disks->list[i].target, target) == 0;
        if (!taken)
            return steal_pointer(&target);
    }
    return NULL;
}

static cJSON *attach(struct attachment *a, struct error *err)
{
    cleanup_free char *path = disk_path(a->cpi, a->disk, a->record);
    char *target = free_target(&a->state.config);

    if (!target) {
        fail(err, ERROR_CLOUD, "VM '%s' has 15 disks, and there is no place for more", a->vm);
        return NULL;
    }
    blocks_add(&a->state.config, target, steal_pointer(&path));
    return redefine(a, &a->state.config, err) < 0 ? NULL : hint(a);
}

static int detach(struct attachment *a, struct error *err)
{
    struct blocks others = { 0 };

    for (size_t i = 0; i < a->state.config.count; i++)
        if (&a->state.config.list[i] != a->config)
            blocks_add(&others, xstrdup(a->state.config.list[i].target),
                       xstrdup(a->state.config.list[i].source));
    int failed = redefine(a, &others, err);
    blocks_release(&others);
    return failed;
}

const struct driver driver_vmware = {
    .import_stemcell = stemcell_import,
    .plan = vmware_plan,
    .make_files = make_files,
    .own_hint = own_hint,
    .start = start,
    .end = end,
    .restart = restart,
    .describe = describe,
    .exists = exists,
    .inspect = inspect,
    .make_image = usual_make_image,
    .grow_image = grow_image,
    .mend = mend,
    .attach = attach,
    .hint = hint,
    .detach = detach,
};
