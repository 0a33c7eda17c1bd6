#!/usr/bin/env bats
# Hosts that are reached over SSH, from a place that has nothing but ssh.
# shellcheck disable=SC2153 # HOSTS is of remote.bash
load remote

# start_life: a VM and a disk of it; the rest of it is live_on
start_life() {
    stemcell
    sc=$result
    create_vm "agent-$HOST" "$sc" 192.168.122.10
    disk 64
}

# Every method, on a VM that start_life made.
live_on() {
    local snapshot
    cpi info
    cpi ping
    [[ $result == pong ]]
    boots "$vm"
    on_console "$vm" "^guest: settings label=config-2 agent_id=agent-$HOST vm=$vm"
    on_console "$vm" '^guest: ephemeral-data ok'
    cpi has_vm "[\"$vm\"]"
    [[ $result == true ]]
    cpi set_vm_metadata "[\"$vm\", {\"name\": \"web/0\", \"deployment\": \"it's \\\"$HOST\\\"\"}]"
    [[ $(virsh_lab desc "$vm") == *"deployment: it's \"$HOST\""* ]]
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    [[ $(jq -r .path <<<"$result") == "/dev/disk/by-id/virtio-$disk" ]]
    on_console "$vm" "^guest: persistent virtio-$disk blank, wrote owner=agent-$HOST"
    cpi set_disk_metadata "[\"$disk\", {\"deployment\": \"dep\"}]"
    cpi get_disks "[\"$vm\"]"
    [[ $(jq -c . <<<"$result") == "[\"$disk\"]" ]]
    cpi snapshot_disk "[\"$disk\", {\"deployment\": \"dep\"}]"
    snapshot=$result
    cpi delete_snapshot "[\"$snapshot\"]"
    cpi detach_disk "[\"$vm\", \"$disk\"]"
    on_console "$vm" "^guest: disk- virtio-$disk"
    cpi resize_disk "[\"$disk\", 96]"
    [[ $(qemu-img info --output=json "$STORE/disks/$disk/disk.qcow2" | jq '."virtual-size"') == 100663296 ]]
    cpi update_disk "[\"$disk\", 128, {}]"
    [[ $result == null ]] || disk=$result
    cpi has_disk "[\"$disk\"]"
    [[ $result == true ]]
    cpi calculate_vm_cloud_properties '[{"cpu": 1, "ram": 256, "ephemeral_disk_size": 100}]'
    cpi create_network '[{"type": "manual", "range": "10.77.1.0/24", "gateway": "10.77.1.1",
        "cloud_properties": {}}]'
    network=$(jq -r '.[0]' <<<"$result")
    virsh_lab net-list --uuid | grep -q "${network#net-}"
    cpi delete_network "[\"$network\"]"
    cpi reboot_vm "[\"$vm\"]"
}

end_life() {
    cpi delete_vm "[\"$vm\"]"
    cpi has_vm "[\"$vm\"]"
    [[ $result == false ]]
    cpi delete_disk "[\"$disk\"]"
    cpi delete_stemcell "[\"$sc\"]"
    nothing_left
}

@test "the life of a VM and its disk by every method, on two hosts at once, from where is nothing but ssh" {
    local a_vm a_disk a_sc other
    fails at_director virsh --version
    fails at_director ls "$HOSTS/store/vms"
    start_life
    a_vm=$vm a_disk=$disk a_sc=$sc
    work_on b
    start_life

    # What is on the one host is not on the other.
    cpi has_vm "[\"$a_vm\"]"
    [[ $result == false ]]
    cpi has_disk "[\"$a_disk\"]"
    [[ $result == false ]]
    cpi_fails VMNotFound "$a_vm" reboot_vm "[\"$a_vm\"]"
    cpi_fails DiskNotFound "$a_disk" attach_disk "[\"$vm\", \"$a_disk\"]"
    # As after a host was lost and its entry pointed at this one: the other's live on, as what follows shows.
    cpi delete_vm "[\"$a_vm\"]"
    cpi delete_disk "[\"$a_disk\"]"

    live_on >"$BATS_TEST_TMPDIR/b.log" 2>&1 3>&- &
    other=$!
    (work_on a && vm=$a_vm disk=$a_disk && live_on)
    wait "$other" || { cat "$BATS_TEST_TMPDIR/b.log" >&2; false; }
    end_life
    work_on a
    vm=$a_vm disk=$a_disk sc=$a_sc
    cpi has_disk "[\"$disk\"]"
    [[ $result == true ]] || disk=$(ls "$STORE/disks")
    end_life
    wait_for no_far_shell
}

# As docs/multi-host.md has it.
@test "a host that comes back with a VM that nobody knows any more is cleaned, and its disk is still of use" {
    start_life
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    cpi set_vm_metadata "[\"$vm\", {\"name\": \"web/0\", \"deployment\": \"cf\"}]"
    virsh_lab list --all --title | grep -E "$vm +running +web/0 \(cf\)"
    virsh_lab autostart --disable "$vm"
    virsh_lab destroy "$vm"
    chmod 0600 "$CONFIG"
    "$CPI" ls --config "$CONFIG" | grep -E "^$vm .* cf +web/0 .* $disk"
    "$CPI" call delete_vm "$vm" --config "$CONFIG"
    [[ -z $(virsh_lab list --all --name) && -z $(ls "$STORE/vms") ]]
    create_vm agent-new "$sc" 192.168.122.10
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    end_life
    [[ -z $("$CPI" doctor --config "$CONFIG") ]]
}

# an_sshd PORT BIN: one more on the host, whose sessions find programs in BIN alone, and in /usr/sbin
an_sshd() {
    {
        sed -e "s|^ListenAddress .*|&:$1|" -e "s|^PidFile .*|PidFile $BATS_TEST_TMPDIR/sshd.pid|" "$HOSTS/$HOST/sshd_config"
        echo "SetEnv PATH=$2"
    } >"$BATS_TEST_TMPDIR/sshd_config"
    on_host /usr/sbin/sshd -f "$BATS_TEST_TMPDIR/sshd_config" -E "$BATS_TEST_TMPDIR/sshd.log" 3>&-
    wait_for test -s "$BATS_TEST_TMPDIR/sshd.pid"
}

@test "a host needs no more than sh, virsh, qemu-img, coreutils and util-linux" {
    local few=$BATS_TEST_TMPDIR/few program
    mkdir "$few"
    while read -r program; do
        [[ ! -x $program || -d $program ]] || ln -sf "$(realpath "$program")" "$few/${program##*/}"
    done < <(dpkg -L coreutils util-linux | grep -E '^(/usr)?/s?bin/.'; command -v sh virsh qemu-img)
    an_sshd 2200 "$few"
    write_remote_config '{"port": 2200}'
    fails at_director ssh -F none -p 2200 -i "$HOSTS/key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
        10.99.0.1 'command -v grep || command -v sed || command -v awk || command -v perl || command -v cpi'
    start_life
    cpi attach_disk "[\"$vm\", \"$disk\"]"
    cpi get_disks "[\"$vm\"]"
    cpi set_vm_metadata "[\"$vm\", {\"deployment\": \"d\"}]"
    cpi reboot_vm "[\"$vm\"]"
    cpi delete_vm "[\"$vm\"]"
    cpi snapshot_disk "[\"$disk\", {}]"
    cpi delete_snapshot "[\"$result\"]"
    cpi resize_disk "[\"$disk\", 96]"
    cpi update_disk "[\"$disk\", 128, {\"format\": \"raw\"}]"
    [[ $result == null ]] || disk=$result
    cpi set_disk_metadata "[\"$disk\", {\"deployment\": \"d\"}]"
    end_life
    on_host kill "$(<"$BATS_TEST_TMPDIR/sshd.pid")"
}

@test "one config, the entry of the context says which host" {
    local context
    jq 'del(.host, .username, .private_key, .host_key)' "$CONFIG" >"$BATS_TEST_TMPDIR/none.json"
    for HOST in a b; do
        work_on "$HOST"
        context=$(jq '{host, username, private_key, host_key, director_uuid: "u"}' "$CONFIG")
        response=$(jq -cn --argjson c "$context" '{method: "create_disk", arguments: [8, {}, null], context: $c}' |
            "$CPI" --config "$BATS_TEST_TMPDIR/none.json" 2>/dev/null)
        [[ -d $STORE/disks/$(jq -r .result <<<"$response") ]]
        [[ $(find "$STORE/disks" -mindepth 1 -maxdepth 1 | wc -l) == 1 ]]
    done
}

@test "a stemcell that is on the host already is not sent again" {
    stemcell
    stemcell
    [[ $(grep -c 'write the image' "$BATS_TEST_TMPDIR/stderr") == 1 ]]
    [[ $(stat -c %h "$STORE"/stemcells/*/image.qcow2 | sort -u) == 2 ]]
}

@test "a raw stemcell arrives with its holes" {
    local image
    stemcell raw
    image=$STORE/stemcells/$result/image.raw
    tar -xzOf "$("$lab/stemcell.sh" raw)" root.img | cmp - "$image"
    (($(stat -c %b "$image") * 512 < $(stat -c %s "$image")))
}

# uri_form JSON: a configuration that reaches host a
uri_form() {
    jq --argjson form "$1" 'del(.host, .username, .private_key) + $form' "$CONFIG" >"$CONFIG.form"
    response=$(echo '{"method": "has_vm", "arguments": ["vm-1"], "context": {}}' |
        "$CPI" --config "$CONFIG.form" 2>>"$BATS_TEST_TMPDIR/stderr")
    [[ $(jq -c .result <<<"$response") == false ]] || {
        echo "$1: $response" >&2
        return 1
    }
}

@test "every form of naming the host" {
    local pem
    pem=$(jq -Rs . "$HOSTS/key")
    uri_form "{\"uri\": \"qemu+ssh://root@10.99.0.1/system?keyfile=$HOSTS/key\"}"
    uri_form "{\"uri\": \"qemu+ssh://root@10.99.0.1:22/system?keyfile=$HOSTS/key&no_tty=1\"}"
    uri_form "{\"uri\": \"qemu+ssh://root@10.99.0.1/system\", \"private_key\": \"$HOSTS/key\"}"
    uri_form "{\"uri\": \"qemu+ssh://10.99.0.1/system\", \"host\": \"10.99.0.1\", \"username\": \"root\",
        \"private_key\": \"$HOSTS/key\"}"
    uri_form "{\"uri\": \"qemu:///system\", \"host\": \"10.99.0.1\", \"username\": \"root\", \"private_key\": $pem}"
    uri_form "{\"host\": \"10.99.0.1\", \"username\": \"root\", \"private_key\": \"$HOSTS/key\",
        \"host_key\": [\"10.99.0.9 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4m0ILiy2HEyxgyvFeBDpjn8GVpoKqVFy8pqGkQAAAA\", $(jq -Rs . "$HOSTS/a.key")]}"
    uri_form "{\"host\": \"10.99.0.1\", \"username\": \"root\", \"private_key\": \"$HOSTS/key\",
        \"proxy_jump\": \"root@10.99.0.2\",
        \"host_key\": [$(jq -Rs . "$HOSTS/a.key"), $(jq -R '"10.99.0.2 " + .' "$HOSTS/b.key")]}"
}

# Neither in argv, nor in what is said, nor in a file.
@test "a private key given as text is nowhere to be found" {
    local secret pid
    secret=$(sed -n 3p "$HOSTS/key")
    write_remote_config "{\"private_key\": $(jq -Rs . "$HOSTS/key")}"
    cpi_fails CloudError 'there is no store' has_disk '["disk-1"]'
    fails grep -rqF "$secret" "$BATS_TEST_TMPDIR" --exclude=a.json
    # Killed with its connection open.
    on_host flock "$STORE" sleep 300 3>&- &
    mkdir -p "$STORE/.lock" "$STORE/disks/disk-1"
    exec {held}>"$STORE/.lock/disk-disk-1"
    flock "$held"
    jq -cn '{method: "delete_disk", arguments: ["disk-1"]}' | "$CPI" --config "$CONFIG" 2>"$BATS_TEST_TMPDIR/killed" 3>&- &
    pid=$!
    wait_for some_far_shell
    kill -KILL "$pid"
    fails grep -rqF "$secret" "$BATS_TEST_TMPDIR" --exclude=a.json
    exec {held}>&-
    wait_for no_far_shell
}

@test "an argument with every byte, and a hundred times that" {
    "$lab/hosts.sh" exec "$HOSTS" env CPI_REMOTE_HOST=10.99.0.1 CPI_REMOTE_KEY="$HOSTS/key" \
        CPI_REMOTE_HOST_KEY="$(<"$HOSTS/a.key")" "$root/build/unit/test_remote"
}
