#!/bin/bash
# Makes the stemcell the lab's containers run from: `tree.sh` prints the path of an `image` file as
# it lies in a warden stemcell, a gzip'd tar of a root file system.
# Inside is the host's distribution with systemd as init and, instead of an agent, what listens for
# the lab's shell scripts (guest/run-script), as in the lab's other guest. Built once and kept in the
# cache until this file changes.
set -euo pipefail
shopt -s inherit_errexit

lab=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${CPI_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bosh-libvirt-cpi-lab}

say() {
    printf 'tree: %s\n' "$*" >&2
}

# install_system ROOT
install_system() {
    local suite
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    say "installing $suite"
    mmdebstrap --variant=essential --include=systemd-sysv,busybox-static --format=directory \
        --aptopt='Apt::Install-Recommends "false"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' "$suite" "$1" >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        return 1
    }
    rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/*
}

# add_listener ROOT
add_listener() {
    mkdir -p "$1/lab" "$1/etc/systemd/system/multi-user.target.wants"
    cp "$lab/guest/run-script" "$1/lab"
    cat >"$1/etc/systemd/system/lab.service" <<'END'
[Service]
ExecStart=/bin/busybox nc -ll -p 6868 -e /lab/run-script
Restart=always
END
    # For a container without systemd.
    printf '#!/bin/sh\nexec /bin/busybox nc -ll -p 6868 -e /lab/run-script\n' >"$1/lab/init"
    chmod 0755 "$1/lab/init"
    ln -s ../lab.service "$1/etc/systemd/system/multi-user.target.wants"
}

# add_agent ROOT: where the agent of the warden line would look.
add_agent() {
    mkdir -p "$1/var/vcap/bosh"
    cat >"$1/var/vcap/bosh/agent.json" <<'END'
{"Platform":{"Linux":{"UseDefaultTmpDir":true,"UsePreformattedPersistentDisk":true,
  "BindMountPersistentDisk":true,"SkipDiskSetup":true}},
 "Infrastructure":{"Settings":{"Sources":[
  {"Type":"File","SettingsPath":"/var/vcap/bosh/warden-cpi-agent-env.json"}]}}}
END
}

# add_marks ROOT: what a careless import would lose.
add_marks() {
    local marks=$1/lab/marks
    mkdir "$marks"
    echo kept >"$marks/owned"
    chown 1234:4321 "$marks/owned"
    chmod 6711 "$marks/owned"
    ln "$marks/owned" "$marks/second-name"
    ln -s /etc/passwd "$marks/link"
    mknod "$marks/device" c 1 3
    cp /bin/true "$marks/capable"
    setcap cap_net_raw+ep "$marks/capable"
    : >"$marks/listed"
    setfacl -m u:1234:r "$marks/listed"
    : >"$marks/Főtanúsítvány"
    truncate -s 10M "$marks/sparse"
}

build() {
    work=$(mktemp -d "$cache/tree.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    install_system "$work/root"
    add_listener "$work/root"
    add_agent "$work/root"
    add_marks "$work/root"
    say 'packing'
    # In the format that carries capabilities too.
    tar -C "$work/root" --format=pax --sparse --xattrs --xattrs-include='*' --acls -c . | gzip -1 >"$work/image"
    mv "$work/image" "$1"
}

main() {
    local target key lock
    key=$({ cat "$lab/tree.sh" "$lab/guest/run-script" /etc/os-release; } | sha256sum | cut -c 1-16)
    target=$cache/tree-$key
    mkdir -p "$cache"
    exec {lock}>"$cache/tree-lock"
    flock "$lock"
    if [[ ! -e $target ]]; then
        rm -f "$cache"/tree-[0-9a-f]*
        build "$target"
    fi
    echo "$target"
}

main
