#!/bin/bash
# A Xen host of one's own, for tests: a dom0 from Debian's packages, with libvirt, in a QEMU that
# emulates all of it. Needs root once, to make its disk (see xen-disk.sh).
#
#   xen.sh build               makes what is cached: the disk, and the state of a dom0 that is up
#   xen.sh start DIR [FILE…]   starts a dom0 from there, with a disk of its own; the files are in
#                              its /root
#   xen.sh stop DIR            ends it
#   xen.sh exec DIR COMMAND    runs a shell command in it, as root, and exits with its status
#   xen.sh reach DIR           says how it is reached over SSH, in the words of a cpi.json
set -euo pipefail
shopt -s inherit_errexit

lab=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lab/common.bash
. "$lab/common.bash"

# How long things may take on a busy machine, in seconds: emulation is slow.
boot_patience=3600
patience=1200

# The host: dom0 gets what of its memory the guests are not to have.
memory=3072
xen_options='dom0_mem=1280M,max:1280M console=com1 com1=115200,8n1 loglvl=error guest_loglvl=error'
# What comes with it is on a second disk, which must always have the same size. SSH would take minutes
# for it on a busy machine.
luggage_size=512M
# What QEMU is started by, when it is to end with this script.
tied=()
kernel_options='root=/dev/vda ro console=hvc0 quiet mitigations=off net.ifnames=0'
# systemd's own patience is not made for emulation.
kernel_options+=' systemd.default_timeout_start_sec=1800 systemd.service_watchdogs=no'

say() {
    printf 'xen: %s\n' "$*" >&2
}

die() {
    say "$*"
    exit 1
}

# wait_until SECONDS DIR COMMAND…: false when time is up, or the machine in DIR has ended.
wait_until() {
    local deadline=$((SECONDS + $1)) dir=$2
    shift 2
    until "$@"; do
        ((SECONDS < deadline)) && running "$dir" || return 1
        sleep 0.5
    done
}

# launch DIR DISK OPTION…: QEMU, with a port of the loopback interface that leads to dom0's SSH.
# Another CPU than this one may crash dom0 (max does). A comma is doubled within QEMU's words.
# Time in there passes by instructions (icount), so a busy machine makes nothing in it time out: libxl
# gives a device model seconds, and no say in it. One CPU, for QEMU runs one at a time then.
launch() {
    local dir=$1 disk=$2 port=$((20000 + RANDOM % 12000))
    shift 2
    echo "$port" >"$dir/port"
    (
        close_files
        exec setsid "${tied[@]}" qemu-system-x86_64 -nodefaults -no-user-config -display none \
            -machine pc,accel=tcg -cpu SandyBridge -smp 1 -icount shift=0 -m "$memory" \
            -kernel "$host/xen" -append "$xen_options" \
            -initrd "$host/vmlinuz ${kernel_options//,/,,},$host/initrd" \
            -drive "file=$disk,if=virtio,format=qcow2,cache=unsafe,discard=unmap" \
            -drive "file=$dir/luggage,if=virtio,format=raw,cache=unsafe" \
            -netdev "user,id=net,hostfwd=tcp:127.0.0.1:$port-:22" \
            -device virtio-net-pci,netdev=net -device virtio-rng-pci \
            -serial "file:$dir/console" "$@"
    ) </dev/null >"$dir/log" 2>&1 &
    note_process "$dir" $!
}

# boot SECONDS DIR DISK OPTION…: until libvirt in it answers. The port may be somebody else's.
boot() {
    local limit=$1 dir=$2 try
    shift
    for try in {1..10}; do
        launch "$@"
        if wait_until "$limit" "$dir" answers "$dir"; then
            return 0
        fi
        grep -q 'host forwarding' "$dir/log" || break
    done
    tail -n 20 "$dir/log" "$dir/console" >&2
    stop "$dir"
    die "dom0 in $dir does not come up (try $try)"
}

# ssh_words DIR: to $words, how to reach dom0; over the connection that start keeps, if there is one.
ssh_words() {
    words=(-q -i "$host/key" -p "$(<"$1/port")" -o BatchMode=yes -o IdentitiesOnly=yes
        -o "UserKnownHostsFile=$host/known_hosts" -o HostKeyAlias=dom0 -o StrictHostKeyChecking=yes
        -o ConnectTimeout=60 -o "ControlPath=$1/ssh" -o LogLevel=ERROR)
}

in_dom0() {
    local words
    ssh_words "$1"
    ssh -F /dev/null "${words[@]}" root@127.0.0.1 "$2"
}

answers() {
    in_dom0 "$1" 'virsh -q -c xen:///system list && virsh -q net-list --name | grep -q .' \
        </dev/null >/dev/null 2>&1
}

# Each connection of its own would take dom0 seconds.
keep_connection() {
    local words
    ssh_words "$1"
    (close_files && exec ssh -F /dev/null "${words[@]}" -M -N -f root@127.0.0.1) </dev/null >>"$1/log" 2>&1
}

end() {
    ! running "$1" || kill -KILL "$(<"$1/pid")"
    wait_until_ended "$1"
    rm -f "$1"/{pid,started,port}
}

wait_until_ended() {
    local deadline=$((SECONDS + 60))
    while running "$1"; do
        ((SECONDS < deadline)) || die "the dom0 in $1 does not end"
        sleep 0.1
    done
}

# save DIR: writes to DIR/state what the machine is doing, and ends it.
save() {
    local answer
    exec {answer}<>"$1/monitor.out"
    printf 'migrate "exec:cat >%s/state"\ninfo migrate\nquit\n' "$1" >"$1/monitor.in"
    wait_until_ended "$1"
    timeout 5 cat <&"$answer" >"$1/said" || true
    exec {answer}>&-
    grep -qa 'Migration status: completed' "$1/said" || {
        cat "$1/said" >&2
        die 'the state of dom0 could not be saved'
    }
}

# build_state TARGET: boots a dom0 and saves what it is like then.
build_state() {
    local work tied=(setpriv --pdeathsig KILL)
    rm -rf "$host"/boot.*
    work=$(mktemp -d "$host/boot.XXXXXX")
    # shellcheck disable=SC2064 # the directory of now
    trap "end '$work'; rm -rf '$work'" EXIT
    qemu-img create -q -f qcow2 -F raw -b "$host/disk.img" "$work/disk.qcow2"
    pack "$work"
    mkfifo "$work"/monitor.{in,out}
    say 'booting dom0, which takes minutes; once for all'
    boot "$boot_patience" "$work" "$work/disk.qcow2" -monitor "pipe:$work/monitor"
    in_dom0 "$work" sync
    save "$work"
    mkdir "$work/done"
    mv "$work/disk.qcow2" "$work/state" "$work/done"
    mv "$work/done" "$1"
    trap - EXIT
    rm -rf "$work"
}

# find_host: to $host, what xen-disk.sh makes, and to $booted, the state of a dom0 that is up.
find_host() {
    local key lock
    host=$("$lab/xen-disk.sh")
    key=$({
        declare -f launch pack
        echo "$memory $luggage_size $xen_options $kernel_options"
        qemu-system-x86_64 --version
    } | sha256sum | cut -c 1-16)
    booted=$host/booted-$key
    exec {lock}>"$host/lock"
    flock "$lock"
    [[ -d $booted ]] || build_state "$booted"
    used "$booted"
    exec {lock}>&-
}

# pack DIR FILE…: onto the second disk, as a tar archive. Holes stay holes.
pack() {
    local dir=$1 file words=()
    shift
    for file; do
        words+=(-C "$(dirname "$(realpath "$file")")" "$(basename "$file")")
    done
    : >"$dir/luggage"
    ((${#words[@]} == 0)) || tar -S -h --owner=0 --group=0 -cf "$dir/luggage" "${words[@]}"
    (($(stat -c %s "$dir/luggage") <= $(numfmt --from=iec "$luggage_size"))) || die 'the files are too large'
    truncate -s "$luggage_size" "$dir/luggage"
}

# Its clock stood still in the meantime; and what the kernel had read of the second disk is outdated.
settle_in="date -s @%s >/dev/null; blockdev --flushbufs /dev/vdb && tar -x -S -C /root -f /dev/vdb"

start() {
    local dir=$1
    ! running "$dir" || die "a dom0 is running in $dir already"
    mkdir -p "$dir"
    qemu-img create -q -f qcow2 -F qcow2 -b "$booted/disk.qcow2" "$dir/disk.qcow2"
    echo "$host" >"$dir/host"
    pack "$@"
    boot "$patience" "$dir" "$dir/disk.qcow2" -incoming "exec:cat $booted/state"
    keep_connection "$dir"
    # shellcheck disable=SC2059 # the format is ours
    in_dom0 "$dir" "$(printf "$settle_in" "$(date +%s)")"
}

reach() {
    printf '{"uri": "xen+ssh://root@127.0.0.1:%d/?keyfile=%s", "host_key": "%s"}\n' \
        "$(<"$1/port")" "$host/key" "$(cut -d ' ' -f 2,3 "$host/known_hosts")"
}

stop() {
    local words
    if running "$1"; then
        ssh_words "$1"
        ssh -F /dev/null "${words[@]}" -O exit root@127.0.0.1 >/dev/null 2>&1 || true
    fi
    end "$1"
    rm -f "$1"/{disk.qcow2,luggage}
}

main() {
    local verb=${1:-} dir
    [[ $verb == build ]] || (($# >= 2)) || die 'usage: xen.sh build | start|stop|exec|reach DIR …'
    if [[ $verb == build ]]; then
        find_host
        return
    fi
    dir=$(realpath -m -- "$2")
    shift 2
    case $verb in
        start) find_host ;;
        *) host=$(<"$dir/host") ;;
    esac
    case $verb in
        start | stop | reach) "$verb" "$dir" "$@" ;;
        exec) in_dom0 "$dir" "$*" ;;
        *) die "no such command: $verb" ;;
    esac
}

main "$@"
