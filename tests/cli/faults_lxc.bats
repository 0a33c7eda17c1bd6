#!/usr/bin/env bats
# Each step of the methods goes wrong with containers too: see steps.bash.

load helper
load faults
load steps_lxc

@test "create_stemcell of a tree" { every_step creates create_tree; }

@test "create_vm of a container" { every_step creates create_container; }

@test "create_vm of a container with an id map" { every_step creates create_mapped; }

@test "delete_vm of a container" { every_step repeats delete_container; }

@test "create_disk for containers" { every_step creates create_formatted_disk; }

@test "attach_disk to a container" { every_step repeats mount_disk; }

@test "attach_disk to a container that is off" { every_step repeats mount_disk_off; }

@test "detach_disk from a container" { every_step repeats unmount_disk; }

@test "resize_disk for containers" { every_step repeats grow_disk; }

@test "delete_disk for containers" { every_step repeats delete_formatted_disk; }

@test "reboot_vm of a container" { every_step repeats reboot_container; }
