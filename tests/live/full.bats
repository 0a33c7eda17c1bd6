#!/usr/bin/env bats
# A sample of what tests/heavy/full.bats does in full: the store on a disk that gets full. STEPS_SEED
# says with how much space left.
#
# That this sees something, by lines of the program that were broken once, and what failed then:
#
#   host_local.c  fail_errno that does not know ENOSPC    create_stemcell (heavy)
#   disk.c        create without its store_remove         create_disk (heavy)

load helper
load full

@test "a sample of calls on a disk that gets full" {
    local name
    echo "# seed ${STEPS_SEED:-4711}" >&3
    RANDOM=${STEPS_SEED:-4711}
    for name in create_disk snapshot_used_disk create_stemcell; do
        STORE=$BATS_FILE_TMPDIR/full/$name
        write_config '{}'
        fill "$name" 3
    done
}
