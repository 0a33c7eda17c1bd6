#!/usr/bin/env bats
# Each step of the methods goes wrong on Xen too: see steps.bash.

load helper
load faults
load steps_xen

@test "create_vm on Xen" { every_step creates create_vm_xen; }

@test "delete_vm on Xen" { every_step repeats delete_vm_xen; }

@test "attach_disk on Xen" { every_step repeats attach_disk_xen; }

@test "attach_disk of one in the running VM only, on Xen" { every_step repeats attach_disk_half_xen; }

@test "detach_disk on Xen" { every_step repeats detach_disk_xen; }

@test "reboot_vm on Xen" { every_step repeats reboot_vm_xen; }
