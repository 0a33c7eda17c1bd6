#!/usr/bin/env bats
# The oldest libvirt and QEMU that there are: those of Ubuntu 22.04, libvirt 8.0 and QEMU 6.2. Ubuntu's
# mirror is not Debian's, so this has a target of its own: make test-ubuntu.

load ../live/versions

setup_file() {
    start_release jammy
}

@test "Ubuntu 22.04: the doctor finds no fault with its libvirt and QEMU" { on jammy; runs 22.04 '8\.0\.'; }

@test "Ubuntu 22.04: the life of a VM" { on jammy; life; }

@test "Ubuntu 22.04: a managed network" { on jammy; network; }
