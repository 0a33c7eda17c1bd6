#!/usr/bin/env bats
# Each call of the C library that can fail does, in each way that it can, one at a time and, of a
# full disk, from one on: see tests/cli/shim.bash.

load ../cli/helper
load ../cli/steps
load ../cli/shim

@test "create_stemcell" { every_call creates create_stemcell; }

@test "create_disk" { every_call creates create_disk; }

@test "create_vm" { every_call creates create_vm; }

@test "create_vm_over" { every_call replaces create_vm_over; }

@test "delete_vm" { every_call repeats delete_vm; }

@test "delete_disk" { every_call repeats delete_disk; }

@test "delete_used_disk" { every_call refuses delete_used_disk; }

@test "attach_disk" { every_call repeats attach_disk; }

@test "attach_disk_off" { every_call repeats attach_disk_off; }

@test "attach_disk_full" { every_call repeats attach_disk_full; }

@test "attach_disk_half" { every_call repeats attach_disk_half; }

@test "detach_disk" { every_call repeats detach_disk; }

@test "detach_disk_slow" { every_call repeats detach_disk_slow; }

@test "detach_disk_off" { every_call repeats detach_disk_off; }

@test "reboot_vm" { every_call repeats reboot_vm; }

@test "reboot_vm_off" { every_call repeats reboot_vm_off; }

@test "set_vm_metadata" { every_call repeats set_vm_metadata; }

@test "set_vm_metadata_off" { every_call repeats set_vm_metadata_off; }

@test "has_vm" { every_call repeats has_vm; }

@test "has_no_vm" { every_call repeats has_no_vm; }

@test "get_disks" { every_call repeats get_disks; }

@test "resize_disk" { every_call repeats resize_disk; }

@test "update_disk" { every_call repeats update_disk; }

@test "snapshot_disk" { every_call creates snapshot_disk; }

@test "snapshot_used_disk" { every_call creates snapshot_used_disk; }

@test "create_network" { every_call creates create_network; }

@test "delete_network" { every_call repeats delete_network; }

@test "create_known_stemcell" { every_call creates create_known_stemcell; }

@test "delete_stemcell" { every_call repeats delete_stemcell; }

@test "delete_used_stemcell" { every_call refuses delete_used_stemcell; }

@test "delete_snapshot" { every_call repeats delete_snapshot; }

@test "has_disk" { every_call repeats has_disk; }

@test "set_disk_metadata" { every_call repeats set_disk_metadata; }

