# The same methods on another host that cpi reaches over ssh, from where there is nothing but ssh, and
# on that host itself, in turns.
# shellcheck shell=bash disable=SC2034,SC2154

# What is counted: the lines of cpi's stderr that begin so. Each "on HOST: …" is a question to the
# far shell, which cpi waits for the answer of; each "connecting to host …", an ssh that it starts.
round_trip='^cpi[^:]*: on [^ ]+: '
new_session='^cpi[^:]*: connecting to host '

begin_hosts() {
    hosts=$work/hosts
    "$lab/hosts.sh" start "$hosts"
    URI=$(<"$hosts/a/uri")
    # Where the host, and so the config, has $hosts/store.
    STORE=$hosts/a/store
    jq -n --arg store "$hosts/store" '{
        store_dir: $store, storage_controller: "VIRTIO", domain_type: "qemu",
        agent: {mbus: "https://mbus:secret@0.0.0.0:6868", ntp: []}}' >"$hosts/near.json"
    jq --arg key "$hosts/key" --rawfile host_key "$hosts/a.key" \
        '. + {host: "10.99.0.1", username: "root", private_key: $key, host_key: $host_key}' \
        "$hosts/near.json" >"$hosts/far.json"
}

end_hosts() {
    [[ ! -e $work/hosts ]] || "$lab/hosts.sh" stop "$work/hosts" || true
}

# near METHOD [ARGUMENTS]: called on the host itself
near() {
    local CONFIG=$hosts/near.json
    local -a from=(nsenter "--target=$(<"$hosts/a/pid")" --mount --net --ipc --pid)
    call_timed near "$@"
}

# far METHOD [ARGUMENTS]: called where the Director is
far() {
    local CONFIG=$hosts/far.json
    local -a from=(nsenter "--target=$(<"$hosts/director")" --mount --net)
    call_timed far "$@"
}

# call_timed SIDE METHOD [ARGUMENTS]: notes the time, the round trips, the sessions and the memory
call_timed() {
    local side=$1 text
    local -a call_wall=() call_cpu=()
    text=$(request "${@:2}")
    : >"$work/stderr"
    clock call answered "$text"
    check_answer
    printf '%s\t%d\t%d\t%d\t%d\n' "${what:-$2}" "${call_wall[0]}" "$(lines "$round_trip")" \
        "$(lines "$new_session")" "$(jq '.[-1].args.peak_kib' "$work/trace.json")" >>"$work/$side"
}

answered() {
    call "$1" --trace "$work/trace.json" >"$work/answer"
}

lines() {
    grep -cE "$1" "$work/stderr" || true
}

run_remote() {
    local stemcell i method URI STORE
    say 'over ssh'
    begin_hosts
    : >"$work/near"
    : >"$work/far"
    what=stemcell near create_stemcell "[\"$work/empty/image\", {}]"
    stemcell=$(jq -r .result "$work/answer")
    for i in 1 2 3; do
        life near "$stemcell"
        life far "$stemcell"
    done
    while IFS= read -r method; do
        record_remote "$method"
    done < <(names "$work/far")
    end_hosts
}

# record_remote NAME: the medians of its times and their ratios, and the most of the rest
record_remote() {
    local i
    local -a near_walls far_walls trips sessions peaks ratios=()
    mapfile -t near_walls < <(column "$work/near" "$1" 2)
    mapfile -t far_walls < <(column "$work/far" "$1" 2)
    mapfile -t trips < <(column "$work/far" "$1" 3)
    mapfile -t sessions < <(column "$work/far" "$1" 4)
    mapfile -t peaks < <(column "$work/far" "$1" 5)
    for i in "${!far_walls[@]}"; do
        ratios+=($((far_walls[i] * 100 / near_walls[i])))
    done
    record remote "$(jq -cn --arg method "$1" --argjson wall "$(median "${far_walls[@]}")" \
        --argjson near "$(median "${near_walls[@]}")" --argjson ratio "$(median "${ratios[@]}")" \
        --argjson trips "$(quantile 100 "${trips[@]}")" --argjson sessions "$(quantile 100 "${sessions[@]}")" \
        --argjson peak "$(quantile 100 "${peaks[@]}")" \
        '{$method, $sessions, $trips, wall_us: $wall, near_us: $near, ratio: ($ratio / 100), peak_kib: $peak}')"
}
