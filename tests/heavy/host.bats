#!/usr/bin/env bats
# What an ordinary user may still do with what libvirt has had.

load ../live/helper

# owner FORMAT
owner() {
    stat -c %U "$STORE/disks/$disk/disk.$1"
}

@test "an ordinary user changes a disk that libvirt did not give back after the host lost power" {
    as_ordinary_user
    cpi create_stemcell "[\"$image\", {}]"
    create_vm agent-u "$result" 192.168.122.80
    disk 40
    boots "$vm"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: persistent virtio-$disk blank, wrote owner=agent-u"
    "$lab/libvirtd.sh" reboot "$user_lab"
    boots "$vm" 2
    cpi detach_disk "[\"$vm\", \"$disk\"]"
    [[ $(owner qcow2) == libvirt-qemu ]] || {
        ls -l "$STORE/disks/$disk" >&2
        false
    }

    # As it would be without the entry.
    setfacl -b "$STORE/disks/$disk/disk.qcow2"
    cpi_fails CloudError 'setfacl -m u:USER:rw' resize_disk "[\"$disk\", 48]"
    cpi_fails CloudError 'setfacl -m u:USER:rw' snapshot_disk "[\"$disk\", {}]"
    [[ -z $(ls -A "$STORE/snapshots") ]]
    setfacl -m u:nobody:rw "$STORE/disks/$disk/disk.qcow2"

    cpi resize_disk "[\"$disk\", 48]"
    cpi snapshot_disk "[\"$disk\", {}]"
    qemu-img compare -q "$STORE/snapshots/$result/disk.qcow2" "$STORE/disks/$disk/disk.qcow2"
    cpi update_disk "[\"$disk\", 56, {\"format\": \"raw\"}]"
    # The new image is the user's, and has an entry too.
    [[ $(owner raw) == nobody && $(getfacl -cE "$STORE/disks/$disk/disk.raw" 2>/dev/null) == *user:nobody:rw-* ]]
    chown root:root "$STORE/disks/$disk/disk.raw"
    cpi resize_disk "[\"$disk\", 64]"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: disk+ virtio-$disk 67108864"
    on_console "$vm" "^guest: persistent virtio-$disk owner=agent-u"
    "$lab/libvirtd.sh" stop "$user_lab"
}
