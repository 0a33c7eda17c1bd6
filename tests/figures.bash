# What the suites have tried, for the table at the end of a run (tests/run).
# shellcheck shell=bash

# figure CLASS TRIED [NOT-HANDLED]: so many more, counted by the loop that looked at each of them.
# The classes: faults (a step that went wrong), kills, inputs (bad ones), parallel (calls at once).
figure() {
    [[ ! ${CPI_FIGURES-} ]] || printf '%s %d %d\n' "$1" "$2" "${3-0}" >>"$CPI_FIGURES"
}
