#!/usr/bin/env bats
# delete_vm, has_vm, reboot_vm, set_vm_metadata, get_disks

load helper

nothing_is_left() {
    ! inventory | grep -v '^stemcells/' || fail 'something is left'
}

# address_is_free: but for a reservation of the VM that was, in a network's DHCP. Without the record
# nobody knows of it; who wants the address next finds and removes it.
address_is_free() {
    ! inventory | grep -v -e '^stemcells/' -e "<host .*'$vm-0'" || fail 'something is left'
    have_vm
    ok delete_vm "$vm"
    nothing_is_left
}

# --- delete_vm ---------------------------------------------------------------------------------

@test "delete_vm runs what it always runs" {
    have_vm
    forget_calls
    ok delete_vm "$vm"
    result_is null
    golden delete_vm.argv "$(calls)"
    nothing_is_left
}

@test "delete_vm of one that is not there is a success" {
    have_store
    ok delete_vm vm-never
    have_vm
    ok delete_vm "$vm"
    ok delete_vm "$vm"
    nothing_is_left
}

@test "delete_vm removes a VM that is off, or has a managed save" {
    have_vm
    stop_domain "$vm"
    ok delete_vm "$vm"
    nothing_is_left
    have_vm
    stop_domain "$vm"
    : >"$state/domains/$vm/saved"
    ok delete_vm "$vm"
    nothing_is_left
}

@test "delete_vm removes a VM of which only the directory is left" {
    have_vm
    rm -r "$state/domains/$vm"
    ok delete_vm "$vm"
    nothing_is_left
}

@test "delete_vm removes a VM of which only the domain is left" {
    have_vm
    rm -r "$store/vms/$vm"
    ok delete_vm "$vm"
    [[ ! -e $state/domains/$vm ]] || fail 'the domain is left'
}

@test "delete_vm gives back the address also when the directory is lost" {
    have_vm
    rm -r "$store/vms/$vm"
    ok delete_vm "$vm"
    address_is_free
}

@test "delete_vm removes a VM that was never complete" {
    have_vm
    touch "$store/vms/$vm/creating"
    rm "$store/vms/$vm/settings.iso"
    ok delete_vm "$vm"
    nothing_is_left
    have_vm
    rm "$store/vms/$vm/vm.json"
    rm -r "$state/domains/$vm"
    ok delete_vm "$vm"
    [[ ! -e $store/vms/$vm ]] || fail 'the directory is left'
}

@test "delete_vm removes a VM whose record is spoilt" {
    have_vm
    echo '{"addresses":' >"$store/vms/$vm/vm.json"
    ok delete_vm "$vm"
    address_is_free
}

@test "delete_vm finishes what was half deleted" {
    have_vm
    rm -r "$state/domains/$vm" "$store/networks/default/10.0.0.10"
    mv "$store/vms/$vm" "$store/vms/.gone-$vm"
    sed -i "/<host /d" "$state/networks/default"/{config,live}
    ok delete_vm "$vm"
    nothing_is_left
}

@test "delete_vm removes a VM that runs without a definition" {
    have_vm
    rm "$state/domains/$vm/config"
    ok delete_vm "$vm"
    nothing_is_left
}

@test "delete_vm leaves persistent disks, other VMs and the stemcell alone" {
    have_vm 10.0.0.11
    local other=$vm
    have_attached_disk
    ok delete_vm "$vm"
    [[ -e $store/disks/$disk/disk.qcow2 ]] || fail 'the disk is gone'
    is_running "$other"
    [[ -e $store/vms/$other/root.qcow2 && -e $store/stemcells/$stemcell/image.qcow2 ]] || fail 'too much is gone'
    have_vm
    ok attach_disk "$vm" "$disk"
    has_disk_on virtio "$vm" "$disk"
}

@test "delete_vm that fails removes nothing but what it says" {
    have_vm
    forget_calls
    echo '2 exit' >"$state/fail-command"
    refused CloudError delete_vm "$vm"
    says "$vm" 'the stand-in was told to fail'
    [[ -e $store/vms/$vm/vm.json ]] || fail 'the files of a VM that libvirt still knows are gone'
    rm "$state/fail-command"
    ok delete_vm "$vm"
    nothing_is_left
}

# --- has_vm ------------------------------------------------------------------------------------

@test "has_vm runs what it always runs" {
    have_vm
    forget_calls
    ok has_vm "$vm"
    result_is true
    golden has_vm.argv "$(calls)"
}

@test "has_vm is true of a VM that is off" {
    have_vm
    stop_domain "$vm"
    ok has_vm "$vm"
    result_is true
}

@test "has_vm is false of a VM that is not there, or of which only files are left" {
    ok has_vm vm-never
    result_is false
    have_vm
    rm -r "$state/domains/$vm"
    ok has_vm "$vm"
    result_is false
}

@test "has_vm is an error, never false, when libvirt cannot be asked" {
    have_vm
    : >"$state/down"
    refused CloudError has_vm "$vm"
    is_retriable
    rm "$state/down"
    forget_calls
    rm -r "$state/domains/$vm"
    # Nothing but the look-up failed so far: the list decides, and it fails.
    echo '2 exit' >"$state/fail-command"
    refused CloudError has_vm "$vm"
}

# --- reboot_vm ---------------------------------------------------------------------------------

@test "reboot_vm runs what it always runs" {
    have_vm
    forget_calls
    ok reboot_vm "$vm"
    result_is null
    is_running "$vm"
    golden reboot_vm.argv "$(calls)"
}

@test "reboot_vm starts a VM that is off" {
    have_vm
    stop_domain "$vm"
    ok reboot_vm "$vm"
    is_running "$vm"
}

@test "reboot_vm starts a VM with a managed save from power-off" {
    have_vm
    stop_domain "$vm"
    : >"$state/domains/$vm/saved"
    ok reboot_vm "$vm"
    is_running "$vm"
    [[ ! -e $state/domains/$vm/restored ]] || fail 'it goes on where it was'
}

@test "reboot_vm of a VM that is not there is VMNotFound" {
    refused VMNotFound reboot_vm vm-never
    is_not_retriable
    have_vm
    ok delete_vm "$vm"
    refused VMNotFound reboot_vm "$vm"
}

@test "reboot_vm keeps the disks" {
    have_attached_disk
    ok reboot_vm "$vm"
    has_disk_on virtio "$vm" "$disk"
}

@test "reboot_vm that does not succeed says why" {
    have_vm
    forget_calls
    echo '2 exit' >"$state/fail-command"
    refused CloudError reboot_vm "$vm"
    says 'the stand-in was told to fail'
    [[ -e $state/domains/$vm/config ]] || fail 'the VM is gone'
}

# --- set_vm_metadata ---------------------------------------------------------------------------

metadata='{"director":"d","deployment":"dep","id":"i-1","job":"web","index":0,"name":"web/i-1","tag":"<a href=\"x\">it'"'"'s; & $(more)</a>","größe":"ü","lines":"one\ntwo"}'

@test "set_vm_metadata runs what it always runs" {
    have_vm
    forget_calls
    ok set_vm_metadata "$vm" '{"deployment":"dep","job":"web","index":0,"name":"web/i-1"}'
    result_is null
    golden set_vm_metadata.argv "$(calls)"
}

@test "set_vm_metadata shows all of it at the domain" {
    have_vm
    local domain=$state/domains/$vm
    ok set_vm_metadata "$vm" "$metadata"
    [[ $(<"$domain/title") == 'web/i-1 (dep)' ]] || fail "$(<"$domain/title")"
    [[ $(<"$domain/desc") == *"tag: <a href=\"x\">it's; & \$(more)</a>"* && $(<"$domain/desc") == *'index: 0'* ]] ||
        fail "$(<"$domain/desc")"
    [[ $(xmllint --xpath "string(//entry[@key='tag'])" "$domain/metadata") == "<a href=\"x\">it's; & \$(more)</a>" ]] ||
        fail "$(<"$domain/metadata")"
    [[ $(xmllint --xpath "string(//entry[@key='größe'])" "$domain/metadata") == ü ]] || fail "$(<"$domain/metadata")"
}

@test "set_vm_metadata replaces what was set before" {
    have_vm
    ok set_vm_metadata "$vm" "$metadata"
    ok set_vm_metadata "$vm" '{"job":"db","index":"3"}'
    [[ $(<"$state/domains/$vm/title") == db/3 ]] || fail "$(<"$state/domains/$vm/title")"
    ! grep -F web "$state/domains/$vm"/{title,desc,metadata} || fail 'the old is still there'
    ok set_vm_metadata "$vm" '{}'
    ok set_vm_metadata "$vm" null
}

@test "set_vm_metadata works on a VM that is off" {
    have_vm
    stop_domain "$vm"
    ok set_vm_metadata "$vm" "$metadata"
    [[ $(<"$state/domains/$vm/title") == 'web/i-1 (dep)' ]] || fail 'not set'
}

@test "set_vm_metadata of a VM that is not there is VMNotFound" {
    refused VMNotFound set_vm_metadata vm-never "$metadata"
}

@test "set_vm_metadata takes values of every kind" {
    have_vm
    ok set_vm_metadata "$vm" '{"a":1,"b":true,"c":null,"d":[1],"e":{"f":"g"},"name":7,"job":[],"":"x","s":""}'
}

@test "set_vm_metadata takes a name of more lines than one" {
    have_vm
    ok set_vm_metadata "$vm" '{"name":"one\ntwo","deployment":"a\nb"}'
}

@test "more metadata than a command line can carry is refused before anything is changed" {
    have_vm
    before=$(digest)
    printf -v long 'x%.0s' {1..50000}
    refused CpiError set_vm_metadata "$vm" "{\"long\":\"$long\"}"
    unchanged "$before" set_vm_metadata
}

# --- get_disks ---------------------------------------------------------------------------------

@test "get_disks runs what it always runs" {
    have_attached_disk
    forget_calls
    ok get_disks "$vm"
    result_is "[\"$disk\"]"
    golden get_disks.argv "$(calls)"
}

@test "get_disks names persistent disks only, of a VM that runs or is off" {
    have_vm
    ok get_disks "$vm"
    result_is '[]'
    have_disk
    local first=$disk
    have_disk
    ok attach_disk "$vm" "$first"
    ok attach_disk "$vm" "$disk"
    ok get_disks "$vm"
    result_is "[\"$first\",\"$disk\"]"
    stop_domain "$vm"
    ok get_disks "$vm"
    result_is "[\"$first\",\"$disk\"]"
}

@test "get_disks of a VM that is not there is VMNotFound" {
    refused VMNotFound get_disks vm-never
}
