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
        holds '.error.message | contains("there is no store in \u0027/home/op/store\u0027")'
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

# sources MACHINE ID CODENAME INDEX-TARGETS: where the libraries would come from, on a machine of that
# distribution whose apt has these archives
sources() {
    mkdir -p "$work/keyrings" "$work/bin"
    : >"$work/keyrings/$2-archive-keyring.gpg"
    printf 'ID=%s\nVERSION_CODENAME=%s\n' "$2" "$3" >"$work/os-release"
    printf '#!/bin/sh\ncat "%s"\n' "$work/index-targets" >"$work/bin/apt-get"
    printf '%s' "$4" >"$work/index-targets"
    chmod +x "$work/bin/apt-get"
    unshare --mount bash -ec "mount --bind '$work/keyrings' /usr/share/keyrings &&
        mount --bind '$work/os-release' /etc/os-release && PATH='$work/bin':\$PATH config/release/libraries $1 --sources" |
        sed 's/ \[signed-by=[^ ]*\]//' | sort
}

@test "the libraries come from the distribution's own archives, with their sources, whatever the machine lists" {
    # A mirror; what is of somebody else is not asked.
    diff <(sources aarch64 debian bookworm $'Debian http://mirror/debian/ bookworm main\nNode https://x/ y main\n') - <<'END'
deb http://mirror/debian/ bookworm main
deb-src http://mirror/debian/ bookworm main
END
    # No lists were ever fetched.
    diff <(sources x86_64 debian trixie '') - <<'END'
deb http://deb.debian.org/debian trixie main
deb http://deb.debian.org/debian trixie-updates main
deb http://deb.debian.org/debian-security trixie-security main
deb-src http://deb.debian.org/debian trixie main
deb-src http://deb.debian.org/debian trixie-updates main
deb-src http://deb.debian.org/debian-security trixie-security main
END
}

@test "Ubuntu keeps the other architectures in an archive of their own, and the sources in one" {
    diff <(sources aarch64 ubuntu noble $'Ubuntu http://archive.ubuntu.com/ubuntu/ noble universe\n') - <<'END'
deb http://ports.ubuntu.com/ubuntu-ports noble universe
deb-src http://archive.ubuntu.com/ubuntu/ noble universe
END
    diff <(sources x86_64 ubuntu noble $'Ubuntu http://ports.ubuntu.com/ubuntu-ports/ noble main\n') - <<'END'
deb http://archive.ubuntu.com/ubuntu noble main
deb-src http://archive.ubuntu.com/ubuntu noble main
END
    sources x86_64 ubuntu jammy '' | grep -x 'deb-src http://archive.ubuntu.com/ubuntu jammy-security universe'
}
