#!/bin/bash
# Two hosts, a and b, and the place of a Director that reaches them by SSH alone, for tests. Each
# host is a libvirtd.sh lab with a store and an sshd of its own; the three are machines on one
# network, 10.99.0.0/24: a is .1, b is .2, the Director .254. Needs root.
#
#   hosts.sh start DIR [--qemu-user]  start them; the option is libvirtd.sh's
#   hosts.sh stop DIR            end them and all that runs there
#   hosts.sh exec DIR COMMAND…   run a command where the Director is: no virsh, no qemu-img, no
#                                libvirt socket, no store
#   hosts.sh on DIR a|b COMMAND…  run a command on a host
#   hosts.sh sshd DIR a|b        start the host's sshd again
#   hosts.sh kill-sshd DIR a|b   end the host's sshd and every connection to it
#   hosts.sh cut DIR a|b         end the connections alone
#
# What is in DIR afterwards: key and stranger, private keys, of which the hosts accept the first;
# a.key and b.key, the hosts' public keys; a/store and b/store, which both hosts see as DIR/store.
set -euo pipefail
shopt -s inherit_errexit

lab=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
declare -A address=([a]=10.99.0.1 [b]=10.99.0.2)
patience=60

die() {
    printf 'hosts.sh: %s\n' "$*" >&2
    exit 1
}

on() {
    local host=$1
    shift
    "$lab/libvirtd.sh" exec "$dir/$host" "$@"
}

# quietly COMMAND…: without anything of the caller's that a daemon might hold open.
quietly() {
    (
        for entry in /proc/self/fd/*; do
            number=${entry##*/}
            ((number <= 2)) || exec {number}>&-
        done
        "$@"
    ) </dev/null >>"$dir/log" 2>&1
}

in_director() {
    nsenter --target "$(<"$dir/director")" --mount --net -- "$@"
}

make_key() {
    rm -f "$1" "$1.pub"
    ssh-keygen -q -t ed25519 -N '' -C '' -f "$1"
}

sshd_configuration() {
    cat <<END
ListenAddress ${address[$1]}
HostKey $dir/$1/ssh_host_key
AuthorizedKeysFile $dir/authorized_keys
PidFile $dir/$1/sshd.pid
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
LogLevel VERBOSE
END
}

start_sshd() {
    rm -f "$dir/$1/sshd.pid"
    quietly on "$1" /usr/sbin/sshd -f "$dir/$1/sshd_config" -E "$dir/$1/sshd.log"
    for ((i = 0; i < patience * 20; i++)); do
        [[ ! -s $dir/$1/sshd.pid ]] || return 0
        sleep 0.05
    done
    die "sshd of host $1 does not start"
}

# Its children are the connections; their numbers are those of the host's own namespace.
cut_connections() {
    # shellcheck disable=SC2016 # for the shell there
    on "$1" bash -c '
        listener=$(<"$1/sshd.pid")
        for stat in /proc/[0-9]*/stat; do
            read -r pid name _ 2>/dev/null <"$stat" || continue
            [[ $name != "(sshd)" || $pid == "$listener" ]] || kill -KILL "$pid"
        done' cut "$dir/$1"
}

kill_sshd() {
    # shellcheck disable=SC2016 # for the shell there
    on "$1" bash -c 'kill -KILL "$(<"$1/sshd.pid")"' kill "$dir/$1"
    cut_connections "$1"
}

# plug HOST: a cable from the host to the Director's switch.
plug() {
    local cable=cpi-$1
    in_director ip link add "$cable" type veth peer name uplink netns "$(<"$dir/$1/pid")"
    in_director ip link set "$cable" master switch up
    on "$1" ip address add "${address[$1]}/24" dev uplink
    on "$1" ip link set uplink up
}

start_host() {
    mkdir -p "$dir/$1/store"
    chmod 0755 "$dir/$1" "$dir/$1/store"
    "$lab/libvirtd.sh" start "$dir/$1" "${@:2}"
    on "$1" mount --bind "$dir/$1/store" "$dir/store"
    plug "$1"
    make_key "$dir/$1/ssh_host_key"
    cut -d ' ' -f 1,2 "$dir/$1/ssh_host_key.pub" >"$dir/$1.key"
    sshd_configuration "$1" >"$dir/$1/sshd_config"
    start_sshd "$1"
}

# The Director's machine, without what it would not have.
furnish_director() {
    local program
    ip link set lo up
    ip link add switch type bridge
    ip address add 10.99.0.254/24 dev switch
    ip link set switch up
    for program in virsh qemu-img; do
        mount --bind /dev/null "$(command -v "$program")"
    done
    mkdir -p /run/libvirt
    mount -t tmpfs tmpfs /run/libvirt
    mount -t tmpfs -o mode=0 tmpfs "$dir/store"
    # What the user of the tests knows of other hosts with these addresses.
    [[ ! -d ~/.ssh ]] || mount -t tmpfs tmpfs ~/.ssh
    : >"$dir/furnished"
    exec sleep infinity
}

start_director() {
    rm -f "$dir/furnished"
    (
        for entry in /proc/self/fd/*; do
            number=${entry##*/}
            ((number <= 2)) || exec {number}>&-
        done
        exec setsid unshare --mount --net --propagation private "$lab/hosts.sh" furnish "$dir"
    ) </dev/null >>"$dir/log" 2>&1 &
    echo $! >"$dir/director"
    for ((i = 0; i < patience * 20; i++)); do
        [[ ! -e $dir/furnished ]] || return 0
        sleep 0.05
    done
    tail -n 20 "$dir/log" >&2
    die "the Director's place could not be set up"
}

start() {
    local host
    mkdir -p "$dir/store" /run/sshd
    chmod 0755 "$dir" "$dir/store"
    : >"$dir/log"
    make_key "$dir/key"
    make_key "$dir/stranger"
    cp "$dir/key.pub" "$dir/authorized_keys"
    start_director
    for host in a b; do
        start_host "$host" "$@"
    done
}

stop() {
    local host
    for host in a b; do
        [[ ! -e $dir/$host ]] || "$lab/libvirtd.sh" stop "$dir/$host"
    done
    [[ ! -e $dir/director ]] || kill -KILL "$(<"$dir/director")" || true
    rm -f "$dir/director"
}

(($# >= 2)) || die "usage: hosts.sh start|stop|exec|on|sshd|kill-sshd DIR …"
verb=$1
dir=$(realpath -m -- "$2")
shift 2
case $verb in
    start | stop) "$verb" "$@" ;;
    exec) exec nsenter --target "$(<"$dir/director")" --mount --net -- "$@" ;;
    on) on "$@" ;;
    sshd) start_sshd "$1" ;;
    kill-sshd) kill_sshd "$1" ;;
    cut) cut_connections "$1" ;;
    furnish) furnish_director ;;
    *) die "no such command: $verb" ;;
esac
