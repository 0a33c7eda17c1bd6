#!/usr/bin/env bats
# make install, as packagers use it.

load helper

@test "make install puts everything below DESTDIR and PREFIX, and make uninstall takes it away" {
    quietly make --no-print-directory install DESTDIR="$work/root" PREFIX=/usr
    cd "$work/root"
    diff <(find . ! -type d | sort | grep -v /templates/) - <<'END'
./usr/bin/cpi
./usr/share/bash-completion/completions/cpi
./usr/share/man/man1/cpi.1.gz
END
    diff -r "$root/config/templates" usr/share/cpi/templates
    usr/bin/cpi --version
    cd "$root"
    quietly make --no-print-directory uninstall DESTDIR="$work/root" PREFIX=/usr
    [[ -z $(find "$work/root" ! -type d) ]]
}

@test "the man page has the version and every option and command of --help" {
    local word
    quietly make --no-print-directory install DESTDIR="$work/root" PREFIX=/usr
    gzip -dc "$work/root/usr/share/man/man1/cpi.1.gz" >"$work/cpi.1"
    # Its hyphens are minus signs to roff.
    sed 's/\\-/-/g' "$work/cpi.1" >"$work/page"
    grep -qF "$(build/cpi --version | cut -d' ' -f1,2)" "$work/page"
    while read -r word; do
        grep -qF -- "$word" "$work/page" || fail "$word is not in docs/cpi.1"
    done < <(build/cpi --help | sed -nE 's/^  (cpi [a-z]+) .*/\1/p; s/^  (--[a-z-]+).*/\1/p')
    [[ $(build/cpi --help | grep -c '^  --') -ge 3 ]]
}

# complete WORD…: what bash offers for the last one
complete_words() {
    PATH=$root/build:$PATH bash -c '. config/cpi.bash-completion
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _cpi
        printf "%s\n" "${COMPREPLY[@]}"' - "$@"
}

@test "bash completes what cpi knows" {
    make --no-print-directory >/dev/null
    diff <(complete_words cpi '' | sort) \
        <(build/cpi --help | sed -nE 's/^  cpi ([a-z]+) .*/\1/p; s/^  (--[a-z-]+).*/\1/p' | sort)
    [[ $(complete_words cpi --ver) == --version ]]
    touch "$work/cpi.json"
    [[ $(complete_words cpi --config "$work/cpi.j") == "$work/cpi.json" ]]
}
