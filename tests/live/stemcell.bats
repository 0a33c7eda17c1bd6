#!/usr/bin/env bats
# Stemcells of every form: what is taken, how it is stored, and that VMs of it run.

load helper
load stemcell

teardown() {
    [[ ! -e $BATS_TEST_TMPDIR/mounted ]] || umount -l "$(<"$BATS_TEST_TMPDIR/mounted")"
    [[ ! -e $BATS_TEST_TMPDIR/elsewhere ]] || rm -r "$(<"$BATS_TEST_TMPDIR/elsewhere")"
    clean_up
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

@test "a disk that says it is larger than any stemcell is refused, a name that is no ASCII is not" {
    mkdir -p "$BATS_TEST_TMPDIR/ovf"
    qemu-img create -q -f qcow2 "$BATS_TEST_TMPDIR/ovf/root.img" 200G
    pack root.img
    refused 'it may have at most' "$image"
    root_image
    cp "$root_image" "$BATS_TEST_TMPDIR/ovf/root.img"
    echo hello >"$BATS_TEST_TMPDIR/ovf/zażółć.txt"
    pack "zażółć.txt" root.img
    import "$image"
}
