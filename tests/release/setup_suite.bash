# One release for all the tests, with the binary of this machine alone.
# shellcheck shell=bash

setup_suite() {
    local root
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
    flock "$root" env -u BUILD -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES make --no-print-directory -C "$root" release \
        ARCHITECTURES="$(uname -m)" >"$BATS_SUITE_TMPDIR/make" 2>&1 || {
        cat "$BATS_SUITE_TMPDIR/make" >&2
        return 1
    }
    echo "$root/$(tail -n 1 "$BATS_SUITE_TMPDIR/make")" >"$BATS_SUITE_TMPDIR/release"
}
