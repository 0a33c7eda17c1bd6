#!/usr/bin/env bats
# What a build says it is.

load helper

# a_clone: a repository with the few files that a version depends on
a_clone() {
    mkdir -p "$work/clone/config" "$work/clone"/{src,include}
    cp Makefile .gitignore "$work/clone/"
    cp -R config/release "$work/clone/config/"
    cd "$work/clone" || return 1
    git init --quiet
    git config user.name tester
    git config user.email tester@example.org
    commit
}

commit() {
    git add --all
    git commit --quiet --allow-empty --message change
}

version() {
    config/release/version "${1:-0.1.0}"
}

revision() {
    git rev-parse HEAD | cut -c1-10
}

@test "the commit with the version's tag is the version, any other is a development build of its own" {
    a_clone
    [[ $(version) == "0.1.0+dev.1.g$(revision) $(revision) false" ]] || fail "$(version)"
    git tag v0.1.0
    [[ $(version) == "0.1.0 $(revision) false" ]] || fail "$(version)"
    # A tag of another version is none of this one.
    [[ $(version 0.2.0) == "0.2.0+dev.1.g$(revision) $(revision) false" ]] || fail "$(version 0.2.0)"
    commit
    [[ $(version) == "0.1.0+dev.2.g$(revision) $(revision) false" ]] || fail "$(version)"
}

@test "a changed tree is never the release, and each change is a version of its own" {
    local first second
    a_clone
    git tag v0.1.0
    echo '/* a */' >src/a.c
    first=$(version)
    [[ $first =~ ^0\.1\.0\+dev\.1\.g$(revision)\.d[0-9a-f]{10}\ $(revision)\ true$ ]] || fail "$first"
    [[ $(version) == "$first" ]]
    echo '/* b */' >src/a.c
    second=$(version)
    [[ $second != "$first" ]]
}

@test "what git archive makes knows its commit, and a tagged one its version" {
    a_clone
    mkdir "$work/archive" "$work/tagged"
    git archive HEAD | tar -x -C "$work/archive"
    git tag v0.1.0
    git archive HEAD | tar -x -C "$work/tagged"
    local revision
    revision=$(revision)
    cd "$work/archive"
    [[ $(version) == "0.1.0+dev.g$revision $revision false" ]] || fail "$(version)"
    cd "$work/tagged"
    [[ $(version) == "0.1.0 $revision false" ]] || fail "$(version)"
}

@test "a tree without git is told by its content, even inside of another repository" {
    a_clone
    git init --quiet "$work/other"
    mkdir "$work/other/tree"
    cp -R Makefile src include config "$work/other/tree/"
    cd "$work/other/tree"
    [[ $(version) =~ ^0\.1\.0\+dev\.d[0-9a-f]{10}\ unknown\ true$ ]] || fail "$(version)"
}

@test "cpi --version names version and revision, and the number is said in one place" {
    local number built
    number=$(sed -n 's/^VERSION *:= *//p' Makefile)
    built=$(version "$number")
    [[ $("build/static/$machine/cpi" --version) == "cpi ${built%% *} (revision $(cut -d' ' -f2 <<<"$built"))" ]]
    grep -q "^## $number" docs/CHANGELOG.md
    run git grep -lF "$number" -- Makefile src include config .ci
    [[ $output == Makefile ]] || fail "$output"
}

@test "a commit alone makes cpi say another version" {
    local first number
    a_clone
    number=$(sed -n 's/^VERSION *:= *//p' Makefile)
    quietly make --no-print-directory build/version
    first=$(<build/version)
    commit
    quietly make --no-print-directory build/version
    [[ $(<build/version) != "$first" && $(<build/version) == "$(version "$number")" ]]
}
