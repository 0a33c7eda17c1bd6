# The scenarios of steps.bash with containers.
# shellcheck shell=bash disable=SC2034,SC2154 # most names are those of helper.bash

load ../cli/steps
load ../cli/containers

create_tree_world() {
    container_host
    tree_image
}
create_tree_call() { ask create_stemcell "$image" '{}'; }
create_tree_check() { [[ -e $(echo "$store"/stemcells/sc-*/rootfs/etc/hostname) ]]; }

create_container_world() {
    container_host
    have_tree
}
create_container_call() { create_vm_over_call; }
create_container_check() { create_vm_check; }

create_mapped_world() { create_container_world; }
create_mapped_call() {
    ask create_vm agent "$stemcell" '{"privileged":false,"ephemeral_disk":0}' "$(manual 10.0.0.10)" '[]' '{}'
}
create_mapped_check() { create_vm_check; }

delete_container_world() { have_container_with_disk; }
delete_container_call() { ask delete_vm "$vm"; }
delete_container_check() {
    ! inventory | grep -F "$vm" || fail 'something is left'
    [[ -e $store/disks/$disk/disk.raw ]] || fail 'the disk is gone'
}

create_formatted_disk_world() {
    container_host
    have_disk
}
create_formatted_disk_call() { ask create_disk 100 '{}' null; }
create_formatted_disk_check() { true; }

mount_disk_world() {
    have_container
    have_disk
}
mount_disk_call() { ask attach_disk "$vm" "$disk"; }
mount_disk_check() { is_mounted_in "$vm" "$disk"; }

mount_disk_off_world() {
    mount_disk_world
    stop_container "$vm"
}
mount_disk_off_call() { mount_disk_call; }
mount_disk_off_check() { is_defined_in "$vm" "$disk"; }

unmount_disk_world() {
    configure detach_timeout 2
    have_container_with_disk
}
unmount_disk_call() { ask detach_disk "$vm" "$disk"; }
unmount_disk_check() {
    is_nowhere "$disk"
    [[ -e $store/disks/$disk/disk.raw ]] || fail 'the disk is gone'
}

grow_disk_world() {
    container_host
    have_disk
}
grow_disk_call() { resize_disk_call; }
grow_disk_check() { resize_disk_check; }

delete_formatted_disk_world() { create_formatted_disk_world; }
delete_formatted_disk_call() { delete_disk_call; }
delete_formatted_disk_check() { delete_disk_check; }

reboot_container_world() { have_container_with_disk; }
reboot_container_call() { reboot_vm_call; }
reboot_container_check() {
    [[ $(PATH=$world/bin:$PATH virsh -q -c lxc:/// domstate "$vm") == running* ]] || fail 'it does not run'
    is_defined_in "$vm" "$disk"
}

scenarios=(
    'creates create_tree'
    'creates create_container'
    'creates create_mapped'
    'repeats delete_container'
    'creates create_formatted_disk'
    'repeats mount_disk'
    'repeats mount_disk_off'
    'repeats unmount_disk'
    'repeats grow_disk'
    'repeats delete_formatted_disk'
    'repeats reboot_container'
)
