# What the tests of VirtualBox share, whether VBoxManage is a stand-in (tests/cli) or the real one
# (tests/vbox).
# shellcheck shell=bash disable=SC2154 # the variables are helper.bash's

# virtualbox_world: makes the world one of VirtualBox
virtualbox_world() {
    configure hypervisor '"vbox"' storage_controller '"SATA"' domain_type ''
    mkdir -p "$state"/{vbox,vbox-networks}
    echo vboxnet0 >"$state/vbox-networks/hostonlyifs"
    echo eth0 >"$state/vbox-networks/bridgedifs"
    echo labnet >"$state/vbox-networks/natnets"
}

# on TYPE [NAME]: create_vm's networks
on() {
    printf '{"private":{"type":"manual","ip":"10.0.0.10","netmask":"255.255.255.0","gateway":"10.0.0.1",'
    printf '"cloud_properties":{"type":"%s"%s}}}' "$1" "${2:+,\"name\":\"$2\"}"
}

# make_vm [CLOUD_PROPERTIES [NETWORKS]]
make_vm() {
    [[ $stemcell ]] || have_stemcell
    ok create_vm agent-1 "$stemcell" "${1-"{}"}" "${2-$(on nat)}" '[]' '{}'
    vm=$cid
}

vboxmanage() {
    inside_virsh=yes "$world/bin/VBoxManage" "$@"
}

runs() {
    [[ -e $state/vbox-running/$1 ]] || fail "VM $1 does not run"
}

power_off() {
    rm "$state/vbox-running/$1"
}

machine() {
    vboxmanage showvminfo "$1" --machinereadable
}

# uuid_in VM FILE: of the medium that is the file's
uuid_in() {
    local place
    place=$(machine "$1" | sed -n "s,^\"\(.*\)-\([0-9]*-[0-9]*\)\"=\"$2\"\$,\1-ImageUUID-\2,p")
    machine "$1" | sed -n "s,^\"$place\"=\"\(.*\)\"\$,\1,p"
}

# serial_of UUID: what VirtualBox makes of it for the guest
serial_of() {
    echo "VB${1:0:8}-${1:34:2}${1:32:2}${1:30:2}${1:28:2}"
}

# has_hint VM FILE HINT: whether the hint is true of the disk
has_hint() {
    local serial
    serial=$(serial_of "$(uuid_in "$1" "$2")")
    jq -e --arg serial "$serial" --arg id "${serial#*-}" \
        '. == {path: "/dev/disk/by-id/ata-VBOX_HARDDISK_\($serial)", id: $id}' <<<"$3" >/dev/null ||
        fail "the hint $3 is not that of a disk with the serial $serial"
}

has_medium() {
    local media
    media=$(vboxmanage list hdds) || fail 'VirtualBox does not answer'
    grep -q "^Location: *$1\$" <<<"$media"
}

disk_image() {
    echo "$store/disks/$1/disk.${2-vmdk}"
}
