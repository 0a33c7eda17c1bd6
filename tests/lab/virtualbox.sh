#!/bin/bash
# VirtualBox's own programs for tests, in a root directory of Debian sid, which has them in contrib:
# VBoxManage there is the real one. There is no kernel module for it, so no VM can be started.
#
#   virtualbox.sh make               make the root directory unless it is there; prints its path.
#                                    Exits with 77 and says why where sid cannot be reached
#   virtualbox.sh start DIR SHARED   a world of its own: a VirtualBox without any VM that sees
#                                    SHARED as it is outside. DIR/VBoxManage runs it from there
#   virtualbox.sh stop DIR           end it and all it runs
#
# The root directory is kept in ~/.cache/bosh-libvirt-cpi-vbox ($CPI_VBOX_CACHE), a new one is made
# when the recipe has changed. Needs root. CPI_DEBIAN_MIRROR says where Debian is.
set -euo pipefail
shopt -s inherit_errexit

self=$(realpath "${BASH_SOURCE[0]}")
# shellcheck source=tests/lab/common.bash
. "${self%/*}/common.bash"
cache=${CPI_VBOX_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bosh-libvirt-cpi-vbox}
# shellcheck source=tests/lab/root.bash
source "${self%/*}/root.bash"

# How long it may take to come up on a busy machine, in seconds.
patience=300

# The kernel module's sources, a compiler and a desktop are large, and VBoxManage needs none of them.
stand_in_package() {
    mkdir -p "$new/stand-in/DEBIAN" "$new/stand-in/usr/bin"
    cat >"$new/stand-in/DEBIAN/control" <<'CONTROL'
Package: cpi-lab-stand-in
Version: 1
Architecture: all
Maintainer: nobody <nobody@localhost>
Provides: virtualbox-modules, libgl1 (= 999), libsdl2-2.0-0 (= 999), systemd-sysusers, python3-packaging (= 999)
Description: stands for what VBoxManage alone does not need
CONTROL
    printf '#!/bin/sh\nexit 0\n' >"$new/stand-in/usr/bin/systemd-sysusers"
    chmod 0755 "$new/stand-in/usr/bin/systemd-sysusers"
    in_new dpkg-deb --build /stand-in /stand-in.deb
    in_new dpkg --install /stand-in.deb
}

fill() {
    stand_in_package && apt update && apt install virtualbox && in_new VBoxManage --version &&
        apt clean
}

# In namespaces of its own, of which this becomes the first process: all ends with it.
hold() {
    local root=$1 dir=$2 shared=$3
    # What all worlds share stays as it is.
    [[ $shared == /tmp/* ]] || mkdir -p "$root$shared"
    mount --bind "$root" "$root"
    mount -o remount,bind,ro "$root"
    # VirtualBox keeps its sockets in /tmp and its VMs in the home directory.
    mount -t tmpfs tmpfs "$root/tmp"
    mount -t tmpfs tmpfs "$root/root"
    chmod 1777 "$root/tmp"
    mount --rbind /dev "$root/dev"
    mount -t proc proc "$root/proc"
    [[ -d $root$shared ]] || mkdir -p "$root$shared"
    mount --bind "$shared" "$root$shared"
    # Its server ends with its last client, and who comes while it ends finds it without any VM. One
    # that was started by hand stays; but whoever asks before it is ready starts another, and this one
    # gives up. It writes its number when it can be found.
    chroot "$root" /usr/bin/env -i PATH=/usr/bin:/bin LC_ALL=C HOME=/root \
        /usr/lib/virtualbox/VBoxSVC --pidfile /tmp/server &
    until [[ -s $root/tmp/server ]]; do
        kill -0 $! || die 'VBoxSVC has ended'
        sleep 0.05
    done
    : >"$dir/ready"
    while :; do sleep 3600 & wait $! || true; done
}

write_program() {
    cat >"$2/VBoxManage" <<SCRIPT
#!/bin/bash
# The real VBoxManage. Each time it says on stdout that the kernel module is missing.
exec /usr/bin/nsenter --target "\$(<'$2/pid')" --mount --ipc --pid -- /usr/sbin/chroot '$1' /usr/bin/env -i \\
    PATH=/usr/bin:/bin LC_ALL=C HOME=/root /usr/bin/VBoxManage "\$@"
SCRIPT
    chmod 0755 "$2/VBoxManage"
}

# answers DIR UNSHARE: whether the world is there and its VirtualBox speaks.
answers() {
    local first
    [[ -e $1/ready ]] || return 1
    # The first process in the namespaces is the only child of unshare.
    read -r -d ' ' first <"/proc/$2/task/$2/children" || return 1
    note_process "$1" "$first"
    "$1/VBoxManage" list vms >>"$1/log" 2>&1
}

start() {
    local root world dir=$1 shared=$2 deadline
    root=$(make_root sid main,contrib "$self")
    deadline=$((SECONDS + patience))
    mkdir -p "$dir"
    rm -f "$dir"/{ready,pid,started}
    write_program "$root" "$dir"
    unshare --mount --ipc --pid --fork --kill-child --propagation private \
        "$self" hold "$root" "$dir" "$shared" >"$dir/log" 2>&1 </dev/null 3>&- &
    world=$!
    until answers "$dir" "$world"; do
        if ((SECONDS >= deadline)) || ! kill -0 "$world"; then
            kill -KILL "$world" 2>/dev/null || true
            die "the world did not start: $(<"$dir/log")"
        fi
        sleep 0.05
    done
    disown
}

stop() {
    ! running "$1" || kill -KILL "$(<"$1/pid")" 2>/dev/null || true
    while running "$1"; do
        sleep 0.05
    done
    rm -f "$1"/{pid,started}
}

case ${1-} in
    make) make_root sid main,contrib "$self" ;;
    start) start "$2" "$3" ;;
    hold) hold "$2" "$3" "$4" ;;
    stop) stop "$2" ;;
    *) die 'virtualbox.sh make | start DIR SHARED | stop DIR' ;;
esac
