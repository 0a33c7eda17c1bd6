# Root directories of other releases of Debian and Ubuntu, made once and kept: for scripts that run
# programs of one. Such a script sets cache (a directory), then calls make_root; its function fill
# puts into the root directory $new what is wanted there. Needs root. CPI_DEBIAN_MIRROR and
# CPI_UBUNTU_MIRROR say where the distributions are.
# shellcheck shell=bash disable=SC2154

mirror=${CPI_DEBIAN_MIRROR:-http://deb.debian.org/debian}
# Where Ubuntu's keys are not installed, as on Debian, TLS tells that it is Ubuntu's archive.
boot_mirror=$mirror boot_options=()

# For a release of Ubuntu.
from_ubuntu() {
    mirror=${CPI_UBUNTU_MIRROR:-http://archive.ubuntu.com/ubuntu}
    boot_mirror=$mirror
    [[ -e /usr/share/keyrings/ubuntu-archive-keyring.gpg ]] && return
    boot_mirror=${mirror/#http:/https:}
    boot_options=(--no-check-gpg)
}

# The exit status where the release cannot be reached: no reason for a test to fail.
readonly unreachable=77

die() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit "${2:-1}"
}

# quietly COMMAND…: shows what it printed only if it fails.
quietly() {
    local log=$new.log
    "$@" >"$log" 2>&1 </dev/null && return
    tail -n 40 "$log" >&2
    return 1
}

# bootstrap SUITE COMPONENTS
bootstrap() {
    # What it mounts is seen by nobody else, and is gone when it is killed.
    quietly unshare --mount --propagation private debootstrap --variant=minbase \
        "${boot_options[@]}" --components="$2" "$1" "$new" "$boot_mirror" && return
    if grep -q -e 'Failed getting release file' -e 'Invalid Release' "$new.log"; then
        die "$1 cannot be reached at $mirror" "$unreachable"
    fi
    die "there is no root directory of $1: see $new.log"
}

# Some programs look for themselves in /proc.
# shellcheck disable=SC2016 # the variables are the inner shell's
in_new() {
    quietly env DEBIAN_FRONTEND=noninteractive unshare --mount --propagation private \
        bash -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$new" "$@"
}

# A release's files are old when a snapshot of it is served.
apt() {
    in_new apt-get --yes --no-install-recommends -o Acquire::Check-Valid-Until=false "$@"
}

# prepare_apt SUITE COMPONENTS
prepare_apt() {
    cp /etc/resolv.conf "$new/etc/resolv.conf"
    # Nothing is to be started.
    printf '#!/bin/sh\nexit 101\n' >"$new/usr/sbin/policy-rc.d"
    chmod 0755 "$new/usr/sbin/policy-rc.d"
    echo "deb $mirror $1 ${2//,/ }" >"$new/etc/apt/sources.list"
}

# make_root SUITE COMPONENTS SCRIPT: prints the path; it is made anew when the script has changed.
make_root() {
    local suite=$1 components=$2 root lock new
    root=$cache/$suite-$(cat "$3" "${BASH_SOURCE[0]}" | sha256sum | head -c 12)
    mkdir -p "$cache"
    exec {lock}>"$cache/lock"
    flock "$lock"
    if [[ ! -d $root ]]; then
        ((EUID == 0)) || die "run as root to make a root directory of $suite" "$unreachable"
        command -v debootstrap >/dev/null || die 'install debootstrap' "$unreachable"
        new=$cache/new
        rm -rf --one-file-system "$new"
        bootstrap "$suite" "$components"
        prepare_apt "$suite" "$components"
        fill || die "not all of $suite could be installed: see $new.log"
        mv "$new" "$root"
    fi
    used "$root"
    exec {lock}>&-
    echo "$root"
}
