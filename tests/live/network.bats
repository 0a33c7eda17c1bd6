#!/usr/bin/env bats
# NICs, addresses, DHCP and networks of the Director's on real libvirt.

load helper

# manual IP [NETWORK-NAME [CLOUD-PROPERTIES [MORE]]]: a manual network of a /24
manual() {
    local net=${1%.*}
    jq -cn --arg ip "$1" --arg name "${2:-default}" --arg gateway "$net.1" \
        --argjson properties "${3:-{\}}" --argjson more "${4:-{\}}" '{
        type: "manual", ip: $ip, prefix: "32", netmask: "255.255.255.0", gateway: $gateway,
        cloud_properties: ({name: $name} + $properties)} + $more'
}

# request NETWORKS: the arguments of create_vm, on the stemcell in $stemcell
request() {
    jq -cn --arg stemcell "$stemcell" --argjson networks "$1" \
        '["agent-n", $stemcell, {memory: 256, ephemeral_disk: 64}, $networks, [], {}]'
}

# start_vm NETWORKS: the CID is in $vm
start_vm() {
    cpi create_vm "$(request "$1")"
    vm=$(jq -r '.[0]' <<<"$result")
}

# refused TYPE TEXT NETWORKS: create_vm fails before it does anything
refused() {
    cpi_fails "$1" "$2" create_vm "$(request "$3")"
    [[ -z $(virsh_lab list --all --name) && -z $(ls "$STORE/vms") ]]
}

# reserved NETWORK IP: the DHCP entries of the address, live and persistent, one a line
reserved() {
    { virsh_lab net-dumpxml "$1" && virsh_lab net-dumpxml "$1" --inactive; } |
        grep "<host .* ip='$2'/>" || true
}

# reservation VERB NETWORK ATTRIBUTES…: as an operator makes or removes one
reservation() {
    virsh_lab net-update "$2" "$1" ip-dhcp-host "<host ${*:3}/>" --live --config >/dev/null
}

@test "two NICs, each with its MAC and address, and the same address by DHCP" {
    local networks first second
    stemcell && stemcell=$result
    networks=$(jq -cn --argjson one "$(manual 192.168.122.10 default '{}' '{"nic_group": "1"}')" \
        --argjson two "$(manual 192.168.133.10 second)" '{one: $one, two: $two,
        leased: {type: "dynamic", nic_group: "1", cloud_properties: {name: "default"}}}')
    start_vm "$networks"
    first=$(jq -r '.[1].one.mac' <<<"$result")
    second=$(jq -r '.[1].two.mac' <<<"$result")
    [[ $first != "$second" && $first == "$(jq -r '.[1].leased.mac' <<<"$result")" ]]
    [[ $(reserved default 192.168.122.10 | grep -c "mac='$first' name='$vm-0'") == 2 ]]
    [[ $(reserved second 192.168.133.10 | grep -c "mac='$second' name='$vm-1'") == 2 ]]
    boots "$vm"
    on_console "$vm" "^guest: nic eth0 $first"
    on_console "$vm" "^guest: nic eth1 $second"
    on_console "$vm" '^guest: net one eth0 192.168.122.10'
    on_console "$vm" '^guest: net leased eth0 192.168.122.10'
    on_console "$vm" '^guest: net two eth1 192.168.133.10'
    [[ $("$lab/libvirtd.sh" guest "$LAB" 192.168.133.10 'cat /sys/class/net/eth1/address') == "$second" ]]
    cpi delete_vm "[\"$vm\"]"
    [[ -z $(reserved default 192.168.122.10)$(reserved second 192.168.133.10) ]]
}

@test "a network without DHCP gets no reservation and costs delete_vm no virsh" {
    stemcell && stemcell=$result
    cpi create_network '[{"range": "10.61.0.0/24", "cloud_properties": {"name": "plain"}}]'
    local network
    network=$(jq -r '.[0]' <<<"$result")
    start_vm "{\"one\": $(manual 10.61.0.10 plain)}"
    [[ -z $(reserved plain 10.61.0.10) ]]
    : >"$BATS_TEST_TMPDIR/stderr"
    cpi delete_vm "[\"$vm\"]"
    [[ $(grep -c 'run: virsh' "$BATS_TEST_TMPDIR/stderr") == 1 ]]
    cpi delete_network "[\"$network\"]"
}

@test "reservations go with a failed create_vm, with files alone and with half of them gone" {
    local one
    stemcell && stemcell=$result
    one="{\"one\": $(manual 192.168.122.11)}"
    cpi_fails VMCreationFailed 'no-such-filter' create_vm \
        "$(request "{\"one\": $(manual 192.168.122.11 default '{"filter": "no-such-filter"}')}")"
    [[ -z $(reserved default 192.168.122.11) && -z $(ls "$STORE/vms") ]]
    # Only the files are left.
    start_vm "$one"
    virsh_lab destroy "$vm" && virsh_lab undefine "$vm"
    cpi delete_vm "[\"$vm\"]"
    [[ -z $(reserved default 192.168.122.11) ]]
    # The live entry is gone, then the persistent one.
    start_vm "$one"
    virsh_lab net-update default delete ip-dhcp-host "<host name='$vm-0'/>" --live
    cpi delete_vm "[\"$vm\"]"
    [[ -z $(reserved default 192.168.122.11) ]]
    start_vm "$one"
    virsh_lab net-update default delete ip-dhcp-host "<host name='$vm-0'/>" --config
    cpi delete_vm "[\"$vm\"]"
    [[ -z $(reserved default 192.168.122.11) ]]
    cpi delete_stemcell "[\"$stemcell\"]"
    nothing_left
}

@test "a reservation that a killed process left is replaced, and somebody else's respected" {
    local one gone=vm-00000000-0000-4000-8000-000000000000 half
    stemcell && stemcell=$result
    one="{\"one\": $(manual 192.168.122.12)}"
    reservation add default "mac='52:54:00:00:00:12'" "name='$gone-0'" "ip='192.168.122.12'"
    start_vm "$one"
    [[ $(reserved default 192.168.122.12 | grep -c "name='$vm-0'") == 2 ]]
    [[ $(reserved default 192.168.122.12 | wc -l) == 2 ]]
    cpi delete_vm "[\"$vm\"]"
    # create_vm is killed, and virsh with it, when it has reserved and defines nothing yet.
    cat >"$BATS_TEST_TMPDIR/virsh" <<'END'
#!/bin/bash
[[ $4 == *'; define --validate'* ]] || exec virsh "$@"
virsh "${@:1:3}" "${4%%; define --validate*}"
kill -KILL "$PPID"
END
    chmod +x "$BATS_TEST_TMPDIR/virsh"
    write_config "{\"bin_path\": \"$BATS_TEST_TMPDIR/virsh\"}"
    call create_vm "$(request "$one")" || true
    half=$(ls "$STORE/vms")
    [[ $(reserved default 192.168.122.12 | grep -c "name='$half-0'") == 2 ]]
    write_config '{}'
    start_vm "$one"
    [[ $vm != "$half" && $(reserved default 192.168.122.12 | grep -c "name='$vm-0'") == 2 ]]
    [[ $(reserved default 192.168.122.12 | wc -l) == 2 && $(ls "$STORE/vms") == "$vm" ]]
    cpi_fails CloudError "$vm" create_vm "$(request "$one")"
    cpi delete_vm "[\"$vm\"]"
    reservation add default "mac='52:54:00:00:00:12'" "name='printer'" "ip='192.168.122.12'"
    refused CloudError "'printer'" "$one"
    # One that says the same stays where it is.
    cpi create_vm "$(request "{\"one\": $(manual 192.168.122.12 default '{"mac": "52:54:00:00:00:12"}')}")"
    cpi delete_vm "$(jq -c '[.[0]]' <<<"$result")"
    [[ $(reserved default 192.168.122.12 | grep -c "name='printer'") == 2 ]]
    reservation delete default "name='printer'"
}

@test "addresses that the network does not have, and properties that make no sense, are refused" {
    local ip=192.168.122.13 bad
    stemcell && stemcell=$result
    refused CloudError '10.5.5.13 is outside network '"'default', which is 192.168.122.0/24" \
        "{\"one\": $(manual 10.5.5.13)}"
    refused CloudError 'the gateway 192.168.123.1' \
        "{\"one\": $(manual $ip default '{}' '{"gateway": "192.168.123.1"}')}"
    refused CloudError 'belongs to the host' "{\"one\": $(manual 192.168.122.1)}"
    refused CloudError 'fd00::13 is outside' \
        '{"one": {"ip": "FD00:0::13", "prefix": "64", "cloud_properties": {"name": "default"}}}'
    for bad in '{"mac": "01:00:5e:00:00:01"}' '{"mac": "52-54-00-00-00-01"}' '{"vlan": 0}' '{"vlan": []}' \
        '{"mtu": 10}' '{"bandwidth": {"inbound": {"peak": 5}}}' '{"type": "nonsense"}' '{"mode": "vepa"}' \
        '{"type": "direct", "mode": "nat"}' '{"name": "../x"}' '{"name": "--all"}' '{"model": 3}'; do
        refused CpiError "network 'one'" "{\"one\": $(manual $ip default "$bad")}"
    done
}

@test "model, MAC, MTU and filter; unknown keys are noted" {
    stemcell && stemcell=$result
    start_vm "{\"one\": $(manual 192.168.122.14 default \
        '{"model": "e1000e", "mac": "52:54:00:AA:BB:CC", "mtu": 1400, "filter": "clean-traffic", "fitler": 1}')}"
    [[ $(jq -r '.[1].one.mac' <<<"$result") == 52:54:00:aa:bb:cc ]]
    [[ $(jq -r .log <<<"$response") == *"fitler is not known"*"'filter' meant"* ]]
    virsh_lab dumpxml "$vm" >"$BATS_TEST_TMPDIR/xml"
    grep -q "<mac address='52:54:00:aa:bb:cc'/>" "$BATS_TEST_TMPDIR/xml"
    grep -q "<model type='e1000e'/>" "$BATS_TEST_TMPDIR/xml"
    grep -q "<mtu size='1400'/>" "$BATS_TEST_TMPDIR/xml"
    grep -q "<filterref filter='clean-traffic'/>" "$BATS_TEST_TMPDIR/xml"
    [[ $(virsh_lab nwfilter-binding-list) == *clean-traffic* ]]
    cpi delete_vm "[\"$vm\"]"
    [[ $(virsh_lab nwfilter-binding-list) != *clean-traffic* ]]
}

@test "a bridge and a macvtap of the host take any address" {
    stemcell && stemcell=$result
    start_vm "$(jq -cn --argjson one "$(manual 10.5.5.10 virbr0 '{"type": "bridge"}')" \
        --argjson two "$(manual 10.5.6.10 virbr1 '{"type": "direct", "mode": "private"}')" '{one: $one, two: $two}')"
    [[ $(virsh_lab domiflist "$vm") == *bridge*virbr0*direct*virbr1* ]]
    [[ $(virsh_lab dumpxml "$vm") == *"<source dev='virbr1' mode='private'/>"* ]]
    cpi delete_vm "[\"$vm\"]"
}

# Which of these start depends on the host's kernel and the age of its libvirt; that libvirt takes
# the definition does not.
@test "VLANs and bandwidth reach libvirt, and what the host cannot do is undone" {
    local properties
    stemcell && stemcell=$result
    for properties in '{"vlan": [5, "6"]}' '{"bandwidth": {"inbound": {"average": 1000, "peak": 2000, "burst": 512}}}'; do
        call create_vm "$(request "{\"one\": $(manual 192.168.122.15 default "$properties")}")"
        if [[ $(jq -r '.error == null' <<<"$response") == true ]]; then
            vm=$(jq -r '.result[0]' <<<"$response")
            [[ $(virsh_lab dumpxml "$vm") == *"<tag id='6'/>"* || $(virsh_lab dumpxml "$vm") == *"<inbound average="* ]]
            cpi delete_vm "[\"$vm\"]"
        else
            [[ $(jq -r .error.message <<<"$response") == *'Failed to start domain'* ]]
        fi
        [[ -z $(reserved default 192.168.122.15) && -z $(virsh_lab list --all --name) && -z $(ls "$STORE/vms") ]]
    done
}

@test "a network of the Director's with IPv4 and IPv6, and a VM on both" {
    local network made
    stemcell && stemcell=$result
    cpi create_network '[{"type": "manual", "range": "10.62.0.0/24", "gateway": "10.62.0.1", "cloud_properties":
        {"name": "made", "ipv6": "fd00:62::/64", "dhcp": true, "mtu": 1400, "domain": "vms.internal"}}]'
    made=$result
    network=$(jq -r '.[0]' <<<"$made")
    [[ $(jq -c '.[1:]' <<<"$made") == '[{"range":"10.62.0.0/24","gateway":"10.62.0.1","reserved":[]},{"name":"made","type":"network"}]' ]]
    [[ $(virsh_lab net-list --autostart --name) == *made* ]]
    start_vm "$(jq -cn --argjson four "$(manual 10.62.0.10 made '{"type": "network"}' '{"nic_group": "1"}')" '{four: $four,
        six: {type: "manual", ip: "fd00:62:0::10", prefix: "64", gateway: "fd00:62::1", nic_group: "1",
            cloud_properties: {name: "made", type: "network"}}}')"
    [[ $(jq -r '.[1].four.mac' <<<"$result") == "$(jq -r '.[1].six.mac' <<<"$result")" ]]
    [[ $(virsh_lab domiflist "$vm" | grep -c made) == 1 ]]
    [[ $(reserved made 10.62.0.10 | wc -l) == 2 ]]
    cpi_fails CloudError "$vm" delete_network "[\"$network\"]"
    boots "$vm"
    on_console "$vm" '^guest: net four eth0 10.62.0.10'
    on_console "$vm" '^guest: net six eth0 fd00:62:'
    "$lab/libvirtd.sh" guest "$LAB" 10.62.0.10 'ip addr show dev eth0' >"$BATS_TEST_TMPDIR/addresses"
    grep -q 'fd00:62::10/64' "$BATS_TEST_TMPDIR/addresses"
    virsh_lab destroy "$vm"
    cpi_fails CloudError "$vm" delete_network "[\"$network\"]"
    cpi delete_vm "[\"$vm\"]"
    cpi delete_network "[\"$network\"]"
    [[ $(virsh_lab net-list --all --name) != *made* ]]
    cpi_fails NetworkNotFound "$network" delete_network "[\"$network\"]"
}

@test "networks of each type, of a size, and what create_network and delete_network refuse" {
    local definition networks=() network before
    before=$(virsh_lab net-list --all --name)
    for definition in '{"range": "10.63.0.0/24", "cloud_properties": {"type": "isolated"}}' \
        '{"range": "10.63.1.0/24", "gateway": "10.63.1.254", "cloud_properties": {"type": "route", "dhcp": true}}' \
        '{"range": "fd00:63::/64", "cloud_properties": {"type": "nat", "dhcp": true}}' \
        '{"range": "192.168.122.0/24", "cloud_properties": {"name": "bridged", "type": "bridge", "bridge": "virbr0"}}' \
        '{"netmask_bits": 24}' '{"netmask_bits": "16"}'; do
        cpi create_network "[$definition]"
        networks+=("$(jq -r '.[0]' <<<"$result")")
        [[ $(virsh_lab net-list --name) == *"$(jq -r '.[2].name' <<<"$result")"* ]]
    done
    [[ $(jq -r '.[1].range' <<<"$result") == */16 ]]
    stemcell && stemcell=$result
    start_vm "{\"one\": $(manual 192.168.122.18 bridged)}"
    [[ $(virsh_lab domiflist "$vm") == *bridged* ]]
    cpi delete_vm "[\"$vm\"]"
    cpi_fails CloudError 'default' create_network '[{"range": "192.168.122.128/25"}]'
    cpi_fails CloudError "${networks[3]}" create_network '[{"range": "10.64.0.0/24", "cloud_properties": {"name": "bridged"}}]'
    cpi_fails CpiError 'gateway' create_network '[{"range": "10.64.0.0/24", "gateway": "10.65.0.1"}]'
    cpi_fails CpiError 'range' create_network '[{"cloud_properties": {"name": "x"}}]'
    cpi_fails CpiError 'bridge' create_network '[{"range": "10.64.0.0/24", "cloud_properties": {"type": "bridge"}}]'
    # libvirt refuses the name of the domain: nothing is left of the network.
    cpi_fails CloudError 'did not start' create_network '[{"range": "10.64.0.0/24", "cloud_properties": {"domain": "a b/"}}]'
    for network in "${networks[@]}"; do
        cpi delete_network "[\"$network\"]"
    done
    cpi_fails CloudError 'not made by create_network' delete_network '["default"]'
    [[ $(virsh_lab net-list --all --name) == "$before" ]]
}

@test "a network is not left behind when it does not start" {
    "$lab/libvirtd.sh" exec "$LAB" ip addr add 10.65.0.7/24 dev virbr1
    cpi_fails CloudError 'already in use by interface' create_network '[{"range": "10.65.0.0/24"}]' || {
        "$lab/libvirtd.sh" exec "$LAB" ip addr del 10.65.0.7/24 dev virbr1
        false
    }
    "$lab/libvirtd.sh" exec "$LAB" ip addr del 10.65.0.7/24 dev virbr1
    [[ $(virsh_lab net-list --all --name) != *bosh-* ]]
}
