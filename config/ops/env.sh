# What create-env.sh and delete-env.sh have in common: the arguments of the bosh CLI.
# shellcheck shell=bash

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# prepare BOSH-DEPLOYMENT [OPTION…]: sets 'manifest' and 'arguments'
prepare() {
    local program
    (($# > 0)) || die "usage: $(basename "$0") DIRECTORY-OF-BOSH-DEPLOYMENT [OPTION OF THE BOSH CLI…]"
    manifest=$1/bosh.yml
    shift
    [[ -f $manifest ]] || die "$manifest is not there: git clone https://github.com/cloudfoundry/bosh-deployment"
    # ruby: the CLI renders a job's templates with it
    for program in bosh ruby ssh; do
        command -v "$program" >/dev/null || die "there is no '$program' on PATH"
    done
    [[ $PWD != "$root"* ]] || die "this writes secrets into the current directory: call it from one outside of $root"
    release=${LIBVIRT_CPI_RELEASE:-$(newest_release)}
    [[ -f $release ]] || die "there is no release: 'make release' makes it, or set LIBVIRT_CPI_RELEASE"
    # This machine's own key is not that of another.
    [[ ! ${LIBVIRT_HOST-} || ${LIBVIRT_HOST_KEY-} ]] || die "LIBVIRT_HOST is another host: set LIBVIRT_HOST_KEY to its SSH key"
    host_key=${LIBVIRT_HOST_KEY:-$(cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub 2>/dev/null)}
    [[ $host_key ]] || die 'the SSH key of the libvirt host is not known: install openssh-server, or set LIBVIRT_HOST_KEY'
    username=${LIBVIRT_USERNAME:-$(id -un)}
    host=${LIBVIRT_HOST:-${INTERNAL_GW:-192.168.122.1}}
    arguments=(
        --ops-file "$here/cpi.yml"
        --var director_name="${DIRECTOR_NAME:-bosh}"
        --var internal_cidr="${INTERNAL_CIDR:-192.168.122.0/24}"
        --var internal_gw="${INTERNAL_GW:-192.168.122.1}"
        --var internal_ip="${INTERNAL_IP:-192.168.122.10}"
        --var libvirt_cpi_url="file://$(realpath "$release")"
        --var libvirt_network="${LIBVIRT_NETWORK:-default}"
        --var libvirt_store_dir="${LIBVIRT_STORE_DIR:-/var/lib/bosh}"
        --var libvirt_host="$host"
        --var libvirt_username="$username"
        --var libvirt_host_key="$host_key"
        --vars-store "$PWD/creds.yml"
        "$@"
    )
}

# A release with the binaries of some machines only does not count.
newest_release() {
    find "$root/build" -maxdepth 1 -name 'bosh-libvirt-cpi-*.tgz' ! -name '*only_*' -printf '%T@ %p\n' 2>/dev/null |
        sort -rn | sed -n '1s/^[^ ]* //p'
}
