#!/usr/bin/env bats
# create_disk, delete_disk, has_disk, attach_disk, detach_disk, set_disk_metadata

load helper

virtio_hint() {
    printf '{"path":"/dev/disk/by-id/virtio-%s","id":"%s"}' "$1" "$1"
}

scsi_hint() {
    printf '{"path":"/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_%s","id":"%s"}' "$1" "$1"
}

# --- create_disk, has_disk ---------------------------------------------------------------------

@test "create_disk runs what it always runs" {
    forget_calls
    ok create_disk 10240 '{"type":"ssd"}' null
    disk=$cid
    golden create_disk.argv "$(calls)"
}

@test "a disk's CID is its serial, which no bus cuts off" {
    have_disk
    [[ $disk =~ ^[a-z][0-9a-z]{19}$ ]] || fail "not a serial: $disk"
    [[ $(ls -A "$store/disks") == "$disk" && -e $store/disks/$disk/disk.qcow2 ]] || fail "$(inventory)"
    jq -e '.size_mib == 64' "$store/disks/$disk/disk.json" || fail 'no record'
}

@test "a disk that finds no space is NoDiskSpace and leaves nothing" {
    : >"$state/no-space"
    refused NoDiskSpace create_disk 64 '{}' null
    is_retriable
    [[ -z $(inventory) ]] || fail "$(inventory)"
}

@test "a preallocated disk that cannot have its space is NoDiskSpace before anything is run" {
    refused NoDiskSpace create_disk 1000000000 '{"preallocation":"full"}' null
    is_retriable
    says 1000000000 "$store"
    no_calls
    [[ -z $(inventory) ]] || fail "$(inventory)"
}

@test "what killed processes left is swept up by the next create_disk" {
    have_disk
    mkdir "$store/disks/.new-a" "$store/disks/.gone-b"
    touch "$store/disks/.new-a/disk.qcow2"
    have_disk
    [[ -z $(find "$store/disks" -name '.*') ]] || fail 'it is still there'
}

@test "what another process is making is not swept up" {
    have_disk
    mkdir "$store/disks/.new-a"
    exec 7>"$store/.lock/disk-a"
    flock 7
    have_disk
    [[ -d $store/disks/.new-a ]] || fail 'it is gone'
    exec 7>&-
}

@test "has_disk is true while there is one, and needs no libvirt" {
    have_store
    ok has_disk nodisk
    result_is false
    have_disk
    : >"$state/down"
    forget_calls
    ok has_disk "$disk"
    result_is true
    ok delete_disk "$disk"
    ok has_disk "$disk"
    result_is false
    no_calls
}

@test "has_disk is an error, never false, when the store cannot be looked at" {
    # Longer than a path may be.
    configure store_dir "\"$(printf '/x%.0s' {1..3000})\""
    ask has_disk nodisk
    ! succeeded || fail 'this was answered'
}

# --- delete_disk -------------------------------------------------------------------------------

@test "delete_disk of one that was attached runs what it always runs" {
    have_attached_disk
    ok delete_vm "$vm"
    forget_calls
    ok delete_disk "$disk"
    result_is null
    golden delete_disk.argv "$(calls)"
    ! inventory | grep -v ^stemcells/ || fail 'something is left'
}

@test "delete_disk of one that never was attached asks nobody" {
    have_disk
    forget_calls
    ok delete_disk "$disk"
    no_calls
    [[ -z $(inventory) ]] || fail "$(inventory)"
}

@test "delete_disk of one that is not there is a success" {
    have_store
    ok delete_disk never
    have_disk
    ok delete_disk "$disk"
    ok delete_disk "$disk"
}

@test "delete_disk of one that is attached is a CloudError that names the VM" {
    have_attached_disk
    before=$(digest)
    refused CloudError delete_disk "$disk"
    says "$vm"
    unchanged "$before" delete_disk
    stop_domain "$vm"
    before=$(digest)
    refused CloudError delete_disk "$disk"
    says "$vm"
    unchanged "$before" delete_disk
}

@test "delete_disk of one that only the running VM has is a CloudError too" {
    have_attached_disk
    sed -i "/$disk/d" "$state/domains/$vm/config"
    refused CloudError delete_disk "$disk"
    says "$vm"
}

@test "delete_disk is an error when nobody can tell whether a VM has it" {
    have_attached_disk
    : >"$state/down"
    before=$(digest)
    refused CloudError delete_disk "$disk"
    is_retriable
    unchanged "$before" delete_disk
}

@test "delete_disk finishes what was half deleted or half made" {
    have_disk
    mv "$store/disks/$disk" "$store/disks/.gone-$disk"
    ok delete_disk "$disk"
    [[ -z $(inventory) ]] || fail "$(inventory)"
    have_disk
    mv "$store/disks/$disk" "$store/disks/.new-$disk"
    ok delete_disk "$disk"
    [[ -z $(inventory) ]] || fail "$(inventory)"
}

@test "a disk whose record is spoilt is not taken for one that nobody has" {
    have_attached_disk
    echo '{' >"$store/disks/$disk/disk.json"
    before=$(digest)
    refused CloudError delete_disk "$disk"
    unchanged "$before" delete_disk
}

# --- attach_disk -------------------------------------------------------------------------------

@test "attach_disk runs what it always runs" {
    have_vm
    have_disk
    forget_calls
    ok attach_disk "$vm" "$disk"
    result_is "$(virtio_hint "$disk")"
    golden attach_disk.argv "$(calls)"
    has_disk_on virtio "$vm" "$disk"
}

@test "attach_disk answers null to the first version of the API" {
    have_vm
    for version in '' 1; do
        have_disk
        ok attach_disk "$vm" "$disk"
        result_is null
    done
    for version in 2 3; do
        have_disk
        ok attach_disk "$vm" "$disk"
        result_is "$(virtio_hint "$disk")"
    done
}

@test "attach_disk of one that is attached gives the same hint and changes nothing" {
    have_attached_disk
    local first=$response
    before=$(digest)
    ok attach_disk "$vm" "$disk"
    [[ $response == "$first" ]] || fail 'another hint'
    unchanged "$before" attach_disk
    ok reboot_vm "$vm"
    ok attach_disk "$vm" "$disk"
    [[ $response == "$first" ]] || fail 'another hint'
}

@test "attach_disk works on each storage controller" {
    local controller
    for controller in IDE SATA SCSI VIRTIO; do
        configure storage_controller "\"$controller\""
        have_attached_disk
        result_is "$(virtio_hint "$disk")"
        has_disk_on virtio "$vm" "$disk"
        ok delete_vm "$vm"
    done
}

@test "attach_disk works on a VM that is off, in its definition only" {
    have_vm
    have_disk
    stop_domain "$vm"
    ok attach_disk "$vm" "$disk"
    result_is "$(virtio_hint "$disk")"
    has_disk_on virtio "$vm" "$disk"
    ok reboot_vm "$vm"
    has_disk_on virtio "$vm" "$disk"
}

@test "attach_disk of one that another VM has is a CloudError that names it" {
    have_attached_disk
    local first=$vm
    have_vm 10.0.0.11
    before=$(digest)
    refused CloudError attach_disk "$vm" "$disk"
    says "$first"
    unchanged "$before" attach_disk
    stop_domain "$first"
    refused CloudError attach_disk "$vm" "$disk"
    ok delete_vm "$first"
    ok attach_disk "$vm" "$disk"
    has_disk_on virtio "$vm" "$disk"
}

@test "attach_disk to a VM that is not there is VMNotFound, of a disk DiskNotFound" {
    have_vm
    have_disk
    before=$(digest)
    refused VMNotFound attach_disk vm-never "$disk"
    is_not_retriable
    refused DiskNotFound attach_disk "$vm" nodisk
    is_not_retriable
    refused VMNotFound attach_disk vm-never nodisk
    unchanged "$before" 'one of these'
}

@test "attach_disk takes the SCSI bus when there are no more PCI slots" {
    have_vm
    echo 3 >"$state/slots"
    have_disk
    local first=$disk
    ok attach_disk "$vm" "$first"
    result_is "$(virtio_hint "$first")"
    have_disk
    ok attach_disk "$vm" "$disk"
    result_is "$(scsi_hint "$disk")"
    has_disk_on scsi "$vm" "$disk"
    ok attach_disk "$vm" "$disk"
    result_is "$(scsi_hint "$disk")"
    ok detach_disk "$vm" "$disk"
    has_no_disk "$vm" "$disk"
    has_disk_on virtio "$vm" "$first"
}

@test "attach_disk has targets for more disks than there are letters" {
    local i
    have_vm
    for i in {1..30}; do
        have_disk
        ok attach_disk "$vm" "$disk"
    done
    [[ $(cut -f 2 "$state/domains/$vm/live" | sort | uniq -d) == '' ]] || fail 'one target twice'
    [[ $(grep -c disks/ "$state/domains/$vm/live") == 30 ]] || fail "$(<"$state/domains/$vm/live")"
}

# target_of VM DISK
target_of() {
    grep "$2" "$state/domains/$1/config" | cut -f 2
}

@test "attach_disk gives a disk the same target in every VM, and another where that one is taken" {
    local own definition
    have_attached_disk
    own=$(target_of "$vm" "$disk")
    [[ $own == vd[a-z][a-z] ]] || fail "the target $own"
    ok detach_disk "$vm" "$disk"
    have_vm 10.0.0.11
    ok attach_disk "$vm" "$disk"
    [[ $(target_of "$vm" "$disk") == "$own" ]] || fail 'another target'
    ok detach_disk "$vm" "$disk"
    for definition in live config; do
        printf 'disk\t%s\tvirtio\t-\t/by/hand\n' "$own" >>"$state/domains/$vm/$definition"
    done
    forget_calls
    ok attach_disk "$vm" "$disk"
    (($(calls | wc -l) == 2)) || fail "more than a second virsh: $(calls)"
    has_disk_on virtio "$vm" "$disk"
    [[ $(target_of "$vm" /by/hand) == "$own" && $(target_of "$vm" "$disk") != "$own" ]] || fail 'one target twice'
    ok detach_disk "$vm" "$disk"
    has_no_disk "$vm" "$disk"
    [[ $(target_of "$vm" /by/hand) == "$own" ]] || fail 'what was attached by hand is gone'
}

# by_hand DEFINITION: somebody has attached the disk to the VM, and no record tells
by_hand() {
    printf 'disk\tvdx\tvirtio\t%s\t%s\n' "$disk" "$store/disks/$disk/disk.qcow2" >>"$state/domains/$vm/$1"
}

@test "attach_disk of one that was attached by hand leaves it there once" {
    local definitions definition last=10
    for definitions in config live 'live config'; do
        have_vm "10.0.0.$((++last))"
        have_disk
        [[ $definitions != config ]] || stop_domain "$vm"
        for definition in $definitions; do
            by_hand "$definition"
        done
        ok attach_disk "$vm" "$disk"
        has_disk_on virtio "$vm" "$disk"
        ok detach_disk "$vm" "$disk"
        has_no_disk "$vm" "$disk"
    done
}

@test "attach_disk takes a target that has become free" {
    have_vm
    have_disk
    local first=$disk
    ok attach_disk "$vm" "$first"
    have_disk
    ok attach_disk "$vm" "$disk"
    ok detach_disk "$vm" "$first"
    ok attach_disk "$vm" "$first"
    has_disk_on virtio "$vm" "$first"
    has_disk_on virtio "$vm" "$disk"
}

@test "attach_disk that libvirt refuses is a CloudError in libvirt's words, and may be repeated" {
    have_vm
    have_disk
    mv "$store/disks/$disk/disk.qcow2" "$world/aside"
    refused CloudError attach_disk "$vm" "$disk"
    says 'Cannot access storage file'
    has_no_disk "$vm" "$disk"
    mv "$world/aside" "$store/disks/$disk/disk.qcow2"
    ok attach_disk "$vm" "$disk"
    has_disk_on virtio "$vm" "$disk"
}

@test "attach_disk mends what a killed process left in one definition only" {
    have_attached_disk
    sed -i "/$disk/d" "$state/domains/$vm/config"
    ok attach_disk "$vm" "$disk"
    result_is "$(virtio_hint "$disk")"
    has_disk_on virtio "$vm" "$disk"
    sed -i "/$disk/d" "$state/domains/$vm/live"
    ok attach_disk "$vm" "$disk"
    has_disk_on virtio "$vm" "$disk"
}

# --- detach_disk -------------------------------------------------------------------------------

@test "detach_disk runs what it always runs" {
    have_attached_disk
    forget_calls
    ok detach_disk "$vm" "$disk"
    result_is null
    golden detach_disk.argv "$(calls)"
    has_no_disk "$vm" "$disk"
}

@test "detach_disk leaves the other disks and the file alone" {
    have_attached_disk
    local first=$disk
    have_disk
    ok attach_disk "$vm" "$disk"
    ok detach_disk "$vm" "$first"
    has_disk_on virtio "$vm" "$disk"
    has_no_disk "$vm" "$first"
    [[ -e $store/disks/$first/disk.qcow2 ]] || fail 'the file is gone'
    ok delete_disk "$first"
}

@test "detach_disk works on a VM that is off" {
    have_attached_disk
    stop_domain "$vm"
    ok detach_disk "$vm" "$disk"
    has_no_disk "$vm" "$disk"
}

@test "detach_disk of one that is not attached is DiskNotAttached" {
    have_attached_disk
    local attached=$disk
    have_disk
    before=$(digest)
    refused DiskNotAttached detach_disk "$vm" "$disk"
    is_not_retriable
    refused DiskNotAttached detach_disk "$vm" nodisk
    unchanged "$before" 'one of these'
    ok detach_disk "$vm" "$attached"
    refused DiskNotAttached detach_disk "$vm" "$attached"
    refused VMNotFound detach_disk vm-never "$disk"
}

@test "detach_disk waits until the guest lets go" {
    have_attached_disk
    echo 3 >"$state/release-after"
    ok detach_disk "$vm" "$disk"
    has_no_disk "$vm" "$disk"
}

@test "detach_disk gives up on a guest that never lets go, and all is as before" {
    have_attached_disk
    local live inactive
    live=$(disks_of "$vm" live) inactive=$(disks_of "$vm" config)
    configure detach_timeout 1
    echo never >"$state/release-after"
    refused CloudError detach_disk "$vm" "$disk"
    says detach_timeout "$disk" "$vm"
    [[ $(disks_of "$vm" live) == "$live" && $(disks_of "$vm" config) == "$inactive" ]] || fail 'not as before'
    refused CloudError delete_disk "$disk"
    # Asked again, libvirt complains, and that is told.
    refused CloudError detach_disk "$vm" "$disk"
    says detach_timeout 'libvirt said' 'already in the process of unplug'
    rm -r "$state/release-after" "$state/domains/$vm/releasing"
    ok detach_disk "$vm" "$disk"
    has_no_disk "$vm" "$disk"
}

@test "detach_disk finishes what a killed process left in one definition only" {
    have_attached_disk
    sed -i "/$disk/d" "$state/domains/$vm/live"
    ok detach_disk "$vm" "$disk"
    has_no_disk "$vm" "$disk"
    ok attach_disk "$vm" "$disk"
    sed -i "/$disk/d" "$state/domains/$vm/config"
    ok detach_disk "$vm" "$disk"
    has_no_disk "$vm" "$disk"
}

@test "detach_disk leaves a disk defined while the guest takes its time" {
    have_attached_disk
    echo 6 >"$state/release-after"
    forget_calls
    ok detach_disk "$vm" "$disk"
    has_no_disk "$vm" "$disk"
    [[ $(calls) == *"detach-disk"*"attach-device $vm /dev/stdin --config'"*"detach-disk $vm "*" --config'" ]] ||
        fail "it was not put back: $(calls)"
}

@test "detach_disk takes a disk off whose files are lost" {
    have_attached_disk
    rm -r "$store/disks/$disk"
    ok detach_disk "$vm" "$disk"
    has_no_disk "$vm" "$disk"
}

@test "a disk moves from one VM to another and back" {
    have_attached_disk
    local first=$vm
    have_vm 10.0.0.11
    ok detach_disk "$first" "$disk"
    ok attach_disk "$vm" "$disk"
    refused DiskNotAttached detach_disk "$first" "$disk"
    ok detach_disk "$vm" "$disk"
    ok attach_disk "$first" "$disk"
    has_disk_on virtio "$first" "$disk"
    has_no_disk "$vm" "$disk"
}

@test "two disks at a time, as when the bosh CLI moves data to a larger one" {
    have_attached_disk
    local old=$disk
    have_disk
    ok attach_disk "$vm" "$disk"
    ok detach_disk "$vm" "$old"
    ok delete_disk "$old"
    ok get_disks "$vm"
    result_is "[\"$disk\"]"
}

# --- set_disk_metadata -------------------------------------------------------------------------

@test "set_disk_metadata keeps it with the disk, and asks nobody" {
    have_attached_disk
    forget_calls
    ok set_disk_metadata "$disk" '{"deployment":"dep","instance_index":"0","x":{"y":[1]}}'
    result_is null
    no_calls
    jq -e '.metadata == {deployment: "dep", instance_index: "0", x: {y: [1]}} and .size_mib == 64' \
        "$store/disks/$disk/disk.json" || fail 'not kept'
    ok set_disk_metadata "$disk" '{"a":"b"}'
    jq -e '.metadata == {a: "b"}' "$store/disks/$disk/disk.json" || fail 'not replaced'
    ok set_disk_metadata "$disk" null
    ok detach_disk "$vm" "$disk"
}

@test "set_disk_metadata of a disk that is not there is DiskNotFound" {
    have_store
    refused DiskNotFound set_disk_metadata never '{}'
    have_disk
    before=$(digest)
    refused DiskNotFound set_disk_metadata never '{}'
    unchanged "$before" set_disk_metadata
}
