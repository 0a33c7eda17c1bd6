#!/usr/bin/env bats
load ../live/helper
load ../live/kill
@test "att" { kill_each repeats attach_disk; }
@test "det" { kill_each repeats detach_disk; }
