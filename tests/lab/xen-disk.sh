#!/bin/bash
# Makes the disk of the lab's Xen host, dom0, from Debian's packages: `xen-disk.sh` prints the path of
# a directory with
#
#   disk.img        its file system, which nobody may write to any more
#   xen, vmlinuz, initrd
#                   what QEMU boots it with
#   key, known_hosts
#                   how to get in as root over SSH
#
# Needs root, and Debian's mirror (or $CPI_DEBIAN_MIRROR). Built once and kept in the cache, outside
# the clone, until this file changes. What a build that was killed leaves is removed by the next one.
set -euo pipefail
shopt -s inherit_errexit

lab=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lab/common.bash
. "$lab/common.bash"
cache=${CPI_XEN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bosh-libvirt-cpi-xen}
mirror=${CPI_DEBIAN_MIRROR:-http://deb.debian.org/debian}

suite=bookworm
disk_size=6G

# The host: Xen, libvirt with its driver, what they need for guests with files as disks.
packages=(xen-system-amd64 linux-image-amd64 systemd-sysv udev openssh-server
    dbus libpam-systemd libvirt-daemon-system libvirt-daemon-driver-xen libvirt-daemon-config-network libvirt-clients
    qemu-utils qemu-system-xen grub-xen-host dnsmasq-base iptables iproute2 netbase)

# What would only take its time at boot.
unwanted_units=(apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer
    e2scrub_reap.service fstrim.timer systemd-timesyncd.service systemd-pstore.service
    systemd-random-seed.service getty@tty1.service libvirt-guests.service
    xendomains.service)

say() {
    printf 'xen-disk: %s\n' "$*" >&2
}

# The network is QEMU's, which always has the same addresses.
network_unit() {
    printf '[Match]\nName=e*\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n'
    printf 'LinkLocalAddressing=no\nIPv6AcceptRA=no\n'
}

# add_access ROOT DIR: keys that are made here let in whoever can read the cache.
add_access() {
    rm -f "$1"/etc/ssh/ssh_host_*
    ssh-keygen -q -t ed25519 -N '' -C dom0 -f "$1/etc/ssh/ssh_host_ed25519_key"
    ssh-keygen -q -t ed25519 -N '' -C lab -f "$2/key"
    mkdir -p "$1/root/.ssh"
    cp "$2/key.pub" "$1/root/.ssh/authorized_keys"
    chmod -R go= "$1/root/.ssh"
    echo "dom0 $(<"$1/etc/ssh/ssh_host_ed25519_key.pub")" >"$2/known_hosts"
}

# configure ROOT
configure() {
    local unit
    echo dom0 >"$1/etc/hostname"
    printf '127.0.0.1 localhost dom0\n' >"$1/etc/hosts"
    printf '/dev/vda / ext4 noatime,errors=remount-ro 0 1\n' >"$1/etc/fstab"
    network_unit >"$1/etc/systemd/network/lab.network"
    printf 'UseDNS no\nPerSourceMaxStartups none\nMaxStartups 100\n' >"$1/etc/ssh/sshd_config.d/lab.conf"
    # What guests say on their consoles goes to /var/log/xen/console/guest-NAME.log.
    mkdir -p "$1/var/log/xen/console"
    echo 'XENCONSOLED_ARGS=--log=guest' >>"$1/etc/default/xen"
    chroot "$1" systemctl --quiet enable systemd-networkd ssh libvirtd
    for unit in "${unwanted_units[@]}"; do
        ln -sf /dev/null "$1/etc/systemd/system/$unit"
    done
    ln -sf /etc/libvirt/qemu/networks/default.xml \
        "$1/etc/libvirt/qemu/networks/autostart/default.xml"
}

# take_kernels ROOT DIR: QEMU wants Xen uncompressed.
take_kernels() {
    local xen=("$1"/boot/xen-*-amd64.gz) kernel=("$1"/boot/vmlinuz-*)
    gzip -d -c "${xen[0]}" >"$2/xen"
    cp "${kernel[0]}" "$2/vmlinuz"
    cp "$1/boot/initrd.img-${kernel[0]##*/vmlinuz-}" "$2/initrd"
}

# install_packages ROOT: starts none of the daemons. What this and debootstrap mount is in a mount namespace
# of this process, so nobody else ever sees the machine's /proc below a directory to be removed.
install_packages() {
    debootstrap --variant=minbase "$suite" "$1" "$mirror"
    printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
    chmod 0755 "$1/usr/sbin/policy-rc.d"
    cp -L /etc/resolv.conf "$1/etc/resolv.conf"
    mountpoint -q "$1/proc" || mount -t proc proc "$1/proc"
    chroot "$1" env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get --quiet --yes \
        --no-install-recommends install "${packages[@]}"
    rm "$1/usr/sbin/policy-rc.d"
}

# build TARGET: which appears only when all is done.
build() {
    local work
    rm -rf --one-file-system "$cache"/build.*
    work=$(mktemp -d "$cache/build.XXXXXX")
    # shellcheck disable=SC2064 # the directory of now
    trap "rm -rf --one-file-system '$work'" EXIT
    mkdir "$work/done"
    say "installing Debian $suite with Xen from $mirror"
    unshare --mount --propagation private "$lab/xen-disk.sh" install "$work/root" \
        >"$work/log" 2>&1 || {
        tail -n 20 "$work/log" >&2
        return 1
    }
    configure "$work/root"
    add_access "$work/root" "$work/done"
    take_kernels "$work/root" "$work/done"
    rm -rf "$work/root"/var/cache/apt/archives/*.deb "$work/root"/usr/share/{doc,man,locale}
    say 'making the disk'
    truncate -s "$disk_size" "$work/done/disk.img"
    mke2fs -q -F -t ext4 -d "$work/root" "$work/done/disk.img"
    mv "$work/done" "$1"
}

main() {
    local key target lock
    [[ ${1-} != install ]] || {
        install_packages "$2"
        return
    }
    key=$({ cat "$lab/xen-disk.sh" && echo "$mirror"; } | sha256sum | cut -c 1-16)
    target=$cache/dom0-$key
    mkdir -p "$cache"
    chmod 0700 "$cache"
    exec {lock}>"$cache/lock"
    flock "$lock"
    [[ -d $target ]] || build "$target" >&2
    used "$target"
    echo "$target"
}

main "$@"
