#!/usr/bin/env bats
# Requests that the real bosh CLI and the real client of the Director sent (tests/recorded), one
# after the other, with our CIDs where they had those of another CPI.

load helper

setup() {
    begin
    have_network bosh-lab active 192.168.150
    # The Director's recordings create a network with the subnet that it has in other tests.
    have_network default active 192.168.122
    # Nothing of these tests is to reach another machine.
    printf '#!/bin/bash\nexit 255\n' >"$world/bin/ssh"
    chmod +x "$world/bin/ssh"
    stemcell_image
    declare -gA ours=()
}

# recordings DIRECTORY...: the requests in order, each on a line: the method, the request and what
# was answered then, parted by tabs
recordings() {
    find "$@" -name '*.json' | sort | xargs jq -r '[.request.method, (.request | tostring),
        (.response.result | if type == "array" then .[0] else . end | tostring)] | join("\t")'
}

# with_our_cids REQUEST
with_our_cids() {
    local text=$1 theirs
    text=${text//@IMAGE@/$image}
    text=${text//\/var\/vcap\/data\/tmp\/director\/stemcell20261122-7-abc\/image/$image}
    for theirs in "${!ours[@]}"; do
        text=${text//"\"$theirs\""/"\"${ours[$theirs]}\""}
    done
    printf '%s' "$text"
}

# what_answers METHOD: what the client expects, as a jq filter over the answer
what_answers() {
    case $1 in
        info) echo '.result | .api_version >= 2 and (.stemcell_formats | length > 0 and all(type == "string"))' ;;
        create_stemcell | create_disk | snapshot_disk) echo '.result | type == "string" and length > 0' ;;
        create_vm) echo '.result | (.[0] | type == "string") and (.[1] | to_entries |
            all(.value.type == "vip" or (.value.mac | type == "string")))' ;;
        attach_disk) echo '.result | type == "object" and length > 0 and all(.[]; type == "string")' ;;
        has_vm | has_disk) echo '.result == true' ;;
        get_disks) echo '.result | type == "array" and all(type == "string")' ;;
        calculate_vm_cloud_properties) echo '.result == {cpus: 2, memory: 2048, ephemeral_disk: 10240}' ;;
        create_network) echo '.result | (.[0] | type == "string") and (.[1].range | type == "string")' ;;
        update_disk) echo '.result | . == null or type == "string"' ;;
        ping) echo '.result == "pong"' ;;
        *) echo '.result == null' ;;
    esac
}

# judge METHOD: notes what the answer must be; expectations are looked at all at once.
judge() {
    if is_built "$1"; then
        succeeded || fail "$1 failed"
        printf '{"method":"%s","answer":%s}\n' "$1" "${response%$'\n'}" >>"$world/answers.$1"
    else
        fails_with NotImplemented
    fi
}

# all_answered: every answer was what its client expects.
all_answered() {
    local file method
    for file in "$world"/answers.*; do
        method=${file##*.}
        jq -es "all(.[].answer; $(what_answers "$method"))" "$file" >/dev/null ||
            fail "not what $method has to answer: $(<"$file")"
    done
}

remember() {
    [[ ! $response =~ \"result\":\[?\"([^\"]+)\" ]] || ours[$1]=${BASH_REMATCH[1]}
}

@test "a deployment by the bosh CLI: create-env, changes, recreation, migration, delete-env" {
    local method request theirs count=0
    while IFS=$'\t' read -r method request theirs; do
        send "$(with_our_cids "$request")"
        judge "$method"
        [[ $method != create_* ]] || remember "$theirs"
        count=$((count + 1))
    done < <(recordings "$root/tests/recorded/cli")
    ((count == $(find "$root/tests/recorded/cli" -name '*.json' | wc -l))) || fail 'not all were sent'
    all_answered
    [[ -z $(inventory) ]] || fail "something is left: $(inventory)"
}

# The Director's recordings were made without a CPI behind them: it always spoke of sc-1, vm-1,
# disk-1, and made the same VM twice.
make_way() {
    [[ ${ours[vm-1]-} ]] || return 0
    send "$(with_our_cids "$request")"
    ! succeeded || fail 'two VMs with one address'
    says "${ours[vm-1]}"
    ok delete_vm "${ours[vm-1]}"
}

name_it() {
    local name
    case $1 in
        create_stemcell) name=sc-1 ;;
        create_vm) name=vm-1 ;;
        create_disk) name=disk-1 ;;
        snapshot_disk) name=snap-1 ;;
        create_network) name=net-1 ;;
        *) return 0 ;;
    esac
    remember "$name"
}

@test "the Director's client, with version 2 and 3 of the API" {
    run_cpi() { env -i PATH="$world/bin" HOME=/root "$CPI" --config "$world/cpi.json"; }
    local directory method request
    for directory in v2 v3; do
        while IFS=$'\t' read -r method request _; do
            [[ $method != create_vm ]] || make_way
            if [[ $method == configure_networks ]]; then
                refused NotSupported configure_networks vm-1 '{}'
                continue
            fi
            send "$(with_our_cids "$request")"
            judge "$method"
            name_it "$method"
        done < <(recordings "$root/tests/recorded/director/$directory")
    done
    all_answered
}

@test "the Director's client with a cpi-config that leads to another host" {
    local method request
    while IFS=$'\t' read -r method request _; do
        send "$request"
        if [[ $method == info ]]; then
            judge info
        else
            ! succeeded || fail "$method was answered by this host"
        fi
    done < <(recordings "$root/tests/recorded/director/v3-cpiconfig")
    all_answered
    no_virsh_here
}

# no_virsh_here: this machine's libvirt was not asked.
no_virsh_here() {
    ! calls | grep ^virsh || fail 'this machine was asked'
}
