# What the tests of containers share: a store with a short path, cpi on the host that the containers
# run on, and looks at what they leave there.
# shellcheck shell=bash

# shellcheck source=tests/live/helper.bash
. "$BATS_TEST_DIRNAME/../live/helper.bash"

setup_containers() {
    LAB=$BATS_SUITE_TMPDIR/lab
    # libvirt gives loop devices paths of 63 characters at most.
    STORE=$(mktemp -d /tmp/lxc.XXXXXX)
    chmod 0711 "$STORE"
    CONFIG=$BATS_TEST_TMPDIR/cpi.json
    URI=$(<"$LAB/lxc-uri")
    write_lxc_config '{}'
    CPI=$BATS_TEST_TMPDIR/cpi-on-host
    cat >"$CPI" <<END
#!/bin/sh
exec "$lab/libvirtd.sh" exec "$LAB" "${LIVE_CPI:-$root/build/cpi}" "\$@"
END
    chmod +x "$CPI"
}

teardown_containers() {
    local name loop
    for name in $(virsh_lab list --all --name); do
        virsh_lab destroy "$name" >/dev/null 2>&1 || true
        virsh_lab undefine "$name" >/dev/null 2>&1 || true
    done
    drop_reservations
    # What a test that failed has left.
    for loop in $(losetup --noheadings --raw --output NAME,BACK-FILE | sed -n "s,^\([^ ]*\) $STORE/.*,\1,p"); do
        losetup --detach "$loop" || true
    done
    rm -rf "$STORE"
}

# write_lxc_config JSON: the sample configuration with these keys over it
write_lxc_config() {
    jq --arg store "$STORE" --argjson more "$1" '.store_dir = $store | . + {detach_timeout: 5} + $more' \
        "$root/config/cpi-lxc.json" >"$CONFIG"
}

# tree: imports the lab's root file system; the CID is in $result.
tree() {
    local image
    image=$("$lab/tree.sh" 2>/dev/null)
    cpi create_stemcell "$(jq -cn --arg image "$image" '[$image, {name: "lab", version: "1"}]')"
}

# guest IP SCRIPT: runs it in the container
guest() {
    "$lab/libvirtd.sh" guest "$LAB" "$1" "$2"
}

# says IP SCRIPT TEXT: the script prints just this
says() {
    local said
    said=$(guest "$1" "$2") || {
        echo "'$2' at $1 failed: $said" >&2
        return 1
    }
    [[ $said == "$3" ]] || {
        echo "'$2' at $1 says '$said', not '$3'" >&2
        return 1
    }
}

# fails COMMAND…: '!' alone would not fail a test
fails() {
    ! "$@"
}

on_host() {
    "$lab/libvirtd.sh" exec "$LAB" "$@"
}

# loops_of FILE: its loop devices
loops_of() {
    losetup --noheadings --raw --output NAME --associated "$1"
}

# leftovers: containers, their mounts, loop devices and cgroups, files of VMs
leftovers() {
    virsh_lab list --all --name | grep . || true
    on_host findmnt --noheadings --raw --output TARGET | grep -F "$STORE" || true
    losetup --noheadings --raw --output BACK-FILE | grep -F "$STORE" || true
    on_host find /sys/fs/cgroup -type d -name '*lxc-*vm-*' 2>/dev/null || true
    find "$STORE"/vms "$STORE"/fs -mindepth 1 2>/dev/null || true
}

no_leftovers() {
    [[ -z $(leftovers) ]]
}

nothing_left() {
    wait_for no_leftovers || {
        leftovers >&2
        return 1
    }
}
