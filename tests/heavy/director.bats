#!/usr/bin/env bats
# What config/ops/cpi.yml makes of bosh-deployment's bosh.yml, as it is meant to run: create-env's job
# on the libvirt host itself, the Director's in a machine of that host that has nothing but ssh. Neither
# is root, and the host's QEMU is another user still.
# shellcheck disable=SC2153,SC2154 # of remote.bash

load ../live/remote
load ../live/release

# Who runs create-env and whom the Director logs in as, in group libvirt; no user of the machine's own.
account=bosh
account_id=60123

setup_file() {
    export HOSTS=$BATS_FILE_TMPDIR/hosts
    chmod 0755 "$BATS_FILE_TMPDIR"
    "$BATS_TEST_DIRNAME/../lab/hosts.sh" start "$HOSTS" --qemu-user
    install_release
}

# The account is known on the host alone, and the store there is its own.
make_account() {
    # shellcheck disable=SC2016 # for the shell there
    [[ ! -e $HOSTS/$HOST/passwd ]] || return 0
    on_host bash -ec '
        { cat /etc/passwd && echo "$2:x:$3:$3::$1:/bin/sh"; } >"$1/passwd"
        { sed -E "/^libvirt:/ { s/:\$/:$2/; t; s/\$/,$2/ }" /etc/group && echo "$2:x:$3:"; } >"$1/group"
        mount --bind "$1/passwd" /etc/passwd
        mount --bind "$1/group" /etc/group' make "$HOSTS/$HOST" "$account" "$account_id"
    chown "$account_id:$account_id" "$STORE"
}

# properties FILTER: the job's properties in the manifest
properties() {
    jq "{libvirt_cpi: ($1).libvirt_cpi}" "$BATS_TEST_TMPDIR/manifest"
}

# install_both: cpi.yml with the variables that this host has, rendered as the two jobs
install_both() {
    local fixtures=$root/tests/release/fixtures
    jq -n --arg host "$ADDRESS" --arg user "$account" --arg store "$HOSTS/store" --rawfile key "$HOSTS/key" \
        --rawfile host_key "$HOSTS/$HOST.key" '{libvirt_host: $host, libvirt_username: $user,
        libvirt_store_dir: $store, libvirt_ssh: {private_key: $key}, libvirt_host_key: $host_key}' >"$BATS_TEST_TMPDIR/vars"
    ruby "$root/tests/release/bosh.rb" interpolate "$fixtures/bosh.yml" -o "$root/config/ops/cpi.yml" \
        -l "$fixtures/vars.yml" -l "$BATS_TEST_TMPDIR/vars" --var-errs >"$BATS_TEST_TMPDIR/manifest"
    install_job "$(properties '.cloud_provider.properties')" "$BATS_TEST_TMPDIR/create-env"
    install_job "$(properties '.instance_groups[0].jobs[] | select(.name == "libvirt_cpi").properties')" \
        "$BATS_TEST_TMPDIR/director"
    # create-env's are its caller's; the agent's are root's, and vcap's to read.
    chown -R "$account_id" "$BATS_TEST_TMPDIR/create-env"
    chmod 0600 "$BATS_TEST_TMPDIR/create-env/libvirt_cpi/config/cpi.json"
    chgrp nogroup "$BATS_TEST_TMPDIR/director/libvirt_cpi/config/cpi.json"
    chmod 0640 "$BATS_TEST_TMPDIR/director/libvirt_cpi/config/cpi.json"
    chmod 0755 "$BATS_TEST_TMPDIR"
    install -d -o nobody -g nogroup "$BATS_TEST_TMPDIR/tmp"
}

# send REQUEST: to create-env's job, on the host
send() {
    response=$(on_host setpriv --reuid="$account" --regid="$account" --init-groups \
        env BOSH_PACKAGES_DIR="$BATS_FILE_TMPDIR/packages" BOSH_JOBS_DIR="$BATS_TEST_TMPDIR/create-env" \
        "$BATS_TEST_TMPDIR/create-env/libvirt_cpi/bin/cpi" <<<"$1" 2>>"$BATS_TEST_TMPDIR/stderr")
}

# send_as_director REQUEST: to the Director's job, in its machine, with its rights and environment
send_as_director() {
    response=$(at_director unshare --mount bash -ec "mount -t tmpfs none /var && mkdir -p /var/vcap/{jobs,packages} &&
        mount --bind '$BATS_TEST_TMPDIR/director' /var/vcap/jobs &&
        mount --bind '$BATS_FILE_TMPDIR/packages' /var/vcap/packages &&
        exec setpriv --reuid=nobody --regid=nogroup --clear-groups env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        HOME=/home/vcap TMPDIR='$BATS_TEST_TMPDIR/tmp' /var/vcap/jobs/libvirt_cpi/bin/cpi" <<<"$1" 2>>"$BATS_TEST_TMPDIR/stderr")
}

# ask WHO METHOD ARGUMENTS: the result is in $result
ask() {
    "$1" "$(jq -cn --arg method "$2" --argjson arguments "$3" \
        '{method: $method, arguments: $arguments, api_version: 2, context: {director_uuid: "d"}}')"
    [[ $(jq '.error == null' <<<"$response") == true ]] || {
        printf '%s: %s\n' "$2" "$response" >&2
        tail -n 20 "$BATS_TEST_TMPDIR/stderr" >&2
        return 1
    }
    result=$(jq -r .result <<<"$response")
}

@test "create-env's job makes a Director on the host, and the Director's own comes back to it and leads its VMs" {
    local image director stemcell
    make_account
    install_both
    recorded_network
    image=$BATS_TEST_TMPDIR/image
    install -m 0644 "$("$lab/stemcell.sh" qcow2 2>/dev/null)" "$image"
    ask send create_stemcell "[\"$image\", {}]"
    stemcell=$result
    ask send create_vm "$(jq -cn --arg stemcell "$stemcell" --argjson networks "$(networks 192.168.122.10)" \
        '["director", $stemcell, {memory: 256, ephemeral_disk: 96}, $networks, [], {}]')"
    director=$(jq -r '.[0]' <<<"$result")
    boots "$director"
    on_console "$director" "^guest: settings label=config-2 agent_id=director vm=$director"

    ask send_as_director has_vm "[\"$director\"]"
    [[ $result == true ]]
    directors_life
    [[ $(virsh_lab domstate "$director") == running ]]

    ask send delete_vm "[\"$director\"]"
    ask send delete_stemcell "[\"$stemcell\"]"
    nothing_left
    # All that was made was made by that user.
    [[ -z $(find "$STORE" ! -uid "$account_id") ]] || {
        find "$STORE" ! -uid "$account_id" -ls >&2
        false
    }
    # A key in the configuration has to be a file for ssh, and is gone afterwards.
    [[ -z $(ls -A "$BATS_TEST_TMPDIR/tmp") ]]
}

# The bosh CLI, as far as create-env.sh needs it here: the key in $BATS_TEST_TMPDIR/generated is the Director's.
fake_bosh() {
    mkdir -p "$BATS_TEST_TMPDIR"/{bin,here,bosh-deployment}
    : >"$BATS_TEST_TMPDIR/bosh-deployment/bosh.yml"
    : >"$BATS_TEST_TMPDIR/cpi.tgz"
    cat >"$BATS_TEST_TMPDIR/bin/bosh" <<END
#!/bin/bash
case "\$*" in
    *'--path /libvirt_ssh/private_key') cat '$BATS_TEST_TMPDIR/generated' ;;
    *'--path /libvirt_ssh/public_key') echo 'ssh-ed25519 AAAAPUBLIC' ;;
    create-env*) printf '%s\\n' "\$@" >'$BATS_TEST_TMPDIR/here/created' ;;
esac
END
    chmod 0755 "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/bin/bosh"
    chown -R "$account_id" "$BATS_TEST_TMPDIR/here"
}

# the_directors_key FILE
the_directors_key() {
    install -o "$account_id" -m 0400 "$1" "$BATS_TEST_TMPDIR/generated"
}

# create_env [NAME=VALUE…]: create-env.sh on the host, whose sshd is the real one
create_env() {
    on_host setpriv --reuid="$account" --regid="$account" --init-groups env -i -C "$BATS_TEST_TMPDIR/here" \
        HOME="$BATS_TEST_TMPDIR/here" TMPDIR="$BATS_TEST_TMPDIR/here" PATH="$BATS_TEST_TMPDIR/bin:/usr/bin:/bin" INTERNAL_GW="$ADDRESS" \
        LIBVIRT_CPI_RELEASE="$BATS_TEST_TMPDIR/cpi.tgz" LIBVIRT_HOST_KEY="$(<"$HOSTS/$HOST.key")" "$@" \
        "$root/config/ops/create-env.sh" "$BATS_TEST_TMPDIR/bosh-deployment" 2>&1
}

@test "create-env.sh logs in as the Director will, and goes on only where that works" {
    make_account
    fake_bosh
    the_directors_key "$HOSTS/stranger"
    run create_env
    [[ $status -ne 0 && $output == *'Permission denied'*"as $account@$ADDRESS"*'ssh-ed25519 AAAAPUBLIC'* ]]
    the_directors_key "$HOSTS/key"
    run create_env LIBVIRT_HOST_KEY="$(<"$HOSTS/b.key")"
    [[ $status -ne 0 && $output == *'Host key verification failed'* ]]
    [[ ! -e $BATS_TEST_TMPDIR/here/created ]]
    run create_env
    ((status == 0)) || { echo "$output" >&2; false; }
    grep -qx "libvirt_username=$account" "$BATS_TEST_TMPDIR/here/created"
    # The key that it tried is not left lying about.
    fails grep -rl 'PRIVATE KEY' "$BATS_TEST_TMPDIR/here"
}
