# The BOSH release as BOSH installs it, and what its real clients were recorded to ask of a CPI.
# shellcheck shell=bash disable=SC2154

# install_release: unpacked and "compiled" as BOSH does it, below $BATS_FILE_TMPDIR
install_release() {
    local root made
    root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    made=$(flock "$root" env -u BUILD -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES make --no-print-directory -C "$root" \
        release ARCHITECTURES="$(uname -m)" | tail -n 1)
    mkdir -p "$BATS_FILE_TMPDIR"/{release,job,compile,packages/libvirt_cpi}
    tar -xzf "$root/$made" -C "$BATS_FILE_TMPDIR/release"
    tar -xzf "$BATS_FILE_TMPDIR/release/jobs/libvirt_cpi.tgz" -C "$BATS_FILE_TMPDIR/job"
    tar -xzf "$BATS_FILE_TMPDIR/release/packages/libvirt_cpi.tgz" -C "$BATS_FILE_TMPDIR/compile"
    (cd "$BATS_FILE_TMPDIR/compile" && BOSH_INSTALL_TARGET=$BATS_FILE_TMPDIR/packages/libvirt_cpi \
        BOSH_COMPILE_TARGET=$PWD BOSH_PACKAGE_NAME=libvirt_cpi bash -x packaging >"$BATS_FILE_TMPDIR/packaging" 2>&1)
}

render() {
    ruby "$root/tests/release/bosh.rb" render "$BATS_FILE_TMPDIR/job" "$1"
}

# install_job PROPERTIES-JSON [DIRECTORY-OF-JOBS]
install_job() {
    local job=${2:-$BATS_FILE_TMPDIR/jobs}/libvirt_cpi
    mkdir -p "$job"/{bin,config}
    render cpi.erb <<<'{}' >"$job/bin/cpi"
    render cpi.json.erb <<<"$1" >"$job/config/cpi.json"
    chmod 0755 "$job/bin/cpi"
}

# The network that the recordings speak of.
recorded_network() {
    virsh_lab net-define /dev/stdin <<'END' >/dev/null
<network><name>bosh-lab</name><forward mode='nat'/><bridge name='virbr-lab'/>
<ip address='192.168.150.1' netmask='255.255.255.0'><dhcp><range start='192.168.150.100' end='192.168.150.200'/></dhcp></ip>
</network>
END
}

remove_network() {
    virsh_lab net-destroy bosh-lab >/dev/null 2>&1 || true
    virsh_lab net-undefine bosh-lab >/dev/null 2>&1 || true
}

# with_our_cids REQUEST: in place of those of the recording
with_our_cids() {
    local text=${1//@IMAGE@/$image} theirs
    text=${text//\/var\/vcap\/data\/tmp\/director\/stemcell20261122-7-abc\/image/$image}
    for theirs in "${!ours[@]}"; do
        text=${text//"\"$theirs\""/"\"${ours[$theirs]}\""}
    done
    printf '%s' "$text"
}

# expected METHOD: a jq filter that is true of a good answer
expected() {
    case $1 in
        info) echo '.result.api_version == 3' ;;
        create_vm) echo '.result[0] | test("^vm-")' ;;
        create_stemcell | create_disk | snapshot_disk) echo '.result | type == "string"' ;;
        calculate_vm_cloud_properties) echo '.result == {cpus: 2, memory: 2048, ephemeral_disk: 10240}' ;;
        create_network) echo '.result[1].range == "10.0.0.0/24"' ;;
        get_disks) echo '.result == []' ;;
        ping) echo '.result == "pong"' ;;
        attach_disk) echo '.result.path | startswith("/dev/disk/by-id/")' ;;
        has_vm | has_disk) echo '.result == true' ;;
        *) echo '.result == null and .error == null' ;;
    esac
}

# after METHOD FILE: what the real client would wait for, and what must be so on the host. Where nothing
# is asked of the guest it is not waited for.
after() {
    case $1 in
        create_vm | attach_disk)
            [[ $2 != */[123]-* ]] || { vm=$(virsh_lab list --name); return; }
            ;;&
        create_vm)
            vm=$(jq -r '.result[0]' <<<"$response")
            [[ $(virsh_lab domstate "$vm") == running ]]
            boots "$vm"
            on_console "$vm" "^guest: settings label=config-2 agent_id=[-0-9a-f]* vm=$vm"
            on_console "$vm" '^guest: net private eth0 192.168.150.10'
            ;;
        attach_disk) on_console "$vm" "^guest: persistent $(jq -r '.result.path | ltrimstr("/dev/disk/by-id/")' <<<"$response")" ;;
        delete_vm) [[ -z $(virsh_lab list --all --name) ]] ;;
    esac
}

# answered METHOD FILE: the answer is what its client expects
answered() {
    [[ $(jq "$(expected "$1")" <<<"$response") == true ]] || {
        printf '%s: %s\n' "$2" "$response" >&2
        tail -n 20 "$BATS_TEST_TMPDIR/stderr" >&2
        return 1
    }
}

# A guest of the lab needs less than what was recorded, and there may not be more.
request_of() {
    with_our_cids "$(jq -c '.request | if .method == "create_vm" then .arguments[2] += {memory: 256} else . end |
        if .method == "create_vm" then .arguments[2] |= del(.ram) else . end' "$1")"
}

# remember METHOD: the recordings were made without a CPI, and call what each method makes by one name
remember() {
    local name
    case $1 in
        create_stemcell) name='sc-1' ;;
        create_vm) name='vm-1' ;;
        create_disk) name='disk-1' ;;
        snapshot_disk) name='snap-1' ;;
        create_network) name='net-1' ;;
        *) return 0 ;;
    esac
    ours[$name]=$(jq -r '.result | if type == "array" then .[0] else . end' <<<"$response")
}

# directors_life: sends all that the Director's client was recorded to send, by send_as_director
directors_life() {
    local file method image
    declare -A ours=()
    image=$BATS_TEST_TMPDIR/image
    install -m 0644 "$("$lab/stemcell.sh" qcow2 2>/dev/null)" "$image"
    for file in "$root"/tests/recorded/director/v3/*.json; do
        method=$(jq -r .request.method "$file")
        # The same VM was asked for twice: its address is the first's until that is gone.
        if [[ $method == create_vm && ${ours[vm-1]-} ]]; then
            send_as_director "$(request_of "$file")"
            [[ $(jq '.error.message | contains("192.168.150.10")' <<<"$response") == true ]]
            send_as_director "{\"method\":\"delete_vm\",\"arguments\":[\"${ours[vm-1]}\"],\"api_version\":3,\"context\":{}}"
            answered delete_vm "$file"
        fi
        # The Director attaches disks when the agent has answered, never to a machine in its firmware.
        [[ $method != attach_disk ]] || boots "$vm"
        # Of two disks the first is the one that goes on.
        send_as_director "$(request_of "$file")"
        answered "$method" "$file"
        if [[ $method == create_disk && ${ours[disk-1]-} ]]; then
            send_as_director "{\"method\":\"delete_disk\",\"arguments\":$(jq -c '[.result]' <<<"$response"),\"api_version\":3,\"context\":{}}"
            answered delete_disk "$file"
        else
            remember "$method"
        fi
        vm=${ours[vm-1]-}
        [[ $method != attach_disk ]] || after attach_disk "$file"
        [[ $method != update_disk ]] || [[ $(qemu-img info --output=json "$STORE/disks/${ours[disk-1]}/disk.qcow2" | jq '."virtual-size"') == $((20480 << 20)) ]]
    done
}
