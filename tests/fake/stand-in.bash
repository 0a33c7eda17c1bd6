# What the stand-ins for virsh and qemu-img share: the state directory, the transcript and the
# faults that a test orders.
#
# The environment that cpi gives its children says nothing of tests, so each test has a bin/ of
# its own with links to the stand-ins, and a state/ beside it:
#
#   transcript      each call's words as a shell reads them, one line for each call
#   environment     what each call found in its environment
#   steps           each command of each call: a virsh batch has several, 'echo' is none
#   fail-at         "N MODE": the Nth call goes wrong; "N+ MODE": all from the Nth on
#   fail-command    "N MODE": the Nth command goes wrong; the others of its batch do not
#   hanging         a FIFO: who hangs writes its process id into it, if it is there
#
#   MODE      what happens
#   exit      nothing is done, a complaint, status 1
#   signal    nothing is done, killed
#   late      all is done in silence, then killed
#   hang      nothing is done, and it does not end
#   garbage   all is done, but the output is garbage
#   nothing   all is done, but nothing is printed
#   closed    all is done, but first stdin, stdout and stderr are closed
#
# With fail-command only exit, signal and hang make sense.

state=${0%/*}/../state
program=${0##*/}
# The caller's PATH leads to nothing but stand-ins, and these need the real programs.
PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# What no JSON, XML, list of names or UTF-8 is.
readonly garbage=$'\xff\xfe{"]<\x01 ==\x80garbage\n'

# complain TEXT: in the form of the program that is stood in for.
complain() {
    case $program in
        virsh) printf 'error: %s\n' "$1" >&2 ;;
        *) printf '%s: %s\n' "$program" "$1" >&2 ;;
    esac
}

record() {
    local word line=$program
    for word; do
        if [[ $word =~ ^[A-Za-z0-9_./:=@,+%-]+$ ]]; then
            line+=" $word"
        else
            line+=" ${word@Q}"
        fi
    done
    printf '%s\n' "$line" >>"$state/transcript"
    export -p >>"$state/environment"
}

# fault ORDER LIST: what is to go wrong with the entry that was just added to LIST; nothing mostly.
fault() {
    local number mode entries
    fault=
    [[ -e $state/$1 ]] || return 0
    read -r number mode <"$state/$1"
    mapfile -t entries <"$state/$2"
    if ((${#entries[@]} == ${number%+})) ||
        { [[ $number == *+ ]] && ((${#entries[@]} > ${number%+})); }; then
        fault=$mode
    fi
}

# Whoever hangs is one process, which a signal ends.
hang() {
    [[ ! -p $state/hanging ]] || echo $$ >"$state/hanging"
    exec sleep 60
}

# go_wrong: the modes in which nothing is done.
go_wrong() {
    case $fault in
        exit) complain 'internal error: the stand-in was told to fail' ;;
        signal) kill -KILL $$ ;;
        hang) hang ;;
        *)
            complain "internal error: no such fault: $fault"
            exit 70
            ;;
    esac
}

# perform COMMAND...: does the call's work, unless and as the test orders.
perform() {
    local status=0 input
    fault fail-at transcript
    case $fault in
        '') "$@" || status=$? ;;
        garbage)
            "$@" >/dev/null 2>&1 || status=$?
            printf '%s' "$garbage"
            printf '%s' "$garbage" >&2
            ;;
        nothing) "$@" >/dev/null 2>&1 || status=$? ;;
        closed)
            input=$(cat)
            exec <&- >&- 2>&-
            "$@" <<<"$input" >/dev/null 2>&1 || status=$?
            ;;
        late)
            "$@" >/dev/null 2>&1 || true
            kill -KILL $$
            ;;
        *)
            go_wrong
            status=1
            ;;
    esac
    exit "$status"
}
