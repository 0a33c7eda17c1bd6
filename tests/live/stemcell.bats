#!/usr/bin/env bats
# Stemcells of every form: what is taken, how it is stored, and that VMs of it run.

load helper

# root_image [FORMAT]: the path of a lab stemcell's disk image, in $root_image
root_image() {
    local format=${1:-raw}
    root_image=$BATS_TEST_TMPDIR/$format/root.img
    [[ -e $root_image ]] || {
        mkdir -p "${root_image%/*}"
        tar -xzf "$("$lab/stemcell.sh" "$format" 2>/dev/null)" -C "${root_image%/*}" root.img
    }
}

# pack FILE…: an image file of these, the path in $image
pack() {
    image=$(mktemp "$BATS_TEST_TMPDIR/image.XXXXXX")
    tar -C "$BATS_TEST_TMPDIR/ovf" --owner=0 --group=0 -c "$@" | gzip -1 >"$image"
}

# ovf [FIRMWARE]: image.ovf, image.mf and image-disk1.vmdk in the directory ovf
ovf() {
    local dir=$BATS_TEST_TMPDIR/ovf
    root_image
    mkdir -p "$dir"
    [[ -e $dir/image-disk1.vmdk ]] ||
        qemu-img convert -O vmdk -o subformat=streamOptimized "$root_image" "$dir/image-disk1.vmdk"
    describe image-disk1.vmdk "${1:-}"
    manifest
}

# describe HREF [FIRMWARE]: the OVF
describe() {
    cat >"$BATS_TEST_TMPDIR/ovf/image.ovf" <<END
<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
    xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References><File ovf:href="$1" ovf:id="file1"/></References>
  <DiskSection><Info>disks</Info>
    <Disk ovf:capacity="64" ovf:capacityAllocationUnits="byte * 2^20" ovf:diskId="vmdisk1" ovf:fileRef="file1"/>
  </DiskSection>
  <VirtualSystem ovf:id="vm"><VirtualHardwareSection>
    <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="${2:-none}"/>
  </VirtualHardwareSection></VirtualSystem>
</Envelope>
END
}

manifest() {
    (cd "$BATS_TEST_TMPDIR/ovf" && sha256sum image.ovf image-disk1.vmdk |
        sed 's/^\([0-9a-f]*\)  \(.*\)/SHA256(\2)= \1/' >image.mf)
}

# import FILE [CLOUD-PROPERTIES]: the CID is in $stemcell
import() {
    cpi create_stemcell "$(jq -cn --arg image "$1" --argjson properties "${2:-{\}}" '[$image, $properties]')"
    stemcell=$result
}

# refused TEXT FILE [TYPE] [CLOUD-PROPERTIES]: the import fails and leaves nothing
refused() {
    cpi_fails "${3:-CloudError}" "$1" create_stemcell \
        "$(jq -cn --arg image "$2" --argjson properties "${4:-{\}}" '[$image, $properties]')"
    [[ -z $(ls -A "$STORE/stemcells" 2>/dev/null) ]] || {
        find "$STORE" >&2
        return 1
    }
}

record() {
    jq -r "$2" "$STORE/stemcells/$1/stemcell.json"
}

@test "a vsphere-ovf stemcell boots with its settings on a disc that it ejects, and boots again" {
    ovf efi
    # The stemcell builder packs the disk first.
    pack image-disk1.vmdk image.mf image.ovf
    import "$image" '{"disk_format": "qcow2"}'
    [[ $(record "$stemcell" '[.line, .format, .firmware] | join(" ")') == 'vsphere qcow2 efi' ]]
    [[ $(ls "$STORE/stemcells/$stemcell") == $'image.qcow2\nstemcell.json' ]]
    create_vm agent-ovf "$stemcell" 192.168.122.90
    boots "$vm"
    on_console "$vm" "^guest: settings label=env agent_id=agent-ovf vm=$vm"
    on_console "$vm" '^guest: disc ejected'
    on_console "$vm" '^guest: ephemeral-data ok'
    disk 32
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: persistent virtio-$disk blank, wrote owner=agent-ovf"
    cpi reboot_vm "[\"$vm\"]"
    boots "$vm" 2
    sed -n '/guest: boot 2/,$p' "$(console "$vm")" >"$BATS_TEST_TMPDIR/second"
    grep -q '^guest: settings label=env agent_id=agent-ovf' "$BATS_TEST_TMPDIR/second"
    grep -q "^guest: persistent virtio-$disk owner=agent-ovf" "$BATS_TEST_TMPDIR/second"
    cpi delete_vm "[\"$vm\"]"
    cpi delete_disk "[\"$disk\"]"
    cpi delete_stemcell "[\"$stemcell\"]"
    nothing_left
}
