#!/usr/bin/env bats
# info needs nothing at all; and what else can be asked of cpi by options.

load helper
bats_require_minimum_version 1.5.0

formats='["openstack-qcow2", "openstack-raw", "vsphere-ovf", "general-ovf", "libvirt-light"]'

tells_all() {
    ok info
    result_has ".api_version == 3 and .stemcell_formats == $formats"
    no_calls
}

@test "info tells the version and the stemcell formats, to each version of the API" {
    local version
    for version in '' 1 2 3; do
        tells_all
    done
    [[ ! -e $store ]] || fail 'info made a store'
}

@test "info needs no configuration" {
    rm "$world/cpi.json"
    tells_all
}

@test "info needs no configuration that makes sense" {
    local text
    for text in '' '{' '[]' '"x"' '{"hypervisor":"nonsense"}' '{"hypervisor":7,"agent":1}' \
        '{"uri":"xyz"}' $'\xff\xfe'; do
        printf '%s' "$text" >"$world/cpi.json"
        tells_all
    done
}

@test "info needs no programs" {
    run_cpi() { env -i "$CPI" --config "$world/cpi.json"; }
    rm -r "${world:?}/bin"
    tells_all
}

@test "info needs no libvirt and no store" {
    : >"$state/down"
    configure store_dir '"/proc/no/such/place"'
    tells_all
}

@test "info does not mind a request without arguments and context" {
    send '{"method":"info"}'
    result_has '.api_version == 3'
    send '{"method":"info","arguments":[],"context":{},"api_version":null}'
    result_has '.api_version == 3'
}

@test "info names the formats of the hypervisor that the context names" {
    context='"hypervisor":"qemu","uri":"qemu+ssh://elsewhere/system"'
    tells_all
}

# with_options OPTION...: runs cpi with these, and a request on stdin that would be fine.
with_options() {
    options=("$@")
    run_cpi() { PATH=$world/bin "$CPI" "${options[@]}"; }
    send "$(request ping)"
}

# prints OPTION...: what comes out is no answer but text, in $output.
prints() {
    run --separate-stderr env PATH="$world/bin" "$CPI" "$@" </dev/null
    [[ $status == 0 ]] || fail "$* exits with $status"
}

@test "--config and -configPath name the configuration" {
    local option
    have_vm
    for option in --config -configPath; do
        options=("$option" "$world/cpi.json")
        run_cpi() { PATH=$world/bin "$CPI" "${options[@]}"; }
        ok has_vm "$vm"
        result_is true
    done
}

@test "\$CPI_CONFIG and \$BOSH_JOBS_DIR lead to the configuration" {
    have_vm
    run_cpi() { CPI_CONFIG=$world/cpi.json BOSH_JOBS_DIR=$world/nowhere PATH=$world/bin "$CPI"; }
    ok has_vm "$vm"
    mkdir -p "$world/jobs/libvirt_cpi/config"
    cp "$world/cpi.json" "$world/jobs/libvirt_cpi/config"
    run_cpi() { BOSH_JOBS_DIR=$world/jobs PATH=$world/bin "$CPI"; }
    ok has_vm "$vm"
    result_is true
}

@test "a \$CPI_CONFIG that is not there is not passed over" {
    mkdir -p "$world/jobs/libvirt_cpi/config"
    cp "$world/cpi.json" "$world/jobs/libvirt_cpi/config"
    run_cpi() { CPI_CONFIG=$world/missing.json BOSH_JOBS_DIR=$world/jobs PATH=$world/bin "$CPI"; }
    refused CpiError has_vm vm-1
    says "$world/missing.json"
}

@test "an unknown option, or one without its file, is answered with a CpiError" {
    with_options --frobnicate
    fails_with CpiError
    says '--frobnicate' '--help'
    with_options --config
    fails_with CpiError
    with_options -configPath
    fails_with CpiError
    with_options --config=x
    fails_with CpiError
}

@test "--help tells how to use it" {
    prints --help
    [[ $output == *--config* && $output == *stdin* && $output == *CPI_CONFIG* ]] || fail "$output"
    [[ -z $stderr ]] || fail "$stderr"
}

@test "--version tells the version on one line" {
    prints --version
    [[ $output =~ ^cpi\ [0-9]+\.[0-9]+ && ${#lines[@]} == 1 ]] || fail "$output"
}
