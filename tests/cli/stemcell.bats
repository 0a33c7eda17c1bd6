#!/usr/bin/env bats
# create_stemcell, delete_stemcell

load helper

# pack NAME...: makes $image of files in $world/content.
pack() {
    image=$world/image
    tar -C "$world/content" -czf "$image" "$@"
}

content() {
    mkdir -p "$world/content"
    PATH=$world/bin:$PATH qemu-img create -q -f qcow2 "$world/content/root.img" 100M
}

# patch OFFSET BYTES: changes root.img.
patch() {
    # shellcheck disable=SC2059 # BYTES are escapes
    printf "$2" | dd of="$world/content/root.img" bs=1 seek="$1" conv=notrunc status=none
}

# refuses_image TEXT...: nothing is imported, and the answer says why.
refuses_image() {
    refused CloudError create_stemcell "$image" '{}'
    says "$@"
    [[ -z $(inventory) ]] || fail "something remains: $(inventory)"
}

@test "create_stemcell runs what it always runs" {
    stemcell_image
    forget_calls
    ok create_stemcell "$image" '{"name":"n","version":"1"}'
    [[ $cid =~ ^sc-[0-9a-f-]{36}$ ]] || fail 'not a CID'
    golden create_stemcell.argv "$(calls)"
}

@test "a stemcell is a directory with the image and a record" {
    have_stemcell
    local place=$store/stemcells/$stemcell
    [[ $(head -c 3 "$place/image.qcow2") == QFI ]] || fail 'not the image'
    [[ $(stat -c %a "$place/image.qcow2") == 644 ]] || fail 'the hypervisor could not read it'
    [[ $(stat -c %a "$place") == 711 ]] || fail 'the hypervisor could not pass through'
    [[ $(<"$store/version") == 1 ]] || fail 'no version'
    [[ $(ls -A "$store/stemcells") == "$stemcell" ]] || fail 'something else is there'
}

@test "cloud_properties and tags are kept with the stemcell" {
    stemcell_image
    version=3
    ok create_stemcell "$image" '{"name":"bosh-x","version":"7"}' '{"tags":{"team":"a"}}'
    jq -e '.cloud_properties.name == "bosh-x" and .tags.team == "a"' \
        "$store/stemcells/$cid/stemcell.json" || fail 'not kept'
    ok create_stemcell "$image" null null
    ok create_stemcell "$image"
}

@test "each import is a stemcell of its own" {
    have_stemcell
    local first=$stemcell
    have_stemcell
    [[ $first != "$stemcell" && -d $store/stemcells/$first ]] || fail 'not two'
}

@test "an image that is raw is known by its boot sector" {
    mkdir "$world/content"
    truncate -s 1M "$world/content/root.img"
    patch 510 '\x55\xaa'
    pack root.img
    have_stemcell() { ok create_stemcell "$image" '{}' && stemcell=$cid; }
    have_stemcell
    [[ -e $store/stemcells/$stemcell/image.raw ]] || fail 'not called raw'
    have_vm
    [[ $(calls) == *"-b $store/stemcells/$stemcell/image.raw -F raw"* ]] || fail "$(calls)"
}

@test "root.img may be anywhere in an archive that is not compressed" {
    content
    mkdir -p "$world/content/some/where"
    mv "$world/content/root.img" "$world/content/some/where"
    image=$world/image
    tar -C "$world/content" -cf "$image" ./some
    ok create_stemcell "$image" '{}'
}

@test "an image that is not there is a CloudError" {
    image=$world/missing
    refuses_image "$image"
    [[ ! -e $store ]] || fail 'a store was made'
}

@test "an image that is no archive is a CloudError" {
    local text
    image=$world/image
    for text in '' x 'hello world, this is no archive at all'; do
        printf '%s' "$text" >"$image"
        refuses_image "$image"
    done
    rm "$image"
    mkdir "$image"
    refuses_image "$image"
}

@test "an archive that was cut short is a CloudError" {
    content
    head -c 300000 /dev/urandom >>"$world/content/root.img"
    pack root.img
    truncate -s -20 "$image"
    refuses_image 'cannot be unpacked'
    truncate -s 100000 "$image"
    refuses_image 'cannot be unpacked'
}

@test "an archive without root.img is a CloudError that names what it holds" {
    mkdir "$world/content"
    echo x >"$world/content/readme"
    pack readme
    refuses_image root.img readme
}

@test "a root.img that is no file is a CloudError" {
    mkdir "$world/content"
    ln -s /etc/passwd "$world/content/root.img"
    pack root.img
    refuses_image 'not a file'
    rm "$world/content/root.img"
    mkdir "$world/content/root.img"
    pack root.img
    refuses_image
    rmdir "$world/content/root.img"
    : >"$world/content/root.img"
    pack root.img
    refuses_image
}

@test "a root.img that is no disk image is a CloudError" {
    mkdir "$world/content"
    head -c 4096 /dev/zero >"$world/content/root.img"
    pack root.img
    refuses_image neither
    echo x >"$world/content/root.img"
    pack root.img
    refuses_image small
    no_calls
}

@test "an image that opens another file is refused before anything opens it" {
    content
    patch 8 '\0\0\0\0\0\0\2\0\0\0\0\13'
    patch 512 '/etc/passwd'
    pack root.img
    forget_calls
    refuses_image 'backing file'
    content
    patch 72 '\0\0\0\0\0\0\0\4'
    pack root.img
    forget_calls
    refuses_image 'data file'
    no_calls
}

@test "members of the archive other than root.img are not written anywhere" {
    content
    echo other >"$world/content/other"
    pack other root.img
    rm "$world/content/other"
    ok create_stemcell "$image" '{}'
    [[ -z $(find "$world" -name other) ]] || fail 'it was written'
}

@test "an archive with a path that leads out of it is refused" {
    local path
    content
    echo evil >"$world/evil"
    image=$world/image
    for path in ../evil "$world/evil"; do
        tar -C "$world/content" -czPf "$image" "$path" root.img
        mv "$world/evil" "$world/kept"
        refuses_image 'leads out of it'
        [[ -z $(find "$world" -name evil) ]] || fail 'it was written'
        mv "$world/kept" "$world/evil"
    done
}

@test "what killed processes left is swept up by the next import" {
    have_stemcell
    mkdir "$store/stemcells/.new-sc-0a" "$store/stemcells/.gone-sc-0b"
    touch "$store/stemcells/.new-sc-0a/image.raw"
    have_stemcell
    [[ -z $(find "$store/stemcells" -name '.*') ]] || fail 'it is still there'
}

@test "delete_stemcell removes it, and an absent one is gone already" {
    have_stemcell
    forget_calls
    ok delete_stemcell "$stemcell"
    result_is null
    [[ -z $(inventory) ]] || fail "$(inventory)"
    no_calls
    ok delete_stemcell "$stemcell"
    ok delete_stemcell sc-of-another-time
}

@test "delete_stemcell finishes what was half deleted" {
    have_stemcell
    mv "$store/stemcells/$stemcell" "$store/stemcells/.gone-$stemcell"
    ok delete_stemcell "$stemcell"
    [[ -z $(inventory) ]] || fail "$(inventory)"
}

@test "delete_stemcell of one in use is a CloudError that names the VMs" {
    have_vm 10.0.0.10
    local first=$vm
    have_vm 10.0.0.11
    before=$(digest)
    refused CloudError delete_stemcell "$stemcell"
    says "$first" "$vm"
    unchanged "$before" delete_stemcell
    ok delete_vm "$first"
    refused CloudError delete_stemcell "$stemcell"
    ok delete_vm "$vm"
    ok delete_stemcell "$stemcell"
    [[ -z $(inventory) ]] || fail "$(inventory)"
}
