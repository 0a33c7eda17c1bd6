#!/usr/bin/env bats
# Two hosts over SSH, what takes long: many calls at once, and VMs that move.

load ../live/remote

# begin_vm NUMBER STEMCELL: create_vm in the background, its response in a file of its own
begin_vm() {
    local answer=$BATS_TEST_TMPDIR/${CONFIG##*/}.$1
    jq -cn --arg n "$1" --arg s "$2" --argjson net "$(networks "192.168.122.$1")" \
        '{method: "create_vm", api_version: 2, arguments: ["agent-\($n)", $s,
          {memory: 64, ephemeral_disk: 16}, $net, [], {}]}' |
        "$CPI" --config "$CONFIG" >"$answer" 2>"$answer.log" 3>&- &
    pids+=($!)
}

@test "many calls at once on both hosts" {
    local number host sc_a sc_b response pids=()
    work_on b
    stemcell
    sc_b=$result
    work_on a
    stemcell
    sc_a=$result
    for number in 20 21 22 23; do
        work_on a
        begin_vm "$number" "$sc_a"
        work_on b
        begin_vm "$number" "$sc_b"
    done
    wait "${pids[@]}"
    for host in a b; do
        work_on "$host"
        for number in 20 21 22 23; do
            jq -e '.error == null' "$BATS_TEST_TMPDIR/$host.json.$number" || {
                cat "$BATS_TEST_TMPDIR/$host.json.$number" >&2
                false
            }
            cpi delete_vm "[$(jq '.result[0]' "$BATS_TEST_TMPDIR/$host.json.$number")]"
        done
    done
    work_on a
    cpi delete_stemcell "[\"$sc_a\"]"
    nothing_left
    work_on b
    cpi delete_stemcell "[\"$sc_b\"]"
    nothing_left
}

# libvirt tells hosts apart by name and uuid, which the labs share.
make_b_another_machine() {
    work_on b
    on_host umount "$HOSTS/store"
    on_host mount --bind "$HOSTS/a/store" "$HOSTS/store"
    "$lab/libvirtd.sh" kill-daemon "$HOSTS/b"
    echo 'host_uuid = "11111111-2222-4333-8444-555555555555"' | on_host tee -a /etc/libvirt/libvirtd.conf >/dev/null
    on_host unshare --uts bash -c 'hostname host-b && exec libvirtd -d -p /run/libvirt/libvirtd.pid' 3>&-
    wait_for virsh_lab list
}

@test "a VM moves to another host of the same store, and the entry after it" {
    make_b_another_machine
    work_on a
    stemcell
    local stemcell=$result
    create_vm agent-m "$stemcell" 192.168.122.40
    disk 48
    boots "$vm"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: persistent virtio-$disk blank, wrote owner=agent-m"
    # libvirt's ssh would write down the hosts' keys for the user of the tests.
    printf '#%s\nexec ssh -o UserKnownHostsFile=/dev/null "$@"\n' '!/bin/sh' >"$HOSTS/ssh"
    chmod 0755 "$HOSTS/ssh"
    on_host virsh -q -c qemu:///system migrate --live --persistent --undefinesource --unsafe "$vm" \
        "qemu+ssh://root@10.99.0.2/system?keyfile=$HOSTS/key&no_verify=1&command=$HOSTS/ssh" --migrateuri tcp://10.99.0.2
    cpi has_vm "[\"$vm\"]"
    [[ $result == false ]]

    # The entry is pointed at the other host, which has the same store.
    work_on b
    STORE=$HOSTS/a/store
    [[ $(virsh_lab domstate "$vm") == running ]]
    # Which libvirt leaves behind (docs/multi-host.md).
    virsh_lab dominfo "$vm" | grep -q 'Autostart: *disable'
    virsh_lab autostart "$vm"
    cpi has_vm "[\"$vm\"]"
    [[ $result == true ]]
    cpi get_disks "[\"$vm\"]"
    [[ $(jq -c . <<<"$result") == "[\"$disk\"]" ]]
    cpi detach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: disk- virtio-$disk"
    cpi reboot_vm "[\"$vm\"]"
    boots "$vm" 2
    cpi delete_vm "[\"$vm\"]"
    cpi delete_disk "[\"$disk\"]"
    cpi delete_stemcell "[\"$stemcell\"]"
    nothing_left
}
