#!/usr/bin/env bats
# 200 processes at once and two Directors on one store, with stand-ins: what two or twenty do is in
# tests/cli/concurrency.bats.
#
# That this sees something, by lines of the program that were broken once, and what failed then:
#
#   lock_local.c   flock that is never asked for      two hundred at once

load ../cli/helper
load ../cli/at_once

setup() {
    begin
    : >"$state/interleave"
    number=0 pids=() answers=()
}

# of_two DIRECTOR-NUMBER: the next requests are that Director's
of_two() {
    director=director-$(($1 % 2))
}

# no_two_of COLUMN FILE: no line has what another one has there
no_two_of() {
    [[ -z $(cut -f "$1" "$2" | sort | uniq -d) ]] || fail "one thing twice in $2: $(<"$2")"
}

@test "two hundred at once, of two Directors: none fails, nothing is lost" {
    local i vms=() disks=()
    for i in {0..3}; do
        have_vm "10.0.0.1$i"
        vms+=("$vm")
    done
    for i in {0..39}; do
        have_disk
        disks+=("$disk")
    done
    for i in {0..39}; do
        of_two "$i"
        start attach_disk "${vms[i % 4]}" "${disks[i]}"
        start create_disk 64 '{}' null
        start set_vm_metadata "${vms[i % 4]}" "{\"name\":\"n-$i\"}"
        start set_disk_metadata "${disks[i]}" "{\"number\":\"$i\"}"
        start create_vm "agent-$i" "$stemcell" '{}' "$(manual "10.0.0.$((50 + i))")" '[]' '{}'
    done
    finish
    ((good == 200)) || fail "$bad of 200 failed: $(printf '%s' "${answers[@]}" | grep -v '"error":null')"
    for i in {0..39}; do
        has_disk_on virtio "${vms[i % 4]}" "${disks[i]}"
        jq -e --arg number "$i" '.metadata.number == $number' "$store/disks/${disks[i]}/disk.json" >/dev/null ||
            fail "disk $i has lost its metadata: $(<"$store/disks/${disks[i]}/disk.json")"
    done
    for vm in "${vms[@]}"; do
        no_two_of 2 "$state/domains/$vm/live"
        ok get_disks "$vm"
        result_has 'length == 10'
    done
    (($(find "$store/disks" -name disk.qcow2 | wc -l) == 80)) || fail "$(inventory)"
    (($(find "$state/domains" -mindepth 1 -maxdepth 1 | wc -l) == 44)) || fail "$(inventory)"
    (($(find "$store/networks" -type l | wc -l) == 44)) || fail "$(inventory)"
    echo '# 200 calls at once: 0 failed, 0 lost' >&3
}

@test "all of it deleted by two Directors at once: nothing is left" {
    local i vms=() disks=()
    for i in {0..11}; do
        have_vm "10.0.0.$((10 + i))"
        have_disk
        ok attach_disk "$vm" "$disk"
        vms+=("$vm") disks+=("$disk")
    done
    for vm in "${vms[@]}"; do
        for i in 0 1; do
            of_two "$i"
            start delete_vm "$vm"
        done
    done
    finish
    ((good == 24)) || fail "$bad failed: ${answers[*]}"
    for disk in "${disks[@]}"; do
        ok has_disk "$disk"
        result_is true
        for i in 0 1; do
            of_two "$i"
            start delete_disk "$disk"
            start delete_stemcell "$stemcell"
        done
    done
    finish
    ((bad == 0)) || fail "$bad failed: ${answers[*]}"
    [[ -z $(inventory) ]] || fail "$(inventory)"
}
