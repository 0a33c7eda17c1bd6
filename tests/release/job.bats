#!/usr/bin/env bats
# The job's templates, rendered as BOSH does it.

load helper

mbus='{"agent": {"mbus": "nats://10.0.0.6:4222"}}'

# documented: each key of docs/configuration.md's table with its default, as the job names it
documented() {
    awk '/^## Keys/ { on = 1; next } /^## / { on = 0 } on && /^\| `/' docs/configuration.md
}

# job_keys: the config keys that the job has properties for
job_keys() {
    yaml config/release/job/spec | jq -r '.properties | keys[] | ltrimstr("libvirt_cpi.") | split(".")[0]' | sort -u
}

@test "the job has a property for every key of cpi.json, each with a description, and no others" {
    local keys
    keys=$(sed -n 's/.*{ \.name = "\([a-z_]*\)", \.kind = .*/\1/p' src/config.c | sort -u)
    diff <(job_keys) <(echo "$keys") >&2
    yaml config/release/job/spec | holds '.properties | keys | all(startswith("libvirt_cpi."))'
    yaml config/release/job/spec | holds '.properties | all(.description | length > 10)'
}

@test "the properties' defaults are those of docs/configuration.md" {
    local key default row
    while IFS=$'\t' read -r key default; do
        # The configuration file has to say these; the job need not.
        [[ $key != store_dir && $key != storage_controller ]] || continue
        row=$(documented | grep -F "\`$key\`")
        [[ $(cut -d'|' -f4 <<<"$row") == " \`$default\` " ]] || fail "$key: $default, but: $row"
    done < <(yaml config/release/job/spec | jq -r '.properties | to_entries[] | select(.value.default != null) |
        [(.key | ltrimstr("libvirt_cpi.")), (.value.default | tostring)] | @tsv')
}

@test "cpi.json of every sample is what the sample says" {
    local sample
    for sample in config/cpi-*.json; do
        render cpi.json.erb "$(<"$sample")" >"$work/cpi.json"
        # What the job says beyond the sample are its defaults.
        jq -es '.[0] as $sample | .[1] | with_entries(select($sample[.key] != null)) == $sample' \
            "$sample" "$work/cpi.json" >/dev/null || fail "$sample: $(<"$work/cpi.json")"
    done
}

@test "cpi takes what is rendered, without a warning" {
    local sample
    make --no-print-directory >/dev/null
    for sample in config/cpi-libvirt.json <(echo "$mbus"); do
        jq --arg store "$work/store" '. + {store_dir: $store}' "$sample" >"$work/properties"
        render cpi.json.erb "$(<"$work/properties")" >"$work/cpi.json"
        build/cpi --config "$work/cpi.json" <<<'{"method":"has_disk","arguments":["d"],"context":{}}' 2>/dev/null |
            holds '(.error.message | contains("there is no store")) and (.log | contains("warning") | not)'
    done
}

@test "every property arrives" {
    local all
    all=$(jq -n '{hypervisor: "qemu", uri: "qemu:///system", vmware_product: "player", bin_path: "/usr/bin/virsh", store_dir: "~/store",
        storage_controller: "sata", auto_enable_networks: true, domain_type: "kvm", default_network: "n",
        template_dir: "/t", keep_failed_vms: true, stemcell_compress: true, command_timeout: 1,
        detach_timeout: 2, lock_timeout: 3, max_parallel: 6, host: "h", port: 2222, username: "u", private_key: "/k",
        host_key: "ssh-ed25519 AAAAC3Nz", proxy_jump: "j", connect_timeout: 4, keepalive: 5, ssh_config: "/c",
        agent: {mbus: "nats://a:4222", ntp: ["t"], blobstore: {provider: "local", options: {}}}}')
    diff <(jq -S . <<<"$all") <(render cpi.json.erb "$all" | jq -S .)
    diff <(jq -r 'keys[]' <<<"$all" | sort) <(job_keys)
}

@test "nonsense is refused, and the property is named, all of them at once" {
    local key value
    while read -r key value; do
        run render cpi.json.erb "$(jq -c ". + {\"$key\": $value}" <<<"$mbus")"
        ((status != 0)) || fail "$key $value was taken"
        [[ $output == *"libvirt_cpi.$key"* ]] || fail "$key $value: $output"
    done <<'END'
hypervisor "kvm"
vmware_product "esx"
hypervisor "QEMU"
hypervisor 1
uri "system"
uri ["qemu:///system"]
bin_path ""
store_dir "store"
store_dir "$HOMES/x"
store_dir ""
storage_controller "NVME"
auto_enable_networks "true"
auto_enable_networks 1
domain_type "xen"
default_network "((libvirt_network))"
keep_failed_vms "yes"
command_timeout "300"
command_timeout 0
detach_timeout -1
lock_timeout 86401
lock_timeout 1.5
max_parallel -1
max_parallel 1001
max_parallel "4"
host ""
host "a\nb"
port 2222
username "bosh"
private_key "/key"
host_key "ssh-ed25519 AAAA"
END
    run render cpi.json.erb '{"host": "h", "port": "22", "private_key": "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----", "host_key": "none", "agent": {"ntp": "t", "blobstore": {}}}'
    ((status != 0))
    for key in port private_key host_key agent.mbus agent.ntp agent.blobstore; do
        [[ $output == *"libvirt_cpi.$key "* ]] || fail "$key: $output"
    done
}

@test "a host key comes in each form that it can have" {
    local key
    while read -r key; do
        render cpi.json.erb "$(jq -c ". + {host: \"h\", host_key: $key}" <<<"$mbus")" | holds ".host_key == $key"
    done <<'END'
"ssh-ed25519 AAAAC3Nz"
"kvm1.example.org ssh-ed25519 AAAAC3Nz comment"
"|1|F1E1KeoE=|gwEA= ecdsa-sha2-nistp256 AAAAE2Vj\n# a comment\n\nh ssh-rsa AAAAB3Nz\n"
["ssh-ed25519 AAAAC3Nz", "h ssh-rsa AAAAB3Nz"]
END
    while read -r key; do
        run render cpi.json.erb "$(jq -c ". + {host: \"h\", host_key: $key}" <<<"$mbus")"
        [[ $status -ne 0 && $output == *'libvirt_cpi.host_key '* ]] || fail "$key: $output"
    done <<'END'
[]
[1]
"# a comment"
"SHA256:aaaa"
["ssh-ed25519 AAAAC3Nz", "nothing"]
{}
END
}

@test "what is refused does not show a secret" {
    run render cpi.json.erb '{"host": "h", "private_key": "-----BEGIN canary-7f3a", "agent": {"mbus": "canary-7f3a", "blobstore": {"options": "canary-7f3a"}}}'
    ((status != 0))
    [[ $output != *canary* ]] || fail "$output"
}

# jobs_and_packages: the directories that BOSH makes, below $work
jobs_and_packages() {
    mkdir -p "$work"/{jobs/libvirt_cpi/{bin,config},packages/libvirt_cpi/bin}
    render cpi.erb '{}' >"$work/jobs/libvirt_cpi/bin/cpi"
    chmod +x "$work/jobs/libvirt_cpi/bin/cpi"
    # No store is there: nothing is in it.
    render cpi.json.erb "$(jq -c '. + {store_dir: "/var/empty/store"}' <<<"$mbus")" \
        >"$work/jobs/libvirt_cpi/config/cpi.json"
    cp "build/static/$machine/cpi" "$work/packages/libvirt_cpi/bin/"
}

ask() {
    "$work/jobs/libvirt_cpi/bin/cpi" <<<'{"method":"has_disk","arguments":["d"],"context":{}}'
}

@test "bin/cpi finds program and configuration where create-env put them" {
    jobs_and_packages
    export BOSH_JOBS_DIR=$work/jobs BOSH_PACKAGES_DIR=$work/packages
    ask | holds '.error.message | contains("there is no store")'
    "$work/jobs/libvirt_cpi/bin/cpi" --version | grep '^cpi '
}

@test "bin/cpi finds them at a Director, which is an ordinary user and wipes the environment" {
    jobs_and_packages
    chgrp 65534 "$work/jobs/libvirt_cpi/config/cpi.json"
    chmod 0640 "$work/jobs/libvirt_cpi/config/cpi.json"
    # /var/vcap of its own, outside of which nothing of the test is reached
    unshare --mount bash -ec "mount -t tmpfs none /var && mkdir -p /var/vcap/{jobs,packages} &&
        mount --bind '$work/jobs' /var/vcap/jobs && mount --bind '$work/packages' /var/vcap/packages &&
        exec setpriv --reuid=65534 --regid=65534 --clear-groups env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin TMPDIR=/tmp \
        /var/vcap/jobs/libvirt_cpi/bin/cpi" \
        <<<'{"method":"has_disk","arguments":["d"],"context":{}}' | holds '.error.message | contains("there is no store")'
}

@test "bin/cpi closes a cpi.json that everybody can read, and leaves the agent's 0640 alone" {
    jobs_and_packages
    export BOSH_JOBS_DIR=$work/jobs BOSH_PACKAGES_DIR=$work/packages
    chmod 0644 "$work/jobs/libvirt_cpi/config/cpi.json"
    ask | holds '.error.message | contains("there is no store")'
    [[ $(stat --format %a "$work/jobs/libvirt_cpi/config/cpi.json") == 640 ]]
    ask | holds '.error.message | contains("there is no store")'
    [[ $(stat --format %a "$work/jobs/libvirt_cpi/config/cpi.json") == 640 ]]
}

@test "bin/cpi refuses to use a cpi.json that everybody can read and that it cannot close" {
    jobs_and_packages
    chmod 0755 "$BATS_RUN_TMPDIR" "$BATS_SUITE_TMPDIR" "$BATS_TEST_TMPDIR"
    chmod 0644 "$work/jobs/libvirt_cpi/config/cpi.json"
    BOSH_JOBS_DIR=$work/jobs BOSH_PACKAGES_DIR=$work/packages setpriv --reuid=65534 --regid=65534 --clear-groups \
        "$work/jobs/libvirt_cpi/bin/cpi" <<<'{"method":"has_disk","arguments":["d"],"context":{}}' |
        holds '.error.type == "Bosh::Clouds::CpiError" and .error.ok_to_retry == false and .log == "" and
            (.error.message | contains("everybody can read"))'
}
