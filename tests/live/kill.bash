# cpi is killed, or asked to end, before and after each child and each call that changes a file, on
# real libvirt with real qemu-img. Here and in tests/heavy. tests/fake/shim.c sends the signals.
#
#   creates   SIGTERM: a failure has left nothing. SIGKILL: the same request works, or gc removes
#             what there is; what was complete already is whole, and can be deleted.
#   repeats   SIGTERM and SIGKILL: the same request works, and then all is as it should be
#
# Always: other things are as they were, disks hold what they held, and in the end there is nothing
# more in the store, in libvirt, mounted or behind a loop device than before.
#
# A scenario NAME is the functions NAME_world, NAME_prepare, which makes what a call needs, NAME_call,
# NAME_check, which looks whether all is right after a success, and NAME_restore, which removes what
# was prepared or made. The world itself is made once.
# shellcheck shell=bash disable=SC2034,SC2154 # most names are those of helper.bash

load ../figures
load ../live/things

shim=$root/build/shim.so
program=$root/build/cpi

# on_host COMMAND...: where cpi runs, which is elsewhere for containers (lxc.bash)
declare -F on_host >/dev/null || on_host() { "$@"; }

run_cpi() {
    on_host "$CPI" --config "$CONFIG"
}

gc() {
    on_host "$CPI" gc --config "$CONFIG" >/dev/null 2>&1
}

# --- calls that are cut short ------------------------------------------------------------------

# with_shim AT HOW NAME: the scenario's call under the shim; $response is empty when it was killed
with_shim() {
    printf '#!/bin/sh\necho $$ >%s\nexport CPI_SHIM_AT=%s CPI_SHIM_HOW=%s CPI_SHIM_REPORT=%s LD_PRELOAD=%s\nexec %s "$@"\n' \
        "$BATS_TEST_TMPDIR/session" "$1" "$2" "$BATS_TEST_TMPDIR/report" "$shim" "$program" >"$BATS_TEST_TMPDIR/shimmed"
    chmod 0755 "$BATS_TEST_TMPDIR/shimmed"
    CPI=$BATS_TEST_TMPDIR/shimmed
    response=''
    "$3_call" || true
    CPI=$program
}

was_sent() {
    grep -qx sent "$BATS_TEST_TMPDIR/report"
}

# What a killed cpi has started lives on; the shim has made a session of it.
children_have_ended() {
    ! on_host pgrep -s "$(<"$BATS_TEST_TMPDIR/session")" >/dev/null
}

# orders NAME: "NUMBER HOW" for each step, to $orders
orders() {
    local number=0 name can at=() i how
    orders=()
    "$1_prepare"
    with_shim '' '' "$1"
    succeeded
    "$1_check"
    "$1_restore"
    while read -r name can; do
        number=$((number + 1))
        [[ $can == *KILL* ]] || continue
        # Before this call, and before the next one, which is after this one.
        at[number]=1 at[number + 1]=1
        [[ $name != fork ]] || orders+=("$number late-KILL" "$number late-TERM")
    done <"$BATS_TEST_TMPDIR/report"
    for i in "${!at[@]}"; do
        orders+=("$i KILL" "$i TERM")
    done
}

# --- what must be true afterwards --------------------------------------------------------------

# whole_things: what a killed create had finished but could not tell of, as "METHOD CID"
whole_things() {
    local entry
    for entry in "$STORE"/vms/* "$STORE"/disks/* "$STORE"/stemcells/* "$STORE"/snapshots/*; do
        [[ -d $entry && ! -e $entry/creating && $before != *"${entry##*/}"* ]] || continue
        case $entry in
            */vms/*) echo "delete_vm ${entry##*/}" ;;
            */disks/*) echo "delete_disk ${entry##*/}" ;;
            */stemcells/*) echo "delete_stemcell ${entry##*/}" ;;
            */snapshots/*) echo "delete_snapshot ${entry##*/}" ;;
        esac
    done
}

delete_whole_things() {
    local method cid
    while read -r method cid; do
        cpi "$method" "[\"$cid\"]"
    done < <(whole_things)
}

# settle_creates NAME HOW NUMBER
settle_creates() {
    if [[ $2 == *TERM ]]; then
        [[ $response ]] || { echo 'no answer'; return 1; }
        if is_success; then
            "$1_check"
            "$1_restore"
        fi
        as_before 'it was asked to end, and this is left'
        return
    fi
    wait_for children_have_ended
    delete_whole_things
    # At every other step.
    if (($3 % 2)); then
        gc
        as_before 'it was killed, and gc leaves'
    fi
    "$1_call"
    succeeded
    "$1_check"
    "$1_restore"
    # A directory without a record has no address yet, by which the next create_vm would find it.
    [[ $1 != create_vm* ]] || gc
    as_before 'it was killed, and the same request leaves'
}

# settle_repeats NAME HOW: a disk that was taken off already need not be taken off again.
settle_repeats() {
    local half
    [[ $2 != *TERM || $response ]] || { echo 'no answer'; return 1; }
    "$1_call"
    [[ $1 == detach_disk* && $response == *DiskNotAttached* ]] || succeeded
    "$1_check"
    wait_for children_have_ended
    "$1_check"
    # A file that was never renamed does no harm, but is not to stay for ever.
    gc
    half=$(find "$STORE" -type f -name '*.??????')
    [[ ! $half ]] || { echo "gc leaves $half"; return 1; }
    "$1_check"
    "$1_restore"
    as_before 'afterwards'
}

# attempt KIND NAME NUMBER HOW: true when the signal came and all was well after it
attempt() {
    "$2_prepare"
    with_shim "$3" "$4" "$2"
    # How many steps there are depends on how long others take.
    if ! was_sent; then
        succeeded
        "$2_check"
        "$2_restore"
        return 0
    fi
    "settle_$1" "$2" "$4" "$3"
    holds_data "$(image_of "$bystander")"
    sent=$((sent + 1))
}

# one ARGUMENT...: the same, aside; what it says is shown only when it fails. Never part of a
# condition, within which no function ends where something goes wrong.
one() {
    local log=$BATS_TEST_TMPDIR/attempt
    (
        trap - DEBUG ERR
        set -e
        sent=0
        attempt "$@"
        echo "$sent" >"$BATS_TEST_TMPDIR/sent"
    ) >"$log" 2>&1 3>&- &
    wait $! || {
        echo "--- $2, $3 $4:"
        cat "$log"
        figure kills 1 1
        return 1
    }
    sent=$((sent + $(<"$BATS_TEST_TMPDIR/sent")))
}

# kill_each KIND NAME [COUNT]: at all steps, or so many of them
kill_each() {
    local kind=$1 name=$2 sent=0 order number how
    local vm='' disk='' stemcell='' made='' small='' before='' bystander='' orders=()
    have_disk
    bystander=$disk
    "${name}_world"
    before=$(things)
    orders "$name"
    as_before 'without any signal'
    [[ ! ${3-} ]] || choose orders "$3"
    for order in "${orders[@]}"; do
        read -r number how <<<"$order"
        one "$kind" "$name" "$number" "$how"
    done
    ((sent > ${#orders[@]} / 2)) || { echo "only $sent signals came"; return 1; }
    echo "# $name: $sent kills of ${#orders[@]} survived" >&3
    figure kills "$sent"
}

# --- the scenarios -----------------------------------------------------------------------------

create_stemcell_world() { small_stemcell; }
create_stemcell_prepare() { true; }
create_stemcell_call() { small_stemcell_call; }
create_stemcell_check() {
    made
    cmp -n 4194304 "$STORE/stemcells/$made"/image.raw "$BATS_FILE_TMPDIR/small/root.img"
}
create_stemcell_restore() { cpi delete_stemcell "[\"$made\"]"; }

delete_stemcell_world() { small_stemcell; }
delete_stemcell_prepare() { have_small_stemcell; }
delete_stemcell_call() { call delete_stemcell "[\"$stemcell\"]"; }
delete_stemcell_check() { [[ ! -e $STORE/stemcells/$stemcell ]]; }
delete_stemcell_restore() { true; }

create_disk_world() { true; }
create_disk_prepare() { true; }
create_disk_call() { call create_disk '[16, {}, null]'; }
create_disk_check() {
    made
    qemu-img check -q "$STORE/disks/$made/disk.qcow2"
}
create_disk_restore() { cpi delete_disk "[\"$made\"]"; }

delete_disk_world() { true; }
delete_disk_prepare() { have_disk; }
delete_disk_call() { call delete_disk "[\"$disk\"]"; }
delete_disk_check() { [[ ! -e $STORE/disks/$disk ]]; }
delete_disk_restore() { true; }

resize_disk_world() { true; }
resize_disk_prepare() { have_disk; }
resize_disk_call() { call resize_disk "[\"$disk\", 32]"; }
resize_disk_check() {
    [[ $(jq .size_mib "$STORE/disks/$disk/disk.json") == 32 ]]
    [[ $(qemu-img info --output=json "$STORE/disks/$disk/disk.qcow2" | jq '."virtual-size"') == $((32 << 20)) ]]
    holds_data "$STORE/disks/$disk/disk.qcow2"
}
resize_disk_restore() { cpi delete_disk "[\"$disk\"]"; }

update_disk_world() { true; }
update_disk_prepare() { have_disk; }
update_disk_call() { call update_disk "[\"$disk\", 16, {\"format\": \"raw\", \"bus\": \"scsi\"}]"; }
update_disk_check() { holds_data "$STORE/disks/$disk/disk.raw"; }
update_disk_restore() { cpi delete_disk "[\"$disk\"]"; }

set_disk_metadata_world() { true; }
set_disk_metadata_prepare() { have_disk; }
set_disk_metadata_call() { call set_disk_metadata "[\"$disk\", {\"deployment\": \"dep\"}]"; }
set_disk_metadata_check() { [[ $(jq -r .metadata.deployment "$STORE/disks/$disk/disk.json") == dep ]]; }
set_disk_metadata_restore() { cpi delete_disk "[\"$disk\"]"; }

snapshot_disk_world() { have_disk; }
snapshot_disk_prepare() { true; }
snapshot_disk_call() { call snapshot_disk "[\"$disk\", {}]"; }
snapshot_disk_check() {
    made
    holds_data "$STORE/snapshots/$made/disk.qcow2"
    holds_data "$STORE/disks/$disk/disk.qcow2"
}
snapshot_disk_restore() { cpi delete_snapshot "[\"$made\"]"; }

# Of a disk that a running VM has.
snapshot_used_disk_world() {
    have_small_stemcell
    have_small_vm 192.168.122.22
    have_disk
    cpi attach_disk "[\"$vm\", \"$disk\"]"
}
snapshot_used_disk_prepare() { true; }
snapshot_used_disk_call() { snapshot_disk_call; }
snapshot_used_disk_check() { snapshot_disk_check; }
snapshot_used_disk_restore() { snapshot_disk_restore; }

delete_snapshot_world() { have_disk; }
delete_snapshot_prepare() {
    cpi snapshot_disk "[\"$disk\", {}]"
    snapshot=$result
}
delete_snapshot_call() { call delete_snapshot "[\"$snapshot\"]"; }
delete_snapshot_check() {
    [[ ! -e $STORE/snapshots/$snapshot ]]
    holds_data "$STORE/disks/$disk/disk.qcow2"
}
delete_snapshot_restore() { true; }

create_vm_world() {
    have_small_stemcell
    have_small_vm 192.168.122.20
}
create_vm_prepare() { true; }
create_vm_call() { small_vm_call 192.168.122.21; }
create_vm_check() {
    made
    [[ $(virsh_lab domstate "$made") == running* ]]
    (($(virsh_lab list --all --name | wc -w) == 2))
}
create_vm_restore() { cpi delete_vm "[\"$made\"]"; }

delete_vm_world() {
    have_small_stemcell
    have_disk
    # The network's directory stays.
    have_small_vm 192.168.122.21
    cpi delete_vm "[\"$vm\"]"
}
delete_vm_prepare() {
    have_small_vm 192.168.122.21
    cpi attach_disk "[\"$vm\", \"$disk\"]"
}
delete_vm_call() { call delete_vm "[\"$vm\"]"; }
delete_vm_check() {
    [[ ! -e $STORE/vms/$vm && $(virsh_lab list --all --name) != *"$vm"* ]]
    holds_data "$STORE/disks/$disk/disk.qcow2"
}
delete_vm_restore() { true; }

# has_disk_on: both definitions have the disk, once
has_disk_on() {
    local options
    for options in '' --inactive; do
        # shellcheck disable=SC2086 # none or one
        (($(virsh_lab domblklist "$vm" $options | grep -cF "$disk") == 1)) || return 1
    done
}

attach_disk_world() {
    have_small_stemcell
    have_small_vm 192.168.122.23
    have_disk
}
attach_disk_prepare() { true; }
attach_disk_call() { call attach_disk "[\"$vm\", \"$disk\"]"; }
attach_disk_check() {
    has_disk_on
    holds_data "$STORE/disks/$disk/disk.qcow2"
}
attach_disk_restore() { cpi detach_disk "[\"$vm\", \"$disk\"]"; }

detach_disk_world() { attach_disk_world; }
detach_disk_prepare() { cpi attach_disk "[\"$vm\", \"$disk\"]"; }
detach_disk_call() { call detach_disk "[\"$vm\", \"$disk\"]"; }
detach_disk_check() {
    [[ $(virsh_lab domblklist "$vm") != *"$disk"* ]]
    [[ $(virsh_lab domblklist "$vm" --inactive) != *"$disk"* ]]
    holds_data "$STORE/disks/$disk/disk.qcow2"
}
detach_disk_restore() { true; }

reboot_vm_world() {
    attach_disk_world
    cpi attach_disk "[\"$vm\", \"$disk\"]"
}
reboot_vm_prepare() { true; }
reboot_vm_call() { call reboot_vm "[\"$vm\"]"; }
reboot_vm_check() {
    [[ $(virsh_lab domstate "$vm") == running* ]]
    has_disk_on
    holds_data "$STORE/disks/$disk/disk.qcow2"
}
reboot_vm_restore() { true; }

set_vm_metadata_world() {
    have_small_stemcell
    have_small_vm 192.168.122.24
}
set_vm_metadata_prepare() { true; }
set_vm_metadata_call() { call set_vm_metadata "[\"$vm\", {\"name\": \"web/0\", \"deployment\": \"dep\"}]"; }
set_vm_metadata_check() { [[ $(virsh_lab desc "$vm" --title) == 'web/0 (dep)' ]]; }
set_vm_metadata_restore() { true; }

create_network_world() { true; }
create_network_prepare() { true; }
create_network_call() { call create_network '[{"range": "10.7.0.0/24", "cloud_properties": {"name": "made", "dhcp": true}}]'; }
create_network_check() {
    made
    [[ $(virsh_lab net-list --name) == *made* ]]
}
create_network_restore() { cpi delete_network "[\"$made\"]"; }

# What becomes of half a thing is up to the kind.
# shellcheck disable=SC2034 # for those that try all of them
scenarios=(
    'creates create_stemcell'
    'creates create_disk'
    'creates create_vm'
    'creates snapshot_disk'
    'creates snapshot_used_disk'
    'repeats delete_stemcell'
    'repeats delete_disk'
    'repeats delete_vm'
    'repeats delete_snapshot'
    'repeats attach_disk'
    'repeats detach_disk'
    'repeats resize_disk'
    'repeats update_disk'
    'repeats reboot_vm'
    'repeats set_vm_metadata'
    'repeats set_disk_metadata'
)
