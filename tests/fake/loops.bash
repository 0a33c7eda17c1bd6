# Loop devices and mounts of containers, for the stand-ins: see host-tools.
# shellcheck shell=bash disable=SC2154 # state belongs to the files that read this one

# controller_of DOMAIN: the process id that stands for a running container, by its directory; its
# first process has the next one.
controller_of() {
    local number=1000 other
    for other in "$state"/domains/*; do
        [[ $other != "$1" ]] || break
        number=$((number + 2))
    done
    echo "$number"
}

# is_mounted LOOP
is_mounted() {
    local file
    for file in "$state"/domains/*/mounts; do
        ! grep -q "^$1 " "$file" || return 0
    done
    return 1
}

# loops_of FILE: the file itself, by whatever name
loops_of() {
    local name file
    [[ -e $state/loops ]] || return 0
    while read -r name file _; do
        [[ ! $file -ef $1 ]] || echo "$name"
    done <"$state/loops"
}

# left_loops_of FILE: those that are not marked
left_loops_of() {
    local name
    for name in $(loops_of "$1"); do
        grep -q "^$name .* autoclear" "$state/loops" || echo "0 $name"
    done
}

# make_loop FILE: prints its name
make_loop() {
    local number=0
    [[ -e $1 ]] || {
        complain "$1: failed to set up loop device: No such file or directory"
        return 1
    }
    while grep -qs "^/dev/loop$number " "$state/loops"; do
        number=$((number + 1))
    done
    echo "/dev/loop$number $(realpath "$1")" >>"$state/loops"
    echo "/dev/loop$number"
}

free_loop() {
    if is_mounted "$1"; then
        sed -i "\|^$1 |s|\$| autoclear|" "$state/loops"
    else
        sed -i "\|^$1 |d" "$state/loops"
    fi
    [[ -s $state/loops ]] || rm -f "$state/loops"
}

# unmount FILE LINE: takes a line out of a container's mounts, and with it a marked device.
unmount() {
    local loop=${2%% *}
    grep -vxF -- "$2" "$1" >"$1.new" || true
    mv "$1.new" "$1"
    is_mounted "$loop" || ! grep -q "^$loop .* autoclear" "$state/loops" || free_loop "$loop"
}
