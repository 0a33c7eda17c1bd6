#!/usr/bin/env bats
# cpi doctor: what is wrong with a host. Faults that need a real libvirtd or a real mount are in
# tests/live/person.bats, those of a host that is reached over SSH in tests/live/remote_trust.bats.

load helper

setup() {
    begin
    chmod 0755 "$world"
}

teardown() {
    rm -f "${elsewhere-}"
    check_secrets
}

# finds LEVEL TEXT...: one finding, of that level, which says each TEXT. It has a fix, and its exit
# status is that of its level.
finds() {
    local level=$1
    person doctor
    [[ $(grep -cE '^(error|warning): ' <<<"$said") == 1 && $(grep -c '^  fix: ..' <<<"$said") == 1 ]] ||
        fail 'there should be one finding with its fix'
    tells "$level: " "${@:2}"
    if [[ $level == error ]]; then exits 1; else exits 0; fi
    [[ -z $complained ]] || fail 'it complained'
}

healthy() {
    person doctor
    exits 0
    silent
}

@test "doctor says nothing about a healthy host, and changes nothing" {
    local before
    healthy
    [[ ! -e $store ]] || fail 'a store was made'
    have_attached_disk
    before=$(digest)
    healthy
    unchanged "$before" doctor
    person doctor --json
    tells_json '. == []'
}

# --- the configuration -------------------------------------------------------------------------

@test "doctor finds a configuration that is no good, with all that is wrong with it" {
    configure storage_controller '"FLOPPY"' agent '{}'
    finds error FLOPPY agent.mbus cpi.json
    no_calls
    rm "$world/cpi.json"
    finds error "there is no config file '$world/cpi.json'"
}

@test "doctor finds a key of the configuration that is not known" {
    configure stroage_controller '"IDE"'
    finds warning stroage_controller
}

@test "doctor finds a store below a hidden directory" {
    configure store_dir "\"$world/.local/store\""
    finds warning "$world/.local/store" dot AppArmor
}

@test "doctor finds a configuration that everybody can read" {
    chmod 0644 "$world/cpi.json"
    finds error "'$world/cpi.json'" "chmod o-rwx"
    chmod 0640 "$world/cpi.json"
    healthy
}

@test "doctor finds a template_dir that is not there" {
    configure template_dir "\"$world/templates\""
    finds warning "$world/templates"
}

@test "doctor --offline reads the configuration file and looks at nothing else" {
    : >"$state/down"
    chmod 0644 "$world/cpi.json"
    person doctor --offline
    exits 0
    silent
    no_calls
    configure store_dir '"relative"'
    person doctor --offline
    exits 1
    tells 'absolute path'
    configure store_dir '"/x"' hypervisor '"lxc"'
    person doctor --offline
    exits 0
}

@test "every sample of a configuration passes doctor --offline" {
    local sample
    for sample in "$root"/config/cpi-*.json; do
        person doctor --offline --config "$sample"
        exits 0
        [[ $said != *error:* ]]
    done
}

# --- tools and libvirt -------------------------------------------------------------------------

@test "doctor finds that virsh or qemu-img is missing" {
    configure bin_path '"/nowhere/virsh"'
    finds error "'/nowhere/virsh' cannot be run" libvirt-clients
    configure bin_path '"virsh"'
    rm "$world/bin/qemu-img"
    printf '#!/bin/sh\nexit 127\n' >"$world/bin/qemu-img"
    chmod 0755 "$world/bin/qemu-img"
    finds error "'qemu-img' cannot be run" qemu-utils
}

@test "doctor finds a virsh, a libvirt, a QEMU and a qemu-img that are too old" {
    echo 5.10.0 >"$state/virsh-version"
    finds error "'virsh' is of libvirt 5.10.0" 6.0.0
    rm "$state/virsh-version"
    echo '5.9.0 7.2.22' >"$state/version"
    finds error 'libvirt' 'is 5.9.0'
    echo '6.0.0 4.1.1' >"$state/version"
    finds error 'QEMU' 'is 4.1.1'
    echo '11.1.0 10.0.2' >"$state/version"
    healthy
    rm "$world/bin/qemu-img"
    printf '#!/bin/sh\necho "qemu-img version 4.1.0 (Debian)"\n' >"$world/bin/qemu-img"
    chmod 0755 "$world/bin/qemu-img"
    finds error "'qemu-img' is of QEMU 4.1.0"
}

@test "doctor finds that libvirt is not to be reached, and still looks at the store" {
    have_vm
    : >"$state/down"
    finds error 'cannot reach libvirt' 'libvirtd'
    chmod 0644 "$store/vms/$vm/settings.iso"
    person doctor
    tells 'cannot reach libvirt' settings.iso
    chmod 0600 "$store/vms/$vm/settings.iso"
}

@test "doctor finds that there is no kvm, and why" {
    configure domain_type '"kvm"'
    finds error 'domain_type is kvm'
    configure domain_type ''
    finds warning emulated
    configure domain_type '"kvm"'
    : >"$state/kvm"
    healthy
}

@test "doctor finds a default network that is not there, not active or without autostart" {
    configure default_network '"nowhere"'
    finds warning "no network 'nowhere'" net-define
    configure default_network '"default"'
    rm "$state/networks/default/autostart"
    finds warning "'default'" "'virsh -c qemu:///system net-autostart default'"
    rm "$state/networks/default"/{active,live}
    finds error "'default' is not active" "'virsh -c qemu:///system net-start default'"
    configure auto_enable_networks true
    healthy
}

# --- the store ---------------------------------------------------------------------------------

@test "doctor finds a store that a newer cpi laid out" {
    have_disk
    echo 99 >"$store/version"
    finds error 'newer cpi' 'version 99'
}

@test "doctor finds that the store is not there although VMs have their disks in it" {
    have_vm
    mv "$store" "$world/elsewhere"
    mkdir "$store"
    finds error "no store in '$store'" mount
}

@test "doctor finds a directory on the way to the store that the hypervisor's user cannot pass" {
    have_disk
    # Not the user of these tests, and in no group of theirs.
    echo '+64999:+64999' >"$state/user"
    mkdir -p "$world/a/b"
    mv "$store" "$world/a/b/store"
    configure store_dir "\"$world/a/b/store\""
    passable "$world"
    healthy
    chmod 0700 "$world/a/b"
    finds error "uid 64999" "'$world/a/b' (mode 0700)" "chmod o+x $world/a/b"
    echo "+$(id -u):+$(id -g)" >"$state/user"
    healthy
    echo "+64999:+$(id -g)" >"$state/user"
    finds error "uid 64999"
    chmod 0710 "$world/a/b"
    healthy
}

# passable DIRECTORY: lets others through all that bats made above it.
passable() {
    local directory=$1
    while [[ -O $directory && $directory == "${BATS_RUN_TMPDIR}"* ]]; do
        chmod go+x "$directory"
        directory=${directory%/*}
    done
}

@test "doctor finds a store that everybody may write to" {
    have_disk
    chmod 0777 "$store"
    finds warning "everybody may write to '$store'"
}

@test "doctor finds a place where no store can be" {
    : >"$world/file"
    configure store_dir "\"$world/file/a/store\""
    person doctor
    exits 1
    tells "error: the store cannot be in '$world/file/a/store': '$world/file' is no directory"
    configure store_dir "\"$world/a/b/store\""
    healthy
    [[ ! -e $world/a ]] || fail 'it was made'
}

@test "doctor finds settings that others can read" {
    have_vm
    chmod 0644 "$store/vms/$vm/settings.iso"
    finds error "$store/vms/$vm/settings.iso" secrets
    chmod 0600 "$store/vms/$vm/settings.iso"
    healthy
}

# --- what is in it -----------------------------------------------------------------------------

@test "doctor finds a VM without its domain, and a domain without its directory" {
    have_vm
    mv "$state/domains/$vm" "$world/domain"
    finds error "VM '$vm' is in the store but not in libvirt" uri
    mv "$world/domain" "$state/domains/$vm"
    mv "$store/vms/$vm" "$world/vm"
    # Its address is its own as long as its domain is there.
    finds error "VM '$vm' is in libvirt but has no directory"
}

@test "doctor finds a VM with a managed save" {
    have_vm
    stop_domain "$vm"
    touch "$state/domains/$vm/saved"
    finds warning "VM '$vm' has a managed save" "'virsh -c qemu:///system managedsave-remove $vm'"
}

@test "doctor finds a VM that is paused" {
    have_vm
    touch "$state/domains/$vm/paused"
    finds warning "VM '$vm' is paused" full
}

@test "doctor finds a VM whose stemcell is gone, and a stemcell whose image is" {
    have_vm
    mv "$store/stemcells/$stemcell/image.qcow2" "$world/image"
    finds error "stemcell '$stemcell' has lost its image" bosh
    mv "$store/stemcells/$stemcell" "$world/stemcell"
    finds error "stemcell '$stemcell', of which VM '$vm' is made, is gone"
}

@test "doctor finds a light stemcell whose file was changed or is gone" {
    # On another file system than the store.
    local place=/dev/shm
    [[ $world != /dev/shm/* ]] || place=/tmp
    elsewhere=$(mktemp "$place/cpi-doctor.XXXXXX")
    PATH=$world/bin:$PATH qemu-img create -q -f qcow2 "$elsewhere" 100M
    touch "$world/light"
    ok create_stemcell "$world/light" "{\"image_path\":\"$elsewhere\"}"
    [[ $(<"$store/stemcells/$cid/stemcell.json") == *'"path"'* ]] || skip "$elsewhere is on the file system of the store"
    healthy
    echo x >>"$elsewhere"
    finds error "stemcell '$cid'" 'was changed'
    rm "$elsewhere"
    finds error "stemcell '$cid'" 'is gone'
}

@test "doctor finds that a stemcell needs EFI which the host does not have" {
    have_stemcell
    sed -i 's/"firmware":"[a-z]*"/"firmware":"efi"/' "$store/stemcells/$stemcell/stemcell.json"
    grep -q '"efi"' "$store/stemcells/$stemcell/stemcell.json"
    finds error EFI ovmf
    touch "$state/efi"
    healthy
}

@test "doctor finds records that are lost or cannot be read" {
    have_disk
    cp "$store/disks/$disk/disk.json" "$world/disk.json"
    echo '{' >"$store/disks/$disk/disk.json"
    finds error "$store/disks/$disk/disk.json" JSON
    rm "$store/disks/$disk/disk.json"
    finds error "disk '$disk' has lost its record"
}

@test "doctor finds what killed calls left" {
    have_disk
    mkdir "$store/disks/.new-a1" "$store/disks/.gone-b2"
    finds warning 'left something behind: 2' 'cpi gc'
    person gc
    healthy
}

@test "doctor tells all that it finds, also for programs" {
    have_vm
    chmod 0644 "$store/vms/$vm/settings.iso" "$world/cpi.json"
    rm "$state/networks/default/autostart"
    person doctor --json
    exits 1
    tells_json 'length == 3 and all(.[]; (.what | length > 0) and (.fix | length > 0))'
    tells_json 'map(.level) | sort == ["error", "error", "warning"]'
    chmod 0600 "$store/vms/$vm/settings.iso"
}
