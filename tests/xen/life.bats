#!/usr/bin/env bats
# VMs on a real Xen, seen from their own consoles. Its guests are paravirtual, for an emulated
# machine has no CPU with virtualisation. Each boot takes a minute: few tests, of much each.

load helper

@test "a paravirtual VM lives, with a disk that comes, stays over a reboot and goes" {
    stemcell
    create_vm agent-1 192.168.122.50
    expect "$vm" 'ready'
    expect "$vm" "settings label=config-2 agent_id=agent-1 vm=$vm"
    expect "$vm" 'root xvda 67108864'
    expect "$vm" 'ephemeral /dev/xvdb /dev/xvdb 100663296'
    expect "$vm" 'ephemeral-data ok'
    expect "$vm" 'net private eth[0-9]+ 192.168.122.50'
    reachable 192.168.122.50
    cpi has_vm "[\"$vm\"]"
    [[ $result == true ]]

    cpi set_vm_metadata "[\"$vm\", {\"name\": \"web/0\", \"deployment\": \"cf\"}]"
    [[ $(dom0 "virsh -q 'desc $vm --title; metadata $vm https://bosh.io/xmlns/libvirt-cpi/1'") == \
        *'web/0 (cf)'*'web/0'* ]]

    # Attached while it runs, under the name that the hint says.
    create_disk 64
    attach "$disk" /dev/xvde
    expect "$vm" 'disk\+ xvde 67108864'
    expect "$vm" 'persistent xvde blank, wrote owner=agent-1'
    cpi get_disks "[\"$vm\"]"
    [[ $(jq -c . <<<"$result") == "[\"$disk\"]" ]]
    cpi_fails NotImplemented 'snapshot' snapshot_disk "[\"$disk\", {}]"
    cpi_fails CloudError "$vm" delete_disk "[\"$disk\"]"

    # All have the same names afterwards.
    cpi reboot_vm "[\"$vm\"]"
    expect "$vm" 'ready' 2
    expect "$vm" 'boot 2'
    expect "$vm" 'persistent xvde owner=agent-1'
    expect "$vm" 'ephemeral /dev/xvdb /dev/xvdb 100663296' 2

    cpi detach_disk "[\"$vm\", \"$disk\"]"
    expect "$vm" 'disk- xvde'
    cpi_fails DiskNotAttached "$disk" detach_disk "[\"$vm\", \"$disk\"]"
    cpi snapshot_disk "[\"$disk\", {}]"
    cpi delete_snapshot "[\"$result\"]"
    cpi resize_disk "[\"$disk\", 128]"

    cpi delete_vm "[\"$vm\"]"
    cpi has_vm "[\"$vm\"]"
    [[ $result == false ]]
    cpi delete_disk "[\"$disk\"]"
    cpi delete_stemcell "[\"$stemcell\"]"
    nothing_left
}

@test "a VM with a kernel of the host's gets disks of both formats while it is off, and loses one" {
    local raw qcow2
    stemcell
    create_vm agent-2 192.168.122.51 '{"extra_disks": [{"size": 32}], "kernel": "/root/vmlinuz",
        "ramdisk": "/root/initrd", "cmdline": "console=hvc0 quiet loglevel=1 panic=5 net.ifnames=0"}'
    dom0 "virsh -q destroy $vm"
    create_disk 64 '{"format": "raw"}'
    raw=$disk
    create_disk 80 '{"format": "qcow2"}'
    qcow2=$disk
    attach "$raw" /dev/xvdf
    attach "$qcow2" /dev/xvdg
    cpi reboot_vm "[\"$vm\"]"
    expect "$vm" 'ready'
    expect "$vm" 'disk xvde 33554432'
    expect "$vm" 'persistent xvdf blank, wrote owner=agent-2'
    expect "$vm" 'persistent xvdg blank, wrote owner=agent-2'
    cpi detach_disk "[\"$vm\", \"$raw\"]"
    expect "$vm" 'disk- xvdf'
    cpi get_disks "[\"$vm\"]"
    [[ $(jq -c . <<<"$result") == "[\"$qcow2\"]" ]]
    # Neither now nor after its next start.
    [[ $(dom0 "virsh -q 'domblklist $vm; domblklist $vm --inactive'") != *"$raw"* ]]
    cpi delete_vm "[\"$vm\"]"
    cpi delete_disk "[\"$raw\"]"
    cpi delete_disk "[\"$qcow2\"]"
    cpi delete_stemcell "[\"$stemcell\"]"
    nothing_left
}

# from_outside: cpi runs on this machine, where it finds nothing but ssh, and has the image here.
from_outside() {
    local near=$BATS_TEST_TMPDIR/near
    mkdir "$near"
    ln -s "$(command -v ssh)" "$near/ssh"
    # Dom0's time is not that of this machine.
    dom0 'cat cpi.json' | jq --argjson there "$("$lab/xen.sh" reach "$DOM0")" \
        '. + $there + {connect_timeout: 600, keepalive: 600}' >"$BATS_TEST_TMPDIR/cpi.json"
    chmod 0600 "$BATS_TEST_TMPDIR/cpi.json"
    run_cpi() {
        env -i PATH="$BATS_TEST_TMPDIR/near" HOME="$BATS_TEST_TMPDIR" \
            "${XEN_CPI:-$root/build/static/x86_64/cpi}" --config "$BATS_TEST_TMPDIR/cpi.json"
    }
}

@test "a paravirtual VM and its disk on a Xen host that is reached over SSH" {
    from_outside
    cpi create_stemcell "[\"$("$lab/stemcell.sh" qcow2)\", {}]"
    stemcell=$result
    create_vm agent-5 192.168.122.54
    cpi has_vm "[\"$vm\"]"
    [[ $result == true ]]
    expect "$vm" 'ready'
    expect "$vm" "settings label=config-2 agent_id=agent-5 vm=$vm"
    create_disk 64
    attach "$disk" /dev/xvde
    expect "$vm" 'persistent xvde blank, wrote owner=agent-5'
    cpi delete_vm "[\"$vm\"]"
    cpi has_vm "[\"$vm\"]"
    [[ $result == false ]]
    cpi delete_disk "[\"$disk\"]"
    cpi delete_stemcell "[\"$stemcell\"]"
    nothing_left
}

@test "what this host cannot run is refused, and leaves nothing; so does a VM that does not start" {
    cpi_fails NotSupported 'vsphere stemcell' create_stemcell '["/root/vsphere", {}]'
    nothing_left
    stemcell
    cpi_fails NotSupported hvm create_vm "$(request agent-3 192.168.122.52 '{"virt_type": "hvm"}')"
    cpi_fails NotSupported pvh create_vm "$(request agent-3 192.168.122.52 '{"virt_type": "pvh"}')"
    cpi_fails CpiError kernel create_vm "$(request agent-3 192.168.122.52 '{"kernel": "/no/such/kernel"}')"
    cpi_fails NotSupported watchdog create_vm "$(request agent-3 192.168.122.52 '{"watchdog": "reset"}')"
    cpi delete_vm '["vm-absent"]'
    cpi_fails VMNotFound absent reboot_vm '["vm-absent"]'

    dom0 'echo no kernel >/root/broken-kernel'
    cpi_fails VMCreationFailed 'did not start' create_vm \
        "$(request agent-4 192.168.122.53 '{"kernel": "/root/broken-kernel"}')"
    cpi delete_stemcell "[\"$stemcell\"]"
    nothing_left
}
