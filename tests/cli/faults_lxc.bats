#!/usr/bin/env bats
# Each step of the methods goes wrong with containers too: see steps.bash.

load helper
load faults
load containers

create_tree_world() {
    container_host
    tree_image
}
create_tree_call() { ask create_stemcell "$image" '{}'; }
create_tree_check() { [[ -e $(echo "$store"/stemcells/sc-*/rootfs/etc/hostname) ]]; }

@test "create_stemcell of a tree" { every_step creates create_tree; }

create_container_world() {
    container_host
    have_tree
}
create_container_call() { create_vm_over_call; }
create_container_check() { create_vm_check; }

@test "create_vm of a container" { every_step creates create_container; }

create_mapped_world() { create_container_world; }
create_mapped_call() {
    ask create_vm agent "$stemcell" '{"privileged":false,"ephemeral_disk":0}' "$(manual 10.0.0.10)" '[]' '{}'
}
create_mapped_check() { create_vm_check; }

@test "create_vm of a container with an id map" { every_step creates create_mapped; }

delete_container_world() { have_container_with_disk; }
delete_container_call() { ask delete_vm "$vm"; }
delete_container_check() {
    ! inventory | grep -F "$vm" || fail 'something is left'
    [[ -e $store/disks/$disk/disk.raw ]] || fail 'the disk is gone'
}

@test "delete_vm of a container" { every_step repeats delete_container; }

create_formatted_disk_world() {
    container_host
    have_disk
}
create_formatted_disk_call() { ask create_disk 100 '{}' null; }
create_formatted_disk_check() { true; }

@test "create_disk for containers" { every_step creates create_formatted_disk; }

mount_disk_world() {
    have_container
    have_disk
}
mount_disk_call() { ask attach_disk "$vm" "$disk"; }
mount_disk_check() { is_mounted_in "$vm" "$disk"; }

@test "attach_disk to a container" { every_step repeats mount_disk; }

mount_disk_off_world() {
    mount_disk_world
    stop_container "$vm"
}
mount_disk_off_call() { mount_disk_call; }
mount_disk_off_check() { is_defined_in "$vm" "$disk"; }

@test "attach_disk to a container that is off" { every_step repeats mount_disk_off; }

unmount_disk_world() {
    configure detach_timeout 2
    have_container_with_disk
}
unmount_disk_call() { ask detach_disk "$vm" "$disk"; }
unmount_disk_check() {
    is_nowhere "$disk"
    [[ -e $store/disks/$disk/disk.raw ]] || fail 'the disk is gone'
}

@test "detach_disk from a container" { every_step repeats unmount_disk; }

grow_disk_world() {
    container_host
    have_disk
}
grow_disk_call() { resize_disk_call; }
grow_disk_check() { resize_disk_check; }

@test "resize_disk for containers" { every_step repeats grow_disk; }
