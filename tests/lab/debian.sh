#!/bin/bash
# libvirt and QEMU of another release of Debian or Ubuntu for tests, in a root directory of it: a lab as
# libvirtd.sh makes them, in which all programs are that release's. There is no systemd.
#
#   debian.sh make SUITE                 make the root directory unless it is there; prints its path.
#                                        Exits with 77 and says why where it cannot be reached
#   debian.sh start SUITE DIR SHARED…    start a lab in DIR, which sees each SHARED as it is outside.
#                                        What libvirtd.sh does with a lab it does with this one
#
# The root directories are kept in ~/.cache/bosh-libvirt-cpi-debian ($CPI_SUITES_CACHE), each of 0.6
# GB; a new one is made when this file has changed, in one to two minutes. Needs root.
# CPI_DEBIAN_MIRROR and CPI_UBUNTU_MIRROR say where the distributions are.
set -euo pipefail
shopt -s inherit_errexit

self=$(realpath "${BASH_SOURCE[0]}")
cache=${CPI_SUITES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bosh-libvirt-cpi-debian}
# shellcheck source=tests/lab/common.bash
source "${self%/*}/common.bash"
# shellcheck source=tests/lab/root.bash
source "${self%/*}/root.bash"

fill() {
    apt update && apt install libvirt-daemon-system libvirt-daemon-driver-qemu libvirt-clients \
        qemu-system-x86 qemu-utils acl dnsmasq-base iptables nftables iproute2 procps kmod busybox &&
        apt clean || return
    # One that leads nowhere, as systemd-resolved leaves it, is none for dnsmasq.
    rm -f "$new/etc/resolv.conf"
    : >"$new/etc/resolv.conf"
}

# share PATH: the same thing below the new root
share() {
    mkdir -p "$root$1"
    mount --bind "$1" "$root$1"
}

# In a mount namespace of its own, which lives on with the lab. A chroot is not enough: who enters
# the namespace later is at its root.
enter() {
    local root=$1 dir=$2 path
    shift 2
    mount --bind "$root" "$root"
    mount --rbind /dev "$root/dev"
    mount --rbind /sys "$root/sys"
    mount -t proc proc "$root/proc"
    mount -t tmpfs tmpfs "$root/run"
    mount -t tmpfs tmpfs "$root/tmp"
    mkdir -p "$root/run/lock" "$root/run/old"
    for path in "${self%/*}" "$dir" "$@"; do
        share "$path"
    done
    cd "$root"
    pivot_root . run/old
    umount --lazy run/old
    cd /
    exec /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root \
        "${self%/*}/libvirtd.sh" start "$dir"
}

make() {
    [[ $1 != jammy ]] || from_ubuntu
    make_root "$1" main "$self"
}

# start SUITE DIR SHARED…
start() {
    local root
    root=$(make "$1")
    mkdir -p "$2"
    unshare --mount --propagation private "$self" enter "$root" "${@:2}"
}

case ${1-} in
    make) make "$2" ;;
    start) start "${@:2}" ;;
    enter) enter "${@:2}" ;;
    *) die 'debian.sh make SUITE | start SUITE DIR SHARED…' ;;
esac
