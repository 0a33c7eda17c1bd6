#!/usr/bin/env bats
# Jobs of the hypervisor that stand in the way of a snapshot or of a disk that is to leave.

load helper

# a_backup_runs FILE: of the attached disk, to that file, without end
a_backup_runs() {
    local target
    target=$(grep "$disk" "$state/domains/$vm/live" | cut -f 2)
    echo "never $1" >"$state/domains/$vm/job"
    echo "<domainbackup mode='push'><disks><disk name='$target' backup='yes'><target file='$1'/></disk></disks></domainbackup>" \
        >"$state/domains/$vm/backup"
}

@test "a snapshot is kept with its metadata, of a disk that is attached and of one that is not" {
    have_attached_disk
    local times snapshot
    for times in attached detached; do
        ok snapshot_disk "$disk" '{"deployment":"dep","index":0}'
        snapshot=$cid
        jq -e --arg disk "$disk" '. == {disk: $disk, format: "qcow2", size_mib: 64,
            metadata: {deployment: "dep", index: 0}}' "$store/snapshots/$cid/snapshot.json" || fail "$times"
        [[ $(ls "$store/snapshots/$cid") == $'disk.qcow2\nsnapshot.json' ]] || fail "$times"
        [[ $times == detached ]] || ok detach_disk "$vm" "$disk"
    done
    ok delete_snapshot "$snapshot"
    ok delete_snapshot "$snapshot"
    [[ ! -e $store/snapshots/$snapshot ]] || fail 'it is still there'
}

@test "a copy that a killed snapshot_disk left is ended by the next snapshot_disk" {
    have_attached_disk
    a_backup_runs "$store/snapshots/.new-snap-1/disk.qcow2"
    ok snapshot_disk "$disk" '{}'
    [[ ! -e $state/domains/$vm/job && -s $store/snapshots/$cid/disk.qcow2 ]] || fail 'it runs on'
}

@test "a copy that a killed snapshot_disk left is ended by detach_disk" {
    have_attached_disk
    a_backup_runs "$store/snapshots/.new-snap-1/disk.qcow2"
    ok detach_disk "$vm" "$disk"
    has_no_disk "$vm" "$disk"
    [[ ! -e $state/domains/$vm/job ]] || fail 'it runs on'
}

# As after a restart of libvirtd, which then never hears of the end.
@test "a copy that does not get on is ended, and the next one is made" {
    have_attached_disk
    configure command_timeout 3
    echo never >"$state/job-takes"
    refused CloudError snapshot_disk "$disk" '{}'
    says 'did not get on within 3 seconds' "$vm"
    is_retriable
    [[ ! -e $state/domains/$vm/job ]] || fail 'the job is left'
    [[ -z $(ls -A "$store/snapshots") ]] || fail 'something is left'
    rm "$state/job-takes"
    ok snapshot_disk "$disk" '{}'
}

@test "a backup of an operator's is left alone, and told" {
    have_attached_disk
    a_backup_runs /backups/monday.qcow2
    configure detach_timeout 1
    refused CloudError snapshot_disk "$disk" '{}'
    says 'held by agent=backup'
    refused CloudError detach_disk "$vm" "$disk"
    says 'libvirt said' 'already in active block job'
    [[ -e $state/domains/$vm/job && -z $(ls -A "$store/snapshots") ]] || fail 'it was ended'
    has_disk_on virtio "$vm" "$disk"
}
