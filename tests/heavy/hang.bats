#!/usr/bin/env bats
# Each call of a command, in each scenario of each hypervisor, does not come to its end: what
# tests/cli does with other faults.
#
# That this sees something, by lines of the program that were broken once, and what failed then:
#
#   command.c   pump that is never TIMED_OUT     qemu: create_disk, attach_disk

# hang FILE: the scenarios of tests/cli/FILE.bats, with time for what does not hang on a busy machine
hang() {
    local said
    # Not the PATH of the bats around it, which has its inner parts first.
    said=$(env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME="$HOME" TMPDIR="${TMPDIR-/tmp}" CPI="${CPI-}" \
        CPI_FIGURES="${CPI_FIGURES-}" \
        FAULT_CALL_MODES=hang FAULT_COMMAND_MODES='' FAULT_TIMEOUT=4 \
        bats --filter "${2-.}" "$BATS_TEST_DIRNAME/../cli/$1.bats" 3>&-) || {
        echo "$said"
        return 1
    }
    grep -E 'steps tried, 0 went wrong' <<<"$said" >&3
}

@test "qemu" { hang faults; }

@test "lxc" { hang faults_lxc; }

@test "xen" { hang faults_xen; }

# Not VirtualBox: cpi gives VBoxManage an hour, for it may have to copy a medium.
@test "vmware" { hang vmware 'each step'; }
