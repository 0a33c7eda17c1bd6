# How much each method does: children, connections to libvirt, fsyncs, bytes written, own CPU time
# and memory. These do not depend on how busy the machine is (but for the CPU time).
# shellcheck shell=bash disable=SC2154

# count METHOD [ARGUMENTS]: runs it once under strace; its children are those that it traces itself
count() {
    local method=$1 file=$work/strace trace=$work/trace.json
    strace -f -qq -e trace=fsync,fdatasync,write,pwrite64 -s 1 -o "$file" \
        "$CPI" --config "$CONFIG" --trace "$trace" <<<"$(request "$@")" >"$work/answer" 2>/dev/null
    check_answer
    record count "$(jq -c --arg method "$method" --argjson own "$(own_writes "$file" "$trace")" \
        '{$method, children: .[-1].args.children, virsh: (map(select(.name == "virsh")) | length)} + $own' "$trace")"
}

# own_writes STRACE TRACE: the fsyncs of cpi, and the bytes that it wrote, but for the trace
own_writes() {
    awk -v traced="$(stat -c %s "$2")" '
        NR == 1 { cpi = $1 }
        $1 == cpi && / f(data)?sync\(/ { syncs++ }
        $1 == cpi && / (write|pwrite64)\([0-9]+,/ && / = [0-9]+$/ {
            fd = $2; sub(/^[^(]*\(/, "", fd); sub(/,.*/, "", fd)
            if (fd + 0 > 2) bytes += $NF
        }
        END { printf "{\"fsyncs\":%d,\"bytes\":%d}", syncs, bytes - traced }' "$1"
}

check_answer() {
    jq -e '.error == null' "$work/answer" >/dev/null || {
        cat "$work/answer" >&2
        return 1
    }
}

# own METHOD [ARGUMENTS]: CPU time and memory of cpi itself, as it traces them
own() {
    call "$(request "$@")" --trace "$work/trace.json" >"$work/answer"
    check_answer
    jq -r --arg method "$1" '.[-1].args | "\($method) \(.own_cpu_us) \(.peak_kib)"' "$work/trace.json" \
        >>"$work/own"
}

# life HOW STEMCELL: each method, on a VM and a disk that come and go
life() {
    local how=$1 vm disk
    "$how" info
    "$how" create_vm "$(vm_arguments "$2")"
    vm=$(jq -r '.result[0]' "$work/answer")
    "$how" create_disk '[64, {}, null]'
    disk=$(jq -r '.result' "$work/answer")
    "$how" has_vm "[\"$vm\"]"
    "$how" has_disk "[\"$disk\"]"
    "$how" get_disks "[\"$vm\"]"
    "$how" set_vm_metadata "[\"$vm\", {\"job\": \"bench\", \"index\": \"0\"}]"
    "$how" attach_disk "[\"$vm\", \"$disk\"]"
    # There is no guest that would let go.
    virsh_lab destroy "$vm" >/dev/null
    "$how" detach_disk "[\"$vm\", \"$disk\"]"
    "$how" reboot_vm "[\"$vm\"]"
    "$how" resize_disk "[\"$disk\", 128]"
    "$how" snapshot_disk "[\"$disk\", {}]"
    "$how" delete_snapshot "[$(jq .result "$work/answer")]"
    "$how" delete_disk "[\"$disk\"]"
    "$how" delete_vm "[\"$vm\"]"
}

run_counts() {
    local stemcell=$1 i method
    say 'what each method does'
    life count "$stemcell"
    : >"$work/own"
    for i in {1..5}; do
        life own "$stemcell"
    done
    for method in $(cut -d ' ' -f 1 "$work/own" | sort -u); do
        record_own "$method"
    done
}

# record_own METHOD: the median of its CPU times and the most of its memory
record_own() {
    local -a times peaks
    mapfile -t times < <(awk -v m="$1" '$1 == m { print $2 }' "$work/own")
    mapfile -t peaks < <(awk -v m="$1" '$1 == m { print $3 }' "$work/own")
    record own "{\"method\":\"$1\",\"cpu_us\":$(median "${times[@]}"),\"peak_kib\":$(quantile 100 "${peaks[@]}")}"
}

# wall_of_info: of 50 in a row, which the shell does nothing but start
wall_of_info() {
    local began=${EPOCHREALTIME/./} i
    for i in {1..50}; do
        "$CPI" --config "$CONFIG" <"$work/info" >/dev/null 2>&1
    done
    echo $(((${EPOCHREALTIME/./} - began) / 50))
}

# The size of the binary, and what starting it costs.
run_binary() {
    local instructions
    say 'the binary'
    instructions=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null "$CPI" \
        <<<"$(request info)" 2>&1 >/dev/null | sed -n 's/.*Collected : //p')
    local -a walls=()
    local i
    request info >"$work/info"
    for i in {1..5}; do
        walls+=("$(wall_of_info)")
    done
    record binary "{\"bytes\":$(stat -c %s "$CPI"),\"instructions\":${instructions:-null},
        \"info_wall_us\":$(median "${walls[@]}"),
        \"static\":$(file -b "$CPI" | grep -q 'static' && echo true || echo false)}"
}
