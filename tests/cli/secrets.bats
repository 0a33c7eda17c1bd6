#!/usr/bin/env bats
# Secrets come in with the configuration and with env. They go to the settings ISO and nowhere else.
# Each answer and each line on stderr of all other tests is looked through as well: see helper.bash.

load helper

environment="{\"bosh\":{\"password\":\"$canary\",\"mbus\":{\"urls\":[\"nats://u:$canary@10.0.0.1\"],
    \"cert\":{\"ca\":\"$canary\",\"certificate\":\"-----BEGIN CERTIFICATE-----\\n$canary\",
    \"private_key\":\"-----BEGIN RSA PRIVATE KEY-----\\n$canary\"}},
    \"blobstores\":[{\"provider\":\"dav\",\"options\":{\"password\":\"$canary\"}}]}}"

create() {
    ask create_vm agent-1 "$stemcell" "${1-"{}"}" "$(manual 10.0.0.10)" '[]' "$environment"
}

@test "the settings hold the secrets, and only we can read them" {
    have_stemcell
    create
    succeeded || fail 'no VM'
    remember_vm
    settings "$vm" | jq -e --arg secret "$canary" '(.env.bosh.password == $secret) and
        (.env.bosh.mbus.cert.private_key | contains($secret)) and (.mbus | contains($secret)) and
        .blobstore.options.password == $secret' || fail 'they are not there'
    [[ $(grep -rlF "$canary" "$store") == "$store/vms/$vm/settings.iso" ]] || fail 'they are elsewhere too'
    [[ $(stat -c %a "$store/vms/$vm/settings.iso") == 600 ]] || fail 'others can read them'
}

remember_vm() {
    [[ $response =~ \"(vm-[^\"]+)\" ]]
    vm=${BASH_REMATCH[1]}
}

@test "a lax umask of the caller opens nothing" {
    have_stemcell
    umask 000
    create
    umask 022
    succeeded || fail 'no VM'
    check_secrets
    [[ -z $(find "$store" ! -type l -perm /022) ]] ||
        fail "others can write: $(find "$store" ! -type l -perm /022)"
}

@test "nobody learns a secret from a create_vm that fails, at whatever step" {
    local i
    have_stemcell
    for ((i = 1; ; i++)); do
        forget_calls
        echo "$i exit" >"$state/fail-at"
        create
        check_secrets
        if succeeded; then break; fi
        ! grep -rqF "$canary" "$store" || fail 'a secret is left'
    done
    ((i > 3)) || fail 'no step failed'
}

@test "nobody learns a secret from a request or configuration that makes no sense" {
    have_stemcell
    create '{"cpus":-1}'
    ! succeeded || fail 'this was taken'
    send "{\"method\":\"create_vm\",\"arguments\":[\"a\",\"$stemcell\",{},{},[],\"$canary\"]}"
    send "{\"method\":\"create_vm\",\"arguments\":[\"a\",\"$stemcell\",{},{},[],{\"password\":\"$canary\""
    send "{\"method\":\"create_vm\" $canary"
    send "{\"method\":\"info\",\"arguments\":[],\"context\":{\"agent\":{\"mbus\":\"$canary\"}}}"
    configure agent "\"$canary\""
    refused CpiError has_vm vm-1
    configure agent "{\"mbus\":[\"$canary\"],\"blobstore\":\"$canary\",\"ntp\":[\"x\",{\"y\":\"$canary\"}]}"
    refused CpiError has_vm vm-1
    printf '{"agent":{"mbus":"%s}' "$canary" >"$world/cpi.json"
    refused CpiError has_vm vm-1
}

@test "a private key in the configuration is not told" {
    configure private_key "\"-----BEGIN OPENSSH PRIVATE KEY-----\\n$canary\\n-----END OPENSSH PRIVATE KEY-----\\n\""
    ask has_vm vm-1
    configure host '"elsewhere"' username '"me"'
    ask has_vm vm-1
    ! succeeded || fail 'this was answered by this host'
}

@test "a secret in the context is not told" {
    have_stemcell
    configure agent ''
    context="\"agent\":{\"mbus\":\"https://u:$canary@h\"}"
    create
    succeeded || fail 'no VM'
    context="\"agent\":{\"mbus\":\"https://u:$canary@h\"},\"private_key\":\"$canary\",\"unknown\":\"$canary\""
    ask has_vm vm-1
}
