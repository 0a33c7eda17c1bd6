#!/bin/bash
# A libvirtd of one's own, for tests: with QEMU, LXC, storage and NAT networks, in namespaces
# from which nothing gets out but its sockets below DIR. Needs root. Any number of them can
# run side by side, each in a DIR of its own.
#
#   libvirtd.sh start DIR [--qemu-user]  start it; DIR/uri and DIR/lxc-uri say how to connect.
#                                        QEMU runs as root, with /dev/kvm in sight; or as on
#                                        a real host as libvirt-qemu, here without /dev/kvm
#   libvirtd.sh stop DIR                 end it and all it runs
#   libvirtd.sh exec DIR COMMAND…        run a command inside
#   libvirtd.sh reboot DIR               cut the host's power and start it again
#   libvirtd.sh kill-daemon DIR          end libvirtd alone; the guests live on
#   libvirtd.sh start-daemon DIR         start it again
#   libvirtd.sh guest DIR IP SCRIPT      run a shell script in the lab's guest at IP and exit
#                                        with its status; 255 if the guest does not answer
set -euo pipefail
shopt -s inherit_errexit

lab=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lab/common.bash
. "$lab/common.bash"

# How long things may take on a busy machine, in seconds.
patience=60

# The port of the guest's command channel, and the longest path a socket may have.
guest_port=6868
longest_socket=107

die() {
    printf 'libvirtd.sh: %s\n' "$*" >&2
    exit 1
}

# wait_until COMMAND…
wait_until() {
    local deadline=$((SECONDS + patience))
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.05
    done
}

# inside DIR COMMAND…: in the namespaces, in the same working directory.
inside() {
    local dir=$1
    shift
    nsenter --target "$(<"$dir/pid")" --mount --net --ipc --pid --cgroup -- \
        env -C "$PWD" "$@"
}

# quietly DIR COMMAND…: without anything of the caller's that a daemon might hold open.
quietly() {
    local log=$1/log
    shift
    (
        close_files
        "$@"
    ) </dev/null >>"$log" 2>&1
}

answers() {
    virsh -q -c "$(<"$1/uri")" list </dev/null >/dev/null 2>&1
}

# The child of unshare: the first process of the namespaces.
first_process() {
    local unshared=$1 dir=$2 child
    child=$(pgrep -P "$unshared") || return 1
    note_process "$dir" "$child"
}

# settled DIR: the first process has done its work, or given up.
settled() {
    [[ -e $1/ready ]] || ! running "$1"
}

check_place() {
    local socket=$1/run/libvirt-sock
    ((${#socket} <= longest_socket)) || die "$1: too long a path for a socket"
    [[ $(id -u) == 0 ]] || die "must be run as root"
    running "$1" && die "a lab is running in $1 already"
    return 0
}

# fail_start DIR WHY: leaves nothing running.
fail_start() {
    tail -n 20 "$1/log" >&2
    stop "$1"
    die "$2"
}

start() {
    local dir=$1 mode=${2:-}
    [[ -z $mode || $mode == --qemu-user ]] || die "unknown option $mode"
    check_place "$dir"
    mkdir -p "$dir"
    rm -f "$dir"/{pid,started,ready}
    : >"$dir/log"
    (
        close_files
        exec setsid unshare --mount --net --ipc --pid --fork --kill-child --mount-proc \
            --propagation private "$lab/inside.sh" init "$dir" "$mode"
    ) </dev/null >>"$dir/log" 2>&1 &
    wait_until first_process $! "$dir" || fail_start "$dir" "the namespaces did not come up"
    echo "qemu+unix:///system?socket=$dir/run/libvirt-sock" >"$dir/uri"
    echo "lxc+unix:///system?socket=$dir/run/libvirt-sock" >"$dir/lxc-uri"
    wait_until settled "$dir" || fail_start "$dir" "the namespaces are not set up in time"
    running "$dir" || fail_start "$dir" "the namespaces could not be set up"
    start_daemons "$dir" || fail_start "$dir" "libvirtd does not answer"
    quietly "$dir" inside "$dir" "$lab/inside.sh" networks || fail_start "$dir" "no networks"
}

# libvirtd gets to see that it is in the lab's cgroups; LXC depends on that.
join_cgroups() {
    local cgroup
    while read -r cgroup; do
        [[ ! -d $cgroup/init ]] || cgroup=$cgroup/init
        echo "$BASHPID" >"$cgroup/cgroup.procs"
    done <"$1/cgroups"
}

launch() {
    join_cgroups "$1"
    inside "$1" "$lab/inside.sh" daemons
}

start_daemons() {
    quietly "$1" launch "$1" && wait_until answers "$1"
}

stop() {
    local parent
    if running "$1"; then
        parent=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$(<"$1/pid")/status")
        kill -KILL "$(<"$1/pid")"
        wait_until ended "$1" "$parent" || die "the lab in $1 does not end"
    fi
    rm -f "$1"/{pid,started,ready}
    [[ ! -e $1/cgroups ]] || remove_cgroups "$1"
}

# ended DIR PARENT: both the first process, which ends last inside, and the unshare above it.
ended() {
    ! running "$1" && [[ $(cat "/proc/$2/comm" 2>/dev/null) != unshare || -z $(start_time "$2") ]]
}

# What guests that are no more have left behind.
empty_cgroups() {
    local cgroup
    while read -r cgroup; do
        [[ ! -d $cgroup ]] || find "$cgroup" -mindepth 1 -depth -type d -exec rmdir {} \; 2>/dev/null
    done <"$1/cgroups"
}

remove_cgroups() {
    local cgroup
    empty_cgroups "$1"
    while read -r cgroup; do
        [[ ! -d $cgroup ]] || rmdir "$cgroup"
    done <"$1/cgroups"
    rm "$1/cgroups"
}

reboot() {
    quietly "$1" inside "$1" "$lab/inside.sh" power-cut
    empty_cgroups "$1"
    start_daemons "$1" || die "libvirtd does not answer after the reboot"
}

kill_daemon() {
    quietly "$1" inside "$1" "$lab/inside.sh" kill-daemon
}

start_daemon() {
    start_daemons "$1" || die "libvirtd does not answer"
}

# ask_guest DIR IP: the script is on stdin.
ask_guest() {
    inside "$1" busybox nc -w 2 "$2" "$guest_port" 2>/dev/null
}

# An empty script first: it may be sent again, which the real one must not.
guest_listens() {
    [[ $(ask_guest "$1" "$2" </dev/null) == exit=0 ]]
}

guest() {
    local answer status
    wait_until guest_listens "$1" "$2" || {
        printf 'libvirtd.sh: no guest answers at %s\n' "$2" >&2
        return 255
    }
    answer=$(ask_guest "$1" "$2" <<<"$3") || true
    status=${answer##*exit=}
    [[ $answer =~ (^|$'\n')exit=[0-9]+$ ]] || {
        printf '%s\nlibvirtd.sh: the guest at %s broke off\n' "$answer" "$2" >&2
        return 255
    }
    answer=${answer%exit=*}
    printf '%s' "$answer"
    return "$status"
}

main() {
    local verb=${1:-} dir
    (($# >= 2)) || die "usage: libvirtd.sh start|stop|exec|reboot|guest|… DIR …"
    dir=$(realpath -m -- "$2")
    shift 2
    [[ $verb == start || $verb == stop ]] || running "$dir" || die "no lab is running in $dir"
    case $verb in
        start | stop | reboot) "$verb" "$dir" "$@" ;;
        exec) inside "$dir" "$@" ;;
        guest) guest "$dir" "$@" ;;
        kill-daemon) kill_daemon "$dir" ;;
        start-daemon) start_daemon "$dir" ;;
        *) die "no such command: $verb" ;;
    esac
}

main "$@"
