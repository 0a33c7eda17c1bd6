#!/usr/bin/env bats
# The newest libvirt and QEMU: those of Debian 13, libvirt 11.3 and QEMU 10.0.

load ../live/versions

setup_file() {
    start_release trixie
}

@test "Debian 13: the doctor finds no fault with its libvirt and QEMU" { on trixie; runs 13 '11\.'; }

@test "Debian 13: the life of a VM" { on trixie; life; }

@test "Debian 13: a managed network" { on trixie; network; }
