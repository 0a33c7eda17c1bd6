#!/usr/bin/env bats
# cpi is killed, and asked to end, before and after each of its children and each of its calls that
# change a file, in calls that make something: see tests/live/kill.bash.

load ../live/helper
load ../live/kill

@test "create_stemcell" { kill_each creates create_stemcell; }

@test "create_disk" { kill_each creates create_disk; }

@test "create_vm" { kill_each creates create_vm; }

@test "snapshot_disk" { kill_each creates snapshot_disk; }

@test "snapshot_used_disk" { kill_each creates snapshot_used_disk; }
