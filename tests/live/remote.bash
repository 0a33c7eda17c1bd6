# What the tests with two hosts over SSH share: calls go out from where the Director is, what they
# did is looked at on the hosts themselves.
# shellcheck shell=bash disable=SC2034,SC2154

load ../live/helper

setup_file() {
    export HOSTS=$BATS_FILE_TMPDIR/hosts
    chmod 0755 "$BATS_FILE_TMPDIR"
    "$BATS_TEST_DIRNAME/../lab/hosts.sh" start "$HOSTS"
}

teardown_file() {
    "$BATS_TEST_DIRNAME/../lab/hosts.sh" stop "$HOSTS"
}

setup() {
    PROGRAM=${LIVE_CPI:-$root/build/cpi}
    CPI=$BATS_TEST_TMPDIR/cpi
    HOME_DIR=$BATS_TEST_TMPDIR/home
    mkdir -p "$HOME_DIR"
    director_runs
    work_on b
    write_remote_config '{}'
    work_on a
    write_remote_config '{}'
}

# director_runs [WORD…]: cpi runs where the Director is, in the environment that it gives its CPIs. The
# words come before it and start it.
director_runs() {
    local words
    words=$(printf '%q ' "$lab/hosts.sh" exec "$HOSTS" "$@" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        HOME="$HOME_DIR" TMPDIR="$BATS_TEST_TMPDIR" "$PROGRAM")
    printf '#!/bin/bash\nexec %s "$@"\n' "$words" >"$CPI"
    chmod 0755 "$CPI"
}

teardown() {
    local host vm
    for host in a b; do
        work_on "$host"
        let_through 2>/dev/null || true
        for vm in $(virsh_lab list --all --name); do
            virsh_lab destroy "$vm" >/dev/null 2>&1 || true
            virsh_lab undefine "$vm" --managed-save --nvram >/dev/null 2>&1 || true
        done
        find "$STORE" -mindepth 1 -delete
    done
}

# work_on a|b: what follows is about this host
work_on() {
    HOST=$1
    ADDRESS=$([[ $1 == a ]] && echo 10.99.0.1 || echo 10.99.0.2)
    STORE=$HOSTS/$1/store
    URI=$(<"$HOSTS/$1/uri")
    CONFIG=$BATS_TEST_TMPDIR/$1.json
}

# write_remote_config JSON: the host's usual config with these keys over it
write_remote_config() {
    jq -n --arg store "$HOSTS/store" --arg host "$ADDRESS" --arg key "$HOSTS/key" \
        --rawfile host_key "$HOSTS/$HOST.key" --argjson more "$1" '{
        store_dir: $store, storage_controller: "SATA", domain_type: "qemu",
        host: $host, username: "root", private_key: $key, host_key: $host_key,
        agent: { mbus: "https://mbus:mbus-password@0.0.0.0:6868" }
    } + $more' >"$CONFIG"
}

# fails COMMAND…: '!' alone would not fail a test
fails() {
    ! "$@"
}

at_director() {
    "$lab/hosts.sh" exec "$HOSTS" "$@"
}

on_host() {
    "$lab/hosts.sh" on "$HOSTS" "$HOST" "$@"
}

# swallow WHAT: the host drops the packets that nft calls so, until let_through or the test's end.
swallow() {
    on_host nft "add table inet lab; add chain inet lab input { type filter hook input priority 0; };
        add rule inet lab input $1 drop"
}

let_through() {
    on_host nft delete table inet lab
}

# The far shells of cpi's connections to the host.
far_shells() {
    on_host pgrep -f 'cpi-session' || true
}

some_far_shell() {
    [[ $(far_shells) ]]
}

no_far_shell() {
    [[ -z $(far_shells) ]]
}
