# The scenarios of steps.bash with VirtualBox.
# shellcheck shell=bash disable=SC2034,SC2154 # most names are those of helper.bash

load ../cli/steps
load ../cli/virtualbox

have_attached() {
    make_vm
    have_disk
    ok attach_disk "$vm" "$disk"
}

vbox_create_vm_world() { virtualbox_world && have_stemcell; }
vbox_create_vm_call() { ask create_vm a "$stemcell" '{"autostart":false}' "$(on hostonly)" '[]' '{}'; }
vbox_create_vm_check() {
    [[ $response =~ \"(vm-[^\"]+)\" ]] || fail 'no CID'
    runs "${BASH_REMATCH[1]}"
}

vbox_delete_vm_world() { virtualbox_world && have_attached; }
vbox_delete_vm_call() { ask delete_vm "$vm"; }
vbox_delete_vm_check() {
    ! inventory | grep -F "$vm" || fail 'something is left'
    [[ -e $(disk_image "$disk") ]] || fail 'the disk is gone'
}

attach_disk_vbox_world() { virtualbox_world && make_vm && have_disk; }
attach_disk_vbox_call() { ask attach_disk "$vm" "$disk"; }
attach_disk_vbox_check() { [[ $(grep -c "$disk" "$state/vbox/$vm/disks") == 1 ]] || fail 'not attached once'; }

detach_disk_vbox_world() { virtualbox_world && have_attached; }
detach_disk_vbox_call() { ask detach_disk "$vm" "$disk"; }
detach_disk_vbox_check() { ! grep "$disk" "$state/vbox/$vm/disks" || fail 'still attached'; }

reboot_vm_vbox_world() { virtualbox_world && have_attached; }
reboot_vm_vbox_call() { ask reboot_vm "$vm"; }
reboot_vm_vbox_check() { runs "$vm"; }

set_vm_metadata_vbox_world() { virtualbox_world && make_vm; }
set_vm_metadata_vbox_call() { ask set_vm_metadata "$vm" '{"name":"web/0"}'; }
set_vm_metadata_vbox_check() { [[ $(<"$state/vbox/$vm/extra/cpi%title") == *web/0* ]] || fail 'no title'; }

update_disk_vbox_world() { virtualbox_world && have_disk; }
update_disk_vbox_call() { ask update_disk "$disk" 128 '{"format":"vdi"}'; }
update_disk_vbox_check() {
    [[ $(ls "$store/disks/$disk") == $'disk.json\ndisk.vdi' ]] || fail "$(ls "$store/disks/$disk")"
}

resize_disk_vbox_world() { virtualbox_world && have_disk; }
resize_disk_vbox_call() { resize_disk_call; }
resize_disk_vbox_check() {
    [[ $(<"$(disk_image "$disk")") == "image vmdk $((128 << 20))" ]] || fail 'not larger'
}

delete_disk_vbox_world() {
    attach_disk_vbox_world && ok attach_disk "$vm" "$disk" && ok detach_disk "$vm" "$disk"
}
delete_disk_vbox_call() { delete_disk_call; }
delete_disk_vbox_check() { delete_disk_check; }

vbox_snapshot_world() { virtualbox_world && have_attached; }
vbox_snapshot_call() { ask snapshot_disk "$disk" '{}'; }
vbox_snapshot_check() { [[ ! -e $state/vbox/$vm/snapshot ]] || fail 'the VM has a snapshot left'; }

# A snapshot of the VM that could not be deleted is by the next call that needs the disks.
settle_leaves_none() {
    if succeeded; then
        vbox_snapshot_check
    else
        ! what_is_new | grep ^snapshots/ || fail 'it failed, but the copy remains'
    fi
    vbox_snapshot_call
    succeeded || fail 'it does not succeed without the fault either'
    vbox_snapshot_check
}

scenarios=(
    'creates vbox_create_vm'
    'repeats vbox_delete_vm'
    'repeats attach_disk_vbox'
    'repeats detach_disk_vbox'
    'repeats reboot_vm_vbox'
    'repeats set_vm_metadata_vbox'
    'repeats update_disk_vbox'
    'repeats resize_disk_vbox'
    'repeats delete_disk_vbox'
    'leaves_none vbox_snapshot'
)
