#!/usr/bin/env bats
# The BOSH release as BOSH installs it: unpacked, its package "compiled", its job rendered. What the
# bosh CLI was recorded to ask of a CPI is asked of that, on real libvirt and QEMU.

load helper
load release

setup_file() {
    install_release
}

# send REQUEST: to the job's bin/cpi, as create-env runs it; the answer is in $response
send() {
    response=$(BOSH_PACKAGES_DIR=$BATS_FILE_TMPDIR/packages BOSH_JOBS_DIR=$BATS_FILE_TMPDIR/jobs \
        "$BATS_FILE_TMPDIR/jobs/libvirt_cpi/bin/cpi" <<<"$1" 2>>"$BATS_TEST_TMPDIR/stderr")
}

teardown() {
    clean_up
    remove_network
}

job_with() {
    install_job "$(jq -n --arg store "$STORE" --arg uri "$URI" --arg mbus "$1" '{libvirt_cpi: {store_dir: $store,
        uri: $uri, domain_type: "qemu", auto_enable_networks: true, agent: {mbus: $mbus}}}')"
}

@test "the installed job leads a Director through its whole life: created, changed, recreated, migrated, deleted" {
    local file method theirs image
    declare -A ours=()
    recorded_network
    job_with https://mbus:mbus-password@0.0.0.0:6868
    image=$("$lab/stemcell.sh" qcow2 2>/dev/null)
    for file in "$root"/tests/recorded/cli/*/*.json; do
        method=$(jq -r .request.method "$file")
        send "$(request_of "$file")"
        answered "$method" "$file"
        after "$method" "$file"
        theirs=$(jq -r '.response.result | if type == "array" then .[0] else . end | tostring' "$file")
        [[ $method != create_* ]] || ours[$theirs]=$(jq -r '.result | if type == "array" then .[0] else . end' <<<"$response")
    done
    nothing_left
    [[ $(virsh_lab net-dumpxml bosh-lab --inactive) != *'<host '* ]]
}

# send_as_director REQUEST: as the Director runs the job, from /var/vcap and with nearly no environment
send_as_director() {
    response=$(unshare --mount bash -ec "mount -t tmpfs none /var && mkdir -p /var/vcap/{jobs,packages} &&
        mount --bind '$BATS_FILE_TMPDIR/jobs' /var/vcap/jobs &&
        mount --bind '$BATS_FILE_TMPDIR/packages' /var/vcap/packages &&
        exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin TMPDIR=/tmp HOME=/root /var/vcap/jobs/libvirt_cpi/bin/cpi" \
        <<<"$1" 2>>"$BATS_TEST_TMPDIR/stderr")
}

@test "the installed job answers what the Director's client asks, in its environment" {
    recorded_network
    job_with nats://192.168.150.1:4222
    directors_life
    nothing_left
}
