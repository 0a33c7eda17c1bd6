#!/usr/bin/env bats
# Each fuzz target for a while, beginning with what is in corpus/: FUZZ_SECONDS says how long, and
# FUZZ_SEED which way to go. 'make fuzz' goes on with what it found the last time (in
# build/fuzz/corpus); what it finds wrong is in build/fuzz/findings, to be run again with
#
#   build/fuzz/fuzz_TARGET build/fuzz/findings/TARGET-...
#
# That the targets see something, by lines of the program that were broken once, and the test that
# failed then:
#
#   uri.c              uri_parse without 'plus == text'                            uri
#   image.c            check_qcow2 without 'if (backing)'                          image
#   vmdk.c             vmdk_check without its look for a parent                    vmdk
#   ovf.c              is_plain that is always true                                ovf
#   unpack.c           copy_member without its ftruncate                           stemcell
#   template.c         no escape for <                                             template
#   json.c             json_clean_utf8 that only copies                            request
#   libvirt_network.c  add_subnet that takes any prefix                            network
#   config_drive.c     add_config_2 that leaves a letter of the settings out       settings
#   virsh.c            virsh_play without '!complete'                              virsh
#   config.c           expand without its look for the leading slash               config

load ../figures

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    seconds=${FUZZ_SECONDS:-1} seed=${FUZZ_SEED:-4711} build=$PWD/build/fuzz
}

# A second and what starting takes, or as long as was wished.
fuzz() {
    local found=$build/corpus/$1 said=$BATS_TEST_TMPDIR/said status=0 tried
    [[ ${FUZZ_SECONDS-} ]] || found=$BATS_TEST_TMPDIR/corpus
    mkdir -p "$found" "$build/findings"
    "$build/fuzz_$1" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -seed="$seed" \
        -artifact_prefix="$build/findings/$1-" "$found" "tests/fuzz/corpus/$1" >"$said" 2>&1 3>&- ||
        status=$?
    tried=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$said")
    echo "# $1: $tried inputs tried (seed $seed)" >&3
    figure inputs "${tried:-1}" $((status == 0 ? 0 : 1))
    ((status == 0)) || {
        grep -vE '^#[0-9]' "$said" | tail -n 60
        return 1
    }
}

@test "config" { fuzz config; }

@test "image" { fuzz image; }

@test "network" { fuzz network; }

@test "ovf" { fuzz ovf; }

@test "request" { fuzz request; }

@test "settings" { fuzz settings; }

@test "stemcell" { fuzz stemcell; }

@test "template" { fuzz template; }

@test "uri" { fuzz uri; }

@test "virsh" { fuzz virsh; }

@test "vmdk" { fuzz vmdk; }

@test "every target is run" {
    diff <(sed -n 's/.*{ fuzz \([a-z]*\); }$/\1/p' tests/fuzz/fuzz.bats) \
        <(for file in tests/fuzz/target_*.c; do basename "${file#*target_}" .c; done)
}
