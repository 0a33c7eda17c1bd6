#!/usr/bin/env bats
# Each hypervisor on a host that is reached over SSH, for real: an sshd of the test's own, in whose
# sessions the stand-ins are, while cpi's own PATH leads to nothing but ssh.

load helper
load virtualbox

# The sessions' PATH begins with a name that each test points at the bin of its world.
setup_file() {
    export far=$BATS_FILE_TMPDIR/far
    local key try
    mkdir "$far" "$far/near"
    ln -s "$(command -v ssh)" "$far/near/ssh"
    for key in key host_key; do
        ssh-keygen -q -t ed25519 -N '' -C '' -f "$far/$key"
    done
    [[ $(id -u) != 0 ]] || mkdir -p /run/sshd
    for try in {1..10}; do
        ! start_sshd $((20000 + RANDOM % 12000)) || return 0
    done
    cat "$far/log"
    return 1
}

teardown_file() {
    kill "$(<"$far/pid")"
    check_answers
}

# start_sshd PORT: false when the port is somebody else's
start_sshd() {
    cat >"$far/config" <<END
ListenAddress 127.0.0.1:$1
HostKey $far/host_key
AuthorizedKeysFile $far/key.pub
PidFile $far/pid
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
SetEnv PATH=$far/bin:/usr/bin:/bin
END
    # It opens its socket before it leaves for the background.
    "$(PATH=$PATH:/usr/sbin:/sbin command -v sshd)" -f "$far/config" -E "$far/log" 3>&- || return
    ! grep -q 'Cannot bind' "$far/log" || return
    echo "$1" >"$far/port"
    until [[ -s $far/pid ]]; do sleep 0.05; done
}

setup() {
    begin
    user=$(id -un) port=$(<"$far/port")
    pem=$(jq -Rs . "$far/key")
    rm -f "$far/bin"
    ln -s "$world/bin" "$far/bin"
    configure host_key "\"$(cut -d ' ' -f 1,2 "$far/host_key.pub")\""
}

run_cpi() {
    CPI_SECRET=$canary PATH=$far/near "$CPI" --config "$world/cpi.json" "$@"
}

# named KEY JSON…: these keys alone say where the host is and how it is reached.
named() {
    configure uri '' host '' port '' username '' private_key '' "$@"
}

# leads_to URI KEY JSON…: cpi named the host so asks the host's virsh there, and hears what is there.
leads_to() {
    local uri=$1
    named "${@:2}"
    forget_calls
    ok has_vm vm-1
    result_is false
    [[ $(calls) == virsh\ *-c\ "$uri"\ * && $(calls) != *+ssh* ]] || fail "not at $uri: $(calls)"
    one_connection
}

one_connection() {
    (($(grep -c 'connecting to host' "$world/stderr") == 1)) || fail 'not one connection'
}

# every_form HYPERVISOR REST-OF-URI DEFAULT-URI
every_form() {
    local at="$1+ssh://$user@127.0.0.1:$port$2" there=$1://$2 path="\"$far/key\""
    configure hypervisor "\"$1\""
    # The uri alone, with the key in it or beside it.
    leads_to "$there" uri "\"$at?keyfile=$far/key\""
    leads_to "$there" uri "\"$at\"" private_key "$path"
    leads_to "$there" uri "\"$at\"" private_key "$pem"
    # The host alone.
    leads_to "$3" host '"127.0.0.1"' port "$port" username "\"$user\"" private_key "$path"
    leads_to "$3" host '"127.0.0.1"' port "$port" username "\"$user\"" private_key "$pem"
    # Both, the uri a local or a remote one; what is said beside it counts before the uri's own.
    leads_to "$there" uri "\"$there\"" host '"127.0.0.1"' port "$port" username "\"$user\"" private_key "$path"
    leads_to "$there" uri "\"$at?keyfile=/no/such/key\"" host '"127.0.0.1"' username "\"$user\"" private_key "$path"
    leads_to "$there" uri "\"${at/$user@/nobody@}\"" host '"127.0.0.1"' username "\"$user\"" private_key "$pem"
    # The key is nowhere but in the configuration.
    ! grep -rqF "$(sed -n 3p "$far/key")" "$state" "$world/stderr" || fail 'the key was told'
}

@test "each form of naming the host leads to qemu there" {
    every_form qemu /system qemu:///system
}

@test "each form of naming the host leads to xen there" {
    every_form xen / xen:///
    leads_to xen:///system uri "\"xen+ssh://$user@127.0.0.1:$port/system?keyfile=$far/key\""
}

@test "each form of naming the host leads to lxc there" {
    every_form lxc / lxc:///
}

@test "each form of naming the host leads to vbox there" {
    virtualbox_world
    every_form vbox /session vbox:///session
}

# over_ssh HYPERVISOR: reached by its usual uri
over_ssh() {
    local rest=/system
    [[ $1 != vbox ]] || rest=/session
    named hypervisor "\"$1\"" uri "\"$1+ssh://$user@127.0.0.1:$port$rest\"" private_key "$pem"
}

# life METHOD-OF-MAKING-A-VM: of a VM, which it puts into $vm, and of a disk; nothing is left.
life() {
    have_stemcell
    one_connection
    "$@"
    one_connection
    have_disk
    ok has_vm "$vm"
    result_is true
    ok set_vm_metadata "$vm" '{"name":"web/0","deployment":"it'\''s \"here\""}'
    ok attach_disk "$vm" "$disk"
    ok get_disks "$vm"
    result_is "[\"$disk\"]"
    refused CloudError delete_disk "$disk"
    says "$vm"
    ok reboot_vm "$vm"
    ok detach_disk "$vm" "$disk"
    refused DiskNotAttached detach_disk "$vm" "$disk"
    ok set_disk_metadata "$disk" '{"deployment":"d"}'
    ok snapshot_disk "$disk" '{}'
    ok delete_snapshot "$cid"
    ok has_disk "$disk"
    result_is true
    ok delete_vm "$vm"
    ok has_vm "$vm"
    result_is false
    ok delete_disk "$disk"
    ok delete_stemcell "$stemcell"
    [[ -z $(inventory) ]] || fail "something is left: $(inventory)"
}

@test "a life on qemu over SSH" {
    over_ssh qemu
    life have_vm
}

paravirtual_vm() {
    echo kernel >"$world/kernel"
    ok create_vm agent-1 "$stemcell" "{\"virt_type\":\"pv\",\"kernel\":\"$world/kernel\"}" "$(manual 10.0.0.10)" '[]' '{}'
    vm=$cid
}

@test "a life on xen over SSH" {
    over_ssh xen
    echo 'xen xenpvh hvm' >"$state/os-types"
    life paravirtual_vm
    ! grep -q 'virsh.* -c qemu' "$state/transcript" || fail 'another hypervisor was asked'
}

@test "a life on vbox over SSH, whose VBoxManage is there too" {
    virtualbox_world
    over_ssh vbox
    life make_vm
    grep -q '^VBoxManage ' "$state/transcript" || fail 'nobody asked VBoxManage'
}

# damage: what is written on the host has another digest than it should.
damage() {
    printf '#!/bin/sh\nprintf "%%064d  -\\n" 7\n' >"$world/bin/sha256sum"
    chmod 0755 "$world/bin/sha256sum"
}

@test "what arrives damaged is refused, and nothing of it stays" {
    local before
    over_ssh qemu
    have_store
    stemcell_image
    damage
    refused CloudError create_stemcell "$image" '{}'
    says SHA-256 'faulty'
    is_retriable
    [[ -z $(inventory) ]] || fail "this is left: $(inventory)"
    rm "$world/bin/sha256sum"
    have_stemcell
    before=$(inventory)
    damage
    refused VMCreationFailed create_vm agent-1 "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' '{}'
    says 'arrived damaged'
    [[ $(inventory) == "$before" ]] || fail "this is left: $(inventory)"
}

@test "a host that is down makes nothing absent" {
    local call
    over_ssh qemu
    have_attached_disk
    configure uri "\"qemu+ssh://$user@127.0.0.1:1/system\""
    for call in "has_vm $vm" "has_disk $disk" "delete_vm $vm" "delete_disk $disk" "delete_stemcell $stemcell" \
        "get_disks $vm" "reboot_vm $vm" "detach_disk $vm $disk" 'create_disk 8 {} null'; do
        # shellcheck disable=SC2086 # words
        refused CloudError $call
        says 'Connection refused'
        is_retriable
    done
    over_ssh qemu
    ok has_vm "$vm"
    result_is true
}
