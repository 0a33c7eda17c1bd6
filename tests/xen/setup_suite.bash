# One dom0 for all tests of the suite, with cpi, the lab's stemcell and a vsphere one in its /root.
# shellcheck shell=bash

# vsphere_stemcell DIR: DIR/vsphere, an image as it lies in a vsphere stemcell
vsphere_stemcell() {
    mkdir "$1"
    qemu-img create -q -f vmdk -o subformat=streamOptimized "$1/image-disk1.vmdk" 64M
    cat >"$1/image.ovf" <<'END'
<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1">
  <References><File ovf:href="image-disk1.vmdk" ovf:id="file1"/></References>
  <DiskSection><Info>disks</Info>
    <Disk ovf:capacity="64" ovf:capacityAllocationUnits="byte * 2^20" ovf:diskId="vmdisk1" ovf:fileRef="file1"/>
  </DiskSection>
</Envelope>
END
    tar -C "$1" -czf "$1/vsphere" image.ovf image-disk1.vmdk
}

setup_suite() {
    local root lab image
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
    lab=$root/tests/lab
    image=$("$lab/stemcell.sh" qcow2)
    vsphere_stemcell "$BATS_SUITE_TMPDIR/ovf"
    "$lab/xen.sh" start "$BATS_SUITE_TMPDIR/dom0" "${XEN_CPI:-$root/build/cpi}" "$image" \
        "$BATS_SUITE_TMPDIR/ovf/vsphere"
}

teardown_suite() {
    "$(dirname "${BASH_SOURCE[0]}")/../lab/xen.sh" stop "$BATS_SUITE_TMPDIR/dom0"
}
