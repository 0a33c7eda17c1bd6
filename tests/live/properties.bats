#!/usr/bin/env bats
# The cloud_properties of a VM, as libvirt and the guest see them.

load helper

@test "cpu, memory, machine, threads, watchdog, title, tags and autostart" {
    stemcell
    echo secret12 >"$BATS_TEST_TMPDIR/password"
    create_vm agent-x "$result" 192.168.122.100 "$(jq -cn --arg file "$BATS_TEST_TMPDIR/password" '{
        cpus: 2, cpu_cores: 2, cpu_mode: "maximum", iothreads: 1, disk_cache: "none", disk_io: "native",
        watchdog: "reset", title: "a <title>", tags: {team: "a&b"}, autostart: false, ballooning: false,
        graphics: "vnc", graphics_password_file: $file, machine: "q35",
        extra_disks: [{size: 40}, {size: 48}], unheard_of: 1}')"
    [[ $(jq -r .log <<<"$response") == *unheard_of* ]]
    boots "$vm"
    has "<topology sockets='1' dies='1' cores='2' threads='1'/>" "action='reset'" '<title>a &lt;title&gt;' \
        'key="team">a&amp;b<' "<memballoon model='none'/>" "type='vnc'" "listen='127.0.0.1'" \
        "cache='none' io='native'" '<iothreads>1</iothreads>'
    [[ $(virsh_lab dumpxml "$vm" --security-info) == *"passwd='secret12'"* ]]
    ! grep -r secret12 "$BATS_TEST_TMPDIR/stderr"
    [[ $(virsh_lab dominfo "$vm") == *Autostart:*disable* ]]
    on_console "$vm" '^guest: disk ata-QEMU_HARDDISK_.* 41943040'
    on_console "$vm" '^guest: disk ata-QEMU_HARDDISK_.* 50331648'
    [[ $("$lab/libvirtd.sh" guest "$LAB" 192.168.122.100 'grep -c ^processor /proc/cpuinfo') == 2* ]]
    # Two cores of one socket, and an i6300esb.
    [[ $("$lab/libvirtd.sh" guest "$LAB" 192.168.122.100 'cd /sys/devices/system/cpu
        cat cpu*/topology/physical_package_id | sort -u | wc -l; cat cpu*/topology/core_id | sort -u | wc -l
        grep -lx 0x25ab /sys/bus/pci/devices/*/device | wc -l') == $'1\n2\n1'* ]]
    cpi delete_vm "[\"$vm\"]"
    [[ -z $(ls "$STORE/vms") ]]
}

@test "what makes no sense is refused before anything is made" {
    stemcell
    local stemcell=$result bad
    for bad in '{"cpus": 4, "cpu_cores": 3}' '{"cpu_mode": "custom"}' '{"disk_io": "native"}' \
        '{"graphics": "vnc"}' '{"firmware": "uefi"}' '{"host_devices": ["3:0"]}' '{"extra_disks": [{}]}' \
        '{"hugepages": "yes"}' '{"memory": 1}' '{"tags": []}' '{"machine": "q35", "cpu_model": 5}'; do
        cpi_fails CpiError cloud_properties create_vm \
            "$(jq -cn --arg s "$stemcell" --argjson bad "$bad" '["a", $s, $bad, {}, [], {}]')" || {
            echo "$bad" >&2
            false
        }
    done
    cpi_fails NotSupported nested create_vm "[\"a\", \"$stemcell\", {\"nested\": true}, {}, [], {}]"
    [[ -z $(ls "$STORE/vms") ]]
}

@test "keep_failed_vms leaves a VM that did not start, and delete_vm removes it" {
    write_config '{"keep_failed_vms": true}'
    stemcell
    cpi_fails VMCreationFailed 'did not start' create_vm \
        "[\"a\", \"$result\", {\"machine\": \"q35\", \"numa_nodes\": \"77\"}, {}, [], {}]"
    vm=$(ls "$STORE/vms")
    [[ -n $vm && $(jq -r .log <<<"$response") == *"$vm"* ]]
    cpi delete_vm "[\"$vm\"]"
    [[ -z $(ls "$STORE/vms") && -z $(virsh_lab list --all --name) ]]
}

# Our kernel is not signed, so the firmware is all that can be seen.
@test "efi-secure: the firmware with secure boot and enrolled keys" {
    stemcell efi
    create_vm agent-q "$result" 192.168.122.102 '{"firmware": "efi-secure"}'
    has "enabled='yes' name='secure-boot'" "enabled='yes' name='enrolled-keys'" "<smm state='on'"
    virsh_lab dumpxml "$vm" | grep -q "secure='yes'"
    cpi delete_vm "[\"$vm\"]"
}
