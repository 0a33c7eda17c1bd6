# What the tests of the release share. setup_suite made one with the binary of this machine alone.
# shellcheck shell=bash

root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
machine=$(uname -m)
# Whoever runs the tests may have these set, 'make test' for one.
unset BUILD MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL CPI CPI_CONFIG BOSH_JOBS_DIR BOSH_PACKAGES_DIR

setup() {
    cd "$root" || return 1
    work=$BATS_TEST_TMPDIR
    [[ ! -e $BATS_SUITE_TMPDIR/release ]] || release=$(<"$BATS_SUITE_TMPDIR/release")
}

fail() {
    printf '%s\n' "$@" >&2
    return 1
}

# quietly COMMAND…: its output is shown when it fails
quietly() {
    "$@" >"$work/output" 2>&1 || { cat "$work/output" >&2; return 1; }
}

bosh_rb() {
    ruby "$root/tests/release/bosh.rb" "$@"
}

# render TEMPLATE PROPERTIES: a template of the job, with these properties of libvirt_cpi (JSON)
render() {
    jq -n --argjson properties "$2" '{libvirt_cpi: $properties}' | bosh_rb render "$root/config/release/job" "$1"
}

# unpack TARBALL DIRECTORY
unpack() {
    mkdir -p "$2" && tar -xzf "$1" -C "$2"
}

yaml() {
    ruby -ryaml -rjson -e 'puts JSON.generate(YAML.safe_load($stdin.read, aliases: true))' <"$1"
}

# holds FILTER: the JSON on stdin is there and the filter says true of it. (jq -e is content where
# there is nothing.)
holds() {
    local input
    input=$(cat)
    [[ $(jq "$1" <<<"$input") == true ]] || fail "not so: $1" "$input"
}
