# What becomes of it when there is much: many VMs and disks present, and many calls at once.
# shellcheck shell=bash disable=SC2154

# populate COUNT: as many VMs, with a disk each, are defined and in the store
populate() {
    local i commands=''
    for ((i = populated; i < $1; i++)); do
        floor_xml "vm-bench-$i" >"$work/many/$i.xml"
        mkdir -p "$STORE/vms/vm-bench-$i" "$STORE/disks/dbench$(printf '%014d' "$i")"
        echo "{\"stemcell\": \"sc-none\", \"agent_id\": \"$i\"}" >"$STORE/vms/vm-bench-$i/vm.json"
        echo '{"size": 64, "format": "qcow2", "cloud_properties": {}}' \
            >"$STORE/disks/dbench$(printf '%014d' "$i")/disk.json"
        commands+="define $work/many/$i.xml; "
        if ((i % 100 == 99 || i + 1 == $1)); then
            virsh_lab "$commands" >/dev/null
            commands=''
        fi
    done
    populated=$1
}

# grow NAME COMMAND: how long it takes with so many present
grow() {
    # shellcheck disable=SC2034
    local -a many_wall=() many_cpu=()
    local i name=$1 rounds=$2
    shift 2
    for ((i = 0; i < rounds; i++)); do
        clock many "$@"
        if declare -F "after_$name" >/dev/null; then "after_$name" cpi; fi
    done
    record growth "{\"method\":\"$name\",\"present\":$populated,\"wall_us\":$(median "${many_wall[@]}")}"
}

run_growth() {
    local stemcell=$1 count vm disk
    say 'with 10, 100 and 1,000 VMs and disks present'
    mkdir -p "$work/many"
    populated=0
    vm=$(cpi create_vm "$(vm_arguments "$stemcell")" | jq -r '.[0]')
    has_request=$(request has_vm "[\"$vm\"]")
    disks_request=$(request get_disks "[\"$vm\"]")
    # No guest has a part in it when the VM is off.
    virsh_lab destroy "$vm" >/dev/null
    disk=$(cpi create_disk '[64, {}, null]')
    attach_request=$(request attach_disk "[\"$vm\", \"$disk\"]")
    detach_request=$(request detach_disk "[\"$vm\", \"$disk\"]")
    for count in 10 100 1000; do
        populate "$count"
        grow has_vm 25 cpi_has_vm
        grow get_disks 25 cpi_get_disks
        grow attach_disk 9 cpi_attach_disk
        grow create_vm 7 cpi_create_vm
    done
    cpi delete_disk "[\"$disk\"]" >/dev/null
    cpi delete_vm "[\"$vm\"]" >/dev/null
    unpopulate
}

unpopulate() {
    local i commands=''
    for ((i = 0; i < populated; i++)); do
        commands+="undefine vm-bench-$i; "
        if ((i % 100 == 99 || i + 1 == populated)); then
            virsh_lab "$commands" >/dev/null
            commands=''
        fi
    done
    rm -rf "$STORE"/vms/vm-bench-* "$STORE"/disks/dbench*
}

# Without jq, which would be measured too.
one_cpi() {
    local response
    response=$(call "$create_request")
    [[ $response =~ \"(vm-[0-9a-f-]+)\" ]]
    call "{\"method\":\"delete_vm\",\"arguments\":[\"${BASH_REMATCH[1]}\"],\"context\":{}}" >/dev/null
}

one_floor() {
    local floor_vm=vm-floor-$1 directory=$STORE/vms/vm-floor-$1
    mkdir -p "$directory"
    qemu-img create -q -f qcow2 -b "$image" -F raw "$directory/root.qcow2" 16M
    qemu-img create -q -f qcow2 "$directory/ephemeral.qcow2" 64M
    cp "$work/settings.iso" "$directory/settings.iso"
    floor_xml "$floor_vm" |
        virsh -q -c "$URI" "define --validate /dev/stdin; autostart $floor_vm; start $floor_vm"
    virsh -q -c "$URI" "destroy $floor_vm; undefine $floor_vm --managed-save --nvram" >/dev/null
    rm -rf "$directory"
}

# together SIDE WORKERS: 16 VMs come and go, as many at once as there are workers
together() {
    local side=$1 workers=$2 worker i
    for ((worker = 0; worker < workers; worker++)); do
        (for ((i = worker; i < 16; i += workers)); do "one_$side" "$i"; done) &
    done
    wait
}

run_parallel() {
    local workers round rounds
    local -a numbers
    read -ra numbers <<<"${BENCH_AT_ONCE:-1 2 4 8 16}"
    say 'many at once'
    for workers in "${numbers[@]}"; do
        # shellcheck disable=SC2034
        local -a cpi_wall=() cpi_cpu=() floor_wall=() floor_cpu=()
        # The one that has a target is looked at longer.
        rounds=$((workers == 16 ? 4 : 2))
        for ((round = 0; round < rounds; round++)); do
            clock cpi together cpi "$workers"
            clock floor together floor "$workers"
        done
        kind=parallel record_ratio "$workers"
    done
}
