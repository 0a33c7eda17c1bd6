#!/usr/bin/env bats
# Many processes at once, and processes that are ended.

load helper

# start METHOD ARGUMENT...: sends a request that is answered in the background.
start() {
    number=$((number + 1))
    request "$@" >"$world/request.$number"
    PATH=$world/bin "$CPI" --config "$world/cpi.json" <"$world/request.$number" \
        >"$world/answer.$number" 2>"$world/stderr.$number" 3>&- &
    pids[number]=$!
}

# finish: waits for all that were started; how they ended is in $good and $bad, their number, and
# what they answered in $answers.
finish() {
    local i
    good=0 bad=0 answers=()
    for i in "${!pids[@]}"; do
        wait "${pids[i]}" || fail "request $i ended with $?"
        take_answer "$i"
        figure parallel 1
        if succeeded; then good=$((good + 1)); else bad=$((bad + 1)); fi
    done
    pids=()
}

take_answer() {
    sent=$(<"$world/request.$1")
    cp "$world/answer.$1" "$world/stdout"
    cp "$world/stderr.$1" "$world/stderr"
    read_answer 0
    answers[$1]=$response
}

setup() {
    begin
    : >"$state/interleave"
    number=0 pids=() answers=()
}

# entries DIRECTORY: how many things are in it
entries() {
    find "$1" -mindepth 1 -maxdepth 1 | wc -l
}

# --- at once -----------------------------------------------------------------------------------

@test "twenty at once: disks are made and attached to one VM" {
    local i disks=()
    have_vm
    for i in {1..10}; do
        have_disk
        disks+=("$disk")
    done
    for i in {0..9}; do
        start attach_disk "$vm" "${disks[i]}"
        start create_disk 64 '{}' null
    done
    finish
    ((good == 20)) || fail "$bad failed: ${answers[*]}"
    for disk in "${disks[@]}"; do
        has_disk_on virtio "$vm" "$disk"
    done
    [[ -z $(cut -f 2 "$state/domains/$vm/live" | sort | uniq -d) ]] || fail 'one target twice'
    [[ $(cut -f 1,2,5 "$state/domains/$vm/live") == "$(cut -f 1,2,5 "$state/domains/$vm/config")" ]] ||
        fail 'the definitions differ'
    [[ $(find "$store/disks" -name 'disk.qcow2' | wc -l) == 20 ]] || fail "$(inventory)"
    ok get_disks "$vm"
    result_has 'length == 10'
}

@test "many at once can be the first to use a store" {
    local i
    stemcell_image
    for i in {1..6}; do
        start create_disk 64 '{}' null
    done
    start create_stemcell "$image" '{}'
    start create_stemcell "$image" '{}'
    finish
    ((good == 8)) || fail "$bad failed: ${answers[*]}"
    [[ $(find "$store/disks" -name 'disk.qcow2' | wc -l) == 6 ]] || fail "$(inventory)"
}

@test "of VMs that want one address at once, one gets it and the others leave nothing" {
    local i
    have_stemcell
    for i in {1..5}; do
        start create_vm a "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' '{}'
    done
    finish
    ((good == 1 && bad == 4)) || fail "$good got it: ${answers[*]}"
    [[ $(entries "$store/vms") == 1 && $(entries "$state/domains") == 1 ]] || fail "$(inventory)"
    [[ $(ls -A "$store/vms") == "$(readlink "$store/networks/default/10.0.0.10")" ]] || fail "$(inventory)"
}

@test "VMs with addresses of their own do not get in each other's way" {
    local i
    have_stemcell
    for i in {1..5}; do
        start create_vm a "$stemcell" '{}' "$(manual "10.0.0.1$i")" '[]' '{}'
    done
    finish
    ((good == 5)) || fail "$bad failed: ${answers[*]}"
    [[ $(entries "$state/domains") == 5 ]] || fail "$(inventory)"
}

@test "of VMs that want one disk at once, one gets it" {
    local i vms=()
    for i in 1 2 3 4; do
        have_vm "10.0.0.1$i"
        vms+=("$vm")
    done
    have_disk
    for vm in "${vms[@]}"; do
        start attach_disk "$vm" "$disk"
    done
    finish
    ((good == 1)) || fail "$good got it: ${answers[*]}"
    [[ $(cat "$state"/domains/*/config | grep -c "$disk") == 1 ]] || fail 'it is not on one VM'
    [[ $(cat "$state"/domains/*/live | grep -c "$disk") == 1 ]] || fail 'it is not on one VM'
}

@test "one disk is attached to one VM once, however often that is asked at once" {
    local i
    have_vm
    have_disk
    for i in {1..5}; do
        start attach_disk "$vm" "$disk"
    done
    finish
    ((good == 5)) || fail "$bad failed: ${answers[*]}"
    has_disk_on virtio "$vm" "$disk"
}

@test "a stemcell that is deleted while a VM is made of it: one of the two wins" {
    local i
    for i in 1 2 3; do
        have_stemcell
        start create_vm a "$stemcell" '{}' '{}' '[]' '{}'
        start delete_stemcell "$stemcell"
        finish
        ((good == 1)) || fail "$good succeeded: ${answers[*]}"
        if [[ -d $store/stemcells/$stemcell ]]; then
            [[ $(entries "$state/domains") == 1 ]] || fail "$(inventory)"
            ok delete_vm "$(ls "$state/domains")"
            ok delete_stemcell "$stemcell"
        fi
        [[ -z $(inventory) ]] || fail "$(inventory)"
    done
}

@test "a VM that is deleted while a disk is attached to it is gone, and the disk is not" {
    have_vm
    have_disk
    start attach_disk "$vm" "$disk"
    start delete_vm "$vm"
    finish
    [[ ! -e $state/domains/$vm && ! -e $store/vms/$vm ]] || fail "$(inventory)"
    ok has_disk "$disk"
    result_is true
    ok delete_disk "$disk"
}

@test "what is deleted many times at once is gone" {
    local i
    have_attached_disk
    for i in 1 2 3 4; do
        start delete_vm "$vm"
    done
    finish
    ((good == 4)) || fail "$bad failed: ${answers[*]}"
    for i in 1 2 3 4; do
        start delete_disk "$disk"
        start delete_stemcell "$stemcell"
    done
    finish
    ((good == 8)) || fail "$bad failed: ${answers[*]}"
    [[ -z $(inventory) ]] || fail "$(inventory)"
}

# --- locks -------------------------------------------------------------------------------------

@test "who waits too long for a lock says so, and that a retry is worth it" {
    have_attached_disk
    configure lock_timeout 1
    exec 7>"$store/.lock/vm-$vm"
    flock 7
    before=$(digest)
    refused CloudError detach_disk "$vm" "$disk"
    is_retriable
    says lock_timeout
    unchanged "$before" detach_disk
    exec 7>&-
    ok detach_disk "$vm" "$disk"
}

# --- endings -----------------------------------------------------------------------------------

# start_and_hang NUMBER METHOD ARGUMENT...: the Nth call does not end; its process is $hanging.
start_and_hang() {
    forget_calls
    mkfifo "$state/hanging"
    exec {fifo}<>"$state/hanging"
    echo "$1 hang" >"$state/fail-at"
    start "${@:2}"
    read -r -t 60 hanging <&"$fifo" || fail 'it does not come to that'
    rm "$state/fail-at" "$state/hanging"
    exec {fifo}>&-
}

@test "create_vm that is asked to end undoes what it did, and answers" {
    local signal step before
    have_stemcell
    before=$(inventory)
    for signal in TERM INT HUP; do
        for step in 2 4; do
            start_and_hang "$step" create_vm a "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' '{}'
            kill "-$signal" "${pids[number]}"
            finish
            fails_with VMCreationFailed
            says 'asked to end'
            [[ $(inventory) == "$before" ]] || fail "$signal: something remains: $(inventory)"
        done
    done
}

# until_it_says TEXT: on stderr, where it is still so kind as to tell what it does.
until_it_says() {
    local patience=400
    until grep -q "$1" "$world/stderr.$number"; do
        ((patience--)) || fail "it never says $1"
        sleep 0.05
    done
}

@test "who waits for a lock and is asked to end answers" {
    have_attached_disk
    exec 7>"$store/.lock/vm-$vm"
    flock 7
    start detach_disk "$vm" "$disk"
    until_it_says waiting
    kill -TERM "${pids[number]}"
    finish
    fails_with CloudError
    exec 7>&-
    has_disk_on virtio "$vm" "$disk"
}

@test "a killed create_vm keeps its address while its virsh works, and is undone after that" {
    local half
    have_stemcell
    start_and_hang 4 create_vm a "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' '{}'
    kill -KILL "${pids[number]}"
    wait "${pids[number]}" || true
    half=$(ls "$store/vms")
    refused CloudError create_vm a "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' '{}'
    is_retriable
    says "$half"
    kill -KILL "$hanging"
    flock -w 60 "$store/.lock/vm-$half" true
    ok create_vm a "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' '{}'
    [[ $(ls "$store/vms") == "$cid" && $(ls "$state/domains") == "$cid" ]] || fail "$(inventory)"
}

@test "what a killed create_vm left can be deleted by its CID" {
    local half step
    have_stemcell
    for step in 2 3 4; do
        start_and_hang "$step" create_vm a "$stemcell" '{}' "$(manual 10.0.0.10)" '[]' '{}'
        kill -KILL "${pids[number]}"
        wait "${pids[number]}" || true
        kill -KILL "$hanging"
        half=$(ls "$store/vms")
        ok delete_vm "$half"
        ! inventory | grep -v ^stemcells/ || fail 'something is left'
    done
}
