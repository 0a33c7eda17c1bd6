# shellcheck shell=sh
# The disks of the lab's guest: what they are called, which one is taken for the ephemeral
# disk, whose the others are, and which come and go while it runs.

# shellcheck disable=SC2154 # root_disk, settings_disk and agent_id are found out by init

whole_disks() {
    for entry in /sys/block/*; do
        case ${entry##*/} in
            loop* | ram* | zram* | sr* | fd*) ;;
            *) echo "${entry##*/}" ;;
        esac
    done
}

# disk_of BLOCK-DEVICE: the whole disk, for a partition as well.
disk_of() {
    path=$(readlink -f "/sys/class/block/$1")
    [ ! -e "$path/partition" ] || path=${path%/*}
    echo "${path##*/}"
}

bytes_of() {
    read -r sectors <"/sys/block/$1/size" && echo $((sectors * 512))
}

# All names of a disk in /dev/disk/by-id, in a fixed order.
ids_of() {
    names=$(udevadm info --query=symlink --name="/dev/$1" 2>/dev/null |
        tr ' ' '\n' | sed -n 's,^disk/by-id/,,p' | sort)
    echo "${names:-$1}"
}

first_id() {
    ids_of "$1" | head -n 1
}

# say_disk KEY DISK
say_disk() {
    for id in $(ids_of "$2"); do
        say "$1" "$id" "$(bytes_of "$2")"
    done
}

report_disks() {
    for disk in $(whole_disks); do
        say_disk disk "$disk"
    done
}

# The agent looks for /dev/sdX under three names, and follows any other path as it is.
agent_path() {
    case $1 in
        /dev/sd[a-z])
            for prefix in xvd vd sd; do
                [ ! -b "/dev/$prefix${1#/dev/sd}" ] || {
                    echo "/dev/$prefix${1#/dev/sd}"
                    return
                }
            done
            ;;
    esac
    echo "$1"
}

ephemeral_present() {
    [ -b "$(agent_path "$1")" ]
}

# Everything on the device is lost, as with the real agent: a wrong path costs here, too.
take_ephemeral() {
    ephemeral_disk=
    wanted=$(fact ephemeral)
    [ "${wanted:--}" != - ] || {
        say ephemeral none
        return
    }
    wait_until 15 ephemeral_present "$wanted" || {
        say ephemeral missing "$wanted"
        return
    }
    device=$(readlink -f "$(agent_path "$wanted")")
    ephemeral_disk=$(disk_of "${device##*/}")
    say ephemeral "$wanted" "$device" "$(bytes_of "$ephemeral_disk")"
    if use_ephemeral "$device" >/run/lab/ephemeral.log 2>&1; then
        say ephemeral-data ok
    else
        say ephemeral-data failed
    fi
}

# By path: in busybox's shell its own mke2fs, which knows no ext4, goes before the real one.
use_ephemeral() {
    /sbin/mke2fs -q -F -F -t ext4 "$1" &&
        mount -t ext4 "$1" /var/vcap/data &&
        echo data >/var/vcap/data/lab && sync
}

is_persistent() {
    [ "$1" != "$root_disk" ] && [ "$1" != "$ephemeral_disk" ] && [ "$1" != "$settings_disk" ]
}

check_persistent_disks() {
    seen=
    for disk in $(whole_disks); do
        remember "$disk"
        ! is_persistent "$disk" || check_owner "$disk"
    done
}

# A disk says in its first sector whose it is; a blank one becomes this VM's.
check_owner() {
    id=$(first_id "$1")
    dd if="/dev/$1" of=/run/lab/sector bs=512 count=1 2>/dev/null || {
        say persistent "$id" unreadable
        return
    }
    text=$(tr -d '\000' </run/lab/sector)
    case $text in
        owner=*) say persistent "$id" "$(printf '%s\n' "$text" | head -n 1)" ;;
        '') claim "$1" "$id" ;;
        *) say persistent "$id" unknown ;;
    esac
}

claim() {
    if echo "owner=$agent_id" | dd of="/dev/$1" conv=notrunc,fsync 2>/dev/null; then
        say persistent "$2" "blank, wrote owner=$agent_id"
    else
        say persistent "$2" unwritable
    fi
}

# A disk is known by kernel name and sequence number: the name alone may be used again by the
# next disk before anybody looks.
key_of() {
    read -r sequence <"/sys/block/$1/diskseq" && echo "$1:$sequence"
}

remember() {
    key=$(key_of "$1") || return
    ids_of "$1" >"/run/lab/seen/$key"
    seen="$seen $key"
}

forget() {
    [ -e "/run/lab/seen/$1" ] || return
    while read -r id; do
        say disk- "$id"
    done <"/run/lab/seen/$1"
    rm "/run/lab/seen/$1"
}

# Reads only, without starting a process, as long as nothing has changed.
present_keys() {
    present=
    for entry in /sys/block/*; do
        case ${entry##*/} in loop* | ram* | zram* | sr* | fd*) continue ;; esac
        read -r sequence 2>/dev/null <"$entry/diskseq" || continue
        present="$present ${entry##*/}:$sequence"
    done
}

watch_disks() {
    present_keys
    [ "$present" != "$seen" ] || return
    known=$seen
    seen=
    for key in $known; do
        case "$present " in
            *" $key "*) seen="$seen $key" ;;
            *) forget "$key" ;;
        esac
    done
    for key in $present; do
        case "$known " in *" $key "*) ;; *) meet "${key%:*}" ;; esac
    done
    seen=$present
}

# meet DISK: udev must have named it before anything can be said about it.
meet() {
    udevadm settle --timeout=10
    remember "$1"
    say_disk disk+ "$1"
    ! is_persistent "$1" || check_owner "$1"
}
