#!/usr/bin/env bats
# Where a VM's memory comes from and which threads serve its disks. For huge pages the machine has to
# set some aside; as many as there were are left to it.

load ../live/helper

pages=/proc/sys/vm/nr_hugepages

teardown() {
    clean_up
    if [[ -e $BATS_TEST_TMPDIR/pages ]]; then
        cat "$BATS_TEST_TMPDIR/pages" >"$pages"
        "$lab/libvirtd.sh" exec "$LAB" umount "$BATS_SUITE_TMPDIR/huge"
        "$lab/libvirtd.sh" kill-daemon "$LAB"
        "$lab/libvirtd.sh" start-daemon "$LAB"
    fi
}

page_count() {
    sed -n "s/^HugePages_$1: *//p" /proc/meminfo
}

# libvirtd looks for the file system when it starts.
offer_huge_pages() {
    grep -qw hugetlbfs /proc/filesystems || skip 'this kernel has no huge pages'
    cat "$pages" >"$BATS_TEST_TMPDIR/pages"
    mkdir -p "$BATS_SUITE_TMPDIR/huge"
    "$lab/libvirtd.sh" exec "$LAB" mount -t hugetlbfs -o pagesize=2M hugetlbfs "$BATS_SUITE_TMPDIR/huge"
    "$lab/libvirtd.sh" kill-daemon "$LAB"
    "$lab/libvirtd.sh" start-daemon "$LAB"
    echo $(($(<"$pages") + 128)) >"$pages" || skip 'no huge pages can be set aside here'
    (($(page_count Free) >= 128)) || skip 'this machine has too little memory for huge pages'
}

@test "memory in huge pages of a NUMA node, and disks on I/O threads" {
    local free
    offer_huge_pages
    free=$(page_count Free)
    write_config '{"storage_controller": "VIRTIO"}'
    stemcell
    create_vm agent-m "$result" 192.168.122.110 '{"hugepages": true, "numa_nodes": "0", "iothreads": 2}'
    boots "$vm"
    has '<hugepages/>' "<memory mode='strict' nodeset='0'/>" "iothread='1'" "iothread='2'"
    (($(page_count Free) <= free - 100))
    [[ $(virsh_lab numatune "$vm") == *numa_nodeset*0* ]]
    [[ $(virsh_lab iothreadinfo "$vm" | grep -c '^ *[12] ') == 2 ]]
    on_console "$vm" '^guest: ephemeral-data ok'
    cpi delete_vm "[\"$vm\"]"
    wait_for all_free "$free"
}

all_free() {
    (($(page_count Free) >= $1))
}
