#!/usr/bin/env bats
# The static binary loads nothing of the machine that it runs on: what glibc loads even then
# (character sets, names of users) is of another version there, and kills it.
#
# That this sees something, by lines of the program that were broken once, and what failed then:
#
#   Makefile   the static binary without config/release/iconv.c     opens no shared object

load ../cli/helper

setup() {
    CPI=$root/build/static/$(uname -m)/cpi
    begin
}

# The children are others' programs, and are not followed.
run_cpi() {
    local strace
    strace=$(PATH=/usr/bin:/bin type -P strace)
    CPI_SECRET=$canary PATH=$world/bin "$strace" -qq -o "$world/opened" -e trace=open,openat "$CPI" --config "$world/cpi.json"
    cat "$world/opened" >>"$world/all-opened"
}

@test "it opens no shared object and no character set in the life of a VM" {
    local found
    have_attached_disk
    ok detach_disk "$vm" "$disk"
    ok delete_vm "$vm"
    grep -q "vms/$vm" "$world/all-opened" || fail 'nothing was seen'
    found=$(grep -E '\.so|gconv|nsswitch|locale' "$world/all-opened") || true
    [[ -z $found ]] || fail "it opened: $found"
}
