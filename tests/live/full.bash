# The store on a file system that gets full: a call is tried with so much and so much space left, on
# real libvirt with real qemu-img.
#
# Each time it succeeds and all is there, or it fails and says that there is no space, and there is
# not a thing more than before; what was there holds what it held; and on the full disk what is
# there can be removed.
#
# A scenario NAME is as in kill.bash.
# shellcheck shell=bash disable=SC2034,SC2154 # most names are those of helper.bash

load ../figures
load ../live/things

# A loop device with ext4, and a libvirtd that sees it.
setup_file() {
    local image=$BATS_FILE_TMPDIR/ext4
    chmod 0755 "$BATS_FILE_TMPDIR"
    truncate -s 160M "$image"
    mkfs.ext4 -q -m 0 "$image"
    mkdir "$BATS_FILE_TMPDIR/full"
    mount -o loop "$image" "$BATS_FILE_TMPDIR/full"
    "$BATS_TEST_DIRNAME/../lab/libvirtd.sh" start "$BATS_FILE_TMPDIR/lab"
}

teardown_file() {
    "$BATS_TEST_DIRNAME/../lab/libvirtd.sh" stop "$BATS_FILE_TMPDIR/lab"
    umount "$BATS_FILE_TMPDIR/full"
}

setup() {
    CPI=$root/build/cpi
    LAB=$BATS_FILE_TMPDIR/lab
    URI=$(<"$LAB/uri")
    STORE=$BATS_FILE_TMPDIR/full/$BATS_TEST_NUMBER
    CONFIG=$BATS_TEST_TMPDIR/cpi.json
    write_config '{}'
}

teardown() {
    clean_up
    rm -rf "$BATS_FILE_TMPDIR"/full/*
}

# --- space -------------------------------------------------------------------------------------

# left: how many KiB are
left() {
    local blocks size
    # What was removed is given back with the journal's next commit.
    sync -f "$BATS_FILE_TMPDIR/full"
    read -r blocks size < <(stat -f -c '%a %S' "$BATS_FILE_TMPDIR/full")
    echo $((blocks * size / 1024))
}

# leave KIB: fills the file system up to that
leave() {
    local much
    rm -f "$BATS_FILE_TMPDIR"/full/filler-*
    much=$(($(left) - $1 - 64))
    ((much <= 0)) || fallocate -l "${much}K" "$BATS_FILE_TMPDIR/full/filler-1"
    much=$(($(left) - $1))
    ((much <= 0)) || dd if=/dev/zero of="$BATS_FILE_TMPDIR/full/filler-2" bs=1K count="$much" status=none 2>&1 || true
    sync -f "$BATS_FILE_TMPDIR/full"
}

make_room() {
    rm -f "$BATS_FILE_TMPDIR"/full/filler-*
}

# sizes NEED: in KiB, each block at first, then in ever larger steps up to a little more than is
# needed; to $sizes
sizes() {
    local size=0
    sizes=()
    while ((size < $1 + $1 / 4 + 64)); do
        sizes+=("$size")
        size=$((size < 64 ? size + 4 : size + size / 16 * 4))
    done
    sizes+=("$((size * 2))")
}

# --- what must be true afterwards --------------------------------------------------------------

# create_vm's own type says that the VM was not made; the reason is in the message.
says_no_space() {
    [[ $response == *Clouds::NoDiskSpace* ]] ||
        [[ $1 == create_vm && $response == *VMCreationFailed* && $response == *'No space left'* ]] || {
        echo "not what it should say: $response"
        return 1
    }
}

# attempt NAME KIB
attempt() {
    "$1_prepare"
    before=$(things)
    leave "$2"
    "$1_call"
    if is_success; then
        "$1_check"
    else
        says_no_space "$1"
        as_before 'it failed, and this is left'
    fi
    holds_data "$(image_of "$bystander")"
    if is_success; then echo fits >"$BATS_TEST_TMPDIR/fits"; else echo full >>"$BATS_TEST_TMPDIR/full"; fi
    "$1_restore"
    make_room
    [[ $(things) == "$at_first" ]] || {
        diff <(printf '%s\n' "$at_first") <(things)
        return 1
    }
}

# one NAME KIB: the same, aside; what it says is shown only when it fails. Never part of a condition,
# within which no function ends where something goes wrong.
one() {
    (
        trap - DEBUG ERR
        set -e
        attempt "$@"
    ) >"$BATS_TEST_TMPDIR/attempt" 2>&1 3>&- &
    wait $! || {
        echo "--- $1 with $2 KiB left:"
        cat "$BATS_TEST_TMPDIR/attempt"
        figure faults 1 1
        return 1
    }
    figure faults 1
}

# fill NAME [COUNT]: at all sizes, or so many of them
fill() {
    local at_first before bystander disk vm stemcell made small sizes size need tried=0
    have_disk
    bystander=$disk
    "$1_world"
    at_first=$(things)
    "$1_prepare"
    need=$(left)
    "$1_call"
    succeeded
    "$1_check"
    need=$((need - $(left)))
    # There the old image goes when the new one is complete.
    [[ $1 != update_disk ]] || need=$((need + 2048))
    "$1_restore"
    sizes "$need"
    [[ ! ${2-} ]] || choose sizes "$2"
    for size in "${sizes[@]}"; do
        one "$1" "$size"
        tried=$((tried + 1))
    done
    echo "# $1 needs $need KiB: $tried sizes tried" >&3
    # Both have to have been seen.
    [[ ${2-} || (-s $BATS_TEST_TMPDIR/fits && -s $BATS_TEST_TMPDIR/full) ]]
}

# --- the scenarios -----------------------------------------------------------------------------

create_stemcell_world() { small_stemcell; }
create_stemcell_prepare() { true; }
create_stemcell_call() { small_stemcell_call; }
create_stemcell_check() {
    made
    cmp -n 4194304 "$STORE/stemcells/$made"/image.raw "$BATS_FILE_TMPDIR/small/root.img"
}
create_stemcell_restore() { ! is_success || cpi delete_stemcell "[\"$made\"]"; }

create_vm_world() {
    have_small_stemcell
    # The network's directory stays.
    have_small_vm 192.168.122.31
    cpi delete_vm "[\"$vm\"]"
}
create_vm_prepare() { true; }
create_vm_call() { small_vm_call 192.168.122.31; }
create_vm_check() {
    made
    [[ $(virsh_lab domstate "$made") == running* ]]
}
create_vm_restore() { ! is_success || cpi delete_vm "[\"$made\"]"; }

create_disk_world() { true; }
create_disk_prepare() { true; }
create_disk_call() { call create_disk '[16, {}, null]'; }
create_disk_check() {
    made
    qemu-img check -q "$STORE/disks/$made/disk.qcow2"
}
create_disk_restore() { ! is_success || cpi delete_disk "[\"$made\"]"; }

# A disk that takes all its space at once.
create_whole_disk_world() { true; }
create_whole_disk_prepare() { true; }
create_whole_disk_call() { call create_disk '[4, {"format": "raw", "preallocation": "full"}, null]'; }
create_whole_disk_check() {
    made
    (($(stat -c %b "$STORE/disks/$made/disk.raw") >= 4 * 2048))
}
create_whole_disk_restore() { create_disk_restore; }

snapshot_disk_world() { have_disk; }
snapshot_disk_prepare() { true; }
snapshot_disk_call() { call snapshot_disk "[\"$disk\", {}]"; }
snapshot_disk_check() {
    made
    holds_data "$STORE/snapshots/$made/disk.qcow2"
}
snapshot_disk_restore() { ! is_success || cpi delete_snapshot "[\"$made\"]"; }

# Of a disk that a running VM has.
snapshot_used_disk_world() {
    have_small_stemcell
    have_small_vm 192.168.122.32
    have_disk
    cpi attach_disk "[\"$vm\", \"$disk\"]"
}
snapshot_used_disk_prepare() { true; }
snapshot_used_disk_call() { snapshot_disk_call; }
snapshot_used_disk_check() { snapshot_disk_check; }
snapshot_used_disk_restore() { snapshot_disk_restore; }

resize_disk_world() { true; }
resize_disk_prepare() {
    cpi create_disk '[4, {"format": "raw", "preallocation": "full"}, null]'
    disk=$result
    qemu-io -f raw -c 'write -q -P 0x5a 0 1M' "$(image_of "$disk")" >/dev/null
}
resize_disk_call() { call resize_disk "[\"$disk\", 8]"; }
resize_disk_check() {
    [[ $(jq .size_mib "$STORE/disks/$disk/disk.json") == 8 ]]
    (($(stat -c %s "$STORE/disks/$disk/disk.raw") == 8 << 20))
}
resize_disk_restore() {
    holds_data "$STORE/disks/$disk/disk.raw"
    is_success || [[ $(jq .size_mib "$STORE/disks/$disk/disk.json") == 4 ]]
    cpi delete_disk "[\"$disk\"]"
}

update_disk_world() { true; }
update_disk_prepare() { have_disk; }
update_disk_call() { call update_disk "[\"$disk\", 16, {\"format\": \"raw\", \"bus\": \"scsi\"}]"; }
update_disk_check() { [[ -e $STORE/disks/$disk/disk.raw ]]; }
update_disk_restore() {
    holds_data "$(image_of "$disk")"
    cpi delete_disk "[\"$disk\"]"
}

