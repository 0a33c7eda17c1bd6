#!/usr/bin/env bats
# Arguments that are too few, of the wrong type or of the wrong form are CpiErrors, found before
# anything is changed or any command runs.

load helper

# must_be_wrong METHOD ARGUMENTS [TEXT...]: a CpiError, which says TEXT.
must_be_wrong() {
    send "{\"method\":\"$1\",\"arguments\":$2,\"api_version\":2,\"context\":{}}"
    fails_with CpiError
    is_not_retriable
    says "${@:3}"
    no_calls
}

# all_wrong METHOD BEFORE AFTER VALUE...: with each value between BEFORE and AFTER.
all_wrong() {
    local method=$1 front=$2 back=$3 value
    shift 3
    for value; do
        must_be_wrong "$method" "[$front$value$back]"
    done
    unchanged "$before" "one of: $method $*"
}

prepare() {
    have_attached_disk
    forget_calls
    before=$(digest)
}

@test "too few arguments for any method are a CpiError that tells how many are needed" {
    local method
    prepare
    for method in create_stemcell delete_stemcell create_vm calculate_vm_cloud_properties delete_vm \
        has_vm reboot_vm set_vm_metadata create_disk delete_disk has_disk attach_disk detach_disk \
        get_disks set_disk_metadata resize_disk update_disk snapshot_disk delete_snapshot \
        create_network delete_network; do
        must_be_wrong "$method" '[]' 'arguments were given'
    done
    for method in set_vm_metadata attach_disk detach_disk; do
        must_be_wrong "$method" "[\"$vm\"]" 'arguments were given'
    done
    for method in set_disk_metadata resize_disk update_disk; do
        must_be_wrong "$method" "[\"$disk\"]" 'arguments were given'
    done
    must_be_wrong create_vm "[\"a\",\"$stemcell\",{}]" 'arguments were given'
    send '{"method":"has_vm","context":{}}'
    fails_with CpiError
    unchanged "$before" "one of these"
}

@test "a CID of the wrong type is a CpiError for every method" {
    local method values=(1 -1 1.5 null true false '{}' '[]' "[\"x\"]" '""')
    prepare
    for method in delete_stemcell delete_vm has_vm reboot_vm delete_disk has_disk get_disks \
        snapshot_disk delete_snapshot delete_network; do
        all_wrong "$method" '' '' "${values[@]}"
    done
    for method in set_vm_metadata set_disk_metadata; do
        all_wrong "$method" '' ',{}' "${values[@]}"
    done
    for method in resize_disk update_disk; do
        all_wrong "$method" '' ',128' "${values[@]}"
    done
    for method in attach_disk detach_disk; do
        all_wrong "$method" '' ",\"$disk\"" "${values[@]}"
        all_wrong "$method" "\"$vm\"," '' "${values[@]}"
    done
    all_wrong create_vm '"agent",' ',{},{}' "${values[@]}"
}

@test "a CID that could be a path, an option or a command is a CpiError for every method" {
    local method long cids
    prepare
    long=$(printf 'x%.0s' {1..129})
    cids=('"../x"' '".."' '"."' "\"$vm/../$vm\"" '"/etc/passwd"' '"a/b"' '"/"' '".hidden"' '"-x"'
        '"--all"' '"1abc"' '"7"' '"a b"' '"a;b"' '"a\nb"' '"a\tb"' '"a'"'"'b"' '"a\"b"' '"$(id)"'
        '"a`id`"' '"a|b"' '"a*"' '"a%00"' '"é"' '"a\\b"' "\"$long\"")
    for method in delete_stemcell delete_vm has_vm reboot_vm delete_disk has_disk get_disks \
        snapshot_disk delete_snapshot delete_network; do
        all_wrong "$method" '' '' "${cids[@]}"
    done
    cids=("${cids[@]:0:8}")
    all_wrong set_vm_metadata '' ',{}' "${cids[@]}"
    all_wrong set_disk_metadata '' ',{}' "${cids[@]}"
    all_wrong resize_disk '' ',128' "${cids[@]}"
    all_wrong update_disk '' ',128' "${cids[@]}"
    all_wrong attach_disk "\"$vm\"," '' "${cids[@]}"
    all_wrong attach_disk '' ",\"$disk\"" "${cids[@]}"
    all_wrong detach_disk "\"$vm\"," '' "${cids[@]}"
    all_wrong create_vm '"agent",' ',{},{}' "${cids[@]}"
}

@test "other arguments of the wrong type are CpiErrors" {
    local values=(1 true '"x"' '[]' '[{}]') method
    prepare
    all_wrong create_stemcell '' ',{}' 1 null true '{}' '[]' '""'
    all_wrong create_stemcell "\"$image\"," '' "${values[@]}"
    all_wrong create_stemcell "\"$image\",{}," '' "${values[@]}"
    all_wrong create_vm '' ",\"$stemcell\",{},{}" 1 null true '{}' '[]' '""'
    all_wrong create_vm "\"a\",\"$stemcell\"," ',{}' "${values[@]}"
    all_wrong create_vm "\"a\",\"$stemcell\",{}," '' "${values[@]}"
    all_wrong create_vm "\"a\",\"$stemcell\",{},{},[]," '' "${values[@]}"
    all_wrong create_disk '10,' '' "${values[@]}"
    all_wrong set_vm_metadata "\"$vm\"," '' "${values[@]}"
    all_wrong set_disk_metadata "\"$disk\"," '' "${values[@]}"
    all_wrong calculate_vm_cloud_properties '' '' "${values[@]}"
    all_wrong snapshot_disk "\"$disk\"," '' "${values[@]}"
    all_wrong update_disk "\"$disk\",128," '' "${values[@]}"
    all_wrong create_network '' '' "${values[@]}" null '{}' '{"type":"dynamic"}' '{"range":"x"}' \
        '{"range":"10.7.0.0/24","gateway":"10.8.0.1"}' '{"netmask_bits":31}' \
        '{"range":"10.7.0.0/24","cloud_properties":1}' \
        '{"range":"10.7.0.0/24","cloud_properties":{"type":"x"}}' \
        '{"range":"10.7.0.0/24","cloud_properties":{"name":"../x"}}'
}

@test "sizes that are none are CpiErrors" {
    prepare
    all_wrong resize_disk "\"$disk\"," '' 0 -1 1.5 1e300 8796093022209 '"x"' null true '{}' '[]'
    all_wrong update_disk "\"$disk\"," ',{}' 0 -1 1.5 1e300 8796093022209 '"x"' true '{}' '[]'
    all_wrong create_disk '' ',{},null' 0 -1 1.5 1e300 8796093022209 '"8796093022209"' '""' '"abc"' \
        '"-5"' '"1.5"' '"0x10"' '" 5"' '"5 "' '"+5"' '"99999999999999999999999"' null true '{}' '[]' '[5]'
}

@test "sizes may be numbers, numbers with a point, and strings of digits" {
    local size
    for size in 1 10 10.0 1e3 '"10"' '"0010"' 8796093022208; do
        ok create_disk "$size" '{}' null
    done
    [[ $(calls) == *' 8796093022208M'* ]] || fail 'the largest size did not arrive'
}

@test "cloud_properties of a VM that make no sense are CpiErrors that name them" {
    local name value networks
    prepare
    networks=$(manual 10.0.0.77)
    for name in cpus memory ephemeral_disk root_disk_size; do
        for value in -1 1.5 1e300 '"x"' '""' true '[]' '{}' 99999999999999; do
            must_be_wrong create_vm "[\"a\",\"$stemcell\",{\"$name\":$value},$networks]" "$name"
        done
    done
    for name in cpus memory root_disk_size; do
        must_be_wrong create_vm "[\"a\",\"$stemcell\",{\"$name\":0},$networks]" "$name"
    done
    must_be_wrong create_vm "[\"a\",\"$stemcell\",{\"cpu\":-1},$networks]" cpu
    must_be_wrong create_vm "[\"a\",\"$stemcell\",{\"ram\":\"lots\"},$networks]"
    unchanged "$before" "one of these"
}

@test "networks that make no sense are CpiErrors that name them" {
    local network
    prepare
    for network in 1 '"x"' '[]' '[{}]' true \
        '{"type":"manual"}' \
        '{"type":"manual","ip":""}' \
        '{"type":"manual","ip":7}' \
        '{"type":"manual","ip":"10.0.0"}' \
        '{"type":"manual","ip":"10.0.0.300"}' \
        '{"type":"manual","ip":"../../x"}' \
        '{"type":"manual","ip":"10.0.0.9/24"}' \
        '{"ip":null}' \
        '{"type":"none","ip":"10.0.0.9"}' \
        '{"type":"dynamic","ip":"x"}' \
        '{"type":"dynamic","cloud_properties":[]}' \
        '{"type":"dynamic","cloud_properties":{"name":"../x"}}' \
        '{"type":"dynamic","cloud_properties":{"name":".x"}}' \
        '{"type":"dynamic","cloud_properties":{"name":"a/b"}}' \
        '{"type":"dynamic","cloud_properties":{"name":"a\nb"}}' \
        '{"type":"dynamic","cloud_properties":{"name":""}}' \
        '{"type":"dynamic","cloud_properties":{"type":"tunnel"}}'; do
        must_be_wrong create_vm "[\"a\",\"$stemcell\",{},{\"first-net\":$network}]" first-net
    done
    unchanged "$before" "one of these"
}

@test "vm_resources that make no sense are CpiErrors" {
    local value
    prepare
    for value in -1 0 1.5 '"x"' true '{}'; do
        must_be_wrong calculate_vm_cloud_properties "[{\"cpu\":$value}]" cpu
        must_be_wrong calculate_vm_cloud_properties "[{\"cpu\":1,\"ram\":$value}]" ram
        must_be_wrong calculate_vm_cloud_properties "[{\"ephemeral_disk_size\":$value}]" ephemeral_disk_size
    done
    unchanged "$before" "one of these"
}

@test "a hint for placement may be anything" {
    local hint
    for hint in null '"vm-gone"' '""' 1 '{}' '[]'; do
        ok create_disk 10 '{}' "$hint"
    done
    ok create_disk 10 null
    ok create_disk 10
    have_stemcell
    for hint in null '[]' '["no-such-disk"]' '"x"'; do
        ok create_vm a "$stemcell" '{}' '{}' "$hint" '{}'
    done
    ok create_vm a "$stemcell" null null null null
}
