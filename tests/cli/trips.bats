#!/usr/bin/env bats
# How often each method waits for the shell on another host, in the usual case: over a long way most
# of a call's time is that. Here ssh is a stand-in, and the other host is this one.

load helper

# What cpi's stderr says of it (src/session.c): a question to the far shell, and a new ssh.
round_trip='^cpi[^:]*: on far: '
new_session='^cpi[^:]*: connecting to host '

lines() {
    grep -cE "$1" "$world/stderr" || true
}

# trips MOST METHOD ARGUMENT...: succeeds over one ssh, with no more round trips
trips() {
    local count
    ok "${@:2}"
    count=$(lines "$round_trip")
    (($(lines "$new_session") == (count > 0))) || fail "$2 connects $(lines "$new_session") times"
    ((count <= $1)) || fail "$2 has $count round trips and should have $1 at most"
}

@test "of every method, over one ssh" {
    have_stemcell
    work_far_away
    write_config
    trips 0 info
    trips 0 calculate_vm_cloud_properties '{"cpu":1,"ram":512,"ephemeral_disk_size":1024}'
    trips 2 create_vm a "$stemcell" '{}' '{"a":{"type":"dynamic","cloud_properties":{"name":"default"}}}' '[]' '{}'
    trips 2 delete_vm "$cid"
    trips 2 create_vm a "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' '{}'
    vm=$cid
    trips 2 create_disk 64 '{}' null
    disk=$cid
    trips 1 has_vm "$vm"
    trips 1 has_disk "$disk"
    trips 1 set_vm_metadata "$vm" '{"job":"a"}'
    trips 2 set_disk_metadata "$disk" '{"job":"a"}'
    trips 2 attach_disk "$vm" "$disk"
    trips 1 get_disks "$vm"
    # A place for heavy work, then the copy, which is asked after until it is complete.
    trips 7 snapshot_disk "$disk" '{}'
    snapshot=$cid
    trips 2 detach_disk "$vm" "$disk"
    trips 1 reboot_vm "$vm"
    trips 2 delete_snapshot "$snapshot"
    # The places are asked for, then the copy is made while one is held.
    trips 4 snapshot_disk "$disk" '{}'
    trips 2 delete_snapshot "$cid"
    trips 2 resize_disk "$disk" 128
    trips 2 update_disk "$disk" 192 '{}'
    trips 2 delete_disk "${cid:-$disk}"
    # The record goes when it is known that the reservation went.
    trips 3 delete_vm "$vm"
    # All networks of the host, by their uuids, before their XML can be read.
    trips 3 create_network '{"range":"10.7.0.0/24","gateway":"10.7.0.1","cloud_properties":{}}'
    trips 2 delete_network "$cid"
    stemcell_image
    # The image is there already.
    trips 5 create_stemcell "$image" '{}'
    trips 2 delete_stemcell "$cid"
    trips 2 delete_stemcell "$stemcell"
}

# What the calls of a deployment have in common is one question, not one each.
@test "of what depends on the number of VMs and networks" {
    have_stemcell
    work_far_away
    write_config
    have_network second active 10.0.1
    have_vm 10.0.0.10
    have_vm 10.0.0.11
    have_vm 10.0.0.12
    trips 2 create_vm a "$stemcell" '{}' \
        "{\"a\":$(jq .private <<<"$(manual 10.0.0.20)"),\"b\":$(jq .private <<<"$(manual 10.0.1.20 second | sed 's/10.0.0.1"/10.0.1.1"/g; s/,"default":\["dns","gateway"\]//')")}" '[]' '{}'
    trips 3 delete_vm "$cid"
    ok create_network '{"range":"10.7.0.0/24","gateway":"10.7.0.1","cloud_properties":{}}'
    trips 2 delete_network "$cid"
    run ask delete_stemcell "$stemcell"
    [[ $(lines "$round_trip") == 1 ]] || fail 'each VM was asked about'
}

@test "of a user who keeps access to the disk's image" {
    [[ $(id -u) == 0 ]] || skip 'root alone can play another'
    cat >"$world/bin/id" <<END
#!/bin/sh
echo 1000
END
    cat >"$world/bin/setfacl" <<END
#!/bin/sh
echo "\$@" >>"$state/acl"
END
    chmod 0755 "$world"/bin/{id,setfacl}
    work_far_away
    write_config
    ok create_disk 64 '{}' null
    trips 2 create_disk 64 '{}' null
    [[ $(tail -n 1 "$state/acl") == "-m u:1000:rw $store/disks/.new-$cid/disk.qcow2" ]] || fail "$(<"$state/acl")"
}
