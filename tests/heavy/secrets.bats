#!/usr/bin/env bats
# Secrets on a real host: every program that cpi starts is watched by strace, with all its words and
# its whole environment, and all processes of the machine, libvirt's logs and the definitions are
# looked through while the VM runs. tests/cli/secrets.bats does it with stand-ins, at each step.

load ../live/helper

canary='canary-5d1f0c77'

# trace_calls: from now on cpi runs under strace, which writes each exec to files in $traces.
trace_calls() {
    traces=$BATS_TEST_TMPDIR/traces
    mkdir "$traces"
    printf '#!/bin/sh\nexport CPI_SECRET=%s\nexec strace -ff -v -s 1000000 -e trace=execve,execveat -e signal=none -o %s/trace %s "$@"\n' \
        "$canary" "$traces" "$CPI" >"$BATS_TEST_TMPDIR/traced"
    chmod 0755 "$BATS_TEST_TMPDIR/traced"
    CPI=$BATS_TEST_TMPDIR/traced
}

# The first exec of each call is cpi itself, whose environment is its caller's.
execs_of_children() {
    grep -h '^execve' "$traces"/trace.* | grep -v "^execve(\"$root/build/cpi\""
}

# Every process: its words for all, its environment for its own user.
seen_in_proc() {
    local process
    for process in /proc/[0-9]*; do
        [[ $process == "/proc/$$" || $process == "/proc/$BASHPID" ]] ||
            ! tr '\0' ' ' <"$process/cmdline" 2>/dev/null | grep -F "$canary" ||
            echo "$process"
    done
}

@test "no secret is seen on a real host in the life of a VM" {
    local env stemcell networks arguments
    write_config "{\"agent\": {\"mbus\": \"https://mbus:$canary@0.0.0.0:6868\", \"ntp\": [],
        \"blobstore\": {\"provider\": \"dav\", \"options\": {\"password\": \"$canary\"}}}}"
    chmod 0600 "$CONFIG"
    trace_calls
    stemcell
    stemcell=$result
    env="{\"bosh\": {\"password\": \"$canary\", \"mbus\": {\"cert\": {\"private_key\": \"-----BEGIN RSA PRIVATE KEY-----$canary\"}}}}"
    arguments=$(jq -cn --arg stemcell "$stemcell" --argjson networks "$(networks 192.168.122.17)" --argjson env "$env" \
        '["agent-s", $stemcell, {memory: 256, ephemeral_disk: 96}, $networks, [], $env]')
    cpi create_vm "$arguments"
    vm=$(jq -r '.[0]' <<<"$result")
    disk 16
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    cpi set_vm_metadata "[\"$vm\", {\"name\": \"s/0\"}]"
    cpi snapshot_disk "[\"$disk\", {}]"
    # It is where it belongs, so it could have been elsewhere.
    grep -qaF "$canary" "$STORE/vms/$vm/settings.iso"
    [[ -z $(seen_in_proc) ]]
    [[ $(virsh_lab dumpxml "$vm" --security-info; virsh_lab dumpxml "$vm" --inactive) != *"$canary"* ]]
    ! grep -rlaF "$canary" "$LAB"/log.d "$LAB"/etc "$LAB"/run "$LAB"/lib "$LAB"/cache
    [[ $(grep -rlaF "$canary" "$STORE") == "$STORE/vms/$vm/settings.iso" ]]
    [[ $(stat -c %a "$STORE/vms/$vm/settings.iso") == 600 ]]
    boots "$vm"
    cpi reboot_vm "[\"$vm\"]"
    boots "$vm" 2
    cpi delete_vm "[\"$vm\"]"
    ! grep -rlaF "$canary" "$STORE"
    ! grep -F "$canary" "$BATS_TEST_TMPDIR/stderr"
    (($(execs_of_children | wc -l) > 10))
    ! execs_of_children | grep -F "$canary"
    echo "# $(execs_of_children | wc -l) programs that cpi started, with words and environment: 0 secrets" >&3
}
