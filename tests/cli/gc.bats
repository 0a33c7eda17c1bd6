#!/usr/bin/env bats
# cpi gc: what killed calls left goes, and nothing else.

load helper

# killed_at N METHOD ARGUMENT...: sends a request, and kills cpi when its Nth command has done its
# work. False when it got through with fewer commands.
killed_at() {
    local program number=$1
    shift
    echo 0 >"$world/count"
    mkdir -p "$world/deadly"
    for program in virsh qemu-img; do
        cat >"$world/deadly/$program" <<SH
#!/bin/bash
PATH=/usr/bin:/bin
"$world/bin/$program" "\$@"
status=\$?
count=\$((\$(<"$world/count") + 1))
echo \$count >"$world/count"
((count != $number)) || kill -KILL \$PPID
exit \$status
SH
        chmod 0755 "$world/deadly/$program"
    done
    request "$@" >"$world/request"
    PATH=$world/deadly "$CPI" --config "$world/cpi.json" <"$world/request" \
        >"$world/stdout" 2>"$world/stderr" || return 0
    return 1
}

# cleans: gc --dry-run tells what gc removes, and changes nothing; then there is no more.
cleans() {
    local before told
    before=$(digest)
    person gc --dry-run --json
    exits 0
    unchanged "$before" 'gc --dry-run'
    told=$said
    person gc --json
    exits 0
    [[ $said == "$told" ]] || fail "it told $told but removed this"
    person gc
    exits 0
    silent
}

# kills METHOD ARGUMENT...: at each of its commands; gc then leaves $things as it was.
kills() {
    local number
    for ((number = 1; number < 30; number++)); do
        if ! killed_at "$number" "$@"; then
            things=$(inventory)
            return 0
        fi
        cleans
        [[ $(inventory) == "$things" ]] || fail "killed at $number: $(diff <(echo "$things") <(inventory))"
        [[ -z $(find "$store/.lock" -name "*$spare*") ]] || fail 'a lock is left'
        figure kills 1
    done
    fail 'it never got through'
}

# Beside what is killed there is a VM with a disk, and a snapshot of that.
prepare() {
    have_attached_disk
    ok snapshot_disk "$disk" '{}'
    things=$(inventory)
    spare=nothing
}

# --- killed calls ------------------------------------------------------------------------------

@test "gc removes what a create_vm left that was killed at any of its commands" {
    prepare
    kills create_vm agent-2 "$stemcell" '{"extra_disks":[{"size":10}]}' "$(manual 10.0.0.30)" '[]' '{}'
}

@test "gc removes what a create_disk and a create_stemcell left" {
    prepare
    kills create_disk 64 '{}'
    PATH=$world/bin:$PATH qemu-img create -q -f raw "$world/root.img" 100M
    printf '\125\252' | dd of="$world/root.img" bs=1 seek=510 conv=notrunc status=none
    tar -C "$world" -cf "$world/image" root.img
    configure stemcell_compress true
    kills create_stemcell "$world/image" '{}'
}

@test "gc removes what a snapshot_disk left, and ends its copy" {
    prepare
    echo never >"$state/job-takes"
    killed_at 3 snapshot_disk "$disk" '{}'
    [[ -e $state/domains/$vm/job ]] || fail 'no copy was made'
    cleans
    [[ ! -e $state/domains/$vm/job ]] || fail 'the copy goes on'
    rm "$state/job-takes"
    ok snapshot_disk "$disk" '{}'
    ok delete_snapshot "$cid"
    kills snapshot_disk "$disk" '{}'
}

@test "gc finishes a delete_vm whose VM was gone already, and leaves a VM that is whole" {
    local number doomed
    prepare
    for ((number = 1; number < 10; number++)); do
        ok create_vm agent-2 "$stemcell" '{}' "$(manual 10.0.0.31)" '[]' '{}'
        doomed=$cid
        if ! killed_at "$number" delete_vm "$doomed"; then
            ((number > 2)) || fail 'it had too few commands'
            return 0
        fi
        cleans
        [[ ! -e $store/vms/$doomed && ! -e $state/domains/$doomed ]] || {
            # Killed before the mark was there: not to be told from a lost definition.
            ((number == 1)) || fail "killed at $number and not finished"
            ok delete_vm "$doomed"
        }
        [[ $(inventory) == "$things" ]] || fail "killed at $number: $(diff <(echo "$things") <(inventory))"
    done
    fail 'it never got through'
}

@test "gc removes what an update_disk left, and never the image that the disk has" {
    local image
    prepare
    have_disk
    spare=$disk
    killed_at 1 update_disk "$spare" 64 '{"format":"raw"}'
    image=$(cksum <"$store/disks/$spare/disk.qcow2")
    [[ -e $store/disks/$spare/disk.raw ]]
    cleans
    [[ ! -e $store/disks/$spare/disk.raw ]] || fail 'the other image is left'
    [[ $(cksum <"$store/disks/$spare/disk.qcow2") == "$image" ]]
    # A disk whose own image is gone keeps whatever there is.
    mv "$store/disks/$spare/disk.qcow2" "$store/disks/$spare/disk.raw"
    person gc
    silent
    [[ -e $store/disks/$spare/disk.raw ]] || fail 'the last image was removed'
}

@test "gc leaves no lock of a VM that was defined and not started" {
    prepare
    have_vm 10.0.0.41
    stop_domain "$vm"
    touch "$store/vms/$vm/creating"
    cleans
    [[ ! -e $store/.lock/vm-$vm ]] || fail 'its lock is left'
    [[ $(inventory) == "$things" ]] || fail "$(diff <(echo "$things") <(inventory))"
}

# --- what lies about ---------------------------------------------------------------------------

@test "gc removes directories on their way, unfinished files, addresses and locks of what is gone" {
    local gone=vm-5b0d6d7c-8f9d-4c39-a9f1-0d5d1e4a6a10 kind path
    prepare
    for kind in vms disks stemcells snapshots; do
        mkdir "$store/$kind/.gone-a1" "$store/$kind/.new-b2"
        touch "$store/$kind/.gone-a1/disk.qcow2"
    done
    touch "$store/disks/$disk/disk.json.aB3dE6" "$store/vms/$vm/vm.json.aB3dE6"
    ln -s "$gone" "$store/networks/default/10.0.0.77"
    touch "$store/.lock/vm-$gone" "$store/.lock/disk-x" "$store/.lock/stemcell-sha256-1234"
    sed -i "s|</dhcp>|  <host mac='52:54:00:00:00:01' name='$gone-0' ip='10.0.0.77'/>\n    </dhcp>|" \
        "$state/networks/default"/{live,config}
    person gc --dry-run
    for path in vms/.gone-a1 disks/.new-b2 disk.json.aB3dE6 vm.json.aB3dE6 10.0.0.77 "$gone-0" sha256-1234; do
        tells "$path"
    done
    cleans
    [[ $(inventory) == "$things" ]] || fail "$(diff <(echo "$things") <(inventory))"
    [[ ! -e $store/.lock/vm-$gone && ! -e $store/.lock/disk-x ]] || fail 'locks are left'
}

@test "gc removes a VM of which there is nothing but a directory, or a mark that was never finished" {
    local empty=vm-5b0d6d7c-8f9d-4c39-a9f1-0d5d1e4a6a10 begun=vm-5b0d6d7c-8f9d-4c39-a9f1-0d5d1e4a6a11
    prepare
    mkdir "$store/vms/$empty" "$store/vms/$begun"
    touch "$store/vms/$begun/creating.aB3dE6" "$store/vms/notes"
    things=$(inventory | grep -v "$empty\|$begun")
    person gc --dry-run
    tells "$empty" "$begun"
    cleans
    [[ $(inventory) == "$things" ]] || fail "$(diff <(echo "$things") <(inventory))"
}

@test "gc removes a domain whose directory is gone, unless it runs" {
    prepare
    have_vm 10.0.0.40
    rm -r "$store/vms/$vm"
    person gc
    is_running "$vm"
    stop_domain "$vm"
    cleans
    [[ ! -e $state/domains/$vm ]] || fail 'the domain is left'
    [[ $(inventory) == "$things" ]] || fail "$(diff <(echo "$things") <(inventory))"
}

# --- what is not left over ---------------------------------------------------------------------

@test "gc leaves what is somebody else's" {
    local other=vm-5b0d6d7c-8f9d-4c39-a9f1-0d5d1e4a6a10
    have_vm
    stop_domain "$vm"
    cp -r "$state/domains/$vm" "$state/domains/mail-server"
    cp -r "$state/domains/$vm" "$state/domains/$other"
    sed -i 's,/store/,/other/,' "$state/domains/$other/config"
    sed -i "s|</dhcp>|  <host mac='52:54:00:00:00:01' name='printer' ip='10.0.0.77'/>\n  \
        <host mac='52:54:00:00:00:02' name='$other-0' ip='10.0.0.78'/>\n    </dhcp>|" \
        "$state/networks/default"/{live,config}
    mkdir "$store/mine"
    touch "$store/mine/file" "$store/disks/notes.txt"
    before=$(digest)
    person gc
    silent
    unchanged "$before" gc
}

@test "gc leaves a VM whose domain is gone for a reason that nobody knows, and VMs of another libvirt" {
    prepare
    rm -r "$state/domains/$vm"
    before=$(digest)
    person gc
    silent
    unchanged "$before" gc
}

@test "gc leaves what keep_failed_vms keeps" {
    have_stemcell
    mkdir -p "$world/templates/qemu"
    echo 'no XML' >"$world/templates/qemu/domain.xml"
    configure keep_failed_vms true template_dir "\"$world/templates\""
    refused VMCreationFailed create_vm a "$stemcell" '{}' "$(manual 10.0.0.30)" '[]' '{}'
    before=$(digest)
    person gc
    unchanged "$before" gc
    configure keep_failed_vms false
    person gc
    [[ -z $(ls -A "$store/vms") ]] || fail 'it is left'
}

@test "gc passes over what a call is working on" {
    local pid
    have_stemcell
    mkfifo "$state/hanging"
    # The define hangs: all is made, nothing is finished.
    cat >"$world/slow" <<SH
#!/bin/bash
PATH=/usr/bin:/bin
if [[ \$* == *'define --validate'* ]]; then
    echo \$\$ >"$state/hanging"
    read -r _ <"$world/go"
fi
exec "$world/bin/virsh" "\$@"
SH
    chmod 0755 "$world/slow"
    mkfifo "$world/go"
    configure bin_path "\"$world/slow\""
    (ask create_vm a "$stemcell" '{}' "$(manual 10.0.0.30)" '[]' '{}' && succeeded) 3>&- &
    pid=$!
    read -r _ <"$state/hanging"
    before=$(digest)
    configure bin_path '"virsh"'
    person gc
    silent
    unchanged "$before" gc
    echo >"$world/go"
    wait "$pid"
    [[ $(ls "$store/vms") == vm-* ]] || fail 'the VM was not made'
}

@test "without a store, or without libvirt, gc does nothing" {
    person gc
    exits 0
    silent
    [[ ! -e $store ]]
    have_vm
    touch "$store/vms/$vm/creating"
    : >"$state/down"
    before=$(digest)
    person gc
    exits 1
    complains libvirt
    unchanged "$before" gc
}
