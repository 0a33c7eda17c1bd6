#!/usr/bin/env bats
# What is in the store has the modes of docs/security.md, and names that AppArmor's helper lets
# through.
#
# That this sees something, by lines of the program that were broken once, and what failed then:
#
#   host.c    host_make_directory without its chmod     modes and owners

load helper

# rows: the table's, as "PATTERN MODE"
rows() {
    local paths mode path
    while IFS='|' read -r _ paths mode _; do
        [[ $paths == *'`'* ]] || continue
        for path in ${paths//[\`,]/ }; do
            echo "$path ${mode// /}"
        done
    done < <(sed -n '/^### Modes/,/^#* [^M#]/p' "$root/docs/security.md")
}

# all_there_is: one of each thing, and a create_vm that was killed
all_there_is() {
    local other
    umask 000
    have_attached_disk
    ok snapshot_disk "$disk" '{}'
    ok create_disk 64 '{"format":"raw"}' null
    other=$(find "$store/vms" -name vm.json -printf '%h')
    umask 022
    printf '' >"$other/creating" && chmod 600 "$other/creating"
}

# row_of PATH: the row that it belongs to, to $pattern and $mode
row_of() {
    local row slashes
    slashes=${1//[!\/]/}
    for row in "${table[@]}"; do
        pattern=${row% *} mode=${row#* }
        # A star does not reach over a slash.
        # shellcheck disable=SC2053 # a pattern
        if [[ $1 == $pattern && ${pattern//[!\/]/} == "$slashes" ]]; then
            return 0
        fi
    done
    return 1
}

check_modes() {
    local path is owner table seen=' ' pattern mode
    mapfile -t table < <(rows)
    ((${#table[@]} > 15)) || fail 'docs/security.md has no table of modes'
    while read -r is owner path; do
        row_of "$path" || fail "docs/security.md says nothing of $path"
        [[ 0$is == "$mode" ]] || fail "$path has mode 0$is, not $mode"
        [[ $owner == "$UID" ]] || fail "$path belongs to user $owner"
        seen+="$pattern "
    done < <(cd "$store" && find . ! -type l -printf '%m %U %P\n' | sed 's/ $/ ./')
    for path in "${table[@]% *}"; do
        [[ $seen == *" $path "* ]] || fail "docs/security.md tells of $path, which is not there"
    done
}

@test "modes and owners are as docs/security.md says, whatever the umask" {
    all_there_is
    untraced check_modes
}

# The files that AppArmor's helper may read, and so a guest use: /etc/apparmor.d/
# usr.lib.libvirt.virt-aa-helper on Debian 12 and Ubuntu 22.04.
apparmor_lets_through() {
    case $1 in
        */.*) return 1 ;;
        *.img | *.raw | *.qcow | *.qcow2 | *.qed | *.vmdk | *.vhd | *.[iI][sS][oO] | */disk | */disk.*) ;;
        *) return 1 ;;
    esac
}

@test "AppArmor's helper lets all files through that a VM opens" {
    local file files
    all_there_is
    files=$(cat "$state"/domains/*/{live,config} | cut -f 5 | sort -u)
    for file in $files "$store"/{stemcells,disks,snapshots}/*/{image,disk}.[qrv]*; do
        [[ $file != - && -e $file ]] || continue
        apparmor_lets_through "${file#"$store"}" || fail "not $file"
        printf '%s\n' "$file" >>"$world/looked"
    done
    (($(sort -u "$world/looked" | wc -l) >= 7)) || fail 'hardly looked'
}

# libvirt gives each VM a label of its own, by which no guest reaches another's disks, where nobody
# says otherwise.
@test "no VM goes without the label that keeps it from the disks of others" {
    ! grep -ri seclabel "$root/config/templates" || fail 'a template says otherwise'
}
