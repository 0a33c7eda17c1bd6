#!/usr/bin/env bats
# Stemcells of every form: what is taken, how it is stored, and that VMs of it run.

load helper

teardown() {
    [[ ! -e $BATS_TEST_TMPDIR/mounted ]] || umount -l "$(<"$BATS_TEST_TMPDIR/mounted")"
    [[ ! -e $BATS_TEST_TMPDIR/elsewhere ]] || rm -r "$(<"$BATS_TEST_TMPDIR/elsewhere")"
    clean_up
}

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

@test "a vsphere-ovf stemcell finds its settings on the machine type pc, which has another CD-ROM drive" {
    ovf bios
    pack image.ovf image.mf image-disk1.vmdk
    import "$image" '{}'
    [[ $(record "$stemcell" .firmware) == bios ]]
    write_config '{"storage_controller": "IDE"}'
    create_vm agent-ide "$stemcell" 192.168.122.90
    on_console "$vm" "^guest: settings label=env agent_id=agent-ide vm=$vm"
    on_console "$vm" '^guest: disc ejected'
    on_console "$vm" '^guest: ephemeral-data ok'
    cpi delete_vm "[\"$vm\"]"
    cpi delete_stemcell "[\"$stemcell\"]"
    nothing_left
}

# The same file: one inode for all of these.
one_inode() {
    (($(stat -c %i "$@" | sort -u | wc -l) == 1))
}

image_of() {
    echo "$STORE/stemcells/$1"/image.*
}

@test "the same image is stored once, imported in turn and at once, and lives until its last stemcell goes" {
    local image first second third fourth
    image=$("$lab/stemcell.sh" qcow2 2>/dev/null)
    import "$image" '{"name": "one"}' && first=$stemcell
    import "$image" '{"name": "two"}' && second=$stemcell
    [[ $first != "$second" && $(record "$second" .cloud_properties.name) == two ]]
    one_inode "$(image_of "$first")" "$(image_of "$second")"
    grep -q 'is stored already' "$BATS_TEST_TMPDIR/stderr"
    diff <(record "$first" 'del(.cloud_properties)') <(record "$second" 'del(.cloud_properties)')
    (($(grep -o '"image_bytes"' "$STORE/stemcells/$second/stemcell.json" | wc -l) == 1))

    # At once, with nothing there yet: other bytes, so another image.
    local copy=$BATS_TEST_TMPDIR/copy out=$BATS_TEST_TMPDIR/out
    { cat "$image"; echo trailing; } >"$copy"
    jq -cn --arg image "$copy" '{method: "create_stemcell", arguments: [$image, {}], context: {director_uuid: "d"}}' >"$out.in"
    "$CPI" --config "$CONFIG" <"$out.in" >"$out.1" 2>/dev/null &
    local other=$!
    "$CPI" --config "$CONFIG" <"$out.in" >"$out.2" 2>/dev/null
    wait "$other"
    third=$(jq -r .result "$out.1") fourth=$(jq -r .result "$out.2")
    one_inode "$(image_of "$third")" "$(image_of "$fourth")"
    [[ -z $(find "$STORE/.lock" -name '*sha256*') ]]

    create_vm agent-s "$second" 192.168.122.91
    cpi delete_stemcell "[\"$first\"]"
    boots "$vm"
    cpi_fails CloudError "$vm" delete_stemcell "[\"$second\"]"
    cpi delete_vm "[\"$vm\"]"
    cpi delete_stemcell "[\"$second\"]"
    cpi delete_stemcell "[\"$third\"]"
    qemu-img check -q "$(image_of "$fourth")"
    cpi delete_stemcell "[\"$fourth\"]"
    nothing_left
}

@test "a light stemcell is used where it is, verified, and never deleted" {
    root_image qcow2
    local sum wrong empty=$BATS_TEST_TMPDIR/empty properties
    : >"$empty"
    sum=$(sha256sum "$root_image" | cut -d ' ' -f 1)
    wrong=${sum//[0-9]/0}
    properties=$(jq -cn --arg path "$root_image" --arg sum "$sum" '{image_path: $path, image_sha256: $sum}')
    refused 'has the SHA-256' "$empty" CloudError "$(jq -c --arg sum "$wrong" '.image_sha256 = $sum' <<<"$properties")"
    refused 'no file' "$empty" CloudError '{"image_path": "/nonexistent"}'
    refused 'no file' "$empty" CloudError '{"image_path": "/dev"}'
    head -c 4096 /dev/zero >"$BATS_TEST_TMPDIR/zero"
    refused 'neither' "$empty" CloudError "{\"image_path\": \"$BATS_TEST_TMPDIR/zero\"}"
    refused 'absolute' "$empty" CpiError '{"image_path": "root.img"}'
    refused 'needs an image_path' "$empty" CpiError "{\"image_sha256\": \"$sum\"}"
    refused 'is empty' "$empty"

    import "$empty" "$properties"
    one_inode "$root_image" "$(image_of "$stemcell")"
    mv "$root_image" "$root_image.moved"
    create_vm agent-l "$stemcell" 192.168.122.92
    [[ $(virsh_lab domstate "$vm") == running* ]]
    cpi delete_vm "[\"$vm\"]"
    cpi delete_stemcell "[\"$stemcell\"]"
    [[ -s $root_image.moved ]]
    nothing_left
}

@test "a light stemcell on another file system is referred to, as long as it is what it was" {
    root_image qcow2
    local light
    # The lab, with mounts of its own, sees this one too.
    light=$(mktemp -d /dev/shm/cpi-test.XXXXXX)
    echo "$light" >"$BATS_TEST_TMPDIR/elsewhere"
    cp "$root_image" "$light/image.qcow2"
    import "$CONFIG" "{\"image_path\": \"$light/image.qcow2\"}"
    [[ $(record "$stemcell" .path) == "$light/image.qcow2" ]]
    [[ $(ls "$STORE/stemcells/$stemcell") == stemcell.json ]]
    request() {
        jq -cn --arg s "$stemcell" --argjson n "$(networks 192.168.122.93)" \
            '["a", $s, {memory: 256, ephemeral_disk: 64}, $n, [], {}]'
    }
    cpi create_vm "$(request)"
    vm=$(jq -r '.[0]' <<<"$result")
    [[ $(qemu-img info -U --output=json "$STORE/vms/$vm/root.qcow2" | jq -r '."backing-filename"') == "$light/image.qcow2" ]]
    cpi delete_vm "[\"$vm\"]"
    touch -d '1 hour ago' "$light/image.qcow2"
    cpi_fails CloudError 'was changed' create_vm "$(request)"
    rm "$light/image.qcow2"
    cpi_fails CloudError 'is gone' create_vm "$(request)"
    cpi delete_stemcell "[\"$stemcell\"]"
}

@test "stemcell_compress stores raw, qcow2 and OVF compressed, and VMs boot" {
    write_config '{"stemcell_compress": true}'
    local plain stored
    import "$("$lab/stemcell.sh" raw 2>/dev/null)"
    [[ $(image_of "$stemcell") == *.qcow2 && $(record "$stemcell" .format) == qcow2 ]]
    root_image
    plain=$(stat -c %b "$root_image") stored=$(stat -c %b "$(image_of "$stemcell")")
    ((stored <= plain))
    qemu-img check --output=json "$(image_of "$stemcell")" | jq -e '."compressed-clusters" > 0'
    create_vm agent-z "$stemcell" 192.168.122.94
    boots "$vm"
    ovf
    pack image.ovf image.mf image-disk1.vmdk
    import "$image"
    qemu-img check --output=json "$(image_of "$stemcell")" | jq -e '."compressed-clusters" > 0'
}

# A tar may hold what tar(1) will not write by itself.
tar_of() {
    image=$(mktemp "$BATS_TEST_TMPDIR/image.XXXXXX")
    (cd "$BATS_TEST_TMPDIR/hostile" && tar -P "$@" -c -f - -- *) | gzip -1 >"$image"
}

hostile() {
    rm -rf "$BATS_TEST_TMPDIR/hostile"
    mkdir "$BATS_TEST_TMPDIR/hostile"
    cd "$BATS_TEST_TMPDIR/hostile" || return 1
}

boot_sector() {
    { head -c 510 /dev/zero && printf '\125\252' && head -c 65024 /dev/zero; } >"$1"
}

@test "hostile tarballs are refused and leave nothing" {
    hostile && boot_sector root.img
    tar_of --transform 's,^,../,' && refused 'leads out' "$image"
    tar_of --transform 's,^,/etc/,' && refused 'leads out' "$image"
    boot_sector other && tar_of --transform 's,^other,../../etc/passwd,' && refused 'leads out' "$image"
    hostile && boot_sector root.img && boot_sector second.vmdk
    tar_of && refused 'two disks' "$image"
    hostile && ln -s /etc/passwd root.img && tar_of && refused 'is not a file' "$image"
    hostile && boot_sector first && ln first root.img && tar_of && refused 'is not a file' "$image"
    hostile && mknod root.img b 7 0 && tar_of && refused 'is not a file' "$image"
    hostile && mkfifo root.img && tar_of && refused 'is not a file' "$image"
    hostile && : >root.img && tar_of && refused 'has 0 bytes' "$image"
    hostile && head -c 4096 /dev/zero >root.img && tar_of && refused 'neither a qcow2' "$image"

    hostile && qemu-img create -q -f qcow2 -u -b /etc/passwd -F raw root.img 64M
    tar_of && refused 'backing file' "$image"
    hostile && qemu-img create -q -f qcow2 -o data_file="$BATS_TEST_TMPDIR/data" root.img 64M
    tar_of && refused 'external data file' "$image"

    hostile && boot_sector root.img && tar_of
    head -c $(($(stat -c %s "$image") - 20)) "$image" >"$image.cut"
    refused 'cannot be unpacked' "$image.cut"
    head -c 100000 /dev/urandom >"$image" && refused 'cannot be unpacked' "$image"
    gzip -c "$image" >"$image.gz" && refused 'cannot be unpacked' "$image.gz"
    : >"$image" && refused 'is empty' "$image"
    tar -c -T /dev/null | gzip >"$image" && refused 'holds no root.img' "$image"
    refused 'no stemcell image' "$BATS_TEST_TMPDIR/none"
    refused 'no stemcell image' "$BATS_TEST_TMPDIR"
}

# patched SED-SCRIPT: the disk with another descriptor, of the same length
patched() {
    LC_ALL=C sed -e "$1" "$BATS_TEST_TMPDIR/vmdk" >"$BATS_TEST_TMPDIR/ovf/image-disk1.vmdk"
    manifest
    pack image.ovf image.mf image-disk1.vmdk
}

@test "OVFs whose disk is elsewhere, damaged, or names other files are refused and leave nothing" {
    local name dir=$BATS_TEST_TMPDIR/ovf
    boot_sector "$BATS_TEST_TMPDIR/small.raw"
    vmdk "$BATS_TEST_TMPDIR/small.raw"
    for name in ../image-disk1.vmdk /etc/passwd http://example.org/disk.vmdk ''; do
        describe "$name" && manifest && pack image.ovf image.mf image-disk1.vmdk
        refused "the stemcell's OVF refers to a disk elsewhere" "$image"
    done
    describe other.vmdk && manifest && pack image.ovf image.mf image-disk1.vmdk
    refused "refers to the disk 'other.vmdk'" "$image"
    describe image-disk1.vmdk && pack image.ovf image.mf image-disk1.vmdk
    refused 'image.ovf in the stemcell image has not the digest' "$image"
    manifest && sed -i 's/\(disk1.*= \)..../\10000/' "$dir/image.mf" && pack image.ovf image.mf image-disk1.vmdk
    refused 'image-disk1.vmdk in the stemcell image has not the digest' "$image"
    pack image.ovf image.mf && refused 'holds no root.img' "$image"
    pack image.mf image-disk1.vmdk && refused 'but not an .ovf' "$image"
    cp "$dir/image-disk1.vmdk" "$dir/image-disk2.vmdk" && pack image.ovf image-disk1.vmdk image-disk2.vmdk
    refused 'two disks' "$image"
    echo '<!DOCTYPE a [<!ENTITY b "c">]><Envelope/>' >"$dir/image.ovf" && pack image.ovf image-disk1.vmdk
    refused "the stemcell's OVF is wrong" "$image"

    describe image-disk1.vmdk
    mv "$dir/image-disk1.vmdk" "$BATS_TEST_TMPDIR/vmdk"
    patched 's/parentCID=ffffffff/parentCID=12345678/' && refused 'has a parent' "$image"
    patched 's/# The Disk Data Base\n*/parentFileNameHint="/' && refused 'has a parent' "$image"
    patched 's,SPARSE "image-disk1.vmdk",SPARSE "/tc/shadow/x.vmd",' && refused 'has an extent in another file' "$image"
    patched 's/ SPARSE "/ FLAT   "/' && refused 'has an extent in another file' "$image"
    patched 's/streamOptimized/monolithicFlatt/' && refused 'neither of type' "$image"
    patched 's/^KDMV/KDMW/' && refused 'is not a sparse VMDK' "$image"
    printf '# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 8 FLAT "/etc/passwd" 0\n' \
        >"$BATS_TEST_TMPDIR/vmdk"
    truncate -s 4096 "$BATS_TEST_TMPDIR/vmdk"
    patched '' && refused 'is not a sparse VMDK' "$image"
}

@test "a full disk is NoDiskSpace, before anything is written where that can be known, and leaves nothing" {
    STORE=$BATS_TEST_TMPDIR/small
    write_config '{}'
    mkdir "$STORE"
    mount -t tmpfs -o size=6m tmpfs "$STORE"
    echo "$STORE" >"$BATS_TEST_TMPDIR/mounted"
    refused 'room for' "$("$lab/stemcell.sh" qcow2 2>/dev/null)" NoDiskSpace

    # Compressed it would fit.
    hostile && { head -c 510 /dev/zero && printf '\125\252' && yes | head -c 16000000; } >root.img
    tar_of && refused 'No space left' "$image" NoDiskSpace
    mv "$BATS_TEST_TMPDIR/hostile/root.img" "$BATS_TEST_TMPDIR/full.raw"
    vmdk "$BATS_TEST_TMPDIR/full.raw"
    describe image-disk1.vmdk && pack image.ovf image-disk1.vmdk
    refused 'No space left' "$image" NoDiskSpace
}
