#!/usr/bin/env bats
# Connections and processes that end in the middle: a clear error, and nothing that a later call
# trips over.

load ../live/remote

# big_stemcell: an image that takes a while to send, in $image
big_stemcell() {
    image=$BATS_FILE_TMPDIR/image
    [[ ! -e $image ]] || return 0
    head -c 300000000 /dev/urandom >"$BATS_FILE_TMPDIR/root.img"
    printf '\125\252' | dd of="$BATS_FILE_TMPDIR/root.img" bs=1 seek=510 conv=notrunc status=none
    tar -C "$BATS_FILE_TMPDIR" -cf "$image" root.img
    rm "$BATS_FILE_TMPDIR/root.img"
}

# in_background METHOD ARGUMENTS: its response will be in $BATS_TEST_TMPDIR/response
in_background() {
    jq -cn --arg m "$1" --argjson a "$2" '{method: $m, arguments: $a, api_version: 2}' \
        >"$BATS_TEST_TMPDIR/request"
    : >"$BATS_TEST_TMPDIR/response"
    "$CPI" --config "$CONFIG" <"$BATS_TEST_TMPDIR/request" >"$BATS_TEST_TMPDIR/response" \
        2>"$BATS_TEST_TMPDIR/stderr" 3>&- &
    background=$!
}

uploading() {
    [[ -n $(find "$STORE/stemcells" -name disk -size +4M 2>/dev/null) ]]
}

# The stemcell comes at the next call, which sweeps what was left.
arrives_afterwards() {
    wait_for no_far_shell
    cpi create_stemcell "[\"$image\", {}]"
    tar -xOf "$image" | cmp - "$STORE/stemcells/$result/image.raw"
    cpi delete_stemcell "[\"$result\"]"
    nothing_left
}

@test "sshd killed in the middle of an upload" {
    big_stemcell
    in_background create_stemcell "[\"$image\", {}]"
    wait_for uploading
    "$lab/hosts.sh" kill-sshd "$HOSTS" a
    wait "$background"
    jq -e '.error.ok_to_retry' "$BATS_TEST_TMPDIR/response"
    jq -r .error.message "$BATS_TEST_TMPDIR/response" | grep "connection to host '10.99.0.1' was lost"
    "$lab/hosts.sh" sshd "$HOSTS" a
    arrives_afterwards
}

@test "cpi killed, and asked to end, in the middle of an upload" {
    big_stemcell
    in_background create_stemcell "[\"$image\", {}]"
    wait_for uploading
    kill -KILL "$background"
    arrives_afterwards

    in_background create_stemcell "[\"$image\", {}]"
    wait_for uploading
    kill -TERM "$background"
    wait "$background"
    grep 'asked to end' "$BATS_TEST_TMPDIR/response"
    nothing_left
}

# A virsh that stands still where a VM would be defined.
slow_virsh() {
    cat >"$HOSTS/virsh" <<END
#!/bin/bash
[[ "\$*" != *[!n]define* ]] || { : >"$HOSTS/defining"; sleep 300; }
exec virsh "\$@"
END
    chmod 0755 "$HOSTS/virsh"
    rm -f "$HOSTS/defining"
    write_remote_config "{\"bin_path\": \"$HOSTS/virsh\"}"
}

# create_until_define: create_vm stands still in the background
create_until_define() {
    write_remote_config '{}'
    stemcell
    sc=$result
    slow_virsh
    in_background create_vm "$(jq -cn --arg s "$sc" --argjson n "$(networks 192.168.122.30)" \
        '["agent", $s, {memory: 256, ephemeral_disk: 16}, $n, [], {}]')"
    wait_for test -e "$HOSTS/defining"
}

@test "a connection lost in the middle of create_vm: all is undone over a new one" {
    create_until_define
    "$lab/hosts.sh" cut "$HOSTS" a
    wait "$background"
    grep 'VMCreationFailed' "$BATS_TEST_TMPDIR/response"
    jq -e '.error.ok_to_retry' "$BATS_TEST_TMPDIR/response"
    [[ -z $(ls "$STORE/vms") ]]
    cpi delete_stemcell "[\"$sc\"]"
    nothing_left
    fails on_host pgrep -f "$HOSTS/virsh"
}

@test "sshd killed in the middle of create_vm: delete_vm removes the rest" {
    local cid
    create_until_define
    cid=$(ls "$STORE/vms")
    "$lab/hosts.sh" kill-sshd "$HOSTS" a
    wait "$background"
    grep 'VMCreationFailed' "$BATS_TEST_TMPDIR/response"
    "$lab/hosts.sh" sshd "$HOSTS" a
    write_remote_config '{}'
    wait_for no_far_shell
    cpi delete_vm "[\"$cid\"]"
    cpi delete_stemcell "[\"$sc\"]"
    nothing_left
}

@test "a command that takes too long is ended on the host, and the VM undone" {
    write_remote_config '{}'
    stemcell
    sc=$result
    slow_virsh
    jq '.command_timeout = 3' "$CONFIG" >"$CONFIG.short" && mv "$CONFIG.short" "$CONFIG"
    cpi_fails VMCreationFailed 'did not end within 3 seconds (command_timeout)' create_vm \
        "$(jq -cn --arg s "$sc" --argjson n "$(networks 192.168.122.31)" \
            '["agent", $s, {memory: 256, ephemeral_disk: 16}, $n, [], {}]')"
    cpi delete_stemcell "[\"$sc\"]"
    nothing_left
}

@test "a full disk on the host" {
    on_host mount -t tmpfs -o size=40m,mode=0755 tmpfs "$HOSTS/store"
    big_stemcell
    cpi_fails NoDiskSpace 'room for' create_stemcell "[\"$image\", {}]"
    truncate -s 100M "$BATS_TEST_TMPDIR/root.img"
    head -c 60000000 /dev/zero | tr '\0' x | dd of="$BATS_TEST_TMPDIR/root.img" conv=notrunc status=none
    printf '\125\252' | dd of="$BATS_TEST_TMPDIR/root.img" bs=1 seek=510 conv=notrunc status=none
    tar -C "$BATS_TEST_TMPDIR" -czf "$BATS_TEST_TMPDIR/image" root.img
    cpi_fails NoDiskSpace 'No space left on device' create_stemcell "[\"$BATS_TEST_TMPDIR/image\", {}]"
    cpi_fails NoDiskSpace 'only' create_disk '[100, {"preallocation": "full"}, null]'
    [[ -z $(on_host find "$HOSTS/store/stemcells" "$HOSTS/store/disks" -type f) ]]
    on_host umount "$HOSTS/store"
}
