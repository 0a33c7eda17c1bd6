#!/usr/bin/env bats
# The BOSH release tarball, by its own manifest.

load helper

unpacked() {
    unpack "$release" "$work/release"
    yaml "$work/release/release.MF" >"$work/manifest"
}

manifest() {
    jq -er "$1" "$work/manifest"
}

@test "the tarball checks out by its own manifest" {
    local kind name digest print
    unpacked
    [[ $(tar -tzf "$release" | sed -n 1p) == release.MF ]]
    [[ $(manifest .name) == bosh-libvirt-cpi ]]
    [[ $release == */bosh-libvirt-cpi-$(manifest .version).tgz ]]
    [[ $("build/static/$machine/cpi" --version) == *"(revision $(manifest .commit_hash))" ]]
    manifest '.uncommitted_changes | type == "boolean"'
    for kind in jobs packages; do
        while read -r name digest print; do
            [[ $digest == "sha256:$(sha256sum <"$work/release/$kind/$name.tgz" | cut -d' ' -f1)" ]] || fail "$kind/$name"
            [[ $print =~ ^[0-9a-f]{64}$ ]]
            echo "$kind/$name.tgz" >>"$work/named"
        done < <(manifest ".${kind}[] | [.name, .sha1, .fingerprint] | join(\" \")")
    done
    [[ $(manifest .license.sha1) == "sha256:$(sha256sum <"$work/release/license.tgz" | cut -d' ' -f1)" ]]
    # Nothing is in the tarball that the manifest does not name.
    diff <(cd "$work/release" && find jobs packages -type f | sort) <(sort "$work/named")
}

@test "the job holds its manifest, an empty monit file and every template that the manifest names" {
    unpacked
    unpack "$work/release/jobs/libvirt_cpi.tgz" "$work/job"
    yaml "$work/job/job.MF" >"$work/spec"
    [[ $(jq -r .name "$work/spec") == libvirt_cpi && -f $work/job/monit && ! -s $work/job/monit ]]
    diff <(jq -r '.templates | keys[]' "$work/spec" | sort) <(ls "$work/job/templates")
    jq -e '.templates | [.[]] | sort == ["bin/cpi", "config/cpi.json"]' "$work/spec"
    [[ $(jq -c .packages "$work/spec") == "$(manifest '.jobs[0].packages | tojson')" ]]
}

# install_package DIRECTORY: what BOSH does to compile a package, in a clean directory and with
# nothing but the tarball
install_package() {
    unpack "$work/release/packages/libvirt_cpi.tgz" "$work/compile"
    (cd "$work/compile" && env -i PATH="${2-}/usr/sbin:/usr/bin:/sbin:/bin" BOSH_COMPILE_TARGET="$work/compile" \
        BOSH_INSTALL_TARGET="$1" BOSH_PACKAGE_NAME=libvirt_cpi BOSH_PACKAGE_VERSION=1 bash -x packaging)
}

@test "packaging installs the binary of this machine" {
    unpacked
    mkdir "$work/installed"
    quietly install_package "$work/installed"
    cmp "$work/installed/bin/cpi" "build/static/$machine/cpi"
    [[ -x $work/installed/bin/cpi ]]
}

@test "packaging says why not, on a machine that there is no binary for, and installs nothing" {
    unpacked
    mkdir -p "$work/installed" "$work/fake"
    printf '#!/bin/sh\n[ "$1" = -s ] && echo Darwin || echo arm64\n' >"$work/fake/uname"
    chmod +x "$work/fake/uname"
    run install_package "$work/installed" "$work/fake:"
    ((status != 0))
    [[ $output == *'this is Darwin: run '*'on a Linux machine'* ]] || fail "$output"
    printf '#!/bin/sh\n[ "$1" = -s ] && echo Linux || echo riscv64\n' >"$work/fake/uname"
    run install_package "$work/installed" "$work/fake:"
    ((status != 0))
    [[ $output == *"no binary for Linux on riscv64, only: cpi-$machine"* ]] || fail "$output"
    [[ -z $(ls "$work/installed") ]]
}

# The tree as it is, elsewhere, as the same clone.
copy_tree() {
    mkdir -p "$1"
    if git rev-parse --git-dir >/dev/null 2>&1; then
        git ls-files --cached --others --exclude-standard -z | tar --null --files-from=- --create | tar -x -C "$1"
        echo "gitdir: $(git rev-parse --absolute-git-dir)" >"$1/.git"
    else
        tar --exclude=./build --create . | tar -x -C "$1"
    fi
}

@test "a second build, elsewhere and by somebody with other habits, gives the same bytes" {
    copy_tree "$work/a/long/way/off"
    cd "$work/a/long/way/off"
    umask 077
    # Only git's view of who changed what could differ: both are of the same moment.
    quietly env TZ=Asia/Tokyo LC_ALL=C.UTF-8 make --no-print-directory release ARCHITECTURES="$machine"
    cmp "$release" build/bosh-libvirt-cpi-*.tgz
}

# fingerprints: of a release made of $work/tree and $work/static
fingerprints() {
    "$work/tree/config/release/build" "$work/out.tgz" "${1:-1}" abc false "$work/static" "$machine"
    rm -rf "$work/out"
    unpack "$work/out.tgz" "$work/out"
    yaml "$work/out/release.MF" | jq -r '.jobs[0].fingerprint, .packages[0].fingerprint'
}

@test "one byte that is another makes another fingerprint, and nothing else does" {
    local job package now
    mkdir -p "$work/tree/config" "$work/static"
    cp -R config/release "$work/tree/config/"
    cp LICENSE "$work/tree/"
    cp -R "build/static/$machine" "$work/static/"
    { read -r job; read -r package; } < <(fingerprints)
    # Another version, and other times
    find "$work/tree" "$work/static" -exec touch {} +
    [[ $(fingerprints 2) == "$job"$'\n'"$package" ]]
    printf x | dd of="$work/static/$machine/cpi" bs=1 seek=4711 conv=notrunc status=none
    mapfile -t now < <(fingerprints)
    [[ ${now[0]} == "$job" && ${now[1]} != "$package" ]]
    cp "build/static/$machine/cpi" "$work/static/$machine/cpi"
    sed -i '$s/"$@"/"$@" /' "$work/tree/config/release/job/templates/cpi.erb"
    mapfile -t now < <(fingerprints)
    [[ ${now[0]} != "$job" && ${now[1]} == "$package" ]]
}
