#!/usr/bin/env bats
# A person's commands on a real libvirt: a healthy host, faults of a real one, and what killed calls
# leave.

load helper

# A healthy host to begin with: other tests leave the reservations of VMs that they do not delete.
setup_file() {
    local URI
    URI=$(<"$BATS_SUITE_TMPDIR/lab/uri")
    forget_reservations
}

teardown() {
    local URI
    clean_up
    URI=$(<"$LAB/uri")
    forget_reservations
    virsh_lab net-autostart default
}

forget_reservations() {
    local host scope
    while read -r host; do
        for scope in --live --config; do
            virsh_lab net-update default delete ip-dhcp-host "$host" "$scope" || true
        done
    done < <({ virsh_lab net-dumpxml default; virsh_lab net-dumpxml default --inactive; } |
        grep -o "<host mac=.*name='vm-.*/>" | sort -u)
} >/dev/null 2>&1

# person WORD...: a person's command; what it said is in $said, its exit status in $ended.
person() {
    ended=0
    said=$("$CPI" "$@" --config "$CONFIG" 2>"$BATS_TEST_TMPDIR/complained") || ended=$?
}

# finds LEVEL TEXT...: doctor has one finding, which says each TEXT.
finds() {
    local text
    person doctor
    one_finding "$@"
}

one_finding() {
    local text
    [[ $(grep -cE '^(error|warning): ' <<<"$said") == 1 && $said == "$1: "* ]] || {
        echo "expected one $1: $said" >&2
        "$CPI" gc --dry-run --config "$CONFIG" >&2 || true
        return 1
    }
    for text in "${@:2}"; do
        [[ $said == *"$text"* ]] || {
            echo "expected '$text': $said" >&2
            return 1
        }
    done
}

healthy() {
    person doctor
    [[ $ended == 0 && -z $said ]] || {
        echo "expected nothing: $said" >&2
        "$CPI" gc --dry-run --config "$CONFIG" >&2 || true
        return 1
    }
}

# configure JSON: the config of a host where all is well, with these keys over it
configure() {
    write_config "$(jq -cn --argjson more "$1" '{domain_type: "qemu"} + $more')"
    chmod 0600 "$CONFIG"
}

# deadly WHEN COMMAND: a virsh that kills who called it, before or after it does this command
deadly() {
    local kill="kill -KILL \$PPID"
    cat >"$BATS_TEST_TMPDIR/virsh" <<SH
#!/bin/bash
if [[ \$* == *'$2'* ]]; then
    [[ $1 == after ]] || { $kill; exit; }
    virsh "\$@"
    $kill
    exit
fi
exec virsh "\$@"
SH
    chmod 0755 "$BATS_TEST_TMPDIR/virsh"
    configure "{\"bin_path\": \"$BATS_TEST_TMPDIR/virsh\"}"
}

# things: all that there is of ours
things() {
    (cd "$STORE" && find . -mindepth 2 ! -name console.log -printf '%P %l\n' | sort)
    virsh_lab list --all --name | sort
    virsh_lab net-dumpxml default | grep '<host ' || true
}

@test "doctor says nothing about a healthy host, ls and console tell what is there" {
    configure '{}'
    healthy
    stemcell
    create_vm agent-p "$result" 192.168.122.101
    disk 16
    boots "$vm"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    cpi set_vm_metadata "[\"$vm\", {\"deployment\": \"cf\", \"name\": \"web/0\"}]"
    healthy
    person ls --json
    [[ $ended == 0 ]]
    jq -e --arg vm "$vm" --arg disk "$disk" '
        .vms == [.vms[0]] and (.vms[0] | .cid == $vm and .state == "running" and .cpus == 1 and
        .memory_mib == 256 and .deployment == "cf" and .instance == "web/0" and .disks == [$disk] and
        .addresses == ["192.168.122.101"] and .autostart) and .disks[0].vms == [$vm] and
        (.networks | map(select(.name == "default"))[0] | .state == "active" and .autostart)' <<<"$said"
    person ls
    grep -E "^$vm +running +1 +256 +cf +web/0 +192.168.122.101 +$disk" <<<"$said"
    person console "$vm" --no-follow --lines 100000
    [[ $said == *'guest: ready'* ]]
    person call get_disks "$vm"
    [[ $(jq -c . <<<"$said") == "[\"$disk\"]" ]]
    person gc
    [[ $ended == 0 && -z $said ]]
    virsh_lab domstate "$vm" | grep -q running
}

@test "doctor finds a network without autostart, a VM that is paused or saved, or without its domain" {
    configure '{}'
    stemcell
    create_vm agent-q "$result" 192.168.122.102
    virsh_lab net-autostart default --disable
    finds warning "'default' does not start with the host"
    virsh_lab net-autostart default
    virsh_lab suspend "$vm"
    finds warning "VM '$vm' is paused"
    virsh_lab resume "$vm"
    virsh_lab managedsave "$vm"
    finds warning "VM '$vm' has a managed save"
    virsh_lab managedsave-remove "$vm"
    healthy
    configure '{"default_network": "idle"}'
    finds error "'idle' is not active" "'virsh -c $URI net-start idle'"
    configure '{"uri": "test:///default", "hypervisor": "qemu"}'
    person doctor
    [[ $ended == 1 && $said == *"driver 'test'"* ]]
    configure '{}'
    virsh_lab undefine "$vm"
    finds error "VM '$vm' is in the store but not in libvirt"
}

@test "doctor finds a full store, and a mount that may come too late" {
    local fstab=$BATS_TEST_TMPDIR/fstab
    configure '{}'
    disk 16
    # A mount namespace of its own, in which the store is on a small file system.
    in_mounts() {
        said=$(unshare --mount bash -c '
            mount -t tmpfs -o size=64m none "$1" && mount --bind "$2" /etc/fstab &&
            echo "{\"method\":\"create_disk\",\"arguments\":[1],\"context\":{}}" |
                "$3" --config "$4" >/dev/null 2>&1
            [[ ! $5 ]] || umount "$1"
            "$3" doctor --config "$4"' - "$STORE" "$fstab" "$CPI" "$CONFIG" "${1-}" 2>&1) || true
    }
    echo "none $STORE tmpfs defaults 0 0" >"$fstab"
    in_mounts
    one_finding error "'$STORE' has only"
    in_mounts unmounted
    one_finding error "'$STORE' is not mounted"
    echo "none $STORE tmpfs defaults,nofail 0 0" >"$fstab"
    in_mounts
    [[ $said == *"warning: '$STORE', where the store is, has 'nofail'"* ]]
    echo "none $STORE/elsewhere tmpfs nofail 0 0" >"$fstab"
    in_mounts unmounted
    [[ -z $said ]]
}

@test "doctor knows the hypervisor's user, and whom access control lists let through" {
    "$lab/libvirtd.sh" start "$BATS_TEST_TMPDIR/user-lab" --qemu-user
    URI=$(<"$BATS_TEST_TMPDIR/user-lab/uri")
    STORE=$BATS_TEST_TMPDIR/closed/store
    configure '{}'
    disk 16
    person doctor
    [[ $said != *'cannot pass'* ]]
    chmod 0700 "$BATS_TEST_TMPDIR/closed"
    person doctor
    [[ $ended == 1 && $said == *"uid $(id -u libvirt-qemu)"*"cannot pass through '$BATS_TEST_TMPDIR/closed' (mode 0700)"* ]]
}

@test "gc removes what a create_vm left that was killed, and neither VMs nor calls at work" {
    local before when pid
    configure '{}'
    stemcell
    base=$result
    create_vm agent-r "$base" 192.168.122.103
    before=$(things)
    for when in 'before net-update' 'after net-update' 'before define --validate' 'after define --validate'; do
        deadly "${when%% *}" "${when#* }"
        run create_vm agent-s "$base" 192.168.122.104
        [[ $(things) != "$before" ]]
        configure '{}'
        person gc
        [[ $ended == 0 && $said == *'a VM half made'* ]]
        [[ $(things) == "$before" ]] || {
            diff <(echo "$before") <(things) >&2
            return 1
        }
    done
    virsh_lab domstate "$vm" | grep -q running
    # One that is being made, and waits.
    mkfifo "$BATS_TEST_TMPDIR"/{there,go}
    cat >"$BATS_TEST_TMPDIR/virsh" <<SH
#!/bin/bash
if [[ \$* == *'define --validate'* ]]; then
    echo >"$BATS_TEST_TMPDIR/there"
    read -r _ <"$BATS_TEST_TMPDIR/go"
fi
exec virsh "\$@"
SH
    configure "{\"bin_path\": \"$BATS_TEST_TMPDIR/virsh\"}"
    create_vm agent-s "$base" 192.168.122.104 3>&- &
    pid=$!
    read -r _ <"$BATS_TEST_TMPDIR/there"
    configure '{}'
    person gc
    [[ $ended == 0 && -z $said ]]
    echo >"$BATS_TEST_TMPDIR/go"
    wait "$pid"
    [[ $(virsh_lab list --name | grep -c .) == 2 ]]
}

@test "gc ends the copy of a snapshot_disk that was killed, and an operator's job goes on" {
    configure '{}'
    stemcell
    create_vm agent-t "$result" 192.168.122.105
    disk 64
    boots "$vm"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    deadly before domjobinfo
    run call snapshot_disk "[\"$disk\", {}]"
    configure '{}'
    person doctor
    one_finding warning 'killed calls left something behind'
    person gc
    [[ $ended == 0 && $said == *'.new-snap-'* ]]
    [[ -z $(ls -A "$STORE/snapshots") ]]
    healthy
    cpi snapshot_disk "[\"$disk\", {}]"
    qemu-img check -q "$STORE/snapshots/$result/disk.qcow2"
    # An operator's own, which waits for somebody to read from it.
    cat >"$BATS_TEST_TMPDIR/backup.xml" <<XML
<domainbackup mode='pull'>
  <server transport='unix' socket='$BATS_TEST_TMPDIR/nbd'/>
  <disks>
    <disk name='$(target_of "$disk")' backup='yes' type='file'>
      <scratch file='$BATS_TEST_TMPDIR/scratch.qcow2'/>
    </disk>
  </disks>
</domainbackup>
XML
    virsh_lab backup-begin "$vm" --backupxml "$BATS_TEST_TMPDIR/backup.xml"
    person gc
    [[ $ended == 0 && -z $said ]]
    virsh_lab domjobinfo "$vm" | grep -q 'Operation: *Backup'
    virsh_lab domjobabort "$vm"
}

# target_of DISK
target_of() {
    virsh_lab domblklist "$vm" --details | awk -v disk="/$1/" 'index($4, disk) { print $3 }'
}
