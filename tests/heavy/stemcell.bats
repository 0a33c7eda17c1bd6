#!/usr/bin/env bats
# Stemcells whose VMs boot with EFI, or more than once, or whose images are large.

load ../live/helper
load ../live/stemcell

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
