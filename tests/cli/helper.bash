# What the tests of the command line share: a world of one's own for each test, requests, and looks
# at what they left behind.
#
# A world is a directory with bin/ (the stand-ins), state/ (what they know, see tests/fake), store/
# and cpi.json. Most helpers work on the one in $world.
# shellcheck shell=bash

load ../figures

root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
CPI=$(realpath "${CPI:-$root/build/cpi}")
# Whoever runs the tests may have a cpi of their own.
unset CPI_CONFIG BOSH_JOBS_DIR

# Methods that are not built yet and answer NotImplemented.
not_built=(current_vm_id)

# What stands for every secret: it is in each configuration and in no place where others can read.
canary='canary-7f3a91d2'

# --- worlds ------------------------------------------------------------------------------------

setup() {
    begin
}

teardown() {
    check_secrets
}

teardown_file() {
    check_answers
}

# begin: for setup
begin() {
    [[ -x $CPI ]] || fail "there is no $CPI"
    debug_trap=$(trap -p DEBUG)
    stemcell='' vm='' disk='' cid='' sent='' response='' version=2 context='' director=u-1
    # Containers want a short path.
    BATS_TEST_TMPDIR=$(mktemp -d "$BATS_RUN_TMPDIR/XXXX")
    new_world "$BATS_TEST_TMPDIR/000"
}

# untraced COMMAND...: bats looks at each command of a test to know where it fails, which takes
# longer than most of them. Here it is not to look into a helper.
untraced() {
    local status
    trap - DEBUG
    "$@"
    status=$?
    eval "$debug_trap"
    return "$status"
}

# new_world DIRECTORY
new_world() {
    untraced make_world "$1"
}

make_world() {
    enter_world "$1"
    mkdir -p "$world"/{bin,state/domains}
    ln -s "$root"/tests/fake/* "$world/bin"
    have_network default
    declare -gA config=(
        [store_dir]="\"$store\""
        [storage_controller]='"VIRTIO"'
        [domain_type]='"qemu"'
        [agent]="{\"mbus\":\"https://mbus:$canary@0.0.0.0:6868\",\"ntp\":[\"ntp.example.org\"],
            \"blobstore\":{\"provider\":\"local\",\"options\":{\"password\":\"$canary\"}}}"
    )
    # Any test, on another host: CLI_HOST=1 bats tests/cli/disk.bats
    [[ ! ${CLI_HOST-} ]] || work_far_away
    write_config
}

# The host of this world is another one, which has the same files.
work_far_away() {
    cp "$root/tests/fake/far/ssh" "$world/bin/ssh"
    config[host]='"far"'
}

enter_world() {
    world=$1 store=$1/store state=$1/state
}

write_config() {
    local key text=''
    for key in "${!config[@]}"; do
        text+="${text:+,}\"$key\":${config[$key]}"
    done
    (umask 077 && printf '{%s}\n' "$text" >"$world/cpi.json")
}

# configure KEY JSON...: sets keys of cpi.json; nothing instead of JSON takes the key away.
configure() {
    while (($#)); do
        if [[ $2 ]]; then config[$1]=$2; else unset "config[$1]"; fi
        shift 2
    done
    write_config
}

# clone_world FROM TO: two directories with names of the same length, for the stand-in's images
# hold the paths of others.
clone_world() {
    local files
    cp -a "$1" "$2"
    mapfile -d '' files < <(grep -rslZF "$1" "$2/state" "$2/store" "$2/cpi.json")
    sed -i "s|$1|$2|g" "${files[@]}"
}

# have_network NAME [STATE [FIRST]]: active or inactive; FIRST.0/24 is its subnet. Its DHCP leaves
# the tests the lower addresses.
have_network() {
    local network=$state/networks/$1 uuid name=$1
    mkdir -p "$network"
    read -r uuid </proc/sys/kernel/random/uuid
    # Quoted, for newer shells take & in a replacement for what was found.
    name=${name//&/"&amp;"} name=${name//</"&lt;"}
    echo "$uuid" >"$network/uuid"
    network_xml "$name" "$uuid" "${3-10.0.0}" >"$network/config"
    [[ ${2-} != inactive ]] || return 0
    cp "$network/config" "$network/live"
    touch "$network"/{active,autostart}
}

# network_xml NAME UUID FIRST
network_xml() {
    cat <<XML
<network>
  <name>$1</name>
  <uuid>$2</uuid>
  <forward mode='nat'/>
  <bridge name='virbr0' stp='on' delay='0'/>
  <ip address='$3.1' netmask='255.255.255.0'>
    <dhcp>
      <range start='$3.128' end='$3.254'/>
    </dhcp>
  </ip>
  <ip family='ipv6' address='fd00::1' prefix='64'>
  </ip>
</network>
XML
}

# The stemcell's 'image', which all tests of a run share.
stemcell_image() {
    image=$BATS_RUN_TMPDIR/stemcell/image
    [[ ! -e $image ]] || return 0
    local work
    work=$(mktemp -d "$BATS_RUN_TMPDIR/stemcell.XXXXXX")
    PATH=$world/bin:$PATH qemu-img create -q -f qcow2 "$work/root.img" 3072M
    tar -C "$work" -czf "$work/image" root.img
    mkdir -p "${image%/*}"
    mv "$work/image" "$image"
}

# have_store: one in which there is nothing yet.
have_store() {
    mkdir -p -m 0711 "$store" "$store"/{vms,disks,stemcells,snapshots}
    mkdir -m 0700 "$store"/{networks,.lock}
    echo 1 >"$store/version"
}

# have_stemcell, have_vm [IP], have_disk: makes one; its CID is in $stemcell, $vm, $disk.
have_stemcell() {
    stemcell_image
    ok create_stemcell "$image" '{}'
    stemcell=$cid
}

# shellcheck disable=SC2120 # the address is not always of interest
have_vm() {
    [[ $stemcell ]] || have_stemcell
    ok create_vm agent-1 "$stemcell" '{}' "$(manual "${1-10.0.0.10}")" '[]' '{}'
    vm=$cid
}

have_disk() {
    ok create_disk 64 '{}' null
    disk=$cid
}

have_attached_disk() {
    have_vm
    have_disk
    ok attach_disk "$vm" "$disk"
}

# manual IP [NETWORK]: create_vm's networks
manual() {
    printf '{"private":{"type":"manual","ip":"%s","netmask":"255.255.255.0","gateway":"10.0.0.1",' "$1"
    printf '"dns":["10.0.0.1"],"default":["dns","gateway"],"cloud_properties":{"name":"%s"}}}' "${2-default}"
}

stop_domain() {
    rm "$state/domains/$1/live"
}

# forget_calls: what was called so far does not count.
forget_calls() {
    rm -f "$state"/{transcript,steps}
}

# --- requests ----------------------------------------------------------------------------------

# fail TEXT: fails the test and shows what was going on.
fail() {
    printf '%s\n' "$1"
    printf '  request:  %s\n  response: %s\n' "${sent:0:2000}" "${response:0:4000}"
    [[ ! -s ${world-}/stderr ]] || sed 's/^/  stderr:   /' "$world/stderr"
    return 1
}

# to_json WORD: anything that does not look like JSON is a string.
to_json() {
    case $1 in
        [\{\[\"0-9]* | -[0-9]* | null | true | false) printf '%s' "$1" ;;
        *) printf '"%s"' "$1" ;;
    esac
}

# request METHOD ARGUMENT...: prints the request of $director, of $version and with $context in its context.
request() {
    local method=$1 separator=''
    shift
    printf '{"method":"%s","arguments":[' "$method"
    while (($#)); do
        printf '%s' "$separator"
        to_json "$1"
        separator=,
        shift
    done
    printf ']%s,' "${version:+,\"api_version\":$version}"
    printf '"context":{"director_uuid":"%s","request_id":"cpi-4711"%s}}' "$director" "${context:+,$context}"
}

# run_cpi: a request on stdin; to be replaced where cpi is to be started otherwise.
run_cpi() {
    CPI_SECRET=$canary PATH=$world/bin "$CPI" --config "$world/cpi.json" "$@"
}

# send TEXT: any text as request; the answer is in $response. Fails when it is not what every
# answer must be; teardown_file looks closer at all of them.
send() {
    untraced send_text "$1"
}

send_text() {
    sent=$1
    local status=0
    run_cpi <<<"$1" >"$world/stdout" 2>"$world/stderr" || status=$?
    read_answer "$status"
}

read_answer() {
    IFS= read -r -d '' response <"$world/stdout" || true
    (($1 == 0)) || fail "exit status $1"
    [[ $response == '{'*'}'$'\n' && $response != *$'\n'?* ]] || fail 'the answer is not one line of JSON'
    printf '%s' "$response" >>"$BATS_FILE_TMPDIR/answers"
    [[ $response$(<"$world/stderr") != *"$canary"* ]] || fail 'a secret was told'
}

# ask METHOD ARGUMENT...: sends a request.
ask() {
    untraced send_request "$@"
}

send_request() {
    send_text "$(request "$@")"
}

succeeded() {
    [[ $response == *'"error":null'* ]]
}

# ok METHOD ARGUMENT...: must succeed; a result that is a CID, or begins with one, is in $cid.
ok() {
    ask "$@"
    succeeded || fail "$1 failed"
    cid=
    [[ ! $response =~ \"result\":\[?\"([^\"]+)\" ]] || cid=${BASH_REMATCH[1]}
}

# refused TYPE METHOD ARGUMENT...: must fail with that type.
refused() {
    ask "${@:2}"
    fails_with "$1"
}

# fails_with TYPE: the last answer did.
fails_with() {
    [[ $response == *"\"Bosh::Clouds::$1\""* ]] || fail "this should have been a $1"
}

# says TEXT...: the last answer holds each of them.
says() {
    local text
    for text; do
        [[ $response == *"$text"* ]] || fail "the answer does not say '$text'"
    done
}

is_retriable() {
    says '"ok_to_retry":true'
}

is_not_retriable() {
    says '"ok_to_retry":false'
}

# result_is JSON: the last answer's result
result_is() {
    jq -e --argjson wanted "$1" '.result == $wanted' <<<"$response" >/dev/null ||
        fail "the result should have been $1"
}

# result_has FILTER: a jq filter that must be true of the last answer's result
result_has() {
    jq -e ".result | $1" <<<"$response" >/dev/null || fail "this does not hold of the result: $1"
}

# --- a person's commands -----------------------------------------------------------------------

# person WORD...: runs a person's command on $world; stdout goes to $said, stderr to $complained, the
# exit status to $ended. Other programs of the machine are within reach.
person() {
    untraced run_person "$@"
}

run_person() {
    ended=0
    sent="cpi $*"
    PATH=$world/bin:$PATH CPI_CONFIG=$world/cpi.json "$CPI" "$@" \
        >"$world/stdout" 2>"$world/stderr" </dev/null || ended=$?
    said=$(<"$world/stdout") complained=$(<"$world/stderr")
    response=$said
    [[ $said$complained != *"$canary"* ]] || fail 'a secret was told'
}

# exits STATUS
exits() {
    ((ended == $1)) || fail "the exit status should have been $1, not $ended"
}

# tells TEXT...: the last command said each of them on stdout.
tells() {
    local text
    for text; do
        [[ $said == *"$text"* ]] || fail "stdout does not say '$text'"
    done
}

# complains TEXT...: the last command said each of them on stderr.
complains() {
    local text
    for text; do
        [[ $complained == *"$text"* ]] || fail "stderr does not say '$text'"
    done
}

# tells_json FILTER: a jq filter that must be true of what it said
tells_json() {
    jq -e "$1" <<<"$said" >/dev/null || fail "this does not hold of the output: $1"
}

# silent: nothing at all was said.
silent() {
    [[ -z $said && -z $complained ]] || fail 'it said something'
}

is_built() {
    [[ " ${not_built[*]} " != *" $1 "* ]]
}

# --- what every answer must be -----------------------------------------------------------------

# The rules of the Director's schema (see tests/recorded/director/response-validation.txt), and what
# the bosh CLI wants beyond them.
# shellcheck disable=SC2016 # the variables are jq's
answer_rules='
    ["CpiError", "NotSupported", "NotImplemented", "CloudError", "VMNotFound", "NetworkNotFound",
     "NoDiskSpace", "DiskNotAttached", "DiskNotFound", "VMCreationFailed"] as $types |
    select((
        type == "object" and has("result") and has("error") and (.log | type) == "string" and
        (.error == null or (
            .result == null and
            (.error.type | type == "string" and ltrimstr("Bosh::Clouds::") as $t |
                startswith("Bosh::Clouds::") and ($types | index([$t])) != null) and
            (.error.message | type == "string" and length > 0) and
            (.error.ok_to_retry | type) == "boolean"))
    ) | not)'

check_answers() {
    local answers=$BATS_FILE_TMPDIR/answers bad
    [[ -e $answers ]] || return 0
    iconv -f UTF-8 -t UTF-8 "$answers" >/dev/null || {
        echo 'an answer is not UTF-8'
        return 1
    }
    bad=$(jq -c "$answer_rules" "$answers") || bad='no JSON'
    if [[ $bad ]]; then
        printf 'not an answer: %s\n' "$bad"
        return 1
    fi
}

# Secrets are neither on a command line nor in the environment of a child (the stand-ins write both
# down), in a definition, or in a file that others may read.
check_secrets() {
    local found
    found=$(grep -rlF "$canary" "$world"/state/ || true)
    # A teardown does not end by itself where something fails.
    [[ -z $found ]] || fail "a secret is in $found" || return 1
    [[ -d $store ]] || return 0
    found=$(find "$store" -type f -perm /077 -exec grep -lF "$canary" {} +) || true
    [[ -z $found ]] || fail "others can read a secret in $found"
}

# --- what is left behind -----------------------------------------------------------------------

# digest: changes whenever anything changes that a person would miss.
digest() {
    untraced digest_world
}

digest_world() {
    local parts=(state)
    [[ ! -e $store ]] || parts+=(store)
    tar -C "$world" --sort=name --mtime=@0 --exclude=store/.lock --exclude=state/lock \
        --exclude=state/transcript --exclude=state/steps --exclude=state/environment --exclude=state/limits --exclude='state/fail-*' -c "${parts[@]}" |
        cksum
}

# unchanged DIGEST WHAT
unchanged() {
    [[ $(digest) == "$1" ]] || fail "$2 has changed something"
}

# inventory: every thing that exists, without the house it lives in.
inventory() {
    untraced list_world
}

list_world() {
    {
        [[ ! -d $store ]] || (cd "$store" && find . -mindepth 2 ! -path './.lock/*' \
            ! \( -type d -path './networks/*' \) -printf '%P %l\n')
        # How a job ended, and what libvirt was told, is no thing.
        (cd "$state/domains" && find . -mindepth 1 ! -name completed ! -name attached ! -name backup \
            -printf 'domains/%P\n')
        [[ ! -d $state/vbox ]] || (cd "$state/vbox" && find . -mindepth 1 ! -name '*.new' -printf 'vbox/%P\n')
        [[ ! -e $state/vbox-media ]] || sed "s|^[^ ]* $store/|media |" "$state/vbox-media"
        # What is marked goes with its last mount.
        (cut -s -d ' ' -f 1,2 "$state/loops" 2>/dev/null || true) | sed "s|$world/||"
        # What others have made is no concern of cpi.
        (cd "$state/networks" && { grep -rH '<host ' . || true; })
        (cd "$state/networks" && { grep -rl '<bosh:network' . || true; })
    } | sort
}

calls() {
    cat "$state/transcript" 2>/dev/null || true
}

no_calls() {
    [[ ! -s $state/transcript ]] || fail "this needed no command but ran: $(calls)"
}

# disks_of VM DEFINITION: its persistent disks, as "bus cid" or "bus serial"
disks_of() {
    disks=$store/disks/ awk -F'\t' 'index($5, ENVIRON["disks"]) == 1 { print $3, $4 }' \
        "$state/domains/$1/$2"
}

# has_disk_on BUS VM DISK: attached there, once, in every definition there is
has_disk_on() {
    local definition
    for definition in live config; do
        [[ $definition == config || -e $state/domains/$2/live ]] || continue
        [[ $(disks_of "$2" "$definition" | grep -F "$3") == "$1 $3" ]] ||
            fail "VM $2 should have disk $3 once in its $definition definition: $(disks_of "$2" "$definition")"
    done
}

# has_no_disk VM DISK
has_no_disk() {
    ! grep -sF "$2" "$state/domains/$1"/{live,config} || fail "VM $1 still has disk $2"
}

is_running() {
    [[ -e $state/domains/$1/live ]] || fail "VM $1 does not run"
}

# --- golden files ------------------------------------------------------------------------------

# rename_all PATTERN NAME: gives what matches in $text numbered names, in the order it appears.
rename_all() {
    local number=0
    while [[ $text =~ $1 ]]; do
        text=${text//"${BASH_REMATCH[0]}"/$'\x01'$2$((++number))$'\x01'}
    done
}

# normalise TEXT: replaces what differs from run to run.
normalise() {
    local text=$1 hex='[0-9a-f]'
    local uuid="$hex{8}-$hex{4}-$hex{4}-$hex{4}-$hex{12}"
    text=${text//"$store"/STORE}
    text=${text//"$BATS_RUN_TMPDIR/stemcell"/STEMCELL}
    text=${text//"; echo ==cpi==; "/;$'\n'    }
    rename_all "vm-$uuid" VM
    rename_all "sc-$uuid" STEMCELL
    rename_all "$uuid" UUID
    # The CID of a disk is its serial; the first is the last made.
    [[ ! $disk ]] || text=${text//"$disk"/DISK1}
    rename_all '\<[a-z][0-9a-z]{19}\>' SERIAL
    printf '%s\n' "${text//$'\x01'/}"
}

# golden NAME TEXT: the text must be that of tests/golden/NAME. UPDATE_GOLDEN=1 makes it so.
golden() {
    local file=$root/tests/golden/$1 text
    text=$(untraced normalise "$2")
    if [[ ${UPDATE_GOLDEN-} ]]; then
        printf '%s\n' "$text" >"$file"
    fi
    diff -u "$file" - <<<"$text" || fail "not as in $1 (UPDATE_GOLDEN=1 rewrites it)"
}

# --- agent settings ----------------------------------------------------------------------------

# iso_file VM PATH: a file on the VM's settings ISO
iso_file() {
    local iso=$store/vms/$1/settings.iso
    if command -v bsdtar >/dev/null; then
        bsdtar -xOf "$iso" "$2"
        return
    fi
    local target
    target=$(mktemp -u "$BATS_TEST_TMPDIR/iso.XXXXXX")
    xorriso -osirrox on -indev "$iso" -extract "/$2" "$target" 2>/dev/null
    cat "$target"
}

# settings VM: what the agent reads
settings() {
    iso_file "$1" ec2/latest/user-data
}
