#!/usr/bin/env bats
# The agent's settings, for each line of stemcells and for each way in which an agent finds disks.

load helper

# light INFRASTRUCTURE: a stemcell of that line; its CID is in $stemcell.
light() {
    local path=$world/image.qcow2
    [[ -e $path ]] || PATH=$world/bin:$PATH qemu-img create -q -f qcow2 "$path" 3072M
    stemcell_image
    ok create_stemcell "$image" "{\"image_path\":\"$path\",\"infrastructure\":\"$1\"}"
    stemcell=$cid
}

# create [CLOUD_PROPERTIES]: a VM with all that settings can hold
create() {
    local env='{"bosh":{"password":"*","swap_size":0,"dummy":null,"tags":{"größe":"ü \"x\" \\ </a>"}}}'
    ok create_vm agent-1 "$stemcell" "${1-"{}"}" \
        '{"private":{"type":"manual","ip":"10.0.0.10","netmask":"255.255.255.0","gateway":"10.0.0.1",
          "dns":["10.0.0.1"],"default":["dns","gateway"],"cloud_properties":{"name":"default"}},
          "public":{"type":"vip","ip":"203.0.113.7"}}' '[]' "$env"
    vm=$cid
}

# masked FILE: a file of the settings ISO as it may be shown
masked() {
    iso_file "$vm" "$1" | jq -S --arg secret "$canary" \
        'walk(if type == "string" then gsub($secret; "SECRET") else . end)'
}

@test "the settings of an openstack stemcell, in user-data of a disc named config-2" {
    configure storage_controller '"SATA"'
    have_stemcell
    create '{"extra_disks":[{"size":64}]}'
    golden settings-openstack.json "$(masked ec2/latest/user-data)"
    [[ $(tail -c +32809 "$store/vms/$vm/settings.iso" | head -c 8) == config-2 ]] || fail 'not the label'
    [[ $(stat -c %a "$store/vms/$vm/settings.iso") == 600 ]] || fail 'others can read it'
}

@test "the settings of a vsphere stemcell, in the file env" {
    configure storage_controller '"SATA"'
    light vsphere
    create '{"extra_disks":[{"size":64}]}'
    golden settings-vsphere.json "$(masked env)"
    [[ $(bsdtar -tf "$store/vms/$vm/settings.iso") == $'.\nenv' ]] || fail 'there is more than env'
    # A reader that knows Rock Ridge sees the name as it is, in lower case and with no version.
    [[ $(xorriso -indev "stdio:$store/vms/$vm/settings.iso" -find / -type f 2>/dev/null) == "'/env'" ]] ||
        fail 'the name is another'
    [[ $(stat -c %a "$store/vms/$vm/settings.iso") == 600 ]] || fail 'others can read it'
}

# --- how agents find disks ---------------------------------------------------------------------

# links: what udev makes of the VM's disks in the guest, each with the file that it leads to. It
# takes 20 characters of a serial on virtio and SATA, and names SCSI disks twice.
links() {
    local device bus serial source
    while IFS=$'\t' read -r device _ bus serial source; do
        [[ $device == disk ]] || continue
        source=${source##*/}
        case $bus in
            virtio) echo "virtio-${serial:0:20} $source" ;;
            sata | ide) echo "ata-QEMU_HARDDISK_${serial:0:20} $source" ;;
            scsi) printf '%s\n' "scsi-0QEMU_QEMU_HARDDISK_$serial $source" "scsi-SQEMU_QEMU_HARDDISK_$serial $source" ;;
        esac
    done <"$state/domains/$vm/live"
}

# find_disk RESOLVER HINT: the file that an agent with this resolver ends up with
# (bosh-agent, infrastructure/devicepathresolver).
find_disk() {
    local path id
    path=$(jq -r .path <<<"$2") id=$(jq -r .id <<<"$2")
    case $1 in
        # By the disk's CID where it is one, else by path; by path alone here.
        virtio | identity) links | sed -n "s,^${path#/dev/disk/by-id/} ,,p" ;;
        # Never by path: a glob with the id, of which dashes are taken out. Of several links to one
        # disk any will do.
        scsi) links | sed -n "s,^[^ ]*${id//-/} ,,p" | sort -u ;;
    esac
}

@test "each resolver finds the ephemeral, the extra and the persistent disk, on each storage controller" {
    local controller resolver disk_hint hints text
    have_disk
    for resolver in virtio scsi identity; do
        text=''
        for controller in VIRTIO SCSI SATA IDE; do
            configure storage_controller "\"$controller\""
            have_stemcell
            create '{"extra_disks":[{"size":64}]}'
            ok attach_disk "$vm" "$disk"
            disk_hint=$(jq -c .result <<<"$response")
            hints=$(settings "$vm" | jq -c '.disks.ephemeral, .disks.raw_ephemeral[]')$'\n'$disk_hint
            while read -r hint; do
                text+="$controller $hint -> $(find_disk "$resolver" "$hint")"$'\n'
            done <<<"$hints"
            ok detach_disk "$vm" "$disk"
            ok delete_vm "$vm"
        done
        golden "hints-$resolver.txt" "$text"
        [[ $(grep -cE ' -> (ephemeral|extra-0|disk)\.qcow2$' <<<"$text") == 12 ]] || fail "$text"
    done
}

# The agent of an openstack stemcell looks for the CID itself before anything else.
@test "the virtio resolver finds exactly one link by the persistent disk's CID" {
    have_attached_disk
    [[ ${#disk} == 20 && $(links | grep -c -- "$disk ") == 1 ]] || fail "$(links)"
    # With no place on the virtio bus: two links, of which the agent's glob takes none, so the path.
    echo 0 >"$state/slots"
    have_disk
    ok attach_disk "$vm" "$disk"
    [[ $(find_disk virtio "$(jq -c .result <<<"$response")") == disk.qcow2 ]] || fail "$(links)"
}
