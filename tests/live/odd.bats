#!/usr/bin/env bats
# Odd states on real libvirt: what is half there, off, paused, saved, or not reachable.

load helper

@test "delete_vm removes what is paused, off, managed-saved, only a domain or only files" {
    stemcell
    local stemcell=$result states=(paused off saved domain files) state i=30
    for state in "${states[@]}"; do
        create_vm "agent-$state" "$stemcell" "192.168.122.$((i++))"
        case $state in
            paused) virsh_lab suspend "$vm" ;;
            off) virsh_lab destroy "$vm" ;;
            saved) virsh_lab managedsave "$vm" ;;
            domain) rm -r "$STORE/vms/$vm" ;;
            files)
                virsh_lab destroy "$vm"
                virsh_lab undefine "$vm"
                ;;
        esac
        cpi delete_vm "[\"$vm\"]"
        cpi has_vm "[\"$vm\"]"
        [[ $result == false && ! -e $STORE/vms/$vm ]] || { echo "state $state" >&2; false; }
        cpi delete_vm "[\"$vm\"]"
    done
    cpi delete_stemcell "[\"$stemcell\"]"
    # The address of the VM whose files were removed by hand is all that may be left.
    find "$STORE/networks" -type l -delete
    nothing_left
}

@test "attach and detach work on a VM that is off, in its definition" {
    stemcell
    create_vm agent-o "$result" 192.168.122.41
    disk 32
    virsh_lab destroy "$vm"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    [[ $(virsh_lab domblklist "$vm" --inactive) == *"$disk"* ]]
    cpi set_vm_metadata "[\"$vm\", {\"name\": \"off/0\"}]"
    [[ $(virsh_lab desc "$vm" --title) == *off/0* ]]
    cpi reboot_vm "[\"$vm\"]"
    on_console "$vm" "^guest: persistent virtio-$disk blank, wrote owner=agent-o"
    virsh_lab destroy "$vm"
    cpi detach_disk "[\"$vm\", \"$disk\"]"
    [[ $(virsh_lab domblklist "$vm" --inactive) != *"$disk"* ]]
    cpi_fails DiskNotAttached "$disk" detach_disk "[\"$vm\", \"$disk\"]"
}

# A paused guest lets go of nothing.
@test "detach_disk gives up after detach_timeout and leaves both definitions as they were" {
    write_config '{"detach_timeout": 2}'
    stemcell
    create_vm agent-t "$result" 192.168.122.42
    disk 32
    boots "$vm"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: disk+ virtio-$disk"
    virsh_lab suspend "$vm"
    cpi_fails CloudError 'did not let go' detach_disk "[\"$vm\", \"$disk\"]"
    [[ $(virsh_lab domblklist "$vm") == *"$disk"* ]]
    [[ $(virsh_lab domblklist "$vm" --inactive) == *"$disk"* ]]
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    virsh_lab resume "$vm"
    write_config '{}'
    cpi detach_disk "[\"$vm\", \"$disk\"]"
    [[ $(virsh_lab domblklist "$vm"; virsh_lab domblklist "$vm" --inactive) != *"$disk"* ]]
}

@test "a disk is on one VM only" {
    stemcell
    local stemcell=$result first
    create_vm one "$stemcell" 192.168.122.43
    first=$vm
    create_vm two "$stemcell" 192.168.122.44
    disk 32
    cpi attach_disk "[\"$first\", \"$disk\"]"
    cpi_fails CloudError "$first" attach_disk "[\"$vm\", \"$disk\"]"
    [[ $(virsh_lab domblklist "$vm") != *"$disk"* ]]
    # Its VM was removed by hand, or is on another host of the same store: delete_vm says which.
    virsh_lab destroy "$first"
    virsh_lab undefine "$first"
    cpi_fails CloudError 'in the store but not in libvirt' attach_disk "[\"$vm\", \"$disk\"]"
    cpi delete_vm "[\"$first\"]"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
}

@test "absent VMs, disks and stemcells" {
    local gone=vm-00000000-0000-4000-8000-000000000000 disk=d0000000000000000000
    cpi_fails CloudError 'is its file system mounted?' has_disk "[\"$disk\"]"
    stemcell
    cpi has_vm "[\"$gone\"]" && [[ $result == false ]]
    cpi has_disk "[\"$disk\"]" && [[ $result == false ]]
    cpi delete_vm "[\"$gone\"]"
    cpi delete_disk "[\"$disk\"]"
    cpi delete_stemcell '["sc-none"]'
    cpi_fails VMNotFound "$gone" reboot_vm "[\"$gone\"]"
    cpi_fails VMNotFound "$gone" set_vm_metadata "[\"$gone\", {}]"
    cpi_fails VMNotFound "$gone" get_disks "[\"$gone\"]"
    cpi_fails VMNotFound "$gone" attach_disk "[\"$gone\", \"$disk\"]"
    cpi_fails VMNotFound "$gone" detach_disk "[\"$gone\", \"$disk\"]"
    cpi_fails DiskNotFound "$disk" set_disk_metadata "[\"$disk\", {}]"
    cpi_fails CloudError 'no stemcell' create_vm '["a", "sc-none", {}, {}, [], {}]'
}

@test "networks: missing, inactive, enabled on demand, and an address that is taken" {
    stemcell
    local stemcell=$result owner
    request() {
        jq -cn --arg s "$stemcell" --argjson n "$(networks "$1" "$2")" \
            '["a", $s, {memory: 256, ephemeral_disk: 64}, $n, [], {}]'
    }
    cpi_fails NetworkNotFound "'nowhere'" create_vm "$(request 192.168.122.50 nowhere)"
    cpi_fails CloudError "virsh net-start idle" create_vm "$(request 192.168.144.50 idle)"
    [[ -z $(virsh_lab list --all --name) && -z $(ls "$STORE/vms") ]]
    write_config '{"auto_enable_networks": true}'
    cpi create_vm "$(request 192.168.144.50 idle)"
    [[ $(virsh_lab net-list --autostart --name) == *idle* ]]
    owner=$(jq -r '.[0]' <<<"$result")
    cpi_fails CloudError "$owner" create_vm "$(request 192.168.144.50 idle)"
    [[ $(virsh_lab list --all --name) == "$owner"* ]]
    cpi delete_vm "[\"$owner\"]"
    cpi create_vm "$(request 192.168.144.50 idle)"
    virsh_lab net-destroy idle
    virsh_lab net-autostart idle --disable
}

@test "libvirtd is down: every method says so and has_vm never says false" {
    stemcell
    local stemcell=$result method
    create_vm agent-d "$stemcell" 192.168.122.60
    disk 16
    "$lab/libvirtd.sh" kill-daemon "$LAB"
    for method in has_vm delete_vm reboot_vm get_disks; do
        cpi_fails CloudError 'cannot reach libvirt' "$method" "[\"$vm\"]"
    done
    cpi_fails CloudError 'cannot reach libvirt' attach_disk "[\"$vm\", \"$disk\"]"
    cpi_fails CloudError 'cannot reach libvirt' detach_disk "[\"$vm\", \"$disk\"]"
    cpi_fails CloudError 'cannot reach libvirt' set_vm_metadata "[\"$vm\", {}]"
    # The type that the Director tries again with.
    cpi_fails VMCreationFailed 'cannot reach libvirt' create_vm \
        "$(jq -cn --arg s "$stemcell" --argjson n "$(networks 192.168.122.61)" '["a", $s, {}, $n, [], {}]')"
    [[ $(ls "$STORE/vms") == "$vm" ]]
    "$lab/libvirtd.sh" start-daemon "$LAB"
    cpi has_vm "[\"$vm\"]"
    [[ $result == true ]]
    cpi attach_disk "[\"$vm\", \"$disk\"]"
}
