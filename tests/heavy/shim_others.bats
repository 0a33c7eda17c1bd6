#!/usr/bin/env bats
# What tests/heavy/shim.bats does, on the other hypervisors: see tests/cli/shim.bash.
#
# That this sees something, by lines of the program that were broken once, and what failed then:
#
#   lxc_files.c   lxc_make_files that does not mind a failure of put_settings     lxc

load ../cli/helper
load ../cli/steps
load ../cli/shim

# every_scenario HYPERVISOR
every_scenario() {
    local scenario
    on_hypervisor "$1"
    for scenario in "${scenarios[@]}"; do
        # shellcheck disable=SC2086 # two words
        every_call $scenario
    done
}

@test "lxc" { every_scenario lxc; }

@test "xen" { every_scenario xen; }

@test "vbox" { every_scenario vbox; }

@test "vmware" { every_scenario vmware; }
