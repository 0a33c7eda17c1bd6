# What the tests on Xen share: everything runs in the dom0 that setup_suite started.
# shellcheck shell=bash

root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
lab=$root/tests/lab
# shellcheck source=tests/lab/calls.bash
. "$lab/calls.bash"

# Generous, and in dom0's time, which stands still where this machine has no time for it.
patience=1800

setup() {
    DOM0=$BATS_SUITE_TMPDIR/dom0
    STORE=/root/store-$BATS_TEST_NUMBER
    dom0 'cat >cpi.json' <<JSON
{
    "hypervisor": "xen", "uri": "xen:///", "store_dir": "$STORE", "storage_controller": "SATA",
    "command_timeout": 1200, "detach_timeout": 600,
    "agent": {"mbus": "https://mbus:mbus-password@0.0.0.0:6868", "ntp": ["ntp.example.org"]}
}
JSON
}

# Whatever a test leaves is removed, so that the next one starts on a clean host.
teardown() {
    # shellcheck disable=SC2016 # the variables are dom0's
    dom0 'for vm in $(virsh -q list --all --name | grep -v "^Domain-0"); do
        virsh -q destroy "$vm"; virsh -q undefine "$vm" --managed-save; done' >/dev/null 2>&1 || true
}

# dom0 COMMAND: in a shell there
dom0() {
    "$lab/xen.sh" exec "$DOM0" "$1"
}

run_cpi() {
    dom0 './cpi --config cpi.json'
}

what_else() {
    dom0 'tail -n 5 /var/log/libvirt/libxl/libxl-driver.log /var/log/xen/qemu-dm-*.log'
}

console() {
    echo "/var/log/xen/console/guest-$1.log"
}

# await LOG COUNT REGEX: in dom0, until that many lines of the log, less what a guest that tells what it
# found puts before it, match as a whole. A console that is Xen's ends lines with a carriage return.
await() {
    local line count=0
    while ((count < $2)) && IFS= read -r -t "$patience" line; do
        line=${line%%$'\r'*}
        [[ ! $line =~ ^guest:\ ($3)$ ]] || count=$((count + 1))
    done < <(exec tail -n +1 -F "$1" 2>/dev/null)
    kill $!
    ((count == $2))
}

# expect VM REGEX [COUNT]: waits until the guest has said it, as often as that. Dom0 looks for itself:
# to be asked again and again would leave the guest no time.
expect() {
    local words
    words=$(printf '%q ' "$(console "$1")" "${3:-1}" "$2")
    dom0 "patience=$patience; $(declare -f await); await $words" || {
        echo "the guest did not say '$2':" >&2
        dom0 "cat '$(console "$1")'" >&2
        return 1
    }
}

# reachable IP: waits until something listens at the agent's port.
reachable() {
    dom0 "timeout $patience bash -c 'until (exec 3<>/dev/tcp/$1/6868); do sleep 1; done' 2>/dev/null"
}

stemcell() {
    cpi create_stemcell '["/root/image", {"name": "lab", "version": "1"}]'
    stemcell=$result
}

# create_vm AGENT IP [CLOUD-PROPERTIES]: the CID is in $vm.
create_vm() {
    cpi create_vm "$(request "$@")"
    vm=$(jq -r '.[0]' <<<"$result")
}

# request AGENT IP [CLOUD-PROPERTIES]: create_vm's arguments
request() {
    jq -cn --arg agent "$1" --arg stemcell "$stemcell" --arg ip "$2" --argjson more "${3:-{\}}" '[
        $agent, $stemcell, {memory: 256, ephemeral_disk: 96} + $more,
        {private: {type: "manual", ip: $ip, netmask: "255.255.255.0", gateway: "192.168.122.1",
            dns: ["192.168.122.1"], default: ["dns", "gateway"], cloud_properties: {name: "default"}}},
        [], {bosh: {password: "*"}}]'
}

# create_disk MIB [CLOUD-PROPERTIES]: the CID is in $disk.
create_disk() {
    cpi create_disk "[$1, ${2:-{\}}, null]"
    disk=$result
}

# attach DISK PATH: to $vm, where the hint says that the guest sees it
attach() {
    cpi attach_disk "[\"$vm\", \"$1\"]"
    [[ $(jq -r .path <<<"$result") == "$2" ]] || {
        echo "attached as $result instead of $2" >&2
        return 1
    }
}

# The store and libvirt hold nothing of ours.
nothing_left() {
    local left
    left=$(dom0 "find $STORE -mindepth 1 ! -type d ! -path '$STORE/.lock/*' ! -path '$STORE/version'
        virsh -q list --all --name | grep -v '^Domain-0' | grep . || true")
    [[ -z $left ]] || {
        printf 'left behind:\n%s\n' "$left" >&2
        return 1
    }
}
