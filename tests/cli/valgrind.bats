#!/usr/bin/env bats
# What the sanitizers do not see: memory that is read before it is written, in libraries too.
# Debian 12's valgrind does not know pidfd_open, so that what needs a command ends there.

load helper

# Not one that the sanitizers watch over, for they want the memory for themselves.
CPI=$root/build/cpi

run_cpi() {
    local under=()
    [[ ! ${watched-} ]] || under=(valgrind --quiet --leak-check=full --show-leak-kinds=definite
        --errors-for-leak-kinds=definite --error-exitcode=99)
    PATH=$world/bin:$PATH "${under[@]}" "$CPI" --config "$world/cpi.json"
}

@test "requests under valgrind" {
    local snapshot watched=''
    have_stemcell
    have_disk
    ok snapshot_disk "$disk" '{}'
    snapshot=$cid
    watched=yes
    ok info
    ok ping
    ok calculate_vm_cloud_properties '{"cpu":2,"ram":1024,"ephemeral_disk_size":2048}'
    ok has_disk "$disk"
    ok set_disk_metadata "$disk" '{"deployment":"dep"}'
    # These come as far as their first command.
    ok create_stemcell "$image" '{"name":"shared"}'
    ok delete_stemcell "$cid"
    refused CloudError create_vm a "$stemcell" '{"cpus":2}' "$(manual 10.0.0.10)" '[]' '{}'
    refused CloudError attach_disk vm-1 "$disk"
    refused CloudError create_network '{"range":"10.7.0.0/24","cloud_properties":{"name":"made"}}'
    ok delete_snapshot "$snapshot"
    ok delete_stemcell "$stemcell"
    refused CloudError create_stemcell "$image" '{}'
    refused CpiError create_vm
    send '{"method":'
}
