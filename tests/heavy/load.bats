#!/usr/bin/env bats
# Many at once and many present, on real libvirt. The guests are as small as guests can be: a boot
# sector that prints a line on the serial console and halts.

load ../live/helper
load ../figures

workers=16

teardown() {
    figure parallel "$(calls_made)" "$(cat "$BATS_TEST_TMPDIR"/unexpected.* 2>/dev/null | wc -l)"
    clean_up
}

# --- the smallest stemcell ---------------------------------------------------------------------

# mov dx, 0x3f8; mov al, 'B'; out dx, al; mov al, '\n'; out dx, al; cli; hlt; jmp -3
boot_sector='\xba\xf8\x03\xb0\x42\xee\xb0\x0a\xee\xfa\xf4\xeb\xfd'

# tiny_stemcell: its CID is in $result
tiny_stemcell() {
    local work=$BATS_TEST_TMPDIR/tiny
    mkdir -p "$work"
    truncate -s 1M "$work/root.img"
    printf %b "$boot_sector" | dd of="$work/root.img" conv=notrunc status=none
    printf '\x55\xaa' | dd of="$work/root.img" bs=1 seek=510 conv=notrunc status=none
    tar -C "$work" -czf "$work/image" root.img
    cpi create_stemcell "[\"$work/image\", {}]"
}

# --- workers -----------------------------------------------------------------------------------

# as_director NUMBER METHOD ARGUMENTS: the response
as_director() {
    printf '{"method":"%s","arguments":%s,"api_version":2,"context":{"director_uuid":"director-%d","request_id":"r"}}' \
        "$2" "$3" $(($1 % 2)) | "$CPI" --config "$CONFIG" 2>>"$BATS_TEST_TMPDIR/stderr.$1"
}

# expect NUMBER PATTERN METHOD ARGUMENTS: calls; the response must be like this, or it is noted.
expect() {
    local response
    response=$(as_director "$1" "$3" "$4")
    echo "$3" >>"$BATS_TEST_TMPDIR/calls.$1"
    # shellcheck disable=SC2053 # a pattern
    [[ $response == $2 ]] || echo "$3 $4: $response" >>"$BATS_TEST_TMPDIR/unexpected.$1"
    got=
    [[ ! $response =~ \"result\":\[?\"([^\"]+)\" ]] || got=${BASH_REMATCH[1]}
}

good='{"result":*,"error":null,*'

# share COUNT COMMAND: all workers at once do the command with the numbers below COUNT
share() {
    local worker i pids=()
    for ((worker = 0; worker < workers; worker++)); do
        (for ((i = worker; i < $1; i += workers)); do "$2" "$i"; done) 3>&- &
        pids+=($!)
    done
    wait "${pids[@]}"
    ! cat "$BATS_TEST_TMPDIR"/unexpected.* 2>/dev/null
}

calls_made() {
    cat "$BATS_TEST_TMPDIR"/calls.* | wc -l
}

# --- at once -----------------------------------------------------------------------------------

vm_arguments() {
    printf '["agent-%d","%s",{"memory":64,"ephemeral_disk":8,"tags":{"n":"%d"}},%s,[],{"bosh":{}}]' \
        "$1" "$stemcell" "$1" "$(networks "192.168.122.$((20 + $1))")"
}

be_born() {
    expect "$1" "$good" create_vm "$(vm_arguments "$1")"
    echo "$got" >"$BATS_TEST_TMPDIR/vm.$1"
}

live() {
    local vm disk
    vm=$(<"$BATS_TEST_TMPDIR/vm.$1")
    expect "$1" "$good" create_disk '[16,{},null]'
    disk=$got
    echo "$disk" >"$BATS_TEST_TMPDIR/disk.$1"
    expect "$1" "$good" attach_disk "[\"$vm\",\"$disk\"]"
    expect "$1" "$good" set_vm_metadata "[\"$vm\",{\"name\":\"vm/$1\"}]"
    expect "$1" "$good" reboot_vm "[\"$vm\"]"
    expect "$1" "{\"result\":\[\"$disk\"\],\"error\":null,*" get_disks "[\"$vm\"]"
}

die() {
    local vm disk
    vm=$(<"$BATS_TEST_TMPDIR/vm.$1") disk=$(<"$BATS_TEST_TMPDIR/disk.$1")
    expect "$1" "$good" delete_vm "[\"$vm\"]"
    expect "$1" '{"result":false,"error":null,*' has_vm "[\"$vm\"]"
    expect "$1" '{"result":true,"error":null,*' has_disk "[\"$disk\"]"
    expect "$1" "$good" delete_disk "[\"$disk\"]"
}

# printed NUMBER COUNT: that VM's guest has come up so often
printed() {
    (($(grep -c B "$(console "$(<"$BATS_TEST_TMPDIR/vm.$1")")" 2>/dev/null || true) >= $2))
}

all_printed() {
    local i
    for ((i = 0; i < $1; i++)); do
        wait_for printed "$i" "$2"
    done
}

@test "50 VMs of two Directors are created, disked, rebooted and deleted by 16 processes at once" {
    local count=50 i
    tiny_stemcell
    stemcell=$result
    share "$count" be_born
    (($(virsh_lab list --name | grep -c .) == count))
    (($(find "$STORE/networks" -type l | wc -l) == count))
    all_printed "$count" 1
    share "$count" live
    all_printed "$count" 2
    for ((i = 0; i < count; i++)); do
        virsh_lab dumpxml "$(<"$BATS_TEST_TMPDIR/vm.$i")" >"$BATS_TEST_TMPDIR/xml"
        grep -q "<serial>$(<"$BATS_TEST_TMPDIR/disk.$i")</serial>" "$BATS_TEST_TMPDIR/xml"
        grep -q "<title>vm/$i" "$BATS_TEST_TMPDIR/xml"
    done
    share "$count" die
    cpi delete_stemcell "[\"$stemcell\"]"
    nothing_left
    echo "# $count VMs, $workers processes, $(calls_made) calls: 0 failed, 0 left" >&3
}

# --- many present ------------------------------------------------------------------------------

many_vms=1000
disks_each=5

# present_disk VM DISK: a CID
present_disk() {
    printf 'dmany%08dx%06d' "$1" "$2"
}

# present_xml VM
present_xml() {
    printf "<domain type='qemu'><name>vm-many-%d</name><memory unit='MiB'>64</memory>
        <os><type arch='x86_64' machine='q35'>hvm</type></os><devices><disk type='file' device='disk'>
        <driver name='qemu' type='qcow2'/><source file='%s/disks/%s/disk.qcow2'/>
        <target dev='vdb' bus='virtio'/><serial>%s</serial></disk></devices></domain>\n" \
        "$1" "$STORE" "$(present_disk "$1" 0)" "$(present_disk "$1" 0)"
}

# The store's files of them, and a list of all images.
write_present() {
    local i j disk
    for ((i = 0; i < many_vms; i++)); do
        printf '{"stemcell":"%s","agent_id":"many-%d"}' "$stemcell" "$i" >"$STORE/vms/vm-many-$i/vm.json"
        for ((j = 0; j < disks_each; j++)); do
            printf -v disk 'dmany%08dx%06d' "$i" "$j"
            if ((j == 0)); then
                printf '{"size_mib":16,"format":"qcow2","cloud_properties":{},"attached_to":"vm-many-%d"}' "$i"
            else
                printf '{"size_mib":16,"format":"qcow2","cloud_properties":{}}'
            fi >"$STORE/disks/$disk/disk.json"
        done
    done
}

# Definitions come in batches, for a virsh takes longer to start than to define.
define_present() {
    local i batch=$BATS_TEST_TMPDIR/batch commands=''
    mkdir "$batch"
    for ((i = 0; i < many_vms; i++)); do
        present_xml "$i" >"$batch/$i.xml"
        commands+="define $batch/$i.xml; "
        if ((i % 100 == 99)); then
            virsh_lab "$commands" >/dev/null
            commands=''
        fi
    done
}

populate() {
    local image=$BATS_TEST_TMPDIR/present.qcow2
    qemu-img create -q -f qcow2 "$image" 16M
    seq -f "$STORE/vms/vm-many-%g" 0 $((many_vms - 1)) | xargs mkdir -m 0711
    for ((i = 0; i < many_vms; i++)); do
        printf "$STORE/disks/dmany%08dx%06d\n" "$i" 0 "$i" 1 "$i" 2 "$i" 3 "$i" 4
    done >"$BATS_TEST_TMPDIR/directories"
    xargs mkdir -m 0711 <"$BATS_TEST_TMPDIR/directories"
    # One tee writes many files.
    sed 's|$|/disk.qcow2|' "$BATS_TEST_TMPDIR/directories" |
        xargs sh -c 'tee -- "$@" <"$0" >/dev/null' "$image"
    write_present
    define_present
}

# What is present, as one number.
present() {
    {
        virsh_lab list --all --name | grep '^vm-many-' | sort
        find "$STORE"/vms/vm-many-* "$STORE"/disks/dmany* -type f -print0 | sort -z | xargs -0 sha256sum
    } | sha256sum
}

# A line of answers, without what is new each time.
answer() {
    call "$@"
    sed -E "s/(vm|sc|snap)-[0-9a-f]{8}-[0-9a-f-]{27}/\1/g;
        s/(virtio-)?[a-z][0-9a-z]{19}/SERIAL/g" <<<"$1 $response" >>"$BATS_TEST_TMPDIR/answers"
    got=$(jq -r '.result | if type == "array" then .[0] else . end' <<<"$response")
}

# The life of a VM and its disks, with some mistakes.
whole_life() {
    local vm disk snapshot
    answer info
    answer create_vm "$(vm_arguments 5)"
    vm=$got
    answer create_vm "$(vm_arguments 5)"
    answer create_disk '[16, {}, null]'
    disk=$got
    answer attach_disk "[\"$vm\", \"$disk\"]"
    answer attach_disk "[\"$vm\", \"d-none\"]"
    answer get_disks "[\"$vm\"]"
    answer snapshot_disk "[\"$disk\", {}]"
    snapshot=$got
    answer delete_snapshot "[\"$snapshot\"]"
    answer delete_disk "[\"$disk\"]"
    answer set_vm_metadata "[\"$vm\", {\"name\": \"one\"}]"
    answer reboot_vm "[\"$vm\"]"
    answer delete_vm "[\"$vm\"]"
    answer has_vm "[\"$vm\"]"
    answer reboot_vm "[\"$vm\"]"
    answer resize_disk "[\"$disk\", 32]"
    answer has_disk "[\"$disk\"]"
    answer delete_disk "[\"$disk\"]"
}

# crowd NUMBER: all want the same VM, each with a disk of its own
crowd() {
    local vm=vm-many-$((100 + $1))
    expect "$1" "$good" create_disk '[16,{},null]'
    echo "$got" >"$BATS_TEST_TMPDIR/disk.$1"
    expect "$1" "$good" attach_disk "[\"vm-many-7\",\"$got\"]"
    expect "$1" '{"result":true,"error":null,*' has_vm "[\"$vm\"]"
    expect "$1" "{\"result\":\[\"$(present_disk $((100 + $1)) 0)\"\],\"error\":null,*" get_disks "[\"$vm\"]"
}

leave_crowd() {
    local disk
    disk=$(<"$BATS_TEST_TMPDIR/disk.$1")
    expect "$1" "$good" detach_disk "[\"vm-many-7\",\"$disk\"]"
    expect "$1" "$good" delete_disk "[\"$disk\"]"
}

@test "with 1,000 VMs and 5,000 disks present all answers are the same, and nothing of them is lost" {
    local before
    tiny_stemcell
    stemcell=$result
    whole_life
    mv "$BATS_TEST_TMPDIR/answers" "$BATS_TEST_TMPDIR/answers-alone"
    nothing_left_but_stemcells
    populate
    (($(virsh_lab list --all --name | grep -c .) == many_vms))
    before=$(present)
    whole_life
    diff -u "$BATS_TEST_TMPDIR/answers-alone" "$BATS_TEST_TMPDIR/answers"
    share 16 crowd
    [[ $(virsh_lab domblklist vm-many-7 | awk 'NF { print $1 }' | sort -u | wc -l) == 17 ]]
    cpi get_disks '["vm-many-7"]'
    [[ $(jq length <<<"$result") == 17 ]]
    share 16 leave_crowd
    CPI_CONFIG=$CONFIG "$CPI" gc >"$BATS_TEST_TMPDIR/gc"
    [[ $(CPI_CONFIG=$CONFIG "$CPI" ls --json | jq '.vms | length') == "$many_vms" ]]
    [[ $(present) == "$before" ]]
    echo "# $many_vms VMs and $((many_vms * disks_each)) disks present: $(wc -l <"$BATS_TEST_TMPDIR/answers") answers the same," \
        "$(calls_made) calls by 16 processes, 0 failed, 0 lost" >&3
}

nothing_left_but_stemcells() {
    [[ -z $(find "$STORE"/{vms,disks,snapshots} -mindepth 1) ]]
    [[ -z $(virsh_lab list --all --name) ]]
}
