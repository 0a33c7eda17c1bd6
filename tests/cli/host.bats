#!/usr/bin/env bats
# Every method where something that it needs is not there: libvirt, virsh, qemu-img, or what its
# CID names.

load helper

# on_each DO: calls DO METHOD ARGUMENT... for each method, in a world that has a VM $vm, on it the
# disk $disk, the disk $spare and the stemcell $stemcell.
on_each() {
    "$1" create_stemcell "$image" '{}'
    "$1" create_vm agent-1 "$stemcell" '{}' "$(manual 10.0.0.99)" '[]' '{}'
    "$1" create_disk 64 '{}' null
    "$1" has_vm "$vm"
    "$1" reboot_vm "$vm"
    "$1" set_vm_metadata "$vm" '{"name":"x"}'
    "$1" get_disks "$vm"
    "$1" attach_disk "$vm" "$spare"
    "$1" detach_disk "$vm" "$disk"
    "$1" delete_disk "$disk"
    "$1" delete_vm "$vm"
    "$1" has_disk "$disk"
    "$1" set_disk_metadata "$disk" '{"x":"y"}'
    "$1" delete_disk "$spare"
    "$1" calculate_vm_cloud_properties '{"cpu":1}'
    "$1" delete_stemcell "$stemcell"
}

prepare() {
    have_disk
    spare=$disk
    have_attached_disk
    before=$(inventory)
    contents=$(digest)
}

# fails_whole METHOD ARGUMENT...: fails, and nothing came of it.
fails_whole() {
    ask "$@"
    ! succeeded || fail "$1 succeeded"
    [[ $(inventory) == "$before" ]] || fail "$1 changed something: $(inventory)"
}

# --- libvirt -----------------------------------------------------------------------------------

# What works without libvirt: of these nobody needs to wait until it is back.
needs_no_libvirt() {
    case $1 in
        create_stemcell | create_disk | has_disk | set_disk_metadata | calculate_vm_cloud_properties) ;;
        *) return 1 ;;
    esac
}

without_libvirt() {
    if needs_no_libvirt "$1"; then
        ok "$@"
        before=$(inventory)
        contents=$(digest)
    elif [[ $1 == delete_disk && $2 == "$spare" ]]; then
        # Nobody ever had it, so nobody has to be asked.
        ok "$@"
        before=$(inventory)
        contents=$(digest)
    elif [[ $1 == delete_stemcell ]]; then
        fails_whole "$@"
        says "$vm"
    else
        fails_whole "$@"
        # The one type of create_vm's that the Director tries again with.
        if [[ $1 == create_vm ]]; then fails_with VMCreationFailed; else fails_with CloudError; fi
        says libvirt
        is_retriable
        unchanged "$contents" "$1"
    fi
}

@test "without libvirt each method does what it can, or fails whole and is worth a retry" {
    prepare
    : >"$state/down"
    contents=$(digest)
    on_each without_libvirt
}

@test "where Xen or libvirt's driver for a hypervisor is missing, the answer says what to install" {
    echo 'internal error: libxenlight state driver is not active' >"$state/down"
    refused CloudError has_vm vm-1
    says xen-system-amd64
    echo 'no connection driver available for lxc:///' >"$state/down"
    refused CloudError has_vm vm-1
    says lxc:/// libvirt-daemon-driver-qemu
}

# --- programs ----------------------------------------------------------------------------------

without_virsh() {
    if needs_no_libvirt "$1" || [[ $1 == delete_disk && $2 == "$spare" ]]; then
        return
    fi
    fails_whole "$@"
    [[ $1 == delete_stemcell ]] || says "'virsh'" PATH
    unchanged "$contents" "$1"
}

@test "without virsh each method that needs it says so" {
    prepare
    rm "$world/bin/virsh"
    on_each without_virsh
}

without_qemu_img() {
    case $1 in
        create_*)
            fails_whole "$@"
            says "'qemu-img'" PATH
            ;;
        *) ok "$@" ;;
    esac
}

@test "without qemu-img nothing is created, and the rest goes on" {
    prepare
    # Not the one that is stored already, which needs no program.
    PATH=$world/bin:$PATH qemu-img create -q -f qcow2 "$world/root.img" 100M
    tar -C "$world" -cf "$world/image" root.img
    rm "$world/bin/qemu-img"
    without_qemu_img create_stemcell "$world/image" '{}'
    without_qemu_img create_vm agent-1 "$stemcell" '{}' "$(manual 10.0.0.99)" '[]' '{}'
    without_qemu_img create_disk 64 '{}' null
    on_each without_qemu_img_but_others
}

without_qemu_img_but_others() {
    [[ $1 == create_* ]] || [[ $1 == delete_disk && $2 == "$disk" ]] || without_qemu_img "$@"
}

@test "a virsh that cannot be run is told as such" {
    prepare
    rm "$world/bin/virsh"
    echo 'no program' >"$world/bin/virsh"
    fails_whole has_vm "$vm"
    says virsh
    rm "$world/bin/virsh"
    mkdir "$world/bin/virsh"
    fails_whole has_vm "$vm"
    says virsh
}

# --- CIDs --------------------------------------------------------------------------------------

@test "CIDs of what is not there are answered as each method must" {
    prepare
    ok delete_vm vm-unknown
    ok delete_disk unknown
    ok delete_stemcell sc-unknown
    ok has_vm vm-unknown
    result_is false
    ok has_disk unknown
    result_is false
    refused VMNotFound reboot_vm vm-unknown
    refused VMNotFound set_vm_metadata vm-unknown '{"a":"b"}'
    refused VMNotFound get_disks vm-unknown
    refused VMNotFound attach_disk vm-unknown "$spare"
    refused VMNotFound detach_disk vm-unknown "$disk"
    refused DiskNotFound attach_disk "$vm" unknown
    refused DiskNotAttached detach_disk "$vm" unknown
    refused DiskNotFound set_disk_metadata unknown '{"a":"b"}'
    refused CloudError create_vm a sc-unknown '{}' '{}' '[]' '{}'
    unchanged "$contents" 'one of these'
}

@test "a CID of another kind is one of what is not there" {
    prepare
    ok has_vm "$disk"
    result_is false
    ok has_disk "$vm"
    result_is false
    ok delete_disk "$vm"
    ok delete_vm "$disk"
    ok delete_vm "$stemcell"
    ok delete_stemcell "$vm"
    refused VMNotFound attach_disk "$disk" "$vm"
    refused CloudError create_vm a "$vm" '{}' '{}' '[]' '{}'
    unchanged "$contents" 'one of these'
}

# What is not mounted looks like what was never used.
@test "without a store nothing is known to be absent" {
    local call
    for call in 'delete_vm vm-unknown' 'delete_disk unknown' 'delete_stemcell sc-unknown' 'delete_snapshot unknown' \
        'has_disk unknown' 'attach_disk vm-unknown unknown' 'detach_disk vm-unknown unknown' 'snapshot_disk unknown'; do
        # shellcheck disable=SC2086 # words
        refused CloudError $call
        says "$store" mounted
        is_retriable
    done
    refused VMCreationFailed create_vm a sc-unknown '{}' '{}' '[]' '{}'
    is_retriable
    ok has_vm vm-unknown
    result_is false
    [[ ! -e $store ]] || fail 'a store was made'
}

@test "a store that cannot be made is a CloudError that names it" {
    : >"$world/file"
    configure store_dir "\"$world/file/store\""
    refused CloudError create_disk 64 '{}' null
    says "$world/file"
    stemcell_image
    refused CloudError create_stemcell "$image" '{}'
    says "$world/file"
}

@test "the whole life of a deployment leaves nothing but the house" {
    prepare
    ok delete_vm "$vm"
    ok delete_disk "$disk"
    ok delete_disk "$spare"
    ok delete_stemcell "$stemcell"
    [[ -z $(find "$store" -type f ! -path "$store/.lock/*" ! -name version) ]] || fail "$(inventory)"
    # The places for heavy work belong to the house.
    [[ -z $(ls -A -I 'slot-*' "$store/.lock") ]] || fail "locks are left: $(ls -A "$store/.lock")"
}
