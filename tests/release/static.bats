#!/usr/bin/env bats
# The static binary: it needs nothing of the machine that it runs on.

load helper

info='{"method":"info","arguments":[],"context":{}}'

setup_file() {
    # An empty directory with the binary, to change the root to.
    mkdir -p "$BATS_FILE_TMPDIR/empty"
    cp "$root/build/static/$machine/cpi" "$BATS_FILE_TMPDIR/empty/"
}

in_empty() {
    env -i "$(command -v chroot)" "$BATS_FILE_TMPDIR/empty" /cpi "$@"
}

@test "it has no interpreter, no shared library and no symbols" {
    local headers
    headers=$(readelf --program-headers --dynamic --symbols "build/static/$machine/cpi")
    [[ $headers != *INTERP* && $headers != *NEEDED* && $headers != *getenv* ]] || fail "$headers"
}

@test "it answers in an empty root directory" {
    in_empty <<<"$info" | holds '.error == null and .result.api_version == 3'
    in_empty --version | grep -q '^cpi '
    # Without a home directory, and without a file that could name one.
    echo '{"store_dir":"~/store","storage_controller":"SATA","agent":{"mbus":"nats://a"}}' >"$BATS_FILE_TMPDIR/empty/cpi.json"
    in_empty --config /cpi.json <<<'{"method":"has_disk","arguments":["d"],"context":{}}' |
        holds '.error.message | contains("set HOME")'
}

@test "it finds the home directory of its user where HOME is not set" {
    mkdir -p "$work/root/home/op" "$work/root/etc"
    cp "$BATS_FILE_TMPDIR/empty/cpi" "$work/root/"
    printf 'daemon:x:1:1::/:/bin/false\nop:x:%d:0::/home/op:/bin/sh\n' "$(id -u)" >"$work/root/etc/passwd"
    echo '{"store_dir":"~/store","storage_controller":"SATA","agent":{"mbus":"nats://a"}}' >"$work/root/cpi.json"
    env -i "$(command -v chroot)" "$work/root" /cpi --config /cpi.json <<<'{"method":"has_disk","arguments":["d"],"context":{}}' |
        holds '.result == false'
    [[ ! -e $work/root/~ ]]
}

@test "the libraries in it are named, with their versions" {
    grep -E '^libarchive [0-9].*\(libarchive-dev\)$' "build/static/$machine/libraries"
    grep -E '^cjson [0-9].* \(source\)$' "build/static/$machine/libraries"
}

@test "an architecture that there is none for is refused in words" {
    run make --no-print-directory static MACHINE=riscv64
    ((status != 0))
    [[ $output == *"'riscv64' is not one of x86_64, aarch64"* ]] || fail "$output"
}
