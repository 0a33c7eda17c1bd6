# What the suites share that let one step of a call go wrong after the other. Whatever happens, the
# answer is a valid one that does not blame the request, and
#
#   creates   what failed has left nothing, and what succeeded is complete
#   replaces  the same, but what was in the way may be gone
#   repeats   what succeeded is true; repeated without the fault it succeeds, and all is right then
#   refuses   it fails always, and changes nothing
#
# A scenario NAME is the functions NAME_world, which makes what there is before, NAME_call and
# NAME_check, which looks whether all is right after a success.
# shellcheck shell=bash disable=SC2154,SC2317 # most names are those of helper.bash

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
    call_count=$(calls | wc -l) command_count=0
    [[ ! -e $state/steps ]] || command_count=$(wc -l <"$state/steps")
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
    # A configuration that cannot be read is at fault.
    [[ $response != *Clouds::CpiError* || $response == *"'$world/cpi.json'"* ]] ||
        fail 'neither the request nor the configuration is at fault'
    [[ $4 == *hang* || $response != *'did not end within'* ]] || fail 'it did not see a command end'
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
    figure faults "${#orders[@]}" "$bad"
    ((bad == 0)) || return 1
    [[ $(wc -l <"$BATS_TEST_TMPDIR/passed") == "${#orders[@]}" ]] || fail 'not all steps were tried'
}

# --- the scenarios -----------------------------------------------------------------------------

create_stemcell_world() { stemcell_image; }
create_stemcell_call() { ask create_stemcell "$image" '{}'; }
create_stemcell_check() { [[ -e $(echo "$store"/stemcells/sc-*/image.qcow2) ]]; }

create_disk_world() { have_disk; }
create_disk_call() { ask create_disk 100 '{}' null; }
create_disk_check() { true; }

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

create_vm_unseen_world() { have_stemcell; }
create_vm_unseen_call() {
    ask create_vm a "$stemcell" '{}' '{"a":{"type":"dynamic","cloud_properties":{"name":"default"}}}' '[]' '{}'
}
create_vm_unseen_check() { create_vm_check; }

create_vm_idle_world() { create_vm_world; }
create_vm_idle_call() {
    ask create_vm a "$stemcell" '{}' '{"a":{"type":"dynamic","cloud_properties":{"name":"idle"}}}' '[]' '{}'
}
create_vm_idle_check() { create_vm_check; }

create_vm_over_world() {
    have_vm
    touch "$store/vms/$vm/creating"
}
create_vm_over_call() { ask create_vm a "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' '{}'; }
create_vm_over_check() { create_vm_check; }

delete_vm_world() { have_attached_disk; }
delete_vm_call() { ask delete_vm "$vm"; }
delete_vm_check() {
    ! inventory | grep -F "$vm" || fail 'something is left'
    [[ -e $store/disks/$disk/disk.qcow2 ]] || fail 'the disk is gone'
}

delete_disk_world() {
    have_attached_disk
    ok delete_vm "$vm"
}
delete_disk_call() { ask delete_disk "$disk"; }
delete_disk_check() {
    ! inventory | grep -F "$disk" || fail 'something is left'
}

delete_used_disk_world() { have_attached_disk; }
delete_used_disk_call() { ask delete_disk "$disk"; }
delete_used_disk_check() {
    [[ -e $store/disks/$disk/disk.qcow2 ]] || fail 'the disk is gone'
    has_disk_on virtio "$vm" "$disk"
}

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

attach_disk_off_world() {
    attach_disk_world
    stop_domain "$vm"
}
attach_disk_off_call() { attach_disk_call; }
attach_disk_off_check() { attach_disk_check; }

attach_disk_full_world() {
    attach_disk_world
    echo 2 >"$state/slots"
}
attach_disk_full_call() { attach_disk_call; }
attach_disk_full_check() { attach_disk_check; }

attach_disk_half_world() {
    have_attached_disk
    sed -i "/$disk/d" "$state/domains/$vm/config"
}
attach_disk_half_call() { attach_disk_call; }
attach_disk_half_check() { attach_disk_check; }

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

detach_disk_slow_world() {
    detach_disk_world
    echo 2 >"$state/release-after"
}
detach_disk_slow_call() { detach_disk_call; }
detach_disk_slow_check() { detach_disk_check; }

detach_disk_off_world() {
    detach_disk_world
    stop_domain "$vm"
}
detach_disk_off_call() { detach_disk_call; }
detach_disk_off_check() { detach_disk_check; }

reboot_vm_world() { have_attached_disk; }
reboot_vm_call() { ask reboot_vm "$vm"; }
reboot_vm_check() {
    is_running "$vm"
    has_disk_on virtio "$vm" "$disk"
}

reboot_vm_off_world() {
    have_attached_disk
    stop_domain "$vm"
}
reboot_vm_off_call() { reboot_vm_call; }
reboot_vm_off_check() { reboot_vm_check; }

set_vm_metadata_world() { have_vm; }
set_vm_metadata_call() { ask set_vm_metadata "$vm" '{"name":"web/0","deployment":"dep"}'; }
set_vm_metadata_check() {
    local domain=$state/domains/$vm
    grep -qx 'web/0 (dep)' "$domain/title" || fail 'no title'
    grep -qx 'name: web/0' "$domain/desc" || fail 'no description'
    grep -q web/0 "$domain/metadata" || fail 'no metadata'
}

set_vm_metadata_off_world() {
    have_vm
    stop_domain "$vm"
}
set_vm_metadata_off_call() { set_vm_metadata_call; }
set_vm_metadata_off_check() { set_vm_metadata_check; }

has_vm_world() { have_vm; }
has_vm_call() { ask has_vm "$vm"; }
has_vm_check() { says '"result":true'; }

has_no_vm_world() { have_vm; }
has_no_vm_call() { ask has_vm vm-never; }
has_no_vm_check() { says '"result":false'; }

get_disks_world() { have_attached_disk; }
get_disks_call() { ask get_disks "$vm"; }
get_disks_check() { says "[\"$disk\"]"; }

resize_disk_world() { have_disk; }
resize_disk_call() { ask resize_disk "$disk" 128; }
resize_disk_check() {
    jq -e '.size_mib == 128' "$store/disks/$disk/disk.json" >/dev/null || fail 'it is not larger'
}

update_disk_world() { have_disk; }
update_disk_call() { ask update_disk "$disk" 128 '{"format":"raw"}'; }
update_disk_check() {
    [[ $(stat -c %s "$store/disks/$disk/disk.raw") == $((128 << 20)) ]] || fail 'not as it should be'
    [[ ! -e $store/disks/$disk/disk.qcow2 ]] || fail 'the old image is left'
}

snapshot_disk_world() { have_disk; }
snapshot_disk_call() { ask snapshot_disk "$disk" '{}'; }
snapshot_disk_check() { [[ -e $(echo "$store"/snapshots/snap-*/disk.qcow2) ]]; }

snapshot_used_disk_world() {
    have_attached_disk
    echo 2 >"$state/job-takes"
}
snapshot_used_disk_call() { snapshot_disk_call; }
snapshot_used_disk_check() { snapshot_disk_check; }

network='{"range":"10.7.0.0/24","cloud_properties":{"name":"made","dhcp":true}}'
create_network_world() { true; }
create_network_call() { ask create_network "$network"; }
create_network_check() {
    [[ -e $state/networks/made/active && -e $state/networks/made/autostart ]] || fail 'it does not run'
}

delete_network_world() {
    ok create_network "$network"
    made=$cid
}
delete_network_call() { ask delete_network "$made"; }
delete_network_check() { [[ ! -e $state/networks/made ]] || fail 'it is still there'; }

# --- scenarios that need no command ------------------------------------------------------------

create_known_stemcell_world() { have_stemcell; }
create_known_stemcell_call() { ask create_stemcell "$image" '{"name":"again"}'; }
create_known_stemcell_check() { local cids=("$store"/stemcells/*) && ((${#cids[@]} == 2)); }

delete_stemcell_world() { have_stemcell; }
delete_stemcell_call() { ask delete_stemcell "$stemcell"; }
delete_stemcell_check() { [[ ! -e $store/stemcells/$stemcell ]] || fail 'it is still there'; }

delete_used_stemcell_world() { have_vm; }
delete_used_stemcell_call() { ask delete_stemcell "$stemcell"; }
delete_used_stemcell_check() { [[ -e $store/stemcells/$stemcell/image.qcow2 ]] || fail 'it is gone'; }

delete_snapshot_world() {
    have_disk
    ok snapshot_disk "$disk" '{}'
    snapshot=$cid
}
delete_snapshot_call() { ask delete_snapshot "$snapshot"; }
delete_snapshot_check() {
    [[ ! -e $store/snapshots/$snapshot ]] || fail 'it is still there'
    [[ -e $store/disks/$disk/disk.qcow2 ]] || fail 'the disk is gone'
}

has_disk_world() { have_disk; }
has_disk_call() { ask has_disk "$disk"; }
has_disk_check() { says '"result":true'; }

set_disk_metadata_world() { have_disk; }
set_disk_metadata_call() { ask set_disk_metadata "$disk" '{"deployment":"dep"}'; }
set_disk_metadata_check() { jq -e . "$store/disks/$disk/disk.json" >/dev/null || fail 'the record is broken'; }

# What a step leaves behind is judged by the scenario's kind (settle_KIND).
# shellcheck disable=SC2034 # for those that try all of them
scenarios=(
    'creates create_stemcell'
    'creates create_disk'
    'creates create_vm'
    'replaces create_vm_over'
    'repeats delete_vm'
    'repeats delete_disk'
    'refuses delete_used_disk'
    'repeats attach_disk'
    'repeats attach_disk_off'
    'repeats attach_disk_full'
    'repeats attach_disk_half'
    'repeats detach_disk'
    'repeats detach_disk_slow'
    'repeats detach_disk_off'
    'repeats reboot_vm'
    'repeats reboot_vm_off'
    'repeats set_vm_metadata'
    'repeats set_vm_metadata_off'
    'repeats has_vm'
    'repeats has_no_vm'
    'repeats get_disks'
    'repeats resize_disk'
    'repeats update_disk'
    'creates snapshot_disk'
    'creates snapshot_used_disk'
    'creates create_network'
    'repeats delete_network'
    'creates create_known_stemcell'
    'repeats delete_stemcell'
    'refuses delete_used_stemcell'
    'repeats delete_snapshot'
    'repeats has_disk'
    'repeats set_disk_metadata'
)
