# How much each method does: children, connections to libvirt, fsyncs, bytes written, own CPU time
# and memory. These do not depend on how busy the machine is (but for the times).
# shellcheck shell=bash disable=SC2154

# Each of the following is a way to call a method in a life; $what is its name in the tables where
# that is another.

# count METHOD [ARGUMENTS]: runs it once under strace; its children are those that it traces itself
count() {
    local name=${what:-$1} file=$work/strace trace=$work/trace.json
    strace -f -qq -T -e trace=fsync,fdatasync,write,pwrite64 -s 1 -o "$file" \
        "$CPI" --config "$CONFIG" --trace "$trace" <<<"$(request "$@")" >"$work/answer" 2>/dev/null
    check_answer
    record count "$(jq -c --arg method "$name" --argjson own "$(own_writes "$file" "$trace")" \
        '{$method, children: .[-1].args.children, virsh: (map(select(.name == "virsh")) | length)} + $own' "$trace")"
}

# own_writes STRACE TRACE: the fsyncs of cpi, and the bytes that it wrote, but for the trace
own_writes() {
    awk -v traced="$(stat -c %s "$2")" '
        NR == 1 { cpi = $1 }
        $1 == cpi && / f(data)?sync\(/ { syncs++ }
        $1 == cpi && / (write|pwrite64)\([0-9]+,/ && match($0, / = [0-9]+ </) {
            written = substr($0, RSTART + 3) + 0
            fd = $2; sub(/^[^(]*\(/, "", fd); sub(/,.*/, "", fd)
            if (fd + 0 > 2) bytes += written
        }
        END { printf "{\"fsyncs\":%d,\"bytes\":%d}", syncs, bytes - traced }' "$1"
}

# own METHOD [ARGUMENTS]: CPU time and memory of cpi itself, as it traces them, and the time that no
# child has a part in
own() {
    call "$(request "$@")" --trace "$work/trace.json" >"$work/answer"
    check_answer
    note_own "${what:-$1}"
}

note_own() {
    jq -r --arg name "$1" '[$name, (.[-1].args | .own_cpu_us, .peak_kib),
        (2 * .[-1].dur - (map(.dur) | add))] | @tsv' "$work/trace.json" >>"$work/own"
}

# life HOW STEMCELL: each method, on VMs and disks that come and go
life() {
    local how=$1 made vm disk
    "$how" info
    "$how" calculate_vm_cloud_properties '[{"cpu": 1, "ram": 512, "ephemeral_disk_size": 1024}]'
    "$how" create_stemcell "[\"$work/other/image\", {}]"
    "$how" delete_stemcell "[$(jq .result "$work/answer")]"
    what='create_vm, a fixed address' "$how" create_vm \
        "$(vm_arguments "$2" '{}' '{"type": "manual", "ip": "192.168.122.9", "netmask": "255.255.255.0"}')"
    what='delete_vm, a fixed address' "$how" delete_vm "[$(jq '.result[0]' "$work/answer")]"
    "$how" create_vm "$(vm_arguments "$2")"
    vm=$(jq -r '.result[0]' "$work/answer")
    "$how" create_disk '[64, {}, null]'
    disk=$(jq -r '.result' "$work/answer")
    "$how" has_vm "[\"$vm\"]"
    "$how" has_disk "[\"$disk\"]"
    "$how" get_disks "[\"$vm\"]"
    "$how" set_vm_metadata "[\"$vm\", {\"job\": \"bench\", \"index\": \"0\"}]"
    "$how" set_disk_metadata "[\"$disk\", {\"job\": \"bench\"}]"
    "$how" attach_disk "[\"$vm\", \"$disk\"]"
    # There is no guest that would let go.
    virsh_lab destroy "$vm" >/dev/null
    "$how" detach_disk "[\"$vm\", \"$disk\"]"
    "$how" reboot_vm "[\"$vm\"]"
    "$how" resize_disk "[\"$disk\", 128]"
    "$how" snapshot_disk "[\"$disk\", {}]"
    made=$(jq .result "$work/answer")
    "$how" delete_snapshot "[$made]"
    "$how" update_disk "[\"$disk\", 192, {}]"
    made=$(jq -r '.result // empty' "$work/answer")
    disk=${made:-$disk}
    "$how" delete_disk "[\"$disk\"]"
    "$how" delete_vm "[\"$vm\"]"
    "$how" create_network '[{"type": "manual", "range": "10.77.1.0/24", "gateway": "10.77.1.1", "cloud_properties": {}}]'
    "$how" delete_network "[$(jq '.result[0]' "$work/answer")]"
}

# names FILE: what has figures in it, in the order in which they came
names() {
    cut -f 1 "$1" | awk '!seen[$0]++'
}

run_counts() {
    say 'what each method does'
    life count "$1"
    run_own own "$1"
    run_own_in_memory
}

# run_own KIND STEMCELL
run_own() {
    local i kind=$1 method
    : >"$work/own"
    for i in 1 2 3 4 5; do
        life own "$2"
    done
    while IFS= read -r method; do
        record_own "$method"
    done < <(names "$work/own")
}

# The same in a store on tmpfs: what is left is without the file system's part.
run_own_in_memory() {
    local STORE=$work/memory/store CONFIG=$work/memory.json
    local -x TMPDIR=$work/memory
    write_config "$CONFIG" '{}'
    run_own own_in_memory "$(empty_stemcell)"
}

# record_own NAME: the medians of its times and the most of its memory; $kind is what it is recorded as
record_own() {
    local -a times peaks walls
    mapfile -t times < <(column "$work/own" "$1" 2)
    mapfile -t peaks < <(column "$work/own" "$1" 3)
    mapfile -t walls < <(column "$work/own" "$1" 4)
    record "${kind:-own}" "{\"method\":\"$1\",\"cpu_us\":$(median "${times[@]}"),\"peak_kib\":$(quantile 100 "${peaks[@]}"),
        \"wall_us\":$(median "${walls[@]}")}"
}

# wall_of COMMAND…: of 50 in a row, which the shell does nothing but start
wall_of() {
    local began=${EPOCHREALTIME/./} i
    for i in {1..50}; do
        "$@" <"$work/info" >/dev/null 2>&1
    done
    echo $(((${EPOCHREALTIME/./} - began) / 50))
}

# The size of the binary, and what starting it costs.
run_binary() {
    local instructions i true_path
    local -a walls=() least=()
    say 'the binary'
    true_path=$(type -P true)
    instructions=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null "$CPI" \
        <<<"$(request info)" 2>&1 >/dev/null | sed -n 's/.*Collected : //p')
    request info >"$work/info"
    for i in {1..7}; do
        walls+=("$(wall_of "$CPI" --config "$CONFIG")")
        least+=("$(wall_of "$true_path")")
    done
    record binary "{\"bytes\":$(stat -c %s "$CPI"),\"instructions\":${instructions:-null},
        \"info_wall_us\":$(median "${walls[@]}"),\"true_wall_us\":$(median "${least[@]}"),
        \"static\":$(file -b "$CPI" | grep -q 'static' && echo true || echo false)}"
}
