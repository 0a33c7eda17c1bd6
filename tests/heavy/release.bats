#!/usr/bin/env bats
# The whole BOSH release, with the binary of the other architecture, which is cross compiled and run
# by QEMU's user emulation.

load ../release/helper

setup_file() {
    root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    flock "$root" env -u BUILD -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES make --no-print-directory -C "$root" release \
        >"$BATS_FILE_TMPDIR/make" 2>&1 || { cat "$BATS_FILE_TMPDIR/make" >&2; return 1; }
    echo "$root/$(tail -n 1 "$BATS_FILE_TMPDIR/make")" >"$BATS_FILE_TMPDIR/release"
}

foreign() {
    case $(uname -m) in
        x86_64) echo aarch64 ;;
        *) echo x86_64 ;;
    esac
}

@test "the release has a binary for each architecture, and the version of none of them alone" {
    local machine
    release=$(<"$BATS_FILE_TMPDIR/release")
    [[ $release != *only_* ]]
    unpack "$release" "$work/release"
    unpack "$work/release/packages/libvirt_cpi.tgz" "$work/package"
    for machine in x86_64 aarch64; do
        readelf --file-header "$work/package/cpi-$machine" >"$work/header"
        case $machine in
            x86_64) grep -q 'Machine:.*X86-64' "$work/header" ;;
            aarch64) grep -q 'Machine:.*AArch64' "$work/header" ;;
        esac
        ! readelf --program-headers "$work/package/cpi-$machine" | grep INTERP
    done
}

@test "the binary of the other architecture runs in an empty root directory" {
    mkdir "$work/empty"
    cp "build/static/$(foreign)/cpi" "$work/empty/cpi"
    cp "$(command -v "qemu-$(foreign)-static")" "$work/empty/qemu"
    echo '{"method":"info","arguments":[],"context":{}}' >"$work/info"
    env -i "$(command -v chroot)" "$work/empty" /qemu /cpi <"$work/info" >"$work/answer"
    cmp "$work/answer" <("build/static/$(uname -m)/cpi" <"$work/info")
    env -i "$(command -v chroot)" "$work/empty" /qemu /cpi --version | cmp - <("build/static/$(uname -m)/cpi" --version)
}

@test "packaging takes the other binary on the other architecture" {
    release=$(<"$BATS_FILE_TMPDIR/release")
    unpack "$release" "$work/release"
    unpack "$work/release/packages/libvirt_cpi.tgz" "$work/package"
    mkdir -p "$work/bin" "$work/installed"
    printf '#!/bin/sh\n[ "$1" = -s ] && echo Linux || echo %s\n' "$(foreign)" >"$work/bin/uname"
    # This machine runs it only through the emulator, so that its own check of it fails here.
    chmod +x "$work/bin/uname"
    run env -i PATH="$work/bin:$PATH" BOSH_INSTALL_TARGET="$work/installed" bash -c "cd '$work/package' && bash -x packaging"
    cmp "$work/installed/bin/cpi" "build/static/$(foreign)/cpi"
    ((status == 0)) || [[ $output == *"the binary for Linux on $(foreign) does not run here"* ]] || fail "$output"
}

# what_apt_knows: the machine's own architectures, sources and lists
what_apt_knows() {
    dpkg --print-foreign-architectures
    find /etc/apt /var/lib/apt/lists -type f -printf '%p %s %T@\n' | sort
}

@test "libraries are fetched anew without a change to the machine's own lists and architectures" {
    local before result
    before=$(what_apt_knows)
    result=$(CPI_CACHE=$work/cache config/release/libraries "$(foreign)" 2>"$work/output")
    [[ -s $result/lib/libcjson.a && -s $result/lib/libarchive.a && -s $result/include/cjson/cJSON.h ]]
    [[ $(what_apt_knows) == "$before" ]]
    # Nothing is left beside the result and the lock.
    [[ $(find "$work/cache" -mindepth 1 -maxdepth 1 | wc -l) == 2 ]]
}

@test "an archive that is signed by another key is refused, and nothing is kept of it" {
    # shellcheck source=/dev/null
    . /etc/os-release
    mkdir -p "$work/keyrings"
    : >"$work/keyrings/$ID-archive-keyring.gpg"
    run unshare --mount bash -ec "mount --bind '$work/keyrings' /usr/share/keyrings &&
        CPI_CACHE='$work/cache' config/release/libraries $(uname -m)"
    ((status != 0))
    [[ $output == *'not signed'* || $output == *NO_PUBKEY* ]] || fail "$output"
    [[ -z $(find "$work/cache" -mindepth 1 -maxdepth 1 -type d) ]]
}
