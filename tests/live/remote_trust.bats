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
    on_host nft 'add table inet lab; add chain inet lab input { type filter hook input priority 0; };
        add rule inet lab input tcp dport 2223 drop'
    write_remote_config '{"port": 2223, "connect_timeout": 2}'
    refused 'firewall'
    [[ $retriable == true ]]
    on_host nft delete table inet lab
    on_host busybox nc -ll -p 2224 -e sleep 300 3>&- &
    write_remote_config '{"port": 2224, "connect_timeout": 2}'
    wait_for on_host sh -c 'ss -ltn 2>/dev/null | grep -q :2224 || busybox netstat -ltn | grep -q :2224'
    refused "host '10.99.0.1'"
    [[ $retriable == true ]]
    kill %1
    # Each has its own limit of a few seconds, and this machine may be slow.
    ((SECONDS - began < 120))
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
