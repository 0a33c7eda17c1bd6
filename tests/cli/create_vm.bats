#!/usr/bin/env bats
# create_vm

load helper

# create [CLOUD_PROPERTIES [NETWORKS [ENV]]]
create() {
    [[ $stemcell ]] || have_stemcell
    ok create_vm agent-1 "$stemcell" "${1-"{}"}" "${2-"{}"}" '[]' "${3-"{}"}"
    vm=$cid
}

# refuses TYPE CLOUD_PROPERTIES NETWORKS: before anything is changed
refuses() {
    [[ $stemcell ]] || have_stemcell
    before=$(digest)
    forget_calls
    refused "$1" create_vm agent-1 "$stemcell" "$2" "$3" '[]' '{}'
    unchanged "$before" create_vm
    [[ $(calls) != *create* && $(calls) != *define* ]] || fail "this has run: $(calls)"
}

# dynamic NETWORK
dynamic() {
    echo "{\"a\":{\"type\":\"dynamic\",\"cloud_properties\":{\"name\":\"$1\"}}}"
}

xml() {
    cat "$state/domains/$vm/xml"
}

# xpath EXPRESSION: of the domain's definition
xpath() {
    xmllint --xpath "$1" "$state/domains/$vm/xml"
}

is_valid_xml() {
    command -v virt-xml-validate >/dev/null || return 0
    virt-xml-validate "$state/domains/$vm/xml" domain || fail "libvirt's schema knows better"
}

# --- the normal course -------------------------------------------------------------------------

@test "create_vm runs what it always runs" {
    have_stemcell
    forget_calls
    ok create_vm agent-1 "$stemcell" '{"cpus":2,"memory":2048}' "$(manual 10.0.0.10)" '[]' '{}'
    golden create_vm.argv "$(calls)"
}

@test "create_vm with a dynamic address asks nothing before it begins" {
    have_stemcell
    forget_calls
    ok create_vm agent-1 "$stemcell" '{"cpus":2,"memory":2048}' "$(dynamic default)" '[]' '{}'
    golden create_vm-dynamic.argv "$(calls)"
    jq -e '.log == ""' <<<"$response" || fail "it said: $response"
}

@test "the VM runs, and will when the host was restarted" {
    have_vm
    is_running "$vm"
    [[ -e $state/domains/$vm/autostart ]] || fail 'it will not come back'
    [[ $vm =~ ^vm-[0-9a-f-]{36}$ && vm-$(<"$state/domains/$vm/uuid") == "$vm" ]] || fail 'the CID is not its name and uuid'
    [[ $(ls -A "$store/vms/$vm") == $'ephemeral.qcow2\nroot.qcow2\nsettings.iso\nvm.json' ]] ||
        fail "$(ls -A "$store/vms/$vm")"
}

@test "the domain on each storage controller" {
    local controller
    have_stemcell
    for controller in IDE SATA SCSI VIRTIO; do
        configure storage_controller "\"$controller\""
        create '{"cpus":2,"memory":2048}' "$(manual 10.0.0.10)"
        golden "domain-${controller,,}.xml" "$(xml)"
        is_valid_xml
        ok delete_vm "$vm"
    done
}

@test "the domain with kvm" {
    : >"$state/kvm"
    configure domain_type '"kvm"' storage_controller '"sata"'
    create '{"cpus":2,"memory":2048}' "$(manual 10.0.0.10)"
    golden domain-kvm.xml "$(xml)"
    is_valid_xml
    [[ $(calls) != *domcapabilities* ]] || fail 'kvm was asked for though it is set'
}

@test "domain_type auto means qemu where libvirt offers no kvm" {
    local networks
    configure domain_type '"auto"'
    for networks in '{}' "$(dynamic default)" "$(manual 10.0.0.10)"; do
        create '{}' "$networks"
        [[ $(xpath 'string(/domain/@type)') == qemu ]] || fail 'not qemu'
    done
}

@test "domain_type auto means kvm where libvirt and the processor offer it" {
    local wanted=kvm
    if grep -q vendor_id /proc/cpuinfo && ! grep -Eq ' (vmx|svm)' /proc/cpuinfo; then
        wanted=qemu
    fi
    configure domain_type '"auto"'
    : >"$state/kvm"
    create
    [[ $(xpath 'string(/domain/@type)') == "$wanted" ]] || fail "not $wanted"
}

@test "the settings are on a config drive of the openstack line" {
    create
    [[ $(tail -c +32809 "$store/vms/$vm/settings.iso" | head -c 8) == config-2 ]] || fail 'not the label'
    [[ $(iso_file "$vm" ec2/latest/meta-data.json) == '{"public-keys":{}}' ]] || fail 'no meta-data.json'
    [[ $(stat -c %a "$store/vms/$vm/settings.iso") == 600 ]] || fail 'others can read it'
    [[ $(xpath "count(//disk[@device='cdrom'][readonly][contains(source/@file,'settings.iso')])") == 1 ]] ||
        fail 'it is not in the VM'
}

@test "the agent finds the ephemeral disk by its serial, on each storage controller" {
    local controller prefix serial
    while read -r controller prefix; do
        configure storage_controller "\"$controller\""
        create
        serial=$(xpath "string(//disk[contains(source/@file,'ephemeral')]/serial)")
        [[ $serial =~ ^[a-z][0-9a-z]{19}$ ]] || fail "not a serial: $serial"
        settings "$vm" | jq -e --arg path "/dev/disk/by-id/$prefix$serial" --arg id "$serial" \
            '.disks.ephemeral == {path: $path, id: $id} and (.disks.system | type) == "string"' ||
            fail "$controller: the agent would not find it"
    done <<'TABLE'
VIRTIO virtio-
SCSI scsi-0QEMU_QEMU_HARDDISK_
SATA ata-QEMU_HARDDISK_
IDE ata-QEMU_HARDDISK_
TABLE
}

@test "the result is shaped as the version of the API wants it" {
    have_stemcell
    for version in '' 1; do
        ok create_vm a "$stemcell" '{}' "$(manual 10.0.0.9)" '[]' '{}'
        result_has 'type == "string" and startswith("vm-")'
        ok delete_vm "$cid"
    done
    for version in 2 3; do
        ok create_vm a "$stemcell" '{}' "$(manual 10.0.0.9)" '[]' '{}'
        result_has 'length == 2 and (.[0] | startswith("vm-")) and .[1].private.ip == "10.0.0.9" and
            (.[1].private.mac | test("^52:54:[0-9a-f:]{11}$"))'
        ok delete_vm "$cid"
    done
}

@test "disks that are only named for placement are not attached" {
    have_disk
    have_stemcell
    ok create_vm a "$stemcell" '{}' '{}' "[\"$disk\"]" '{}'
    has_no_disk "$cid" "$disk"
}

# --- sizes -------------------------------------------------------------------------------------

@test "cpus and memory arrive, also by their other names and as text" {
    create '{"cpus":3,"memory":512}'
    [[ $(xpath 'string(/domain/vcpu)') == 3 && $(xpath 'string(/domain/memory)') == 512 ]] || fail "$(xml)"
    create '{"cpu":"4","ram":"768"}'
    [[ $(xpath 'string(/domain/vcpu)') == 4 && $(xpath 'string(/domain/memory)') == 768 ]] || fail "$(xml)"
}

@test "a cloud property that is not known is a warning in the log" {
    create '{"cpus":1,"ephemeral_disk_mb":3072}'
    jq -e '.log | contains("ephemeral_disk_mb")' <<<"$response" || fail 'no warning'
}

@test "what calculate_vm_cloud_properties tells is what create_vm takes" {
    forget_calls
    ok calculate_vm_cloud_properties '{"cpu":2,"ram":1024,"ephemeral_disk_size":2048}'
    no_calls
    local properties
    properties=$(jq -c .result <<<"$response")
    create "$properties"
    [[ $(xpath 'string(/domain/vcpu)') == 2 && $(xpath 'string(/domain/memory)') == 1024 ]] || fail "$(xml)"
    [[ $(calls) == *'ephemeral.qcow2 2048M'* ]] || fail "$(calls)"
    jq -e '.log == ""' <<<"$response" || fail 'a warning about our own properties'
}

@test "root_disk_size makes the root disk larger, but never smaller than the stemcell" {
    create '{"root_disk_size":10240}'
    [[ $(calls) == *"root.qcow2 $((10240 << 20))"$'\n'* ]] || fail "$(calls)"
    forget_calls
    create '{"root_disk_size":100}'
    [[ $(calls) == *"root.qcow2 $((3072 << 20))"$'\n'* ]] || fail "$(calls)"
}

@test "ephemeral_disk 0 means none, and a root disk with room for the agent's data" {
    refuses CpiError '{"ephemeral_disk":0}' '{}'
    says root_disk_size 4096
    refuses CpiError '{"ephemeral_disk":0,"root_disk_size":4095}' '{}'
    create '{"ephemeral_disk":0,"root_disk_size":4096}'
    [[ $(calls) != *ephemeral* && ! -e $store/vms/$vm/ephemeral.qcow2 ]] || fail 'there is one'
    [[ $(xml) != *ephemeral* ]] || fail 'the domain has one'
    settings "$vm" | jq -e '.disks | has("ephemeral") | not' || fail 'the agent is told of one'
}

# --- networks ----------------------------------------------------------------------------------

@test "a network that is not there is NetworkNotFound" {
    refuses NetworkNotFound '{}' "$(manual 10.0.0.10 missing)"
    says missing
}

# refuses_after_all TYPE NETWORKS: as it turns out when the VM does not start, and all is undone
refuses_after_all() {
    [[ $stemcell ]] || have_stemcell
    before=$(inventory)
    refused "$1" create_vm agent-1 "$stemcell" '{}' "$2" '[]' '{}'
    [[ $(inventory) == "$before" ]] || fail "something remains: $(inventory)"
}

@test "a network of dynamic addresses that is not there is NetworkNotFound" {
    configure keep_failed_vms true
    refuses_after_all NetworkNotFound '{"a":{"type":"dynamic","cloud_properties":{"name":"default"}},"b":{"type":"dynamic","cloud_properties":{"name":"gone"}}}'
    says gone
}

@test "a network that is not active is a CloudError that tells how to start it" {
    have_network idle inactive
    refuses CloudError '{}' "$(manual 10.0.0.10 idle)"
    says 'virsh net-start idle' auto_enable_networks
    refuses_after_all CloudError "$(dynamic idle)"
    says 'virsh net-start idle' auto_enable_networks
}

@test "auto_enable_networks starts a network, for good" {
    have_network idle inactive
    configure auto_enable_networks true
    create '{}' "$(manual 10.0.0.10 idle)"
    [[ -e $state/networks/idle/active && -e $state/networks/idle/autostart ]] || fail 'it is not started'
    jq -e '.log | contains("idle")' <<<"$response" || fail 'nobody is told'
    have_network idle2 inactive
    create '{}' "$(dynamic idle2)"
    is_running "$vm"
    [[ -e $state/networks/idle2/active && -e $state/networks/idle2/autostart ]] || fail 'it is not started'
    jq -e '.log | contains("idle2")' <<<"$response" || fail 'nobody is told'
    refuses NetworkNotFound '{}' "$(manual 10.0.0.11 missing)"
}

@test "a network without autostart is a warning in the log" {
    have_network fragile
    rm "$state/networks/fragile/autostart"
    create '{}' "$(manual 10.0.0.10 fragile)"
    jq -e '.log | contains("net-autostart fragile")' <<<"$response" || fail 'no warning'
    create '{}' "$(dynamic fragile)"
    jq -e '.log | contains("net-autostart fragile")' <<<"$response" || fail 'no warning'
}

@test "each network is a NIC, whose address the agent is told" {
    have_network second
    create '{}' '{"a":{"ip":"10.0.0.5"},
        "b":{"type":"dynamic","cloud_properties":{"name":"second","model":"e1000"}}}'
    [[ $(xpath 'count(//interface)') == 2 ]] || fail "$(xml)"
    local a b
    a=$(xpath "string(//interface[source/@network='default'][model/@type='virtio']/mac/@address)")
    b=$(xpath "string(//interface[source/@network='second'][model/@type='e1000']/mac/@address)")
    [[ $a && $b && $a != "$b" && ${a,,}${b,,} == "$a$b" ]] || fail "$a $b"
    settings "$vm" | jq -e --arg a "$a" --arg b "$b" '.networks.a.mac == $a and .networks.b.mac == $b' ||
        fail 'not what the agent is told'
}

@test "a vip gets neither a NIC nor an address" {
    create '{}' '{"a":{"ip":"10.0.0.5"},"v":{"type":"vip","ip":"203.0.113.7","cloud_properties":{}}}'
    [[ $(xpath 'count(//interface)') == 1 ]] || fail "$(xml)"
    settings "$vm" | jq -e '.networks.v.ip == "203.0.113.7" and (.networks.v | has("mac") | not)' ||
        fail 'not what the agent is told'
}

@test "networks of one nic_group share a NIC" {
    create '{}' '{"four":{"ip":"10.0.0.5","nic_group":"1"},"six":{"ip":"fd00::5","nic_group":"1"}}'
    [[ $(xpath 'count(//interface)') == 1 ]] || fail "$(xml)"
    settings "$vm" | jq -e '.networks.four.mac == .networks.six.mac and .networks.four.mac != null' ||
        fail 'not what the agent is told'
    have_network second
    refuses CpiError '{}' '{"four":{"ip":"10.0.0.6","nic_group":"1"},"six":{"ip":"fd00::6","nic_group":"1","cloud_properties":{"name":"second"}}}'
}

@test "a bridge needs no libvirt network" {
    forget_calls
    create '{}' '{"a":{"type":"dynamic","cloud_properties":{"type":"bridge","name":"br7"}}}'
    [[ $(xpath "count(//interface[@type='bridge']/source[@bridge='br7'])") == 1 ]] || fail "$(xml)"
    [[ $(calls) != *net-list* ]] || fail 'networks were asked for'
}

@test "a network may have any name that libvirt gives" {
    local name="a b'c;d & <e> \$f --all"
    have_network "$name" inactive
    configure auto_enable_networks true
    create '{}' "$(manual 10.0.0.10 "$name")"
    [[ -e $state/networks/$name/active && -e $state/networks/$name/autostart ]] || fail 'it is not started'
    [[ $(xpath 'string(//interface/source/@network)') == "$name" ]] || fail "$(xml)"
    ok delete_vm "$vm"
    [[ -z $(find "$store/networks" -type l) ]] || fail 'the address is still taken'
}

@test "a VM that is made anew has its address, and with it its MAC" {
    create '{}' "$(manual 10.0.0.10)"
    local mac
    mac=$(xpath 'string(//mac/@address)')
    ok delete_vm "$vm"
    create '{}' "$(manual 10.0.0.10)"
    [[ $(xpath 'string(//mac/@address)') == "$mac" ]] || fail 'another MAC'
    create '{}' "$(manual 10.0.0.11)"
    [[ $(xpath 'string(//mac/@address)') != "$mac" ]] || fail 'one MAC twice'
}

# --- what is refused ---------------------------------------------------------------------------

@test "an unknown stemcell is a CloudError, which both callers know" {
    have_stemcell
    before=$(digest)
    forget_calls
    refused CloudError create_vm a sc-unknown '{}' '{}' '[]' '{}'
    says sc-unknown
    unchanged "$before" create_vm
    no_calls
}

@test "an address that a VM has is refused, naming the VM" {
    have_vm
    refuses CloudError '{}' "$(manual 10.0.0.10)"
    says "$vm" 10.0.0.10
    ok delete_vm "$vm"
    create '{}' "$(manual 10.0.0.10)"
}

@test "an address of a VM that is off is refused too" {
    have_vm
    stop_domain "$vm"
    refuses CloudError '{}' "$(manual 10.0.0.10)"
    says "$vm"
}

@test "one address on two networks is no conflict" {
    have_network second
    create '{}' "$(manual 10.0.0.10)"
    create '{}' "$(manual 10.0.0.10 second)"
    refuses CpiError '{}' '{"a":{"ip":"10.0.0.77"},"b":{"ip":"10.0.0.77"}}'
}

@test "an address is the same in another spelling" {
    create '{}' "$(manual fd00::5)"
    refuses CloudError '{}' "$(manual FD00:0:0::0005)"
    says "$vm"
}

@test "an address of a half made VM is taken over, and that VM undone" {
    have_vm
    local half=$vm
    touch "$store/vms/$half/creating"
    create '{}' "$(manual 10.0.0.10)"
    [[ ! -e $store/vms/$half && ! -e $state/domains/$half ]] || fail 'the half made VM is still there'
    is_running "$vm"
    jq -e --arg half "$half" '.log | contains($half)' <<<"$response" || fail 'nobody is told'
}

@test "an address of which only the reservation is left is taken over" {
    have_vm
    rm -r "$store/vms/$vm" "$state/domains/$vm"
    create '{}' "$(manual 10.0.0.10)"
    is_running "$vm"
}

@test "an address of a half made VM that somebody works on is refused, to be tried again" {
    have_vm
    touch "$store/vms/$vm/creating"
    exec 7>"$store/.lock/vm-$vm"
    flock 7
    refuses VMCreationFailed '{}' "$(manual 10.0.0.10)"
    is_retriable
    says "$vm"
    exec 7>&-
}

@test "an address of a half removed VM is taken over" {
    have_vm
    touch "$store/vms/$vm/deleting"
    local half=$vm
    create '{}' "$(manual 10.0.0.10)"
    [[ ! -e $store/vms/$half && ! -e $state/domains/$half ]] || fail 'the half removed VM is still there'
}

@test "a whole VM that this libvirt does not know keeps its address, its files and its disk" {
    local other
    have_attached_disk
    other=$vm
    mv "$state/domains/$other" "$world/elsewhere"
    before=$(digest)
    refuses CloudError '{}' "$(manual 10.0.0.10)"
    says "$other"
    refused CloudError delete_disk "$disk"
    says "$other" 'not in libvirt'
    refused CloudError snapshot_disk "$disk"
    unchanged "$before" 'what other hosts may use'
    create '{}' "$(manual 10.0.0.11)"
    refused CloudError attach_disk "$vm" "$disk"
    says "$other" delete_vm

    ok delete_vm "$other"
    ok attach_disk "$vm" "$disk"
}

@test "with keep_failed_vms a failed VM keeps its address until it is deleted" {
    have_vm
    touch "$store/vms/$vm/creating"
    configure keep_failed_vms true
    refuses CloudError '{}' "$(manual 10.0.0.10)"
    says "$vm"
    [[ -e $store/vms/$vm/creating ]] || fail 'it is gone'
    ok delete_vm "$vm"
    create '{}' "$(manual 10.0.0.10)"
}

@test "what a create method made is removed again when nobody reads the response" {
    local method before
    have_stemcell
    have_disk
    before=$(inventory)
    request create_vm a "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' '{}' >"$world/unheard.create_vm"
    request create_disk 64 '{}' >"$world/unheard.create_disk"
    request create_stemcell "$image" '{}' >"$world/unheard.create_stemcell"
    request snapshot_disk "$disk" '{}' >"$world/unheard.snapshot_disk"
    for method in create_vm create_disk create_stemcell snapshot_disk; do
        run bash -c 'PATH=$1:$PATH "$2" --config "$3" <"$4" >/dev/full' - "$world/bin" "$CPI" "$world/cpi.json" \
            "$world/unheard.$method"
        ((status == 1)) || fail "$method: $status: $output"
        [[ $output == *'nobody reads the response: removing'* ]] || fail "$method: $output"
        [[ $(inventory) == "$before" ]] || fail "$method left: $(inventory)"
    done
    create '{}' "$(manual 10.0.0.10)"
}

# --- what fails --------------------------------------------------------------------------------

# fails_at COMMAND TEXT...: when that command of virsh fails, all is undone.
fails_at() {
    local before number networks=${networks-$(manual 10.0.0.10)}
    have_stemcell
    before=$(inventory)
    forget_calls
    ok create_vm a "$stemcell" '{}' "$networks" '[]' '{}'
    number=$(grep -nx -- "$1" "$state/steps" | head -n 1)
    ok delete_vm "$cid"
    forget_calls
    echo "${number%%:*} exit" >"$state/fail-command"
    refused VMCreationFailed create_vm a "$stemcell" '{}' "$networks" '[]' '{}'
    says "${@:2}"
    [[ $(inventory) == "$before" ]] || fail "something remains: $(inventory)"
    rm "$state/fail-command"
    ok create_vm a "$stemcell" '{}' "$networks" '[]' '{}'
}

@test "a VM that libvirt does not define is undone, with libvirt's own words" {
    fails_at define 'the stand-in was told to fail'
}

@test "a VM that libvirt does not start is undone, with libvirt's own words" {
    fails_at start 'the stand-in was told to fail'
}

@test "a VM that would not come back with the host is undone" {
    networks='{"a":{"type":"dynamic","cloud_properties":{"type":"bridge","name":"br7"}}}'
    fails_at autostart 'the stand-in was told to fail'
}

@test "of several complaints the one of autostart counts" {
    local number
    have_stemcell
    forget_calls
    ok create_vm a "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' '{}'
    number=$(grep -nx autostart "$state/steps")
    forget_calls
    echo "${number%%:*} exit" >"$state/fail-command"
    ok create_vm a "$stemcell" '{}' "$(manual 10.0.0.11)" '[]' '{}'
    [[ -e $state/domains/$cid/autostart ]] || fail 'it will not come back'
}

@test "a full disk is told as such and undone" {
    have_stemcell
    local before
    before=$(inventory)
    : >"$state/no-space"
    refused VMCreationFailed create_vm a "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' '{}'
    says 'No space left'
    [[ $(inventory) == "$before" ]] || fail "something remains: $(inventory)"
}
