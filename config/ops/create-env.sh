#!/bin/bash
# Creates a Director as a VM of the libvirt host that this runs on, or updates it.
#
#   config/ops/create-env.sh DIRECTORY-OF-BOSH-DEPLOYMENT [OPTION OF 'bosh create-env'…]
#
# Further ops files come as options, for example '--ops-file config/ops/remote.yml'. What the variables
# of cpi.yml are is told by the environment: LIBVIRT_NETWORK, LIBVIRT_STORE_DIR, LIBVIRT_HOST,
# LIBVIRT_USERNAME, LIBVIRT_HOST_KEY, LIBVIRT_CPI_RELEASE, INTERNAL_CIDR, INTERNAL_GW, INTERNAL_IP,
# DIRECTOR_NAME; env.sh has what they are without. state.json and creds.yml are left in the current
# directory: keep them, for the next create-env and for delete-env.
set -euo pipefail
# creds.yml holds every secret of the Director.
umask 077

# shellcheck source=config/ops/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
prepare "$@"

# The Director logs in to the libvirt host with a key that is generated here.
bosh interpolate "$manifest" "${arguments[@]}" >/dev/null
keys=$(mktemp -d)
trap 'rm -rf "$keys"' EXIT

# log_in: as the Director will
log_in() {
    bosh interpolate "$PWD/creds.yml" --path /libvirt_ssh/private_key >"$keys/key"
    case $host_key in
        ssh-* | ecdsa-* | sk-*) printf '%s %s\n' "$host" "$host_key" ;;
        *) printf '%s\n' "$host_key" ;;
    esac >"$keys/known_hosts"
    ssh -F none -i "$keys/key" -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=20 -o StrictHostKeyChecking=yes \
        -o UserKnownHostsFile="$keys/known_hosts" -o GlobalKnownHostsFile=/dev/null "$username@$host" true </dev/null
}

if ! log_in; then
    cat >&2 <<END

create-env.sh: the Director could not log in to the libvirt host as $username@$host, with a key that is in
$PWD/creds.yml. If it is the key that is refused, add this line to ~/.ssh/authorized_keys there, then call this
again:

$(bosh interpolate "$PWD/creds.yml" --path /libvirt_ssh/public_key)
END
    exit 1
fi

bosh create-env "$manifest" --state "$PWD/state.json" "${arguments[@]}"

address=$(bosh interpolate "$manifest" "${arguments[@]}" --path /instance_groups/name=bosh/networks/name=default/static_ips/0)
cat >"$PWD/.envrc" <<END
export BOSH_ENVIRONMENT=$address
export BOSH_CA_CERT=\$(bosh interpolate $PWD/creds.yml --path /director_ssl/ca)
export BOSH_CLIENT=admin
export BOSH_CLIENT_SECRET=\$(bosh interpolate $PWD/creds.yml --path /admin_password)
END
echo "The Director is at $address. Next: source .envrc && bosh env"
