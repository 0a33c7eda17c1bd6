#!/usr/bin/env bats
# What the static binary takes of the machine, as far as that is not a matter of time
# (docs/performance.md has the targets).

CPI=$BATS_TEST_DIRNAME/../../build/static/$(uname -m)/cpi
load ../cli/helper

@test "info takes fewer than 3 million instructions" {
    local instructions
    valgrind --tool=callgrind --callgrind-out-file="$world/callgrind" "$CPI" <<<"$(request info)" \
        >"$world/stdout" 2>"$world/stderr"
    read_answer 0
    succeeded
    instructions=$(sed -n 's/.*Collected : //p' "$world/stderr")
    ((instructions > 1000 && instructions < 3000000)) || fail "$instructions instructions"
}

run_cpi() {
    PATH=$world/bin "$CPI" --config "$world/cpi.json" --trace "$world/trace.json"
}

# modest METHOD ARGUMENT...: succeeds with no more than 8 MiB
modest() {
    local peak
    ok "$@"
    peak=$(jq '.[-1].args.peak_kib' "$world/trace.json")
    ((peak > 0 && peak <= 8192)) || fail "$1 needs $peak KiB"
    tried+=("$1")
}

# large_image: a stemcell's image in which there is much that cannot be compressed
large_image() {
    image=$world/image
    mkdir "$world/large"
    head -c 64M /dev/urandom >"$world/large/root.img"
    printf '\x55\xaa' | dd of="$world/large/root.img" bs=1 seek=510 conv=notrunc status=none
    tar -C "$world/large" -c root.img | gzip -1 >"$image"
}

@test "no method needs more than 8 MiB of memory" {
    local tried=() stemcell vm disk snapshot
    modest info
    modest ping
    modest calculate_vm_cloud_properties '{"cpu":1,"ram":512,"ephemeral_disk_size":1024}'
    large_image
    modest create_stemcell "$image" '{}'
    stemcell=$cid
    modest create_vm a "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' '{}'
    vm=$cid
    modest create_disk 64 '{}' null
    disk=$cid
    modest has_vm "$vm"
    modest has_disk "$disk"
    modest set_vm_metadata "$vm" '{"job":"a"}'
    modest set_disk_metadata "$disk" '{"job":"a"}'
    modest attach_disk "$vm" "$disk"
    modest get_disks "$vm"
    modest snapshot_disk "$disk" '{}'
    snapshot=$cid
    modest detach_disk "$vm" "$disk"
    modest reboot_vm "$vm"
    modest delete_snapshot "$snapshot"
    modest resize_disk "$disk" 128
    modest update_disk "$disk" 192 '{}'
    modest delete_disk "${cid:-$disk}"
    modest delete_vm "$vm"
    modest delete_stemcell "$stemcell"
    modest create_network '{"range":"10.7.0.0/24","gateway":"10.7.0.1","cloud_properties":{}}'
    modest delete_network "$cid"
    # These two have nothing to do but say so.
    diff <(printf '%s\n' "${tried[@]}" current_vm_id configure_networks | sort -u) \
        <(sed -n 's/^ *{ \.name = "\([a-z_]*\)".*/\1/p' "$root/src/method/method.c" | sort -u)
}
