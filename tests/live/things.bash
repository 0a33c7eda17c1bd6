# What the tests that let calls fail on real libvirt share: all that there is, things that take no time
# to make, and what they hold.
# shellcheck shell=bash disable=SC2034,SC2154 # most names are those of helper.bash

# --- answers -----------------------------------------------------------------------------------

succeeded() {
    is_success || {
        echo "no success: $response"
        tail -n 5 "$BATS_TEST_TMPDIR/stderr"
        return 1
    }
}

# --- what there is -----------------------------------------------------------------------------

# things: by names only, for what a running VM writes changes
things() {
    local name script=''
    (cd "$STORE" && find . -mindepth 2 ! -path './.lock/*' ! -name console.log -printf '%P %y %m %l\n') | sort
    for name in $(virsh_lab list --all --name | sort); do
        script+="echo $name; domstate $name; domblklist $name; domblklist $name --inactive; "
    done
    [[ ! $script ]] || virsh_lab "$script"
    virsh_lab 'net-dumpxml default; net-dumpxml default --inactive' | grep '<host ' || true
    findmnt --raw --noheadings --output TARGET,SOURCE | grep -F "$STORE" || true
    losetup --list --noheadings --output BACK-FILE | grep -F "$STORE" || true
}

# as_before WHAT
as_before() {
    local now
    now=$(things)
    [[ $now == "$before" ]] || {
        printf '%s:\n' "$1"
        diff <(printf '%s\n' "$before") <(printf '%s\n' "$now")
        return 1
    }
}

# A stemcell that takes no time, for a guest that need not boot.
small_stemcell() {
    local work=$BATS_FILE_TMPDIR/small
    if [[ ! -e $work/image ]]; then
        mkdir -p "$work"
        head -c 512K /dev/urandom >"$work/root.img"
        truncate -s 4M "$work/root.img"
        printf '\125\252' | dd of="$work/root.img" bs=1 seek=510 conv=notrunc status=none
        tar -C "$work" -czf "$work/image" root.img
    fi
    small=$work/image
}

small_stemcell_call() {
    call create_stemcell "[\"$small\", {\"name\": \"small\", \"version\": \"1\"}]"
}

# The CID of what the last answer made, to $made.
made() {
    made=$(jq -r '.result | if type == "array" then .[0] else . end' <<<"$response")
}

# have_small_stemcell, have_small_vm IP, have_disk: in $stemcell, $vm, $disk
have_small_stemcell() {
    small_stemcell
    small_stemcell_call
    succeeded
    made
    stemcell=$made
}

small_vm_call() {
    call create_vm "$(jq -cn --arg stemcell "$stemcell" --argjson networks "$(networks "$1")" \
        '["agent", $stemcell, {memory: 64, ephemeral_disk: 16}, $networks, [], {}]')"
}

have_small_vm() {
    small_vm_call "$1"
    succeeded
    made
    vm=$made
}

# Each disk begins with the same letters, which nobody may change. A disk on this bus comes and goes
# without the guest's help.
have_disk() {
    cpi create_disk '[16, {"bus": "scsi"}, null]'
    disk=$result
    qemu-io -f qcow2 -c 'write -q -P 0x5a 0 1M' "$(image_of "$disk")" >/dev/null
}

# image_of DISK: its file
image_of() {
    echo "$STORE/disks/$1"/disk.[!j]*
}

# holds_data IMAGE
holds_data() {
    local said
    said=$(qemu-io -r -U -f "${1##*.}" -c 'read -P 0x5a 0 1M' "$1" 2>&1) &&
        [[ $said != *'verification failed'* ]] || {
        echo "$1 does not hold what it held: $said"
        return 1
    }
}
