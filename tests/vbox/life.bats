#!/usr/bin/env bats
# What cpi does through VBoxManage, with the real one and the real qemu-img. libvirt's driver does not
# know this VirtualBox and there is no kernel module to start a VM, so virsh is the stand-in of
# tests/fake, which defines VMs in the real VirtualBox and only notes that they run.

bats_require_minimum_version 1.5.0

load ../cli/helper
load ../cli/virtualbox

setup() {
    [[ ! ${CPI_VBOX_SKIP-} ]] || skip "$CPI_VBOX_SKIP"
    begin
    virtualbox_world
    real VBoxManage "$BATS_SUITE_TMPDIR/lab/VBoxManage"
    real qemu-img /usr/bin/qemu-img
}

# real NAME PROGRAM: stands in for the stand-in, and keeps the transcript
real() {
    rm "$world/bin/$1"
    cat >"$world/bin/$1" <<SCRIPT
#!/bin/bash
PATH=\$PATH:/usr/bin:/bin
[[ \${inside_virsh-} ]] || printf '%s %s\n' '$1' "\$*" >>'$state/transcript'
exec '$2' "\$@"
SCRIPT
    chmod 0755 "$world/bin/$1"
}

# The image of a stemcell with a file system's worth of zeros and a boot sector.
stemcell_image() {
    local work=$BATS_TEST_TMPDIR/stemcell
    image=$work/image
    mkdir -p "$work"
    truncate -s 64M "$work/root.img"
    printf '\x55\xaa' | dd of="$work/root.img" bs=1 seek=510 conv=notrunc status=none
    printf 'the root file system' | dd of="$work/root.img" bs=1M seek=1 conv=notrunc status=none
    tar -C "$work" -czf "$image" root.img
}

# holds IMAGE TEXT: at its second MiB
holds() {
    qemu-img dd "if=$1" -O raw "of=$BATS_TEST_TMPDIR/read" bs=1M count=2 skip=1
    [[ $(head -c ${#2} "$BATS_TEST_TMPDIR/read") == "$2" ]] || fail "$1 does not hold '$2'"
}

size_of() {
    qemu-img info --output=json "$1" | jq '."virtual-size" / 1048576'
}

@test "a VM's machine in VirtualBox is as it should be" {
    local is
    make_vm '{"memory":256,"cpus":2,"ephemeral_disk":100,"firmware":"efi"}' '{"a":{"type":"dynamic",
        "cloud_properties":{"type":"nat"}},"b":{"type":"dynamic","cloud_properties":{"type":"natnetwork","name":"labnet"}}}'
    is=$(machine "$vm")
    for line in 'memory=256' 'cpus=2' 'ostype="Other Linux (64-bit)"' 'firmware="EFI64"' 'longmode="on"' \
        'ioapic="on"' 'nic1="nat"' 'nic2="natnetwork"' 'nat-network2="labnet"' \
        "\"SATA Controller-0-0\"=\"$store/vms/$vm/root.vmdk\"" \
        "\"SATA Controller-1-0\"=\"$store/vms/$vm/ephemeral.vmdk\"" \
        "\"SATA Controller-2-0\"=\"$store/vms/$vm/settings.iso\""; do
        grep -qixF -- "$line" <<<"$is" || fail "no $line in $is"
    done
    holds "$store/vms/$vm/root.vmdk" 'the root file system'
    has_hint "$vm" "$store/vms/$vm/ephemeral.vmdk" "$(settings "$vm" | jq -c .disks.ephemeral)"
    ok delete_vm "$vm"
    ! vboxmanage list vms | grep "$vm" || fail 'the machine is left'
    ! vboxmanage list hdds | grep "$vm" || fail 'a medium is left'
    [[ ! -e $store/vms/$vm ]] || fail 'a file is left'
}

@test "two VMs of one stemcell have media of their own" {
    make_vm '{"ephemeral_disk":100}' '{}'
    local first=$vm
    make_vm '{"ephemeral_disk":100,"root_disk_size":128}' '{}'
    [[ $(size_of "$store/vms/$first/root.vmdk") == 64 && $(size_of "$store/vms/$vm/root.vmdk") == 128 ]] ||
        fail 'not the sizes that were asked for'
    [[ $(uuid_in "$first" "$store/vms/$first/root.vmdk") != $(uuid_in "$vm" "$store/vms/$vm/root.vmdk") ]] ||
        fail 'one UUID twice'
    holds "$store/vms/$vm/root.vmdk" 'the root file system'
    ok delete_vm "$first"
    ok delete_vm "$vm"
}

@test "disks of each format come to a VM, keep their data, grow, and move to another VM" {
    local format image first
    make_vm '{"ephemeral_disk":100}' '{}'
    first=$vm
    make_vm '{"ephemeral_disk":100}' '{}'
    for format in vmdk vdi vhd; do
        ok create_disk 64 "{\"format\":\"$format\"}" null
        disk=$cid image=$(disk_image "$cid" "$format")
        ok attach_disk "$first" "$disk"
        has_hint "$first" "$image" "$(jq -c .result <<<"$response")"
        ok get_disks "$first"
        result_is "[\"$disk\"]"
        refused CloudError attach_disk "$vm" "$disk"
        ok detach_disk "$first" "$disk"
        ! has_medium "$image" || fail 'VirtualBox still knows it'
        write "$image" 'what the guest wrote'
        ok resize_disk "$disk" 96
        [[ $(size_of "$image") == 96 ]] || fail "the $format disk did not grow"
        holds "$image" 'what the guest wrote'
        ok attach_disk "$vm" "$disk"
        has_hint "$vm" "$image" "$(jq -c .result <<<"$response")"
        ok detach_disk "$vm" "$disk"
        ok delete_disk "$disk"
    done
    ok delete_vm "$first"
    ok delete_vm "$vm"
}

# write IMAGE TEXT: as a guest would, at its second MiB
write() {
    local format=${1##*.}
    [[ $format != vhd ]] || format=vpc
    printf '%s' "$2" >"$BATS_TEST_TMPDIR/text"
    truncate -s 512 "$BATS_TEST_TMPDIR/text"
    qemu-io -f "$format" -c "write -s $BATS_TEST_TMPDIR/text 1M 512" "$1" >/dev/null
}

@test "update_disk gives a disk another format, which VirtualBox takes under the same UUID" {
    local before
    make_vm '{"ephemeral_disk":100}' '{}'
    ok create_disk 64 '{}' null
    disk=$cid
    ok attach_disk "$vm" "$disk"
    before=$(jq -c .result <<<"$response")
    ok detach_disk "$vm" "$disk"
    write "$(disk_image "$disk")" 'what the guest wrote'
    ok update_disk "$disk" 128 '{"format":"vdi"}'
    ok attach_disk "$vm" "$disk"
    [[ $(jq -c .result <<<"$response") == "$before" ]] || fail 'another hint'
    ok detach_disk "$vm" "$disk"
    holds "$(disk_image "$disk" vdi)" 'what the guest wrote'
    ok delete_disk "$disk"
    ok delete_vm "$vm"
}

@test "a snapshot of a VM's disk is a copy, and VirtualBox is as before" {
    make_vm '{"ephemeral_disk":100}' '{}'
    ok create_disk 64 '{}' null
    disk=$cid
    write "$(disk_image "$disk")" 'what the guest wrote'
    ok attach_disk "$vm" "$disk"
    ok snapshot_disk "$disk" '{}'
    holds "$store/snapshots/$cid/disk.qcow2" 'what the guest wrote'
    [[ $(machine "$vm") != *CurrentSnapshotName* ]] || fail 'the VM has a snapshot left'
    ok get_disks "$vm"
    result_is "[\"$disk\"]"
    ok delete_snapshot "$cid"
    ok delete_vm "$vm"
    ok delete_disk "$disk"
}

@test "a snapshot that an operator took keeps the VM's disks" {
    make_vm '{"ephemeral_disk":100}' '{}'
    ok create_disk 64 '{}' null
    disk=$cid
    ok attach_disk "$vm" "$disk"
    vboxmanage snapshot "$vm" take before-upgrade >/dev/null
    ok get_disks "$vm"
    result_is "[\"$disk\"]"
    refused CloudError detach_disk "$vm" "$disk"
    says before-upgrade
    vboxmanage snapshot "$vm" delete before-upgrade >/dev/null
    ok detach_disk "$vm" "$disk"
    ok delete_vm "$vm"
}

@test "metadata, autostart and the screen's password are set as VirtualBox wants them" {
    (umask 077 && echo sesam >"$world/password")
    mkdir -p "$BATS_RUN_TMPDIR/autostart"
    chmod 1777 "$BATS_RUN_TMPDIR/autostart"
    vboxmanage setproperty autostartdbpath "$BATS_RUN_TMPDIR/autostart"
    make_vm "{\"ephemeral_disk\":100,\"graphics\":\"vnc\",\"graphics_password_file\":\"$world/password\"}" '{}'
    jq -e '.log == ""' <<<"$response" || fail 'something was not done'
    [[ $(machine "$vm") == *'autostart-enabled="on"'* ]] || fail 'it will not start with the host'
    [[ $(calls)$(<"$world/stderr") != *sesam* ]] || fail 'everybody can read the password'
    ok set_vm_metadata "$vm" '{"name":"web/0","deployment":"d <&> \"x\""}'
    [[ $(vboxmanage getextradata "$vm" cpi/title) == *'Value: web/0 (d <&> "x")'* ]] || fail 'no title'
    ok delete_vm "$vm"
}

@test "what does not work is VirtualBox's to say" {
    make_vm '{"ephemeral_disk":100}' '{}'
    ok create_disk 64 '{}' null
    disk=$cid
    mv "$(disk_image "$disk")" "$world/aside"
    refused CloudError attach_disk "$vm" "$disk"
    says VERR_FILE_NOT_FOUND
    mv "$world/aside" "$(disk_image "$disk")"
    ok attach_disk "$vm" "$disk"
    refused NetworkNotFound create_vm a "$stemcell" '{}' "$(on natnetwork gone)" '[]' '{}'
    ok delete_vm "$vm"
}
