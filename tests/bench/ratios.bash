# Each method against the shortest list of bare commands that has the same effect, in turns.
# shellcheck shell=bash disable=SC2154

# compare NAME ROUNDS: runs cpi_NAME and floor_NAME in turns; what else a round needs is in
# before_NAME and after_NAME, which are not measured
compare() {
    local name=$1 rounds=$2 i side
    # shellcheck disable=SC2034
    local -a cpi_wall=() cpi_cpu=() floor_wall=() floor_cpu=()
    for ((i = 0; i < rounds; i++)); do
        for side in cpi floor; do
            if declare -F "before_$name" >/dev/null; then "before_$name" "$side"; fi
            clock "$side" "${side}_$name"
            if declare -F "after_$name" >/dev/null; then "after_$name" "$side"; fi
        done
    done
    record_ratio "$name"
}

# record_ratio NAME: the median over the rounds, each against the floor beside it, and its quartiles;
# $kind is what it is recorded as where it is no ratio to the bare commands
record_ratio() {
    local i
    local -a ratios=()
    for i in "${!cpi_wall[@]}"; do
        ratios+=($((cpi_wall[i] * 10000 / floor_wall[i])))
    done
    record "${kind:-ratio}" "$(jq -cn --arg name "$1" \
        --argjson wall "$(median "${cpi_wall[@]}")" --argjson floor "$(median "${floor_wall[@]}")" \
        --argjson cpu "$(median "${cpi_cpu[@]}")" --argjson floor_cpu "$(median "${floor_cpu[@]}")" \
        --argjson ratio "$(median "${ratios[@]}")" \
        --argjson low "$(quantile 25 "${ratios[@]}")" --argjson high "$(quantile 75 "${ratios[@]}")" \
        '{$name, wall_us: $wall, floor_us: $floor, ratio: ($ratio / 10000), low: ($low / 10000),
          high: ($high / 10000), cpu_ratio: (if $floor_cpu > 0 then $cpu / $floor_cpu else null end)}')"
}

# The domain that cpi defines, word for word, and what was asked of virsh with it.
learn_domain() {
    local stemcell=$1
    cat >"$work/virsh-tee" <<TEE
#!/bin/bash
case "\$*" in
*define*) tee "$work/domain.xml" | virsh "\$@" ;;
*) exec virsh "\$@" ;;
esac
TEE
    chmod 0755 "$work/virsh-tee"
    write_config "$work/tee.json" "{\"bin_path\": \"$work/virsh-tee\"}"
    CONFIG=$work/tee.json cpi create_vm "$(vm_arguments "$stemcell")" | jq -r '.[0]' >"$work/learnt"
    cpi delete_vm "[\"$(<"$work/learnt")\"]" >/dev/null
    image=$STORE/stemcells/$stemcell/image.raw
}

# floor_xml NAME: the same domain, with a name, a UUID and a MAC of its own
floor_xml() {
    local uuid
    uuid=$(</proc/sys/kernel/random/uuid)
    sed "s/$(<"$work/learnt")/$1/g; s,<uuid>.*</uuid>,<uuid>$uuid</uuid>,
        s/52:54:00:..:..:../52:54:00:${uuid:0:2}:${uuid:2:2}:${uuid:4:2}/" "$work/domain.xml"
}

cpi_create_vm() {
    call "$create_request" >"$work/answer"
}

floor_create_vm() {
    local directory=$STORE/vms/$floor_vm
    mkdir -p "$directory"
    qemu-img create -q -f qcow2 -b "$image" -F raw "$directory/root.qcow2" 16M
    qemu-img create -q -f qcow2 "$directory/ephemeral.qcow2" 64M
    cp "$work/settings.iso" "$directory/settings.iso"
    virsh -q -c "$URI" "${virsh_first:-}define --validate /dev/stdin; autostart $floor_vm; start $floor_vm" \
        <"$work/floor.xml"
}

before_create_vm() {
    floor_vm=vm-floor-$RANDOM$RANDOM
    floor_xml "$floor_vm" >"$work/floor.xml"
}

after_create_vm() {
    if [[ $1 == cpi ]]; then
        cpi delete_vm "[$(jq '.result[0]' "$work/answer")]" >/dev/null
    else
        floor_delete_vm
    fi
}

cpi_delete_vm() { call "$delete_request" >/dev/null; }

floor_delete_vm() {
    virsh -q -c "$URI" "destroy $floor_vm; undefine $floor_vm --managed-save --nvram" >/dev/null
    rm -rf "${STORE:?}/vms/$floor_vm"
}

before_delete_vm() {
    if [[ $1 == cpi ]]; then
        cpi_create_vm
        delete_request=$(request delete_vm "[$(jq '.result[0]' "$work/answer")]")
    else
        before_create_vm
        floor_create_vm >/dev/null
    fi
}

cpi_has_vm() { call "$has_request" >/dev/null; }
floor_has_vm() { virsh -q -c "$URI" domstate "$vm" >/dev/null; }

# As the last round left it: the address is free again.
fixed='{"type": "manual", "ip": "192.168.122.9", "netmask": "255.255.255.0"}'
reservation="<host mac='52:54:00:be:9c:09' name='vm-floor-fixed' ip='192.168.122.9'/>"

cpi_create_vm_fixed_address() { call "$fixed_request" >"$work/answer"; }
floor_create_vm_fixed_address() {
    virsh_first="net-update default add ip-dhcp-host \"$reservation\" --parent-index 0 --live --config; " \
        floor_create_vm
}
before_create_vm_fixed_address() {
    before_create_vm
    sed -i 's/52:54:00:..:..:../52:54:00:be:9c:09/' "$work/floor.xml"
}
after_create_vm_fixed_address() {
    after_create_vm "$1"
    if [[ $1 == floor ]]; then
        virsh_lab net-update default delete ip-dhcp-host "$reservation" --parent-index 0 --live --config >/dev/null
    fi
}

cpi_get_disks() { call "$disks_request" >/dev/null; }
floor_get_disks() { virsh -q -c "$URI" "domblklist $vm --details" >/dev/null; }

cpi_create_disk() { call "$disk_request" >"$work/answer"; }
floor_create_disk() { qemu-img create -q -f qcow2 "$work/floor.qcow2" 64M; }
after_create_disk() {
    if [[ $1 == cpi ]]; then cpi delete_disk "[$(jq .result "$work/answer")]" >/dev/null; fi
}

cpi_delete_disk() { call "$delete_request" >/dev/null; }
floor_delete_disk() { rm -r "$work/floor-disk"; }
before_delete_disk() {
    if [[ $1 == cpi ]]; then
        cpi_create_disk
        delete_request=$(request delete_disk "[$(jq .result "$work/answer")]")
    else
        mkdir "$work/floor-disk"
        qemu-img create -q -f qcow2 "$work/floor-disk/disk.qcow2" 64M
    fi
}

before_resize_disk() {
    mib=$((mib + 1))
    resize_request=$(request resize_disk "[\"$disk\", $mib]")
}
cpi_resize_disk() { call "$resize_request" >/dev/null; }
floor_resize_disk() { qemu-img resize -q -f qcow2 "$work/floor.qcow2" "${mib}M"; }

cpi_snapshot_disk() { call "$snapshot_request" >"$work/answer"; }
floor_snapshot_disk() {
    qemu-img convert -q -f qcow2 -O qcow2 -t writeback "$work/floor.qcow2" "$work/floor-snapshot.qcow2"
}
after_snapshot_disk() {
    if [[ $1 == cpi ]]; then cpi delete_snapshot "[$(jq .result "$work/answer")]" >/dev/null; fi
}

cpi_attach_disk() { call "$attach_request" >/dev/null; }
floor_attach_disk() { virsh -q -c "$URI" attach-device "$guest" "$work/floor-disk.xml" --live --config; }
after_attach_disk() {
    if [[ $1 == cpi ]]; then
        call "$detach_request" >/dev/null
    else
        floor_detach_disk
    fi
}

cpi_detach_disk() { call "$detach_request" >/dev/null; }
floor_detach_disk() {
    virsh -q -c "$URI" "detach-disk $guest vdy --live; detach-disk $guest vdy --config" >/dev/null
    wait_for floor_is_gone
}
floor_is_gone() { ! virsh -q -c "$URI" domblklist "$guest" | grep -q vdy; }
before_detach_disk() {
    if [[ $1 == cpi ]]; then cpi_attach_disk; else floor_attach_disk >/dev/null; fi
}

cpi_set_vm_metadata() { call "$metadata_request" >/dev/null; }
floor_set_vm_metadata() {
    virsh -q -c "$URI" "desc $vm --title --new-desc bench/0 --config --live; desc $vm --new-desc job --config --live;
        metadata $vm https://bosh.io/x --key bosh --set <a/> --config --live" >/dev/null
}

cpi_reboot_vm() { call "$reboot_request" >/dev/null; }
floor_reboot_vm() { virsh -q -c "$URI" "destroy $vm; start $vm --force-boot" >/dev/null; }

cpi_create_stemcell() {
    call "$stemcell_request" --trace "$work/trace.json" >"$work/answer"
}
# As safe as what cpi has made: on the disk when it is done.
floor_create_stemcell() {
    mkdir "$floor_stemcell"
    tar -xzf "$big" -C "$floor_stemcell"
    mv "$floor_stemcell/root.img" "$floor_stemcell/image.qcow2"
    sync "$floor_stemcell/image.qcow2"
}
after_create_stemcell() {
    if [[ $1 == cpi ]]; then
        check_answer
        note_own 'create_stemcell, 700 MB'
        cpi delete_stemcell "[$(jq .result "$work/answer")]" >/dev/null
    else
        rm -r "$floor_stemcell"
    fi
}

# run_stemcell SMALL: one of a real size, on the disk and where no disk slows it down
run_stemcell() {
    say 'a stemcell of 700 MB'
    make_big_image
    stemcell_request=$(request create_stemcell "[\"$big\", {}]")
    : >"$work/own"
    floor_stemcell=$work/floor-stemcell
    compare create_stemcell 3
    record_own 'create_stemcell, 700 MB'
    in_memory
    run_size "$1"
}

# create_vm of the large stemcell, and of the small one in the floor's place.
run_size() {
    local large
    # As much as the large one has, which is the least.
    create_request=$(request create_vm "$(vm_arguments "$1" '{"root_disk_size": 10240}')")
    large=$(cpi create_stemcell "[\"$big\", {}]")
    large_request=$(request create_vm "$(vm_arguments "$large" '{"root_disk_size": 10240}')")
    kind=size compare create_vm_of_700_mb 7
    cpi delete_stemcell "[\"$large\"]" >/dev/null
}

cpi_create_vm_of_700_mb() { call "$large_request" >"$work/answer"; }
floor_create_vm_of_700_mb() { cpi_create_vm; }
after_create_vm_of_700_mb() { after_create_vm cpi; }

# The same in a store on tmpfs, if there is room for it: what is left is the CPU's part.
in_memory() {
    local STORE=/dev/shm/${work##*/} CONFIG=$work/memory.json
    (($(df --output=avail -m /dev/shm | tail -n 1) > 2500)) || return 0
    write_config "$CONFIG" '{}'
    mkdir "$STORE"
    floor_stemcell=$STORE/floor-stemcell
    eval "$(declare -f cpi_create_stemcell floor_create_stemcell after_create_stemcell |
        sed 's/^\([a-z]*_create_stemcell\) ()/\1_in_memory ()/')"
    compare create_stemcell_in_memory 3
    rm -rf "$STORE"
}

# A qcow2 of 700 MB as a stemcell tarball has it: files, behind a header that qemu-img can read.
make_big_image() {
    local cache=${CPI_BENCH_CACHE:-${HOME:-/root}/.cache/bosh-libvirt-cpi-bench}
    big=$cache/image
    [[ -e $big ]] && return
    say 'making a stemcell of 700 MB (kept for the next time)'
    mkdir -p "$cache"
    qemu-img create -q -f qcow2 "$work/root.img" 10G
    # Head ends before tar has written all.
    (tar -c /usr/lib /usr/share /usr/bin 2>/dev/null || true) | head -c 700M >>"$work/root.img" || true
    tar -C "$work" -czf "$big.new" root.img
    mv "$big.new" "$big"
    rm "$work/root.img"
}

run_ratios() {
    local stemcell=$1 vm disk guest mib=64
    say 'against the bare commands'
    learn_domain "$stemcell"
    create_request=$(request create_vm "$(vm_arguments "$stemcell")")
    vm=$(cpi create_vm "$(vm_arguments "$stemcell")" | jq -r '.[0]')
    cp "$STORE/vms/$vm/settings.iso" "$work/settings.iso"
    has_request=$(request has_vm "[\"$vm\"]")
    disks_request=$(request get_disks "[\"$vm\"]")
    disk_request=$(request create_disk '[64, {}, null]')
    metadata_request=$(request set_vm_metadata "[\"$vm\", {\"job\": \"bench\", \"index\": \"0\"}]")
    reboot_request=$(request reboot_vm "[\"$vm\"]")
    compare has_vm 25
    compare get_disks 25
    compare set_vm_metadata 15
    compare reboot_vm 9
    compare create_disk 15
    compare delete_disk 15
    disk=$(cpi create_disk '[64, {}, null]')
    snapshot_request=$(request snapshot_disk "[\"$disk\", {}]")
    compare resize_disk 9
    compare snapshot_disk 9
    cpi delete_disk "[\"$disk\"]" >/dev/null
    cpi delete_vm "[\"$vm\"]" >/dev/null
    compare create_vm 11
    compare delete_vm 11
    fixed_request=$(request create_vm "$(vm_arguments "$stemcell" '{}' "$fixed")")
    compare create_vm_fixed_address 5
    run_hotplug
}

# A disk comes and goes only where a guest answers.
run_hotplug() {
    local stemcell disk
    stemcell=$(cpi create_stemcell "[\"$("$lab/stemcell.sh" qcow2)\", {}]")
    guest=$(cpi create_vm "$(vm_arguments "$stemcell" '{"memory": 256, "root_disk_size": 1024}')" | jq -r '.[0]')
    wait_for grep -q '^guest: ready' "$STORE/vms/$guest/console.log"
    disk=$(cpi create_disk '[64, {}, null]')
    qemu-img create -q -f qcow2 "$work/floor-disk.qcow2" 64M
    cat >"$work/floor-disk.xml" <<XML
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$work/floor-disk.qcow2'/>
<target dev='vdy' bus='virtio'/><serial>floor000000000000000</serial></disk>
XML
    attach_request=$(request attach_disk "[\"$guest\", \"$disk\"]")
    detach_request=$(request detach_disk "[\"$guest\", \"$disk\"]")
    compare attach_disk 9
    compare detach_disk 9
    cpi delete_vm "[\"$guest\"]" >/dev/null
    cpi delete_disk "[\"$disk\"]" >/dev/null
    cpi delete_stemcell "[\"$stemcell\"]" >/dev/null
}
