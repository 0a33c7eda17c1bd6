#!/usr/bin/env bats
# The store on a disk that is full, or nearly: see tests/live/full.bash.

load ../live/helper
load ../live/full

@test "create_stemcell" { fill create_stemcell; }

@test "create_vm" { fill create_vm; }

@test "create_disk" { fill create_disk; }

@test "create_whole_disk" { fill create_whole_disk; }

@test "snapshot_disk" { fill snapshot_disk; }

@test "snapshot_used_disk" { fill snapshot_used_disk; }

@test "resize_disk" { fill resize_disk; }

@test "update_disk" { fill update_disk; }

