#!/usr/bin/env bats
# Containers: what is called, what is written, what is refused.

load helper
load containers

xml() {
    cat "$state/domains/$vm/xml"
}

@test "info names the warden formats only" {
    container_host
    ok info
    result_has '.stemcell_formats == ["warden-tar", "general-tar"]'
}

@test "a stemcell becomes a directory, with what was found out about it" {
    container_host
    have_tree
    [[ $(<"$store/stemcells/$stemcell/rootfs/etc/hostname") == tree ]] || fail 'not the tree'
    [[ $(stat -c %a "$store/stemcells/$stemcell") == 700 ]] || fail 'others can enter'
    jq -e '.format == "directory" and .line == "warden" and .init == "/usr/sbin/init" and
        .settings == ["warden-cpi-agent-env.json", "agent-bootstrap-env.json"]' \
        "$store/stemcells/$stemcell/stemcell.json" >/dev/null || fail 'not what is in there'
    ok delete_stemcell "$stemcell"
    [[ ! -e $store/stemcells/$stemcell ]] || fail 'it is still there'
}

@test "a hostile tree is refused, and nothing of it is left" {
    local work=$BATS_TEST_TMPDIR/work before
    container_host
    have_tree
    before=$(inventory)
    mkdir -p "$work"/{etc,var,link}
    echo x >"$work/etc/file"
    tar -C "$work" -cf "$BATS_TEST_TMPDIR/out" --transform 's,etc/file,../../out,' etc/file
    refused CloudError create_stemcell "$BATS_TEST_TMPDIR/out" '{}'
    says 'leads out'
    tar -C "$work" -P -cf "$BATS_TEST_TMPDIR/absolute" --transform 's,^etc/file,/etc/cpi-was-here,' etc/file
    refused CloudError create_stemcell "$BATS_TEST_TMPDIR/absolute" '{}'
    ln -s /etc "$work/way"
    tar -C "$work" -cf "$BATS_TEST_TMPDIR/through" way
    tar -C "$work" -rf "$BATS_TEST_TMPDIR/through" --transform 's,etc/file,way/file,' etc/file
    refused CloudError create_stemcell "$BATS_TEST_TMPDIR/through" '{}'
    says 'through a link'
    ln -s /etc "$work/var/vcap"
    tar -C "$work" -cf "$BATS_TEST_TMPDIR/vcap" etc var/vcap
    refused CloudError create_stemcell "$BATS_TEST_TMPDIR/vcap" '{}'
    says var/vcap
    [[ $(inventory) == "$before" ]] || fail "something is left: $(inventory)"
    [[ ! -e /etc/cpi-was-here ]] || fail 'it got out'
    figure inputs 4
}

@test "what runs elsewhere does not run here, and says so" {
    local qemu_stemcell
    have_stemcell
    qemu_stemcell=$stemcell
    container_host
    refused NotSupported create_vm a "$qemu_stemcell" '{}' "$(manual 10.0.0.10)" '[]' '{}'
    says 'warden line'
    refused CloudError create_stemcell "$image" '{}'
    says root.img
    refused NotSupported create_stemcell "$image" '{"image_path":"/x/image.qcow2"}'
    have_tree
    configure hypervisor '"qemu"'
    refused NotSupported create_vm a "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' '{}'
    says 'root file system for containers'
}

@test "properties of machines are refused, before anything is made" {
    local property before
    container_host
    have_tree
    before=$(digest)
    for property in '"firmware":"efi"' '"machine":"q35"' '"cpu_mode":"maximum"' '"hugepages":true' \
        '"extra_disks":[{"size":1}]' '"host_devices":["0000:03:00.0"]' '"watchdog":"reset"'; do
        refused NotSupported create_vm a "$stemcell" "{$property}" "$(manual 10.0.0.10)" '[]' '{}'
        property=${property#\"}
        says "${property%%\"*}"
    done
    refused CpiError create_vm a "$stemcell" '{"init":"relative"}' "$(manual 10.0.0.10)" '[]' '{}'
    for property in '"bus":"virtio"' '"cache":"none"' '"iops":7'; do
        refused NotSupported create_disk 64 "{$property}" null
    done
    refused CpiError create_disk 64 '{"format":"qcow2"}' null
    unchanged "$before" 'what was refused'
}

@test "create_vm: its calls, its domain, its settings" {
    container_host
    have_tree
    forget_calls
    ok create_vm agent-1 "$stemcell" '{"cpus":2,"memory":512,"ephemeral_disk":100,"tags":{"a":"b"}}' \
        "$(manual 10.0.0.10)" '[]' '{"bosh":{"password":"*"}}'
    vm=$cid
    golden lxc-create_vm.argv "$(calls)"
    golden domain-lxc.xml "$(xml)"
    golden lxc-settings.json "$(jq -S --arg secret "$canary" \
        'walk(if type == "string" then gsub($secret; "SECRET") else . end)' \
        "$store/vms/$vm/rootfs/var/vcap/bosh/warden-cpi-agent-env.json")"
    local name
    for name in warden-cpi-agent-env.json agent-bootstrap-env.json; do
        [[ $(stat -c %a "$store/vms/$vm/rootfs/var/vcap/bosh/$name") == 600 ]] || fail "$name is open"
    done
    [[ $(stat -c %a "$store/vms/$vm") == 700 ]] || fail 'others can enter'
    grep -q ' /var/vcap/data$' "$state/domains/$vm/mounts" || fail 'no ephemeral disk'
}

@test "privileged false: its calls, its domain, and no disks" {
    container_host
    have_tree
    refused NotSupported create_vm a "$stemcell" '{"privileged":false}' "$(manual 10.0.0.10)" '[]' '{}'
    says 'ephemeral_disk' 'set it to 0'
    [[ -z $(ls "$store/vms" 2>/dev/null) ]] || fail 'something was made'
    forget_calls
    ok create_vm agent-1 "$stemcell" '{"privileged":false,"ephemeral_disk":0}' "$(manual 10.0.0.10)" '[]' '{}'
    vm=$cid
    golden lxc-idmap.argv "$(calls | grep -E '^(find|chown|stat) ' | sed -E 's/([ :])[0-9]{6,}/\1ID/g')"
    [[ $(xml) == *"<uid start='0' target='$(sed -n 1p "$state/owners" | cut -d ' ' -f 1)' count='65536'/>"* ]] ||
        fail "no map: $(xml)"
    [[ $(stat -c %a "$store/vms/$vm") == 710 ]] || fail 'the wrong ones can enter'
    have_disk
    refused NotSupported attach_disk "$vm" "$disk"
    says 'cannot have a disk'
    ok get_disks "$vm"
    result_is '[]'
    is_nowhere "$disk"
    ok delete_vm "$vm"
}

@test "two containers with id maps have nothing in common" {
    container_host
    have_tree
    ok create_vm agent-1 "$stemcell" '{"privileged":false,"ephemeral_disk":0}' "$(manual 10.0.0.10)" '[]' '{}'
    # All others are taken but one.
    for ((i = 8; i <= 0x6fff; i++)); do
        ((i == 4711)) || echo "$((i * 65536)) /x"
    done >"$state/owners"
    ok create_vm agent-2 "$stemcell" '{"privileged":false,"ephemeral_disk":0}' "$(manual 10.0.0.11)" '[]' '{}'
    grep -qx "$((4711 * 65536)) $store/vms/$cid/rootfs" "$state/owners" || fail 'another one was taken'
    refused VMCreationFailed create_vm agent-3 "$stemcell" '{"privileged":false,"ephemeral_disk":0}' "$(manual 10.0.0.12)" '[]' '{}'
    says 'all ids for containers are taken'
}

@test "a dynamic network is the agent's, a named init wins, no ephemeral disk is none" {
    container_host
    have_tree
    ok create_vm a "$stemcell" '{"init":"/sbin/mine","ephemeral_disk":0}' \
        '{"n":{"type":"dynamic","cloud_properties":{"name":"default"}}}' '[]' '{}'
    vm=$cid
    [[ $(xml) == *'<init>/sbin/mine</init>'* && $(xml) != *'<ip '* && $(xml) != *"type='file'"* ]] ||
        fail "not so: $(xml)"
    jq -e '.networks.n.preconfigured == null and .disks.ephemeral == null' \
        "$store/vms/$vm/rootfs/var/vcap/bosh/warden-cpi-agent-env.json" >/dev/null || fail 'not so'
}

@test "a disk comes, is there, and goes" {
    have_container
    have_disk
    forget_calls
    ok attach_disk "$vm" "$disk"
    golden lxc-attach_disk.argv "$(calls)"
    result_has ".path == \"/warden-cpi-dev/$disk\""
    is_mounted_in "$vm" "$disk"
    [[ ! -e $state/domains/$vm/door ]] || fail 'the device is still in the container'
    ok attach_disk "$vm" "$disk"
    is_mounted_in "$vm" "$disk"
    ok get_disks "$vm"
    result_is "[\"$disk\"]"
    refused CloudError delete_disk "$disk"
    refused NotImplemented snapshot_disk "$disk" '{}'
    forget_calls
    ok detach_disk "$vm" "$disk"
    golden lxc-detach_disk.argv "$(calls)"
    is_nowhere "$disk"
    refused DiskNotAttached detach_disk "$vm" "$disk"
    ok snapshot_disk "$disk" '{}'
    ok resize_disk "$disk" 128
    ok delete_disk "$disk"
    is_nowhere "$disk"
}

@test "a disk that the agent still has mounted stays" {
    configure detach_timeout 1
    have_container_with_disk
    sed -n "s,/warden-cpi-dev/$disk\$,/var/vcap/store,p" "$state/domains/$vm/mounts" >"$BATS_TEST_TMPDIR/bind"
    cat "$BATS_TEST_TMPDIR/bind" >>"$state/domains/$vm/mounts"
    refused CloudError detach_disk "$vm" "$disk"
    says 'did not let go'
    is_defined_in "$vm" "$disk"
    sed -i '\,/var/vcap/store$,d' "$state/domains/$vm/mounts"
    ok detach_disk "$vm" "$disk"
    is_nowhere "$disk"
}

@test "a store_dir that is too long for loop devices is named" {
    container_host
    have_tree
    configure store_dir "\"$store/$(printf '%040d' 0)\""
    mkdir -p "$store/$(printf '%040d' 0)"
    cp -r "$store/stemcells" "$store/$(printf '%040d' 0)"
    refused CpiError create_vm a "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' '{}'
    says store_dir 'too long'
}

@test "doctor says that a store_dir is too long, before there is a host" {
    container_host
    configure store_dir "\"/$(printf '%039d' 0)\""
    person doctor --offline
    exits 1
    tells 'error: store_dir' '1 characters too long' 'fix: set store_dir to a shorter path'
    configure store_dir "\"/$(printf '%038d' 0)\""
    person doctor --offline
    exits 0
}

@test "ls tells which disks a container has, and doctor misses no image of its stemcell" {
    have_container_with_disk
    person ls vms --json
    [[ $(jq -r '.[].disks[]' <<<"$said") == "$disk" ]] || fail 'no disk'
    person doctor
    [[ $said != *'lost its image'* ]] || fail 'it has none'
    mv "$store/stemcells/$stemcell/rootfs" "$BATS_TEST_TMPDIR"
    person doctor
    tells 'lost its image' rootfs
}

@test "console shows what a container prints on its terminal" {
    have_container
    printf 'one\ntwo\0\nthree\n' >"$state/domains/$vm/tty"
    person console "$vm" --no-follow --lines 2
    exits 0
    [[ $said == $'two\nthree' ]] || fail 'not the last lines'
    stop_container "$vm"
    person console "$vm"
    exits 1
    complains 'does not run'
}

@test "delete_vm leaves nothing, its disk stays" {
    have_container_with_disk
    ok delete_vm "$vm"
    [[ ! -e $store/vms/$vm && ! -e $state/domains/$vm ]] || fail 'it is still there'
    [[ ! -e $state/loops ]] || fail "a loop device is left: $(cat "$state/loops")"
    [[ -e $store/disks/$disk/disk.raw ]] || fail 'the disk is gone'
    ok delete_disk "$disk"
    [[ -z $(ls "$store/fs") ]] || fail 'a link is left'
}
