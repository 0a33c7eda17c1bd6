#!/usr/bin/env bats
# While a call is at work libvirtd is killed and started again, or the VM is destroyed by hand: with
# each virsh of the call, before it, while it runs and after it. cpi answers with what it should, the
# same request then works, and nothing is lost or left.
#
# That this sees something, by lines of the program that were broken once, and what failed then:
#
#   vm_create.c  undo without its vm_delete_locked     libvirtd killed in create_vm
#   backup.c     wait_for_end without stands_still     libvirtd killed in snapshot_disk: no answer

load ../live/helper
load ../live/kill

# with_accident NUMBER WHEN DEED: the scenario's call with a virsh that does it at its Nth start
with_accident() {
    local undo=:
    [[ $3 != kill_daemon ]] || undo="'$lab/libvirtd.sh' start-daemon '$LAB'"
    echo 0 >"$BATS_TEST_TMPDIR/count"
    cat >"$BATS_TEST_TMPDIR/virsh" <<SH
#!/bin/bash
kill_daemon() { '$lab/libvirtd.sh' kill-daemon '$LAB'; }
destroy() { virsh -q -c '$URI' destroy '$vm' >/dev/null 2>&1; }
count=\$((\$(<'$BATS_TEST_TMPDIR/count') + 1))
echo \$count >'$BATS_TEST_TMPDIR/count'
((count == $1)) || exec virsh "\$@"
echo done >'$BATS_TEST_TMPDIR/happened'
if [[ $2 == before ]]; then
    $3
    virsh "\$@"
elif [[ $2 == during ]]; then
    virsh "\$@" <&0 &
    $3
    wait \$!
else
    virsh "\$@"
fi
status=\$?
[[ $2 != after ]] || $3
$undo
exit \$status
SH
    chmod 0755 "$BATS_TEST_TMPDIR/virsh"
    rm -f "$BATS_TEST_TMPDIR/happened"
    write_config "{\"bin_path\": \"$BATS_TEST_TMPDIR/virsh\", \"command_timeout\": 30}"
    "${name}_call"
    write_config '{}'
}

# What libvirt held of the VM when it was killed, it may hold for good; the answer says what ends that.
free_vm() {
    virsh_lab destroy "$vm"
    "$lab/libvirtd.sh" kill-daemon "$LAB"
    "$lab/libvirtd.sh" start-daemon "$LAB"
    cpi reboot_vm "[\"$vm\"]"
}

# A failed create_vm is undone when libvirtd is back; all else works with the same request.
settle() {
    local answer
    [[ $response && $response != *Clouds::CpiError* ]] || {
        echo "not an answer to that: $response"
        return 1
    }
    # A VM that was destroyed is to be off.
    if [[ $kind == creates && $deed != destroy ]] && ! is_success; then
        as_before 'it failed, and this is left'
    fi
    if [[ $kind == repeats ]] || ! is_success; then
        "${name}_call"
        if [[ $response == *"a job from before libvirtd's last start"* ]]; then
            free_vm
            "${name}_call"
        fi
        [[ $name == detach_disk* && $response == *DiskNotAttached* ]] || succeeded
    fi
    if [[ $deed == destroy ]]; then
        answer=$response
        cpi reboot_vm "[\"$vm\"]"
        response=$answer
    fi
    "${name}_check"
    "${name}_restore"
    as_before 'afterwards'
    holds_data "$(image_of "$bystander")"
}

accident() {
    "${name}_prepare"
    with_accident "$1" "$2" "$deed"
    settle
}

# accidents KIND NAME DEED: with each virsh that the call starts
accidents() {
    local kind=$1 name=$2 deed=$3 number when count=0
    local vm='' disk='' stemcell='' made='' small='' before bystander
    have_disk
    bystander=$disk
    "${name}_world"
    before=$(things)
    for ((number = 1; number < 12; number++)); do
        for when in before during after; do
            (
                trap - DEBUG ERR
                set -e
                accident "$number" "$when"
            ) >"$BATS_TEST_TMPDIR/accident" 2>&1 3>&- &
            wait $! || {
                echo "--- $deed $when virsh $number:"
                cat "$BATS_TEST_TMPDIR/accident"
                figure kills 1 1
                return 1
            }
            [[ -e $BATS_TEST_TMPDIR/happened ]] || break 2
            count=$((count + 1))
            figure kills 1
        done
    done
    echo "# $name: $count times" >&3
    ((count >= 3))
}

@test "libvirtd killed in create_vm" { accidents creates create_vm kill_daemon; }

@test "libvirtd killed in delete_vm" { accidents repeats delete_vm kill_daemon; }

@test "libvirtd killed in attach_disk" { accidents repeats attach_disk kill_daemon; }

@test "libvirtd killed in detach_disk" { accidents repeats detach_disk kill_daemon; }

@test "libvirtd killed in snapshot_disk of a disk in use" {
    accidents creates snapshot_used_disk kill_daemon
}

@test "libvirtd killed in reboot_vm" { accidents repeats reboot_vm kill_daemon; }

@test "libvirtd killed in set_vm_metadata" { accidents repeats set_vm_metadata kill_daemon; }

@test "the VM destroyed in attach_disk" { accidents repeats attach_disk destroy; }

@test "the VM destroyed in detach_disk" { accidents repeats detach_disk destroy; }

@test "the VM destroyed in snapshot_disk" { accidents creates snapshot_used_disk destroy; }

@test "the VM destroyed in reboot_vm" { accidents repeats reboot_vm destroy; }
