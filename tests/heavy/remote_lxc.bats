#!/usr/bin/env bats
# Containers on hosts that are reached over SSH alone.
# shellcheck disable=SC2153 # HOSTS is of remote.bash

load ../live/remote

# containers_on a|b: what follows is about containers on this host
containers_on() {
    work_on "$1"
    URI=$(<"$HOSTS/$1/lxc-uri")
    # libvirt gives loop devices paths of 63 characters at most.
    STORE=$SHORT/$1
    jq --arg store "$STORE" --arg host "$ADDRESS" --arg key "$HOSTS/key" --rawfile host_key "$HOSTS/$1.key" \
        '. + {store_dir: $store, host: $host, username: "root", private_key: $key, host_key: $host_key,
            detach_timeout: 5}' "$root/config/cpi-lxc.json" >"$CONFIG"
}

guest() {
    "$lab/libvirtd.sh" guest "$HOSTS/$HOST" "$1" "$2"
}

# container_leftovers: what a container leaves, that is not in the store
container_leftovers() {
    virsh_lab list --all --name | grep . || true
    on_host findmnt --noheadings --raw --output TARGET | grep -F "$STORE" || true
    losetup --noheadings --raw --output BACK-FILE | grep -F "$STORE" || true
    on_host find /sys/fs/cgroup -type d -name '*lxc-*vm-*' 2>/dev/null || true
    far_shells
}

no_container_leftovers() {
    [[ -z $(container_leftovers) ]]
}

setup_containers() {
    SHORT=$(mktemp -d /tmp/lxr.XXXXXX)
    mkdir "$SHORT/a" "$SHORT/b"
    chmod 0711 "$SHORT" "$SHORT"/*
    # The Director has no way to them but ssh.
    at_director mount -t tmpfs tmpfs "$SHORT"
}

teardown() {
    local host vm
    for host in a b; do
        URI=$(<"$HOSTS/$host/lxc-uri")
        for vm in $(virsh_lab list --all --name); do
            virsh_lab destroy "$vm" >/dev/null 2>&1 || true
            virsh_lab undefine "$vm" >/dev/null 2>&1 || true
        done
    done
    at_director umount "$SHORT"
    rm -rf "$SHORT"
}

# begin_life IP: a container of an uploaded tree with a disk in it; sets sc, vm, disk
begin_life() {
    local image
    image=$("$lab/tree.sh" 2>/dev/null)
    cpi create_stemcell "$(jq -cn --arg image "$image" '[$image, {name: "lab", version: "1"}]')"
    sc=$result
    create_vm "agent-$HOST" "$sc" "$1" '{"memory": 128, "ephemeral_disk": 32}'
    disk 16
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    [[ $(jq -r .path <<<"$result") == "/warden-cpi-dev/$disk" ]]
    guest "$1" "echo of-$HOST >/warden-cpi-dev/$disk/file; echo kept >/var/vcap/data/file; sync"
}

@test "a container's life with its disk, by every method, on two hosts over ssh" {
    local a_vm a_disk a_sc marks
    setup_containers
    containers_on a
    begin_life 192.168.122.90
    a_vm=$vm a_disk=$disk a_sc=$sc
    marks=$STORE/vms/$vm/rootfs/lab/marks
    [[ $(stat -c '%u %g %a %h' "$marks/owned") == '1234 4321 6711 2' ]]
    [[ $(getcap "$marks/capable") == *cap_net_raw* ]]
    containers_on b
    begin_life 192.168.122.90
    [[ $(guest 192.168.122.90 "cat /warden-cpi-dev/$disk/file") == of-b ]]
    cpi has_vm "[\"$a_vm\"]"
    [[ $result == false ]]
    cpi_fails DiskNotFound "$a_disk" attach_disk "[\"$vm\", \"$a_disk\"]"
    cpi delete_vm "[\"$vm\"]"
    cpi delete_disk "[\"$disk\"]"
    cpi delete_stemcell "[\"$sc\"]"
    wait_for no_container_leftovers || { container_leftovers >&2; false; }
    [[ -z $(find "$STORE" -mindepth 1 ! -type d ! -path "$STORE/.lock/*" ! -path "$STORE/version") ]]

    containers_on a
    vm=$a_vm disk=$a_disk sc=$a_sc
    cpi set_vm_metadata "[\"$vm\", {\"deployment\": \"it's\", \"job\": \"web\", \"index\": 0}]"
    [[ $(virsh_lab desc "$vm" --title) == "web/0 (it's)" ]]
    cpi set_disk_metadata "[\"$disk\", {\"deployment\": \"d\"}]"
    cpi get_disks "[\"$vm\"]"
    [[ $(jq -r '.[]' <<<"$result") == "$disk" ]]
    cpi_fails NotImplemented 'running VM' snapshot_disk "[\"$disk\", {}]"
    cpi reboot_vm "[\"$vm\"]"
    [[ $(guest 192.168.122.90 "cat /warden-cpi-dev/$disk/file /var/vcap/data/file") == $'of-a\nkept' ]]
    guest 192.168.122.90 'echo said there >/dev/console'
    [[ $("$CPI" console "$vm" --no-follow --lines 200 --config "$CONFIG") == *'said there'* ]]
    cpi detach_disk "[\"$vm\", \"$disk\"]"
    cpi snapshot_disk "[\"$disk\", {}]"
    cpi delete_snapshot "[\"$result\"]"
    cpi resize_disk "[\"$disk\", 32]"
    cpi update_disk "[\"$disk\", 40, {}]"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    [[ $(guest 192.168.122.90 "cat /warden-cpi-dev/$disk/file") == of-a ]]
    "$CPI" gc --config "$CONFIG" >"$BATS_TEST_TMPDIR/gc"
    [[ ! -s $BATS_TEST_TMPDIR/gc ]] || { cat "$BATS_TEST_TMPDIR/gc" >&2; false; }

    # A container with users of its own beside it.
    create_vm agent-u "$sc" 192.168.122.91 '{"memory": 64, "ephemeral_disk": 0, "privileged": false, "init": "/lab/init"}'
    [[ $(guest 192.168.122.91 'stat -c "%u %g %a" /lab/marks/owned') == '1234 4321 6711' ]]
    (($(stat -c %u "$STORE/vms/$vm/rootfs") >= 524288))
    cpi delete_vm "[\"$vm\"]"
    cpi delete_vm "[\"$a_vm\"]"
    cpi delete_disk "[\"$disk\"]"
    cpi delete_stemcell "[\"$sc\"]"
    wait_for no_container_leftovers || { container_leftovers >&2; false; }
    [[ -z $(find "$STORE" -mindepth 1 ! -type d ! -path "$STORE/.lock/*" ! -path "$STORE/version") ]]
}
