#!/usr/bin/env bats
# Each example of docs/cloud-properties.md is a value that the program takes, and knows.

load helper

# examples SECTION [COLUMN]: lines "property value" of the section's table, "value" as JSON
examples() {
    awk -F ' *[|] *' -v section="## $1" -v column="${2-5}" '
        $0 == section { on = 1; next } /^## / { on = 0 }
        on && /^\| `/ { split($2, name, "`"); value = $column; gsub(/`/, "", value); print name[2], value }' \
        "$root/docs/cloud-properties.md"
}

# known: the last call succeeded without a warning about a key.
known() {
    succeeded || fail "the example of $property is refused"
    [[ $response != *'is not known'* ]] || fail "$property is not known"
    seen=$property
}

# with COMPANIONS: the property's example and what it needs beside it, as one object
with() {
    jq -cn --argjson value "$value" --argjson more "$1" --arg key "$property" '$more + {($key): $value}'
}

@test "the examples of a VM's properties" {
    local property value more hypervisor
    have_stemcell
    printf 'screen\n' >"$world/password"
    while read -r property value; do
        case $property in
            disk_io) more='{"disk_cache":"none"}' ;;
            cpu_sockets) more='{"cpus":2}' ;;
            graphics) more="{\"graphics_password_file\":\"$world/password\"}" ;;
            # What is there is for an operator to say.
            graphics_password_file) value="\"$world/password\"" more='{"graphics":"vnc"}' ;;
            # Takes a host with kvm and vmx or svm.
            nested) value=false more='{}' ;;
            # For containers only: tests/cli/lxc.bats.
            init) continue ;;
            # Where there is a file at least that could be one.
            kernel) value="\"$world/password\"" more='{"virt_type":"pv"}' ;;
            cmdline) more="{\"virt_type\":\"pv\",\"kernel\":\"$world/password\"}" ;;
            bootloader) more='{"virt_type":"pv"}' ;;
            *) more='{}' ;;
        esac
        hypervisor=qemu
        # What boots a PV domain is in a package that need not be here.
        [[ $property != virt_type ]] || more="{\"kernel\":\"$world/password\"}"
        [[ $property != @(virt_type|kernel|cmdline|bootloader) ]] || hypervisor=xen
        configure hypervisor "\"$hypervisor\""
        ask create_vm a "$stemcell" "$(with "$more")" '{}' '[]' '{}'
        known
    done < <(examples VMs)
    [[ $seen == title ]] || fail "the last was $seen"
}

@test "the examples of a disk's properties" {
    local property value more
    while read -r property value; do
        more='{}'
        [[ $property != io ]] || more='{"cache":"none"}'
        ask create_disk 64 "$(with "$more")" null
        known
    done < <(examples Disks)
    [[ $seen == throughput ]] || fail "the last was $seen"
}

@test "the examples of a network's properties" {
    local property value more
    have_stemcell
    have_network bosh
    while read -r property value; do
        case $property in
            mode) more='{"type":"direct","name":"eth0"}' ;;
            type) more='{"name":"br0"}' ;;
            vlan) more='{"type":"bridge","name":"br0"}' ;;
            *) more='{}' ;;
        esac
        ask create_vm a "$stemcell" '{}' "{\"n\":{\"type\":\"dynamic\",\"cloud_properties\":$(with "$more")}}" '[]' '{}'
        known
    done < <(examples Networks)
    [[ $seen == bandwidth ]] || fail "the last was $seen"
}

@test "the examples of a managed network's properties" {
    local property value more number=1
    while read -r property value; do
        more='{}'
        [[ $property != bridge ]] || more='{"type":"bridge"}'
        number=$((number + 1))
        ask create_network "{\"range\":\"10.$number.0.0/24\",\"cloud_properties\":$(with "$more")}"
        known
    done < <(examples 'Managed networks')
    [[ $seen == ipv6 ]] || fail "the last was $seen"
}

@test "the examples of a stemcell's properties" {
    local property value more path=$world/image.qcow2 sum
    stemcell_image
    PATH=$world/bin:$PATH qemu-img create -q -f qcow2 "$path" 3072M
    sum=$(sha256sum "$path")
    while read -r property value; do
        more='{}'
        case $property in
            # The examples are of a file that is not here; these have the same form.
            image_path) value="\"$path\"" ;;
            image_sha256) value="\"${sum%% *}\"" more="{\"image_path\":\"$path\"}" ;;
        esac
        ask create_stemcell "$image" "$(with "$more")"
        known
    done < <(examples Stemcells 6)
    [[ $seen == architecture ]] || fail "the last was $seen"
}

@test "a method of docs/methods.md that has arguments wants them, and one that has none wants none" {
    local method arguments count=0
    while IFS='|' read -r method arguments; do
        ask "$method"
        if [[ $arguments == *[a-z]* ]]; then
            fails_with CpiError
        else
            [[ $response != *CpiError* ]] || fail "$method wants an argument"
        fi
        no_calls
        count=$((count + 1))
    done < <(awk -F ' *[|] *' '/^## / { exit } /^\| `/ { gsub(/`/, "", $2); print $2 "|" $3 }' "$root/docs/methods.md")
    ((count > 0)) || fail "there are none"
}
