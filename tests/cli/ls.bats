#!/usr/bin/env bats
# cpi ls: what there is.

load helper

# row PATTERN: the line of the output that matches goes to $row.
row() {
    row=$(grep -E -- "$1" <<<"$said") || fail "no line has '$1'"
}

# row_has TEXT...
row_has() {
    local text
    for text; do
        [[ $row == *"$text"* ]] || fail "'$row' has no '$text'"
    done
}

@test "without a store ls tells of the networks alone, and makes nothing" {
    person ls
    exits 0
    tells Networks default
    [[ $said != *CID* && ! -e $store ]] || fail 'there should be nothing'
    person ls vms
    exits 0
    silent
    person ls --json
    tells_json '.vms == [] and .disks == [] and (.networks | length) == 1'
}

@test "ls tells of each thing its size, its state, whose it is and where it is attached" {
    have_attached_disk
    ok set_vm_metadata "$vm" '{"deployment":"cf & co","name":"web/0","job":"web","index":"0"}'
    ok set_disk_metadata "$disk" '{"deployment":"cf","instance_name":"web/0"}'
    ok snapshot_disk "$disk" '{"deployment":"cf","job":"web","index":0}'
    have_network idle inactive
    person ls
    exits 0
    row "^$stemcell "
    row_has ' 3072 ' qcow2 "$vm"
    row "^$vm +running"
    row_has ' 1024 ' 'cf & co' web/0 10.0.0.10 "$disk"
    row "^$disk +64 +qcow2 +$vm"
    row_has cf web/0
    row "^$cid +64 +$disk"
    row_has cf web/0
    row '^default +active +yes +1$'
    row '^idle +inactive'
}

@test "ls --json tells the same for programs" {
    have_attached_disk
    ok set_vm_metadata "$vm" '{"deployment":"cf","job":"web","index":"0"}'
    person ls --json
    exits 0
    tells_json ".vms | length == 1 and (.[0] | .cid == \"$vm\" and .state == \"running\" and
        .stemcell == \"$stemcell\" and .deployment == \"cf\" and .instance == \"web/0\" and
        .agent_id == \"agent-1\" and .addresses == [\"10.0.0.10\"] and .disks == [\"$disk\"] and
        .directory and .domain and (.unfinished | not) and (.managed_save | not) and .autostart)"
    tells_json ".stemcells[0] | .cid == \"$stemcell\" and .size_mib == 3072 and .vms == [\"$vm\"]"
    tells_json ".disks[0] | .cid == \"$disk\" and .size_mib == 64 and .vms == [\"$vm\"]"
    tells_json ".networks[0].addresses == {\"10.0.0.10\": \"$vm\"}"
    person ls disks --json
    tells_json ".[0].cid == \"$disk\""
}

@test "ls tells of a VM that is off, half made, without its domain or without its directory" {
    local off half headless
    have_vm 10.0.0.11
    off=$vm
    stop_domain "$off"
    have_vm 10.0.0.12
    half=$vm
    touch "$store/vms/$half/creating"
    have_vm 10.0.0.13
    headless=$vm
    rm -r "$state/domains/$headless"
    have_vm 10.0.0.14
    rm -r "$store/vms/$vm"
    person ls vms
    row "^$off +shut off"
    row "^$headless +no domain"
    row "^$vm +running"
    person ls vms --json
    tells_json "map(select(.cid == \"$half\"))[0].unfinished"
    tells_json "map(select(.cid == \"$vm\"))[0].directory == false"
}

@test "ls leaves out what is somebody else's" {
    local other=vm-5b0d6d7c-8f9d-4c39-a9f1-0d5d1e4a6a10
    have_vm
    cp -r "$state/domains/$vm" "$state/domains/mail-server"
    cp -r "$state/domains/$vm" "$state/domains/$other"
    sed -i 's,/store/,/other/,' "$state/domains/$other"/{config,live}
    person ls vms --json
    tells_json 'length == 1'
}

@test "ls asks libvirt once, for the networks a second time" {
    have_vm 10.0.0.11
    have_vm 10.0.0.12
    forget_calls
    person ls
    (($(calls | wc -l) == 2)) || fail "$(calls)"
}

@test "ls fails whole without libvirt, and goes on where a record cannot be read" {
    have_attached_disk
    echo '{' >"$store/disks/$disk/disk.json"
    person ls
    exits 0
    tells "$disk"
    : >"$state/down"
    person ls
    exits 1
    complains libvirt
    [[ -z $said ]]
}

@test "ls of an unknown kind tells the kinds" {
    person ls floppies
    exits 1
    complains stemcells vms disks snapshots networks
}
