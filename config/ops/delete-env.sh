#!/bin/bash
# Deletes the Director that create-env.sh made: the VM, its disk with all the Director knows, its
# stemcell. VMs of its deployments stay: delete those first.
#
#   config/ops/delete-env.sh DIRECTORY-OF-BOSH-DEPLOYMENT [OPTION OF 'bosh delete-env'…]
#
# With the options, in the environment and in the directory of create-env.sh.
set -euo pipefail
umask 077

# shellcheck source=config/ops/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
prepare "$@"
[[ -f $PWD/state.json ]] || die "there is no state.json in $PWD: it is where create-env.sh was called"

if [[ -t 0 ]]; then
    read -r -p 'This deletes the Director with its disk. Continue? [yN] '
    [[ $REPLY == [yY]* ]] || exit 1
fi
exec bosh delete-env "$manifest" --state "$PWD/state.json" "${arguments[@]}"
