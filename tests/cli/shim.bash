# The scenarios of steps.bash with each call of the C library that can fail going wrong in each way
# that it can: tests/fake/shim.c. Here and in tests/heavy.
# shellcheck shell=bash disable=SC2034,SC2154 # most names are those of helper.bash and steps.bash

shim=${CPI%/*}/shim.so

# run_cpi: with the shim while there is $state/shim or $state/count
run_cpi() {
    local at='' how=''
    local -x CPI_SHIM_AT CPI_SHIM_HOW CPI_SHIM_REPORT
    if [[ -e $state/count ]]; then
        CPI_SHIM_REPORT=$state/count
    elif [[ -e $state/shim ]]; then
        read -r at how <"$state/shim"
        CPI_SHIM_AT=$at CPI_SHIM_HOW=$how
    else
        CPI_SECRET=$canary PATH=$world/bin "$CPI" --config "$world/cpi.json"
        return
    fi
    # The sanitizers want to be loaded first, but need not be.
    ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0 LD_PRELOAD=$shim PATH=$world/bin \
        "$CPI" --config "$world/cpi.json"
}

# --- what may remain, for the next call sees to it ---------------------------------------------

# What was in the way is on its way out, and the next create_vm sweeps it.
settle_replaces() {
    if succeeded; then
        settle_creates "$1"
        return
    fi
    ! what_is_new | grep -v '^vms/\.gone-' || fail "it failed, but this remains: $(what_is_new)"
    [[ $(what_is_new) ]] || return 0
    "$1_call"
    succeeded || fail 'it does not succeed without the fault either'
    ! inventory | grep '^vms/\.gone-' || fail 'this remains'
}

# An old image that could not be removed goes with its disk.
update_disk_check() {
    [[ $(stat -c %s "$store/disks/$disk/disk.raw") == $((128 << 20)) ]] || fail 'not as it should be'
}

update_disk_vbox_check() {
    [[ $(<"$store/disks/$disk/disk.vdi") == "image vdi $((128 << 20))" ]] || fail 'not as it should be'
}

# --- steps -------------------------------------------------------------------------------------

# ways NAME: how each call of the scenario can fail, as "NUMBER WAY" and "NUMBER WAY+", to $orders
ways() {
    local directory call=0 name can way
    orders=()
    next_directory
    clone_world "$prepared" "$directory"
    enter_world "$directory"
    : >"$state/count"
    "$1_call"
    while read -r name can; do
        call=$((call + 1))
        for way in $can; do
            [[ $way != KILL ]] || continue
            orders+=("$call $way $name")
            [[ $way != ENOSPC ]] || orders+=("$call $way+ $name")
        done
    done <"$state/count"
    rm "$state/count"
}

# on_hypervisor NAME: the scenarios are those of that one from now on.
on_hypervisor() {
    load "../cli/steps_$1"
    # What may remain is judged as above again.
    load ../cli/shim
}

# every_call KIND NAME [COUNT]: all steps, or so many of them
every_call() {
    local kind=$1 parallel=6 timeout=60 number=0 running=0 order
    local prepared call_count command_count complete
    local orders=() chosen=()
    # Several scenarios can be tried in one test. Containers want a short path.
    local BATS_TEST_TMPDIR
    BATS_TEST_TMPDIR=$(mktemp -d "$BATS_RUN_TMPDIR/XXXX")
    rehearse "$2"
    ways "$2"
    ((${#orders[@]})) || fail "there is nothing to fail in $2"
    [[ ! ${3-} ]] || choose orders "$3"
    chosen=("${orders[@]}") orders=()
    for order in "${chosen[@]}"; do
        try "$2" shim "$order"
    done
    verdict "$2"
}
