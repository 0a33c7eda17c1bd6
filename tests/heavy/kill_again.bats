#!/usr/bin/env bats
# What tests/heavy/kill.bats does, with calls that can be sent again: see tests/live/kill.bash.

load ../live/helper
load ../live/kill

@test "delete_stemcell" { kill_each repeats delete_stemcell; }

@test "delete_disk" { kill_each repeats delete_disk; }

@test "delete_vm" { kill_each repeats delete_vm; }

@test "delete_snapshot" { kill_each repeats delete_snapshot; }

@test "attach_disk" { kill_each repeats attach_disk; }

@test "detach_disk" { kill_each repeats detach_disk; }

@test "resize_disk" { kill_each repeats resize_disk; }

@test "update_disk" { kill_each repeats update_disk; }

@test "reboot_vm" { kill_each repeats reboot_vm; }

@test "set_vm_metadata" { kill_each repeats set_vm_metadata; }

@test "set_disk_metadata" { kill_each repeats set_disk_metadata; }
