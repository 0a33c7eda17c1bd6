# What the tests of stemcells share: making images of every form, and importing them.
# shellcheck shell=bash

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
    if [[ ${1:-} == efi ]]; then
        root_image efi
        vmdk "$root_image" qcow2
    else
        root_image
        vmdk "$root_image"
    fi
    describe image-disk1.vmdk "${1:-}"
    manifest
}

# vmdk IMAGE [FORMAT]: image-disk1.vmdk
vmdk() {
    mkdir -p "$BATS_TEST_TMPDIR/ovf"
    qemu-img convert -f "${2:-raw}" -O vmdk -o subformat=streamOptimized "$1" "$BATS_TEST_TMPDIR/ovf/image-disk1.vmdk"
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

# The same file: one inode for all of these.
one_inode() {
    (($(stat -c %i "$@" | sort -u | wc -l) == 1))
}

image_of() {
    echo "$STORE/stemcells/$1"/image.*
}
