#!/usr/bin/env bats
# What happens to the host: it reboots, and the CPI is not root on it.

load helper

@test "after a reboot of the host VMs, NICs and disks are back without a call" {
    stemcell
    create_vm agent-h "$result" 192.168.122.70
    local mac
    mac=$(jq -r .private.mac <<<"$vm_networks")
    disk 40
    boots "$vm"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: persistent virtio-$disk blank, wrote owner=agent-h"
    "$lab/libvirtd.sh" reboot "$LAB"
    boots "$vm" 2
    sed -n '/guest: boot 2/,$p' "$(console "$vm")" >"$BATS_TEST_TMPDIR/second"
    grep -q "^guest: nic eth0 $mac" "$BATS_TEST_TMPDIR/second"
    grep -q '^guest: net private eth0 192.168.122.70' "$BATS_TEST_TMPDIR/second"
    grep -q '^guest: ephemeral-data ok' "$BATS_TEST_TMPDIR/second"
    grep -q "^guest: persistent virtio-$disk owner=agent-h" "$BATS_TEST_TMPDIR/second"
}

# The CPI as a user of group libvirt, qemu as libvirt-qemu: what libvirt has owned, the CPI may not
# open again.
@test "a whole life as an ordinary user, two VMs from one stemcell" {
    local stemcell first
    as_ordinary_user
    cpi create_stemcell "[\"$image\", {}]"
    stemcell=$result
    create_vm agent-u "$stemcell" 192.168.122.80
    first=$vm
    create_vm agent-v "$stemcell" 192.168.122.81
    disk 40
    boots "$first"
    boots "$vm"
    cpi attach_disk "[\"$first\", \"$disk\"]"
    on_console "$first" "^guest: persistent virtio-$disk blank, wrote owner=agent-u"
    [[ $(stat -c %U "$STORE/disks/$disk"/disk.qcow2) == libvirt-qemu ]] || {
        ls -l "$STORE/disks/$disk" >&2
        false
    }
    cpi detach_disk "[\"$first\", \"$disk\"]"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: persistent virtio-$disk owner=agent-u"
    cpi reboot_vm "[\"$first\"]"
    boots "$first" 2
    cpi delete_vm "[\"$vm\"]"
    cpi set_disk_metadata "[\"$disk\", {\"deployment\": \"dep\"}]"
    cpi delete_disk "[\"$disk\"]"
    cpi delete_vm "[\"$first\"]"
    cpi delete_stemcell "[\"$stemcell\"]"
    nothing_left
    "$lab/libvirtd.sh" stop "$user_lab"
}
