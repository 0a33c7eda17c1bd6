#!/usr/bin/env bats
# Each call of a command, and each command of a batch, goes wrong in each way that it can, one at a
# time: see steps.bash.

load helper
load faults

@test "create_stemcell" { every_step creates create_stemcell; }

@test "create_disk" { every_step creates create_disk; }

@test "create_vm" { every_step creates create_vm; }

@test "create_vm with a dynamic address" { every_step creates create_vm_unseen; }

@test "create_vm with a dynamic address on a network to be started" { every_step creates create_vm_idle; }

@test "create_vm with the address of a half made one" { every_step replaces create_vm_over; }

@test "delete_vm" { every_step repeats delete_vm; }

@test "delete_disk" { every_step repeats delete_disk; }

@test "delete_disk of one in use" { every_step refuses delete_used_disk; }

@test "attach_disk" { every_step repeats attach_disk; }

@test "attach_disk to a VM that is off" { every_step repeats attach_disk_off; }

@test "attach_disk with no PCI slot left" { every_step repeats attach_disk_full; }

@test "attach_disk of one in the running VM only" { every_step repeats attach_disk_half; }

@test "detach_disk" { every_step repeats detach_disk; }

@test "detach_disk with a guest that takes its time" { every_step repeats detach_disk_slow; }

@test "detach_disk from a VM that is off" { every_step repeats detach_disk_off; }

@test "reboot_vm" { every_step repeats reboot_vm; }

@test "reboot_vm of one that is off" { every_step repeats reboot_vm_off; }

@test "set_vm_metadata" { every_step repeats set_vm_metadata; }

@test "set_vm_metadata of a VM that is off" { every_step repeats set_vm_metadata_off; }

@test "has_vm" { every_step repeats has_vm; }

@test "has_vm of one that is not there" { every_step repeats has_no_vm; }

@test "get_disks" { every_step repeats get_disks; }

@test "resize_disk" { every_step repeats resize_disk; }

@test "update_disk to another format" { every_step repeats update_disk; }

@test "snapshot_disk" { every_step creates snapshot_disk; }

@test "snapshot_disk of one in use" { every_step creates snapshot_used_disk; }

@test "create_network" { every_step creates create_network; }

@test "delete_network" { every_step repeats delete_network; }

# --- what takes its time -----------------------------------------------------------------------

@test "a command that does not end is stopped" {
    # What does not hang has to end in this time too, on a busy machine.
    local timeout=2 parallel=10 number=0 running=0 kind name i
    local prepared call_count command_count complete
    local orders=()
    while read -r kind name; do
        rehearse "$name"
        for ((i = 1; i <= call_count; i++)); do
            try "$name" fail-at "$i hang"
        done
    done <<'TABLE'
creates create_stemcell
creates create_disk
creates create_vm
repeats delete_vm
repeats delete_disk
refuses delete_used_disk
repeats attach_disk
repeats detach_disk
repeats reboot_vm
repeats set_vm_metadata
repeats has_vm
repeats get_disks
TABLE
    verdict hanging
}

# --- a host that dies --------------------------------------------------------------------------

# dies_and_comes_back ORDER: the same create_vm, with and without the fault
dies_and_comes_back() {
    echo "$1" >"$state/fail-at"
    ask create_vm a "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' '{}'
    ! succeeded || fail "$1: a success"
    says 'the stand-in was told to fail'
    rm "$state/fail-at"
    ok create_vm a "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' '{}'
    [[ $(ls "$state/domains") == "$cid" && $(ls -A "$store/vms") == "$cid" ]] ||
        fail "$1: more than one VM: $(inventory)"
    ok delete_vm "$cid"
    [[ $(inventory) == "$before" ]] || fail "$1: something remains: $(inventory)"
}

@test "what create_vm could not undo is undone when its address is wanted again" {
    local i before
    have_stemcell
    before=$(inventory)
    for i in 1 2 3 4; do
        forget_calls
        dies_and_comes_back "$i+ exit"
    done
}
