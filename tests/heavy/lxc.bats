#!/usr/bin/env bats
# Many containers on one host.

load ../live/lxc

setup() {
    setup_containers
}

teardown() {
    teardown_containers
}

many=20

# one NUMBER STEMCELL: a container with a disk that was written to; its CID and its disk's go to a
# file.
one() {
    local vm disk result response ip=192.168.122.$((100 + $1))
    create_vm "agent-$1" "$2" "$ip" '{"memory": 64, "ephemeral_disk": 16}'
    disk 16
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    echo "$vm $disk" >"$BATS_TEST_TMPDIR/made-$1"
    says "$ip" "echo $1 >/warden-cpi-dev/$disk/file; cat /warden-cpi-dev/$disk/file" "$1"
}

# remove NUMBER
remove() {
    local vm disk result response
    read -r vm disk <"$BATS_TEST_TMPDIR/made-$1"
    cpi delete_vm "[\"$vm\"]"
    cpi delete_disk "[\"$disk\"]"
}

# at_once FUNCTION ARGUMENT…: for each number, all at the same time
at_once() {
    local number bad=0
    rm -f "$BATS_TEST_TMPDIR"/done-*
    for ((number = 0; number < many; number++)); do
        (
            trap - DEBUG ERR EXIT
            set -e
            "$1" "$number" "${@:2}"
            : >"$BATS_TEST_TMPDIR/done-$number"
        ) >"$BATS_TEST_TMPDIR/log-$number" 2>&1 3>&- &
    done
    wait
    for ((number = 0; number < many; number++)); do
        [[ ! -e $BATS_TEST_TMPDIR/done-$number ]] || continue
        bad=$((bad + 1))
        tail -n 3 "$BATS_TEST_TMPDIR/log-$number" >&2
    done
    ((bad == 0))
}

@test "twenty containers at once, each with its disk: made, reached, removed" {
    local stemcell number vm disk
    tree
    stemcell=$result
    at_once one "$stemcell"
    [[ $(virsh_lab list --name | grep -c .) == "$many" ]]
    # None sees the disk of another.
    for ((number = 0; number < many; number++)); do
        read -r vm disk <"$BATS_TEST_TMPDIR/made-$number"
        says "192.168.122.$((100 + number))" 'ls /warden-cpi-dev' "$disk"
    done
    at_once remove
    cpi delete_stemcell "[\"$stemcell\"]"
    nothing_left
}
