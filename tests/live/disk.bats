#!/usr/bin/env bats
# Persistent disks: their properties in libvirt, their growth, their snapshots.

load helper

in_guest() {
    "$lab/libvirtd.sh" guest "$LAB" "$1" "$2"
}

@test "cloud_properties of a disk are the device's and the image's" {
    stemcell
    create_vm agent-p "$result" 192.168.122.90
    cpi create_disk '[24, {"format": "raw", "preallocation": "full", "cache": "none", "io": "native",
        "discard": "ignore", "iops_read": 500, "throughput_write": 10, "bus": "scsi"}, null]'
    disk=$result
    [[ $(qemu-img info --output=json "$STORE/disks/$disk/disk.raw" | jq -r .format) == raw ]]
    [[ $(stat -c %b "$STORE/disks/$disk/disk.raw") -ge $((24 * 2048)) ]]
    boots "$vm"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    [[ $(jq -r .path <<<"$result") == "/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_$disk" ]]
    on_console "$vm" "^guest: disk+ scsi-0QEMU_QEMU_HARDDISK_$disk 25165824"
    virsh_lab dumpxml "$vm" --inactive >"$BATS_TEST_TMPDIR/xml"
    grep -q "cache='none' io='native' discard='ignore'" "$BATS_TEST_TMPDIR/xml"
    grep -q '<read_iops_sec>500</read_iops_sec>' "$BATS_TEST_TMPDIR/xml"
    grep -q '<write_bytes_sec>10485760</write_bytes_sec>' "$BATS_TEST_TMPDIR/xml"
    [[ $(virsh_lab blkdeviotune "$vm" sdd | tr -d ' ') == *read_iops_sec:500* ]]
}

@test "every format can be attached, and holds what the guest writes" {
    stemcell
    create_vm agent-f "$result" 192.168.122.91
    boots "$vm"
    local format
    for format in qcow2 raw qcow vmdk; do
        cpi create_disk "[24, {\"format\": \"$format\"}, null]"
        disk=$result
        [[ $(qemu-img info --output=json "$STORE/disks/$disk/disk.$format" | jq -r .format) == "$format" ]]
        cpi attach_disk "[\"$vm\", \"$disk\"]"
        on_console "$vm" "^guest: persistent virtio-$disk blank, wrote owner=agent-f"
        cpi detach_disk "[\"$vm\", \"$disk\"]"
        [[ $(qemu-img dd -f "$format" -O raw bs=512 count=1 "if=$STORE/disks/$disk/disk.$format" \
            "of=$BATS_TEST_TMPDIR/head" && head -c 13 "$BATS_TEST_TMPDIR/head") == owner=agent-f ]]
    done
    cpi_fails CpiError 'must be one of' create_disk '[24, {"format": "vhdx"}, null]'
    cpi_fails NotSupported 'preallocated' create_disk '[24, {"format": "vmdk", "preallocation": "full"}, null]'
}

# target_of FILE: in both definitions of the VM
target_of() {
    virsh_lab domblklist "$vm" | awk -v file="$1" '$2 == file { print $1 }'
    virsh_lab domblklist "$vm" --inactive | awk -v file="$1" '$2 == file { print $1 }'
}

@test "a disk that was attached by hand is left alone, even where it has our target" {
    local file own other=$BATS_TEST_TMPDIR/hand.qcow2
    stemcell
    create_vm agent-h "$result" 192.168.122.94
    disk 24
    file=$STORE/disks/$disk/disk.qcow2
    boots "$vm"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    mapfile -t own < <(target_of "$file")
    [[ ${#own[@]} == 2 && ${own[0]} == "${own[1]}" && ${own[0]} == vd[a-z][a-z] ]]
    on_console "$vm" "^guest: persistent virtio-$disk blank"
    cpi detach_disk "[\"$vm\", \"$disk\"]"
    [[ -z $(target_of "$file") ]]
    qemu-img create -q -f qcow2 "$other" 8M
    chmod 0755 "$BATS_TEST_TMPDIR"
    chmod 0666 "$other"
    virsh_lab attach-disk "$vm" "$other" "${own[0]}" --subdriver qcow2 --persistent
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: persistent virtio-$disk owner=agent-h"
    [[ $(target_of "$file") && $(target_of "$file") != *"${own[0]}"* ]]
    [[ $(target_of "$other") == "${own[0]}"$'\n'"${own[0]}" ]]
    cpi detach_disk "[\"$vm\", \"$disk\"]"
    [[ -z $(target_of "$file") && $(target_of "$other") == "${own[0]}"$'\n'"${own[0]}" ]]
}

@test "resize_disk grows a detached disk in place, and the guest sees it" {
    stemcell
    create_vm agent-g "$result" 192.168.122.92
    disk 24
    boots "$vm"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: persistent virtio-$disk blank"
    cpi_fails CloudError "$vm" resize_disk "[\"$disk\", 48]"
    cpi detach_disk "[\"$vm\", \"$disk\"]"
    cpi_fails NotSupported smaller resize_disk "[\"$disk\", 8]"
    cpi resize_disk "[\"$disk\", 48]"
    [[ $(qemu-img info --output=json "$STORE/disks/$disk/disk.qcow2" | jq '."virtual-size"') == 50331648 ]]
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: disk+ virtio-$disk 50331648"
    on_console "$vm" "^guest: persistent virtio-$disk owner=agent-g"
}

@test "update_disk converts, grows and changes properties, and keeps the data" {
    stemcell
    create_vm agent-u "$result" 192.168.122.93
    disk 24
    boots "$vm"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: persistent virtio-$disk blank"
    cpi detach_disk "[\"$vm\", \"$disk\"]"
    cpi set_disk_metadata "[\"$disk\", {\"deployment\": \"dep\"}]"
    cpi update_disk "[\"$disk\", 40, {\"format\": \"raw\", \"cache\": \"writethrough\"}]"
    [[ $result == null && ! -e $STORE/disks/$disk/disk.qcow2 ]]
    [[ $(stat -c %s "$STORE/disks/$disk/disk.raw") == 41943040 ]]
    [[ $(jq -r .metadata.deployment "$STORE/disks/$disk/disk.json") == dep ]]
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: disk+ virtio-$disk 41943040"
    on_console "$vm" "^guest: persistent virtio-$disk owner=agent-u"
    [[ $(virsh_lab dumpxml "$vm") == *"type='raw' cache='writethrough'"* ]]
}

# The counter is written in order, so a copy that is one point in time holds the numbers up to one
# and none after it.
@test "a snapshot of a disk that a guest writes to is one point in time" {
    stemcell
    create_vm agent-s "$result" 192.168.122.94
    disk 32
    boots "$vm"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: persistent virtio-$disk blank"
    in_guest 192.168.122.94 "cat >/tmp/count <<'EOF'
i=1
while [ \$i -le 4000 ]; do
    printf '%08d' \$i | dd of=/dev/disk/by-id/virtio-$disk bs=512 seek=\$i count=1 conv=notrunc,fsync 2>/dev/null
    echo \$i >/tmp/counted
    i=\$((i + 1))
done
EOF
    sh /tmp/count >/dev/null 2>&1 &"
    wait_for counted_at_least 192.168.122.94 20
    cpi snapshot_disk "[\"$disk\", {\"deployment\": \"dep\", \"index\": 0}]"
    local snapshot=$result image=$STORE/snapshots/$result/disk.qcow2 last
    [[ $(qemu-img info --output=json "$image" | jq -r '."backing-filename"') == null ]]
    qemu-img check -q "$image"
    qemu-img convert -O raw "$image" "$BATS_TEST_TMPDIR/raw"
    last=$(prefix_length "$BATS_TEST_TMPDIR/raw")
    ((last >= 20))
    wait_for counted_at_least 192.168.122.94 $((last + 5))
    # The disk's own chain is untouched and the VM has no job.
    [[ $(virsh_lab domblklist "$vm") == *"disks/$disk/disk.qcow2"* ]]
    [[ $(virsh_lab domjobinfo "$vm") == *None* ]]
    cpi detach_disk "[\"$vm\", \"$disk\"]"
    cpi snapshot_disk "[\"$disk\", {}]"
    qemu-img compare -q "$STORE/snapshots/$result/disk.qcow2" "$STORE/disks/$disk/disk.qcow2"
    cpi delete_disk "[\"$disk\"]"
    [[ -e $image ]]
    cpi delete_snapshot "[\"$snapshot\"]"
    cpi delete_snapshot "[\"$snapshot\"]"
    cpi delete_snapshot "[\"$(basename "$STORE"/snapshots/*)\"]"
    [[ -z $(ls -A "$STORE/snapshots") ]]
    cpi_fails DiskNotFound "$disk" snapshot_disk "[\"$disk\", {}]"
}

counted_at_least() {
    (($(in_guest "$1" 'cat /tmp/counted' 2>/dev/null || echo 0) >= $2))
}

# prefix_length FILE: how many numbers it holds from 1 on; fails if one comes after a gap
prefix_length() {
    perl -e 'open(F, "<", shift); my ($n, $gap) = (0, 0);
        for my $i (1 .. 4000) { seek(F, 512 * $i, 0); read(F, my $b, 8);
            if ($b eq sprintf("%08d", $i)) { die "gap before $i" if $gap; $n = $i } else { $gap = 1 } }
        print $n' "$1"
}

@test "a snapshot of a VM's disk fails and leaves VM and disk as they were" {
    stemcell
    create_vm agent-n "$result" 192.168.122.95
    disk 24
    boots "$vm"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    mkdir "$BATS_TEST_TMPDIR/templates" "$BATS_TEST_TMPDIR/templates/qemu"
    # A target that cannot be made.
    sed 's,{{path}},/nonexistent/x.qcow2,' "$root/config/templates/qemu/backup.xml" \
        >"$BATS_TEST_TMPDIR/templates/qemu/backup.xml"
    write_config "{\"template_dir\": \"$BATS_TEST_TMPDIR/templates\"}"
    cpi_fails CloudError 'did not copy' snapshot_disk "[\"$disk\", {}]"
    [[ -z $(ls -A "$STORE/snapshots") ]]
    write_config '{}'
    cpi snapshot_disk "[\"$disk\", {}]"
    cpi detach_disk "[\"$vm\", \"$disk\"]"
}

@test "a snapshot_disk that is killed in the middle leaves VM and disk usable, and the next one sweeps" {
    stemcell
    create_vm agent-k "$result" 192.168.122.96
    disk 24
    boots "$vm"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: persistent virtio-$disk blank"
    # A virsh that kills who called it when the copy has begun.
    cat >"$BATS_TEST_TMPDIR/virsh" <<'EOF'
#!/bin/bash
[[ "$*" != *domjobinfo* ]] || kill -9 "$PPID"
exec virsh "$@"
EOF
    chmod 0755 "$BATS_TEST_TMPDIR/virsh"
    write_config "{\"bin_path\": \"$BATS_TEST_TMPDIR/virsh\"}"
    run call snapshot_disk "[\"$disk\", {}]"
    [[ $(find "$STORE/snapshots" -name '.new-*' | wc -l) == 1 ]]
    write_config '{}'
    cpi snapshot_disk "[\"$disk\", {}]"
    [[ $(ls -A "$STORE/snapshots") == "$result" ]]
    qemu-img check -q "$STORE/snapshots/$result/disk.qcow2"
    cpi detach_disk "[\"$vm\", \"$disk\"]"
}
