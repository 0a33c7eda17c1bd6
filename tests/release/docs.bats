#!/usr/bin/env bats
# What docs/deploying.md and docs/bats.md show is what there is.

load helper

pages=(docs/deploying.md docs/bats.md)

# blocks LANGUAGE FILE…: the code blocks of a language, a NUL after each
blocks() {
    awk -v begin="\`\`\`$1" '$0 == begin { on = 1; next } on && $0 == "```" { on = 0; printf "%c", 0; next } on' "${@:2}"
}

commands() {
    blocks sh "${pages[@]}" | tr '\0' '\n'
}

@test "every block has a language, and those of the shell are its" {
    local file
    for file in "${pages[@]}"; do
        awk '/^```/ { if (!on && $0 == "```") exit 1; on = !on } END { exit on }' "$file" || fail "$file: a block without a language"
    done
    commands >"$work/commands"
    [[ $(wc -l <"$work/commands") -gt 40 ]]
    bash -n "$work/commands"
    shellcheck --shell=bash --severity=error "$work/commands"
}

@test "every file of the repository that the commands name is there, and is run as what it is" {
    local path
    while read -r path; do
        [[ -e $path ]] || fail "$path"
        [[ $path != *.sh || -x $path ]] || fail "$path is not executable"
    done < <(cat "${pages[@]}" | grep -oE '(~/cpi/|`)config/[A-Za-z0-9_./-]+' | sed -E 's,^(~/cpi/|`),,' | sort -u)
    # and those of the table, which are below config/ops
    while read -r path; do
        [[ -e config/ops/$path ]] || fail "$path"
    done < <(sed -n '/^| operations/,/^$/p' docs/deploying.md | cut -d'|' -f2 | grep -o '[a-z0-9-]*\.yml')
    diff <(cd config/ops && printf '%s\n' *.yml) \
        <(sed -n '/^| operations/,/^$/p' docs/deploying.md | cut -d'|' -f2 | grep -o '[a-z0-9-]*\.yml' | sort)
}

@test "every make target, environment variable and variable of the commands is one" {
    local word
    while read -r word; do
        # The compiler for the other architecture need not be here.
        make --no-print-directory --dry-run "$word" ARCHITECTURES="$(uname -m)" >/dev/null ||
            fail "make $word"
    done < <(commands | sed -nE 's/^(sudo )?make ([a-z-]+)$/\2/p')
    while read -r word; do
        grep -q "\${${word}[-:]" config/ops/env.sh || fail "$word is not of the script"
    done < <(commands | grep -oE '\b(LIBVIRT|INTERNAL|DIRECTOR)_[A-Z_]+=' | tr -d = | sort -u)
    # The one call that says it all has all variables.
    while read -r word; do
        commands | grep -qF -- "--var $word=" || fail "--var $word is not shown"
    done < <(grep -oE -- '--var [a-z_]+' config/ops/env.sh | cut -d' ' -f2)
}

@test "every Debian package that the commands install is one" {
    local package
    # A fresh machine has no lists.
    apt-cache show openssh-server >/dev/null 2>&1 || quietly apt-get update
    while read -r package; do
        [[ $(apt-cache show "$package" 2>/dev/null) ]] || fail "$package"
    done < <(commands | sed -n 's/^sudo apt-get install //p' | tr ' ' '\n' | sort -u)
}

@test "the manifest and the files of the BATs parse, and the networks are libvirt's" {
    blocks yaml docs/deploying.md | tr -d '\0' >"$work/first.yml"
    # What it refers to is in the cloud-config.
    yaml "$work/first.yml" | holds '.instance_groups[0].vm_type == "minimal" and .instance_groups[0].persistent_disk_type == "default"'
    yaml config/ops/cloud-config.yml | holds '([.vm_types[].name] | index("minimal")) != null and ([.disk_types[].name] | index("default")) != null'
    blocks xml docs/bats.md | tr -d '\0' >"$work/second.xml"
    virt-xml-validate "$work/second.xml" network
}

# cloud_config MORE-PROPERTIES: the template of docs/bats.md, rendered as BATs do
cloud_config() {
    blocks erb docs/bats.md | tr -d '\0' >"$work/template.erb"
    blocks yaml docs/bats.md | tr -d '\0' >"$work/bat.yml"
    ruby -rerb -ryaml -rjson -rostruct -e '
        given = YAML.safe_load(File.read(ARGV[1]))["properties"].merge(JSON.parse(ARGV[2]))
        properties = JSON.parse(JSON.generate(given), object_class: OpenStruct)
        puts ERB.new(File.read(ARGV[0])).result(binding)' "$work/template.erb" "$work/bat.yml" "$1" >"$work/cloud-config.yml"
    yaml "$work/cloud-config.yml"
}

@test "the BATs' cloud-config renders with their bat.yml, and its properties are cpi's" {
    local key
    cloud_config '{}' | holds '.vm_types[0].cloud_properties.ephemeral_disk == 10240 and (.networks | length) == 2 and
        .networks[1].subnets[0].cloud_properties.name == "second" and .networks[0].subnets[0].gateway == "192.168.122.1" and
        (.networks[0].subnets[0].static == ["192.168.122.30 - 192.168.122.31"]) and .disk_types == null'
    cloud_config '{"instance_type": "no-ephemeral", "raw_instance_storage": "true", "disk_types": [{"name": "low", "disk_size": 2048}]}' >"$work/other"
    holds '.vm_types[0].cloud_properties == {cpus: 2, memory: 2048, ephemeral_disk: 0, root_disk_size: 10240, extra_disks: [{size: 1024}]} and
        .disk_types == [{name: "low", disk_size: 2048}]' <"$work/other"
    while read -r key; do
        grep -qE "^\| \`$key\`" docs/cloud-properties.md || fail "$key"
    done < <(jq -r '.vm_types[0].cloud_properties | keys[]' "$work/other")
    # A dynamic network, as the exclusions say
    cloud_config '{"networks": [{"name": "default", "type": "dynamic", "cloud_properties": {"name": "default"}}]}' |
        holds '.networks[0].type == "dynamic" and .networks[0].subnets[0].cloud_properties.name == "default"'
}
