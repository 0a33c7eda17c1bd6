#!/usr/bin/env bats
# The configuration file, and what the request's context overrides in it.

load helper

# unusable TEXT...: a method that needs the configuration complains of it with each TEXT.
unusable() {
    refused CpiError has_vm vm-1
    says "$@"
    is_not_retriable
    no_calls
    [[ ! -e $store ]] || fail 'a store was made'
}

@test "a configuration that is not there is a CpiError that names it, for every method" {
    local method
    rm "$world/cpi.json"
    for method in create_stemcell delete_stemcell create_vm delete_vm has_vm reboot_vm set_vm_metadata \
        create_disk delete_disk has_disk attach_disk detach_disk get_disks set_disk_metadata \
        calculate_vm_cloud_properties; do
        refused CpiError "$method" a b '{}' '{}' '[]' '{}'
        says "$world/cpi.json"
    done
    no_calls
}

@test "with no configuration anywhere the answer tells where it was looked for" {
    run_cpi() { BOSH_JOBS_DIR=$world/jobs PATH=$world/bin "$CPI"; }
    [[ ! -e /etc/cpi/cpi.json ]] || skip 'this machine has a configuration'
    refused CpiError has_vm vm-1
    says CPI_CONFIG "$world/jobs/libvirt_cpi/config/cpi.json" /etc/cpi/cpi.json
}

@test "a configuration that cannot be read is a CpiError" {
    rm "$world/cpi.json"
    mkdir "$world/cpi.json"
    unusable "$world/cpi.json"
}

@test "a configuration that is no JSON object is a CpiError that tells the line" {
    local text
    for text in '' '{' '[]' '1' '"x"' 'null' '{"a":1}{}' $'{"store_dir":"/\xff"}'; do
        printf '%s' "$text" >"$world/cpi.json"
        unusable "$world/cpi.json"
    done
    printf '{\n "store_dir": "/x",\n oops\n}' >"$world/cpi.json"
    unusable 'line 3'
}

@test "a configuration with a NUL character is no text" {
    printf '{"store_dir":"/x"}\0{"store_dir":"/y"}' >"$world/cpi.json"
    unusable "$world/cpi.json" 'NUL character'
}

@test "all complaints about a configuration come at once" {
    cat >"$world/cpi.json" <<'JSON'
{ "hypervisor": "hyperv", "storage_controller": "FLOPPY", "auto_enable_networks": "yes",
  "store_dir": "relative", "command_timeout": 0, "domain_type": "native",
  "agent": { "ntp": "one", "blobstore": [] } }
JSON
    unusable hypervisor hyperv storage_controller FLOPPY auto_enable_networks store_dir absolute \
        command_timeout domain_type agent.mbus agent.ntp agent.blobstore
}

@test "what is required is missed" {
    echo '{}' >"$world/cpi.json"
    unusable store_dir storage_controller agent
}

@test "each value that makes no sense is complained of by its key" {
    local key value
    while read -r key value; do
        configure "$key" "$value"
        unusable "$key"
        configure "$key" ''
    done <<'TABLE'
hypervisor 7
hypervisor "kvm"
uri "nonsense"
uri 1
uri "lxc:///"
uri "qemu+tcp://elsewhere/system"
bin_path ""
bin_path []
store_dir "/a\tb"
command_timeout -1
command_timeout 1.5
command_timeout "soon"
command_timeout 100000
detach_timeout 0
lock_timeout 0
max_parallel -1
max_parallel 1001
max_parallel 0.5
auto_enable_networks 1
template_dir "relative"
default_network 1
domain_type "KVM"
host 1
host ""
private_key {}
TABLE
}

@test "a host and a uri that lead elsewhere are a contradiction" {
    configure uri '"qemu+ssh://one/system"' host '"two"'
    unusable one two
}

@test "comments in a configuration do no harm" {
    have_vm
    sed -i 's|^{|// of our own\n{ /* "store_dir": "/nowhere", // x */ |' "$world/cpi.json"
    ok has_vm "$vm"
    result_is true
}

@test "null is the same as absent" {
    configure uri null host null bin_path null auto_enable_networks null template_dir null \
        command_timeout null hypervisor null
    have_vm
    configure agent null
    refused CpiError has_vm "$vm"
    says agent
}

@test "a key that is not known is a warning in the log" {
    have_vm
    configure storage_contoller '"SATA"'
    ok has_vm "$vm"
    jq -e '.log | contains("storage_contoller")' <<<"$response" || fail 'no warning'
    configure storage_contoller ''
    context='"stroe_dir":"/x"'
    ok has_vm "$vm"
    jq -e '.log | contains("stroe_dir")' <<<"$response" || fail 'no warning'
    context='"vm":{"stemcell":{"api_version":3}}'
    ok has_vm "$vm"
    jq -e '.log == ""' <<<"$response" || fail 'a warning about what is always there'
}

@test "the context overrides the configuration key for key" {
    have_vm
    configure uri '"qemu:///session"' store_dir '"/nowhere"' storage_controller '"FLOPPY"'
    context="\"uri\":\"qemu:///system\",\"store_dir\":\"$store\",\"storage_controller\":\"SATA\""
    forget_calls
    ok create_vm a "$stemcell" '{}' '{}' '[]' '{}'
    [[ $(calls) == *'qemu:///system'* && $(calls) != *session* ]] || fail "$(calls)"
    grep -q "bus='sata'" "$state/domains/$cid/xml" || fail 'not on SATA'
}

@test "an agent in the context overrides the whole agent but its mbus" {
    have_stemcell
    context='"agent":{"ntp":["other.example.org"]}'
    ok create_vm a "$stemcell" '{}' '{}' '[]' '{}'
    settings "$cid" | jq -e --arg secret "$canary" '.ntp == ["other.example.org"] and
        (has("blobstore") | not) and (.mbus | contains($secret))' || fail 'not the settings'
    context='"agent":{"mbus":"nats://x"}'
    ok create_vm a "$stemcell" '{}' '{}' '[]' '{}'
    settings "$cid" | jq -e '.mbus == "nats://x" and (has("ntp") | not)' || fail 'not the settings'
}

@test "a context that makes no sense is complained of too" {
    context='"storage_controller":7,"uri":"lxc:///"'
    unusable storage_controller uri
    context='"store_dir":"../x"'
    unusable store_dir
}

@test "a context that names another host drops what belongs to the file's host" {
    configure host '"one"' username '"me"' private_key '"/key"' uri '"qemu+ssh://one/system"'
    context='"uri":"qemu+ssh://two/system"'
    ask has_vm vm-1
    ! succeeded || fail 'this was answered by this machine'
    [[ $response != *\'one\'* ]] || fail 'the host of the file was kept'
    context='"host":"three"'
    ask has_vm vm-1
    ! succeeded || fail 'this was answered by this machine'
    [[ $response != *contradict* && $response != *\'one\'* ]] || fail 'the host of the file was kept'
}

@test "a home directory is found for store_dir" {
    local form
    # shellcheck disable=SC2088 # it is cpi that is to expand them
    for form in '~/a' '$HOME/b' '${HOME}/c'; do
        configure store_dir "\"$form/store/\""
        run_cpi() { HOME=$world/home PATH=$world/bin "$CPI" --config "$world/cpi.json"; }
        mkdir -p "$world/home/${form##*/}"
        ok create_disk 10 '{}' null
        [[ -d $world/home/${form##*/}/store/disks/$cid ]] || fail "not in $form"
    done
}

@test "a store_dir may have any characters that a path may have" {
    local odd
    odd="$world/a b'c\"d&e<f>g;h\$i\`j\\\\k#l%m*n"
    configure store_dir "$(jq -n --arg path "$odd" '$path')"
    store=$odd
    have_attached_disk
    has_disk_on virtio "$vm" "$disk"
    ok get_disks "$vm"
    result_is "[\"$disk\"]"
    ok detach_disk "$vm" "$disk"
    has_no_disk "$vm" "$disk"
    ok delete_vm "$vm"
    ok delete_disk "$disk"
    ok delete_stemcell "$stemcell"
    [[ -z $(inventory) ]] || fail "$(inventory)"
}

@test "bin_path may be the path of virsh" {
    have_vm
    mkdir "$world/elsewhere"
    mv "$world/bin/virsh" "$world/elsewhere/virsh"
    ln -s "$root"/tests/fake/*.bash "$world/elsewhere"
    configure bin_path "\"$world/elsewhere/virsh\""
    ok has_vm "$vm"
    result_is true
}

@test "a store that a newer cpi laid out is left alone" {
    have_disk
    local method
    echo 1000 >"$store/version"
    before=$(digest)
    for method in create_disk has_disk delete_disk; do
        refused CloudError "$method" "$disk"
        says newer
    done
    unchanged "$before" 'one of these'
}

@test "a directory of the store that was lost is made again, and no call works without locks" {
    local lost
    have_vm
    for lost in .lock vms disks stemcells snapshots networks; do
        new_world "$BATS_TEST_TMPDIR/$lost"
        ok create_disk 64 '{}' null
        disk=$cid
        rm -r "${store:?}/$lost"
        have_stemcell
        have_vm
        [[ $lost == disks ]] || ok snapshot_disk "$disk" '{}'
        ok create_disk 64 '{}' null
        [[ -d $store/$lost ]] || fail "there is no $lost"
        grep -hq 'directories were missing' "$BATS_FILE_TMPDIR/answers" || fail 'it is not told'
        : >"$BATS_FILE_TMPDIR/answers"
    done
}

@test "templates of one's own stand in for the built-in ones" {
    have_stemcell
    mkdir -p "$world/templates/qemu"
    sed "s|<on_crash>restart|<on_crash>preserve|" "$root/config/templates/qemu/domain.xml" \
        >"$world/templates/qemu/domain.xml"
    configure template_dir "\"$world/templates\""
    have_vm
    grep -q '<on_crash>preserve' "$state/domains/$vm/xml" || fail 'not from the template'
    before=$(inventory)
    echo '<domain>{{nonsense}}</domain>' >"$world/templates/qemu/domain.xml"
    ask create_vm a "$stemcell" '{}' '{}' '[]' '{}'
    ! succeeded || fail 'a template without sense was taken'
    says nonsense
    [[ $(inventory) == "$before" ]] || fail 'something remains'
}
