# What the tests of containers on the command line share: a host for them in the world.
# shellcheck shell=bash

# container_host: the world's hypervisor is lxc from now on.
container_host() {
    local tool
    for tool in tar cp mkfs.ext4 e2fsck resize2fs losetup test find pgrep findmnt setpriv chown stat; do
        ln -s "$root/tests/fake/containers/host-tools" "$world/bin/$tool"
    done
    configure hypervisor '"lxc"' domain_type '' storage_controller '"SATA"'
}

# tree_image: an 'image' of the warden line, in $image, that all tests of a run share
tree_image() {
    local tree=$BATS_RUN_TMPDIR/tree
    image=$BATS_RUN_TMPDIR/tree-image
    [[ ! -e $image ]] || return 0
    mkdir -p "$tree"/{usr/sbin,etc,var/vcap/bosh}
    ln -s usr/sbin "$tree/sbin"
    ln -s ../../lib/systemd/systemd "$tree/usr/sbin/init"
    echo tree >"$tree/etc/hostname"
    printf '{"Infrastructure":{"Settings":{"Sources":[{"Type":"File","SettingsPath":"%s"}]}}}' \
        /var/vcap/bosh/agent-bootstrap-env.json >"$tree/var/vcap/bosh/agent.json"
    tar -C "$tree" --owner=0 --group=0 -czf "$image.new" .
    mv "$image.new" "$image"
}

have_tree() {
    tree_image
    ok create_stemcell "$image" '{}'
    stemcell=$cid
}

have_container() {
    container_host
    have_tree
    have_vm
}

# stop_container VM: all that was mounted in it goes with it.
stop_container() {
    PATH=$world/bin:$PATH virsh -q -c lxc:/// destroy "$1"
}

have_container_with_disk() {
    have_container
    have_disk
    ok attach_disk "$vm" "$disk"
}

# is_mounted_in VM DISK: once, and in the definition once
is_mounted_in() {
    [[ $(grep -c " /warden-cpi-dev/$2\$" "$state/domains/$1/mounts") == 1 ]] ||
        fail "disk $2 is not mounted once: $(cat "$state/domains/$1/mounts")"
    is_defined_in "$@"
    [[ $(grep -c "/disks/$2/" "$state/loops") == 1 ]] || fail "not one loop device: $(cat "$state/loops")"
}

is_defined_in() {
    [[ $(grep -c "<target dir='/warden-cpi-dev/$2'/>" "$state/domains/$1/xml") == 1 ]] ||
        fail "disk $2 is not once in the definition"
}

is_nowhere() {
    ! grep -qF "$1" "$state"/domains/*/{xml,mounts} 2>/dev/null || fail "disk $1 is still there"
    ! grep -qF "$1" "$state/loops" 2>/dev/null || fail "a loop device is left: $(cat "$state/loops")"
}
