#!/usr/bin/env bats
# The tables of the documentation hold what the program knows, and nothing else.

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
}

# documented FILE SECTION: the names in the first column of the section's table
documented() {
    awk -v section="## $2" '$0 == section { on = 1; next } /^## / { on = 0 } on && /^\| `/' "$1" |
        cut -d '|' -f 2 | grep -o '`[a-z_0-9]*`' | tr -d '`' | sort -u
}

same() {
    diff <(echo "$1") <(echo "$2") >&2
}

@test "every method is in docs/methods.md, and every one there is a method" {
    local methods
    methods=$(sed -n 's/^ *{ \.name = "\([a-z_]*\)".*/\1/p' src/method/method.c | sort -u)
    same "$(sed '/^## /q' docs/methods.md | grep '^| `' | cut -d '`' -f 2 | sort -u)" "$methods"
}

@test "every property of a VM is in docs/cloud-properties.md, and every one there is a property" {
    local names
    names=$(sed -n '/^} table\[\]/,/^};/p' src/vm_properties.c |
        sed -n 'h; s/^ *{ "\([a-z_]*\)",.*/\1/p; g; s/^ *{ "[a-z_]*", "\([a-z_]*\)".*/\1/p' | sort -u)
    same "$(documented docs/cloud-properties.md VMs)" "$names"
}

@test "every property of a disk is in docs/cloud-properties.md, and every one there is a property" {
    local names
    names=$({
        printf 'format\nbus\n'
        sed -n '/^static const struct choice/,/^};/p; /^static const struct rate/,/^};/p' \
            src/disk_properties.c | sed -n 's/^ *{ "\([a-z_]*\)".*/\1/p'
    } | sort -u)
    # The values of 'format', 'cache' and the like stand in other columns.
    same "$(documented docs/cloud-properties.md Disks)" "$names"
}
