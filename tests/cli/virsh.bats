#!/usr/bin/env bats
# The stand-in for virsh has the manners of the real one. What the real one does is not written
# down here but asked: libvirt's own test driver needs no daemon.

load helper
bats_require_minimum_version 1.5.0

# Nothing is asked of cpi here.
teardown_file() {
    true
}

setup() {
    real=$(command -v virsh) || skip 'there is no virsh here'
    begin
    # What the test driver has from the start.
    local domain=$state/domains/test
    mkdir "$domain"
    printf 'disk\tvda\tvirtio\t-\t/guest/diskimage1\n' | tee "$domain/config" >"$domain/live"
    echo 6695eb01-f6a4-8304-79aa-97f2502e193f >"$domain/uuid"
    : >"$domain/networks"
}

# tell PROGRAM BATCH: what comes out of it, and how it ends
tell() {
    local status=0
    LC_ALL=C "$1" -q -c test:///default "$2" >"$world/out" 2>"$world/err" </dev/null || status=$?
    printf 'stdout: %s\nstderr: %s\nstatus: %s\n' "$(<"$world/out")" "$(<"$world/err")" "$status"
}

# alike BATCH...: each is told the same by the real one and by the stand-in. Between two of them
# both forget what the first has done: the test driver's memory ends with each connection.
alike() {
    local batch
    cp -a "$state" "$world/kept"
    for batch; do
        rm -r "${state:?}"
        cp -a "$world/kept" "$state"
        tell "$real" "$batch" >"$world/theirs"
        tell "$world/bin/virsh" "$batch" >"$world/ours"
        diff -u "$world/theirs" "$world/ours" || fail "not alike: $batch"
    done
    rm -r "$world/kept"
}

@test "quoting" {
    alike 'echo a b; echo c' "echo 'a  b;c' d" 'echo "a  b;c" d' 'echo a\ b\;c' "echo 'it'\\''s'" \
        'echo "it'"'"'s \"x\" \\ y"' "echo ''" 'echo a""b' '  echo   a  ;;  echo b ; ' $'echo a\necho b'
}

@test "a batch goes on after what failed and ends with the last status" {
    alike 'domstate nope; echo x' 'echo x; domstate nope' 'domstate nope; domstate test' \
        'domstate test; domstate nope; list --all --name; echo ==cpi==; domstate test'
}

@test "a word that is wrong in form, and nothing of the batch runs" {
    alike 'echo x; frobnicate' 'frobnicate; echo x' 'echo x; domstate' 'echo x; domstate test more' \
        'echo x; domstate test --frob' 'echo x; undefine test --nvram --nvram' \
        'echo x; attach-device test /dev/null --config --config' 'echo x; domcapabilities --virttype' \
        'echo x; desc test --new-desc' 'echo x; detach-disk test' 'echo x; list more' \
        'echo x; start test --force' 'echo x; metadata test'
}

@test "looking up what is not there" {
    alike 'domstate nope' 'domblklist nope --details' 'destroy nope' 'start nope' 'undefine nope --nvram' \
        'autostart nope' 'desc nope --config --new-desc x' 'metadata nope http://x --key k --set <a/>' \
        'detach-disk nope vda --live' 'detach-disk test vdq --live' 'detach-disk test /no/file --config' \
        'attach-device nope /dev/null --persistent' 'net-start nope' 'net-autostart nope' 'net-dumpxml nope' \
        'net-destroy nope' 'net-undefine nope' 'net-update nope add ip-dhcp-host <host/>' \
        'domjobinfo nope' 'domjobabort nope' 'backup-begin nope'
}

@test "listing" {
    alike 'list --all --name' 'list --name' 'domstate test' 'domblklist test --details' \
        'domblklist test --details --inactive' 'net-list --all --name' 'echo a; list --all --name; echo b'
}

@test "networks that run and do not" {
    rm "$state/networks/default/autostart"
    alike 'net-list --name' 'net-list --all --autostart --name' \
        'net-autostart default; net-list --all --autostart --name'
}

@test "life and death" {
    # The test driver does not look whether there is such a file.
    sed -i 's|/guest/diskimage1|-|' "$state/domains/test"/{config,live}
    alike 'start test' 'destroy test; domstate test; list --name; list --all --name' \
        'destroy test; destroy test' 'destroy test; start test; domstate test' \
        'destroy test; start test --force-boot; domstate test' 'destroy test; undefine test; list --all --name' \
        'undefine test; list --all --name; destroy test; list --all --name'
}

@test "descriptions" {
    alike 'desc test --title --new-desc one --config --live; desc test --title' \
        'desc test --new-desc one --config; desc test --config' \
        'metadata test http://x/y --key k --set <a/> --live; metadata test http://x/y --live' \
        'metadata test http://x/y' 'destroy test; desc test --new-desc x --config --live' \
        'destroy test; desc test --title --new-desc x --live' \
        'destroy test; metadata test http://x --key k --set <a/> --config --live'
}

@test "without a connection" {
    : >"$state/down"
    tell "$world/bin/virsh" 'list; echo x' >"$world/ours"
    status=0
    LC_ALL=C "$real" -q -c 'qemu+unix:///system?socket=/nonexistent' 'list; echo x' >"$world/out" 2>"$world/err" || status=$?
    [[ $(head -n 1 "$world/err") == "$(sed -n 's/^stderr: //p' "$world/ours")" && ! -s $world/out && $status == 1 ]] ||
        fail "$(cat "$world/ours" "$world/err")"
}

@test "the stand-in for qemu-img reads what the real one writes" {
    real=$(command -v qemu-img) || skip 'there is no qemu-img here'
    local what='{format, "virtual-size"}' image
    "$real" create -q -f qcow2 "$world/base.qcow2" 10M
    "$real" create -q -f qcow2 -b "$world/base.qcow2" -F qcow2 "$world/over.qcow2" 20971520
    for image in "$world/base.qcow2" "$world/over.qcow2"; do
        [[ $("$world/bin/qemu-img" info --output=json -f qcow2 "$image" | jq -c "$what") == \
            $("$real" info --output=json -f qcow2 "$image" | jq -c "$what") ]] || fail "not alike: $image"
    done
}

@test "complaints of qemu-img" {
    command -v qemu-img >/dev/null || skip 'there is no qemu-img here'
    local line
    while read -r line; do
        # shellcheck disable=SC2086 # words of a command
        diff -u <(cd "$world" && qemu-img $line 2>&1; echo "$?") \
            <(cd "$world" && "$world/bin/qemu-img" $line 2>&1; echo "$?") || fail "not alike: $line"
    done <<'TABLE'
create -q -f qcow2 /no/such/place/x.qcow2 10M
create -q -f qcow2 -b /no/such/base -F qcow2 ./x.qcow2 10M
create -q -f frob ./x.qcow2 10M
create -q -f qcow2 ./x.qcow2
info --output=json -f qcow2 ./missing
info --output=json -f qcow2 ./cpi.json
TABLE
}
