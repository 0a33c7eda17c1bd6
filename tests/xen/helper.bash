# What the tests on Xen share: everything runs in the dom0 that setup_suite started.
# shellcheck shell=bash

root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
lab=$root/tests/lab

# Generous: all of it is emulated, and guests of an emulated Xen are slower still.
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
    dom0 'for vm in $(virsh -q list --all --name | grep -v "^Domain-0"); do
        virsh -q destroy "$vm"; virsh -q undefine "$vm" --managed-save; done' >/dev/null 2>&1 || true
}

# dom0 COMMAND: in a shell there
dom0() {
    "$lab/xen.sh" exec "$DOM0" "$1"
}

# call METHOD [ARGUMENTS-JSON]: the whole response, in $response
call() {
    response=$(jq -cn --arg method "$1" --argjson arguments "${2:-[]}" \
        '{method: $method, arguments: $arguments, api_version: 2,
          context: {director_uuid: "xen", request_id: "cpi-1"}}' |
        dom0 './cpi --config cpi.json' 2>>"$BATS_TEST_TMPDIR/stderr")
}

# cpi METHOD [ARGUMENTS-JSON]: succeeds; the result is in $result, as text where it is a string
cpi() {
    call "$@"
    if [[ $(jq -r '.error == null' <<<"$response") != true ]]; then
        echo "$1 ${2-}: $response" >&2
        tail -n 20 "$BATS_TEST_TMPDIR/stderr" >&2
        dom0 'tail -n 5 /var/log/libvirt/libxl/libxl-driver.log /var/log/xen/qemu-dm-*.log' >&2
        return 1
    fi
    result=$(jq -r '.result' <<<"$response")
}

# cpi_fails TYPE TEXT METHOD [ARGUMENTS-JSON]
cpi_fails() {
    local type=$1 text=$2
    shift 2
    call "$@"
    if [[ $(jq -r '.error.type' <<<"$response") != "Bosh::Clouds::$type" ||
        $(jq -r '.error.message' <<<"$response") != *"$text"* ]]; then
        echo "$*: expected $type with '$text', got $response" >&2
        return 1
    fi
}

# wait_for COMMAND…: until it succeeds
wait_for() {
    local deadline=$((SECONDS + patience))
    until "$@"; do
        if ((SECONDS >= deadline)); then
            echo "gave up waiting for: $*" >&2
            return 1
        fi
        sleep 2
    done
}

# said VM: the lines in which the guest has told what it found. A console that is Xen's ends lines
# with a carriage return.
said() {
    dom0 "cat '/var/log/xen/console/guest-$1.log'" 2>/dev/null | tr -d '\r' | grep -a '^guest: ' || true
}

# says VM COUNT REGEX: that many lines of the guest match as a whole.
says() {
    (($(said "$1" | grep -cxE "guest: $3" || true) >= $2))
}

# expect VM REGEX [COUNT]: waits for it.
expect() {
    wait_for says "$1" "${3:-1}" "$2" || {
        said "$1" >&2
        return 1
    }
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
