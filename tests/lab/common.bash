# What the scripts of the lab share: processes that they start, of which a directory has the number in
# 'pid' and in 'started' when it began; and what they keep in caches.
# shellcheck shell=bash

# When a process started, in clock ticks since boot: with its number, it names one process for
# good. Nothing for a process that is gone, or is only waiting for its parent to notice.
start_time() {
    local stat state fields
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    read -r -a fields <<<"${stat##*) }"
    state=${fields[0]}
    [[ $state == [ZX] ]] || echo "${fields[19]}"
}

# note_process DIR PID
note_process() {
    start_time "$2" >"$1/started"
    echo "$2" >"$1/pid"
}

# running DIR: whether the process is there still.
running() {
    [[ -s $1/pid && -s $1/started ]] && [[ $(start_time "$(<"$1/pid")") == "$(<"$1/started")" ]]
}

# Nothing of the caller's is held open by what lives on.
close_files() {
    local entry number
    for entry in /proc/self/fd/*; do
        number=${entry##*/}
        ((number <= 2)) || exec {number}>&-
    done
}

# used NAME-KEY: keeps it, and removes those of the same name that nobody has used for a week.
used() {
    touch "$1"
    find "${1%/*}" -maxdepth 1 -name "$(basename "${1%-*}")-*" -mtime +6 \
        -exec rm -rf --one-file-system {} +
}
