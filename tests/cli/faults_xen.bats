#!/usr/bin/env bats
# Each step of the methods goes wrong on Xen too: see steps.bash.

load helper
load faults

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

@test "create_vm on Xen" { every_step creates create_vm_xen; }

delete_vm_xen_world() {
    xen_world
    have_attached_disk
}
delete_vm_xen_call() { delete_vm_call; }
delete_vm_xen_check() { delete_vm_check; }

@test "delete_vm on Xen" { every_step repeats delete_vm_xen; }

attach_disk_xen_world() {
    xen_world
    attach_disk_world
}
attach_disk_xen_call() { attach_disk_call; }
attach_disk_xen_check() {
    has_disk_on xen "$vm" "$disk"
    says /dev/xvde "$disk"
}

@test "attach_disk on Xen" { every_step repeats attach_disk_xen; }

attach_disk_half_xen_world() {
    xen_world
    attach_disk_half_world
}
attach_disk_half_xen_call() { attach_disk_call; }
attach_disk_half_xen_check() { attach_disk_xen_check; }

@test "attach_disk of one in the running VM only, on Xen" { every_step repeats attach_disk_half_xen; }

detach_disk_xen_world() {
    xen_world
    have_attached_disk
}
detach_disk_xen_call() { detach_disk_call; }
detach_disk_xen_check() { detach_disk_check; }

@test "detach_disk on Xen" { every_step repeats detach_disk_xen; }

reboot_vm_xen_world() {
    xen_world
    have_attached_disk
}
reboot_vm_xen_call() { reboot_vm_call; }
reboot_vm_xen_check() {
    is_running "$vm"
    has_disk_on xen "$vm" "$disk"
}

@test "reboot_vm on Xen" { every_step repeats reboot_vm_xen; }
