#!/usr/bin/env bats
# The tests of tests/cli once more, with the host behind ssh: every step of every method goes wrong
# there too, although several go over together. ssh and virsh are stand-ins.

bats_require_minimum_version 1.5.0

load ../figures

# far_away FILE: what the tests of a file of tests/cli say
far_away() {
    local root tap=$BATS_TEST_TMPDIR/tap passed
    root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    # Not this bats' own variables.
    env -i PATH="${PATH#"$BATS_LIBEXEC:"}" HOME="$HOME" TMPDIR="$BATS_TEST_TMPDIR" CLI_HOST=1 CPI="$root/build/cpi" \
        CPI_FIGURES="${CPI_FIGURES-}" bats --formatter tap "$root/tests/cli/$1.bats" >"$tap" 2>&1 3>&- || {
        grep -vE '^ok' "$tap"
        return 1
    }
    passed=$(grep -c '^ok' "$tap")
    echo "# $1: $passed tests" >&3
    ((passed > 3))
}

@test "disks on another host" { far_away disk; }

@test "VMs on another host" { far_away vm; }

@test "create_vm on another host" { far_away create_vm; }

@test "snapshots on another host" { far_away snapshot; }

@test "stemcells on another host" { far_away stemcell; }

@test "each step going wrong on another host" { far_away faults; }
