#!/bin/bash
# The part of libvirtd.sh that runs inside the namespaces: their first process, and what is
# done to the daemons there. Not to be called by hand.
set -euo pipefail
shopt -s inherit_errexit

# bind DIR TARGET: a directory of the lab in place of one of the system's.
bind() {
    mkdir -p "$1" "$2"
    mount --bind "$1" "$2"
}

# The cgroup a process of ours is in, below the mount point of a hierarchy; nothing above it
# is ours to change. cgroup v2 wants a parent without processes, which only its root may have.
own_cgroup() {
    local mount_point=$1 type=$2 controller path=
    controller=${mount_point##*/}
    [[ $type == cgroup2 ]] ||
        path=$(sed -nE "s/^[0-9]+:(.*,)?(name=)?$controller(,.*)?:(.*)/\4/p" /proc/self/cgroup)
    echo "$mount_point${path%/}"
}

# add_cgroup MOUNT-POINT TYPE NAME: the hierarchy's root becomes a cgroup of the lab's own, so
# that labs do not meet there and what they leave behind can be removed.
add_cgroup() {
    local parent cgroup file
    parent=$(own_cgroup "$1" "$2")
    cgroup=$parent/$3
    mkdir "$cgroup" || return 0
    echo "$cgroup" >>"$dir/cgroups"
    for file in cpuset.cpus cpuset.mems; do
        [[ $2 == cgroup2 || ! -e $cgroup/$file ]] || cat "$parent/$file" >"$cgroup/$file"
    done
    echo $$ >"$cgroup/cgroup.procs"
    mount --bind "$cgroup" "$1"
}

# LXC does not work with an empty cgroup v2 hierarchy beside the others.
separate_cgroups() {
    local lines line mount_point type
    : >"$dir/cgroups"
    ! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified
    mapfile -t lines </proc/mounts
    for line in "${lines[@]}"; do
        read -r _ mount_point type _ <<<"$line"
        [[ $type != cgroup && $type != cgroup2 ]] || add_cgroup "$mount_point" "$type" "lab-$token"
    done
}

# A sysfs of the new network namespace, with the cgroups of the old one.
renew_sysfs() {
    mkdir -p "$dir/cgroup"
    mount --rbind /sys/fs/cgroup "$dir/cgroup"
    umount --recursive --lazy /sys
    mount -t sysfs sysfs /sys
    mount --move "$dir/cgroup" /sys/fs/cgroup
}

# All of /dev but kvm.
hide_kvm() {
    local new=$dir/dev entry
    mkdir -p "$new"
    mount -t tmpfs -o mode=0755 tmpfs "$new"
    cp -ax /dev/. "$new/"
    rm -f "$new/kvm"
    for entry in pts shm mqueue hugepages; do
        ! mountpoint -q "/dev/$entry" || mount --rbind "/dev/$entry" "$new/$entry"
    done
    mount --move "$new" /dev
}

# As on a fresh host: the configuration that is installed, without any domain or network.
write_configuration() {
    local etc=$dir/etc
    rm -rf "$etc"
    cp -a /etc/libvirt "$etc"
    rm -rf "$etc"/{qemu,lxc,libxl,storage,secrets}
    mkdir -p "$etc/qemu/networks"
    cat >"$etc/libvirtd.conf" <<'END'
unix_sock_group = "libvirt"
unix_sock_rw_perms = "0770"
auth_unix_ro = "none"
auth_unix_rw = "none"
END
    qemu_configuration >"$etc/qemu.conf"
}

# A domain's own /dev would be made from what libvirtd believes is there, kvm included.
qemu_configuration() {
    echo 'security_driver = "none"'
    if [[ $mode == --qemu-user ]]; then
        echo 'namespaces = [ ]'
    else
        echo 'user = "root"'
        echo 'group = "root"'
        echo 'remember_owner = 0'
    fi
}

take_over_directories() {
    bind "$dir/etc" /etc/libvirt
    bind "$dir/run" /run/libvirt
    bind "$dir/lib" /var/lib/libvirt
    bind "$dir/log.d" /var/log/libvirt
    bind "$dir/cache" /var/cache/libvirt
    mkdir -p /var/lib/libvirt/dnsmasq /var/lib/libvirt/images
    mount -t tmpfs tmpfs /run/lock
}

# What the lab's processes read about their cgroups starts at those that are the lab's own:
# the namespace for this has to be made by a process that is in them.
init() {
    dir=$1
    token=$(basename "$dir")-$(date +%s%N)
    separate_cgroups
    renew_sysfs
    exec unshare --cgroup "$0" first-process "$@"
}

# In cgroup v2 only leaves may have processes.
leave_cgroup_root() {
    [[ -e /sys/fs/cgroup/cgroup.procs ]] || return 0
    mkdir -p /sys/fs/cgroup/init
    echo $$ >/sys/fs/cgroup/init/cgroup.procs
}

# Everything ends with the first process. Bash reaps what others leave behind.
first_process() {
    dir=$1
    mode=$2
    rm -rf "${dir:?}"/{run,lib,cache,log.d}
    leave_cgroup_root
    write_configuration
    take_over_directories
    [[ $mode != --qemu-user ]] || hide_kvm
    ip link set lo up
    : >"$dir/ready"
    while :; do
        sleep infinity &
        wait $! || true
    done
}

daemons() {
    alive virtlogd || virtlogd -d -p /run/libvirt/virtlogd.pid
    alive libvirtd || libvirtd -d -p /run/libvirt/libvirtd.pid
}

# alive DAEMON: judged by its pid file and the name of the process.
alive() {
    local pid
    pid=$(cat "/run/libvirt/$1.pid" 2>/dev/null) || return 1
    [[ -n $pid && $(cat "/proc/$pid/comm" 2>/dev/null) == "$1" ]]
}

kill_daemon() {
    alive libvirtd || return 0
    kill -KILL "$(</run/libvirt/libvirtd.pid)"
    while alive libvirtd; do
        sleep 0.05
    done
}

# network NAME BRIDGE NET: as libvirt ships its default one.
network() {
    cat <<END
<network>
  <name>$1</name>
  <bridge name='$2'/>
  <forward/>
  <ip address='$3.1' netmask='255.255.255.0'>
    <dhcp>
      <range start='$3.2' end='$3.254'/>
    </dhcp>
  </ip>
</network>
END
}

networks() {
    local name
    export LIBVIRT_DEFAULT_URI=qemu:///system
    virsh net-define /dev/stdin < <(network default virbr0 192.168.122)
    virsh net-define /dev/stdin < <(network second virbr1 192.168.133)
    virsh net-define /dev/stdin < <(network idle virbr2 192.168.144)
    for name in default second; do
        virsh net-autostart "$name"
        virsh net-start "$name"
    done
}

# The processes here but the first one with its sleep, and this one.
others() {
    local entry pid name
    for entry in /proc/[0-9]*; do
        pid=${entry##*/}
        name=$(cat "$entry/comm" 2>/dev/null) || continue
        [[ $pid == 1 || $pid == "$$" || $pid == "$BASHPID" || $name == sleep ]] || echo "$pid"
    done
}

# As on a host that loses its power: no process is asked, and what is kept in memory is gone.
power_cut() {
    local link
    kill -KILL -1 || true
    while [[ -n $(others) ]]; do
        sleep 0.05
    done
    find /run/libvirt /run/lock -mindepth 1 -delete
    for link in /sys/class/net/*; do
        [[ ${link##*/} == lo ]] || ip link delete "${link##*/}" || true
    done
    nft flush ruleset
}

verb=$1
shift
case $verb in
    init | daemons | networks) "$verb" "$@" ;;
    first-process) first_process "$@" ;;
    power-cut) power_cut ;;
    kill-daemon) kill_daemon ;;
esac
