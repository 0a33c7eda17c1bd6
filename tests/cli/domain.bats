#!/usr/bin/env bats
# The domains that cloud_properties ask for. tests/lint holds what is golden here to libvirt's schema.

load helper

# create CLOUD_PROPERTIES [NETWORKS]
create() {
    [[ $stemcell ]] || have_stemcell
    ok create_vm agent-1 "$stemcell" "$1" "${2-"{}"}" '[]' '{"bosh":{"tags":{"all":"a & b"}}}'
    vm=$cid
}

xml() {
    cat "$state/domains/$vm/xml"
}

# golden_domain NAME
golden_domain() {
    golden "domain-$1.xml" "$(xml)"
}

@test "the domain of an arm64 stemcell: machine virt, EFI, no IDE and no SATA" {
    configure storage_controller '"SATA"'
    stemcell_image
    ok create_stemcell "$image" '{"architecture":"arm64"}'
    stemcell=$cid
    create '{"cpus":2,"memory":2048}' "$(manual 10.0.0.10)"
    golden_domain arm64
    jq -e '.log | contains("SCSI")' <<<"$response" || fail 'nobody is told'
    [[ $(xml) != *"bus='sata'"* && $(xml) != *"bus='ide'"* ]] || fail "$(xml)"
}

@test "the domain with efi-secure" {
    create '{"firmware":"efi-secure"}'
    golden_domain efi-secure
}

@test "the domain with memory and processors of its own: huge pages, NUMA nodes, topology, model" {
    create '{"cpus":8,"cpu_sockets":2,"cpu_cores":2,"cpu_threads":2,"cpu_model":"Skylake-Server",
        "memory":4096,"hugepages":true,"numa_nodes":"0-1,3","ballooning":false,"machine":"pc-q35-7.2"}'
    golden_domain memory
}

@test "the domain with devices: of the host, a watchdog, a screen, extra disks on I/O threads" {
    printf 'screen\n' >"$world/password"
    create "{\"host_devices\":[\"0000:03:00.0\",\"0001:af:1f.7\"],\"watchdog\":\"inject-nmi\",
        \"graphics\":\"vnc\",\"graphics_password_file\":\"$world/password\",\"iothreads\":2,
        \"extra_disks\":[{\"size\":64},{\"size\":128}],\"disk_cache\":\"none\",\"disk_io\":\"native\",
        \"tags\":{\"team\":\"<a>\"},\"title\":\"a & b\"}"
    golden_domain devices
}

@test "the domain with NICs of each type and all their properties" {
    create '{}' '{
        "plain":{"ip":"10.0.0.10","cloud_properties":{"name":"default","mac":"52:54:00:00:00:01","mtu":1400,
            "filter":"clean-traffic",
            "bandwidth":{"inbound":{"average":1024,"peak":2048,"burst":512},"outbound":{"average":100}}}},
        "tagged":{"type":"dynamic","cloud_properties":{"name":"br0","type":"bridge","vlan":10,
            "mac":"52:54:00:00:00:02"}},
        "trunk":{"type":"dynamic","cloud_properties":{"name":"br1","type":"bridge","vlan":[10,20],
            "mac":"52:54:00:00:00:03","model":"e1000e"}},
        "macvtap":{"type":"dynamic","cloud_properties":{"name":"eth0","type":"direct","mode":"private",
            "mac":"52:54:00:00:00:04"}}}'
    golden_domain nics
}

@test "the disk with all its properties, as it is attached" {
    have_vm
    ok create_disk 64 '{"format":"raw","cache":"directsync","io":"native","discard":"ignore","bus":"scsi",
        "iops_read":100,"iops_write":200,"throughput":50}' null
    disk=$cid
    ok attach_disk "$vm" "$disk"
    golden disk.xml "$(cat "$state/domains/$vm/attached")"
}

@test "the networks of create_network" {
    local type
    ok create_network '{"type":"manual","range":"10.7.0.0/24","gateway":"10.7.0.1","cloud_properties":{
        "name":"made","mtu":1400,"domain":"a.b","dhcp":true,"ipv6":"fd00:7::/64"}}'
    golden network-nat.xml "$(cat "$state/networks/made/config")"
    for type in isolated route; do
        ok create_network "{\"type\":\"manual\",\"range\":\"10.8.${#type}.0/24\",\"cloud_properties\":{
            \"name\":\"made-$type\",\"type\":\"$type\"}}"
        golden "network-$type.xml" "$(cat "$state/networks/made-$type/config")"
    done
    ok create_network '{"type":"manual","range":"10.9.0.0/24","cloud_properties":{"name":"made-bridge",
        "type":"bridge","bridge":"br0"}}'
    golden network-bridge.xml "$(cat "$state/networks/made-bridge/config")"
}

@test "the backup of snapshot_disk" {
    have_attached_disk
    ok snapshot_disk "$disk" '{}'
    # The target is made from the CID.
    golden backup.xml "$(sed "s/'vd[a-z][a-z]'/'vdc'/" "$state/domains/$vm/backup")"
}
