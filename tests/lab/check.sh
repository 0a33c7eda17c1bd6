#!/bin/bash
# Checks the lab itself, without the CPI: VMs made by hand boot the lab's stemcell from every
# bus, find their settings, disks and network, and come back after a power cut.
set -euo pipefail
shopt -s inherit_errexit

lab=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Seconds for a guest under emulation on a machine that is busy with others.
patience=120

say() {
    printf 'check: %s\n' "$*"
}

# fail WHY [CONSOLE]
fail() {
    printf 'check: FAILED: %s\n' "$1" >&2
    [[ -z ${2:-} ]] || tail -n 40 "$2" >&2
    exit 1
}

clean_up() {
    "$lab/libvirtd.sh" stop "$work/lab" || true
    rm -rf "$work"
}

console() {
    echo "$work/$1.console"
}

# matches VM COUNT REGEX: the console has at least as many lines that match as a whole.
matches() {
    [[ $(grep -c -x -E "guest: $3" "$(console "$1")" 2>/dev/null) -ge $2 ]]
}

# expect VM REGEX [COUNT]: waits for the line.
expect() {
    local deadline=$((SECONDS + patience))
    until matches "$1" "${3:-1}" "$2"; do
        ((SECONDS < deadline)) || fail "$1 does not tell: $2" "$(console "$1")"
        sleep 0.1
    done
}

lab_virsh() {
    virsh -q -c "$(<"$work/lab/uri")" "$@"
}

guest() {
    "$lab/libvirtd.sh" guest "$work/lab" "$@"
}

settings_disc() {
    local tree=$work/$1.settings
    mkdir -p "$tree/ec2/latest"
    echo '{"public-keys":{}}' >"$tree/ec2/latest/meta-data.json"
    cat >"$tree/ec2/latest/user-data"
    xorriso -as mkisofs -quiet -V config-2 -R -J -o "$work/$1.iso" "$tree" 2>/dev/null
}

# settings VM NUMBER EPHEMERAL
settings() {
    cat <<END
{"agent_id": "agent-$1", "vm": {"name": "$1"},
 "disks": {"ephemeral": "/dev/disk/by-id/$3"},
 "networks": {
   "static": {"type": "manual", "mac": "52:54:00:00:01:0$2", "ip": "192.168.122.1$2",
              "netmask": "255.255.255.0", "gateway": "192.168.122.1",
              "default": ["dns", "gateway"]},
   "lease": {"type": "dynamic", "mac": "52:54:00:00:02:0$2"},
   "absent": {"type": "dynamic", "mac": "52:54:00:00:03:0$2"}}}
END
}

# disk_xml FILE TARGET BUS SERIAL
disk_xml() {
    cat <<END
<disk type='file' device='disk'>
  <driver name='qemu' type='qcow2'/>
  <source file='$1'/>
  <target dev='$2' bus='$3'/>
  <serial>$4</serial>
</disk>
END
}

nic_xml() {
    cat <<END
<interface type='network'>
  <mac address='$1'/>
  <source network='$2'/>
  <model type='virtio'/>
</interface>
END
}

# domain_xml VM NUMBER MACHINE BUS LETTERS: a disk's target is its bus's letters and a, b, …
domain_xml() {
    local cdrom="dev='sdf' bus='sata'"
    [[ $3 == q35 ]] || cdrom="dev='hdd' bus='ide'"
    cat <<END
<domain type='qemu'>
  <name>$1</name>
  <memory unit='MiB'>256</memory>
  <os><type arch='x86_64' machine='$3'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    $(disk_xml "$work/$1.root" "$5a" "$4" "root-67890123456789$2")
    $(disk_xml "$work/$1.ephemeral" "$5b" "$4" "ephemeral-123456789$2")
    <disk type='file' device='cdrom'>
      <source file='$work/$1.iso'/>
      <target $cdrom/>
      <readonly/>
    </disk>
    <controller type='scsi' model='virtio-scsi'/>
    $(nic_xml "52:54:00:00:01:0$2" default)
    $(nic_xml "52:54:00:00:02:0$2" second)
    <serial type='pty'><log file='$(console "$1")' append='on'/></serial>
  </devices>
</domain>
END
}

# start_vm VM NUMBER MACHINE BUS LETTERS BY-ID-PREFIX
start_vm() {
    qemu-img create -q -f qcow2 -F qcow2 -b "$work/root.img" "$work/$1.root" 512M
    qemu-img create -q -f qcow2 "$work/$1.ephemeral" 64M
    settings "$1" "$2" "$6ephemeral-123456789$2" | settings_disc "$1"
    domain_xml "$1" "$2" "$3" "$4" "$5" >"$work/$1.xml"
    lab_virsh define "$work/$1.xml"
    lab_virsh start "$1"
}

# check_boot VM NUMBER BY-ID-PREFIX
check_boot() {
    local ephemeral=$3ephemeral-123456789$2
    expect "$1" "ready"
    expect "$1" "boot 1"
    expect "$1" "root $3root-67890123456789$2 536870912"
    expect "$1" "settings label=config-2 agent_id=agent-$1 vm=$1"
    expect "$1" "nic eth0 52:54:00:00:01:0$2"
    expect "$1" "net static eth0 192.168.122.1$2"
    expect "$1" "net lease eth1 192\.168\.133\.[0-9]+"
    expect "$1" "net absent no-nic"
    expect "$1" "disk $ephemeral 67108864"
    expect "$1" "ephemeral /dev/disk/by-id/$ephemeral /dev/[sv]d[ab] 67108864"
    expect "$1" "ephemeral-data ok"
    say "$1 boots"
}

check_channel() {
    local status=0 output
    output=$(guest 192.168.122.11 'cat /var/vcap/data/lab; printf unended; exit 3') || status=$?
    [[ $output == $'data\nunended' && $status == 3 ]] || fail "command channel: $status, $output"
    say "the command channel answers"
}

check_hot_plug() {
    local id=virtio-hot-5678901234567890
    qemu-img create -q -f qcow2 "$work/hot" 32M
    disk_xml "$work/hot" vdc virtio "${id#virtio-}" >"$work/hot.xml"
    lab_virsh attach-device virtio "$work/hot.xml" --live --config
    expect virtio "disk\+ $id 33554432"
    expect virtio "persistent $id blank, wrote owner=agent-virtio"
    lab_virsh detach-device virtio "$work/hot.xml" --live --config
    expect virtio "disk- $id"
    lab_virsh attach-device virtio "$work/hot.xml" --live --config
    expect virtio "persistent $id owner=agent-virtio"
    say "a disk comes, goes and comes back"
}

# A daemon that is started again knows the guests it left.
check_daemon() {
    "$lab/libvirtd.sh" kill-daemon "$work/lab"
    ! lab_virsh list >/dev/null 2>&1 || fail "libvirtd answers after its end"
    "$lab/libvirtd.sh" start-daemon "$work/lab"
    [[ $(lab_virsh domstate virtio) == running ]] || fail "the guest did not outlive libvirtd"
    say "libvirtd comes back to its guests"
}

check_reboot() {
    lab_virsh autostart virtio
    "$lab/libvirtd.sh" reboot "$work/lab"
    [[ $(lab_virsh net-list --name | sort | xargs) == "default second" ]] || fail "networks"
    expect virtio ready 2
    expect virtio "boot 2"
    expect virtio "persistent virtio-hot-5678901234567890 owner=agent-virtio" 2
    [[ $(lab_virsh list --name | xargs) == virtio ]] || fail "not just the autostarted VM is back"
    say "autostarted things come back after a power cut"
}

check_power_button() {
    lab_virsh shutdown virtio
    expect virtio "power button"
    say "the power button works"
}

check_buses() {
    start_vm virtio 1 q35 virtio vd virtio-
    start_vm sata 2 q35 sata sd ata-QEMU_HARDDISK_
    check_boot virtio 1 virtio-
    check_boot sata 2 ata-QEMU_HARDDISK_
    lab_virsh destroy sata
    start_vm scsi 3 q35 scsi sd scsi-0QEMU_QEMU_HARDDISK_
    start_vm ide 4 pc ide hd ata-QEMU_HARDDISK_
    check_boot scsi 3 scsi-0QEMU_QEMU_HARDDISK_
    check_boot ide 4 ata-QEMU_HARDDISK_
    lab_virsh destroy scsi
    lab_virsh destroy ide
}

check_qemu_user() {
    rm -rf "$(console virtio)" "$work"/virtio.*
    "$lab/libvirtd.sh" stop "$work/lab"
    "$lab/libvirtd.sh" start "$work/lab" --qemu-user
    start_vm virtio 1 q35 virtio vd virtio-
    check_boot virtio 1 virtio-
    [[ $("$lab/libvirtd.sh" exec "$work/lab" ps -o user:20= -C qemu-system-x86_64 | xargs) == \
        libvirt-qemu ]] || fail "qemu does not run as libvirt-qemu"
    say "QEMU works as a user of its own"
}

main() {
    work=$(mktemp -d)
    chmod 711 "$work"
    trap clean_up EXIT
    tar -x -z -C "$work" -f "$("$lab/stemcell.sh")"
    "$lab/libvirtd.sh" start "$work/lab"
    check_buses
    check_channel
    check_hot_plug
    check_daemon
    check_reboot
    check_power_button
    check_qemu_user
    say "all is well"
}

main "$@"
