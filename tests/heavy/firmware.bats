#!/usr/bin/env bats
# VMs that boot with EFI, which is slow under emulation.

load ../live/helper

nvram() {
    virsh_lab dumpxml "$vm" | sed -n 's,.*<nvram[^>]*>\(.*\)</nvram>.*,\1,p'
}

@test "an EFI-only image boots without being told, and its NVRAM goes with the VM" {
    stemcell efi
    create_vm agent-e "$result" 192.168.122.101
    boots "$vm"
    has "firmware='efi'" "enabled='no' name='secure-boot'"
    local file
    file=$(nvram)
    [[ -n $file ]]
    "$lab/libvirtd.sh" exec "$LAB" test -e "$file"
    disk 24
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: persistent virtio-$disk blank"
    cpi delete_vm "[\"$vm\"]"
    ! "$lab/libvirtd.sh" exec "$LAB" test -e "$file"
}
