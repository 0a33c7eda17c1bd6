# One dom0 for all tests of the suite, with cpi and the lab's stemcell in its /root.
# shellcheck shell=bash

setup_suite() {
    local root lab image
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
    lab=$root/tests/lab
    image=$("$lab/stemcell.sh" qcow2)
    "$lab/xen.sh" start "$BATS_SUITE_TMPDIR/dom0"
    "$lab/xen.sh" put "$BATS_SUITE_TMPDIR/dom0" "${XEN_CPI:-$root/build/cpi}" "$image"
}

teardown_suite() {
    "$(dirname "${BASH_SOURCE[0]}")/../lab/xen.sh" stop "$BATS_SUITE_TMPDIR/dom0"
}
