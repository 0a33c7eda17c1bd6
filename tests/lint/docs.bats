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

@test "the errors that docs/methods.md gives a method are types that the program has" {
    local name
    while read -r name; do
        grep -q "\"Bosh::Clouds::$name\"" src/error.c || { echo "$name"; false; }
    done < <(sed '/^## /q' docs/methods.md | awk -F '|' '/^\| `/ { print $5 }' | grep -o '`[A-Za-z]*`' | tr -d '`' | sort -u)
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

# words FILE PATTERN: the strings of the array that begins in the line with the pattern
words() {
    sed -n "/$2/,/};/p" "$1" | grep -o '"[a-z_0-9]*"' | tr -d '"' | sort -u
}

@test "every property of a network is in docs/cloud-properties.md, and every one there is a property" {
    same "$(documented docs/cloud-properties.md Networks)" \
        "$(words src/nic_properties.c 'properties_known\[\] = {')"
}

@test "every property of a managed network is in docs/cloud-properties.md, and every one there is a property" {
    same "$(documented docs/cloud-properties.md 'Managed networks')" \
        "$(words src/network_definition.c ' known\[\] = {')"
}

# Those of a stemcell are read where they are needed; all others are only kept.
@test "every property of a stemcell is in docs/cloud-properties.md, and every one there is read" {
    local names
    names=$(cat src/stemcell*.c |
        grep -oE '(json_get|json_string)\((cloud_properties|json_get\(record, "cloud_properties"\)), "[a-z_0-9]+"' |
        grep -oE '"[a-z_0-9]+"$' | tr -d '"' | sort -u)
    same "$(documented docs/cloud-properties.md Stemcells)" "$names"
}
