#include "cpi/desktop.h"
#include "cpi/disk.h"
#include "cpi/json.h"
#include "cpi/vbox.h"

#include <string.h>

/* Where VirtualBox has its LsiLogic controller. */
static const char scsi_controller[] = "0000:00:14.0";

/* In the guest a disk's serial number comes from its medium's UUID. The scsi resolver of vsphere
 * stemcells takes dashes out of what it looks for, so it gets what follows the dash. */
static cJSON *serial_hint(const char *serial)
{
    char uuid[VBOX_UUID_SIZE];

    vbox_uuid(serial, uuid);
    cleanup_free char *shown = vbox_serial(uuid);
    cleanup_free char *path = xasprintf("/dev/disk/by-id/ata-VBOX_HARDDISK_%s", shown);
    cJSON *hint = json_new_object();
    json_put_string(hint, "path", path);
    json_put_string(hint, "id", strchr(shown, '-') + 1);
    return hint;
}

cJSON *vbox_own_hint(const struct vm_domain *domain, unsigned index, const char *serial)
{
    return strcmp(domain->bus->name, "scsi") == 0 ? desktop_scsi_hint(scsi_controller, index)
                                                  : serial_hint(serial);
}

int vbox_drop_snapshot(struct cpi *cpi, const char *vm, struct vbox_machine *machine,
                       struct error *err)
{
    if (!machine->snapshot)
        return 0;
    if (strcmp(machine->snapshot, VBOX_SNAPSHOT) != 0)
        return fail(err, ERROR_CLOUD,
                    "VM '%s' has the snapshot '%s', which keeps its disks: delete it first "
                    "(VBoxManage snapshot %s delete ...)",
                    vm, machine->snapshot, vm);
    return vbox_delete_snapshot(&cpi->host, vm, VBOX_SNAPSHOT, err);
}

int vbox_inspect(struct cpi *cpi, const char *cid, struct domain_state *state, struct error *err)
{
    cleanup_machine struct vbox_machine machine = { 0 };
    int active = domain_is_active(&cpi->virsh, cid, err);

    if (active < 0 || vbox_look(&cpi->host, cid, &machine, err) < 0)
        return -1;
    state->active = active;
    for (size_t i = 0; i < machine.count; i++) {
        const struct vbox_disk *disk = &machine.disks[i];
        char *target = xasprintf("%s:%u:%u", disk->controller, disk->port, disk->device);
        if (active)
            blocks_add(&state->live, xstrdup(target), xstrdup(disk->path));
        blocks_add(&state->config, target, xstrdup(disk->path));
    }
    return 0;
}

/* There is one definition only. */
int vbox_mend(struct attachment *a, struct error *err)
{
    return attachment_look(a, err);
}

cJSON *vbox_hint(const struct attachment *a)
{
    return serial_hint(a->disk);
}

cJSON *vbox_attach_disk(struct attachment *a, struct error *err)
{
    const struct host *host = &a->cpi->host;
    cleanup_machine struct vbox_machine machine = { 0 };
    cleanup_free char *path = disk_path(a->cpi, a->disk, a->record);
    struct vbox_disk place = { .path = path };
    char uuid[VBOX_UUID_SIZE];

    vbox_uuid(a->disk, uuid);
    if (vbox_look(host, a->vm, &machine, err) < 0 ||
        vbox_drop_snapshot(a->cpi, a->vm, &machine, err) < 0 ||
        vbox_free_port(&machine, &place.port, err) < 0)
        return NULL;
    /* An image that gets its UUID while it is attached (--setuuid) stays in VirtualBox's list when
     * it is closed, as seen with 7.2 now and then. */
    if (vbox_set_uuid(host, path, uuid, err) < 0)
        return NULL;
    place.controller = machine.sata;
    if (vbox_attach(host, a->vm, &place, err) == 0)
        return serial_hint(a->disk);
    if (a->state.active && err->type == ERROR_CLOUD)
        error_wrap(err,
                   "if VirtualBox cannot do this while the VM runs, stop it (virsh -c %s destroy "
                   "%s), attach the disk and start it again",
                   a->cpi->virsh.uri, a->vm);
    return NULL;
}

static const struct vbox_disk *find(const struct vbox_machine *machine, const char *path)
{
    for (size_t i = 0; i < machine->count; i++)
        if (strcmp(machine->disks[i].path, path) == 0)
            return &machine->disks[i];
    return NULL;
}

int vbox_detach_disk(struct attachment *a, struct error *err)
{
    const struct host *host = &a->cpi->host;
    const char *path = a->config->source;
    cleanup_machine struct vbox_machine machine = { 0 };
    cleanup_error struct error closing = { 0 };

    if (vbox_look(host, a->vm, &machine, err) < 0 ||
        vbox_drop_snapshot(a->cpi, a->vm, &machine, err) < 0)
        return -1;
    const struct vbox_disk *place = find(&machine, path);
    if (place && vbox_detach(host, a->vm, place, err) < 0)
        return -1;
    /* It is tried again before anything is done with the disk. */
    if (vbox_close(host, path, &closing) < 0)
        log_event(a->cpi->log, "%s", closing.message);
    return 0;
}

/* VirtualBox knows a medium until it is told to forget it, and refuses another one of the same UUID
 * or a file that has changed. */
int vbox_settle(struct cpi *cpi, const char *disk, struct error *err)
{
    cleanup_json cJSON *record = NULL;

    if (store_read(&cpi->store, STORE_DISK, disk, &record, err) < 0)
        return -1;
    cleanup_free char *path = record ? disk_path(cpi, disk, record) : NULL;
    int there = path ? host_exists(&cpi->host, path, err) : 0;
    return there > 0 ? vbox_close(&cpi->host, path, err) : there;
}

int vbox_grow_image(struct cpi *cpi, const struct image_request *request, struct error *err)
{
    if (vbox_resize(&cpi->host, request->path, request->size_mib, err) == 0)
        return 0;
    if (err->type != ERROR_CLOUD || err->ok_to_retry || command_interrupted())
        return -1;
    /* Older ones grow VDI and VHD only. The UUID is set anew when the disk is attached. */
    log_event(cpi->log, "%s: it grows by way of a copy", err->message);
    if (vbox_close(&cpi->host, request->path, err) < 0)
        return -1;
    error_release(err);
    return image_grow_copied(&cpi->host, request, request->size_mib * MIB, err);
}

static int snapshot_vm(struct cpi *cpi, const char *vm, struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    VIRSH_ADD(&script, "snapshot-create-as", vm, VBOX_SNAPSHOT);
    if (virsh_play(&cpi->virsh, &script, NULL, &reply, err) < 0)
        return -1;
    return reply.ok ? 0 : virsh_fail(&reply, err, "libvirt took no snapshot of VM '%s'", vm);
}

/* While the VM has a snapshot nothing is written to the images that it had before. */
int vbox_copy_live(struct cpi *cpi, const char *vm, const struct block *live, const char *path,
                   struct error *err)
{
    cleanup_machine struct vbox_machine machine = { 0 };
    cleanup_error struct error second = { 0 };
    const char *extension = strrchr(live->source, '.');
    struct host_file file = { 0 };
    struct conversion conversion = { .from = live->source,
                                     .from_format = extension ? extension + 1 : "vmdk",
                                     .to = path,
                                     .to_format = "qcow2" };

    if (vbox_look(&cpi->host, vm, &machine, err) < 0 ||
        vbox_drop_snapshot(cpi, vm, &machine, err) < 0 ||
        host_look(&cpi->host, live->source, &file, err) < 0)
        return -1;
    conversion.virtual_bytes = file.bytes;
    int failed = snapshot_vm(cpi, vm, err) < 0 || image_convert(&cpi->host, &conversion, err) < 0;
    cleanup_machine struct vbox_machine after = { 0 };
    if (vbox_look(&cpi->host, vm, &after, &second) < 0 ||
        vbox_drop_snapshot(cpi, vm, &after, &second) < 0)
        return failed ? -1 : fail(err, second.type, "%s", second.message);
    return failed ? -1 : 0;
}
