#!/usr/bin/env bats
# VirtualBox, with stand-ins for virsh and VBoxManage that have the limits of the real ones. The same
# life with the real VBoxManage is in tests/vbox.

load helper
load faults
load steps_vbox

setup() {
    begin
    virtualbox_world
}

refuses() {
    [[ $stemcell ]] || have_stemcell
    before=$(digest)
    refused "$1" create_vm agent-1 "$stemcell" "$2" "$3" '[]' '{}'
    unchanged "$before" create_vm
}

is_valid_xml() {
    virt-xml-validate "$state/defined.xml" domain || fail "libvirt's schema knows better"
}

# --- VMs ---------------------------------------------------------------------------------------

@test "create_vm runs what it always runs" {
    have_stemcell
    forget_calls
    ok create_vm agent-1 "$stemcell" '{"cpus":2,"memory":2048}' "$(on hostonly)" '[]' '{}'
    vm=$cid
    golden vbox-create_vm.argv "$(calls)"
    runs "$vm"
}

@test "the domain on each storage controller" {
    local controller
    for controller in SATA IDE SCSI; do
        configure storage_controller "\"$controller\""
        make_vm '{"cpus":2,"memory":2048}' "$(on hostonly)"
        golden "domain-vbox-${controller,,}.xml" "$(<"$state/defined.xml")"
        is_valid_xml
        ok delete_vm "$vm"
    done
}

@test "VIRTIO means SATA, with a line in the log" {
    configure storage_controller '"VIRTIO"'
    make_vm
    [[ $(<"$state/defined.xml") == *"<target dev='sda' bus='sata'/>"* ]] || fail 'not on SATA'
    jq -e '.log | contains("VIRTIO")' <<<"$response" || fail 'nobody is told'
}

@test "the agent finds the ephemeral disk by the serial number that VirtualBox gives it" {
    local controller
    for controller in SATA IDE; do
        configure storage_controller "\"$controller\""
        make_vm
        has_hint "$vm" "$store/vms/$vm/ephemeral.vmdk" "$(settings "$vm" | jq -c .disks.ephemeral)"
        ok delete_vm "$vm"
    done
    configure storage_controller '"SCSI"'
    make_vm
    settings "$vm" | jq -e '.disks.ephemeral ==
        {path: "/dev/disk/by-path/pci-0000:00:14.0-scsi-0:0:1:0", volume_id: "1"}' || fail 'not by its place'
}

@test "each kind of network of VirtualBox" {
    local settings
    make_vm '{}' '{"a":{"type":"dynamic","cloud_properties":{"mac":"52:54:00:00:00:01","type":"hostonly","name":"vboxnet0"}},
        "b":{"type":"dynamic","cloud_properties":{"mac":"52:54:00:00:00:02","type":"nat"}},
        "c":{"type":"dynamic","cloud_properties":{"mac":"52:54:00:00:00:03","type":"natnetwork","name":"labnet"}},
        "d":{"type":"dynamic","cloud_properties":{"mac":"52:54:00:00:00:04","type":"bridged","name":"eth0"}},
        "e":{"type":"dynamic","cloud_properties":{"mac":"52:54:00:00:00:05","type":"internal","name":"inner"}}}'
    golden domain-vbox-nics.xml "$(<"$state/defined.xml")"
    is_valid_xml
    settings=$(<"$state/vbox/$vm/settings")
    [[ $settings == *'--nic3 natnetwork --nat-network3 labnet'* ]] || fail "$settings"
}

@test "a network that VirtualBox has not is NetworkNotFound, with the command that makes it" {
    refuses NetworkNotFound '{}' "$(on hostonly vboxnet7)"
    says vboxnet7 'VBoxManage hostonlyif create'
    refuses NetworkNotFound '{}' "$(on natnetwork gone)"
    says gone 'VBoxManage natnetwork add'
    refuses NetworkNotFound '{}' "$(on bridged eth7)"
}

@test "what VirtualBox cannot do is refused by name, before anything is made" {
    local property
    for property in '"machine":"q35"' '"cpu_mode":"host-model"' '"hugepages":true' '"watchdog":"reset"' \
        '"iothreads":1' '"disk_cache":"none"' '"firmware":"efi-secure"' '"nested":true'; do
        refuses NotSupported "{$property}" "$(on nat)"
    done
    refuses NotSupported '{}' '{"a":{"type":"dynamic","cloud_properties":{"type":"nat","mtu":9000}}}'
    refuses NotSupported '{}' '{"a":{"type":"dynamic","cloud_properties":{"type":"network","name":"default"}}}'
    refuses NotSupported '{}' "$(jq -cn '[range(9) | {key: "n\(.)", value: {type: "dynamic",
        cloud_properties: {type: "nat", mac: "52:54:00:00:00:0\(.)"}}}] | from_entries')"
    refused NotSupported create_disk 64 '{"cache":"none"}' null
    refused NotSupported create_network '{"range":"10.7.0.0/24","cloud_properties":{"name":"made"}}'
    refused NotSupported delete_network net-5b0d6d7c-8f9d-4c39-a9f1-0d5d1e4a6a10
    refused CpiError create_disk 64 '{"format":"qcow2"}' null
}

@test "a VM that boots with EFI" {
    make_vm '{"firmware":"efi"}'
    [[ $(<"$state/vbox/$vm/settings") == *'--firmware efi64'* ]] || fail 'not with EFI'
}

@test "a screen by RDP asks for a user of the host, one by VNC for its password" {
    make_vm '{"graphics":"rdp"}'
    [[ $(<"$state/defined.xml") == *"<graphics type='rdp' autoport='yes' listen='127.0.0.1'/>"* ]] ||
        fail 'no screen'
    is_valid_xml
    [[ $(<"$state/vbox/$vm/settings") == *'--vrdeauthtype external'* ]] || fail 'open to everybody'
    ok delete_vm "$vm"
    (umask 077 && echo sesam >"$world/password")
    make_vm "{\"graphics\":\"vnc\",\"graphics_password_file\":\"$world/password\"}"
    [[ $(<"$state/vbox/$vm/settings") == *'VNCPassword=sesam'* ]] || fail 'no password'
    [[ $(calls)$(<"$world/stderr") != *sesam* ]] || fail 'everybody can read the password'
    [[ ! -e $store/vms/$vm/vnc ]] || fail 'the password is left in a file'
}

@test "a VM that will not start with the host is a line in the log that says why" {
    make_vm
    [[ $(<"$state/vbox/$vm/settings") == *'--autostart-enabled on'* ]] || fail 'it will not start'
    ok delete_vm "$vm"
    : >"$state/vbox-no-autostart"
    make_vm
    jq -e '.log | contains("autostart database")' <<<"$response" || fail 'nobody is told'
    ok delete_vm "$vm"
    make_vm '{"autostart":false}'
    jq -e '.log == ""' <<<"$response" || fail 'nobody asked for it'
}

@test "set_vm_metadata is kept as VirtualBox's extra data" {
    make_vm
    ok set_vm_metadata "$vm" '{"name":"web/0","deployment":"d"}'
    [[ $(<"$state/vbox/$vm/extra/cpi%title") == 'web/0 (d)' ]] || fail 'no title'
    [[ $(<"$state/vbox/$vm/extra/cpi%description") == *'deployment: d'* ]] || fail 'no description'
    refused VMNotFound set_vm_metadata vm-gone '{}'
}

@test "reboot_vm starts a VM that is off, has_vm knows VMs, delete_vm leaves nothing" {
    local before
    have_stemcell
    before=$(inventory)
    make_vm
    power_off "$vm"
    ok reboot_vm "$vm"
    runs "$vm"
    ok has_vm "$vm"
    result_is true
    ok delete_vm "$vm"
    [[ $(inventory) == "$before" ]] || fail "something is left: $(inventory)"
    ok delete_vm "$vm"
    ok has_vm "$vm"
    result_is false
    refused VMNotFound reboot_vm "$vm"
}

@test "libvirt's driver that does not know the installed VirtualBox says so" {
    make_vm
    : >"$state/vbox-unknown"
    refused CloudError has_vm "$vm"
    says "libvirt's driver does not know its version" 'VBoxManage --version'
}

# --- disks -------------------------------------------------------------------------------------

@test "a disk of each format comes to a running VM, and leaves it" {
    local format
    make_vm
    for format in vmdk vdi vhd; do
        ok create_disk 64 "{\"format\":\"$format\"}" null
        disk=$cid
        forget_calls
        ok attach_disk "$vm" "$disk"
        has_hint "$vm" "$(disk_image "$disk" "$format")" "$(jq -c .result <<<"$response")"
        [[ $format != vmdk ]] || golden vbox-attach_disk.argv "$(calls)"
        ok attach_disk "$vm" "$disk"
        has_hint "$vm" "$(disk_image "$disk" "$format")" "$(jq -c .result <<<"$response")"
        ok get_disks "$vm"
        result_is "[\"$disk\"]"
        refused CloudError delete_disk "$disk"
        ok detach_disk "$vm" "$disk"
        ! has_medium "$(disk_image "$disk" "$format")" || fail 'VirtualBox still knows it'
        refused DiskNotAttached detach_disk "$vm" "$disk"
        ok delete_disk "$disk"
    done
}

@test "a disk comes to a VM that is off" {
    make_vm
    power_off "$vm"
    have_disk
    ok attach_disk "$vm" "$disk"
    ok get_disks "$vm"
    result_is "[\"$disk\"]"
    ok detach_disk "$vm" "$disk"
}

@test "a disk that VirtualBox does not plug in while the VM runs is an error that says what to do" {
    make_vm
    have_disk
    : >"$state/vbox-no-hot-plug"
    refused CloudError attach_disk "$vm" "$disk"
    says 'does not support hot-plugging' destroy "$vm"
    power_off "$vm"
    ok attach_disk "$vm" "$disk"
    ok reboot_vm "$vm"
}

@test "a disk that another VM has is refused, naming that one" {
    have_attached
    local first=$vm
    make_vm '{}' '{}'
    refused CloudError attach_disk "$vm" "$disk"
    says "$first"
    refused DiskNotFound attach_disk "$vm" aaaaaaaaaaaaaaaaaaaa
    refused VMNotFound attach_disk vm-gone "$disk"
}

@test "more disks than the SATA controller has ports for are refused" {
    local i
    make_vm
    for ((i = 4; i < 30; i++)); do
        printf 'SATA Controller\t%d\t0\t/elsewhere/%d.vmdk\t%d\ton\n' "$i" "$i" "$i" >>"$state/vbox/$vm/disks"
    done
    have_disk
    ok attach_disk "$vm" "$disk"
    have_disk
    refused CloudError attach_disk "$vm" "$disk"
    says 'all 30 ports'
}

@test "a detached disk grows, and changes its format" {
    have_attached
    refused CloudError resize_disk "$disk" 128
    ok detach_disk "$vm" "$disk"
    ok resize_disk "$disk" 128
    [[ $(calls) == *"VBoxManage modifymedium disk $(disk_image "$disk") --resize 128"* ]] || fail "$(calls)"
    refused NotSupported resize_disk "$disk" 64
    ok update_disk "$disk" 256 '{"format":"vdi"}'
    [[ $(<"$(disk_image "$disk" vdi)") == "image vdi $((256 << 20))" ]] || fail 'not a larger VDI'
    ok attach_disk "$vm" "$disk"
}

@test "a disk that this VirtualBox cannot make larger grows by way of a copy" {
    have_disk
    : >"$state/vbox-no-resize"
    ok resize_disk "$disk" 128
    [[ $(<"$(disk_image "$disk")") == "image vmdk $((128 << 20))" ]] || fail 'not larger'
    [[ $(ls "$store/disks/$disk") == $'disk.json\ndisk.vmdk' ]] || fail "$(ls "$store/disks/$disk")"
}

@test "a snapshot of a disk of a running VM is taken through a snapshot of the VM, which goes" {
    have_attached
    forget_calls
    ok snapshot_disk "$disk" '{}'
    golden vbox-snapshot_disk.argv "$(calls)"
    [[ -e $store/snapshots/$cid/disk.qcow2 && ! -e $state/vbox/$vm/snapshot ]] || fail 'not as it should be'
    ok delete_snapshot "$cid"
}

@test "a VM's own snapshot that a killed process left goes before its disks change" {
    have_attached
    vboxmanage snapshot "$vm" take cpi-copy
    ok get_disks "$vm"
    result_is "[\"$disk\"]"
    ok detach_disk "$vm" "$disk"
    [[ ! -e $state/vbox/$vm/snapshot ]] || fail 'it is still there'
}

@test "a snapshot that an operator took keeps the disks that it has, and is not deleted" {
    have_attached
    vboxmanage snapshot "$vm" take before-upgrade
    refused CloudError detach_disk "$vm" "$disk"
    says before-upgrade
    refused CloudError snapshot_disk "$disk" '{}'
    says before-upgrade
    [[ -e $state/vbox/$vm/snapshot ]] || fail 'it was deleted'
}

# --- what fails --------------------------------------------------------------------------------

@test "create_vm, each step going wrong" { every_step creates vbox_create_vm; }

@test "delete_vm, each step going wrong" { every_step repeats vbox_delete_vm; }

@test "attach_disk, each step going wrong" { every_step repeats attach_disk_vbox; }

@test "detach_disk, each step going wrong" { every_step repeats detach_disk_vbox; }

@test "reboot_vm, each step going wrong" { every_step repeats reboot_vm_vbox; }

@test "set_vm_metadata, each step going wrong" { every_step repeats set_vm_metadata_vbox; }

@test "update_disk, each step going wrong" { every_step repeats update_disk_vbox; }

@test "resize_disk, each step going wrong" { every_step repeats resize_disk_vbox; }

@test "delete_disk, each step going wrong" { every_step repeats delete_disk_vbox; }

@test "snapshot_disk, each step going wrong" { every_step leaves_none vbox_snapshot; }

# --- people ------------------------------------------------------------------------------------

@test "doctor, ls and gc know VirtualBox's VMs, their disks, and which networks there are" {
    person doctor
    exits 0
    silent
    make_vm
    have_disk
    ok attach_disk "$vm" "$disk"
    person ls --json
    exits 0
    tells_json ".vms[0] | .cid == \"$vm\" and .state == \"running\" and .disks == [\"$disk\"] and .in_store"
    tells_json ".disks[0].vms == [\"$vm\"]"
    power_off "$vm"
    person ls vms --json
    tells_json '.[0].state == "shut off"'
    person doctor
    exits 0
    silent
    person gc
    exits 0
    silent
    vboxmanage unregistervm "$vm" >/dev/null
    person doctor
    exits 1
    tells "VM '$vm' is in the store but not in libvirt"
}

@test "doctor finds that VBoxManage, the default network, or a version that libvirt knows is missing" {
    : >"$state/vbox-networks/hostonlyifs"
    person doctor
    exits 0
    tells "warning: VirtualBox has no host-only interface 'vboxnet0' (VBoxManage hostonlyif create)" 'default_network'
    rm "$world/bin/VBoxManage"
    person doctor
    exits 1
    tells 'VBoxManage'
    : >"$state/vbox-unknown"
    person doctor
    exits 1
    tells 'unable to initialize VirtualBox driver API' docs/hypervisors.md
    [[ $said != *libvirtd* ]] || fail 'there is no libvirtd for VirtualBox'
}
