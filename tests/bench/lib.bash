# What the parts of the bench share: its world, calls of cpi, clocks and medians.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
lab=$root/tests/lab

# The release binary if there is one: what an operator runs.
choose_binary() {
    CPI=${BENCH_CPI:-$root/build/static/$(uname -m)/cpi}
    [[ -x $CPI ]] || CPI=$root/build/cpi
}

say() {
    printf '== %s\n' "$*" >&2
}

# begin_world: a private libvirtd, a store and a config in $work; ended with the shell
begin_world() {
    work=$(mktemp -d /tmp/cpi-bench.XXXXXX)
    chmod 0755 "$work"
    trap end_world EXIT
    # Before the libvirtd, which does not see what is mounted later.
    mkdir "$work/memory"
    mount -t tmpfs tmpfs "$work/memory"
    "$lab/libvirtd.sh" start "$work/lab"
    URI=$(<"$work/lab/uri")
    STORE=$work/store
    CONFIG=$work/cpi.json
    write_config "$CONFIG" '{}'
    results=$work/results.jsonl
    : >"$results"
    small_image "$work/empty" ''
    small_image "$work/other" other
}

end_world() {
    end_hosts
    end_crowds
    "$lab/libvirtd.sh" stop "$work/lab" || true
    umount "$work/memory" || true
    [[ -n ${BENCH_KEEP:-} ]] || rm -rf "$work" "/dev/shm/${work##*/}"
}

# write_config FILE JSON: the usual one with these keys over it
write_config() {
    jq -n --arg store "$STORE" --arg uri "$URI" --argjson more "$2" '{
        store_dir: $store, uri: $uri, storage_controller: "VIRTIO", domain_type: "qemu",
        agent: {mbus: "https://mbus:secret@0.0.0.0:6868", ntp: []}} + $more' >"$1"
}

# request METHOD [ARGUMENTS]
request() {
    jq -cn --arg method "$1" --argjson arguments "${2:-[]}" \
        '{$method, $arguments, context: {director_uuid: "bench"}, api_version: 2}'
}

# What begins a command at the place that cpi is called from: nothing where that is here.
from=()

# call REQUEST [OPTION…]: the response on stdout
call() {
    local text=$1
    shift
    "${from[@]}" "$CPI" --config "$CONFIG" "$@" <<<"$text" 2>>"$work/stderr"
}

# cpi METHOD [ARGUMENTS]: the result, as text where it is a string
cpi() {
    local response
    response=$(call "$(request "$@")")
    jq -r 'if .error then error(.error.message) else .result end' <<<"$response"
}

virsh_lab() {
    virsh -q -c "$URI" "$@"
}

wait_for() {
    local deadline=$((SECONDS + 300))
    until "$@"; do
        ((SECONDS < deadline)) || {
            echo "gave up waiting for: $*" >&2
            return 1
        }
        sleep 0.2
    done
}

# clock VARIABLE COMMAND…: the wall time and the CPU time of the command and its children go into
# the arrays VARIABLE_wall and VARIABLE_cpu, in microseconds
clock() {
    local -n wall_=${1}_wall cpu_=${1}_cpu
    local began ended spent
    shift
    local TIMEFORMAT='%U %S'
    began=${EPOCHREALTIME/./}
    { time "$@" >/dev/null 2>>"$work/stderr"; } 2>"$work/time"
    ended=${EPOCHREALTIME/./}
    spent=$(awk '{ printf "%d", ($1 + $2) * 1000000 }' "$work/time")
    wall_+=($((ended - began)))
    cpu_+=("$spent")
}

# quantile PERCENT NUMBER…
quantile() {
    local percent=$1
    shift
    printf '%s\n' "$@" | sort -n | awk -v p="$percent" '{ v[NR] = $1 } END {
        i = 1 + (NR - 1) * p / 100; j = int(i)
        printf "%d", j < NR ? v[j] + (i - j) * (v[j + 1] - v[j]) : v[j] }'
}

median() {
    quantile 50 "$@"
}

# check_answer: that of the call before was no error
check_answer() {
    jq -e '.error == null' "$work/answer" >/dev/null || {
        cat "$work/answer" >&2
        return 1
    }
}

# column FILE NAME NUMBER: the figures in that column of the lines that begin with the name and a tab
column() {
    awk -F '\t' -v name="$2" -v number="$3" '$1 == name { print $number }' "$1"
}

# record_machine: where this is measured
record_machine() {
    local cpu load
    cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
    read -r load _ </proc/loadavg
    record machine "$(jq -cn --arg cpu "${cpu:-$(uname -m)}" --arg cores "$(nproc)" --arg load "$load" \
        --arg kernel "$(uname -r)" --arg system "$(. /etc/os-release && echo "$PRETTY_NAME")" \
        --arg libvirt "$(virsh --version)" --arg date "$(date +%F)" \
        --arg memory "$(awk '/^MemTotal/ { printf "%d", $2 / 1048576 + 0.5 }' /proc/meminfo)" \
        --arg qemu "$(qemu-img --version | sed -n 's/^qemu-img version \([0-9.]*\).*/\1/p')" \
        '{$cpu, $cores, memory_gib: $memory, $system, $kernel, $libvirt, $qemu, $load, $date}')"
}

# record KIND JSON
record() {
    jq -cn --arg kind "$1" --argjson more "$2" '{$kind} + $more' >>"$results"
}

# small_image DIRECTORY TEXT: a stemcell's image of a disk that boots nothing, so that a VM takes no
# time from the others; the text makes it one of its own
small_image() {
    mkdir -p "$1"
    printf '%s' "$2" >"$1/root.img"
    truncate -s 1M "$1/root.img"
    printf '\x55\xaa' | dd of="$1/root.img" bs=1 seek=510 conv=notrunc status=none
    tar -C "$1" -czf "$1/image" root.img
}

empty_stemcell() {
    cpi create_stemcell "[\"$work/empty/image\", {}]"
}

# vm_arguments STEMCELL [PROPERTIES [NETWORK]]
vm_arguments() {
    local dynamic='{"type": "dynamic"}'
    jq -cn --arg stemcell "$1" --argjson more "${2:-{\}}" --argjson network "${3:-$dynamic}" '["bench-agent", $stemcell,
        {memory: 64, ephemeral_disk: 64, root_disk_size: 16} + $more,
        {private: ($network + {cloud_properties: {name: "default"}})}, [], {}]'
}

# settings_of STEMCELL: a settings ISO as cpi writes it, for the bare commands
settings_of() {
    local vm
    [[ -e $work/settings.iso ]] && return
    vm=$(cpi create_vm "$(vm_arguments "$1")" | jq -r '.[0]')
    cp "$STORE/vms/$vm/settings.iso" "$work/settings.iso"
    cpi delete_vm "[\"$vm\"]" >/dev/null
}
