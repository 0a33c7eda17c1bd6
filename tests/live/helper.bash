# What the live tests share: the lab that setup_suite started, cpi calls and the guest's console.
# shellcheck shell=bash

root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
lab=$root/tests/lab
# shellcheck source=tests/lab/calls.bash
. "$lab/calls.bash"

# Generous, for these machines are shared and TCG is slow.
patience=180

setup() {
    CPI=${LIVE_CPI:-$root/build/cpi}
    LAB=$BATS_SUITE_TMPDIR/lab
    STORE=$BATS_TEST_TMPDIR/store
    CONFIG=$BATS_TEST_TMPDIR/cpi.json
    URI=$(<"$LAB/uri")
    chmod 0755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR"
    write_config '{}'
}

teardown() {
    clean_up
}

# Whatever a test leaves is removed, so that the next one starts on a clean host.
clean_up() {
    local vm
    URI=$(<"$LAB/uri")
    for vm in $(virsh_lab list --all --name); do
        virsh_lab destroy "$vm" >/dev/null 2>&1 || true
        virsh_lab undefine "$vm" --managed-save --nvram >/dev/null 2>&1 || true
    done
    drop_reservations
    [[ ! -e $BATS_TEST_TMPDIR/user-lab/pid ]] || "$lab/libvirtd.sh" stop "$BATS_TEST_TMPDIR/user-lab"
}

# What 'virsh undefine' leaves in the networks, and delete_vm would not.
drop_reservations() {
    local network entry
    for network in $(virsh_lab net-list --all --name); do
        while IFS= read -r entry; do
            virsh_lab net-update "$network" delete ip-dhcp-host "$entry" --live >/dev/null 2>&1 || true
            virsh_lab net-update "$network" delete ip-dhcp-host "$entry" --config >/dev/null 2>&1 || true
        done < <({ virsh_lab net-dumpxml "$network"; virsh_lab net-dumpxml "$network" --inactive; } 2>/dev/null |
            grep -o "<host mac=.*/>" | sort -u)
    done
}

# write_config JSON: the usual config with these keys over it
write_config() {
    jq -n --arg store "$STORE" --arg uri "$URI" --argjson more "$1" '{
        store_dir: $store, uri: $uri, storage_controller: "SATA",
        agent: { mbus: "https://mbus:mbus-password@0.0.0.0:6868", ntp: ["ntp.example.org"] }
    } + $more' >"$CONFIG"
}

virsh_lab() {
    virsh -q -c "$URI" "$@"
}

run_cpi() {
    "$CPI" --config "$CONFIG"
}

console() {
    echo "$STORE/vms/$1/console.log"
}

console_has() {
    grep -q -- "$2" "$(console "$1")" 2>/dev/null
}

# on_console VM LINE: waits until the guest has printed a line with this text
on_console() {
    wait_for console_has "$1" "$2" || {
        echo "console of $1:" >&2
        cat "$(console "$1")" >&2
        return 1
    }
}

# boots VM [N]: waits until the guest has come up the Nth time
boots() {
    wait_for console_ready "$1" "${2:-1}" || {
        cat "$(console "$1")" >&2
        return 1
    }
}

console_ready() {
    (($(grep -c '^guest: ready' "$(console "$1")" 2>/dev/null || true) >= $2))
}

stemcell() {
    local image
    image=$("$lab/stemcell.sh" "${1:-qcow2}" 2>/dev/null)
    cpi create_stemcell "$(jq -cn --arg image "$image" '[$image, {name: "lab", version: "1"}]')"
}

# networks IP [LIBVIRT-NETWORK]: a manual network as the Director writes it
networks() {
    local name=${2:-default} net=${1%.*}
    jq -cn --arg ip "$1" --arg name "$name" --arg gateway "$net.1" '{private: {
        type: "manual", ip: $ip, prefix: "32", netmask: "255.255.255.0", gateway: $gateway,
        dns: [$gateway], default: ["dns", "gateway"], cloud_properties: {name: $name}}}'
}

# create_vm AGENT STEMCELL IP [CLOUD-PROPERTIES]: the CID is in $vm, the networks in $vm_networks
create_vm() {
    local properties='{"memory": 256, "ephemeral_disk": 96}'
    cpi create_vm "$(jq -cn --arg agent "$1" --arg stemcell "$2" --argjson networks "$(networks "$3")" \
        --argjson properties "$properties" --argjson more "${4:-{\}}" \
        '[$agent, $stemcell, $properties + $more, $networks, [], {bosh: {password: "*"}}]')"
    vm=$(jq -r '.[0]' <<<"$result")
    vm_networks=$(jq -c '.[1]' <<<"$result")
}

# has TEXT…: the definition of the VM in $vm has each of these
has() {
    local text definition
    definition=$(virsh_lab dumpxml "$vm" --inactive)
    for text in "$@"; do
        [[ $definition == *"$text"* ]] || {
            echo "no $text in" "$definition" >&2
            return 1
        }
    done
}

# disk MIB: the CID is in $disk
disk() {
    cpi create_disk "[$1, {}, null]"
    disk=$result
}

# bus_boots CONTROLLER BY-ID-PREFIX
bus_boots() {
    write_config "{\"storage_controller\": \"$1\"}"
    stemcell
    create_vm "agent-$1" "$result" 192.168.122.14
    boots "$vm"
    on_console "$vm" "^guest: root $2"
    on_console "$vm" "^guest: ephemeral /dev/disk/by-id/$2.* 100663296"
    on_console "$vm" '^guest: ephemeral-data ok'
    disk 48
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: persistent virtio-$disk blank, wrote owner=agent-$1"
    cpi detach_disk "[\"$vm\", \"$disk\"]"
    cpi delete_vm "[\"$vm\"]"
}

# as_ordinary_user: the calls that follow are made by a user of group libvirt, to a lab of its own in
# $user_lab whose qemu is libvirt-qemu's; $image is a stemcell that the user may read.
as_ordinary_user() {
    local user=nobody group
    user_lab=$BATS_TEST_TMPDIR/user-lab
    "$lab/libvirtd.sh" start "$user_lab" --qemu-user
    group=$(getent group libvirt | cut -d: -f3)
    STORE=$BATS_TEST_TMPDIR/user-store
    URI=$(<"$user_lab/uri")
    write_config '{"command_timeout": 120}'
    install -d -o "$user" -g nogroup -m 0755 "$STORE" "$BATS_TEST_TMPDIR/home"
    # The program and its config as the user may read them.
    install -m 0755 "$CPI" "$BATS_TEST_TMPDIR/cpi"
    chown "$user" "$CONFIG"
    printf '#!/bin/sh\nexec env HOME=%s TMPDIR=%s setpriv --reuid=%s --regid=nogroup --groups=%s %s "$@"\n' \
        "$BATS_TEST_TMPDIR/home" "$BATS_TEST_TMPDIR/home" "$user" "$group" "$BATS_TEST_TMPDIR/cpi" \
        >"$BATS_TEST_TMPDIR/as-user"
    chmod 0755 "$BATS_TEST_TMPDIR/as-user"
    CPI=$BATS_TEST_TMPDIR/as-user
    image=$BATS_TEST_TMPDIR/image
    install -m 0644 "$("$lab/stemcell.sh" qcow2)" "$image"
}

# The store and libvirt hold nothing of ours.
nothing_left() {
    local left
    left=$(find "$STORE" -mindepth 1 ! -type d ! -path "$STORE/.lock/*" ! -path "$STORE/version")
    [[ -z $left ]] || {
        printf 'left in the store:\n%s\n' "$left" >&2
        return 1
    }
    [[ -z $(virsh_lab list --all --name) ]] || {
        virsh_lab list --all >&2
        return 1
    }
}
