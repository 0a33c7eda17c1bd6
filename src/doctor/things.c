#include "cpi/doctor.h"

#include "cpi/image.h"
#include "cpi/json.h"
#include "cpi/leftovers.h"
#include "cpi/stemcell_light.h"
#include "cpi/stemcell_tree.h"

#include <string.h>

static bool is(const cJSON *vm, const char *key)
{
    return cJSON_IsTrue(json_get(vm, key));
}

static void check_stemcell_of(struct doctor *doctor, const char *cid, const char *stemcell)
{
    cleanup_error struct error ignored = { 0 };

    if (stemcell && store_has(&doctor->cpi->store, STORE_STEMCELL, stemcell, &ignored) == 0)
        doctor_error(doctor,
                     "stemcell '%s', of which VM '%s' is made, is gone\n"
                     "recreate the VM: 'bosh recreate', or 'bosh cloud-check'",
                     stemcell, cid);
}

static void check_vm(struct doctor *doctor, const cJSON *vm)
{
    const char *cid = json_string(vm, "cid"), *state = json_string(vm, "state");
    const char *uri = doctor->cpi->virsh.uri;

    /* It is a leftover, or somebody is working on it. */
    if (is(vm, "unfinished"))
        return;
    if (!is(vm, "directory"))
        doctor_error(doctor,
                     "VM '%s' is in libvirt but has no directory in the store\n"
                     "'bosh cloud-check' if BOSH knows it, else 'cpi call delete_vm %s'",
                     cid, cid);
    else if (!is(vm, "domain"))
        doctor_error(doctor,
                     "VM '%s' is in the store but not in libvirt at '%s'\n"
                     "is the uri right? 'bosh cloud-check' recreates the VM if BOSH knows it, else "
                     "'cpi call delete_vm %s'",
                     cid, uri, cid);
    if (is(vm, "managed_save"))
        doctor_warn(doctor,
                    "VM '%s' has a managed save: its next start brings back an old memory\n"
                    "'virsh -c %s managedsave-remove %s', and no ON_SHUTDOWN=suspend in "
                    "/etc/default/libvirt-guests",
                    cid, uri, cid);
    if (strcmp(state, "paused") == 0 || strcmp(state, "crashed") == 0)
        doctor_warn(doctor,
                    "VM '%s' is %s\nis the file system of the store full? then 'virsh -c %s resume "
                    "%s', or 'cpi call reboot_vm %s'",
                    cid, state, uri, cid, cid);
    check_stemcell_of(doctor, cid, json_string(vm, "stemcell"));
}

void doctor_check_vms(struct doctor *doctor)
{
    const cJSON *vm;

    if (doctor->laid_out)
        cJSON_ArrayForEach (vm, doctor->vms)
            check_vm(doctor, vm);
}

/* Can libvirt boot with EFI? True when it cannot be told. */
static bool has_efi(struct doctor *doctor)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };
    cleanup_error struct error ignored = { 0 };

    VIRSH_ADD(&script, "domcapabilities");
    if (!doctor->connected ||
        virsh_play(&doctor->cpi->virsh, &script, NULL, &reply, &ignored) < 0 || !reply.ok)
        return true;
    return strstr(reply.out[0], "<value>efi</value>") != NULL;
}

static void check_image(struct doctor *doctor, const char *cid, const cJSON *record)
{
    const struct store *store = &doctor->cpi->store;
    cleanup_free char *directory = store_path(store, STORE_STEMCELL, cid, NULL);
    const char *format = json_string(record, "format");
    const bool tree = doctor->cpi->config.hypervisor->trees;
    cleanup_free char *path = tree ? xasprintf("%s/" TREE_ROOT, directory)
                                   : image_path(directory, format ? format : "qcow2");
    cleanup_error struct error failure = { 0 };

    if (stemcell_light_path(record)) {
        if (stemcell_light_check(doctor->cpi, record, &failure) < 0)
            doctor_error(doctor,
                         "stemcell '%s': %s\nbring the file back as it was, or recreate its VMs "
                         "with another stemcell",
                         cid, failure.message);
    } else if (host_exists(store->host, path, &failure) == 0) {
        doctor_error(doctor,
                     "stemcell '%s' has lost its image '%s'\nupload the stemcell again "
                     "('bosh upload-stemcell --fix') and recreate its VMs",
                     cid, path);
    }
}

void doctor_check_stemcells(struct doctor *doctor)
{
    const struct store *store = &doctor->cpi->store;
    cleanup_strings char **cids = NULL;
    cleanup_error struct error ignored = { 0 };
    bool needs_efi = false;

    if (store_list(store, STORE_STEMCELL, &cids, &ignored) < 0)
        return;
    for (char **cid = cids; *cid; cid++) {
        cleanup_json cJSON *record = NULL;
        cleanup_error struct error unreadable = { 0 };
        if (store_read(store, STORE_STEMCELL, *cid, &record, &unreadable) <= 0)
            continue;
        const char *firmware = json_string(record, "firmware");
        needs_efi = needs_efi || (firmware && strcmp(firmware, "efi") == 0);
        check_image(doctor, *cid, record);
    }
    if (needs_efi && !has_efi(doctor))
        doctor_error(doctor,
                     "there is a stemcell that boots with EFI, and the host has no firmware "
                     "for that\ninstall it (ovmf)");
}

/* A thing without its record, or with a spoilt one, is of no use to any call. */
static void check_record(struct doctor *doctor, enum store_kind kind, const char *cid)
{
    static const char *const words[] = { [STORE_VM] = "VM",
                                         [STORE_DISK] = "disk",
                                         [STORE_STEMCELL] = "stemcell",
                                         [STORE_SNAPSHOT] = "snapshot" };
    const struct store *store = &doctor->cpi->store;
    cleanup_json cJSON *record = NULL;
    cleanup_error struct error failure = { 0 };
    cleanup_free char *path = store_path(store, kind, cid, store_record_name(kind));
    int got = store_read(store, kind, cid, &record, &failure);

    if (got < 0)
        doctor_error(doctor, "%s\nrestore the file from a backup", failure.message);
    else if (got == 0 && kind != STORE_VM)
        doctor_error(doctor, "%s '%s' has lost its record '%s'\nrestore the file from a backup",
                     words[kind], cid, path);
}

void doctor_check_records(struct doctor *doctor)
{
    static const enum store_kind kinds[] = { STORE_VM, STORE_DISK, STORE_STEMCELL, STORE_SNAPSHOT };

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        cleanup_strings char **cids = NULL;
        cleanup_error struct error ignored = { 0 };
        if (store_list(&doctor->cpi->store, kinds[i], &cids, &ignored) < 0)
            return;
        for (char **cid = cids; *cid; cid++)
            check_record(doctor, kinds[i], *cid);
    }
}

void doctor_check_leftovers(struct doctor *doctor)
{
    cleanup_error struct error failure = { 0 };
    cleanup_json cJSON *found =
        doctor->connected ? leftovers_find(doctor->cpi, false, &failure) : NULL;
    const cJSON *leftover;
    int count = 0;

    cJSON_ArrayForEach (leftover, found)
        count += strcmp(json_string(leftover, "what"), LEFTOVER_LOCK) != 0;
    if (count > 0)
        doctor_warn(doctor,
                    "killed calls left something behind: %d\n"
                    "'cpi gc --dry-run' tells what, 'cpi gc' removes it",
                    count);
}
