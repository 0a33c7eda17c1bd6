#!/usr/bin/env bats
# What people say to cpi: help, call, template; and how it answers a wrong command line.

load helper

commands=(call doctor ls gc console template help)

# --- help --------------------------------------------------------------------------------------

@test "help lists the commands, and each has help of its own" {
    local command text
    person help
    exits 0
    tells 'stdin' '--config FILE'
    for command in "${commands[@]}"; do
        tells "cpi $command "
        person help "$command"
        exits 0
        tells "cpi $command" '--help'
        text=$said
        person "$command" --help
        exits 0
        [[ $said == "$text" ]] || fail "'cpi $command --help' tells something else"
        person help
    done
}

@test "an option that a command's help tells of is one that it takes, and no other is" {
    local command option taken
    for command in "${commands[@]}"; do
        person help "$command"
        mapfile -t taken < <(grep -oE -- '^  --[a-z-]+' <<<"$said" | tr -d ' ')
        for option in "${taken[@]}"; do
            # With --help nothing else happens.
            case $option in
                --config | --api-version | --lines) person "$command" "$option" 1 --help ;;
                *) person "$command" "$option" --help ;;
            esac
            exits 0
        done
        person "$command" --frobnicate
        exits 2
        complains "'--frobnicate'"
    done
    no_calls
}

@test "an unknown command is refused, and the one that was meant is named" {
    person dcotor
    exits 2
    complains "there is no command 'dcotor'" "'doctor'"
    person help frobnicate
    exits 2
    person ls --jsno
    exits 2
    complains "'--json' meant"
    person call
    exits 2
    complains 'cpi call METHOD'
    person gc everything
    exits 2
    no_calls
}

@test "a command never waits for a request, and a request is never taken for a command" {
    ok has_vm vm-1
    result_is false
    run_cpi() { PATH=$world/bin "$CPI" --config "$world/cpi.json" ls; }
    refused CpiError has_vm vm-1
    says "'ls'"
}

@test "an output that cannot be written is a failure" {
    local status=0
    "$CPI" help >/dev/full 2>"$world/stderr" || status=$?
    ((status == 1))
}

# --- colours -----------------------------------------------------------------------------------

# on_terminal WORD...: what the command prints there
on_terminal() {
    said=$(env -u NO_COLOR TERM=xterm "${colour[@]}" script -qefc "$CPI $*" /dev/null </dev/null) || true
}

@test "colours are for terminals alone, and for nobody who refuses them" {
    colour=(X=)
    on_terminal help gc
    [[ $said == *$'\033['* ]] || fail 'no colours on a terminal'
    colour=(NO_COLOR=1)
    on_terminal help gc
    [[ $said != *$'\033'* ]] || fail 'colours in spite of NO_COLOR'
    colour=(TERM=dumb)
    on_terminal help gc
    [[ $said != *$'\033'* ]] || fail 'colours on a dumb terminal'
    person help gc
    [[ $said != *$'\033'* ]] || fail 'colours in a pipe'
}

@test "what call is doing is shown on a terminal, on one line that is gone afterwards" {
    colour=(NO_COLOR=1)
    PATH=$world/bin:$PATH on_terminal "call has_vm vm-1 --config $world/cpi.json"
    tells domstate $'\r\033[K'
    [[ $said == *$'\033[Kfalse\r' ]] || fail 'the line is not cleared'
    person call has_vm vm-1
    [[ $said == false && -z $complained ]] || fail 'it is shown where there is no terminal'
}

# --- call --------------------------------------------------------------------------------------

@test "call sends what the Director would, and prints the result for reading" {
    have_vm
    person call has_vm "$vm"
    exits 0
    [[ $said == true ]]
    person call ping
    [[ $said == pong ]]
    person call create_disk 64
    exits 0
    [[ $said =~ ^[a-z0-9]{20}$ ]] || fail 'this is no CID'
    disk=$said
    person call attach_disk "$vm" "$disk"
    exits 0
    tells_json ".id == \"$disk\""
    person call get_disks "$vm"
    tells_json ". == [\"$disk\"]"
    person call detach_disk "$vm" "$disk"
    exits 0
    silent
    has_no_disk "$vm" "$disk"
}

@test "an argument of call is JSON, a string where it is none, or a file" {
    have_stemcell
    manual 10.0.0.20 >"$world/networks.json"
    person call create_vm agent-1 "$stemcell" '{"memory": 512}' "@$world/networks.json"
    exits 0
    tells_json '.[0] | startswith("vm-")'
    tells_json '.[1].private.mac | length == 17'
    vm=$(jq -r '.[0]' <<<"$said")
    grep -q "<memory unit='MiB'>512" "$state/domains/$vm/xml"
    person call set_vm_metadata "$vm" '{"name": '
    exits 2
    complains quotes
    person call set_vm_metadata "$vm" "@$world/nowhere.json"
    exits 2
    complains "$world/nowhere.json"
    : >"$world/empty.json"
    person call set_vm_metadata "$vm" "@$world/empty.json"
    exits 2
}

@test "call has the version of the API that is wished" {
    have_vm
    have_disk
    person call attach_disk "$vm" "$disk" --api-version 1
    exits 0
    silent
    person call info --api-version 99
    exits 1
    complains 'api_version 99' NotSupported
    person call info --api-version x
    exits 2
    person call info --api-version
    exits 2
    complains 'needs a value'
}

@test "a call that fails tells why and of what type, and exits with 1" {
    person call reboot_vm vm-never
    exits 1
    complains "there is no VM 'vm-never'" Bosh::Clouds::VMNotFound
    [[ -z $said ]]
    : >"$state/down"
    person call has_vm vm-1
    exits 1
    complains 'worth a retry'
}

@test "with --json call prints the response as the Director gets it" {
    person call has_vm vm-1 --json
    exits 0
    tells_json '.result == false and .error == null and .log == ""'
    person call reboot_vm vm-1 --json
    exits 1
    tells_json '.error.type == "Bosh::Clouds::VMNotFound"'
    [[ -z $complained ]]
}

@test "call shows the notes of a response, and with --verbose each command" {
    have_stemcell
    person call create_vm a "$stemcell" '{"memroy": 1}' '{}'
    exits 0
    complains "cloud_properties.memroy is not known" "'memory'"
    [[ $complained != *virsh* ]] || fail 'commands are shown'
    person call has_vm vm-1 --verbose
    complains virsh domstate
}

@test "an unknown method is refused before anything runs, and too few arguments are" {
    person call has_vn x
    exits 2
    complains "there is no method 'has_vn'" "'has_vm'"
    person call attach_disk vm-1
    exits 2
    complains 'cpi call attach_disk VM DISK'
    no_calls
}

@test "the configuration is found as for requests" {
    person call has_vm vm-1 --config "$world/nowhere.json"
    exits 1
    complains "$world/nowhere.json"
    cp "$world/cpi.json" "$world/other.json"
    rm "$world/cpi.json"
    person call has_vm vm-1 --config "$world/other.json"
    exits 0
}

# --- template ----------------------------------------------------------------------------------

@test "template prints the built-in templates, byte for byte" {
    local file
    for file in "$root"/config/templates/*/*.xml; do
        name=${file#"$root/config/templates/"}
        person template "${name%/*}" "$(basename "$file" .xml)"
        exits 0
        cmp "$world/stdout" "$file"
        person template "${name%/*}"
        tells "==> $name <=="
    done
}

@test "template names what there is where there is no such template" {
    person template hyperv
    exits 2
    complains qemu/domain.xml
    person template qemu dmoain
    exits 2
    complains qemu/domain.xml
    person template
    exits 2
}

@test "a template that was printed into template_dir is used" {
    mkdir -p "$world/templates/qemu"
    person template qemu domain
    sed 's/<domain /<domain xmlns:x="urn:x" /' "$world/stdout" >"$world/templates/qemu/domain.xml"
    configure template_dir "\"$world/templates\""
    have_vm
    grep -q 'urn:x' "$state/domains/$vm/xml"
}

# --- console -----------------------------------------------------------------------------------

@test "console shows the last lines of the log" {
    have_vm
    person console "$vm" --no-follow
    exits 1
    complains 'no console log'
    seq 100 >"$store/vms/$vm/console.log"
    person console "$vm" --no-follow
    exits 0
    [[ $said == "$(seq 61 100)" ]] || fail 'these are not the last 40 lines'
    person console "$vm" --no-follow --lines 3
    [[ $said == "$(seq 98 100)" ]] || fail 'these are not the last 3 lines'
    person console "$vm" --no-follow --lines 1000
    [[ $said == "$(seq 1 100)" ]] || fail 'this is not all of it'
    person console "$vm" --no-follow --lines 0
    silent
    printf 'a\0b\nlast, without a newline' >"$store/vms/$vm/console.log"
    person console "$vm" --no-follow --lines 2
    [[ $said == $'ab\nlast, without a newline' ]] || fail 'bytes are missing'
    person console ../x
    exits 1
    complains 'no CID'
}

@test "console goes on with what the guest prints, also in a new file, until it is interrupted" {
    local pid log
    have_vm
    log=$store/vms/$vm/console.log
    echo one >"$log"
    PATH=$world/bin:$PATH "$CPI" console "$vm" --config "$world/cpi.json" >"$world/followed" 3>&- &
    pid=$!
    prints one
    echo two >>"$log"
    prints two
    mv "$log" "$log.0"
    echo 3 >"$log"
    prints 3
    kill -TERM "$pid"
    wait "$pid"
    [[ $(<"$world/followed") == $'one\ntwo\n3' ]] || fail "it printed $(<"$world/followed")"
}

# prints LINE: waits until the console has it.
prints() {
    local deadline=$((SECONDS + 60))
    until grep -qx "$1" "$world/followed"; do
        ((SECONDS < deadline)) || fail "it never printed $1"
        sleep 0.05
    done
}

@test "what a guest prints does not control the terminal" {
    have_vm
    printf 'before\033]0;title\007\033[2J\302\2332J\302\251after\n' >"$store/vms/$vm/console.log"
    said=$(TERM=xterm script -qefc "$CPI console $vm --no-follow --config $world/cpi.json" /dev/null </dev/null)
    tells before after
    [[ $said == *'©after'* ]] || fail 'a character is missing'
    [[ $said != *$'\033'* && $said != *$'\007'* && $said != *$'\302\233'* ]] || fail 'it can control the terminal'
}
