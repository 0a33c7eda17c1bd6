# shellcheck shell=sh
# What the parts of the lab guest's init share.

# One write per line, so that a line is never torn by another process's.
say() {
    printf 'guest: %s\n' "$*" >/dev/console
}

# wait_until SECONDS COMMAND…: true as soon as the command is, false when time is up.
wait_until() {
    tries=$(($1 * 10))
    shift
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.1
    done
}

# fact KEY: what settings.jq found out from the settings; nothing if there are none.
fact() {
    sed -n "s/^$1 //p" /run/lab/facts
}
