# The scenarios of steps.bash on Xen.
# shellcheck shell=bash disable=SC2034,SC2154 # most names are those of helper.bash

load ../cli/steps

xen_world() {
    configure hypervisor '"xen"' detach_timeout 2
    echo 'xen hvm' >"$state/os-types"
}

create_vm_xen_world() {
    xen_world
    have_stemcell
}
create_vm_xen_call() { ask create_vm a "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' '{}'; }
create_vm_xen_check() { create_vm_check; }

delete_vm_xen_world() {
    xen_world
    have_attached_disk
}
delete_vm_xen_call() { delete_vm_call; }
delete_vm_xen_check() { delete_vm_check; }

attach_disk_xen_world() {
    xen_world
    attach_disk_world
}
attach_disk_xen_call() { attach_disk_call; }
attach_disk_xen_check() {
    has_disk_on xen "$vm" "$disk"
    says /dev/xvde "$disk"
}

attach_disk_half_xen_world() {
    xen_world
    attach_disk_half_world
}
attach_disk_half_xen_call() { attach_disk_call; }
attach_disk_half_xen_check() { attach_disk_xen_check; }

detach_disk_xen_world() {
    xen_world
    have_attached_disk
}
detach_disk_xen_call() { detach_disk_call; }
detach_disk_xen_check() { detach_disk_check; }

reboot_vm_xen_world() {
    xen_world
    have_attached_disk
}
reboot_vm_xen_call() { reboot_vm_call; }
reboot_vm_xen_check() {
    is_running "$vm"
    has_disk_on xen "$vm" "$disk"
}

scenarios=(
    'creates create_vm_xen'
    'repeats delete_vm_xen'
    'repeats attach_disk_xen'
    'repeats attach_disk_half_xen'
    'repeats detach_disk_xen'
    'repeats reboot_vm_xen'
)
