#!/usr/bin/env bats
# What tests/heavy/kill.bats does, with containers on the real LXC driver: after each kill there is no
# container, mount, loop device, cgroup, link or file more than before, and disks hold what they held.
# STEPS_SEED says at which steps. See tests/live/kill.bash.
#
# That this sees something, by lines of the program that were broken once, and what failed then:
#
#   lxc_disk.c   make_loop without lxc_clear_left     attach_disk (seed 4711)

load ../live/lxc
load ../live/kill

setup() {
    local seed=${STEPS_SEED:-4711}
    setup_containers
    CPI=$program
    RANDOM=$seed
    echo "# seed $seed" >&3
}

teardown() {
    teardown_containers
}

# --- what there is -----------------------------------------------------------------------------

# things: instead of those of QEMU's VMs. The place where a container had a disk, an empty directory,
# goes with the container; what the kernel gives it has a new number with each start.
things() {
    local name
    (cd "$STORE" && find . -mindepth 2 ! -path './.lock/*' ! -path '*/warden-cpi-dev/*' -printf '%P %y %m %l\n') | sort
    for name in $(virsh_lab list --all --name | sort); do
        echo "$name: $(virsh_lab domstate "$name")"
        virsh_lab dumpxml "$name" --inactive | grep -E '<(target dir|source file)=' || true
        ! is_active "$name" || mounted_in "$name"
    done
    virsh_lab 'net-dumpxml default; net-dumpxml default --inactive' | grep '<host ' || true
    on_host findmnt --raw --noheadings --output TARGET,SOURCE | grep -F "$STORE" || true
    losetup --list --noheadings --output BACK-FILE | grep -F "$STORE" || true
    on_host find /sys/fs/cgroup -type d -name '*lxc-*vm-*' | sed 's/.*-vm-/cgroup vm-/' | sort -u
}

is_active() {
    [[ $(virsh_lab domstate "$1") == running* ]]
}

# mounted_in VM: its disks, of which there is one mount each
mounted_in() {
    local init
    init=$(on_host pgrep --parent "$(virsh_lab domid "$1")")
    on_host findmnt --raw --noheadings --output TARGET --task "$init" | grep '^/warden-cpi-dev/' || true
}

# The host takes a moment to bury what was in a container.
is_as_before() {
    [[ $(things) == "$before" ]]
}

as_before() {
    local patience=60
    wait_for is_as_before || {
        printf '%s:\n' "$1"
        diff <(printf '%s\n' "$before") <(things)
        return 1
    }
}

# A root file system that takes no time to copy, in the place of the VM's disk.
small_stemcell() {
    local tree=$BATS_FILE_TMPDIR/tree name
    small=$BATS_FILE_TMPDIR/image
    [[ ! -e $small ]] || return 0
    mkdir -p "$tree"/{bin,sbin,dev,proc,sys,tmp,etc}
    cp "$(command -v busybox)" "$tree/bin/busybox"
    for name in sh sleep mkdir rmdir rm mknod mount umount; do
        ln -s busybox "$tree/bin/$name"
    done
    printf '#!/bin/sh\nwhile :; do sleep 3600; done\n' >"$tree/sbin/init"
    chmod 0755 "$tree/sbin/init"
    tar -C "$tree" --owner=0 --group=0 -czf "$small" .
}

# Each disk has a file that nobody may change.
have_disk() {
    cpi create_disk '[16, {}, null]'
    disk=$result
    echo kept >"$BATS_TEST_TMPDIR/kept"
    debugfs -w -R "write $BATS_TEST_TMPDIR/kept kept" "$(image_of "$disk")" 2>/dev/null
}

image_of() {
    echo "$STORE/disks/$1/disk.raw"
}

holds_data() {
    [[ $(debugfs -R 'cat kept' "$1" 2>/dev/null) == kept ]] || {
        echo "$1 does not hold what it held"
        return 1
    }
}

# --- the scenarios -----------------------------------------------------------------------------

create_disk_container_world() { true; }
create_disk_container_prepare() { true; }
create_disk_container_call() { call create_disk '[16, {}, null]'; }
create_disk_container_check() {
    made
    e2fsck -f -n "$(image_of "$made")"
}
create_disk_container_restore() { create_disk_restore; }

create_vm_container_world() {
    have_small_stemcell
    have_small_vm 192.168.122.60
}
create_vm_container_prepare() { true; }
create_vm_container_call() { small_vm_call 192.168.122.61; }
create_vm_container_check() { create_vm_check; }
create_vm_container_restore() { create_vm_restore; }

create_vm_mapped_world() { create_vm_container_world; }
create_vm_mapped_prepare() { true; }
create_vm_mapped_call() {
    call create_vm "$(jq -cn --arg stemcell "$stemcell" --argjson networks "$(networks 192.168.122.61)" \
        '["agent", $stemcell, {memory: 64, ephemeral_disk: 0, privileged: false}, $networks, [], {}]')"
}
create_vm_mapped_check() { create_vm_check; }
create_vm_mapped_restore() { create_vm_restore; }

create_tree_world() { small_stemcell; }
create_tree_prepare() { true; }
create_tree_call() { small_stemcell_call; }
create_tree_check() {
    made
    cmp "$STORE/stemcells/$made/rootfs/bin/busybox" "$BATS_FILE_TMPDIR/tree/bin/busybox"
}
create_tree_restore() { create_stemcell_restore; }

delete_vm_container_world() {
    have_small_stemcell
    have_disk
    # The network's directory stays, and the disk's link.
    delete_vm_container_prepare
    cpi delete_vm "[\"$vm\"]"
}
delete_vm_container_prepare() {
    have_small_vm 192.168.122.61
    cpi attach_disk "[\"$vm\", \"$disk\"]"
}
delete_vm_container_call() { delete_vm_call; }
delete_vm_container_check() {
    [[ ! -e $STORE/vms/$vm && $(virsh_lab list --all --name) != *"$vm"* ]]
    holds_data "$(image_of "$disk")"
}
delete_vm_container_restore() { true; }

# has_disk_once: in the container, and in its definition
has_disk_once() {
    local place=/warden-cpi-dev/$disk file
    file=$(image_of "$disk")
    if [[ $(virsh_lab dumpxml "$vm" --inactive | grep -cF "$place'") != 1 ||
        $(mounted_in "$vm") != "$place" || $(loops_of "$file" | wc -l) != 1 ]]; then
        echo "the disk is not there once; in the definition, the container and of the host:"
        virsh_lab dumpxml "$vm" --inactive | grep -F "$place'"
        mounted_in "$vm"
        loops_of "$file"
        return 1
    fi
}

attach_disk_container_world() {
    have_small_stemcell
    have_small_vm 192.168.122.63
    have_disk
}
attach_disk_container_prepare() { true; }
attach_disk_container_call() { attach_disk_call; }
attach_disk_container_check() { has_disk_once; }
attach_disk_container_restore() { attach_disk_restore; }

detach_disk_container_world() { attach_disk_container_world; }
detach_disk_container_prepare() { detach_disk_prepare; }
detach_disk_container_call() { detach_disk_call; }
detach_disk_container_check() {
    [[ $(virsh_lab dumpxml "$vm" --inactive) != *"$disk"* && -z $(mounted_in "$vm") ]]
    holds_data "$(image_of "$disk")"
}
detach_disk_container_restore() { true; }

reboot_vm_container_world() {
    attach_disk_container_world
    cpi attach_disk "[\"$vm\", \"$disk\"]"
}
reboot_vm_container_prepare() { true; }
reboot_vm_container_call() { reboot_vm_call; }
reboot_vm_container_check() {
    is_active "$vm"
    has_disk_once
}
reboot_vm_container_restore() { true; }

resize_disk_container_world() { true; }
resize_disk_container_prepare() { have_disk; }
resize_disk_container_call() { resize_disk_call; }
resize_disk_container_check() {
    local image
    image=$(image_of "$disk")
    [[ $(jq .size_mib "$STORE/disks/$disk/disk.json") == 32 && $(stat -c %s "$image") == $((32 << 20)) ]]
    e2fsck -f -n "$image"
    (($(dumpe2fs -h "$image" 2>/dev/null | sed -n 's/^Block count: *//p') * \
        $(dumpe2fs -h "$image" 2>/dev/null | sed -n 's/^Block size: *//p') == 32 << 20))
    holds_data "$image"
}
resize_disk_container_restore() { resize_disk_restore; }

@test "create_stemcell" { kill_each creates create_tree 4; }

@test "create_disk" { kill_each creates create_disk_container 4; }

@test "create_vm" { kill_each creates create_vm_container 6; }

@test "create_vm with an id map" { kill_each creates create_vm_mapped 4; }

@test "delete_vm" { kill_each repeats delete_vm_container 6; }

@test "attach_disk" { kill_each repeats attach_disk_container 8; }

@test "detach_disk" { kill_each repeats detach_disk_container 6; }

@test "reboot_vm" { kill_each repeats reboot_vm_container 4; }

@test "resize_disk" { kill_each repeats resize_disk_container 4; }
