#!/usr/bin/env bats
# A snapshot_disk that is killed while the hypervisor copies leaves a job behind that runs on, and a
# libvirtd that is killed as a copy begins one that never ends.

load ../live/helper

# Starts a snapshot of $disk and kills cpi while qemu copies, which is told at once to copy slowly.
begin_and_kill() {
    local index
    # qemu's name of the job has libvirt's number of the image in it.
    index=$(virsh_lab dumpxml "$vm" | sed -n "s,.*<source file='$STORE/disks/$disk/disk.raw' index='\([0-9]*\)'.*,\1,p")
    cat >"$BATS_TEST_TMPDIR/virsh" <<EOF
#!/bin/bash
[[ "\$*" == *backup-begin* ]] || exec virsh "\$@"
slowly='{"execute": "block-job-set-speed", "arguments":
    {"device": "backup-vda-libvirt-$index-format", "speed": 65536}}'
virsh "\${@:1:3}" "\$4; qemu-monitor-command $vm '\$slowly'"
kill -9 "\$PPID"
EOF
    chmod 0755 "$BATS_TEST_TMPDIR/virsh"
    write_config "{\"bin_path\": \"$BATS_TEST_TMPDIR/virsh\"}"
    # It may have been done before it could be slowed.
    wait_for killed_while_it_copies
    write_config '{}'
}

killed_while_it_copies() {
    run call snapshot_disk "[\"$disk\", {}]"
    [[ -n $(find "$STORE/snapshots" -path '*/.new-*/disk.qcow2') ]]
    backup_runs
}

backup_runs() {
    [[ $(virsh_lab domjobinfo "$vm") == *Backup* ]]
}

# The disk's own chain is as it was, and so is what it holds.
intact() {
    [[ $(sha256sum <"$STORE/disks/$disk/disk.raw") == "$sum" ]]
}

@test "after a snapshot_disk that was killed while it copied, snapshot, detach, attach, reboot and delete work" {
    local sum image
    stemcell
    create_vm agent-k "$result" 192.168.122.97
    cpi create_disk '[256, {"format": "raw"}, null]'
    disk=$result
    head -c $((256 << 20)) /dev/urandom | dd of="$STORE/disks/$disk/disk.raw" conv=notrunc bs=1M status=none
    sum=$(sha256sum <"$STORE/disks/$disk/disk.raw")
    boots "$vm"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: persistent virtio-$disk unknown"

    begin_and_kill
    cpi snapshot_disk "[\"$disk\", {}]"
    ! backup_runs
    [[ $(ls -A "$STORE/snapshots") == "$result" ]]
    image=$STORE/snapshots/$result/disk.qcow2
    qemu-img compare -q -U -f qcow2 -F raw "$image" "$STORE/disks/$disk/disk.raw"
    intact
    cpi delete_snapshot "[\"$result\"]"

    # A second disk comes and goes meanwhile.
    begin_and_kill
    local first=$disk
    disk 24
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    cpi detach_disk "[\"$vm\", \"$disk\"]"
    disk=$first
    cpi detach_disk "[\"$vm\", \"$disk\"]"
    intact
    cpi snapshot_disk "[\"$disk\", {}]"
    [[ $(ls -A "$STORE/snapshots") == "$result" ]]
    cpi attach_disk "[\"$vm\", \"$disk\"]"

    begin_and_kill
    cpi reboot_vm "[\"$vm\"]"
    boots "$vm" 2
    ! backup_runs
    intact

    begin_and_kill
    cpi delete_vm "[\"$vm\"]"
    intact
    cpi delete_snapshot "[\"$result\"]"
    cpi delete_disk "[\"$disk\"]"
    [[ -z $(virsh_lab list --all --name) ]]
}

# A libvirtd that is killed as a backup begins, which it need not be in time for.
killed_as_it_begins() {
    cat >"$BATS_TEST_TMPDIR/virsh" <<EOF
#!/bin/bash
[[ "\$*" == *backup-begin* ]] || exec virsh "\$@"
virsh "\$@" <&0 &
sleep 0.0\$((RANDOM % 6))\$((RANDOM % 10))
'$lab/libvirtd.sh' kill-daemon '$LAB'
wait \$!
status=\$?
'$lab/libvirtd.sh' start-daemon '$LAB'
exit \$status
EOF
    chmod 0755 "$BATS_TEST_TMPDIR/virsh"
    write_config "{\"bin_path\": \"$BATS_TEST_TMPDIR/virsh\"}"
    run call snapshot_disk "[\"$disk\", {}]"
    write_config '{}'
    run virsh_lab domjobinfo "$vm"
    [[ $output == *'backup job data missing'* ]]
}

@test "a job that libvirtd holds for good since it was killed is told of, and what the error advises helps" {
    local job="a job from before libvirtd's last start holds the VM"
    stemcell
    create_vm agent-j "$result" 192.168.122.98
    cpi create_disk '[16, {"bus": "scsi"}, null]'
    disk=$result
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    wait_for killed_as_it_begins
    cpi_fails CloudError "$job" snapshot_disk "[\"$disk\", {}]"
    # Disks come and go all the same.
    cpi detach_disk "[\"$vm\", \"$disk\"]"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    cpi_fails CloudError "$job" reboot_vm "[\"$vm\"]"
    "$lab/libvirtd.sh" kill-daemon "$LAB"
    "$lab/libvirtd.sh" start-daemon "$LAB"
    cpi reboot_vm "[\"$vm\"]"
    cpi snapshot_disk "[\"$disk\", {}]"
    cpi delete_snapshot "[\"$result\"]"
    # Or the VM is made anew.
    wait_for killed_as_it_begins
    cpi delete_vm "[\"$vm\"]"
    cpi delete_disk "[\"$disk\"]"
    [[ -z $(virsh_lab list --all --name) ]]
}
