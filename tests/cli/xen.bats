#!/usr/bin/env bats
# What is different on Xen: kinds of domain, what they boot, what disks are called, what there is not.

load helper

setup() {
    begin
    configure hypervisor '"xen"'
    echo 'xen xenpvh hvm' >"$state/os-types"
    have_stemcell
    echo kernel >"$world/kernel"
}

# create_xen_vm CLOUD-PROPERTIES: its CID is in $vm
create_xen_vm() {
    ok create_vm agent-1 "$stemcell" "$1" "$(manual 10.0.0.10)" '[]' '{}'
    vm=$cid
}

refused_vm() {
    local before
    before=$(digest)
    refused "$1" create_vm agent-1 "$stemcell" "$2" "$(manual 10.0.0.10)" '[]' '{}'
    unchanged "$before" 'a refused create_vm'
}

xml() {
    sed "s,$world/kernel,/boot/kernel," "$state/domains/$vm/xml"
}

@test "a VM of each kind is defined as it should be" {
    create_xen_vm '{"memory": 512, "cpus": 2, "title": "a <title>", "tags": {"team": "a&b"}}'
    golden domain-xen-hvm.xml "$(xml)"
    ok delete_vm "$vm"
    create_xen_vm "{\"virt_type\": \"pv\", \"kernel\": \"$world/kernel\", \"extra_disks\": [{\"size\": 8}]}"
    golden domain-xen-pv.xml "$(xml)"
    ok delete_vm "$vm"
    create_xen_vm "{\"virt_type\": \"pvh\", \"kernel\": \"$world/kernel\", \"ramdisk\": \"$world/kernel\",
        \"cmdline\": \"root=/dev/xvda1 ro\", \"host_devices\": [\"0000:03:00.0\"]}"
    golden domain-xen-pvh.xml "$(xml)"
    ok delete_vm "$vm"
    create_xen_vm '{"virt_type": "pv", "bootloader": "pygrub", "ephemeral_disk": 0, "root_disk_size": 8192}'
    golden domain-xen-pygrub.xml "$(xml)"
}

@test "the kind is what the host can run, best first" {
    local types kind
    while read -r kind types; do
        echo "$types" >"$state/os-types"
        if [[ $kind == hvm ]]; then
            create_xen_vm '{}'
        else
            create_xen_vm "{\"kernel\": \"$world/kernel\"}"
        fi
        grep -q "machine='$kind'" "$state/domains/$vm/xml" || [[ $kind == hvm ]] || fail "no $kind of $types"
        [[ $kind != hvm ]] || grep -q "machine='xenfv'" "$state/domains/$vm/xml" || fail "no hvm of $types"
        ok delete_vm "$vm"
    done <<'TABLE'
hvm xen xenpvh hvm
xenpvh xen xenpvh
xenpv xen
TABLE
}

@test "a kind that the host cannot run is refused" {
    echo xen >"$state/os-types"
    refused_vm NotSupported '{"virt_type": "hvm"}'
    says hvm
    refused_vm NotSupported '{"virt_type": "pvh"}'
    says pvh
    refused_vm CpiError '{"virt_type": "xen"}'
}

@test "what boots a domain must be there and fit its kind" {
    refused_vm CpiError '{"virt_type": "pv", "kernel": "/no/such/kernel"}'
    says cloud_properties.kernel /no/such/kernel
    refused_vm CpiError "{\"virt_type\": \"pv\", \"kernel\": \"$world/kernel\", \"ramdisk\": \"/no/such\"}"
    says cloud_properties.ramdisk
    refused_vm CpiError "{\"virt_type\": \"hvm\", \"kernel\": \"$world/kernel\"}"
    refused_vm CpiError '{"virt_type": "pv", "cmdline": "quiet"}'
    refused_vm CpiError '{"virt_type": "pvh", "bootloader": "pygrub"}'
    refused_vm CpiError "{\"virt_type\": \"pv\", \"bootloader\": \"pygrub\", \"kernel\": \"$world/kernel\"}"
}

@test "without a kernel and without grub-xen-host the operator learns what to install" {
    [[ ! -e /usr/lib/grub-xen/grub-x86_64-xen.bin ]] || skip 'grub-xen-host is installed here'
    refused_vm CloudError '{"virt_type": "pv"}'
    says grub-xen-host cloud_properties.kernel cloud_properties.bootloader
}

@test "properties that are for other hypervisors are refused by name" {
    local property
    for property in '"watchdog":"reset"' '"nested":true' '"machine":"q35"' '"hugepages":true' \
        '"disk_cache":"none"' '"cpu_mode":"host-model"' '"firmware":"efi"' '"ballooning":false'; do
        refused_vm NotSupported "{$property}"
        says "cloud_properties.$(cut -d '"' -f 2 <<<"$property")"
    done
    refused NotSupported create_disk 64 '{"cache":"none"}' null
    says cloud_properties.cache
    refused NotSupported create_vm a "$stemcell" '{}' \
        '{"private":{"type":"dynamic","cloud_properties":{"name":"default","mtu":9000}}}' '[]' '{}'
    says cloud_properties.mtu private
    refused NotSupported create_vm a "$stemcell" '{}' \
        '{"private":{"type":"dynamic","cloud_properties":{"name":"eth0","type":"direct"}}}' '[]' '{}'
    says direct private 'network or bridge'
}

@test "and Xen's are refused on qemu" {
    configure hypervisor '"qemu"'
    refused_vm NotSupported '{"virt_type":"pv"}'
    says virt_type qemu
}

@test "the agent is told disks by the names that they keep" {
    create_xen_vm '{"extra_disks": [{"size": 8}, {"size": 9}]}'
    [[ $(settings "$vm" | jq -c '.disks | [.ephemeral.path, .raw_ephemeral[].path]') == \
        '["/dev/xvdb","/dev/xvde","/dev/xvdf"]' ]] || fail "not as it should be: $(settings "$vm")"
    have_disk
    local first=$disk
    ok attach_disk "$vm" "$first"
    result_is "{\"path\":\"/dev/xvdg\",\"id\":\"$first\"}"
    have_disk
    ok attach_disk "$vm" "$disk"
    result_is "{\"path\":\"/dev/xvdh\",\"id\":\"$disk\"}"
    # Its name does not move up, and it is the same when it is asked for again.
    ok detach_disk "$vm" "$first"
    ok reboot_vm "$vm"
    ok attach_disk "$vm" "$disk"
    result_is "{\"path\":\"/dev/xvdh\",\"id\":\"$disk\"}"
    has_disk_on xen "$vm" "$disk"
}

@test "without an ephemeral disk the others are called the same" {
    create_xen_vm '{"ephemeral_disk": 0, "root_disk_size": 8192, "extra_disks": [{"size": 8}]}'
    [[ $(settings "$vm" | jq -c '.disks | [.ephemeral, .raw_ephemeral[].path]') == '[null,"/dev/xvde"]' ]]
}

@test "a disk that is attached cannot be copied, one that is not can" {
    create_xen_vm '{}'
    have_disk
    ok attach_disk "$vm" "$disk"
    refused NotImplemented snapshot_disk "$disk" '{}'
    ok detach_disk "$vm" "$disk"
    ok snapshot_disk "$disk" '{}'
}

@test "what is asked of virsh" {
    create_xen_vm '{}'
    have_disk
    forget_calls
    ok attach_disk "$vm" "$disk"
    ok reboot_vm "$vm"
    ok detach_disk "$vm" "$disk"
    ok delete_vm "$vm"
    golden xen.argv "$(calls)"
    ok has_vm Domain-0
    result_is true
}

@test "a vsphere stemcell is refused" {
    local before
    echo image >"$world/light.qcow2"
    PATH=$world/bin:$PATH qemu-img create -q -f qcow2 "$world/light.qcow2" 64M
    ok create_stemcell "$image" "{\"image_path\":\"$world/light.qcow2\",\"infrastructure\":\"vsphere\"}"
    stemcell=$cid
    refused_vm NotSupported '{}'
    says openstack
}
