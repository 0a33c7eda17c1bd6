# Lets a command or a call of one fail at each step of a scenario: see steps.bash.
# shellcheck shell=bash disable=SC2034,SC2154 # it shares its variables with the tests

load steps

# The ways in which a whole call goes wrong, and a command in a batch; see tests/fake. To hang
# takes its time, so that is for tests/heavy/hang.bats and, of some scenarios, for a test of its own.
read -ra call_modes <<<"${FAULT_CALL_MODES-exit late garbage nothing closed}"
read -ra command_modes <<<"${FAULT_COMMAND_MODES-exit signal}"

# every_step KIND NAME
every_step() {
    local kind=$1 parallel=6 timeout=${FAULT_TIMEOUT-} number=0 running=0 i mode
    local prepared call_count command_count complete
    local orders=()
    rehearse "$2"
    for ((i = 1; i <= call_count; i++)); do
        for mode in "${call_modes[@]}"; do
            try "$2" fail-at "$i $mode"
        done
    done
    for ((i = 1; i <= command_count; i++)); do
        for mode in "${command_modes[@]}"; do
            try "$2" fail-command "$i $mode"
        done
    done
    verdict "$2"
}
