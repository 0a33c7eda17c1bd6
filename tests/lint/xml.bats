#!/usr/bin/env bats
# Every domain that the golden files hold passes libvirt's own schema.

@test "the golden domains pass virt-xml-validate" {
    local file count=0
    cd "$BATS_TEST_DIRNAME/../golden" || return 1
    for file in domain*.xml; do
        # Normalised names stand where the schema wants a uuid.
        sed -E "s,STORE,/store,g; s,<uuid>.*</uuid>,<uuid>5b0d6d7c-8f9d-4c39-a9f1-0d5d1e4a6a10</uuid>," "$file" \
            >"$BATS_TEST_TMPDIR/domain.xml"
        virt-xml-validate "$BATS_TEST_TMPDIR/domain.xml" domain || { echo "$file"; false; }
        count=$((count + 1))
    done
    ((count > 0))
}
