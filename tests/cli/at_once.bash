# Requests that are answered at the same time.
# shellcheck shell=bash disable=SC2034,SC2154

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
