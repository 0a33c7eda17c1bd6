#!/usr/bin/env bats
# Containers, with systemd in them, on the real LXC driver.

load lxc

setup() {
    setup_containers
}

teardown() {
    teardown_containers
}

# mount_as_agent IP DISK: where the warden line's agent mounts what the hint names
mount_as_agent() {
    guest "$1" "mkdir -p /var/vcap/store && mount --bind /warden-cpi-dev/$2 /var/vcap/store"
}

# mib_of IP PATH: how large the file system there is, in whole MiB
mib_of() {
    guest "$1" "busybox df -P -m $2 | awk 'NR == 2 { print \$2 }'"
}

@test "a container's life: reached, its settings read, its disks written, moved, gone" {
    local first second stemcell
    tree
    stemcell=$result
    create_vm agent-1 "$stemcell" 192.168.122.90
    first=$vm
    cpi has_vm "[\"$first\"]"
    [[ $result == true ]]

    says 192.168.122.90 'grep -o "\"agent_id\":\"[^\"]*\"" /var/vcap/bosh/warden-cpi-agent-env.json' \
        '"agent_id":"agent-1"'
    says 192.168.122.90 'stat -c "%a %u" /var/vcap/bosh/warden-cpi-agent-env.json' '600 0'
    wait_for says 192.168.122.90 'systemctl is-system-running' running
    says 192.168.122.90 'busybox ip -4 -o addr show dev eth0 | grep -o "inet [0-9./]*"' \
        'inet 192.168.122.90/24'
    says 192.168.122.90 'busybox ip route | grep -o "^default via [0-9.]*"' 'default via 192.168.122.1'
    [[ $(guest 192.168.122.90 'cat /sys/class/net/eth0/address') == "$(jq -r .private.mac <<<"$vm_networks")" ]]

    # The ephemeral disk has a size of its own, not the host's.
    guest 192.168.122.90 'echo kept >/var/vcap/data/file'
    (($(mib_of 192.168.122.90 /var/vcap/data) <= 96))

    disk 40
    cpi attach_disk "[\"$first\", \"$disk\"]"
    [[ $(jq -r .path <<<"$result") == "/warden-cpi-dev/$disk" ]]
    cpi attach_disk "[\"$first\", \"$disk\"]"
    mount_as_agent 192.168.122.90 "$disk"
    guest 192.168.122.90 'echo data >/var/vcap/store/file'
    # The container has the file system, but no device of the host's.
    says 192.168.122.90 'ls /dev | grep -c -E "^(vd|sd|loop)" || true' 0
    [[ $(loops_of "$STORE/disks/$disk/disk.raw" | wc -l) == 1 ]]
    cpi get_disks "[\"$first\"]"
    [[ $(jq -r '.[]' <<<"$result") == "$disk" ]]
    cpi_fails CloudError "attached to VM '$first'" delete_disk "[\"$disk\"]"
    cpi_fails CloudError "attached to VM '$first'" resize_disk "[\"$disk\", 50]"
    cpi_fails NotImplemented 'snapshot of a disk of a running VM' snapshot_disk "[\"$disk\", {}]"
    cpi_fails CloudError 'did not let go' detach_disk "[\"$first\", \"$disk\"]"
    says 192.168.122.90 'cat /var/vcap/store/file' data

    # Restarted, libvirt mounts all of it.
    cpi reboot_vm "[\"$first\"]"
    says 192.168.122.90 "cat /warden-cpi-dev/$disk/file /var/vcap/data/file" $'data\nkept'
    cpi set_vm_metadata "[\"$first\", {\"deployment\": \"d\", \"job\": \"web\", \"index\": 0}]"
    [[ $(virsh_lab desc "$first" --title) == 'web/0 (d)' ]]
    cpi detach_disk "[\"$first\", \"$disk\"]"
    cpi_fails DiskNotAttached "$disk" detach_disk "[\"$first\", \"$disk\"]"
    says 192.168.122.90 "ls /warden-cpi-dev" ''

    cpi snapshot_disk "[\"$disk\", {}]"
    cpi delete_snapshot "[\"$result\"]"
    cpi resize_disk "[\"$disk\", 80]"
    create_vm agent-2 "$stemcell" 192.168.122.91
    second=$vm
    cpi attach_disk "[\"$second\", \"$disk\"]"
    says 192.168.122.91 "cat /warden-cpi-dev/$disk/file" data
    (($(mib_of 192.168.122.91 "/warden-cpi-dev/$disk") > 60))
    guest 192.168.122.91 "echo more >>/warden-cpi-dev/$disk/file"
    cpi_fails CloudError "attached to VM '$second'" attach_disk "[\"$first\", \"$disk\"]"

    # A VM goes while it has a disk, and the disk stays; back where it was, it is as it was left.
    cpi delete_vm "[\"$second\"]"
    cpi attach_disk "[\"$first\", \"$disk\"]"
    says 192.168.122.90 "cat /warden-cpi-dev/$disk/file" $'data\nmore'
    cpi detach_disk "[\"$first\", \"$disk\"]"
    cpi_fails CloudError "$first" delete_stemcell "[\"$stemcell\"]"
    cpi delete_vm "[\"$first\"]"
    cpi delete_vm "[\"$first\"]"
    cpi delete_disk "[\"$disk\"]"
    cpi delete_stemcell "[\"$stemcell\"]"
    nothing_left
}

@test "after a reboot of the host containers and their disks are back without a call" {
    local mapped
    tree
    create_vm agent-m "$result" 192.168.122.89 '{"privileged": false, "ephemeral_disk": 0, "init": "/lab/init"}'
    mapped=$vm
    create_vm agent-h "$(ls "$STORE/stemcells")" 192.168.122.92
    disk 40
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    guest 192.168.122.89 'echo mine >/var/vcap/data/file; sync'
    guest 192.168.122.92 "echo data >/warden-cpi-dev/$disk/file; echo data >/var/vcap/data/file; : >/run/before; sync"
    on_host "$lab/inside.sh" power-cut
    [[ -z $(loops_of "$STORE/disks/$disk/disk.raw")$(loops_of "$STORE/vms/$vm/ephemeral.raw") ]]
    "$lab/libvirtd.sh" reboot "$LAB"
    says 192.168.122.92 "ls /run/before 2>/dev/null; cat /warden-cpi-dev/$disk/file /var/vcap/data/file" $'data\ndata'
    says 192.168.122.89 'cat /var/vcap/data/file; id -u' $'mine\n0'
    cpi delete_vm "[\"$mapped\"]"
    cpi detach_disk "[\"$vm\", \"$disk\"]"
    cpi delete_vm "[\"$vm\"]"
    cpi delete_disk "[\"$disk\"]"
    nothing_left
}

@test "what a tree holds is what the container has: owners, modes, links, devices, capabilities" {
    local place
    tree
    create_vm agent-t "$result" 192.168.122.93
    for place in "$STORE/stemcells/$result/rootfs" "$STORE/vms/$vm/rootfs"; do
        place=$place/lab/marks
        [[ -e $place ]] || place=$STORE/stemcells/$(ls "$STORE/stemcells")/rootfs/lab/marks
        [[ $(stat -c '%u %g %a %h' "$place/owned") == '1234 4321 6711 2' ]]
        [[ $(stat -c %i "$place/owned") == "$(stat -c %i "$place/second-name")" ]]
        [[ $(readlink "$place/link") == /etc/passwd ]]
        [[ $(stat -c '%F %t %T' "$place/device") == 'character special file 1 3' ]]
        [[ $(getcap "$place/capable") == *cap_net_raw* ]]
        getfacl --omit-header --numeric --absolute-names "$place/listed" | grep -qx 'user:1234:r--'
        [[ -e $place/Főtanúsítvány ]]
        [[ $(stat -c %s "$place/sparse") == 10485760 ]]
    done
    # Others of the host have no way to the set-user-id programs in there.
    [[ $(stat -c %a "$STORE/vms/$vm" "$STORE"/stemcells/*) == $'700\n700' ]]
    cpi delete_vm "[\"$vm\"]"
}

@test "disks grow, are described and copied, as far as containers let them" {
    local stemcell snapshot
    tree
    stemcell=$result
    create_vm agent-d "$stemcell" 192.168.122.98
    disk 24
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    guest 192.168.122.98 "echo data >/warden-cpi-dev/$disk/file; sync"
    cpi set_disk_metadata "[\"$disk\", {\"deployment\": \"d\", \"instance_index\": 0}]"
    [[ $(jq -c .metadata.deployment "$STORE/disks/$disk/disk.json") == '"d"' ]]
    # What it has mounted stays as it is.
    cpi_fails CloudError "attached to VM '$vm'" update_disk "[\"$disk\", 48, {}]"
    cpi_fails NotImplemented 'snapshot of a disk of a running VM' snapshot_disk "[\"$disk\", {}]"
    says 192.168.122.98 "cat /warden-cpi-dev/$disk/file" data

    # Of one that is off it is copied where it is.
    virsh_lab destroy "$vm"
    cpi snapshot_disk "[\"$disk\", {\"deployment\": \"d\"}]"
    snapshot=$result
    qemu-img convert -O raw "$STORE/snapshots/$snapshot/disk.qcow2" "$BATS_TEST_TMPDIR/copy"
    [[ $(debugfs -R 'cat file' "$BATS_TEST_TMPDIR/copy" 2>/dev/null) == data ]]
    e2fsck -f -n "$BATS_TEST_TMPDIR/copy"
    cpi delete_snapshot "[\"$snapshot\"]"
    cpi get_disks "[\"$vm\"]"
    [[ $(jq -r '.[]' <<<"$result") == "$disk" ]]

    cpi detach_disk "[\"$vm\", \"$disk\"]"
    cpi_fails NotSupported 'cannot become smaller' resize_disk "[\"$disk\", 16]"
    cpi_fails CpiError format update_disk "[\"$disk\", 48, {\"format\": \"qcow2\"}]"
    cpi update_disk "[\"$disk\", 48, {}]"
    cpi set_disk_metadata "[\"$disk\", {\"deployment\": \"e\"}]"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    cpi reboot_vm "[\"$vm\"]"
    says 192.168.122.98 "cat /warden-cpi-dev/$disk/file" data
    (($(mib_of 192.168.122.98 "/warden-cpi-dev/$disk") > 36))
    cpi delete_vm "[\"$vm\"]"
    cpi delete_disk "[\"$disk\"]"
    cpi delete_stemcell "[\"$stemcell\"]"
    nothing_left
}

# outside VM PATTERN: the users that the processes of that name have on the host
outside() {
    on_host ps -o uid=,args= --ppid "$(on_host pgrep -f "^/[^ ]*libvirt_lxc --name $1 ")" |
        sed -n "s, *\\([0-9]*\\) .*$2.*,\\1,p"
}

@test "privileged false: root in a container is nobody on the host, and nobody in another" {
    local first second stemcell root base other
    tree
    stemcell=$result
    cpi_fails NotSupported 'set it to 0' create_vm "$(jq -cn --arg s "$stemcell" \
        --argjson n "$(networks 192.168.122.96)" '["a", $s, {memory: 128, privileged: false}, $n, [], {}]')"
    # Without systemd-machined all containers here are in one cgroup of systemd's own hierarchy.
    on_host find /sys/fs/cgroup/systemd -mindepth 1 -depth -type d -delete 2>/dev/null || true
    create_vm agent-u "$stemcell" 192.168.122.96 '{"privileged": false, "ephemeral_disk": 0}'
    first=$vm
    says 192.168.122.96 'grep -o "\"agent_id\":\"[^\"]*\"" /var/vcap/bosh/warden-cpi-agent-env.json' \
        '"agent_id":"agent-u"'
    says 192.168.122.96 'id -u; stat -c "%a %u" /var/vcap/bosh/warden-cpi-agent-env.json' $'0\n600 0'
    base=$(guest 192.168.122.96 'busybox awk "{ print \$2, \$3 }" /proc/self/uid_map')
    [[ ${base#* } == 65536 ]]
    base=${base% *}
    ((base >= 524288 && base % 65536 == 0))
    [[ $(outside "$first" init) == "$base" ]]

    # What the tree had, it has, for other users of the host.
    root=$STORE/vms/$first/rootfs
    [[ $(stat -c '%u %g %a %h' "$root/lab/marks/owned") == "$((base + 1234)) $((base + 4321)) 6711 2" ]]
    [[ $(stat -c '%u %a' "$root/usr/bin/su") == "$base 4755" ]]
    [[ $(stat -c '%u' "$root/lab/marks/link") == "$base" ]]
    [[ -z $(find "$root" -uid -524288) && -z $(find "$root" -gid -524288) ]]
    says 192.168.122.96 'stat -c "%u %g %a" /lab/marks/owned' '1234 4321 6711'
    [[ $(stat -c '%u %g %a' "$STORE/vms/$first") == "0 $base 710" ]]

    # It mounts as the agent does, but no device is its own, and nothing of the host.
    guest 192.168.122.96 'mkdir -p /var/vcap/data/sys && mount -t tmpfs tmpfs /var/vcap/data/sys &&
        mount --bind /etc /mnt && umount /mnt'
    guest 192.168.122.96 '! mknod /tmp/disk b 7 0 && ! echo 1 >/proc/sys/kernel/panic'

    create_vm agent-v "$stemcell" 192.168.122.97 '{"privileged": false, "ephemeral_disk": 0, "init": "/lab/init"}'
    second=$vm
    other=$(stat -c %u "$STORE/vms/$second/rootfs")
    [[ $other != "$base" ]]
    guest 192.168.122.97 'echo secret >/root/file && chmod 0600 /root/file'
    fails on_host setpriv --reuid "$base" --regid "$base" --clear-groups cat "$STORE/vms/$second/rootfs/root/file"

    disk 16
    cpi_fails NotSupported 'cannot have a disk' attach_disk "[\"$first\", \"$disk\"]"
    cpi get_disks "[\"$first\"]"
    [[ $result == '[]' ]]
    guest 192.168.122.96 'echo kept >/var/vcap/data/file'
    cpi reboot_vm "[\"$first\"]"
    says 192.168.122.96 'cat /var/vcap/data/file' kept
    cpi delete_vm "[\"$first\"]"
    cpi delete_vm "[\"$second\"]"
    cpi delete_disk "[\"$disk\"]"
    cpi delete_stemcell "[\"$stemcell\"]"
    nothing_left
}

@test "in whatever state a container is, delete_vm leaves nothing of it, and its disk is free" {
    local stemcell state
    tree
    stemcell=$result
    disk 40
    for state in paused off undefined bare; do
        create_vm "agent-$state" "$stemcell" 192.168.122.94
        cpi attach_disk "[\"$vm\", \"$disk\"]"
        case $state in
            paused)
                virsh_lab suspend "$vm"
                cpi_fails CloudError paused detach_disk "[\"$vm\", \"$disk\"]"
                ;;
            off)
                virsh_lab destroy "$vm"
                cpi detach_disk "[\"$vm\", \"$disk\"]"
                cpi attach_disk "[\"$vm\", \"$disk\"]"
                cpi get_disks "[\"$vm\"]"
                [[ $(jq -r '.[]' <<<"$result") == "$disk" ]]
                ;;
            undefined) virsh_lab undefine "$vm" ;;
            bare) rm -rf "$STORE/vms/$vm/vm.json" "$STORE/vms/$vm/ephemeral.raw" ;;
        esac
        cpi delete_vm "[\"$vm\"]"
        [[ -z $(loops_of "$STORE/disks/$disk/disk.raw") ]]
        [[ ! -e $STORE/vms/$vm ]]
    done
    cpi delete_disk "[\"$disk\"]"
    nothing_left
}

# person WORD…: a command for people, its output in $said, its status in $status
person() {
    status=0
    said=$("$CPI" "$@" --config "$CONFIG" 2>&1) || status=$?
}

@test "ls, doctor and gc know containers: a healthy host has nothing, what is left is found and goes" {
    local stemcell loop cgroup
    chmod 0600 "$CONFIG"
    tree
    stemcell=$result
    # What tests before this one may have left.
    person gc
    create_vm agent-p "$stemcell" 192.168.122.99
    disk 16
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    person ls disks --json
    [[ $(jq -r --arg disk "$disk" '.[] | select(.cid == $disk) | .vms[]' <<<"$said") == "$vm" ]]
    person ls vms --json
    [[ $(jq -r '.[] | .state + " " + .disks[]' <<<"$said") == "running $disk" ]]
    person doctor
    [[ -z $said && $status == 0 ]] || { echo "$said" >&2; false; }
    person gc --dry-run
    [[ -z $said ]] || { echo "$said" >&2; false; }

    guest 192.168.122.99 'printf "a\\000said on the console\\n" >/dev/console'
    person console "$vm" --no-follow --lines 100
    [[ $said == *'asaid on the console'* ]]
    "$CPI" console "$vm" --config "$CONFIG" >"$BATS_TEST_TMPDIR/console" 2>&1 3>&- &
    guest 192.168.122.99 'echo said later >/dev/console'
    wait_for grep -q 'said later' "$BATS_TEST_TMPDIR/console"
    virsh_lab destroy "$vm"
    wait $!
    person console "$vm"
    [[ $status == 1 && $said == *'does not run'* ]]

    cpi detach_disk "[\"$vm\", \"$disk\"]"
    # What attach_disk has for a moment; a link whose image is gone; a cgroup that nobody removed.
    loop=$(losetup --find --show "$STORE/disks/$disk/disk.raw")
    ln -s ../disks/gone/disk.raw "$STORE/fs/gone"
    cgroup=/sys/fs/cgroup/memory/machine/lxc-1-vm-00000000-0000-4000-8000-000000000000.libvirt-lxc
    [[ -d /sys/fs/cgroup/memory ]] || cgroup=${cgroup/memory\//}
    on_host mkdir "$cgroup"
    person doctor
    [[ $said == *'killed calls left something behind: 3'* ]] || { echo "$said" >&2; false; }
    person gc
    [[ $said == *"$loop"* && $said == *fs/gone* && $said == *vm-00000000-0000-4000-8000-000000000000* ]]
    [[ -z $(loops_of "$STORE/disks/$disk/disk.raw") ]]
    [[ ! -L $STORE/fs/gone ]]
    fails on_host test -e "$cgroup"
    person gc --dry-run
    [[ -z $said ]] || { echo "$said" >&2; false; }

    # A domain whose directory is gone, and that does not run.
    rm -rf "$STORE/vms/$vm"
    person gc
    [[ $said == *"$vm"* ]]
    [[ -z $(virsh_lab list --all --name) ]]
    # The cgroups of a machine that cannot run containers.
    on_host mount -t cgroup2 none /mnt
    person doctor
    on_host umount /mnt
    [[ -d /sys/fs/cgroup/memory ]] && [[ $said == *'beside v1'* && $status == 1 ]]
    cpi delete_disk "[\"$disk\"]"
    cpi delete_stemcell "[\"$stemcell\"]"
    nothing_left
}

# without_disk DISK: a definition on stdin, without that disk's file system
without_disk() {
    awk -v disk="$1" '/<filesystem/ { block = ""; inside = 1 } inside { block = block $0 "\n" }
        !inside { print } /<\/filesystem>/ { if (!index(block, disk)) printf "%s", block; inside = 0 }'
}

@test "what a killed cpi left of an attachment, the next call mends or clears away" {
    local file held
    tree
    create_vm agent-k "$result" 192.168.122.95
    disk 40
    file=$STORE/disks/$disk/disk.raw
    # A loop device that nobody has mounted.
    losetup --find "$file"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    says 192.168.122.95 "echo data >/warden-cpi-dev/$disk/file; cat /warden-cpi-dev/$disk/file" data
    # In the definition, but not in the container; what mounts it is still at work, and then it is not.
    guest 192.168.122.95 "umount /warden-cpi-dev/$disk"
    exec {held}<"$(losetup --find --show "$file")"
    cpi_fails CloudError 'still at work' attach_disk "[\"$vm\", \"$disk\"]"
    exec {held}<&-
    losetup --find "$file"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    says 192.168.122.95 "cat /warden-cpi-dev/$disk/file" data
    [[ $(loops_of "$file" | wc -l) == 1 ]]
    # In the container, but not in the definition.
    virsh_lab dumpxml "$vm" --inactive | without_disk "$disk" >"$BATS_TEST_TMPDIR/xml"
    virsh_lab define "$BATS_TEST_TMPDIR/xml"
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    [[ $(virsh_lab dumpxml "$vm" --inactive | grep -c "/warden-cpi-dev/$disk'") == 1 ]]
    cpi detach_disk "[\"$vm\", \"$disk\"]"
    losetup --find "$file"
    cpi delete_disk "[\"$disk\"]"
    cpi delete_vm "[\"$vm\"]"
    nothing_left
}
