# One VirtualBox for all tests: the real userland in a root directory of Debian sid.
# shellcheck shell=bash

setup_suite() {
    local lab reason status=0
    lab=$(cd "$(dirname "${BASH_SOURCE[0]}")/../lab" && pwd)
    reason=$("$lab/virtualbox.sh" make 2>&1 >/dev/null) || status=$?
    if ((status == 77)); then
        export CPI_VBOX_SKIP=${reason##*$'\n'}
    elif ((status)); then
        echo "$reason" >&2
        return 1
    else
        "$lab/virtualbox.sh" start "$BATS_SUITE_TMPDIR/lab" "$BATS_RUN_TMPDIR"
        "$BATS_SUITE_TMPDIR/lab/VBoxManage" natnetwork add --netname labnet --network 10.9.0.0/24 --enable
    fi
}

teardown_suite() {
    "$(dirname "${BASH_SOURCE[0]}")/../lab/virtualbox.sh" stop "$BATS_SUITE_TMPDIR/lab"
}
