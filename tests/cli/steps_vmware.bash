# The scenarios of steps.bash with VMware.
# shellcheck shell=bash disable=SC2034,SC2154 # most names are those of helper.bash

load ../cli/steps
load ../cli/vmware

create_vm_vmware_world() { vmware_world && have_stemcell; }
create_vm_vmware_call() { ask create_vm a "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' '{}'; }
create_vm_vmware_check() {
    [[ $response =~ \"(vm-[^\"]+)\" ]] || fail 'no CID'
    runs "${BASH_REMATCH[1]}"
}

delete_vm_vmware_world() {
    vmware_world && make_vm && : >"$state/vmware-no-tools"
}
delete_vm_vmware_call() { ask delete_vm "$vm"; }
delete_vm_vmware_check() {
    is_off "$vm"
    ! inventory | grep -F "$vm" || fail 'something is left'
}

reboot_vm_vmware_world() { vmware_world && make_vm; }
reboot_vm_vmware_call() { ask reboot_vm "$vm"; }
reboot_vm_vmware_check() { runs "$vm"; }

attach_disk_vmware_world() { vmware_world && make_vm && have_disk && power_off; }
attach_disk_vmware_call() { ask attach_disk "$vm" "$disk"; }
attach_disk_vmware_check() { disk_at 2 "$disk"; }

detach_disk_vmware_world() { attach_disk_vmware_world && ok attach_disk "$vm" "$disk"; }
detach_disk_vmware_call() { ask detach_disk "$vm" "$disk"; }
detach_disk_vmware_check() { [[ $(vmx) != *"$disk"* ]] || fail 'still attached'; }

resize_disk_vmware_world() { vmware_world && have_disk; }
resize_disk_vmware_call() { ask resize_disk "$disk" 128; }
resize_disk_vmware_check() {
    [[ $(<"$store/disks/$disk/disk.vmdk") == "image vmdk $((128 << 20))" ]] || fail 'not larger'
}

scenarios=(
    'creates create_vm_vmware'
    'repeats delete_vm_vmware'
    'repeats reboot_vm_vmware'
    'repeats attach_disk_vmware'
    'repeats detach_disk_vmware'
    'repeats resize_disk_vmware'
)
