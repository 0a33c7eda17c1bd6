#!/usr/bin/env bats
# config/ops, applied to what of bosh-deployment's bosh.yml they touch, and used as a person would.

load helper

fixtures=tests/release/fixtures

# manifest [OPS-FILE…]: cpi.yml and these, with every variable filled in
manifest() {
    local arguments=(-o config/ops/cpi.yml) name
    for name; do
        arguments+=(-o "config/ops/$name.yml")
    done
    bosh_rb interpolate "$fixtures/bosh.yml" "${arguments[@]}" -l "$fixtures/vars.yml" --var-errs
}

# The two configurations that a manifest (stdin) makes: create-env's and the Director's.
both_jobs() {
    cat >"$work/manifest"
    jq '{libvirt_cpi: .cloud_provider.properties.libvirt_cpi}' "$work/manifest" |
        bosh_rb render config/release/job cpi.json.erb >"$work/create-env.json"
    jq '.instance_groups[] | select(.name == "bosh") | .jobs[] | select(.name == "libvirt_cpi").properties' "$work/manifest" |
        bosh_rb render config/release/job cpi.json.erb >"$work/director.json"
}

@test "cpi.yml: create-env works on the host itself, the Director comes back to it over SSH" {
    manifest | both_jobs
    holds '.hypervisor == "qemu" and has("host") == false and .store_dir == "/var/lib/bosh" and
        .agent.mbus == "https://mbus:mbus-secret@0.0.0.0:6868"' <"$work/create-env.json"
    holds '.host == "192.168.122.1" and .username == "bosh" and (.private_key | startswith("-----BEGIN")) and
        (.host_key | startswith("ssh-ed25519 ")) and .store_dir == "/var/lib/bosh" and
        .agent.mbus == "nats://192.168.122.10:4222"' <"$work/director.json"
    holds '.cloud_provider.template == {name: "libvirt_cpi", release: "bosh-libvirt-cpi"}' <"$work/manifest"
    holds '.instance_groups[0].properties.director.cpi_job == "libvirt_cpi"' <"$work/manifest"
    holds '[.releases[].name] == ["bosh", "bpm", "bosh-libvirt-cpi"]' <"$work/manifest"
    holds '.networks[0].subnets[0].cloud_properties == {name: "default"}' <"$work/manifest"
    holds '.resource_pools[0].stemcell.url | contains("openstack-kvm-ubuntu-noble")' <"$work/manifest"
    # The key is generated.
    bosh_rb interpolate "$fixtures/bosh.yml" -o config/ops/cpi.yml |
        holds '.variables | any(. == {name: "libvirt_ssh", type: "ssh"})'
}

@test "remote.yml: both over SSH" {
    manifest remote | both_jobs
    holds '.host == "192.168.122.1" and .agent.mbus == "https://mbus:mbus-secret@0.0.0.0:6868"' <"$work/create-env.json"
    diff <(jq '{host, username, private_key, host_key}' "$work/create-env.json") \
        <(jq '{host, username, private_key, host_key}' "$work/director.json")
}

@test "lxc.yml and vbox.yml: another hypervisor and its stemcell, for both" {
    manifest lxc | both_jobs
    holds '.hypervisor == "lxc"' <"$work/create-env.json"
    holds '.hypervisor == "lxc"' <"$work/director.json"
    holds '.resource_pools[0].stemcell.url | contains("-warden-")' <"$work/manifest"
    manifest vbox remote | both_jobs
    holds '.hypervisor == "vbox" and .storage_controller == "SATA"' <"$work/create-env.json"
    holds '.hypervisor == "vbox" and .storage_controller == "SATA"' <"$work/director.json"
    holds '.resource_pools[0].stemcell.url | contains("-vsphere-esxi-")' <"$work/manifest"
}

@test "use-*.yml: the stemcell of another Ubuntu, by its digest" {
    local line
    for line in jammy noble resolute; do
        manifest "use-$line" | holds ".resource_pools[0].stemcell |
            (.url | contains(\"openstack-kvm-ubuntu-$line\")) and (.sha1 | test(\"^[0-9a-f]{40}$\"))"
    done
}

@test "use-stemcell.yml: the stemcell that is wished" {
    bosh_rb interpolate "$fixtures/bosh.yml" -o config/ops/cpi.yml -o config/ops/use-stemcell.yml -l "$fixtures/vars.yml" \
        -v stemcell_url=file:///s.tgz -v stemcell_sha1=sha256:abc --var-errs |
        holds '.resource_pools[0].stemcell == {url: "file:///s.tgz", sha1: "sha256:abc"}'
}

@test "ipv6.yml: addresses in URLs are in brackets" {
    manifest ipv6 | both_jobs
    holds '.agent.mbus == "https://mbus:mbus-secret@[::]:6868"' <"$work/create-env.json"
    holds '.agent.mbus == "nats://[192.168.122.10]:4222"' <"$work/director.json"
    holds '.cloud_provider.mbus == "https://mbus:mbus-secret@[192.168.122.10]:6868"' <"$work/manifest"
    manifest remote ipv6 | both_jobs
}

@test "bpm.yml: libvirt's socket and the store are mounted for the workers" {
    manifest bpm | holds '.instance_groups[0].properties.director | .use_bpm_for_workers and
        ([.cpi_additional_volumes[].path] == ["/var/run/libvirt", "/var/lib/bosh"])'
}

@test "an operation on a place that is not there is refused" {
    printf -- '- {type: replace, path: /instance_groups/name=bosch/jobs/-, value: 1}\n' >"$work/wrong.yml"
    run bosh_rb interpolate "$fixtures/bosh.yml" -o "$work/wrong.yml"
    ((status != 0))
    run bosh_rb interpolate "$fixtures/bosh.yml" -o config/ops/remote.yml
    ((status != 0))
    # Without a value for every variable nothing is deployed.
    run bosh_rb interpolate "$fixtures/bosh.yml" -o config/ops/cpi.yml --var-errs
    ((status != 0))
    [[ $output == *libvirt_host_key* ]] || fail "$output"
}

@test "every variable of cpi.yml is explained at its beginning" {
    local name
    while read -r name; do
        grep -qE "^# +$name |^# $name " config/ops/cpi.yml || fail "$name"
    done < <(grep -v '^#' config/ops/cpi.yml | grep -o '((libvirt_[a-z_]*' | tr -d '(' | sort -u)
}

# cloud_properties DOCUMENT-SECTION: the names that docs/cloud-properties.md has there
cloud_properties() {
    awk -v section="## $1" '$0 == section { on = 1; next } /^## / { on = 0 } on && /^\| `/' docs/cloud-properties.md |
        cut -d '|' -f 2 | grep -o '`[a-z_0-9]*`' | tr -d '`'
}

@test "cloud-config.yml and cpi-config.yml hold what cpi knows" {
    local key
    bosh_rb interpolate config/ops/cloud-config.yml -l "$fixtures/vars.yml" --var-errs >"$work/cloud-config"
    while read -r key; do
        cloud_properties VMs | grep -qxF "$key" || fail "vm_types: $key"
    done < <(jq -r '(.vm_types + .vm_extensions)[].cloud_properties | keys[]' "$work/cloud-config" | sort -u)
    holds '.networks[0].subnets[0].cloud_properties == {name: "default"}' <"$work/cloud-config"
    bosh_rb interpolate config/ops/cpi-config.yml -l "$fixtures/vars.yml" --var-errs >"$work/cpi-config"
    holds '[.cpis[] | .type == "libvirt"] | length == 2 and all' <"$work/cpi-config"
    # The properties of an entry are keys of cpi.json, flat.
    while read -r key; do
        yaml config/release/job/spec | holds ".properties | has(\"libvirt_cpi.$key\")"
    done < <(jq -r '.cpis[].properties | keys[]' "$work/cpi-config" | sort -u)
    jq '.cpis[0].properties + {agent: {mbus: "nats://a"}}' "$work/cpi-config" >"$work/entry"
    render cpi.json.erb "$(<"$work/entry")" | holds '.host == "10.0.1.2"'
}

@test "two-hosts.yml: each AZ is an entry of cpi-config.yml, and has a subnet of its own" {
    bosh_rb interpolate config/ops/cpi-config.yml -l "$fixtures/vars.yml" --var-errs >"$work/cpi-config"
    bosh_rb interpolate config/ops/cloud-config.yml -o config/ops/two-hosts.yml -l "$fixtures/vars.yml" --var-errs \
        >"$work/cloud-config"
    diff <(jq -c '[.azs[].cpi]' "$work/cloud-config") <(jq -c '[.cpis[].name]' "$work/cpi-config")
    holds '.azs as $azs | [.networks[].subnets[].azs] == [$azs[] | [.name]]' <"$work/cloud-config"
    holds '.azs as $azs | .compilation.az | IN($azs[].name)' <"$work/cloud-config"
    holds '.networks[0].subnets | (map(.range) | unique | length == 2) and
        all(.cloud_properties == {name: "default"})' <"$work/cloud-config"
    # Nor are two hosts one by mistake.
    holds '[.cpis[].properties | .host, .host_key] | unique | length == 4' <"$work/cpi-config"
}

# A stand-in for the bosh CLI: it does what the scripts ask for with bosh.rb, generates the key, and
# notes with what it was called.
fake_bosh() {
    mkdir -p "$work/bin" "$work/home/.ssh" "$work/here" "$work/bosh-deployment"
    cp "$fixtures/bosh.yml" "$work/bosh-deployment/"
    : >"$work/cpi.tgz"
    yaml "$fixtures/vars.yml" | jq '{libvirt_ssh, mbus_bootstrap_password, mbus_bootstrap_ssl}' >"$work/generated.yml"
    cat >"$work/bin/bosh" <<END
#!/bin/bash
printf '%s\n' "\$*" >>'$work/calls'
command=\$1 file=\$2 arguments=() path=
shift 2
while ((\$#)); do
    case \$1 in
        --ops-file) arguments+=(-o "\$2") ;;
        --var) arguments+=(-v "\$2") ;;
        --vars-store) [[ -e \$2 ]] || cp '$work/generated.yml' "\$2"; arguments+=(-l "\$2") ;;
        --path) path=\$2 ;;
        --state) [[ \$command != create-env ]] || echo '{}' >"\$2" ;;
        *) echo "what is \$1?" >&2; exit 1 ;;
    esac
    shift 2
done
case \$path in
    /libvirt_ssh/private_key) echo KEY ;;
    /libvirt_ssh/public_key) echo 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAB bosh' ;;
    */static_ips/0) echo 192.168.122.10 ;;
    *) ruby '$root/tests/release/bosh.rb' interpolate "\$file" "\${arguments[@]}" --var-errs >'$work/'\$command ;;
esac
END
    # The host lets in whoever has the key, under its own key, once that is allowed.
    cat >"$work/bin/ssh" <<END
#!/bin/bash
[[ -e '$work/allowed' ]] || { echo 'Permission denied (publickey).' >&2; exit 255; }
for ((i = 1; i <= \$#; i++)); do
    case \${!i} in
        -i) i=\$((i + 1)) key=\${!i} ;;
        UserKnownHostsFile=*) known=\${!i#*=} ;;
    esac
done
[[ \$(<"\$key") == KEY && \$(stat --format %a "\$key") == 600 ]] && echo "\$(<"\$known") \${*: -2}" >'$work/login'
END
    chmod +x "$work/bin"/{bosh,ssh}
}

in_here() {
    (cd "$work/here" && env -i HOME="$work/home" PATH="$work/bin:$PATH" LIBVIRT_CPI_RELEASE="$work/cpi.tgz" \
        LIBVIRT_HOST_KEY='ssh-ed25519 AAAAC3Nz' "$@")
}

@test "create-env.sh asks to let the Director's key in, then creates; delete-env.sh undoes it with the same arguments" {
    fake_bosh
    run in_here "$root/config/ops/create-env.sh" "$work/bosh-deployment"
    ((status != 0))
    [[ $output == *'Permission denied'*'~/.ssh/authorized_keys'*'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAB bosh'* ]] || fail "$output"
    ! grep ^create-env "$work/calls"
    touch "$work/allowed"
    run in_here "$root/config/ops/create-env.sh" "$work/bosh-deployment" --ops-file "$root/config/ops/use-jammy.yml"
    ((status == 0)) || fail "$output"
    [[ $(<"$work/login") == "192.168.122.1 ssh-ed25519 AAAAC3Nz $(id -un)@192.168.122.1 true" ]] || fail "$(<"$work/login")"
    both_jobs <"$work/create-env"
    # Here a host_key of the environment, the release by its path, and the further ops file.
    holds '.host_key == "ssh-ed25519 AAAAC3Nz" and .host == "192.168.122.1"' <"$work/director.json"
    holds ".releases[2].url == \"file://$(realpath "$work/cpi.tgz")\" and (.resource_pools[0].stemcell.url | contains(\"jammy\"))" <"$work/manifest"
    # What holds secrets is nobody else's.
    [[ $(stat --format %a "$work/here/creds.yml") == 600 && -s $work/here/.envrc ]]
    run in_here "$root/config/ops/delete-env.sh" "$work/bosh-deployment" --ops-file "$root/config/ops/use-jammy.yml" </dev/null
    ((status == 0)) || fail "$output"
    cmp "$work/create-env" "$work/delete-env"
}

@test "create-env.sh says what is missing" {
    fake_bosh
    run in_here "$root/config/ops/create-env.sh"
    [[ $status -ne 0 && $output == *'DIRECTORY-OF-BOSH-DEPLOYMENT'* ]] || fail "$output"
    run in_here "$root/config/ops/create-env.sh" "$work/elsewhere"
    [[ $status -ne 0 && $output == *"$work/elsewhere/bosh.yml is not there"* ]] || fail "$output"
    run in_here env LIBVIRT_CPI_RELEASE="$work/none.tgz" "$root/config/ops/create-env.sh" "$work/bosh-deployment"
    [[ $status -ne 0 && $output == *'there is no release'* ]] || fail "$output"
    run in_here env -u LIBVIRT_HOST_KEY LIBVIRT_HOST=kvm1 "$root/config/ops/create-env.sh" "$work/bosh-deployment"
    [[ $status -ne 0 && $output == *'set LIBVIRT_HOST_KEY'* ]] || fail "$output"
    rm "$work/bin/bosh"
    run in_here "$root/config/ops/create-env.sh" "$work/bosh-deployment"
    [[ $status -ne 0 && $output == *"there is no 'bosh'"* ]] || fail "$output"
    [[ ! -e $work/calls ]]
}
