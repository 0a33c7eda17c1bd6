#!/usr/bin/env bats
# Whom cpi trusts on the way to another host, and what it says when it cannot get there.

load remote

fingerprint() {
    ssh-keygen -lf "$HOSTS/$1/ssh_host_key.pub" | cut -d ' ' -f 2
}

# refused TEXT…: has_vm is an error that holds every TEXT, never false; its ok_to_retry is $retriable
refused() {
    local text
    call has_vm '["vm-1"]'
    [[ $(jq -c .result <<<"$response") == null ]]
    retriable=$(jq -r .error.ok_to_retry <<<"$response")
    for text in "$@"; do
        [[ $(jq -r .error.message <<<"$response") == *"$text"* ]] || {
            echo "expected '$text' in $response" >&2
            return 1
        }
    done
}

@test "a host whose key nobody knows is refused, with its fingerprint and how to pin it" {
    write_remote_config '{"host_key": null}'
    refused 'is not in known_hosts' "$(fingerprint a)" 'ssh-keyscan 10.99.0.1' "'host_key'"
    [[ $retriable == false ]]
}

@test "cpi doctor tells once that a host's key is not known, and how to pin it" {
    write_remote_config '{"host_key": null}'
    chmod 0600 "$CONFIG"
    run "$CPI" doctor --config "$CONFIG"
    [[ $status == 1 && $output == *'is not in known_hosts'* && $output == *"$(fingerprint a)"* ]]
    [[ $(grep -c "^error: " <<<"$output") == 1 ]] || { echo "$output"; false; }
}

@test "a host with another key than the pinned one is refused, with its fingerprint" {
    write_remote_config "{\"host_key\": $(jq -Rs . "$HOSTS/b.key")}"
    refused "is not the one in 'host_key'" "$(fingerprint a)"
    [[ $retriable == false ]]
    # Nor is the user's known_hosts asked when a key is pinned.
    write_remote_config "{\"host_key\": \"10.99.0.7 $(<"$HOSTS/a.key")\"}"
    refused "is not in 'host_key'" "$(fingerprint a)"
}

@test "a key that an ssh_config's known_hosts has is accepted" {
    echo "10.99.0.1 $(<"$HOSTS/a.key")" >"$BATS_TEST_TMPDIR/known"
    printf 'Host *\n  UserKnownHostsFile %s\n' "$BATS_TEST_TMPDIR/known" >"$BATS_TEST_TMPDIR/ssh_config"
    write_remote_config "{\"host_key\": null, \"ssh_config\": \"$BATS_TEST_TMPDIR/ssh_config\"}"
    cpi has_vm '["vm-1"]'
    [[ $result == false ]]
}

# with_etc_ssh: cpi finds $BATS_TEST_TMPDIR/ssh as the /etc/ssh of its machine.
with_etc_ssh() {
    mkdir "$BATS_TEST_TMPDIR/ssh"
    # shellcheck disable=SC2016 # for the shell there
    director_runs unshare --mount sh -c 'mount --bind "$1" /etc/ssh && shift && exec "$@"' sh "$BATS_TEST_TMPDIR/ssh"
}

@test "where no key is pinned the machine's known_hosts count, and never its ssh_config" {
    with_etc_ssh
    printf 'Host *\n    User nobody\n    ProxyCommand false\n' >"$BATS_TEST_TMPDIR/ssh/ssh_config"
    echo "10.99.0.1 $(<"$HOSTS/a.key")" >"$BATS_TEST_TMPDIR/ssh/ssh_known_hosts"
    write_remote_config '{"host_key": null, "username": null}'
    cpi has_vm '["vm-1"]'
    [[ $result == false ]]
    # A host that was made anew.
    echo "10.99.0.1 $(<"$HOSTS/b.key")" >"$BATS_TEST_TMPDIR/ssh/ssh_known_hosts"
    refused 'is not the one in known_hosts' "$(fingerprint a)" 'ssh-keyscan 10.99.0.1' "'host_key'"
    [[ $retriable == false ]]
    # What is pinned is all that counts.
    write_remote_config '{}'
    cpi has_vm '["vm-1"]'
}

@test "the way over another host, where no other leads there, is as strict" {
    local a b
    a=$(jq -R . "$HOSTS/a.key") b=$(jq -R '"10.99.0.2 " + .' "$HOSTS/b.key")
    swallow 'ip saddr 10.99.0.254 tcp dport 22'
    write_remote_config '{"connect_timeout": 1}'
    refused 'firewall'
    write_remote_config "{\"proxy_jump\": \"root@10.99.0.2\", \"host_key\": [$a, $b]}"
    cpi has_vm '["vm-1"]'
    [[ $result == false ]]
    write_remote_config "{\"proxy_jump\": \"root@10.99.0.2\", \"host_key\": [$a]}"
    refused "the key of host '10.99.0.2' is not in 'host_key'" "$(fingerprint b)" 'ssh-keyscan 10.99.0.2'
    write_remote_config "{\"proxy_jump\": \"root@10.99.0.2\", \"host_key\": [$b]}"
    refused "the key of host '10.99.0.1' is not in 'host_key'" "$(fingerprint a)" 'ssh-keyscan 10.99.0.1'
    write_remote_config "{\"proxy_jump\": \"nosuch@10.99.0.2\", \"host_key\": [$a, $b]}"
    refused "by way of 'nosuch@10.99.0.2': nosuch@10.99.0.2: Permission denied"
    write_remote_config "{\"proxy_jump\": \"root@10.99.0.2:2222\", \"host_key\": [$a, $b]}"
    refused 'connect to host 10.99.0.2 port 2222: Connection refused'
    [[ $retriable == true ]]
}

# asked_with CONTEXT: has_vm, with what the Director's entry says over the file's
asked_with() {
    response=$(jq -cn --argjson context "$1" \
        '{method: "has_vm", arguments: ["vm-1"], api_version: 2, context: ($context + {director_uuid: "lab"})}' |
        run_cpi 2>>"$BATS_TEST_TMPDIR/stderr")
    said=$(jq -r .error.message <<<"$response")
}

@test "an entry's host is reached with nothing of what the file says about its own" {
    local b key
    b=$(jq -R . "$HOSTS/b.key") key="\"$HOSTS/key\""
    write_remote_config '{"port": 22, "proxy_jump": "root@10.99.0.77"}'
    # Neither with its key, nor its proxy_jump, nor by its host key.
    asked_with "{\"host\": \"10.99.0.2\", \"private_key\": $key}"
    [[ $said == *"host '10.99.0.2' is not in known_hosts"*"$(fingerprint b)"* ]] || { echo "$said" >&2; false; }
    asked_with "{\"host\": \"10.99.0.2\", \"host_key\": $b}"
    [[ $said == *"host '10.99.0.2': "*'Permission denied'* ]] || { echo "$said" >&2; false; }
    asked_with "{\"uri\": \"qemu+ssh://root@10.99.0.2/system?keyfile=$HOSTS/key\", \"host_key\": $b}"
    [[ $(jq -c .result <<<"$response") == false ]] || { echo "$said" >&2; false; }
}

@test "a user key that the host does not accept, as a path, as text, or nonsense" {
    write_remote_config "{\"private_key\": \"$HOSTS/stranger\"}"
    refused 'Permission denied' 'authorized_keys'
    [[ $retriable == false ]]
    write_remote_config "{\"private_key\": $(jq -Rs . "$HOSTS/stranger")}"
    refused 'Permission denied'
    write_remote_config '{"private_key": "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----"}'
    refused 'is not a key that ssh can use'
    write_remote_config '{"private_key": "/no/such/key"}'
    refused "cannot read the private_key '/no/such/key'"
    [[ $(jq -r .error.type <<<"$response") == Bosh::Clouds::CpiError ]]
    write_remote_config '{"username": "nosuchuser"}'
    refused 'as nosuchuser' 'Permission denied'
}

@test "a port where nothing listens, a host that is not there, a name that means nothing" {
    write_remote_config '{"port": 2222}'
    refused 'Connection refused' 'port'
    [[ $retriable == true ]]
    write_remote_config '{"host": "nowhere.invalid"}'
    refused "'nowhere.invalid'" 'resolve'
    write_remote_config '{"host": "10.99.0.77", "connect_timeout": 1}'
    refused "cannot connect to host '10.99.0.77'"
    [[ $retriable == true ]]
}

@test "a port that a firewall swallows, and one where nobody speaks, within the time limit" {
    local began=$SECONDS
    swallow 'tcp dport 2223'
    write_remote_config '{"port": 2223, "connect_timeout": 2}'
    refused 'firewall'
    [[ $retriable == true ]]
    on_host busybox nc -ll -p 2224 -e sleep 300 3>&- &
    write_remote_config '{"port": 2224, "connect_timeout": 2}'
    wait_for on_host sh -c 'ss -ltn 2>/dev/null | grep -q :2224 || busybox netstat -ltn | grep -q :2224'
    refused "host '10.99.0.1'"
    [[ $retriable == true ]]
    kill %1
    # Each has its own limit of a few seconds, and this machine may be slow.
    ((SECONDS - began < 120))
}

@test "a connection that falls silent is dead after three times keepalive, and what it ran is ended" {
    rm -f "$HOSTS/asked"
    printf '#!/bin/sh\n: >"%s/asked"\nexec sleep 1000\n' "$HOSTS" >"$HOSTS/virsh"
    chmod 0755 "$HOSTS/virsh"
    write_remote_config "{\"keepalive\": 1, \"bin_path\": \"$HOSTS/virsh\"}"
    echo '{"method": "has_vm", "arguments": ["vm-1"]}' |
        "$CPI" --config "$CONFIG" >"$BATS_TEST_TMPDIR/answer" 2>/dev/null 3>&- &
    wait_for test -e "$HOSTS/asked"
    swallow 'tcp dport 22'
    wait "$!"
    let_through
    jq -e '.error | .ok_to_retry and (.message | contains("connection to host '\''10.99.0.1'\'' was lost"))' \
        "$BATS_TEST_TMPDIR/answer" || { cat "$BATS_TEST_TMPDIR/answer" >&2; false; }
    wait_for no_far_shell
    fails on_host pgrep -fx 'sleep 1000'
    write_remote_config '{}'
    cpi has_vm '["vm-1"]'
    [[ $result == false ]]
}

@test "what fails before anything is asked of the host does not connect to it" {
    write_remote_config '{"port": 2222}'
    cpi_fails CpiError 'size' create_disk '[-1, {}, null]'
    cpi info
    write_remote_config '{"host": "-oProxyCommand=id"}'
    cpi_fails CpiError "'host' must be the name" has_vm '["vm-1"]'
    write_remote_config '{"uri": "qemu+ssh://root@10.99.0.2/system"}'
    cpi_fails CpiError "'uri' leads to '10.99.0.2'" has_vm '["vm-1"]'
    fails grep -q connecting "$BATS_TEST_TMPDIR/stderr"
}

@test "without ssh, what to install" {
    mkdir "$BATS_TEST_TMPDIR/bin"
    response=$(echo '{"method": "has_vm", "arguments": ["vm-1"]}' |
        "$lab/hosts.sh" exec "$HOSTS" env -i PATH="$BATS_TEST_TMPDIR/bin" "$PROGRAM" --config "$CONFIG" 2>/dev/null)
    [[ $(jq -r .error.message <<<"$response") == *openssh-client* ]]
}
