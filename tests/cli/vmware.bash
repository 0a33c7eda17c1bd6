# What the tests of VMware share: a world in which virsh is the real one, whose driver calls stand-ins
# for VMware's programs.
# shellcheck shell=bash disable=SC2154 # the variables are helper.bash's

vmware_world() {
    configure hypervisor '"vmware"' uri '"vmware:///session"' storage_controller '"SCSI"' domain_type ''
    # libvirt follows links to the programs.
    local program
    for program in vmrun vmware vmplayer; do
        rm "$world/bin/$program"
        cp "$root/tests/fake/$program" "$world/bin/$program"
    done
    real_virsh
}

# The real virsh, with its calls in the transcript, and the XML of the last definition in defined.xml.
real_virsh() {
    rm "$world/bin/virsh"
    cat >"$world/bin/virsh" <<'SCRIPT'
#!/bin/bash
. "${0%/*}/stand-in.bash"
main() {
    local input=/dev/null
    if [[ $* == *define* ]]; then
        input=$state/defined.xml
        (umask 077 && cat >"$input")
    fi
    PATH=${0%/*}:/usr/bin:/bin XDG_RUNTIME_DIR=$state /usr/bin/virsh "$@" <"$input"
}
record "$@"
echo virsh >>"$state/steps"
perform main "$@"
SCRIPT
    chmod 0755 "$world/bin/virsh"
}

# make_vm [CLOUD_PROPERTIES [NETWORKS]]
make_vm() {
    [[ $stemcell ]] || have_stemcell
    ok create_vm agent-1 "$stemcell" "${1-"{}"}" "${2-"{}"}" '[]' '{}'
    vm=$cid
}

vmx() {
    cat "$store/vms/$vm/$vm.vmx"
}

runs() {
    grep -qF "/$1.vmx" "$state/vmware-running" || fail "VM $1 does not run"
}

is_off() {
    ! grep -qF "/$1.vmx" "$state/vmware-running" || fail "VM $1 still runs"
}

# As an operator does.
power_off() {
    PATH=/usr/bin:/bin "$world/bin/vmrun" -T ws stop "$store/vms/$vm/$vm.vmx" soft
}

disk_at() {
    [[ $(vmx) == *"scsi0:$1.fileName = \"$store/disks/$2/disk.vmdk\""* ]] || fail "no disk $2 at $1: $(vmx)"
}
