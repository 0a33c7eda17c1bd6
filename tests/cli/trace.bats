#!/usr/bin/env bats
# --trace: where a call's time goes.

load helper

# traced FILE METHOD [ARGUMENTS]
traced() {
    response=$(jq -cn --arg method "$2" --argjson arguments "${3:-[]}" \
        '{$method, $arguments, context: {}}' |
        PATH=$world/bin:$PATH "$CPI" --config "$world/cpi.json" --trace "$1" 2>/dev/null)
    jq -e 'has("result")' <<<"$response" >/dev/null
}

@test "a trace has a span for each child and one for the call" {
    traced "$world/trace.json" create_disk '[16, {}, null]'
    jq -e '.[0].name == "qemu-img" and .[0].args.status == 0 and .[0].args.argv[1] == "create"' "$world/trace.json"
    jq -e '.[-1] | .name == "cpi" and .args.children == 1 and .args.own_cpu_us > 0 and .args.peak_kib > 0' \
        "$world/trace.json"
    jq -e '.[0].ts >= 0 and .[0].ts + .[0].dur <= .[-1].dur' "$world/trace.json"
    [[ $(stat -c %a "$world/trace.json") == 600 ]]
}

@test "a call without children, and a failing one, have a trace too" {
    traced "$world/trace.json" info
    jq -e 'length == 1 and .[0].args.children == 0' "$world/trace.json"
    traced "$world/trace.json" nonsense
    jq -e 'length == 1' "$world/trace.json"
    [[ $(echo '{' | "$CPI" --trace "$world/trace.json" 2>/dev/null) == *CpiError* ]]
    jq -e 'length == 1' "$world/trace.json"
}

@test "the memory in a trace is the call's own, not that of whoever called" {
    echo '{"method":"info","arguments":[]}' |
        perl -e 'my $much = "x" x 300_000_000; exit(system(@ARGV) != 0)' "$CPI" --trace "$world/trace.json"
    jq -e '.[-1].args.peak_kib | . > 500 and . < 200000' "$world/trace.json"
}

@test "a trace that cannot be written is said before anything is done" {
    traced "$world/none/trace.json" create_disk '[16, {}, null]'
    [[ $(jq -r .error.message <<<"$response") == *"cannot write the trace to '$world/none/trace.json'"* ]]
    [[ ! -e $store/disks ]]
}
