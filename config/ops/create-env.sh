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
public_key=$(bosh interpolate "$PWD/creds.yml" --path /libvirt_ssh/public_key)
if [[ ! ${LIBVIRT_HOST-} ]] && ! grep -qsF "$(cut -d' ' -f2 <<<"$public_key")" ~/.ssh/authorized_keys; then
    cat >&2 <<END
create-env.sh: the Director's key cannot log in here yet. Allow it, then call this again:

    echo '$public_key' >>~/.ssh/authorized_keys

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
