#!/usr/bin/env bats
# Each call of a command, and each command of a batch, goes wrong in each way that it can, one at a
# time. Whatever happens, the answer is a valid one that does not blame the request, and
#
#   creates   what failed has left nothing, and what succeeded is complete
#   replaces  the same, but what was in the way may be gone
#   repeats   what succeeded is true; repeated without the fault it succeeds, and all is right then
#   refuses   it fails always, and changes nothing
#
# A scenario NAME is the functions NAME_world, which makes what there is before, NAME_call and
# NAME_check, which looks whether all is right after a success.

load helper
load containers

# The ways in which a whole call goes wrong, and a command in a batch; see tests/fake. To hang
# takes its time, so that has a test of its own.
call_modes=(exit late garbage nothing)
command_modes=(exit signal)

# --- the machinery -----------------------------------------------------------------------------

# shape: the inventory, alike for things that differ by their CID only
shape() {
    inventory | sed -E -e 's/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/UUID/g' \
        -e 's/\b[a-z][0-9a-z]{19}\b/SERIAL/g' | sort
}

# next_directory: for one more world, to $directory
next_directory() {
    printf -v directory '%s/%03d' "$BATS_TEST_TMPDIR" $((++number))
}

# rehearse NAME: the scenario without a fault; to $prepared, $call_count, $command_count, $complete
rehearse() {
    local directory
    next_directory
    new_world "$directory"
    [[ -z $timeout ]] || configure command_timeout "$timeout"
    stemcell='' vm='' disk=''
    "$1_world"
    forget_calls
    prepared=$directory
    next_directory
    clone_world "$prepared" "$directory"
    enter_world "$directory"
    "$1_call"
    [[ $kind == refuses ]] || succeeded || fail "$1 failed without any fault"
    "$1_check"
    call_count=$(wc -l <"$state/transcript") command_count=$(wc -l <"$state/steps")
    complete=$(shape)
}

# what_is_new: what the inventory has more than before
what_is_new() {
    comm -13 <(printf '%s\n' "$before") <(inventory)
}

settle_creates() {
    if succeeded; then
        [[ $(shape) == "$complete" ]] || fail "a success, but not all is there: $(inventory)"
        "$1_check"
    else
        [[ $(inventory) == "$before" ]] || fail "it failed, but this remains: $(what_is_new)"
    fi
}

settle_replaces() {
    if succeeded; then
        settle_creates "$1"
    else
        [[ -z $(what_is_new) ]] || fail "it failed, but this remains: $(what_is_new)"
    fi
}

# A disk that is off already need not be taken off again, nor a network that is gone be removed.
is_settled() {
    succeeded || [[ $1 == @(detach|unmount)_disk* && $response == *DiskNotAttached* ]] ||
        [[ $1 == delete_network && $response == *NetworkNotFound* ]]
}

settle_repeats() {
    local first=$response
    if succeeded; then
        "$1_check"
    fi
    "$1_call"
    is_settled "$1" || fail "it does not succeed without the fault either; first it said: $first"
    "$1_check"
}

settle_refuses() {
    ! succeeded || fail 'a success'
    "$1_check"
}

# attempt NAME DIRECTORY FILE ORDER: one step, in a world of its own
attempt() {
    local before
    clone_world "$prepared" "$2"
    enter_world "$2"
    before=$(inventory)
    echo "$4" >"$state/$3"
    "$1_call"
    rm "$state/$3"
    [[ $response != *Clouds::CpiError* ]] || fail 'neither the request nor the configuration is at fault'
    "settle_$kind" "$1"
}

# try NAME FILE ORDER: the same, aside
try() {
    local directory
    next_directory
    if ((++running > parallel)); then
        wait -n || true
    fi
    (
        trap - DEBUG ERR
        debug_trap=''
        attempt "$1" "$directory" "$2" "$3"
        rm -r "$directory"
        echo "$1" >>"$BATS_TEST_TMPDIR/passed"
    ) >"$directory.log" 2>&1 3>&- &
    orders[number]="$1, $2 $3"
}

# verdict WHAT: all steps have come to their end: how did they?
verdict() {
    local i bad=0
    wait
    for i in "${!orders[@]}"; do
        [[ -s $(printf '%s/%03d.log' "$BATS_TEST_TMPDIR" "$i") ]] || continue
        bad=$((bad + 1))
        printf -- '--- %s\n' "${orders[i]}"
        cat "$(printf '%s/%03d.log' "$BATS_TEST_TMPDIR" "$i")"
    done
    echo "# $1: ${#orders[@]} steps tried, $bad went wrong" >&3
    ((bad == 0)) || return 1
    [[ $(wc -l <"$BATS_TEST_TMPDIR/passed") == "${#orders[@]}" ]] || fail 'not all steps were tried'
}

# every_step KIND NAME
every_step() {
    local kind=$1 parallel=6 timeout='' number=0 running=0 i mode
    local prepared call_count command_count complete
    local orders=()
    rehearse "$2"
    for ((i = 1; i <= call_count; i++)); do
        for mode in "${call_modes[@]}"; do
            try "$2" fail-at "$i $mode"
        done
    done
    for ((i = 1; i <= command_count; i++)); do
        for mode in "${command_modes[@]}"; do
            try "$2" fail-command "$i $mode"
        done
    done
    verdict "$2"
}

# --- the scenarios -----------------------------------------------------------------------------

create_stemcell_world() { stemcell_image; }
create_stemcell_call() { ask create_stemcell "$image" '{}'; }
create_stemcell_check() { [[ -e $(echo "$store"/stemcells/sc-*/image.qcow2) ]]; }

@test "create_stemcell" { every_step creates create_stemcell; }

create_disk_world() { have_disk; }
create_disk_call() { ask create_disk 100 '{}' null; }
create_disk_check() { true; }

@test "create_disk" { every_step creates create_disk; }

create_vm_world() {
    configure auto_enable_networks true
    have_network idle inactive
    have_stemcell
}
create_vm_call() { ask create_vm a "$stemcell" '{}' "$(manual 10.0.0.10 idle)" '[]' '{}'; }
create_vm_check() {
    [[ $response =~ \"(vm-[^\"]+)\" ]] || fail 'no CID'
    is_running "${BASH_REMATCH[1]}"
}

@test "create_vm" { every_step creates create_vm; }

create_vm_over_world() {
    have_vm
    touch "$store/vms/$vm/creating"
}
create_vm_over_call() { ask create_vm a "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' '{}'; }
create_vm_over_check() { create_vm_check; }

@test "create_vm with the address of a half made one" { every_step replaces create_vm_over; }

delete_vm_world() { have_attached_disk; }
delete_vm_call() { ask delete_vm "$vm"; }
delete_vm_check() {
    ! inventory | grep -F "$vm" || fail 'something is left'
    [[ -e $store/disks/$disk/disk.qcow2 ]] || fail 'the disk is gone'
}

@test "delete_vm" { every_step repeats delete_vm; }

delete_disk_world() {
    have_attached_disk
    ok delete_vm "$vm"
}
delete_disk_call() { ask delete_disk "$disk"; }
delete_disk_check() {
    ! inventory | grep -F "$disk" || fail 'something is left'
}

@test "delete_disk" { every_step repeats delete_disk; }

delete_used_disk_world() { have_attached_disk; }
delete_used_disk_call() { ask delete_disk "$disk"; }
delete_used_disk_check() {
    [[ -e $store/disks/$disk/disk.qcow2 ]] || fail 'the disk is gone'
    has_disk_on virtio "$vm" "$disk"
}

@test "delete_disk of one in use" { every_step refuses delete_used_disk; }

attach_disk_world() {
    have_vm
    have_disk
}
attach_disk_call() { ask attach_disk "$vm" "$disk"; }
attach_disk_check() {
    # Any bus will do, if the hint is true.
    local bus=virtio
    [[ $response != *by-id/scsi-* ]] || bus=scsi
    has_disk_on "$bus" "$vm" "$disk"
    says "$disk"
}

@test "attach_disk" { every_step repeats attach_disk; }

attach_disk_off_world() {
    attach_disk_world
    stop_domain "$vm"
}
attach_disk_off_call() { attach_disk_call; }
attach_disk_off_check() { attach_disk_check; }

@test "attach_disk to a VM that is off" { every_step repeats attach_disk_off; }

attach_disk_full_world() {
    attach_disk_world
    echo 2 >"$state/slots"
}
attach_disk_full_call() { attach_disk_call; }
attach_disk_full_check() { attach_disk_check; }

@test "attach_disk with no PCI slot left" { every_step repeats attach_disk_full; }

attach_disk_half_world() {
    have_attached_disk
    sed -i "/$disk/d" "$state/domains/$vm/config"
}
attach_disk_half_call() { attach_disk_call; }
attach_disk_half_check() { attach_disk_check; }

@test "attach_disk of one in the running VM only" { every_step repeats attach_disk_half; }

detach_disk_world() {
    # A request that was lost is noticed only when the guest's time is up.
    configure detach_timeout 2
    have_attached_disk
}
detach_disk_call() { ask detach_disk "$vm" "$disk"; }
detach_disk_check() {
    has_no_disk "$vm" "$disk"
    [[ -e $store/disks/$disk/disk.qcow2 ]] || fail 'the disk is gone'
}

@test "detach_disk" { every_step repeats detach_disk; }

detach_disk_slow_world() {
    detach_disk_world
    echo 2 >"$state/release-after"
}
detach_disk_slow_call() { detach_disk_call; }
detach_disk_slow_check() { detach_disk_check; }

@test "detach_disk with a guest that takes its time" { every_step repeats detach_disk_slow; }

detach_disk_off_world() {
    detach_disk_world
    stop_domain "$vm"
}
detach_disk_off_call() { detach_disk_call; }
detach_disk_off_check() { detach_disk_check; }

@test "detach_disk from a VM that is off" { every_step repeats detach_disk_off; }

reboot_vm_world() { have_attached_disk; }
reboot_vm_call() { ask reboot_vm "$vm"; }
reboot_vm_check() {
    is_running "$vm"
    has_disk_on virtio "$vm" "$disk"
}

@test "reboot_vm" { every_step repeats reboot_vm; }

reboot_vm_off_world() {
    have_attached_disk
    stop_domain "$vm"
}
reboot_vm_off_call() { reboot_vm_call; }
reboot_vm_off_check() { reboot_vm_check; }

@test "reboot_vm of one that is off" { every_step repeats reboot_vm_off; }

set_vm_metadata_world() { have_vm; }
set_vm_metadata_call() { ask set_vm_metadata "$vm" '{"name":"web/0","deployment":"dep"}'; }
set_vm_metadata_check() {
    local domain=$state/domains/$vm
    grep -qx 'web/0 (dep)' "$domain/title" || fail 'no title'
    grep -qx 'name: web/0' "$domain/desc" || fail 'no description'
    grep -q web/0 "$domain/metadata" || fail 'no metadata'
}

@test "set_vm_metadata" { every_step repeats set_vm_metadata; }

set_vm_metadata_off_world() {
    have_vm
    stop_domain "$vm"
}
set_vm_metadata_off_call() { set_vm_metadata_call; }
set_vm_metadata_off_check() { set_vm_metadata_check; }

@test "set_vm_metadata of a VM that is off" { every_step repeats set_vm_metadata_off; }

has_vm_world() { have_vm; }
has_vm_call() { ask has_vm "$vm"; }
has_vm_check() { says '"result":true'; }

@test "has_vm" { every_step repeats has_vm; }

has_no_vm_world() { have_vm; }
has_no_vm_call() { ask has_vm vm-never; }
has_no_vm_check() { says '"result":false'; }

@test "has_vm of one that is not there" { every_step repeats has_no_vm; }

get_disks_world() { have_attached_disk; }
get_disks_call() { ask get_disks "$vm"; }
get_disks_check() { says "[\"$disk\"]"; }

@test "get_disks" { every_step repeats get_disks; }

resize_disk_world() { have_disk; }
resize_disk_call() { ask resize_disk "$disk" 128; }
resize_disk_check() {
    jq -e '.size_mib == 128' "$store/disks/$disk/disk.json" >/dev/null || fail 'it is not larger'
}

@test "resize_disk" { every_step repeats resize_disk; }

update_disk_world() { have_disk; }
update_disk_call() { ask update_disk "$disk" 128 '{"format":"raw"}'; }
update_disk_check() {
    [[ $(stat -c %s "$store/disks/$disk/disk.raw") == $((128 << 20)) ]] || fail 'not as it should be'
    [[ ! -e $store/disks/$disk/disk.qcow2 ]] || fail 'the old image is left'
}

@test "update_disk to another format" { every_step repeats update_disk; }

snapshot_disk_world() { have_disk; }
snapshot_disk_call() { ask snapshot_disk "$disk" '{}'; }
snapshot_disk_check() { [[ -e $(echo "$store"/snapshots/snap-*/disk.qcow2) ]]; }

@test "snapshot_disk" { every_step creates snapshot_disk; }

snapshot_used_disk_world() {
    have_attached_disk
    echo 2 >"$state/job-takes"
}
snapshot_used_disk_call() { snapshot_disk_call; }
snapshot_used_disk_check() { snapshot_disk_check; }

@test "snapshot_disk of one in use" { every_step creates snapshot_used_disk; }

network='{"range":"10.7.0.0/24","cloud_properties":{"name":"made","dhcp":true}}'
create_network_world() { true; }
create_network_call() { ask create_network "$network"; }
create_network_check() {
    [[ -e $state/networks/made/active && -e $state/networks/made/autostart ]] || fail 'it does not run'
}

@test "create_network" { every_step creates create_network; }

delete_network_world() {
    ok create_network "$network"
    made=$cid
}
delete_network_call() { ask delete_network "$made"; }
delete_network_check() { [[ ! -e $state/networks/made ]] || fail 'it is still there'; }

@test "delete_network" { every_step repeats delete_network; }

# --- the same with containers ------------------------------------------------------------------

create_tree_world() {
    container_host
    tree_image
}
create_tree_call() { ask create_stemcell "$image" '{}'; }
create_tree_check() { [[ -e $(echo "$store"/stemcells/sc-*/rootfs/etc/hostname) ]]; }

@test "create_stemcell of a tree" { every_step creates create_tree; }

create_container_world() {
    container_host
    have_tree
}
create_container_call() { create_vm_over_call; }
create_container_check() { create_vm_check; }

@test "create_vm of a container" { every_step creates create_container; }

delete_container_world() { have_container_with_disk; }
delete_container_call() { ask delete_vm "$vm"; }
delete_container_check() {
    ! inventory | grep -F "$vm" || fail 'something is left'
    [[ -e $store/disks/$disk/disk.raw ]] || fail 'the disk is gone'
}

@test "delete_vm of a container" { every_step repeats delete_container; }

create_formatted_disk_world() {
    container_host
    have_disk
}
create_formatted_disk_call() { ask create_disk 100 '{}' null; }
create_formatted_disk_check() { true; }

@test "create_disk for containers" { every_step creates create_formatted_disk; }

mount_disk_world() {
    have_container
    have_disk
}
mount_disk_call() { ask attach_disk "$vm" "$disk"; }
mount_disk_check() { is_mounted_in "$vm" "$disk"; }

@test "attach_disk to a container" { every_step repeats mount_disk; }

mount_disk_off_world() {
    mount_disk_world
    stop_container "$vm"
}
mount_disk_off_call() { mount_disk_call; }
mount_disk_off_check() { is_defined_in "$vm" "$disk"; }

@test "attach_disk to a container that is off" { every_step repeats mount_disk_off; }

unmount_disk_world() {
    configure detach_timeout 2
    have_container_with_disk
}
unmount_disk_call() { ask detach_disk "$vm" "$disk"; }
unmount_disk_check() {
    is_nowhere "$disk"
    [[ -e $store/disks/$disk/disk.raw ]] || fail 'the disk is gone'
}

@test "detach_disk from a container" { every_step repeats unmount_disk; }

grow_disk_world() {
    container_host
    have_disk
}
grow_disk_call() { resize_disk_call; }
grow_disk_check() { resize_disk_check; }

@test "resize_disk for containers" { every_step repeats grow_disk; }

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
