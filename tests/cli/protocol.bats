#!/usr/bin/env bats
# Whatever comes in on stdin, one valid answer goes out on stdout and the exit status is 0.

load helper

# must_be_a_cpi_error TEXT: sent as a request, and nothing comes of it.
must_be_a_cpi_error() {
    send "$1"
    fails_with CpiError
    is_not_retriable
    no_calls
    unchanged "$before" "${1:0:200}"
}

@test "an empty stdin, and what is no JSON, is a CpiError" {
    before=$(digest)
    local text
    for text in '' ' ' 'hello' '{' '{"method":"info"' '{"method":}' '{"method":"info",}' \
        "{'method':'info'}" '{"method":"info"}{"method":"info"}' '{"method":"info"} x' 'nul' \
        $'{"method":"in\xfffo","arguments":[]}' '{"method":"info\u0000","arguments":[]}' \
        $'\xef\xbb\xbf' $'\x01' '{"method":"info","arguments":[NaN]}' '"\ud800"'; do
        must_be_a_cpi_error "$text"
    done
}

@test "what only looks like JSON is a CpiError" {
    before=$(digest)
    local text
    for text in $'\xef\xbb\xbf{"method":"ping","arguments":[]}' '{"method":"ping","arguments":[01]}' \
        '{"method":"ping","arguments":[1.]}' '{"method":"ping","arguments":[+1]}' \
        $'{"method":"pi\tng","arguments":[]}' $'{"method":"ping",\x01"arguments":[]}' \
        $'{"method":"ping","arguments":[]}\x1f'; do
        must_be_a_cpi_error "$text"
    done
}

@test "a closed stdin is a CpiError" {
    run_cpi() { PATH=$world/bin "$CPI" --config "$world/cpi.json" <&-; }
    before=$(digest)
    must_be_a_cpi_error ''
}

@test "JSON that is no request is a CpiError" {
    before=$(digest)
    local text
    for text in 1 '"info"' null true '[]' '[{"method":"info"}]' '{}' '{"arguments":[]}' \
        '{"method":null,"arguments":[]}' '{"method":7,"arguments":[]}' '{"method":"","arguments":[]}' \
        '{"method":["info"],"arguments":[]}' '{"method":{"info":1},"arguments":[]}' \
        '{"method":"has_vm","arguments":{}}' '{"method":"has_vm","arguments":"vm-1"}' \
        '{"method":"has_vm","arguments":1}' '{"method":"has_vm","arguments":["vm-1"],"context":[]}' \
        '{"method":"has_vm","arguments":["vm-1"],"context":"x"}' \
        '{"method":"has_vm","arguments":["vm-1"],"api_version":"x"}' \
        '{"method":"has_vm","arguments":["vm-1"],"api_version":0}' \
        '{"method":"has_vm","arguments":["vm-1"],"api_version":-1}' \
        '{"method":"has_vm","arguments":["vm-1"],"api_version":1.5}' \
        '{"method":"has_vm","arguments":["vm-1"],"api_version":{}}'; do
        must_be_a_cpi_error "$text"
    done
}

@test "JSON as deep as a well is a CpiError" {
    before=$(digest)
    local deep
    deep=$(printf '[%.0s' {1..5000})
    must_be_a_cpi_error "$deep"
    must_be_a_cpi_error "{\"method\":\"info\",\"arguments\":$deep}"
}

@test "a request larger than any is a CpiError" {
    run_cpi() { head -c 17000000 /dev/zero | tr '\0' ' ' | PATH=$world/bin "$CPI" --config "$world/cpi.json"; }
    before=$(digest)
    must_be_a_cpi_error ''
    says 'larger than'
}

@test "an unknown method is NotImplemented, in the words that the callers know" {
    before=$(digest)
    local method
    for method in frobnicate Info INFO ' info' create_vm2 'méthode' ../info; do
        refused NotImplemented "$method"
        says "Method is not known, got"
        unchanged "$before" "$method"
    done
    no_calls
}

@test "a method that is not built is NotImplemented, and nothing comes of it" {
    local method
    have_attached_disk
    forget_calls
    before=$(digest)
    for method in "${not_built[@]}"; do
        refused NotImplemented "$method" "$disk" 128 '{}'
        unchanged "$before" "$method"
    done
    no_calls
}

@test "configure_networks is NotSupported" {
    refused NotSupported configure_networks vm-1 '{}'
    no_calls
}

@test "ping answers pong, even without a configuration" {
    ok ping
    result_is '"pong"'
    rm "$world/cpi.json"
    ok ping
    result_is '"pong"'
}

@test "a version of the API that is not known is refused, and not taken for another" {
    version=4
    refused NotSupported has_vm vm-1
    version=1000000000000
    ask has_vm vm-1
    ! succeeded || fail 'this version was taken'
    no_calls
}

@test "each line on stderr carries the request's id" {
    local line
    have_attached_disk
    context='"request_id":"cpi-815"'
    ask detach_disk "$vm" "$disk"
    [[ -s $world/stderr ]] || fail 'nothing was said on stderr'
    send "{\"method\":\"has_vm\",\"arguments\":[\"$vm\"],\"context\":{\"request_id\":\"cpi-815\"}}"
    while read -r line; do
        [[ $line == *cpi-815* ]] || fail "without the id: $line"
    done <"$world/stderr"
    [[ $(wc -l <"$world/stderr") -ge 2 ]] || fail 'a command should be told before and after'
}

@test "the bosh CLI sends no request id and that is fine" {
    have_vm
    send "{\"method\":\"has_vm\",\"arguments\":[\"$vm\"],\"api_version\":2,\"context\":{\"director_uuid\":\"x\",\"vm\":{\"stemcell\":{}}}}"
    result_is true
    send "{\"method\":\"has_vm\",\"arguments\":[\"$vm\"]}"
    result_is true
}

@test "keys and arguments beyond those that are known do no harm" {
    have_attached_disk
    send "{\"method\":\"has_vm\",\"arguments\":[\"$vm\",1,{},null],\"api_version\":2,\"more\":[1],\"context\":{\"x\":{\"y\":1}}}"
    result_is true
    ok info more than enough
    ok has_disk "$disk" '{"x":1}'
    result_is true
    ok get_disks "$vm" 1 2 3
    result_is "[\"$disk\"]"
    ok set_vm_metadata "$vm" '{"name":"a"}' '{}' '{}'
    ok attach_disk "$vm" "$disk" '{"x":1}'
    ok detach_disk "$vm" "$disk" null
    ok delete_disk "$disk" null null
    ok calculate_vm_cloud_properties '{"cpu":1}' '{}'
    ok reboot_vm "$vm" '{}'
    ok delete_vm "$vm" '{}'
    ok create_disk 10 '{}' null '{}'
    ok delete_stemcell "$stemcell" '{}'
}

@test "bytes that are no UTF-8 in what a command says do not spoil the answer" {
    have_vm
    echo '1 garbage' >"$state/fail-at"
    : >"$state/down"
    forget_calls
    ask reboot_vm "$vm"
    fails_with CloudError
}

@test "stdout carries nothing but the answer when stderr is closed" {
    run_cpi() { PATH=$world/bin "$CPI" --config "$world/cpi.json" 2>&-; }
    have_vm
    ok has_vm "$vm"
    result_is true
}

@test "the Director's environment is enough: nothing but a PATH" {
    run_cpi() { env -i PATH="$world/bin" "$CPI" --config "$world/cpi.json"; }
    have_attached_disk
    ok delete_vm "$vm"
}

@test "what the caller's environment says does not reach the commands" {
    # The stand-ins are shell scripts: BASH_ENV would be read by each of them.
    echo "touch '$world/reached'" >"$world/profile"
    run_cpi() { BASH_ENV=$world/profile LIBVIRT_DEFAULT_URI=test:///default PATH=$world/bin "$CPI" --config "$world/cpi.json"; }
    have_vm
    [[ ! -e $world/reached ]] || fail 'BASH_ENV came through'
}
