# One private libvirtd and one stemcell for all live tests.
# shellcheck shell=bash

setup_suite() {
    local lab
    lab=$(cd "$(dirname "${BASH_SOURCE[0]}")/../lab" && pwd)
    # qemu's user passes through the directories of stores and labs.
    chmod 0755 "$BATS_RUN_TMPDIR" "$BATS_SUITE_TMPDIR"
    "$lab/stemcell.sh" qcow2 >/dev/null
    "$lab/libvirtd.sh" start "$BATS_SUITE_TMPDIR/lab"
}

teardown_suite() {
    "$(dirname "${BASH_SOURCE[0]}")/../lab/libvirtd.sh" stop "$BATS_SUITE_TMPDIR/lab"
}
