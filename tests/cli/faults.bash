# The machinery of the tests that let each step of a method go wrong: see faults.bats.
# shellcheck shell=bash disable=SC2034,SC2154 # it shares its variables with those tests

# The ways in which a whole call goes wrong, and a command in a batch; see tests/fake. To hang
# takes its time, so that has a test of its own.
call_modes=(exit late garbage nothing)
command_modes=(exit signal)

# --- the machinery -----------------------------------------------------------------------------

# shape: the inventory, alike for things that differ by their CID only
shape() {
    inventory | sed -E -e 's/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/UUID/g' \
        -e 's/\b[a-z][0-9a-z]{19}\b/SERIAL/g' | sort
}

# next_directory: for one more world, to $directory
next_directory() {
    printf -v directory '%s/%03d' "$BATS_TEST_TMPDIR" $((++number))
}

# rehearse NAME: the scenario without a fault; to $prepared, $call_count, $command_count, $complete
rehearse() {
    local directory
    next_directory
    new_world "$directory"
    [[ -z $timeout ]] || configure command_timeout "$timeout"
    stemcell='' vm='' disk=''
    "$1_world"
    forget_calls
    prepared=$directory
    next_directory
    clone_world "$prepared" "$directory"
    enter_world "$directory"
    "$1_call"
    [[ $kind == refuses ]] || succeeded || fail "$1 failed without any fault"
    "$1_check"
    call_count=$(wc -l <"$state/transcript") command_count=$(wc -l <"$state/steps")
    complete=$(shape)
}

# what_is_new: what the inventory has more than before
what_is_new() {
    comm -13 <(printf '%s\n' "$before") <(inventory)
}

settle_creates() {
    if succeeded; then
        [[ $(shape) == "$complete" ]] || fail "a success, but not all is there: $(inventory)"
        "$1_check"
    else
        [[ $(inventory) == "$before" ]] || fail "it failed, but this remains: $(what_is_new)"
    fi
}

settle_replaces() {
    if succeeded; then
        settle_creates "$1"
    else
        [[ -z $(what_is_new) ]] || fail "it failed, but this remains: $(what_is_new)"
    fi
}

# A disk that is off already need not be taken off again, nor a network that is gone be removed.
is_settled() {
    succeeded || [[ $1 == detach_disk* && $response == *DiskNotAttached* ]] ||
        [[ $1 == delete_network && $response == *NetworkNotFound* ]]
}

settle_repeats() {
    local first=$response
    if succeeded; then
        "$1_check"
    fi
    "$1_call"
    is_settled "$1" || fail "it does not succeed without the fault either; first it said: $first"
    "$1_check"
}

settle_refuses() {
    ! succeeded || fail 'a success'
    "$1_check"
}

# attempt NAME DIRECTORY FILE ORDER: one step, in a world of its own
attempt() {
    local before
    clone_world "$prepared" "$2"
    enter_world "$2"
    before=$(inventory)
    echo "$4" >"$state/$3"
    "$1_call"
    rm "$state/$3"
    [[ $response != *Clouds::CpiError* ]] || fail 'neither the request nor the configuration is at fault'
    "settle_$kind" "$1"
}

# try NAME FILE ORDER: the same, aside
try() {
    local directory
    next_directory
    if ((++running > parallel)); then
        wait -n || true
    fi
    (
        trap - DEBUG ERR
        debug_trap=''
        attempt "$1" "$directory" "$2" "$3"
        rm -r "$directory"
        echo "$1" >>"$BATS_TEST_TMPDIR/passed"
    ) >"$directory.log" 2>&1 3>&- &
    orders[number]="$1, $2 $3"
}

# verdict WHAT: all steps have come to their end: how did they?
verdict() {
    local i bad=0
    wait
    for i in "${!orders[@]}"; do
        [[ -s $(printf '%s/%03d.log' "$BATS_TEST_TMPDIR" "$i") ]] || continue
        bad=$((bad + 1))
        printf -- '--- %s\n' "${orders[i]}"
        cat "$(printf '%s/%03d.log' "$BATS_TEST_TMPDIR" "$i")"
    done
    echo "# $1: ${#orders[@]} steps tried, $bad went wrong" >&3
    ((bad == 0)) || return 1
    [[ $(wc -l <"$BATS_TEST_TMPDIR/passed") == "${#orders[@]}" ]] || fail 'not all steps were tried'
}

# every_step KIND NAME
every_step() {
    local kind=$1 parallel=6 timeout='' number=0 running=0 i mode
    local prepared call_count command_count complete
    local orders=()
    rehearse "$2"
    for ((i = 1; i <= call_count; i++)); do
        for mode in "${call_modes[@]}"; do
            try "$2" fail-at "$i $mode"
        done
    done
    for ((i = 1; i <= command_count; i++)); do
        for mode in "${command_modes[@]}"; do
            try "$2" fail-command "$i $mode"
        done
    done
    verdict "$2"
}
