# The libvirtd behind the stand-in for virsh: do_COMMAND does what the command does, with its words
# as arguments and its options in $options. It is as quiet as 'virsh -q'.
#
# Beside what stand-in.bash names, state/ holds
#
#   domains/NAME/   xml, uuid; config and live, the disks of the persistent definition and, while it
#                   runs, of the live one (lines "device target bus serial source", parted by tabs);
#                   networks; autostart, title, desc, metadata; saved, when there is a managed save;
#                   paused, when it is;
#                   restored, when it was started from that; attached and backup, the last XML of an
#                   attach-device and of a backup-begin; releasing/TARGET, how many looks more
#                   until the guest lets go of that disk
#   networks/NAME/  active, autostart, uuid; config and live, the XML of the persistent network and,
#                   while it runs, of the live one
#   down            libvirt cannot be reached; what is in it is libvirt's reason
#   kvm, efi        the host has kvm, firmware for EFI
#   os-types        the kinds of domain that the host's Xen runs; xen alone without this file
#   user            whom domains run as, "+64055:+64055"
#   version         of libvirt and of QEMU; virsh-version: of virsh alone
#   slots           how many virtio disks a domain has slots for
#   release-after   how many looks it takes until a guest lets go of a disk, or "never"
#   job-takes       how many looks it takes until a backup is complete, or "never"
#   loops           and domains/NAME/mounts: see containers/host-tools
#   lock            so that concurrent calls leave the files in order
#   interleave      commands of other calls may come between those of a batch, as they really do
# shellcheck shell=bash disable=SC2154 # state and options belong to the files that read this one
shopt -s nullglob

# shellcheck source=tests/fake/loops.bash
. "${0%/*}/loops.bash"

# complain_of WHAT WHY
complain_of() {
    complain "$1"
    complain "$2"
    return 1
}

check_connection() {
    local reason="Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file or directory"
    [[ -e $state/down ]] || return 0
    [[ ! -s $state/down ]] || reason=$(<"$state/down")
    complain_of 'failed to connect to the hypervisor' "$reason"
}

# read_input FILE: to $text
read_input() {
    [[ -r $1 ]] || {
        complain "Failed to open file '$1': No such file or directory"
        return 1
    }
    text=$(cat "$1")
}

# --- definitions -------------------------------------------------------------------------------

# unescape: what XML says in $value, to itself
unescape() {
    value=${value//&lt;/<} value=${value//&gt;/>} value=${value//&quot;/\"} value=${value//&apos;/\'}
    # Quoted, for newer shells take & in a replacement for what was found.
    value=${value//&amp;/"&"}
}

# What counts in a definition, in the order of the document, each on a line of its own.
query() {
    xmllint --nonet --xpath '/domain/name | /domain/uuid | //disk/@device | //disk/source/@file |
        //disk/target/@dev | //disk/target/@bus | //disk/serial | //interface/source/@network' - \
        <<<"$1" 2>/dev/null
}

end_disk() {
    [[ -z $device ]] || disks+=("$device"$'\t'"$target"$'\t'"$bus"$'\t'"$serial"$'\t'"$source")
    device='' target=- bus=- serial=- source=-
}

# read_definition XML: sets $read_name, $read_uuid, $disks and $networks; false if it is no XML.
read_definition() {
    local line value found device='' target bus serial source
    found=$(query "$1") || return 1
    read_name='' read_uuid='' disks=() networks=()
    end_disk
    while IFS= read -r line; do
        value=${line#*[\">]}
        value=${value%[\"<]*}
        unescape
        case $line in
            '<name>'*) read_name=$value ;;
            '<uuid>'*) read_uuid=$value ;;
            '<serial>'*) serial=$value ;;
            ' device='*) end_disk && device=$value ;;
            ' file='*) source=$value ;;
            ' dev='*) target=$value ;;
            ' bus='*) bus=$value ;;
            ' network='*) networks+=("$value") ;;
        esac
    done <<<"$found"
    end_disk
}

# find_domain NAME: its directory goes to $domain.
find_domain() {
    domain=$state/domains/$1
    [[ -d $domain ]] || {
        complain "failed to get domain '$1'"
        return 1
    }
}

is_active() {
    [[ -e $domain/live ]]
}

# A name belongs to one uuid and a uuid to one name.
check_identity() {
    local known other
    for known in "$state"/domains/*/uuid; do
        other=${known%/uuid} other=${other##*/}
        if [[ $other == "$read_name" && $(<"$known") != "$read_uuid" ]]; then
            complain_of "$1" "operation failed: domain '$other' already exists with uuid $(<"$known")"
        elif [[ $other != "$read_name" && $(<"$known") == "$read_uuid" ]]; then
            complain_of "$1" "operation failed: domain '$other' is already defined with uuid $read_uuid"
        else
            continue
        fi
        return 1
    done
}

do_define() {
    local text domain
    read_input "$1" || return 1
    if ! read_definition "$text" || [[ ! $read_name ]]; then
        complain_of "Failed to define domain from $1" '(domain_definition):1: Document is empty'
        return 1
    fi
    if [[ $text == *"<domain type='kvm'"* && ! -e $state/kvm ]]; then
        complain_of "Failed to define domain from $1" \
            'invalid argument: could not get preferred machine for /usr/bin/qemu-system-x86_64 type=kvm'
        return 1
    fi
    [[ $read_uuid ]] || read_uuid=$(</proc/sys/kernel/random/uuid)
    check_identity "Failed to define domain from $1" || return 1
    domain=$state/domains/$read_name
    mkdir -p "$domain"
    echo "$text" >"$domain/xml"
    echo "$read_uuid" >"$domain/uuid"
    printf '%s\n' "${disks[@]}" >"$domain/config"
    printf '%s\n' "${networks[@]}" >"$domain/networks"
}

# --- life --------------------------------------------------------------------------------------

do_autostart() {
    find_domain "$1" || return 1
    if [[ ${options[--disable]+set} ]]; then
        rm -f "$domain/autostart"
    else
        : >"$domain/autostart"
    fi
}

check_networks() {
    local network
    while read -r network; do
        if [[ ! -d $state/networks/$network ]]; then
            complain_of "$1" "Network not found: no network with matching name '$network'"
        elif [[ ! -e $state/networks/$network/active ]]; then
            complain_of "$1" "Requested operation is not valid: network '$network' is not active"
        else
            continue
        fi
        return 1
    done < <(grep . "$domain/networks")
}

# is_open FILE: whether a running domain writes to it.
is_open() {
    local file device source
    for file in "$state"/domains/*/live; do
        while IFS=$'\t' read -r device _ _ _ source; do
            [[ $device == cdrom || $source != "$1" ]] || return 0
        done <"$file"
    done
    return 1
}

# check_source WHAT DEVICE FILE: whether a running domain can open it.
check_source() {
    if [[ $3 == - ]]; then
        return 0
    elif [[ ! -e $3 ]]; then
        complain_of "$1" "Cannot access storage file '$3' (as uid:0, gid:0): No such file or directory"
    elif [[ $2 == disk ]] && is_open "$3"; then
        complain_of "$1" "internal error: process exited while connecting to monitor: Failed to get \"write\" lock"
    fi
}

check_sources() {
    local device source
    while IFS=$'\t' read -r device _ _ _ source; do
        check_source "$1" "$device" "$source" || return 1
    done < <(grep . "$domain/config")
}

do_start() {
    find_domain "$1" || return 1
    if is_active; then
        complain 'Domain is already active'
        return 1
    fi
    check_networks "Failed to start domain '$1'" && check_sources "Failed to start domain '$1'" ||
        return 1
    rm -f "$domain/restored"
    if [[ -e $domain/saved && ! ${options[--force-boot]+set} ]]; then
        : >"$domain/restored"
    fi
    rm -f "$domain/saved"
    mount_images || return 1
    cp "$domain/config" "$domain/live"
}

do_destroy() {
    find_domain "$1" || return 1
    if ! is_active; then
        complain_of "Failed to destroy domain '$1'" 'Requested operation is not valid: domain is not running'
        return 1
    fi
    unmount_all
    rm -rf "$domain"/{live,releasing,job,completed,door}
    # Only a definition outlives the domain's end.
    [[ -e $domain/config ]] || rm -rf "$domain"
}

do_undefine() {
    find_domain "$1" || return 1
    if [[ $driver == xen && ${options[--nvram]+set} ]]; then
        complain_of "Failed to undefine domain '$1'" 'unsupported flags (0x4) in function libxlDomainUndefineFlags'
        return 1
    elif [[ -e $domain/saved && ! ${options[--managed-save]+set} ]]; then
        complain 'Refusing to undefine while domain managed save image exists'
        return 1
    fi
    if is_active; then
        rm -f "$domain"/{config,autostart,saved}
    else
        rm -rf "$domain"
    fi
}

# --- containers --------------------------------------------------------------------------------

# mount_images: what the definition wants mounted, from loop devices that go with the mounts
mount_images() {
    local file target loop
    grep -qs "<domain type='lxc'>" "$domain/xml" || return 0
    : >"$domain/mounts"
    while read -r file target; do
        if ((${#file} > 63)); then
            unmount_all
            complain_of "Failed to start domain '${domain##*/}'" \
                "internal error: guest failed to start: Failure in libvirt_lxc startup: Unable to set backing file $file: No such file or directory"
            return 1
        fi
        loop=$(make_loop "$file") || {
            unmount_all
            return 1
        }
        echo "$loop $target" >>"$domain/mounts"
        free_loop "$loop"
    done < <(images "$domain/xml")
}

# images FILE: of a definition's file systems in images, lines "file target"
images() {
    awk -F "'" "/<filesystem type='file'/ { inside = 1 } inside && /<source file=/ { file = \$2 }
        inside && /<target dir=/ { print file, \$2; inside = 0 }" "$1"
}

unmount_all() {
    local line
    [[ -e $domain/mounts ]] || return 0
    while IFS= read -r line; do
        unmount "$domain/mounts" "$line"
    done < <(cat "$domain/mounts")
    rm -f "$domain/mounts"
}

do_domid() {
    find_domain "$1" || return 1
    if is_active; then controller_of "$domain"; else echo -; fi
}

# A file stands in for the terminal.
do_ttyconsole() {
    find_domain "$1" || return 1
    is_active || {
        complain "Requested operation is not valid: domain is not running"
        return 1
    }
    echo "$domain/tty"
}

do_dumpxml() {
    find_domain "$1" || return 1
    cat "$domain/xml"
}

# --- looking -----------------------------------------------------------------------------------

do_list() {
    local domain
    # The host itself, which is never ours.
    [[ $driver != xen ]] || echo Domain-0
    for domain in "$state"/domains/*; do
        if is_active || [[ ${options[--all]+set} ]]; then
            echo "${domain##*/}"
        fi
    done
}

do_domstate() {
    find_domain "$1" || return 1
    if ! is_active; then
        echo 'shut off'
    elif [[ -e $domain/paused ]]; then
        echo paused
    else
        echo running
    fi
}

# info_line NAME VALUE
info_line() {
    printf '%-15s %s\n' "$1:" "$2"
}

do_dominfo() {
    local text memory='' cpus='' saved=no autostart=disable
    find_domain "$1" || return 1
    text=$(<"$domain/xml")
    [[ ! $text =~ \<memory\ unit=\'MiB\'\>([0-9]+) ]] || memory=${BASH_REMATCH[1]}
    [[ ! $text =~ \<vcpu[^\>]*\>([0-9]+) ]] || cpus=${BASH_REMATCH[1]}
    [[ ! -e $domain/saved ]] || saved=yes
    [[ ! -e $domain/autostart ]] || autostart=enable
    info_line Name "$1"
    info_line UUID "$(<"$domain/uuid")"
    info_line State "$(do_domstate "$1")"
    info_line 'CPU(s)' "$cpus"
    info_line 'Max memory' "$((memory * 1024)) KiB"
    info_line Persistent yes
    info_line Autostart "$autostart"
    info_line 'Managed save' "$saved"
}

# forget FILE TARGET: takes the disk out of a definition.
forget() {
    local line kept=()
    while IFS= read -r line; do
        [[ $line == *$'\t'* && $line != *$'\t'"$2"$'\t'* ]] && kept+=("$line")
    done <"$1"
    printf '%s\n' "${kept[@]}" >"$1"
}

# Whoever looks sees how the guest gets on.
let_go() {
    local file left
    for file in "$domain"/releasing/*; do
        left=$(<"$file")
        if [[ $left == never ]]; then
            continue
        elif ((left > 1)); then
            echo $((left - 1)) >"$file"
        else
            forget "$domain/live" "${file##*/}"
            rm "$file"
        fi
    done
}

# The columns are as wide as what is in them.
print_disks() {
    local device target source wide=0 wider=0
    while IFS=$'\t' read -r device target _ _ source; do
        ((${#device} <= wide)) || wide=${#device}
        ((${#target} <= wider)) || wider=${#target}
    done <"$1"
    while IFS=$'\t' read -r device target _ _ source; do
        [[ ! $device ]] || printf ' file   %-*s   %-*s   %s\n' "$wide" "$device" "$wider" "$target" "$source"
    done <"$1"
}

do_domblklist() {
    find_domain "$1" || return 1
    if is_active && [[ ! ${options[--inactive]+set} ]]; then
        let_go
        print_disks "$domain/live"
    elif [[ -e $domain/config ]]; then
        print_disks "$domain/config"
    fi
}

# The user that the domains run as, as the security model "dac" tells it, is in state/user; a Xen
# host has none, and the kinds of domain of state/os-types.
do_capabilities() {
    local user=+0:+0 types=qemu type
    [[ ! -e $state/user ]] || user=$(<"$state/user")
    if [[ $driver == xen ]]; then
        types=xen
        [[ ! -e $state/os-types ]] || types=$(<"$state/os-types")
    fi
    printf '<capabilities>\n  <host>\n'
    if [[ $driver != xen ]]; then
        printf "    <secmodel>\n      <model>dac</model>\n      <doi>0</doi>\n      <baselabel type='kvm'>%s</baselabel>\n" "$user"
        printf "      <baselabel type='qemu'>%s</baselabel>\n    </secmodel>\n" "$user"
    fi
    printf '  </host>\n'
    for type in ${types/qemu/hvm}; do
        printf '  <guest>\n    <os_type>%s</os_type>\n  </guest>\n' "$type"
    done
    printf '</capabilities>\n\n'
}

# state/version holds what the daemon says, "9.0.0 7.2.22" (libvirt's and QEMU's).
do_version() {
    local libvirt=9.0.0 qemu=7.2.22
    [[ ! -e $state/version ]] || read -r libvirt qemu <"$state/version"
    printf 'Compiled against library: libvirt 9.0.0\nUsing library: libvirt 9.0.0\nUsing API: QEMU 9.0.0\n'
    printf 'Running hypervisor: QEMU %s\n' "$qemu"
    [[ ! ${options[--daemon]+set} ]] || printf 'Running against daemon: %s\n' "$libvirt"
}

do_domcapabilities() {
    local type=${options[--virttype]-qemu}
    if [[ $type == qemu || ($type == kvm && -e $state/kvm) ]]; then
        printf '<domainCapabilities>\n  <domain>%s</domain>\n' "$type"
        [[ ! -e $state/efi ]] ||
            printf "  <os>\n    <enum name='firmware'>\n      <value>efi</value>\n    </enum>\n  </os>\n"
        printf '</domainCapabilities>\n'
    else
        complain_of 'failed to get emulator capabilities' \
            "invalid argument: Emulator '/usr/bin/qemu-system-x86_64' does not support virt type '$type'"
    fi
}

# --- disks -------------------------------------------------------------------------------------

# chosen_definitions WHAT: the files that the options name, to $definitions.
chosen_definitions() {
    definitions=()
    if [[ ${options[--live]+set} ]] && ! is_active; then
        complain_of "$1" 'Requested operation is not valid: domain is not running'
        return 1
    fi
    [[ ! ${options[--live]+set} ]] || definitions+=("$domain/live")
    [[ ! ${options[--config]+set} ]] || definitions+=("$domain/config")
    if [[ ${options[--persistent]+set} ]]; then
        definitions=("$domain/config")
        ! is_active || definitions+=("$domain/live")
    fi
    if ((${#definitions[@]} == 0)); then
        if is_active; then definitions=("$domain/live"); else definitions=("$domain/config"); fi
    fi
}

# has_target FILE TARGET
has_target() {
    grep -q "^[^$(printf '\t')]*$(printf '\t')$2$(printf '\t')" "$1"
}

has_slot() {
    [[ $bus != virtio || ! -e $state/slots ]] ||
        (($(grep -c "$(printf '\tvirtio\t')" "$1" || true) < $(<"$state/slots")))
}

# check_place FILE: whether the disk fits in there.
check_place() {
    local what="Failed to attach device from /dev/stdin"
    if has_target "$1" "$target"; then
        complain_of "$what" "Requested operation is not valid: target $target already exists"
    elif ! has_slot "$1"; then
        complain_of "$what" 'internal error: No more available PCI slots'
    elif [[ $1 == */config ]]; then
        return 0
    elif [[ $bus == sata || $bus == ide ]]; then
        complain_of "$what" "internal error: unable to execute QEMU command 'device_add': Bus 'ide.5' does not support hotplugging"
    else
        check_source "$what" "$device" "$source"
    fi
}

# Both definitions or none.
do_attach-device() {
    local text device target bus source file definitions
    find_domain "$1" || return 1
    read_input "$2" || return 1
    if ! read_definition "$text" || ((${#disks[@]} != 1)); then
        complain_of "Failed to attach device from $2" "(device_definition):1: Start tag expected, '<' not found"
        return 1
    fi
    chosen_definitions "Failed to attach device from $2" || return 1
    IFS=$'\t' read -r device target bus _ source <<<"${disks[0]}"
    for file in "${definitions[@]}"; do
        check_place "$file" || return 1
    done
    for file in "${definitions[@]}"; do
        echo "${disks[0]}" >>"$file"
    done
    echo "$text" >"$domain/attached"
}

# release TARGET: the guest is asked to let go, which takes its time.
release() {
    if [[ ! -e $state/release-after ]]; then
        forget "$domain/live" "$1"
    elif [[ -e $domain/releasing/$1 ]]; then
        complain_of 'Failed to detach disk' "internal error: unable to execute QEMU command 'device_del': Device $1 is already in the process of unplug"
    else
        mkdir -p "$domain/releasing"
        cp "$state/release-after" "$domain/releasing/$1"
    fi
}

# is_free TARGET: no job reads that disk.
is_free() {
    [[ ! -e $domain/job ]] || ! grep -qF "name='$1'" "$domain/backup" ||
        complain_of 'Failed to detach disk' "Operation not supported: disk '$1' already in active block job"
}

# target_in FILE TARGET: or a disk's file; its target goes to $target.
target_in() {
    local source
    while IFS=$'\t' read -r _ target _ _ source; do
        [[ $target != "$2" && $source != "$2" ]] || return 0
    done < <(grep . "$1")
    complain "No disk found whose source path or target is $2"
    return 1
}

do_detach-disk() {
    local file definitions target
    find_domain "$1" || return 1
    chosen_definitions 'Failed to detach disk' || return 1
    for file in "${definitions[@]}"; do
        target_in "$file" "$2" || return 1
        case $file in
            */live) is_free "$target" && release "$target" || return 1 ;;
            *) forget "$file" "$target" ;;
        esac
    done
}

# --- descriptions ------------------------------------------------------------------------------

do_desc() {
    local definitions file=desc what='Failed to set new domain description'
    find_domain "$1" || return 1
    if [[ ${options[--title]+set} ]]; then
        file=title what='Failed to set new domain title'
    fi
    if [[ ! ${options[--new-desc]+set} ]]; then
        [[ ! -e $domain/$file ]] || cat "$domain/$file"
        return
    fi
    chosen_definitions "$what" || return 1
    if [[ $file == title && ${options[--new-desc]} == *$'\n'* ]]; then
        complain_of "$what" "metadata title can't contain newlines"
        return 1
    fi
    printf '%s\n' "${options[--new-desc]}" >"$domain/$file"
}

do_metadata() {
    find_domain "$1" || return 1
    if [[ ! ${options[--set]+set} ]]; then
        cat "$domain/metadata" 2>/dev/null && return
        complain 'metadata not found: Requested metadata element is not present'
    elif [[ ${options[--live]+set} ]] && ! is_active; then
        complain 'Requested operation is not valid: domain is not running'
    elif [[ ! ${options[--key]+set} ]]; then
        complain 'namespace key is required when modifying metadata'
    elif ! xmllint --nonet --noout - <<<"${options[--set]}" 2>/dev/null; then
        complain "(metadata_xml):1: Start tag expected, '<' not found"
    else
        printf '%s\n' "${options[--set]}" >"$domain/metadata"
        return 0
    fi
    return 1
}

# --- backups -----------------------------------------------------------------------------------

# Beside what is named above, a domain has 'job', how many looks more until its backup is complete
# and what that writes, and 'completed', how the last one ended.

# source_of TARGET: the file of a running domain's disk, to $source
source_of() {
    local target
    while IFS=$'\t' read -r _ target _ _ source; do
        [[ $target != "$1" ]] || return 0
    done <"$domain/live"
    return 1
}

# check_backup: of disk $target to $file
check_backup() {
    if [[ $driver == xen ]]; then
        complain 'this function is not supported by the connection driver: virDomainBackupBegin'
    elif [[ -e $domain/job ]]; then
        complain "Timed out during operation: cannot acquire state change lock (held by agent=backup)"
    elif ! is_active; then
        complain 'Operation not supported: backup job is not supported for inactive domain'
    elif ! source_of "$target"; then
        complain "invalid argument: no disk named '$target'"
    elif [[ -s $file ]]; then
        complain "operation failed: store '$file' already exists and is not a block device"
    elif [[ ! -d ${file%/*} ]]; then
        complain "Failed to create file '$file': No such file or directory"
    else
        return 0
    fi
    return 1
}

do_backup-begin() {
    local text source target file
    find_domain "$1" || return 1
    read_input "${options[--backupxml]}" || return 1
    if ! target=$(xmllint --nonet --xpath 'string(//disk/@name)' - <<<"$text" 2>/dev/null); then
        complain "(domain_backup):1: Document is empty"
        return 1
    fi
    file=$(xmllint --nonet --xpath 'string(//disk/target/@file)' - <<<"$text")
    check_backup || return 1
    cp "$source" "$file"
    rm -f "$domain/completed"
    echo "$text" >"$domain/backup"
    if [[ -e $state/job-takes ]]; then
        printf '%s %s\n' "$(<"$state/job-takes")" "$file" >"$domain/job"
    else
        echo Completed >"$domain/completed"
    fi
}

do_backup-dumpxml() {
    find_domain "$1" || return 1
    if [[ ! -e $domain/job ]]; then
        complain "Domain backup job id not found: no domain backup job present"
        return 1
    fi
    cat "$domain/backup"
}

# print_job TYPE
print_job() {
    printf '%-17s %-12s\n' 'Job type:' "$1"
    [[ $1 == None ]] || printf '%-17s %-12s\n' 'Operation:' Backup
}

# Whoever looks sees how it gets on.
do_domjobinfo() {
    local left file
    find_domain "$1" || return 1
    if [[ ${options[--completed]+set} ]]; then
        if [[ -e $domain/completed ]]; then print_job "$(<"$domain/completed")"; else print_job None; fi
        return
    elif ! is_active; then
        complain 'Requested operation is not valid: domain is not running'
        return 1
    elif [[ ! -e $domain/job ]]; then
        print_job None
        return
    fi
    read -r left file <"$domain/job"
    print_job Unbounded
    if [[ $left == never ]]; then
        return
    elif ((left > 1)); then
        echo "$((left - 1)) $file" >"$domain/job"
    else
        rm "$domain/job"
        echo Completed >"$domain/completed"
    fi
}

do_domjobabort() {
    find_domain "$1" || return 1
    if [[ ! -e $domain/job ]]; then
        complain 'Requested operation is not valid: no job is active on the domain'
        return 1
    fi
    rm "$domain/job"
    echo Cancelled >"$domain/completed"
}

# --- networks ----------------------------------------------------------------------------------

do_net-list() {
    local network
    for network in "$state"/networks/*; do
        if [[ -e $network/active || ${options[--all]+set} ]] &&
            [[ -e $network/autostart || ! ${options[--autostart]+set} ]]; then
            if [[ ${options[--uuid]+set} ]]; then
                cat "$network/uuid"
            else
                echo "${network##*/}"
            fi
        fi
    done
}

# find_network NAME: or its uuid; its directory goes to $network, its name to $name.
find_network() {
    local known
    network=$state/networks/$1
    for known in "$state"/networks/*/uuid; do
        [[ $(<"$known") != "$1" ]] || network=${known%/uuid}
    done
    name=${network##*/}
    [[ -d $network ]] || {
        complain "failed to get network '$1'"
        complain "Network not found: no network with matching name '$1'"
        return 1
    }
}

# check_new: whether $name and $uuid are nobody else's
check_new() {
    local known other what="Failed to define network from $1"
    for known in "$state"/networks/*/uuid; do
        other=${known%/uuid} other=${other##*/}
        if [[ $other == "$name" && $(<"$known") != "$uuid" ]]; then
            complain_of "$what" "operation failed: network '$name' already exists with uuid $(<"$known")"
            return 1
        elif [[ $other != "$name" && $(<"$known") == "$uuid" ]]; then
            complain_of "$what" "operation failed: network '$other' is already defined with uuid $uuid"
            return 1
        fi
    done
}

do_net-define() {
    local text name uuid network
    read_input "$1" || return 1
    if ! name=$(xmllint --nonet --xpath 'string(/network/name)' - <<<"$text" 2>/dev/null) ||
        [[ ! $name ]]; then
        complain_of "Failed to define network from $1" '(network_definition):1: Document is empty'
        return 1
    fi
    uuid=$(xmllint --nonet --xpath 'string(/network/uuid)' - <<<"$text")
    [[ $uuid ]] || uuid=$(</proc/sys/kernel/random/uuid)
    check_new "$1" || return 1
    network=$state/networks/$name
    mkdir -p "$network"
    echo "$uuid" >"$network/uuid"
    echo "$text" >"$network/config"
}

do_net-start() {
    local network name
    find_network "$1" || return 1
    if [[ -e $network/active ]]; then
        complain_of "Failed to start network $1" 'Requested operation is not valid: network is already active'
        return 1
    fi
    cp "$network/config" "$network/live"
    : >"$network/active"
}

do_net-autostart() {
    local network name
    find_network "$1" || return 1
    : >"$network/autostart"
}

do_net-destroy() {
    local network name
    find_network "$1" || return 1
    if [[ ! -e $network/active ]]; then
        complain_of "Failed to destroy network $1" "Requested operation is not valid: network '$name' is not active"
        return 1
    fi
    rm -f "$network"/{active,live}
    # Only a definition outlives the network's end.
    [[ -e $network/config ]] || rm -rf "$network"
}

do_net-undefine() {
    local network name
    find_network "$1" || return 1
    if [[ -e $network/active ]]; then
        rm -f "$network"/{config,autostart}
    else
        rm -rf "$network"
    fi
}

# connections: the NICs of running domains on $name
connections() {
    local domain count=0
    for domain in "$state"/domains/*; do
        ! is_active || count=$((count + $(grep -cFx -- "$name" "$domain/networks" || true)))
    done
    echo "$count"
}

do_net-dumpxml() {
    local network name text count
    find_network "$1" || return 1
    if [[ ! -e $network/live || (${options[--inactive]+set} && -e $network/config) ]]; then
        cat "$network/config"
        # The real one ends with an empty line too.
        echo
        return
    fi
    text=$(<"$network/live") count=$(connections)
    ((count == 0)) || text=${text/<network>/<network connections=\'$count\'>}
    printf '%s\n\n' "$text"
}

# host_of LINE: the attributes of a <host> go to $mac, $host and $ip.
host_of() {
    mac='' host='' ip=''
    [[ ! $1 =~ \ mac=\'([^\']*)\' ]] || mac=${BASH_REMATCH[1]}
    [[ ! $1 =~ \ name=\'([^\']*)\' ]] || host=${BASH_REMATCH[1]}
    [[ ! $1 =~ \ ip=\'([^\']*)\' ]] || ip=${BASH_REMATCH[1]}
}

# has_host FILE COMMAND: an entry that forbids the addition of $text, or the one to delete; it goes
# to $found.
has_host() {
    local mac host ip wanted_mac wanted_host wanted_ip
    host_of "$text"
    wanted_mac=$mac wanted_host=$host wanted_ip=$ip
    while IFS= read -r found; do
        host_of "$found"
        if [[ $2 == delete ]]; then
            [[ "$mac $host $ip" != "$wanted_mac $wanted_host $wanted_ip" ]] || return 0
        elif [[ $mac == "$wanted_mac" || $host == "$wanted_host" || $ip == "$wanted_ip" ]]; then
            return 0
        fi
    done < <(grep '<host ' "$1")
    return 1
}

# check_update FILE COMMAND
check_update() {
    local found
    if [[ ! -e $1 ]]; then
        complain 'Requested operation is not valid: network is not running'
    elif [[ ${options[--parent-index]-0} != 0 ]] || ! grep -q '</dhcp>' "$1"; then
        complain "Operation not supported: the address family of a host entry IP must match the address family of the dhcp element's parent"
    elif [[ $2 == add ]] && has_host "$1" add; then
        complain "Requested operation is not valid: there is an existing dhcp host entry in network '$name' that matches \"$text\""
    elif [[ $2 == delete ]] && ! has_host "$1" delete; then
        complain "Requested operation is not valid: couldn't locate a matching dhcp host entry in network '$name'"
    else
        return 0
    fi
    return 1
}

# update FILE COMMAND: writes it anew.
update() {
    local line found='' done=false
    [[ $2 == add ]] || has_host "$1" delete
    while IFS= read -r line; do
        if [[ $2 == delete && $line == "$found" ]] && ! $done; then
            done=true
            continue
        elif [[ $2 == add && $line == *'</dhcp>'* ]] && ! $done; then
            printf '      %s\n' "$text"
            done=true
        fi
        printf '%s\n' "$line"
    done <"$1" >"$1.new"
    mv "$1.new" "$1"
}

# Both definitions or none.
do_net-update() {
    local network name text=${4%$'\n'} file files=()
    find_network "$1" || return 1
    [[ ! ${options[--config]+set} ]] || files+=("$network/config")
    [[ ! ${options[--live]+set} ]] || files+=("$network/live")
    for file in "${files[@]}"; do
        check_update "$file" "$2" || {
            complain "Failed to update network $1"
            return 1
        }
    done
    for file in "${files[@]}"; do
        update "$file" "$2"
    done
}
