#!/usr/bin/env bats
# The tables of the documentation hold what the program knows, and nothing else.

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
}

# documented FILE SECTION: the names in the first column of the section's table
documented() {
    awk -v section="## $2" '$0 == section { on = 1; next } /^## / { on = 0 } on && /^\| `/' "$1" |
        cut -d '|' -f 2 | grep -o '`[a-z_0-9]*`' | tr -d '`' | sort -u
}

same() {
    diff <(echo "$1") <(echo "$2") >&2
}

@test "every method is in docs/methods.md, and every one there is a method" {
    local methods
    methods=$(sed -n 's/^ *{ \.name = "\([a-z_]*\)".*/\1/p' src/method/method.c | sort -u)
    same "$(sed '/^## /q' docs/methods.md | grep '^| `' | cut -d '`' -f 2 | sort -u)" "$methods"
}

@test "the errors that docs/methods.md gives a method are types that the program has" {
    local name
    while read -r name; do
        grep -q "\"Bosh::Clouds::$name\"" src/error.c || { echo "$name"; false; }
    done < <(sed '/^## /q' docs/methods.md | awk -F '|' '/^\| `/ { print $5 }' | grep -o '`[A-Za-z]*`' | tr -d '`' | sort -u)
}

@test "every property of a VM is in docs/cloud-properties.md, and every one there is a property" {
    local names
    names=$(sed -n '/^} table\[\]/,/^};/p' src/vm_properties.c |
        sed -n 'h; s/^ *{ "\([a-z_]*\)",.*/\1/p; g; s/^ *{ "[a-z_]*", "\([a-z_]*\)".*/\1/p' | sort -u)
    same "$(documented docs/cloud-properties.md VMs)" "$names"
}

@test "every property of a disk is in docs/cloud-properties.md, and every one there is a property" {
    local names
    names=$({
        printf 'format\nbus\n'
        sed -n '/^static const struct choice/,/^};/p; /^static const struct rate/,/^};/p' \
            src/disk_properties.c | sed -n 's/^ *{ "\([a-z_]*\)".*/\1/p'
    } | sort -u)
    # The values of 'format', 'cache' and the like stand in other columns.
    same "$(documented docs/cloud-properties.md Disks)" "$names"
}

# words FILE PATTERN: the strings of the array that begins in the line with the pattern
words() {
    sed -n "/$2/,/};/p" "$1" | grep -o '"[a-z_0-9]*"' | tr -d '"' | sort -u
}

@test "every property of a network is in docs/cloud-properties.md, and every one there is a property" {
    same "$(documented docs/cloud-properties.md Networks)" \
        "$(words src/nic_properties.c 'properties_known\[\] = {')"
}

@test "every property of a managed network is in docs/cloud-properties.md, and every one there is a property" {
    same "$(documented docs/cloud-properties.md 'Managed networks')" \
        "$(words src/network_definition.c ' known\[\] = {')"
}

# Those of a stemcell are read where they are needed; all others are only kept.
@test "every property of a stemcell is in docs/cloud-properties.md, and every one there is read" {
    local names
    names=$(cat src/stemcell*.c |
        grep -oE '(json_get|json_string)\((cloud_properties|json_get\(record, "cloud_properties"\)), "[a-z_0-9]+"' |
        grep -oE '"[a-z_0-9]+"$' | tr -d '"' | sort -u)
    same "$(documented docs/cloud-properties.md Stemcells)" "$names"
}

# --- hypervisors -------------------------------------------------------------------------------

# The tables of docs/hypervisors.md, made of what src/hypervisor/*.c says.
capabilities() {
    # shellcheck disable=SC2016 # the variables are perl's
    perl -0777 -e '
        my @names = qw(qemu lxc xen vbox vmware);
        my %all = map { my $name = $_;
            open my $file, "<", "src/hypervisor/$name.c" or die $name;
            my $text = <$file>;
            my %bus = $text =~ /struct bus (\w+) = \{ (?:\.name = )?"(\w+)"/g;
            my ($table) = $text =~ /struct hypervisor hypervisor_$name = \{(.*)\};/s or die $name;
            $table =~ s!/\*.*?\*/!!gs;
            my %has;
            while ($table =~ /\.(\w+) =\s*\(const char \*const\[\]\)\{(.*?)\}/gs) {
                my ($key, $words) = ($1, $2);
                $has{$key} = [$words =~ /"([^"]*)"/g];
            }
            $has{$1} = [$2] while $table =~ /\.(\w+) = "([^"]*)"/g;
            $has{$1} = ["yes"] while $table =~ /\.(\w+) = true/g;
            $has{"on_$1"} = [$bus{$2}] while $table =~ /\[CONTROLLER_(\w+)\] = &(\w+)/g;
            $has{$1} = [$bus{$2}] while $table =~ /\.(\w+_bus) = &(\w+)/g;
            $name => \%has } @names;
        sub row { print "| ", join(" | ", @_), " |\n" }
        sub quoted { join(", ", map { "`$_`" } @{$_[0]}) || "none" }
        row("", @names);
        row(("---") x (@names + 1));
        for (["disks come to and leave a running VM", "hot_plug"],
            ["a disk of a running VM is copied by `snapshot_disk`", "live_snapshot"],
            ["a detached disk grows", "resize"], ["`set_vm_metadata`", "metadata"],
            ["VMs start with the host", "autostart"], ["`create_network`, `delete_network`", "networks"]) {
            my ($what, $key) = @$_;
            row($what, map { $all{$_}{$key} ? "yes" : "no" } @names);
        }
        print "\n";
        row("", "`stemcell_formats`", "disk formats", "bus by `storage_controller`", "bus of persistent disks", "`type` of NICs");
        row(("---") x 6);
        for (@names) {
            my %has = %{$all{$_}};
            my $buses = join ", ", map { $has{"on_$_"} ? "$_: $has{\"on_$_\"}[0]" : () } qw(IDE SCSI SATA VIRTIO);
            row($_, quoted($has{stemcell_formats}), quoted($has{disk_formats}), $buses || "none",
                join(", then ", map { $has{$_} ? $has{$_}[0] : () } qw(hotplug_bus overflow_bus)) || "none", quoted($has{nic_types}));
        }'
}

@test "the tables of what each hypervisor can do are those of the program" {
    (($(capabilities | wc -l) == 16))
    same "$(awk '$0 == "## What each can do" { on = 1; next } /^## / { on = 0 } on && (/^\|/ || (table && !NF)) { print; table = /^\|/ }' \
        docs/hypervisors.md | sed '$ { /^$/ d }')" "$(capabilities)"
}

# --- messages ----------------------------------------------------------------------------------

# What the program can say, one a line, with … for what differs. Not what is nothing but that, and
# of a finding of the doctor the first line alone.
messages() {
    # shellcheck disable=SC2016 # the variables are perl's
    find src -name '*.c' -print0 | sort -z | xargs -0 perl -0777 -ne '
        while (/\b(?:fail|virsh_fail|log_note|complain|config_complain|error_wrap|doctor_error|doctor_warn)\(
                [^";{]*? ((?:"(?:\\.|[^"\\])*"(?:\s|[A-Z_]+)*)+)/gsx) {
            my $text = join "", $1 =~ /"((?:\\.|[^"\\])*)"/gs;
            $text =~ s/\\n.*//s;
            $text =~ s/\\"/"/g;
            $text =~ s/%(?:%|[-0-9.*lzhju]*[a-zA-Z])/…/g;
            $text =~ s/…(?:…)+/…/g;
            print "$text\n" if $text =~ /\w/;
        }' | sort -u
}

# The patterns of docs/troubleshooting.md: what is in backquotes in the first column of its tables.
patterns() {
    # shellcheck disable=SC2016 # these are no commands
    grep '^| `' docs/troubleshooting.md | sed 's/ | .*//' | grep -o '`[^`]*`' | tr -d '`' | sort -u
}

# compare: prints the messages without a pattern, and the patterns without a message.
compare() {
    perl -e '
        use utf8; use open qw(:std :utf8);
        my ($messages, $patterns) = map { open my $f, "<", $_ or die; chomp(my @l = <$f>); \@l } @ARGV;
        my %used;
        for my $message (@$messages) {
            my $found = 0;
            for my $pattern (@$patterns) {
                my $expression = join ".*", map { quotemeta } split /…/, $pattern, -1;
                $found = $used{$pattern} = 1 if $message =~ /^$expression$/;
            }
            print "not in docs/troubleshooting.md: $message\n" if !$found;
        }
        for my $pattern (@$patterns) {
            print "no message is like this one of docs/troubleshooting.md: $pattern\n" if !$used{$pattern};
        }' <(messages) <(patterns)
}

# A new message needs a pattern in the table of its topic; an old pattern with … often does.
@test "each message that cpi can print is in docs/troubleshooting.md, and nothing else is" {
    (($(messages | wc -l) > 200))
    run compare
    [[ -z $output ]] || { echo "$output"; false; }
}

# --- what the docs show ------------------------------------------------------------------------

# blocks KIND DIRECTORY: writes each fenced block of that kind of README.md and docs/ to a file.
blocks() {
    mkdir -p "$2"
    awk -v kind="$1" -v directory="$2" '
        /^ *```/ && on { close(file); on = 0; next }
        /^ *```/ && !on && $1 == "```" kind { on = 1; file = directory "/" ++n; printf "" >file; next }
        on { print >file }' README.md docs/*.md
}

@test "each fenced block says of what kind it is, and it is a kind that is checked" {
    run awk 'FNR == 1 && on { print last ": not closed" } { last = FILENAME }
        /^ *```/ && on { on = 0; next }
        /^ *```/ { on = 1; if ($0 !~ /^ *```(sh|json|yaml|xml|erb|text)$/) print FILENAME ":" FNR ": " $0 }
        END { if (on) print last ": not closed" }' README.md docs/*.md
    [[ -z $output ]] || { echo "$output"; false; }
}

@test "each JSON in the docs is JSON, and each configuration passes cpi doctor --offline" {
    local file
    blocks json "$BATS_TEST_TMPDIR/json"
    for file in "$BATS_TEST_TMPDIR"/json/*; do
        jq -e . "$file" >/dev/null || { cat "$file"; false; }
        if jq -e 'type == "object" and has("store_dir")' "$file" >/dev/null; then
            passes "$file"
        fi
    done
    for file in config/cpi-*.json; do
        passes "$file"
    done
}

passes() {
    "${CPI:-build/cpi}" doctor --offline --config "$1" || { cat "$1"; false; }
}

@test "each YAML in the docs is YAML" {
    local file
    blocks yaml "$BATS_TEST_TMPDIR/yaml"
    for file in "$BATS_TEST_TMPDIR"/yaml/*; do
        [[ -e $file ]] || continue
        ruby -ryaml -e 'YAML.load_stream(File.read(ARGV[0]))' "$file" || { cat "$file"; false; }
    done
}

# known FILE SECTION JQ-FILTER YAML-AS-JSON: each key of the maps that the filter finds is documented there
known() {
    local unknown
    unknown=$(comm -13 <(documented "$1" "$2") <(jq -r "[$3 | select(type == \"object\") | keys[]] | unique[]" "$4"))
    [[ -z $unknown ]] || { echo "not in $1, $2: $unknown"; false; }
}

@test "each YAML in the docs and in config/ops has properties that there are" {
    local file json=$BATS_TEST_TMPDIR/json
    blocks yaml "$BATS_TEST_TMPDIR/yaml"
    for file in "$BATS_TEST_TMPDIR"/yaml/* config/ops/*.yml; do
        ruby -ryaml -rjson -e 'puts JSON.generate(YAML.load_stream(File.read(ARGV[0])))' "$file" >"$json"
        known docs/cloud-properties.md VMs '(.. | objects | .vm_types, .vm_extensions | arrays)[].cloud_properties' "$json"
        known docs/cloud-properties.md Disks '(.. | objects | .disk_types | arrays)[].cloud_properties' "$json"
        known docs/cloud-properties.md Networks '(.. | objects | .subnets | arrays)[].cloud_properties' "$json"
        known docs/configuration.md Keys '(.. | objects | .cpis | arrays)[].properties' "$json"
    done
}

@test "each XML in the docs is what libvirt takes" {
    local file root
    blocks xml "$BATS_TEST_TMPDIR/xml"
    for file in "$BATS_TEST_TMPDIR"/xml/*; do
        root=$(xmllint --nonet --xpath 'name(/*)' "$file")
        virt-xml-validate "$file" "$root" || { cat "$file"; false; }
    done
}

# format_row HYPERVISOR COLUMN: what the table of formats in docs/hypervisors.md has there, sorted
format_row() {
    grep "^| \`$1\` | \`[a-z]*-[a-z0-9]*\`, " docs/hypervisors.md | cut -d '|' -f "$2" | grep -o '`[^`]*`' | tr -d '`' | sort
}

@test "the formats of docs/hypervisors.md are those of the program" {
    local hypervisor
    for hypervisor in qemu xen lxc vbox vmware; do
        same "$(format_row "$hypervisor" 3)" "$(jq -cn --arg h "$hypervisor" '{method: "info", arguments: [], context: {hypervisor: $h}}' |
            "${CPI:-build/cpi}" --config config/cpi-libvirt.json 2>/dev/null | jq -r '.result.stemcell_formats[]' | sort)"
        same "$(format_row "$hypervisor" 4)$(printf '\n '; format_row "$hypervisor" 5 | tr '\n' ' ')" \
            "$(sed -n 's/^ *.disk_format = "\(.*\)",/\1/p' "src/hypervisor/$hypervisor.c")$(printf '\n '
            sed -n 's/^ *.disk_formats = (const char \*const\[\]){ "[a-z0-9]*", \(.*\)NULL },/\1/p' "src/hypervisor/$hypervisor.c" |
                grep -o '[a-z0-9]*' | sort | tr '\n' ' ')"
    done
}

# What other parts of the project bring, and README tells of already.
coming=' '

# wrong TEXT: for the line that is checked.
wrong() {
    echo "$1"
    return 1
}

check_target() {
    local word
    for word; do
        [[ $word == *=* || $word == -* || $coming == *" $word "* ]] ||
            grep -qhE "^([a-z -]* )?$word( [a-z -]*)?:" Makefile config/release/release.mk || wrong "no such target: $word" || return 1
    done
}

# check_cpi WORD...: what follows 'cpi'. Without a command it is a request that is read.
check_cpi() {
    local cpi=${CPI:-build/cpi} command=${1-} word help
    if [[ ! $command || $command == -* ]]; then
        for word; do
            [[ $word != -* || $word =~ ^(--config|-configPath|--version|--help)$ ]] ||
                wrong "no such option: $word" || return 1
        done
        return
    fi
    help=$("$cpi" help "$command") || return 1
    for word in "${@:2}"; do
        [[ $word != --* ]] || grep -qE "^  $word( |$)" <<<"$help" || wrong "no such option: $word" || return 1
    done
    [[ $command != call || ! ${2-} || $2 == METHOD ]] || grep -qE "^  $2( |$)" <<<"$help" ||
        wrong "no such method: $2"
}

# check_line LINE: where it is one of cpi, of make or of a script of ours, its words; where it echoes
# a request, the request's method.
check_line() {
    local line=$1 words
    line=${line#sudo }
    if [[ $line =~ ^echo\ \'(.*)\'\ \|\ (.*) ]]; then
        check_cpi call "$(jq -er .method <<<"${BASH_REMATCH[1]}")" || return 1
        line=${BASH_REMATCH[2]}
    fi
    # A comment, another command or a file is no word of this one; xargs knows quotes and expands nothing.
    mapfile -t words < <(sed -E 's/ +(#|[|<>&;]).*//' <<<"$line" | xargs printf '%s\n')
    case ${words[0]-} in
        make) check_target "${words[@]:1}" ;;
        cpi | */cpi) check_cpi "${words[@]:1}" ;;
        tests/* | .ci/*) [[ -x ${words[0]} ]] || wrong "no such script: ${words[0]}" ;;
    esac
}

@test "each command in the docs can be said: its shell, cpi's commands and options, targets, scripts" {
    local file line
    blocks sh "$BATS_TEST_TMPDIR/sh"
    for file in "$BATS_TEST_TMPDIR"/sh/*; do
        bash -n "$file"
        # A line that goes on is one.
        while read -r line; do
            check_line "$line" || { echo "$line"; return 1; }
        done < <(sed -e ':a' -e '/\\$/N; s/\\\n//; ta' "$file")
    done
}

@test "each command of cpi that the docs mention is one" {
    local line
    # shellcheck disable=SC2016 # these are no commands
    while IFS= read -r line; do
        check_line "$line" || { echo "$line"; return 1; }
    done < <(grep -ohE '`cpi [a-z][^`]*`' README.md docs/*.md | tr -d '`' | sed "s/[<>…\[].*//" | sort -u)
}

@test "the commands that README shows first do what they should" {
    local line count=0
    while IFS= read -r line; do
        line=${line//'build/cpi'/"${CPI:-build/cpi}"}
        [[ $line == echo* ]] || continue
        [[ $(bash -c "${line//cpi.json/config/cpi-libvirt.json}" | jq -c .error) == null ]] || { echo "$line"; false; }
        count=$((count + 1))
    done < <(sed -n '/^```sh$/,/^```$/p' README.md | grep '"method":"info"')
    ((count > 0))
}

@test "each link of the docs to a file or a heading leads there" {
    local file link path anchor
    for file in README.md docs/*.md; do
        while IFS= read -r link; do
            path=${link%%#*} anchor=${link#"$path"}
            path=$(dirname "$file")/$path
            [[ $link != '#'* ]] || path=$file
            [[ -e $path || $coming == *" ${path#./} "* ]] || { echo "$file: $link"; false; }
            [[ -e $path ]] || continue
            [[ ! $anchor ]] || grep -E '^#+ ' "$path" | tr '[:upper:] ' '[:lower:]-' | tr -cd 'a-z0-9\n#_-' |
                sed -E 's/^#+-//' | grep -qx "${anchor#'#'}" || { echo "$file: $link"; false; }
        done < <(grep -oE '\]\([^)]*\)' "$file" | sed -E 's/^\]\(//; s/\)$//' | grep -v '^https\?:')
    done
}
