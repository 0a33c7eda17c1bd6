#!/usr/bin/env bats
# The life of VMs and disks on real libvirt and real QEMU, seen from the guest's console, virsh and
# qemu-img.

load helper

# life AGENT STEMCELL IP: everything that happens to a VM with a disk, in the Director's order
life() {
    create_vm "$1" "$2" "$3"
    boots "$vm"
    on_console "$vm" "^guest: settings label=config-2 agent_id=$1 vm=$vm"
    on_console "$vm" "^guest: nic eth0 $(jq -r .private.mac <<<"$vm_networks")"
    on_console "$vm" "^guest: net private eth0 $3"
    on_console "$vm" '^guest: ephemeral-data ok'
    cpi set_vm_metadata "[\"$vm\", {\"name\": \"web/0\", \"deployment\": \"dep\", \"index\": 0}]"
    [[ $(virsh_lab list --title) == *'web/0 (dep)'* ]]
    [[ $(virsh_lab desc "$vm") == *'deployment: dep'* ]]
    [[ $(virsh_lab metadata "$vm" https://bosh.io/xmlns/libvirt-cpi/1) == *'key="name">web/0<'* ]]

    disk 64
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    [[ $(jq -r .path <<<"$result") == "/dev/disk/by-id/virtio-$disk" ]]
    [[ $(jq -r .id <<<"$result") == "$disk" ]]
    on_console "$vm" "^guest: disk+ virtio-$disk 67108864"
    on_console "$vm" "^guest: persistent virtio-$disk blank, wrote owner=$1"
    cpi set_disk_metadata "[\"$disk\", {\"deployment\": \"dep\"}]"
    cpi get_disks "[\"$vm\"]"
    [[ $(jq -c . <<<"$result") == "[\"$disk\"]" ]]
    cpi has_disk "[\"$disk\"]"
    [[ $result == true ]]
    cpi detach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: disk- virtio-$disk"
    [[ $(virsh_lab domblklist "$vm"; virsh_lab domblklist "$vm" --inactive) != *"$disk"* ]]

    cpi reboot_vm "[\"$vm\"]"
    boots "$vm" 2
    on_console "$vm" '^guest: boot 2'
    cpi has_vm "[\"$vm\"]"
    [[ $result == true ]]
    cpi delete_vm "[\"$vm\"]"
    cpi has_vm "[\"$vm\"]"
    [[ $result == false ]]
    [[ $(virsh_lab list --all --name) != *"$vm"* ]]
    cpi delete_disk "[\"$disk\"]"
    cpi has_disk "[\"$disk\"]"
    [[ $result == false ]]
}

@test "a whole life, twice, and with a second VM of the same stemcell running meanwhile" {
    stemcell
    local stemcell=$result neighbour
    life agent-1 "$stemcell" 192.168.122.10
    cpi delete_stemcell "[\"$stemcell\"]"
    nothing_left

    stemcell
    stemcell=$result
    create_vm neighbour "$stemcell" 192.168.122.20
    neighbour=$vm
    life agent-1 "$stemcell" 192.168.122.10
    [[ $(virsh_lab domstate "$neighbour") == running* ]]
    cpi_fails CloudError "$neighbour" delete_stemcell "[\"$stemcell\"]"
    boots "$neighbour"
    cpi delete_vm "[\"$neighbour\"]"
    cpi delete_stemcell "[\"$stemcell\"]"
    nothing_left
}

@test "data on a persistent disk survives detach, delete_vm and attach to another VM" {
    stemcell
    local stemcell=$result first
    create_vm first "$stemcell" 192.168.122.11
    first=$vm
    disk 64
    boots "$first"
    cpi attach_disk "[\"$first\", \"$disk\"]"
    on_console "$first" "^guest: persistent virtio-$disk blank, wrote owner=first"
    cpi detach_disk "[\"$first\", \"$disk\"]"
    create_vm second "$stemcell" 192.168.122.12
    boots "$vm"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: persistent virtio-$disk owner=first"
    # With the disk still attached, as create-env does it.
    cpi delete_vm "[\"$vm\"]"
    cpi has_disk "[\"$disk\"]"
    [[ $result == true ]]
    cpi attach_disk "[\"$first\", \"$disk\"]"
    wait_for console_has "$first" "^guest: persistent virtio-$disk owner=first"
    cpi_fails CloudError "$first" delete_disk "[\"$disk\"]"
    cpi delete_vm "[\"$first\"]"
    cpi delete_disk "[\"$disk\"]"
    cpi delete_stemcell "[\"$stemcell\"]"
    nothing_left
}

# The letters of SATA and virtio disks race at a cold boot, and the agent wipes what it takes for the
# ephemeral disk at every start.
@test "a cold boot with SATA root and ephemeral and two persistent disks finds each as what it is" {
    stemcell
    local stemcell=$result one two
    create_vm agent-c "$stemcell" 192.168.122.13
    disk 48 && one=$disk
    disk 56 && two=$disk
    boots "$vm"
    cpi attach_disk "[\"$vm\", \"$one\"]"
    cpi attach_disk "[\"$vm\", \"$two\"]"
    on_console "$vm" "^guest: persistent virtio-$one blank, wrote owner=agent-c"
    on_console "$vm" "^guest: persistent virtio-$two blank, wrote owner=agent-c"
    cpi reboot_vm "[\"$vm\"]"
    boots "$vm" 2
    sed -n '/guest: boot 2/,$p' "$(console "$vm")" >"$BATS_TEST_TMPDIR/second"
    grep -q '^guest: root ata-QEMU_HARDDISK_' "$BATS_TEST_TMPDIR/second"
    grep -q '^guest: ephemeral /dev/disk/by-id/ata-QEMU_HARDDISK_.* 100663296' "$BATS_TEST_TMPDIR/second"
    grep -q '^guest: ephemeral-data ok' "$BATS_TEST_TMPDIR/second"
    grep -q "^guest: disk virtio-$one 50331648" "$BATS_TEST_TMPDIR/second"
    grep -q "^guest: persistent virtio-$one owner=agent-c" "$BATS_TEST_TMPDIR/second"
    grep -q "^guest: disk virtio-$two 58720256" "$BATS_TEST_TMPDIR/second"
    grep -q "^guest: persistent virtio-$two owner=agent-c" "$BATS_TEST_TMPDIR/second"
    cpi get_disks "[\"$vm\"]"
    [[ $(jq -c sort <<<"$result") == "$(jq -cn '$ARGS.positional | sort' --args "$one" "$two")" ]]
}

@test "root and ephemeral disk on VIRTIO, the persistent one hot-plugged" {
    bus_boots VIRTIO virtio-
}

@test "a raw stemcell, a larger root disk and no ephemeral disk" {
    stemcell raw
    local stemcell=$result root
    cpi_fails CpiError 'ephemeral_disk is 0' create_vm "$(jq -cn --arg s "$stemcell" \
        '["a", $s, {ephemeral_disk: 0, root_disk_size: 500}, {}, [], {}]')"
    create_vm agent-r "$stemcell" 192.168.122.15 '{"ephemeral_disk": 0, "root_disk_size": 1500}'
    root=$STORE/vms/$vm/root.qcow2
    [[ $(qemu-img info -U --output=json "$root" | jq '."virtual-size"') == 1572864000 ]]
    [[ $(qemu-img info -U --output=json "$root" | jq -r '."backing-filename-format"') == raw ]]
    boots "$vm"
    on_console "$vm" '^guest: ephemeral none'
    on_console "$vm" '^guest: root .* 1572864000'
}
