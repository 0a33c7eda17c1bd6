#!/usr/bin/env bats
# A sample of what tests/heavy/kill.bats does in full: cpi is killed, or asked to end, at a step of a
# call, on real libvirt. STEPS_SEED says which steps.
#
# That this sees something, by lines of the program that were broken once, and what failed then:
#
#   store.c      store_sweep that removes nothing      create_disk (heavy)
#   vm_create.c  undo without its vm_delete_locked     create_vm (heavy)

load helper
load kill

@test "a sample of kills" {
    local seed=${STEPS_SEED:-4711} i kind name
    echo "# seed $seed" >&3
    RANDOM=$seed
    for ((i = 0; i < ${KILLED_SCENARIOS:-3}; i++)); do
        read -r kind name <<<"${scenarios[RANDOM % ${#scenarios[@]}]}"
        STORE=$BATS_TEST_TMPDIR/store-$i
        write_config '{}'
        kill_each "$kind" "$name" 5
        clean_up
    done
}
