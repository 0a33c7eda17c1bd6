# What the suites have tried, for the table at the end of a run (tests/run), and which of all that
# they could try.
# shellcheck shell=bash

# figure CLASS TRIED [NOT-HANDLED]: so many more, counted by the loop that looked at each of them.
# The classes: faults (a step that went wrong), kills, inputs (bad ones), parallel (calls at once).
figure() {
    [[ ! ${CPI_FIGURES-} ]] || printf '%s %d %d\n' "$1" "$2" "${3-0}" >>"$CPI_FIGURES"
}

# choose NAME COUNT: leaves that many elements of the array NAME, which ones being up to $RANDOM
choose() {
    local -n choice=$1
    local i left=()
    while ((${#left[@]} < $2 && ${#choice[@]})); do
        i=$((RANDOM % ${#choice[@]}))
        left+=("${choice[i]}")
        choice=("${choice[@]:0:i}" "${choice[@]:i + 1}")
    done
    choice=("${left[@]}")
}
