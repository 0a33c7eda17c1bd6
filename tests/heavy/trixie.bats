#!/usr/bin/env bats
# The life of a VM on libvirt and QEMU of Debian 13: the static binary, virsh and qemu-img run in a
# root directory of it (tests/lab/trixie.sh), where nothing else is Debian 12's.

load ../live/helper

setup_file() {
    local status=0 root
    root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    export TRIXIE=$BATS_RUN_TMPDIR/t13
    export TRIXIE_SKIP=
    TRIXIE_SKIP=$("$root/tests/lab/trixie.sh" make 2>&1 >/dev/null) || status=$?
    ((status == 0 || status == 77)) || { echo "$TRIXIE_SKIP"; return 1; }
    ((status == 0)) || return 0
    TRIXIE_SKIP=
    [[ ${TRIXIE_CPI-} ]] || make -s -C "$root" static >"$BATS_FILE_TMPDIR/make.log" 2>&1 ||
        { tail -n 20 "$BATS_FILE_TMPDIR/make.log"; return 1; }
    chmod 0755 "$BATS_RUN_TMPDIR"
    mkdir -p "$TRIXIE/shared"
    install -m 0755 "${TRIXIE_CPI-$(echo "$root"/build/static/*/cpi)}" "$TRIXIE/shared/cpi"
    cp "$("$root/tests/lab/stemcell.sh" qcow2 2>/dev/null)" "$TRIXIE/shared/image"
    "$root/tests/lab/trixie.sh" start "$TRIXIE/lab" "$TRIXIE/shared"
}

teardown_file() {
    [[ ! -e $TRIXIE/lab/pid ]] || "$BATS_TEST_DIRNAME/../lab/libvirtd.sh" stop "$TRIXIE/lab"
}

setup() {
    [[ -z $TRIXIE_SKIP ]] || skip "$TRIXIE_SKIP"
    LAB=$TRIXIE/lab
    URI=$(<"$LAB/uri")
    STORE=$TRIXIE/shared/store
    CONFIG=$TRIXIE/shared/cpi.json
    write_config '{}'
    CPI=$BATS_TEST_TMPDIR/cpi
    printf '#!/bin/sh\nexec %s exec %s %s "$@"\n' "$lab/libvirtd.sh" "$LAB" "$TRIXIE/shared/cpi" >"$CPI"
    chmod 0755 "$CPI"
}

inside() {
    "$lab/libvirtd.sh" exec "$LAB" "$@"
}

@test "it is Debian 13's libvirt and QEMU, and nobody finds fault with them" {
    [[ $(inside sh -c '. /etc/os-release; echo "$VERSION_ID"') == 13 ]]
    inside virsh -q -c "$URI" version --daemon >"$BATS_TEST_TMPDIR/version"
    echo "# $(sed -n 's/^Running against daemon: /libvirt /p; s/^Running hypervisor: //p' "$BATS_TEST_TMPDIR/version" |
        xargs), $(inside qemu-img --version | head -n 1)" >&3
    [[ $(virsh_lab version --daemon) != *'daemon: 9.'* ]]
    [[ $("$CPI" doctor --config "$CONFIG" --json | jq '[.[] | select(.level == "error")] | length') == 0 ]]
}

@test "the life of a VM on Debian 13, with disks, snapshots and all" {
    local snapshot
    cpi create_stemcell "[\"$TRIXIE/shared/image\", {\"name\": \"lab\", \"version\": \"1\"}]"
    local stemcell=$result
    create_vm agent-13 "$stemcell" 192.168.122.13
    boots "$vm"
    on_console "$vm" '^guest: ephemeral-data ok'
    disk 48
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: persistent virtio-$disk blank, wrote owner=agent-13"
    cpi set_vm_metadata "[\"$vm\", {\"name\": \"thirteen/0\", \"deployment\": \"d\"}]"
    has '<title>thirteen/0'
    cpi snapshot_disk "[\"$disk\", {}]"
    snapshot=$result
    inside qemu-img check -q "$STORE/snapshots/$snapshot/disk.qcow2"
    cpi reboot_vm "[\"$vm\"]"
    boots "$vm" 2
    on_console "$vm" "^guest: persistent virtio-$disk owner=agent-13"
    cpi get_disks "[\"$vm\"]"
    [[ $result == "[
  \"$disk\"
]" ]]
    cpi detach_disk "[\"$vm\", \"$disk\"]"
    cpi resize_disk "[\"$disk\", 64]"
    cpi snapshot_disk "[\"$disk\", {}]"
    cpi delete_snapshot "[\"$result\"]"
    cpi delete_snapshot "[\"$snapshot\"]"
    cpi update_disk "[\"$disk\", 64, {\"format\": \"raw\"}]"
    cpi delete_vm "[\"$vm\"]"
    cpi delete_disk "[\"$disk\"]"
    cpi delete_stemcell "[\"$stemcell\"]"
    nothing_left
}

@test "VMs on a SCSI and a SATA bus boot on Debian 13" {
    local bus
    for bus in SCSI SATA; do
        write_config "{\"storage_controller\": \"$bus\"}"
        cpi create_stemcell "[\"$TRIXIE/shared/image\", {}]"
        create_vm "agent-$bus" "$result" 192.168.122.14
        boots "$vm"
        cpi delete_vm "[\"$vm\"]"
    done
}
