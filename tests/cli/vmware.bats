#!/usr/bin/env bats
# VMware, with libvirt's own driver, which is part of virsh, over stand-ins for VMware's programs. The
# .vmx files that come out are those that VMware would get.

load helper
load faults
load steps_vmware

setup() {
    [[ -x /usr/bin/virsh ]] || skip 'there is no virsh here'
    begin
    vmware_world
}

refuses() {
    [[ $stemcell ]] || have_stemcell
    before=$(inventory)
    refused "$1" create_vm agent-1 "$stemcell" "$2" "$3" '[]' '{}'
    [[ $(inventory) == "$before" ]] || fail 'it has changed something'
}

# the_same TEXT: without what is random, or VMware's own
the_same() {
    sed -E -e "s/(vnc.password = |passwd=).*/\1PASSWORD/" -e "s/(vnc.port = |port=')[0-9\"]+/\1PORT/" \
        -e "s/^uuid.bios = .*/uuid.bios = UUID/" -e 's/pid=[0-9]*/pid=PID/' <<<"$1"
}

is_hint() {
    result_is "{\"path\":\"/dev/disk/by-path/pci-0000:00:10.0-scsi-0:0:$1:0\",\"volume_id\":\"$1\"}"
}

# --- VMs ---------------------------------------------------------------------------------------

@test "create_vm runs what it always runs" {
    have_stemcell
    forget_calls
    ok create_vm agent-1 "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' '{}'
    vm=$cid
    golden vmware-create_vm.argv "$(calls)"
    runs "$vm"
}

@test "the .vmx of a VM, and the domain that it is made of" {
    make_vm '{"cpus":2,"memory":2048,"title":"builder"}' '{"a":{"ip":"10.0.0.5"},
        "b":{"ip":"10.0.1.5","cloud_properties":{"type":"bridge","name":"vmnet0","model":"vmxnet3"}}}'
    golden vmware.vmx "$(the_same "$(vmx)")"
    golden domain-vmware.xml "$(the_same "$(<"$state/defined.xml")" | sed -e 's/PORT/5900/' -e "s,PASSWORD,''/>,")"
    virt-xml-validate "$state/defined.xml" domain || fail "libvirt's schema knows better"
    [[ $(stat -c %a "$store/vms/$vm/$vm.vmx") == 600 ]] || fail 'others can read it'
}

@test "vmware_product says which of VMware's products it is" {
    local product scheme
    while read -r product scheme; do
        configure vmware_product "\"$product\""
        forget_calls
        ask has_vm vm-1
        have_stemcell
        ask create_vm a "$stemcell" '{}' '{}' '[]' '{}'
        [[ $(calls) == *"virsh -q -c $scheme:///session"* ]] || fail "$(calls)"
    done <<'TABLE'
workstation vmwarews
player vmwareplayer
fusion vmwarefusion
TABLE
    configure vmware_product '"server"'
    refused CpiError has_vm vm-1
    says workstation player fusion
    configure vmware_product '"player"' uri '"vmwarews:///session"'
    refused CpiError has_vm vm-1
}

@test "every controller means SCSI, with a line in the log" {
    local controller
    for controller in SATA VIRTIO IDE; do
        configure storage_controller "\"$controller\""
        make_vm
        [[ $(vmx) == *'scsi0:1.deviceType = "scsi-hardDisk"'* ]] || fail 'not on SCSI'
        jq -e --arg controller "$controller" '.log | contains($controller)' <<<"$response" || fail 'nobody is told'
        ok delete_vm "$vm"
    done
    configure storage_controller '"SCSI"'
    make_vm
    jq -e '.log == ""' <<<"$response" || fail 'there is nothing to tell'
}

@test "the agent finds its disks by their place on the controller" {
    make_vm '{"extra_disks":[{"size":10}]}'
    settings "$vm" | jq -e '.disks.ephemeral ==
            {path: "/dev/disk/by-path/pci-0000:00:10.0-scsi-0:0:1:0", volume_id: "1"} and
        .disks.raw_ephemeral == [{path: "/dev/disk/by-path/pci-0000:00:10.0-scsi-0:0:2:0", volume_id: "2"}]' ||
        fail 'they are elsewhere'
}

@test "what VMware cannot do through libvirt is refused by name" {
    local property
    for property in '"machine":"q35"' '"hugepages":true' '"firmware":"efi"' '"nested":true' '"graphics":"rdp"'; do
        refuses NotSupported "{$property}" '{}'
    done
    refuses NotSupported '{}' '{"a":{"type":"dynamic","cloud_properties":{"type":"network","name":"default"}}}'
    refuses NotSupported '{}' '{"a":{"type":"dynamic","cloud_properties":{"vlan":3}}}'
    refused NotSupported create_disk 64 '{"iops":100}' null
    make_vm
    refused NotImplemented set_vm_metadata "$vm" '{}'
}

@test "a VM that is off is still known, and reboot_vm starts it" {
    make_vm
    power_off
    ok has_vm "$vm"
    result_is true
    ok reboot_vm "$vm"
    runs "$vm"
    ok reboot_vm "$vm"
    runs "$vm"
    refused VMNotFound reboot_vm vm-gone
    ok has_vm vm-gone
    result_is false
}

@test "a guest without VMware's tools has its power cut" {
    local before
    have_stemcell
    before=$(inventory)
    make_vm
    : >"$state/vmware-no-tools"
    ok reboot_vm "$vm"
    runs "$vm"
    [[ $(calls) == *"vmrun -T ws stop $store/vms/$vm/$vm.vmx hard"* ]] || fail "$(calls)"
    ok delete_vm "$vm"
    is_off "$vm"
    [[ $(inventory) == "$before" ]] || fail "something is left: $(inventory)"
    ok delete_vm "$vm"
}

@test "without vmrun the answer says what is missing" {
    make_vm
    rm "$world/bin/vmrun"
    refused CloudError reboot_vm "$vm"
    says 'vmrun utility is missing' 'must be on PATH'
}

# --- disks -------------------------------------------------------------------------------------

@test "a disk of a running VM is refused, and the answer says what to do" {
    make_vm
    have_disk
    refused NotSupported attach_disk "$vm" "$disk"
    says 'stop VM' "$vm" reboot_vm
    power_off
    ok attach_disk "$vm" "$disk"
    is_hint 2
    ok reboot_vm "$vm"
    disk_at 2 "$disk"
    refused NotSupported detach_disk "$vm" "$disk"
    ok attach_disk "$vm" "$disk"
    is_hint 2
}

@test "disks come to a VM that is off, keep their places, and leave it" {
    local first second
    make_vm
    power_off
    have_disk
    first=$disk
    ok attach_disk "$vm" "$first"
    have_disk
    second=$disk
    ok attach_disk "$vm" "$second"
    is_hint 3
    ok detach_disk "$vm" "$first"
    refused DiskNotAttached detach_disk "$vm" "$first"
    disk_at 3 "$second"
    [[ $(vmx) != *"$first"* ]] || fail 'it is still there'
    ok reboot_vm "$vm"
    disk_at 3 "$second"
    ok get_disks "$vm"
    result_is "[\"$second\"]"
    refused CloudError delete_disk "$second"
    ok delete_vm "$vm"
    ok delete_disk "$second"
    ok delete_disk "$first"
}

@test "a VM has places for 15 disks, though libvirt reads only seven" {
    local i hints=(2 3 4 5 6 8 9 10 11 12 13 14 15) first
    make_vm
    power_off
    for i in "${hints[@]}"; do
        have_disk
        first=${first-$disk}
        ok attach_disk "$vm" "$disk"
        is_hint "$i"
    done
    have_disk
    refused CloudError attach_disk "$vm" "$disk"
    says '15 disks'
    ok reboot_vm "$vm"
    ok get_disks "$vm"
    result_has 'length == 13'
    disk_at 2 "$first"
}

@test "a detached disk grows by way of a copy, and has snapshots" {
    make_vm
    have_disk
    ok resize_disk "$disk" 128
    [[ $(<"$store/disks/$disk/disk.vmdk") == "image vmdk $((128 << 20))" ]] || fail 'not larger'
    [[ $(ls "$store/disks/$disk") == $'disk.json\ndisk.vmdk' ]] || fail "$(ls "$store/disks/$disk")"
    ok snapshot_disk "$disk" '{}'
    ok delete_snapshot "$cid"
    power_off
    ok attach_disk "$vm" "$disk"
    ok snapshot_disk "$disk" '{}'
    ok delete_snapshot "$cid"
    ok reboot_vm "$vm"
    refused NotImplemented snapshot_disk "$disk" '{}'
}

# --- what fails --------------------------------------------------------------------------------

@test "create_vm, each step going wrong" { every_step creates create_vm_vmware; }

@test "delete_vm, each step going wrong" { every_step repeats delete_vm_vmware; }

@test "reboot_vm, each step going wrong" { every_step repeats reboot_vm_vmware; }

@test "attach_disk, each step going wrong" { every_step repeats attach_disk_vmware; }

@test "detach_disk, each step going wrong" { every_step repeats detach_disk_vmware; }

@test "resize_disk, each step going wrong" { every_step repeats resize_disk_vmware; }

# --- people ------------------------------------------------------------------------------------

@test "doctor, ls and gc know VMware's VMs, also those that are off" {
    person doctor
    exits 0
    silent
    make_vm
    have_disk
    power_off
    ok attach_disk "$vm" "$disk"
    person ls --json
    exits 0
    tells_json ".vms[0] | .cid == \"$vm\" and .state == \"shut off\" and .disks == [\"$disk\"] and .domain and .in_store"
    tells_json ".disks[0].vms == [\"$vm\"] and .networks == []"
    ok reboot_vm "$vm"
    person ls vms --json
    tells_json '.[0].state == "running"'
    person doctor
    exits 0
    silent
    person gc
    exits 0
    silent
    runs "$vm"
}

@test "doctor finds a VM of VMware that has lost its .vmx, and that there is no vmrun" {
    make_vm
    power_off
    rm "$store/vms/$vm/$vm.vmx"
    person doctor
    exits 1
    tells "VM '$vm' is in the store but not in libvirt"
    rm "$world/bin/vmrun"
    person doctor
    exits 1
    tells vmrun docs/hypervisors.md
}
