#!/usr/bin/env bats
# All the XML that the golden files hold passes libvirt's own schema.

# valid FILE SCHEMA: a golden file. Normalised names stand where the schema wants a uuid.
valid() {
    sed -E "s,STORE,/store,g; s,<uuid>.*</uuid>,<uuid>5b0d6d7c-8f9d-4c39-a9f1-0d5d1e4a6a10</uuid>," "$1" |
        wrapped "$1" >"$BATS_TEST_TMPDIR/checked.xml"
    virt-xml-validate "$BATS_TEST_TMPDIR/checked.xml" "$2" || {
        echo "$1"
        return 1
    }
}

# wrapped FILE: a device alone is in a domain of its own.
wrapped() {
    if [[ $1 == domain* || $1 == network* || $1 == backup* ]]; then
        cat
        return
    fi
    echo "<domain type='qemu'><name>a</name><memory>1</memory><os><type>hvm</type></os><devices>"
    cat
    echo '</devices></domain>'
}

# all_valid SCHEMA FILE…: there are such files, and all are valid.
all_valid() {
    local file schema=$1
    shift
    [[ -e $1 ]]
    for file in "$@"; do
        valid "$file" "$schema"
    done
}

setup() {
    cd "$BATS_TEST_DIRNAME/../golden" || return 1
}

@test "the golden domains pass virt-xml-validate" {
    all_valid domain domain*.xml
}

@test "the golden disk that is attached passes virt-xml-validate" {
    all_valid domain disk.xml
}

@test "the golden networks pass virt-xml-validate" {
    all_valid network network*.xml
}

@test "the golden backup passes virt-xml-validate" {
    all_valid domainbackup backup.xml
}
