#!/usr/bin/env bats
# Secrets come in with the configuration and with env. They go to the settings ISO and nowhere else.
# Each answer and each line on stderr of all other tests is looked through as well: see helper.bash.

#
# That this sees something, by lines of the program that were broken once, and what failed then:
#
#   child.c   scrubbed_environment that keeps CPI_SECRET     all, by check_secrets
#   usual_files.c    the settings with mode 0644             another user of the machine
#   vm_create.c      a directory with mode 0777              another user of the machine, a lax umask

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

# watch STEP GAZE METHOD ARGUMENT...: the call, held at its STEPth command, where GAZE gets its
# process and that of the command; false when there is no such command.
watch() {
    local pid hanging='' fifo gaze=$2
    forget_calls
    mkfifo "$state/hanging"
    exec {fifo}<>"$state/hanging"
    echo "$1 hang" >"$state/fail-at"
    request "${@:3}" >"$world/request"
    TMPDIR=$world/tmp run_cpi <"$world/request" >"$world/stdout" 2>"$world/stderr" 3>&- &
    pid=$!
    until read -r -t 0.1 hanging <&"$fifo" || ! kill -0 "$pid" 2>/dev/null; do :; done
    if [[ $hanging ]]; then
        "$gaze" "$pid" "$hanging"
        kill -KILL "$hanging"
    fi
    wait "$pid"
    rm "$state/fail-at" "$state/hanging"
    exec {fifo}>&-
    read_answer 0
    [[ $hanging ]]
}

# look CPI CHILD: what any user of the machine may see of the two, and what others may read
look() {
    local file found
    for file in "/proc/$1/cmdline" "/proc/$2/cmdline" "/proc/$2/environ" "/proc/$2/comm"; do
        ! grep -qaF "$canary" "$file" || echo "a secret is in $file" >>"$world/seen"
    done
    found=$(find "$world/tmp" "$store" -type f -perm /077 -exec grep -lF "$canary" {} +) || true
    [[ -z $found ]] || echo "others can read a secret in $found" >>"$world/seen"
    looked=$((looked + 1))
}

@test "nobody sees a secret while create_vm runs" {
    local step looked=0
    mkdir "$world/tmp"
    have_stemcell
    for ((step = 1; ; step++)); do
        watch "$step" look create_vm agent-1 "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' "$environment" || break
    done
    [[ ! -e $world/seen ]] || fail "$(<"$world/seen")"
    echo "# $looked moments looked at" >&3
    ((looked > 3)) || fail 'hardly looked'
    [[ -z $(ls -A "$world/tmp") ]] || fail "left: $(ls -A "$world/tmp")"
}

# What another user of the machine tries who knows the name of everything: to read it, to change it,
# to put something in its place or beside it, and to see what there is. What succeeds is printed.
attempts='
    for path; do
        if [[ -d $path ]]; then
            ! ls "$path" >&3 || echo "list $path"
            ! touch "$path/planted" || echo "write into $path"
            ! ln -s /etc/passwd "$path/planted-link" || echo "link into $path"
        elif [[ -f $path ]]; then
            ! head -c 1 "$path" >&3 || echo "read $path"
            ! (: >>"$path") || echo "write $path"
        fi
        ! mv "$path" "$path.stolen" || echo "move $path"
    done 2>/dev/null 3>/dev/null'

as_another() {
    setpriv --reuid=nobody --regid=nogroup --clear-groups env -i PATH=/usr/bin:/bin bash -c "$attempts" another "$@"
}

# What is there for all: the version, and the image that each VM of a stemcell reads.
attack() {
    local paths
    mapfile -d '' paths < <(find "$store" "$world/tmp" -print0)
    as_another "${paths[@]}" |
        grep -vE "^(read $store/(version|stemcells/[^/]*/image\.[a-z0-9]+)|(list|write into|link into) $world/tmp)$" >>"$world/seen"
    rm -f "$world"/tmp/planted*
    [[ -z $(ls -A "$world/tmp") ]] || echo "temporary files: $(ls -A "$world/tmp")" >>"$world/seen"
    tried=$((tried + ${#paths[@]}))
}

# let_pass PATH: others may go through all directories above it.
let_pass() {
    local path=$1
    while [[ $path != / ]]; do
        chmod o+x "$path"
        path=${path%/*} path=${path:-/}
    done
}

@test "another user of the machine, who knows all names, reads and changes nothing at any moment" {
    local step method tried=0
    ((EUID == 0)) || skip 'to be another user takes root'
    mkdir -m 1777 "$world/tmp"
    have_stemcell
    have_disk
    let_pass "$world"
    umask 000
    for ((step = 1; ; step++)); do
        watch "$step" attack create_vm agent-1 "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' "$environment" || break
    done
    for method in "create_stemcell $image {}" 'create_disk 64 {} null' "snapshot_disk $disk"; do
        # shellcheck disable=SC2086 # words
        for ((step = 1; ; step++)); do
            watch "$step" attack $method || break
        done
    done
    umask 022
    # That it could have been seen: what is for all can be read.
    [[ $(as_another "$store/version") == "read $store/version" ]] || fail 'the other user gets nowhere'
    [[ ! -s $world/seen ]] || fail "$(sort -u "$world/seen")"
    echo "# $tried files and directories tried" >&3
    ((tried > 100)) || fail 'hardly tried'
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
