# libvirt's VirtualBox driver behind the stand-in for virsh, with the limits of the real one (libvirt
# 9.0, src/vbox): it defines, starts, stops, lists and snapshots VMs; of devices it attaches shared
# folders only; it has no descriptions, no metadata and no autostart, also not of networks. What it does it does through the
# VBoxManage beside it, a stand-in or the real one, as the real driver does through VirtualBox's API.
#
# To start a VM takes VirtualBox's kernel module, so here that is a file, vbox-running/NAME. Beside it
# state/ may hold
#
#   vbox-unknown   VirtualBox is of a version that the driver does not know
# shellcheck shell=bash disable=SC2154 # state and options belong to the files that read this one

for name in attach-device detach-disk desc metadata autostart domblklist domcapabilities backup-begin \
    backup-dumpxml net-list; do
    eval "do_$name() { not_supported $name; }"
done

not_supported() {
    if [[ $1 == *-device || $1 == *-disk ]]; then
        complain 'Unsupported device type'
    else
        complain "this function is not supported by the connection driver: $1"
    fi
    return 1
}

check_connection() {
    [[ ! -e $state/vbox-unknown ]] || complain_of 'failed to connect to the hypervisor' \
        'internal error: unable to initialize VirtualBox driver API'
}

vboxmanage() {
    inside_virsh=yes "${0%/*}/VBoxManage" "$@"
}

all_names() {
    vboxmanage list vms | sed -n 's/^"\(.*\)" {.*}$/\1/p'
}

find_domain() {
    local names
    names=$(all_names) || return 1
    grep -qxF -- "$1" <<<"$names" || {
        complain "failed to get domain '$1'"
        return 1
    }
}

is_active() {
    [[ -e $state/vbox-running/$1 ]]
}

# at EXPRESSION: of the definition in $text
at() {
    xmllint --nonet --xpath "$1" - <<<"$text" 2>/dev/null || true
}

define_controllers() {
    local type
    declare -gA titles=([ide]='IDE Controller' [sata]='SATA Controller' [scsi]='SCSI Controller')
    for type in $(at '//controller/@type' | sed 's/ type="\(.*\)"/\1/'); do
        vboxmanage storagectl "$1" --name "${titles[$type]}" --add "$type"
    done
}

# place BUS TARGET: the letter says where; goes to $port and $device.
place() {
    local index
    index=$(printf '%d' "'${2:2:1}")
    index=$((index - 97))
    port=$index device=0
    if [[ $1 == ide ]]; then port=$((index / 2)) device=$((index % 2)); fi
}

define_disks() {
    local device target bus source count i port
    count=$(at 'count(//disk)')
    for ((i = 1; i <= count; i++)); do
        bus=$(at "string(//disk[$i]/target/@bus)") target=$(at "string(//disk[$i]/target/@dev)")
        source=$(at "string(//disk[$i]/source/@file)")
        [[ ${titles[$bus]-} ]] || {
            complain_of 'Failed to define domain from /dev/stdin' "unsupported configuration: Unsupported disk bus '$bus'"
            return 1
        }
        place "$bus" "$target"
        if [[ $(at "string(//disk[$i]/@device)") == cdrom ]]; then
            vboxmanage storageattach "$1" --storagectl "${titles[$bus]}" --port "$port" \
                --device "$device" --type dvddrive --medium "$source"
        else
            vboxmanage storageattach "$1" --storagectl "${titles[$bus]}" --port "$port" \
                --device "$device" --type hdd --medium "$source"
        fi || return 1
    done
}

# libvirt's types of NIC are other ones of VirtualBox.
define_nics() {
    local count i mac words=()
    count=$(at 'count(//interface)')
    for ((i = 1; i <= count; i++)); do
        mac=$(at "string(//interface[$i]/mac/@address)")
        words+=("--macaddress$i" "$(tr -d : <<<"$mac")")
        case $(at "string(//interface[$i]/@type)") in
            network) words+=("--nic$i" hostonly "--host-only-adapter$i" "$(at "string(//interface[$i]/source/@network)")") ;;
            bridge) words+=("--nic$i" bridged "--bridge-adapter$i" "$(at "string(//interface[$i]/source/@bridge)")") ;;
            internal) words+=("--nic$i" intnet "--intnet$i" "$(at "string(//interface[$i]/source/@name)")") ;;
            *) words+=("--nic$i" nat) ;;
        esac
    done
    vboxmanage modifyvm "$1" --memory "$(at 'string(//memory)')" --cpus "$(at 'string(//vcpu)')" \
        ${words[@]+"${words[@]}"}
}

do_define() {
    local text name uuid
    read_input "$1" || return 1
    name=$(at 'string(/domain/name)') uuid=$(at 'string(/domain/uuid)')
    if ! vboxmanage createvm --name "$name" --uuid "$uuid" --register >/dev/null; then
        complain_of "Failed to define domain from $1" 'operation failed: could not define a domain'
        return 1
    fi
    printf '%s\n' "$text" >"$state/defined.xml"
    { define_controllers "$name" && define_disks "$name" && define_nics "$name"; } >/dev/null ||
        complain_of "Failed to define domain from $1" 'An error occurred, but the cause is unknown'
}

do_start() {
    find_domain "$1" || return 1
    if is_active "$1"; then
        complain 'Domain is already active'
        return 1
    fi
    mkdir -p "$state/vbox-running"
    : >"$state/vbox-running/$1"
}

do_destroy() {
    find_domain "$1" || return 1
    if ! is_active "$1"; then
        complain_of "Failed to destroy domain '$1'" 'Requested operation is not valid: machine already powered off'
        return 1
    fi
    rm "$state/vbox-running/$1"
}

do_undefine() {
    find_domain "$1" || return 1
    if is_active "$1"; then
        complain_of "Failed to undefine domain '$1'" 'operation failed: could not unregister the virtual machine'
        return 1
    fi
    vboxmanage unregistervm "$1" >/dev/null
}

do_list() {
    local name names
    names=$(all_names) || return 1
    while read -r name; do
        if [[ $name ]] && { [[ ${options[--all]+set} ]] || is_active "$name"; }; then echo "$name"; fi
    done <<<"$names"
}

do_domstate() {
    find_domain "$1" || return 1
    if is_active "$1"; then echo running; else echo 'shut off'; fi
}

# Without a word of autostart, which the driver does not know.
do_dominfo() {
    find_domain "$1" || return 1
    info_line Name "$1"
    info_line State "$(do_domstate "$1")"
    info_line 'CPU(s)' 1
    info_line 'Max memory' '1048576 KiB'
    info_line Persistent yes
    info_line 'Managed save' unknown
}

do_snapshot-create-as() {
    find_domain "$1" || return 1
    vboxmanage snapshot "$1" take "$2" >/dev/null
}
