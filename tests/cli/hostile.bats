#!/usr/bin/env bats
# What nobody sends who means well: stemcells that reach for the host, values that would be XML, a
# path, a shell's words or a number too many. Each is answered, and what is refused has changed
# nothing. The corpora are those of tests/fuzz.
#
# That this sees something, by lines of the program that were broken once, and what failed then:
#
#   unpack.c  leads_out that is always false     stemcells whose archive reaches for the host
#   id.c      id_valid that takes all but ''      CIDs that are none

load helper

corpus=$root/tests/fuzz/corpus

setup() {
    begin
    tried=0 before=''
}

teardown() {
    echo "# $tried hostile inputs tried" >&3
    figure inputs "$tried" $((BATS_TEST_COMPLETED == 1 ? 0 : 1))
    check_secrets || return 1
    [[ ! -e $world/pwned && ! -e pwned && ! -e /tmp/pwned ]] || fail 'somebody got in'
}

# nothing_happened WHAT: the last answer was a failure and there is nothing new.
nothing_happened() {
    tried=$((tried + 1))
    ! succeeded || fail "this was taken: $1"
    [[ $(inventory) == "$before" ]] || fail "$1 has left something: $(inventory)"
}

# --- stemcells ---------------------------------------------------------------------------------

# refused_stemcell FILE: not even qemu-img sees it
refused_stemcell() {
    forget_calls
    ask create_stemcell "$1" '{"name":"s"}'
    nothing_happened "$1"
    [[ $response != *Clouds::CpiError* ]] || fail 'the request is not at fault'
    no_calls
}

# pack MEMBER...: $work/image of the files there
pack() {
    tar -C "$work" -czf "$work/image" "$@"
}

@test "stemcells whose archive reaches for the host" {
    local name work=$world/work
    before=$(inventory)
    for name in leads-out absolute symlink hardlink device two cut.gz; do
        refused_stemcell "$corpus/stemcell/$name"
    done
    mkdir -p "$work/a"
    for name in fifo directory; do
        rm -rf "$work/root.img"
        if [[ $name == fifo ]]; then mkfifo "$work/root.img"; else mkdir "$work/root.img"; fi
        pack root.img
        refused_stemcell "$work/image"
    done
    for name in 'a/../../root.img' '/root.img' 'a/..'; do
        rm -rf "$work/root.img"
        head -c 1024 /dev/zero >"$work/root.img"
        tar -C "$work" -P --transform "s,root.img,$name," -cf "$work/image" root.img
        refused_stemcell "$work/image"
    done
    for name in /dev/null /dev/zero /etc "$work" /proc/self/mem "$work/none"; do
        refused_stemcell "$name"
    done
}

@test "stemcells that would fill the disk" {
    local work=$world/work
    mkdir "$work"
    before=$(inventory)
    truncate -s 200G "$work/root.img"
    tar -C "$work" --sparse -czf "$work/image" root.img
    refused_stemcell "$work/image"
    truncate -s 300M "$work/root.img"
    pack root.img
    refused_stemcell "$work/image"
    head -c 4M /dev/zero | tr '\0' x >"$work/image.ovf"
    pack image.ovf
    refused_stemcell "$work/image"
}

@test "images that would make the hypervisor open other files, or are none" {
    local name work=$world/work
    mkdir "$work"
    before=$(inventory)
    for name in backing data-file garbage; do
        cp "$corpus/image/$name" "$work/root.img"
        [[ $name != garbage ]] || printf 'XXXX' | dd of="$work/root.img" conv=notrunc status=none
        pack root.img
        refused_stemcell "$work/image"
    done
    for name in flat parent no-capacity elsewhere two-extents; do
        cp "$corpus/vmdk/$name" "$work/image-disk1.vmdk"
        sed '/^%%$/,$d' "$corpus/ovf/vsphere" >"$work/image.ovf"
        pack image.ovf image-disk1.vmdk
        refused_stemcell "$work/image"
    done
    for name in leads-out two entity; do
        cp "$corpus/vmdk/stream" "$work/image-disk1.vmdk"
        cp "$corpus/ovf/$name" "$work/image.ovf"
        pack image.ovf image-disk1.vmdk
        refused_stemcell "$work/image"
    done
}

# --- texts -------------------------------------------------------------------------------------

# As JSON has them between its quotes.
texts=('\"><x/>' "'/><disk file='/etc/shadow'/>" ']]>' '<!--' '&amp;&#0;&x;' '<![CDATA[' '{{name}}'
    '$(touch pwned)' '`touch pwned`' '; touch pwned' '| touch pwned' '\n; touch pwned' "'; touch pwned; '"
    '\n' '\r\n' '\t' '\u0001' '\u007f' '\u0000' 'a\u0000b' '\ufffe' '\ud800' '\u202e' '😀'
    '../../../etc/passwd' '/etc/passwd' '..' '.' '~' '-rf' '--config' '--' '%s%n%n%n' '*' '?' "\\\\" '\\\\0'
    ' ' '' 'a b' 'ü' $'\xff\xfe' $'\xc0\xaf' $'\xed\xa0\x80')

# long COUNT [LETTER]: so many letters. Not with bash's own means, which take for ever.
long() {
    head -c "$1" /dev/zero | tr '\0' "${2-x}"
}

# raw METHOD ARGUMENTS: arguments as they are
raw() {
    send "{\"method\":\"$1\",\"arguments\":[$2],\"context\":{\"director_uuid\":\"u\",\"request_id\":\"r\"}}"
    tried=$((tried + 1))
}

# harmless WHAT: it was refused and nothing is new, or it was taken.
harmless() {
    succeeded || [[ $(inventory) == "$before" ]] || fail "$1 failed, but left something: $(inventory)"
}

@test "CIDs that are none" {
    local text method before_all
    local methods=(has_vm delete_vm has_disk delete_disk delete_stemcell delete_snapshot delete_network get_disks)
    have_vm
    before_all=$(digest)
    forget_calls
    texts+=("$(long 129)" "$(long 1000000)")
    for text in "${texts[@]}"; do
        # Each text goes to one method, each method gets some of the texts.
        method=${methods[tried % ${#methods[@]}]}
        raw "$method" "\"$text\""
        ! succeeded || fail "$method took '${text:0:100}'"
    done
    no_calls
    unchanged "$before_all" 'a CID that is none'
}

@test "metadata of all kinds arrives as text" {
    local text
    have_vm
    texts+=("$(long 1000000)")
    for text in "${texts[@]:0:24}" "${texts[-1]}"; do
        raw set_vm_metadata "\"$vm\",{\"name\":\"$text\",\"job\":\"web\",\"tags\":{\"$text\":\"$text\"}}"
        [[ ! -s $state/domains/$vm/metadata ]] || xmllint --noout "$state/domains/$vm/metadata" ||
            fail "no XML: '${text:0:100}'"
        is_running "$vm"
    done
}

@test "texts in a create_vm" {
    local text where before wheres
    wheres=('"%s","SC",{},NETS,[],{}' '"a","SC",{"cpu_model":"%s"},NETS,[],{}' \
            '"a","SC",{},{"%s":{"type":"dynamic","cloud_properties":{"name":"default"}}},[],{}' \
            '"a","SC",{},{"n":{"type":"manual","ip":"%s","netmask":"255.255.255.0","cloud_properties":{"name":"default"}}},[],{}' \
            '"a","SC",{},{"n":{"type":"dynamic","cloud_properties":{"name":"%s"}}},[],{}' \
            '"a","SC",{},NETS,["%s"],{"%s":"%s"}')
    have_stemcell
    before=$(inventory)
    for text in "${texts[@]}"; do
        where=${wheres[tried % ${#wheres[@]}]}
        where=${where//SC/$stemcell}
        where=${where//NETS/$(manual 10.0.0.10)}
        raw create_vm "${where//%s/"$text"}"
        harmless "$where with '$text'"
        succeeded || continue
        xmllint --noout "$state"/domains/*/xml || fail 'no XML'
        ok delete_vm "$(ls "$state/domains")"
        [[ $(inventory) == "$before" ]] || fail "left: $(inventory)"
    done
}

@test "texts in requests around the arguments" {
    local text
    for text in "${texts[@]}" "$(long 1000000)"; do
        send "{\"method\":\"$text\",\"arguments\":[]}"
        send "{\"method\":\"ping\",\"arguments\":[],\"context\":{\"request_id\":\"$text\",\"$text\":\"$text\"}}"
        send "{\"method\":\"create_network\",\"arguments\":[{\"range\":\"$text\",\"cloud_properties\":{\"name\":\"$text\"}}]}"
        ! succeeded || fail "a range: $text"
        send "{\"method\":\"has_vm\",\"arguments\":[\"vm-1\"],\"context\":{\"uri\":\"$text\",\"bin_path\":\"$text\",\"template_dir\":\"$text\"}}"
        tried=$((tried + 4))
    done
}

# --- numbers and shapes ------------------------------------------------------------------------

numbers=(-1 0 -0 1.5 1e400 -1e400 1e-400 9223372036854775807 9223372036854775808 18446744073709551615
    18446744073709551616 99999999999999999999999999999999 '"99999999999999999999"' '"-1"' '"1.5"'
    '"0x10"' '" 1"' '"1 "' '""' '"१"' '"1e3"' true false null '[]' '{}' '[1]')

@test "numbers that are none, or too large, or too small" {
    local number where wheres=(cpus ram disk ephemeral_disk memory)
    have_stemcell
    have_disk
    before=$(inventory)
    for number in "${numbers[@]}"; do
        raw create_disk "$number,{},null"
        nothing_happened "create_disk $number"
        raw resize_disk "\"$disk\",$number"
        nothing_happened "resize_disk $number"
        where=${wheres[tried % ${#wheres[@]}]}
        raw create_vm "\"a\",\"$stemcell\",{\"$where\":$number},$(manual 10.0.0.10),[],{}"
        harmless "create_vm $where $number"
        ! succeeded || ok delete_vm "$(ls "$state/domains")"
        send "{\"method\":\"ping\",\"arguments\":[],\"api_version\":$number}"
        raw has_vm "$number"
        ! succeeded || fail "has_vm $number"
    done
}

@test "what is nested deeply" {
    local depth deep closed
    have_stemcell
    before=$(inventory)
    for depth in 100 900 1100 100000; do
        deep=$(long "$depth" '[') closed=$(long "$depth" ']')
        send "{\"method\":\"ping\",\"arguments\":$deep$closed}"
        raw create_vm "\"a\",\"$stemcell\",{},{},[],{\"bosh\":$deep$closed}"
        harmless "$depth levels"
        ! succeeded || ok delete_vm "$(ls "$state/domains")"
    done
}

@test "requests that are none" {
    local file
    for file in "$corpus"/request/* "$corpus"/config/*; do
        sent=$file
        run_cpi <"$file" >"$world/stdout" 2>"$world/stderr"
        read_answer 0
        tried=$((tried + 1))
    done
    for file in /dev/null "$CPI"; do
        run_cpi <"$file" >"$world/stdout" 2>"$world/stderr"
        read_answer 0
        ! succeeded || fail 'a success'
        tried=$((tried + 1))
    done
}

# limits_of COMMAND: "KIB SECONDS" of each such call of qemu-img
limits_of() {
    paste -d ' ' - - - <"$state/limits" | sed -n "s/^$1 //p"
}

@test "a stranger's image is looked at and copied under limits, an image of our own without" {
    local kib seconds
    configure stemcell_compress true
    have_stemcell
    have_disk
    ok snapshot_disk "$disk"
    [[ $(limits_of info) == '1048576 10' ]] || fail "info: $(limits_of info)"
    mapfile -t lines < <(limits_of convert)
    ((${#lines[@]} == 2)) || fail "convert: ${lines[*]}"
    read -r kib seconds <<<"${lines[0]}"
    ((kib == 16777216 && seconds >= 300)) || fail "the stranger's: ${lines[0]}"
    [[ ${lines[1]} == 'unlimited unlimited' ]] || fail "our own: ${lines[1]}"
}
