#!/usr/bin/env bats
# How many children each method has in the usual case: most of a call's time is theirs. What is not
# usual may take more.

load helper

# takes COUNT METHOD ARGUMENT...: succeeds with that many children, as cpi itself counts them
takes() {
    local count
    forget_calls
    run_cpi --trace "$world/trace.json" <<<"$(request "${@:2}")" >"$world/stdout" 2>"$world/stderr"
    read_answer 0
    succeeded || fail "$2 failed"
    count=$(jq '.[-1].args.children' "$world/trace.json")
    ((count == $1)) || fail "$2 has $count children and should have $1: $(calls)"
    [[ ! $response =~ \"result\":\[?\"([^\"]+)\" ]] || cid=${BASH_REMATCH[1]}
}

dynamic='{"a":{"type":"dynamic","cloud_properties":{"name":"default"}}}'

@test "of methods that concern no VM" {
    local image network
    stemcell_image
    takes 0 info
    takes 2 create_stemcell "$image" '{}'
    takes 0 delete_stemcell "$cid"
    takes 0 calculate_vm_cloud_properties '{"cpu":1,"ram":512,"ephemeral_disk_size":1024}'
    takes 1 create_disk 100 '{}' null
    disk=$cid
    takes 0 has_disk "$disk"
    takes 0 set_disk_metadata "$disk" '{"a":"b"}'
    takes 1 resize_disk "$disk" 200
    takes 1 update_disk "$disk" 300 '{}'
    takes 1 snapshot_disk "$disk" '{}'
    takes 0 delete_snapshot "$cid"
    takes 0 delete_disk "$disk"
}

@test "of methods that concern a VM" {
    have_stemcell
    have_disk
    takes 3 create_vm a "$stemcell" '{}' "$dynamic" '[]' '{}'
    vm=$cid
    takes 1 has_vm "$vm"
    takes 1 set_vm_metadata "$vm" '{"job":"a"}'
    takes 1 get_disks "$vm"
    takes 1 attach_disk "$vm" "$disk"
    takes 1 get_disks "$vm"
    takes 1 detach_disk "$vm" "$disk"
    takes 1 reboot_vm "$vm"
    takes 1 delete_vm "$vm"
}

@test "of methods that concern a VM that is off" {
    have_vm
    have_disk
    stop_domain "$vm"
    takes 1 has_vm "$vm"
    takes 1 attach_disk "$vm" "$disk"
    takes 1 detach_disk "$vm" "$disk"
    takes 1 reboot_vm "$vm"
    stop_domain "$vm"
    # Its address is reserved at the network's DHCP.
    takes 2 delete_vm "$vm"
}

@test "of create_vm where a network must be looked at first" {
    have_stemcell
    # The address must fit the network and be nobody else's.
    takes 4 create_vm a "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' '{}'
}

@test "of methods that concern a managed network" {
    have_store
    takes 3 create_network '{"range":"10.7.0.0/24","gateway":"10.7.0.1","cloud_properties":{}}'
    takes 2 delete_network "$cid"
}

@test "of what is asked for a VM or a disk that is not there" {
    have_store
    takes 0 delete_disk nodisk
    takes 0 has_disk nodisk
    # The failure is looked into.
    takes 2 has_vm vm-none
}
