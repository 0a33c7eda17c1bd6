# The life of a VM on other versions of libvirt and QEMU: the static binary, virsh and qemu-img run
# in a root directory of another release (tests/lab/debian.sh), where nothing is of this machine's.
# shellcheck shell=bash disable=SC2154,SC2016

# shellcheck source=tests/live/helper.bash
. "$BATS_TEST_DIRNAME/../live/helper.bash"

# start_release SUITE: for setup_file
start_release() {
    local root
    root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    [[ ${STATIC_CPI-} ]] || flock "$root" make -s -C "$root" static >"$BATS_FILE_TMPDIR/make.log" 2>&1 ||
        { tail -n 20 "$BATS_FILE_TMPDIR/make.log"; return 1; }
    chmod 0755 "$BATS_RUN_TMPDIR"
    start_suite "$1"
}

# start_suite SUITE: its lab is in $BATS_RUN_TMPDIR/SUITE; 'skip' there says why there is none.
start_suite() {
    local world=$BATS_RUN_TMPDIR/$1 status=0
    mkdir -p "$world/shared"
    "$root/tests/lab/debian.sh" make "$1" 2>"$world/why" >/dev/null || status=$?
    if ((status == 77)); then
        mv "$world/why" "$world/skip"
        return 0
    fi
    ((status == 0)) || { cat "$world/why"; return 1; }
    install -m 0755 "${STATIC_CPI-$root/build/static/$(uname -m)/cpi}" "$world/shared/cpi"
    cp "$("$root/tests/lab/stemcell.sh" qcow2 2>/dev/null)" "$world/shared/image"
    "$root/tests/lab/debian.sh" start "$1" "$world/lab" "$world/shared"
}

teardown_file() {
    local world
    for world in "$BATS_RUN_TMPDIR"/{trixie,jammy}; do
        [[ ! -e $world/lab/pid ]] || "$BATS_TEST_DIRNAME/../lab/libvirtd.sh" stop "$world/lab"
    done
}

# Nothing is asked of a lab before a test has said which.
setup() {
    LAB=$BATS_SUITE_TMPDIR/lab
}

# on SUITE: the rest of the test is there.
on() {
    local world=$BATS_RUN_TMPDIR/$1
    [[ ! -e $world/skip ]] || skip "$(<"$world/skip")"
    LAB=$world/lab
    URI=$(<"$LAB/uri")
    STORE=$world/shared/store
    CONFIG=$world/shared/cpi.json
    write_config '{}'
    chmod 0600 "$CONFIG"
    CPI=$BATS_TEST_TMPDIR/cpi
    printf '#!/bin/sh\nexec %s exec %s %s "$@"\n' "$lab/libvirtd.sh" "$LAB" "$world/shared/cpi" >"$CPI"
    chmod 0755 "$CPI"
}

inside() {
    "$lab/libvirtd.sh" exec "$LAB" "$@"
}

# runs VERSION LIBVIRT: it is what it should be, and the doctor finds no fault.
runs() {
    [[ $(inside sh -c '. /etc/os-release; echo "$VERSION_ID"') == "$1" ]]
    inside virsh -q -c "$URI" version --daemon >"$BATS_TEST_TMPDIR/version"
    echo "# release $1: $(sed -n 's/^Running against daemon: /libvirt /p; s/^Running hypervisor: //p' "$BATS_TEST_TMPDIR/version" | xargs)" >&3
    grep -q "daemon: $2" "$BATS_TEST_TMPDIR/version"
    "$CPI" doctor --config "$CONFIG" --json >"$BATS_TEST_TMPDIR/doctor" || true
    jq -e 'all(.level != "error")' "$BATS_TEST_TMPDIR/doctor" >/dev/null || { cat "$BATS_TEST_TMPDIR/doctor"; false; }
}

# One VM with disks, snapshots and all.
life() {
    local snapshot stemcell
    cpi create_stemcell "[\"${STORE%/*}/image\", {\"name\": \"lab\", \"version\": \"1\"}]"
    stemcell=$result
    create_vm agent-l "$stemcell" 192.168.122.13
    boots "$vm"
    on_console "$vm" '^guest: settings label=config-2 agent_id=agent-l'
    on_console "$vm" '^guest: ephemeral-data ok'
    disk 48
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: persistent virtio-$disk blank, wrote owner=agent-l"
    cpi set_vm_metadata "[\"$vm\", {\"name\": \"life/0\", \"deployment\": \"d\"}]"
    has '<title>life/0'
    cpi snapshot_disk "[\"$disk\", {}]"
    snapshot=$result
    inside qemu-img check -q "$STORE/snapshots/$snapshot/disk.qcow2"
    cpi reboot_vm "[\"$vm\"]"
    boots "$vm" 2
    on_console "$vm" "^guest: persistent virtio-$disk owner=agent-l"
    cpi get_disks "[\"$vm\"]"
    [[ $(jq -r '.[]' <<<"$result") == "$disk" ]]
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

# A network of the Director's.
network() {
    local network
    cpi create_network '[{"type": "manual", "range": "10.77.0.0/24", "gateway": "10.77.0.1", "cloud_properties": {"name": "made"}}]'
    network=$(jq -r '.[0]' <<<"$result")
    virsh_lab net-list --name | grep -x made
    cpi delete_network "[\"$network\"]"
    ! virsh_lab net-list --all --name | grep -x made
}
