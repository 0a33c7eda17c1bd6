#!/usr/bin/env bats
# What a VM's life may need beside the usual: other buses, many disks, many boots.

load ../live/helper

@test "root and ephemeral disk on IDE, the persistent one hot-plugged" {
    bus_boots IDE ata-QEMU_HARDDISK_
}

@test "root and ephemeral disk on SCSI, the persistent one hot-plugged" {
    bus_boots SCSI scsi-0QEMU_QEMU_HARDDISK_
}

@test "more disks than there are PCI slots: the rest come on the SCSI bus, and are found" {
    stemcell
    create_vm agent-m "$result" 192.168.122.16
    boots "$vm"
    local paths=() count
    for ((count = 0; count < 28; count++)); do
        disk 8
        cpi attach_disk "[\"$vm\", \"$disk\"]"
        paths+=("$(jq -r .path <<<"$result")")
    done
    [[ "${paths[*]}" == *scsi-0QEMU_QEMU_HARDDISK_* ]]
    for path in "${paths[@]}"; do
        on_console "$vm" "^guest: persistent ${path##*/} blank"
    done
    cpi get_disks "[\"$vm\"]"
    [[ $(jq length <<<"$result") == 28 ]]
    cpi detach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: disk- .*$disk"
}

@test "reboot_vm runs a VM that is off, paused or managed-saved, from power-off" {
    stemcell
    create_vm agent-b "$result" 192.168.122.40
    boots "$vm"
    virsh_lab destroy "$vm"
    cpi reboot_vm "[\"$vm\"]"
    boots "$vm" 2
    virsh_lab suspend "$vm"
    cpi reboot_vm "[\"$vm\"]"
    boots "$vm" 3
    virsh_lab managedsave "$vm"
    cpi reboot_vm "[\"$vm\"]"
    boots "$vm" 4
    [[ $(virsh_lab domstate "$vm") == running* ]]
}
