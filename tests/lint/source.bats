#!/usr/bin/env bats
# Rules of the house that a tool can check.

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
}

c_files() {
    find src include tests/unit tests/fuzz tests/fake -name '*.[ch]' | sort
}

shell_files() {
    grep -rlIE '^#!.*\b(bash|sh|bats)\b' tests .ci config | sort
}

@test "C is formatted as .clang-format says" {
    c_files | xargs clang-format --dry-run --Werror
}

# resourceLeak: it does not know the cleanup attribute; the sanitizers watch over that. The two
# "Called" ones are about threads, of which there is one.
@test "cppcheck finds nothing" {
    cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --inline-suppr \
        --std=c11 --library=posix -Iinclude --include=tests/lint/cppcheck.h \
        --suppress=missingIncludeSystem --suppress=resourceLeak --suppress=readdirCalled \
        --suppress=fgetpwentCalled src
}

# What was found clean is not looked at again until it, or a header of it, changes.
@test "gcc's analyzer and clang-tidy find nothing" {
    run make --no-print-directory --keep-going -j2 analyzed
    [[ $status == 0 ]] || { echo "$output"; false; }
}

@test "shell scripts pass shellcheck" {
    shell_files | grep -v '\.bats$' | xargs shellcheck --external-sources
    find tests -name '*.bats' -print0 | xargs -0 shellcheck --shell=bats --exclude=SC1090,SC1091,SC2016,SC2030,SC2031,SC2034,SC2153,SC2154,SC2314,SC2317
}

@test "Ruby is without warnings" {
    run ruby -wc tests/release/bosh.rb
    [[ $output == 'Syntax OK' ]] || { echo "$output"; false; }
}

# The layers of docs/architecture.md, lowest first: a file includes no header of a higher layer.
layer_of() {
    case $1 in
        util) echo 0 ;;
        json | json_syntax | error | log | id | uri | buffer | firmware | nearest | subnet) echo 1 ;;
        child | command | trace | exchange | session | session_loop | ssh | ssh_explain) echo 2 ;;
        digest | hypervisor | host | host_ops | host_local* | host_remote | lock | lock_local | slot | template) echo 3 ;;
        remote*) echo 3 ;;
        access | config | config_file | config_host | config_reader | layout | store | virsh | vboxmanage | vbox_answer | vmrun | image | capabilities | gunzip | ovf | vmdk | definition | tree_check | tree_stream) echo 4 ;;
        usual | desktop | vbox | lxc | drivers) echo 7 ;;
        method) echo 8 ;;
        dispatch | unheard) echo 9 ;;
        person | arguments | page | progress | terminal) echo 10 ;;
        main) echo 11 ;;
        cpi) echo 5 ;;
        *) echo 6 ;;
    esac
}

@test "no room includes a header of a higher layer" {
    local file name header bad=0
    while read -r file; do
        name=$(basename "$file")
        name=${name%.*}
        [[ $file == src/method/* ]] && name=method
        [[ $file == src/hypervisor/* ]] && name=hypervisor
        [[ $file == src/driver/* ]] && name=drivers
        [[ $file == src/person/* ]] && name=person
        [[ $file == src/doctor/* ]] && name=doctor
        while read -r header; do
            if (($(layer_of "$header") > $(layer_of "$name"))); then
                echo "$file includes cpi/$header.h, which is of a higher layer"
                bad=1
            fi
        done < <(sed -n 's,^#include "cpi/\(.*\)\.h",\1,p' "$file")
    done < <(find src include -name '*.[ch]')
    ((bad == 0))
}

@test "one fork, no shell, no unbounded string function" {
    run grep -rnE '\b(system|popen|strcpy|sprintf|strcat|gets|vfork|posix_spawn)[[:space:]]*\(' src include
    [[ -z $output ]] || { echo "$output"; false; }
    run grep -rlE '\bfork[[:space:]]*\(\)' src
    [[ $output == src/child.c ]]
}

@test "files stay below 400 lines, functions below 80" {
    local file lines bad=0
    while read -r file; do
        lines=$(wc -l <"$file")
        ((lines < 400)) || { echo "$file has $lines lines"; bad=1; }
        # With this formatting a function's braces are alone at the beginning of a line.
        awk -v file="$file" '/^{$/ { start = NR } /^}$/ && start {
            if (NR - start > 80) { print file ":" start " is " NR - start " lines long"; bad = 1 } start = 0 }
            END { exit bad }' "$file" || bad=1
    done < <(find src -name '*.c')
    ((bad == 0))
}

@test "the sample configurations are JSON with exactly the keys of docs/configuration.md" {
    local sample key
    for sample in config/cpi-*.json; do
        for key in $(jq -r 'keys[]' "$sample"); do
            grep -qE "^\|.*\`$key\`" docs/configuration.md || { echo "$sample: $key"; false; }
        done
    done
}

@test "every configuration key of the program is in docs/configuration.md" {
    local key
    while read -r key; do
        grep -qE "^\|.*\`$key\`" docs/configuration.md || { echo "$key"; false; }
    done < <(sed -n 's/.*{ \.name = "\([a-z_]*\)", \.kind = .*/\1/p' src/config.c)
}

@test "nothing refers to a place outside the repository that only its makers have" {
    run grep -rnE '\.\./shared|/work/' --include='*' Makefile src include config docs tests README.md .ci \
        --exclude-dir=recorded --exclude=source.bats
    [[ -z $output ]] || { echo "$output"; false; }
}
