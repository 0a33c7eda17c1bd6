# The tables, out of the results.
# shellcheck shell=bash disable=SC2154

table() {
    column -t -s $'\t'
}

# rows KIND FILTER HEADER: a table of the results of one kind
rows() {
    grep -q "\"kind\":\"$1\"" "$results" || return 0
    {
        echo "$3"
        jq -r --arg kind "$1" "select(.kind == \$kind) | $2 | map(tostring) | join(\"\t\")" "$results"
    } | table
    echo
}

report() {
    rows count '[.method, .children, .virsh, .fsyncs, .bytes]' $'method\tchildren\tvirsh\tfsyncs\tbytes written'
    rows own '[.method, .cpu_us / 1000, .peak_kib]' $'method\town CPU ms\tpeak KiB'
    rows binary '[.bytes, .static, .instructions, .info_wall_us / 1000]' \
        $'bytes\tstatic\tinstructions of info\tinfo ms'
    rows ratio '[.name, .wall_us / 1000, .floor_us / 1000, (.ratio * 100 | round / 100),
        ((.cpu_ratio // 0) * 100 | round / 100), "\(.low_us / 1000)-\(.high_us / 1000)"]' \
        $'method\tms\tfloor ms\tratio\tCPU ratio\tquartiles'
    rows growth '[.method, .present, .wall_us / 1000]' $'method\tpresent\tms'
    rows parallel '[.workers, .wall_us / 1000, .floor_us / 1000, (.throughput * 100 | round / 100)]' \
        $'workers\tms\tfloor ms\tthroughput'
}
