#!/usr/bin/env bats
# What the sanitizers do not see: memory that is read before it is written, in libraries too.

load ../cli/helper

run_cpi() {
    PATH=$world/bin:$PATH valgrind --quiet --leak-check=full --show-leak-kinds=definite,possible \
        --errors-for-leak-kinds=definite --error-exitcode=99 --child-silent-after-fork=yes \
        "$CPI" --config "$world/cpi.json"
}

@test "the life of a VM under valgrind" {
    ! grep -qa __asan_init "$CPI" || skip 'this cpi is a sanitized one'
    have_attached_disk
    ok get_disks "$vm"
    ok set_vm_metadata "$vm" '{"name":"web/0","deployment":"dep"}'
    ok snapshot_disk "$disk" '{}'
    ok delete_snapshot "$cid"
    ok reboot_vm "$vm"
    ok detach_disk "$vm" "$disk"
    ok update_disk "$disk" 128 '{"format":"raw"}'
    ok create_network '{"range":"10.7.0.0/24","cloud_properties":{"name":"made","dhcp":true}}'
    ok delete_network "$cid"
    ok delete_vm "$vm"
    ok delete_disk "$disk"
    ok delete_stemcell "$stemcell"
    refused CpiError create_vm
    send '{"method":'
    [[ -z $(inventory) ]] || fail "something is left: $(inventory)"
}
