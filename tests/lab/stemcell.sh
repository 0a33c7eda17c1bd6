#!/bin/bash
# Makes the stemcell the lab's VMs boot from: `stemcell.sh [qcow2|raw|efi]` prints the path of an
# `image` file as it lies in an openstack stemcell, a gzip'd tar that holds root.img alone. The
# efi one, a qcow2, boots with EFI only, the others with BIOS only.
# Xen's pvgrub boots them by their boot/grub/grub.cfg.
# Inside is one bootable FAT partition with the distribution's kernel and an initramfs: busybox,
# real udev and guest/init, which tells on the serial console what it found. Built once and
# kept in the cache until one of these files or the kernel package changes.
set -euo pipefail
shopt -s inherit_errexit

lab=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${CPI_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bosh-libvirt-cpi-lab}

# Sizes of the disk image, in sectors of 512 bytes.
disk_sectors=131072
partition_start=2048

# What the guest may meet. Those a kernel has built in, or does not have, are left out; the
# required ones must be there one way or the other.
required_modules=(virtio_pci virtio_blk virtio_scsi virtio_net ahci ata_piix sd_mod sr_mod
    isofs vfat nls_cp437 ext4)
optional_modules=(xen_blkfront xen_netfront virtio_rng virtio_balloon e1000 e1000e 8139cp nls_ascii nls_iso8859-1
    nls_utf8 crc32c_generic crc32c_intel af_packet button acpiphp pciehp)

# The rest of a kernel package is large and slow to unpack.
unwanted_modules=('*/drivers/gpu/*' '*/drivers/media/*' '*/drivers/net/wireless/*'
    '*/drivers/infiniband/*' '*/drivers/usb/*' '*/drivers/iio/*' '*/drivers/staging/*' '*/sound/*')

programs=(/usr/bin/udevadm /usr/bin/jq /sbin/mke2fs
    /lib/udev/ata_id /lib/udev/scsi_id /lib/udev/cdrom_id)
udev_rules=(50-udev-default 60-block 60-cdrom_id 60-persistent-storage 80-drivers)

say() {
    printf 'stemcell: %s\n' "$*" >&2
}

die() {
    say "$*"
    exit 1
}

# depends_on PACKAGE REGEX: the name of a package it depends on.
depends_on() {
    apt-cache depends --important "$1" | sed -n 's/^ *|\{0,1\}Depends: //p' |
        grep -E -m 1 "$2" || true
}

# The names of the packages with the kernel and its modules, hidden behind a package that
# always depends on the newest. Not Debian's cloud kernel: it knows no AHCI.
kernel_packages() {
    local meta image modules
    for meta in linux-image-amd64 linux-image-virtual linux-image-generic; do
        image=$(depends_on "$meta" '^linux-image-[0-9]' 2>/dev/null)
        [[ -z $image ]] || break
    done
    [[ -n ${image:-} ]] || return 1
    modules=$(depends_on "$image" '^linux-modules-[0-9]')
    echo "$image" ${modules:+"$modules"}
}

# kernel_versions PACKAGE…: one package=version a line.
kernel_versions() {
    local package
    for package in "$@"; do
        apt-cache show --no-all-versions "$package" |
            sed -n "s/^Version: /$package=/p" | head -n 1
    done
}

# As root apt would rather download as a user of its own, who may not write in our directory.
download() {
    (cd "$1" && apt-get -q -o APT::Sandbox::User=root download "$2") >&2
}

# unpack_kernel DIR PACKAGE=VERSION…: DIR then has boot/ and lib/modules/, which newer
# distributions have moved to usr/lib/modules/.
unpack_kernel() {
    local dir=$1 package debs
    shift
    mkdir -p "$dir" "$cache/kernel"
    for package in "$@"; do
        debs=("$cache/kernel/${package%%=*}"_*.deb)
        if [[ ! -e ${debs[0]} ]] || [[ ! -e $cache/kernel/$package ]]; then
            rm -f "${debs[@]}"
            download "$cache/kernel" "$package"
            touch "$cache/kernel/$package"
            debs=("$cache/kernel/${package%%=*}"_*.deb)
        fi
        say "unpacking ${debs[0]##*/}"
        dpkg-deb --fsys-tarfile "${debs[0]}" |
            tar -x -C "$dir" "${unwanted_modules[@]/#/--exclude=}"
    done
    [[ -e $dir/lib ]] || ln -s usr/lib "$dir/lib"
}

# module_files TREE RELEASE MODULE…: the files of the modules and of all they need.
module_files() {
    local tree=$1 release=$2
    shift 2
    modprobe --dirname="$tree" --set-version="$release" --show-depends --all "$@" |
        sed -n 's/^insmod \([^ ]*\).*/\1/p'
}

# expand FILE DIR: the module uncompressed in DIR, since busybox does not know every format.
expand() {
    local name=${1##*/}
    case $1 in
        *.zst) zstd -q -d -c "$1" >"$2/${name%.zst}" ;;
        *.xz) xz -d -c "$1" >"$2/${name%.xz}" ;;
        *.gz) gzip -d -c "$1" >"$2/${name%.gz}" ;;
        *) cp "$1" "$2/$name" ;;
    esac
}

# add_modules ROOT KERNEL-TREE RELEASE
add_modules() {
    local target=$1/lib/modules/$3 module file
    mkdir -p "$target"
    depmod -b "$2" "$3"
    module_files "$2" "$3" "${required_modules[@]}" >"$2/files"
    for module in "${optional_modules[@]}"; do
        module_files "$2" "$3" "$module" >>"$2/files" 2>/dev/null || true
    done
    while read -r file; do
        expand "$file" "$target"
    done < <(sort -u "$2/files")
    cp "$2/lib/modules/$3"/modules.{builtin,builtin.modinfo,order} "$target"
    depmod -b "$1" "$3"
}

# add_program ROOT PROGRAM: with the shared libraries it needs.
add_program() {
    local file
    cp --remove-destination --parents -L "$2" "$1"
    while read -r file; do
        cp --parents -L "$file" "$1"
    done < <(ldd "$2" | awk '$2 == "=>" { print $3 } $1 ~ /^\// { print $1 }')
}

add_busybox() {
    local applet
    cp "$(command -v busybox)" "$1/bin/busybox"
    for applet in $(busybox --list); do
        [[ $applet == busybox ]] || ln -sf busybox "$1/bin/$applet"
    done
}

# udev looks up the groups its rules name, and complains on the console about missing ones.
add_udev() {
    local rule group groups id=100
    mkdir -p "$1/lib/udev/rules.d" "$1/lib/systemd" "$1/etc/udev"
    for rule in "${udev_rules[@]}"; do
        cp "/lib/udev/rules.d/$rule.rules" "$1/lib/udev/rules.d"
    done
    ln -s /bin/udevadm "$1/lib/systemd/systemd-udevd"
    echo root:x:0:0:root:/:/bin/sh >"$1/etc/passwd"
    echo root:x:0: >"$1/etc/group"
    groups=$(sed -n 's/.*GROUP="\([a-z]*\)".*/\1/p' "$1"/lib/udev/rules.d/* | sort -u)
    for group in $groups; do
        [[ $group == root ]] || echo "$group:x:$((id++)):" >>"$1/etc/group"
    done
}

# make_initramfs ROOT KERNEL-TREE RELEASE FILE
make_initramfs() {
    local program
    mkdir -p "$1"/{bin,lib,lib64,etc,lab,proc,sys,dev}
    ln -s bin "$1/sbin"
    ln -s . "$1/usr"
    add_busybox "$1"
    add_udev "$1"
    for program in "${programs[@]}"; do
        add_program "$1" "$program"
    done
    add_modules "$1" "$2" "$3"
    cp "$lab"/guest/{common.sh,disks.sh,nets.sh,settings.jq,on-lease,run-script} "$1/lab"
    cp "$lab/guest/init" "$1/init"
    (cd "$1" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -9) >"$4"
}

kernel_options='quiet loglevel=1 panic=5 tsc=unstable edd=off net.ifnames=0'
kernel_options+=' mitigations=off nokaslr cryptomgr.notests'

syslinux_config() {
    echo 'default lab'
    echo 'prompt 0'
    echo 'label lab'
    echo ' kernel /vmlinuz'
    echo " append initrd=/initrd console=ttyS0 $kernel_options"
}

# For paravirtual guests, whose console is Xen's.
grub_config() {
    echo 'set timeout=0'
    echo 'menuentry lab {'
    echo "    linux /vmlinuz console=hvc0 $kernel_options"
    echo '    initrd /initrd'
    echo '}'
}

# make_disk IMAGE KERNEL INITRAMFS WORK-DIR: no loop device and no mount is needed for this.
make_disk() {
    local partition=$1@@$((partition_start * 512))
    truncate -s $((disk_sectors * 512)) "$1"
    echo "start=$partition_start, type=e, bootable" | sfdisk -q "$1"
    dd if=/usr/lib/syslinux/mbr/mbr.bin of="$1" bs=440 count=1 conv=notrunc status=none
    mformat -i "$partition" -v LABROOT -H $partition_start \
        -T $((disk_sectors - partition_start)) -h 64 -s 32 ::
    syslinux --install --offset $((partition_start * 512)) "$1"
    syslinux_config >"$4/syslinux.cfg"
    grub_config >"$4/grub.cfg"
    mmd -i "$partition" ::/boot ::/boot/grub
    mcopy -i "$partition" "$4/grub.cfg" ::/boot/grub/grub.cfg
    mcopy -i "$partition" "$2" ::/vmlinuz
    mcopy -i "$partition" "$3" ::/initrd
    mcopy -i "$partition" "$4/syslinux.cfg" ::/syslinux.cfg
}

loader_entry() {
    echo 'title lab'
    echo 'linux /vmlinuz'
    echo 'initrd /initrd'
    echo "options console=ttyS0 $kernel_options"
}

# make_efi_disk IMAGE KERNEL INITRAMFS WORK-DIR: an EFI system partition and no boot code for BIOS.
make_efi_disk() {
    local partition=$1@@$((partition_start * 512))
    truncate -s $((disk_sectors * 512)) "$1"
    echo "start=$partition_start, type=ef" | sfdisk -q "$1"
    mformat -i "$partition" -v LABROOT -H $partition_start \
        -T $((disk_sectors - partition_start)) -h 64 -s 32 ::
    mmd -i "$partition" ::/EFI ::/EFI/BOOT ::/loader ::/loader/entries
    mcopy -i "$partition" /usr/lib/systemd/boot/efi/systemd-bootx64.efi ::/EFI/BOOT/BOOTX64.EFI
    loader_entry >"$4/lab.conf"
    mcopy -i "$partition" "$4/lab.conf" ::/loader/entries/lab.conf
    mcopy -i "$partition" "$2" ::/vmlinuz
    mcopy -i "$partition" "$3" ::/initrd
}

# pack DIR: DIR/root.img becomes DIR/image.
pack() {
    tar -C "$1" --owner=0 --group=0 -c root.img | gzip -1 >"$1/image"
    rm "$1/root.img"
}

# build TARGET PACKAGE=VERSION…: TARGET appears only when all is done.
build() {
    local target=$1 work release
    shift
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/build.XXXXXX")
    # shellcheck disable=SC2064 # the directory of now
    trap "rm -rf '$work'" EXIT
    mkdir -p "$work/done/raw" "$work/done/qcow2" "$work/done/efi"
    unpack_kernel "$work/kernel" "$@"
    release=$(cd "$work/kernel/boot" && echo vmlinuz-*)
    release=${release#vmlinuz-}
    say "building for kernel $release"
    make_initramfs "$work/root" "$work/kernel" "$release" "$work/initrd"
    make_disk "$work/done/raw/root.img" "$work/kernel/boot/vmlinuz-$release" "$work/initrd" "$work"
    qemu-img convert -f raw -O qcow2 "$work/done/raw/root.img" "$work/done/qcow2/root.img"
    make_efi_disk "$work/efi.img" "$work/kernel/boot/vmlinuz-$release" "$work/initrd" "$work"
    qemu-img convert -f raw -O qcow2 "$work/efi.img" "$work/done/efi/root.img"
    pack "$work/done/raw"
    pack "$work/done/qcow2"
    pack "$work/done/efi"
    mv "$work/done" "$target"
}

newest_kernel() {
    local packages versions known
    # apt takes seconds where it keeps no cache of its own.
    known=$cache/newest-$(find /etc/apt /var/lib/apt/lists /var/lib/dpkg/status -printf '%p %T@\n' |
        sort | sha256sum | cut -c 1-16)
    if [[ ! -s $known ]]; then
        packages=$(kernel_packages) || return 1
        # shellcheck disable=SC2086 # words wanted
        versions=$(kernel_versions $packages)
        [[ -n $versions ]] || return 1
        rm -f "$cache"/newest-*
        echo "$versions" >"$known"
    fi
    cat "$known"
}

main() {
    local format=${1:-qcow2} versions key target
    [[ $format == @(qcow2|raw|efi) ]] || die "usage: stemcell.sh [qcow2|raw|efi]"
    mkdir -p "$cache"
    exec {lock}>"$cache/lock"
    flock "$lock"
    versions=$(newest_kernel) || {
        say "apt knows no kernel package: updating its lists"
        apt-get -q update >&2
        versions=$(newest_kernel) || die "apt knows no kernel package"
    }
    key=$({ cat "$lab/stemcell.sh" "$lab"/guest/*; echo "$versions"; } | sha256sum | cut -c 1-16)
    target=$cache/stemcell-$key
    # shellcheck disable=SC2086 # words wanted
    [[ -d $target ]] || build "$target" $versions >&2
    echo "$target/$format/image"
}

main "$@"
