# What becomes of it when there is much: many VMs and disks present, and many calls at once.
# shellcheck shell=bash disable=SC2154

# Places with so many VMs and disks, each with a libvirtd and a store of its own, for they are measured
# in turns.
crowds=(10 100 1000)

# use_crowd COUNT: what follows is there
use_crowd() {
    URI=$(<"$work/crowd-$1/uri")
    STORE=$work/crowd-$1/store
    CONFIG=$work/crowd-$1/cpi.json
    # shellcheck disable=SC2034
    has_request=${asked[$1,has_vm]-} disks_request=${asked[$1,get_disks]-} create_request=${asked[$1,create_vm]-}
    # shellcheck disable=SC2034
    attach_request=${asked[$1,attach_disk]-} detach_request=${asked[$1,detach_disk]-}
}

# populate COUNT: as many VMs, with a disk each, are defined and in the store
populate() {
    local i disk commands=''
    mkdir "$work/many"
    for ((i = 0; i < $1; i++)); do
        disk=dbench$(printf '%014d' "$i")
        floor_xml "vm-bench-$i" >"$work/many/$i.xml"
        mkdir "$STORE/vms/vm-bench-$i" "$STORE/disks/$disk"
        echo "{\"stemcell\": \"sc-none\", \"agent_id\": \"$i\"}" >"$STORE/vms/vm-bench-$i/vm.json"
        echo '{"size": 64, "format": "qcow2", "cloud_properties": {}}' >"$STORE/disks/$disk/disk.json"
        commands+="define $work/many/$i.xml; "
        if ((i % 100 == 99 || i + 1 == $1)); then
            virsh_lab "$commands" >/dev/null
            commands=''
        fi
    done
    rm -r "$work/many"
}

# begin_crowd COUNT: with a VM and a disk of cpi's own beside the others
begin_crowd() {
    local stemcell vm disk
    "$lab/libvirtd.sh" start "$work/crowd-$1"
    use_crowd "$1"
    write_config "$CONFIG" '{}'
    stemcell=$(empty_stemcell)
    vm=$(cpi create_vm "$(vm_arguments "$stemcell")" | jq -r '.[0]')
    # No guest has a part in it when the VM is off.
    virsh_lab destroy "$vm" >/dev/null
    disk=$(cpi create_disk '[64, {}, null]')
    populate "$1"
    asked[$1,has_vm]=$(request has_vm "[\"$vm\"]")
    asked[$1,get_disks]=$(request get_disks "[\"$vm\"]")
    asked[$1,create_vm]=$(request create_vm "$(vm_arguments "$stemcell")")
    asked[$1,attach_disk]=$(request attach_disk "[\"$vm\", \"$disk\"]")
    asked[$1,detach_disk]=$(request detach_disk "[\"$vm\", \"$disk\"]")
}

# grow METHOD ROUNDS: how long it takes in each crowd, and how much longer than in the first
grow() {
    local i count
    # shellcheck disable=SC2034
    local -a crowd_10_wall=() crowd_10_cpu=() crowd_100_wall=() crowd_100_cpu=() crowd_1000_wall=() crowd_1000_cpu=()
    for ((i = 0; i < $2; i++)); do
        for count in "${crowds[@]}"; do
            use_crowd "$count"
            clock "crowd_$count" "cpi_$1"
            if declare -F "after_$1" >/dev/null; then "after_$1" cpi; fi
        done
    done
    for count in "${crowds[@]}"; do
        local -n walls="crowd_${count}_wall"
        local -a ratios=()
        for i in "${!walls[@]}"; do
            ratios+=($((walls[i] * 1000 / crowd_10_wall[i])))
        done
        record growth "$(jq -cn --arg method "$1" --argjson present "$count" --argjson wall "$(median "${walls[@]}")" \
            --argjson ratio "$(median "${ratios[@]}")" '{$method, $present, wall_us: $wall, ratio: ($ratio / 1000)}')"
    done
}

run_growth() {
    local count URI STORE CONFIG
    local -A asked=()
    say 'with 10, 100 and 1,000 VMs and disks present'
    for count in "${crowds[@]}"; do
        begin_crowd "$count"
    done
    grow has_vm 25
    grow get_disks 25
    grow attach_disk 9
    grow create_vm 7
    end_crowds
}

end_crowds() {
    local count
    for count in "${crowds[@]}"; do
        [[ ! -e $work/crowd-$count ]] || "$lab/libvirtd.sh" stop "$work/crowd-$count" || true
    done
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
