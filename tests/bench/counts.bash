# How much each method does: children, connections to libvirt, fsyncs, bytes written, own CPU time
# and memory. These do not depend on how busy the machine is (but for the CPU time).
# shellcheck shell=bash disable=SC2154

# count METHOD REQUEST: runs it once under strace and three times traced by cpi itself
count() {
    local method=$1 text=$2 file=$work/strace trace=$work/trace.json first
    strace -f -qq -e trace=execve,fsync,fdatasync,write,pwrite64 -s 1 -o "$file" \
        "$CPI" --config "$CONFIG" --trace "$trace" <<<"$text" >"$work/answer" 2>/dev/null
    jq -e '.error == null' "$work/answer" >/dev/null || {
        cat "$work/answer" >&2
        return 1
    }
    first=$(awk 'NR == 1 { print $1 }' "$file")
    record count "$(awk -v cpi="$first" -v method="$method" '
        / execve\(.* = 0$/ { runs++; if (/virsh"/) virsh++ }
        $1 == cpi && / f(data)?sync\(/ { syncs++ }
        $1 == cpi && / (write|pwrite64)\([0-9]+,/ && / = [0-9]+$/ {
            fd = $2; sub(/^[^(]*\(/, "", fd); sub(/,.*/, "", fd)
            if (fd + 0 > 2) bytes += $NF
        }
        END { printf "{\"method\":\"%s\",\"children\":%d,\"virsh\":%d,\"fsyncs\":%d,\"bytes\":%d}",
              method, runs - 1, virsh, syncs, bytes }' "$file")"
}

# own METHOD REQUEST: CPU time and memory of cpi itself, without a tracer
own() {
    local -a times=() peaks=()
    local i
    for i in 1 2 3 4 5; do
        call "$2" --trace "$work/trace.json" >/dev/null
        times+=("$(jq '.[-1].args.own_cpu_us' "$work/trace.json")")
        peaks+=("$(jq '.[-1].args.peak_kib' "$work/trace.json")")
    done
    record own "{\"method\":\"$1\",\"cpu_us\":$(median "${times[@]}"),\"peak_kib\":$(quantile 100 "${peaks[@]}")}"
}

# Each method once, on a VM and a disk of its own.
run_counts() {
    local stemcell=$1 vm disk
    say 'what each method does'
    count info "$(request info)"
    own info "$(request info)"
    count create_vm "$(request create_vm "$(vm_arguments "$stemcell")")"
    vm=$(jq -r '.result[0]' "$work/answer")
    count create_disk "$(request create_disk '[64, {}, null]')"
    disk=$(jq -r '.result' "$work/answer")
    count has_vm "$(request has_vm "[\"$vm\"]")"
    own has_vm "$(request has_vm "[\"$vm\"]")"
    count has_disk "$(request has_disk "[\"$disk\"]")"
    own has_disk "$(request has_disk "[\"$disk\"]")"
    count get_disks "$(request get_disks "[\"$vm\"]")"
    own get_disks "$(request get_disks "[\"$vm\"]")"
    count set_vm_metadata "$(request set_vm_metadata "[\"$vm\", {\"job\": \"bench\", \"index\": \"0\"}]")"
    own set_vm_metadata "$(request set_vm_metadata "[\"$vm\", {\"job\": \"bench\", \"index\": \"0\"}]")"
    count attach_disk "$(request attach_disk "[\"$vm\", \"$disk\"]")"
    virsh_lab destroy "$vm" >/dev/null
    count detach_disk "$(request detach_disk "[\"$vm\", \"$disk\"]")"
    count reboot_vm "$(request reboot_vm "[\"$vm\"]")"
    count snapshot_disk "$(request snapshot_disk "[\"$disk\", {}]")"
    cpi delete_snapshot "[$(jq .result "$work/answer")]" >/dev/null
    count delete_disk "$(request delete_disk "[\"$disk\"]")"
    count delete_vm "$(request delete_vm "[\"$vm\"]")"
}

# The size of the binary, and what starting it costs.
run_binary() {
    local instructions
    say 'the binary'
    instructions=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null "$CPI" \
        <<<"$(request info)" 2>&1 >/dev/null | sed -n 's/.*Collected : //p')
    # shellcheck disable=SC2034
    local -a info_wall=() info_cpu=()
    local i text
    text=$(request info)
    for i in {1..50}; do
        clock info call "$text"
    done
    record binary "{\"bytes\":$(stat -c %s "$CPI"),\"instructions\":${instructions:-null},
        \"info_wall_us\":$(median "${info_wall[@]}"),
        \"static\":$(file -b "$CPI" | grep -q 'static' && echo true || echo false)}"
}
