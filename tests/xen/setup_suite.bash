# One dom0 for all tests of the suite, with cpi, the lab's stemcell, its kernel, and a vsphere stemcell in
# its /root.
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

# kernel DIR: the stemcell's kernel and initrd, to be started without it
kernel() {
    mkdir "$1"
    tar -C "$1" -xzf "$("$lab/stemcell.sh" raw)" root.img
    mcopy -n -i "$1/root.img@@1M" ::/vmlinuz ::/initrd "$1"
    rm "$1/root.img"
}

setup_suite() {
    local root lab image
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
    lab=$root/tests/lab
    image=$("$lab/stemcell.sh" qcow2)
    vsphere_stemcell "$BATS_SUITE_TMPDIR/ovf"
    kernel "$BATS_SUITE_TMPDIR/kernel"
    "$lab/xen.sh" start "$BATS_SUITE_TMPDIR/dom0" "${XEN_CPI:-$root/build/static/x86_64/cpi}" "$image" \
        "$BATS_SUITE_TMPDIR/ovf/vsphere" "$BATS_SUITE_TMPDIR"/kernel/{vmlinuz,initrd}
}

teardown_suite() {
    "$(dirname "${BASH_SOURCE[0]}")/../lab/xen.sh" stop "$BATS_SUITE_TMPDIR/dom0"
}
