#!/usr/bin/env bats
# A sample of what tests/heavy/shim.bats and shim_others.bats do in full: calls of the C library fail.
# STEPS_SEED says which.
#
# That this sees something, by lines of the program that were broken once, and what failed then:
#
#   store.c   remove_at_once that gives up on NoDiskSpace too     a full disk hinders nobody
#   host.c    write_all that takes a short write for all          set_disk_metadata (heavy)

load helper
load steps
load shim

@test "a sample of calls that fail" {
    local seed=${STEPS_SEED:-4711} i scenario
    echo "# seed $seed" >&3
    RANDOM=$seed
    for ((i = 0; i < 6; i++)); do
        scenario=${scenarios[RANDOM % ${#scenarios[@]}]}
        # shellcheck disable=SC2086 # two words
        every_call $scenario 15
    done
}

@test "a sample of calls that fail, on the other hypervisors" {
    local hypervisor
    RANDOM=${STEPS_SEED:-4711}
    for hypervisor in lxc xen vbox vmware; do
        on_hypervisor "$hypervisor"
        # shellcheck disable=SC2086 # two words
        every_call ${scenarios[RANDOM % ${#scenarios[@]}]} 8
    done
}

# What is in the way on a full disk can be removed.
@test "a full disk hinders nobody from deleting" {
    local snapshot
    have_attached_disk
    ok snapshot_disk "$disk" '{}'
    snapshot=$cid
    echo '1 ENOSPC+' >"$state/shim"
    ok delete_vm "$vm"
    ok delete_snapshot "$snapshot"
    ok delete_disk "$disk"
    ok delete_stemcell "$stemcell"
    rm "$state/shim"
    [[ -z $(inventory) ]] || fail "something is left: $(inventory)"
}
