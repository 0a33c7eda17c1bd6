#include "cpi/session.h"

/*
 * dd, because it alone reads no more than it should: head and sh itself may read ahead. What was
 * cut off must not be run, so each part ends with its mark; the head of a block, with a dot. kill 0
 * is for what sshd gave a process group of its own: this loop and all that it runs; who waits to
 * kill the rest must not hold its locks. The fields of a question, in a line of 128 characters: its
 * mode, the seconds that it may take, its mark, the lengths of its two scripts. Who does not ask
 * for ten minutes is gone, though nobody may have told sshd, and is not to keep its locks for
 * hours.
 */
#define BYTES "dd status=none iflag=fullblock"

/* timeout makes a process group of its own, which nobody kills with the loop: what only reads must
 * not hold the loop's locks. */
#define LOCKLESS " 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-"

const char session_loop[] =
    "umask 077; LC_ALL=C; PATH=$PATH:/usr/sbin:/sbin; export LC_ALL PATH; "

    "lost() { exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; trap \"\" TERM; kill -TERM 0; sleep 5; kill "
    "-KILL 0; }; "

    "feed() { while :; do "
    "head=$(timeout \"$wait\" " BYTES " bs=12 count=1" LOCKLESS "); "
    "case $head in 0000000000.) return ;; "
    "??????????.) timeout \"$wait\" " BYTES ",count_bytes bs=65536 count=\"${head%.}\"" LOCKLESS
    " ;; "
    "*) lost ;; esac; done; }; "

    "watch() { exec >/dev/null; "
    "case $(timeout \"$wait\" " BYTES " bs=2 count=1" LOCKLESS ") in .) ;; *) lost ;; esac; }; "

    "tell() { echo \"$mark $1\"; echo \"$mark\" >&2; }; "

    "take() { script=$(" BYTES ",count_bytes bs=65536 count=\"$1\"); "
    "case $script in *\"#$mark\") ;; *) exit 1 ;; esac; }; "

    "echo cpi-session; echo cpi-session >&2; "
    "while line=$(timeout 600 " BYTES " bs=128 count=1" LOCKLESS "); [ \"$line\" ]; do "
    "set -- $line; mode=$1 wait=$2 mark=$3 first=$4 second=$5; "
    "take \"$first\"; { eval \"$script\"; } </dev/null; r=$?; "
    "case $r in 0) ;; *) r=f$r ;; esac; take \"$second\"; "
    "case $r$mode in "
    "0run) watch | { (eval \"$script\") </dev/null; tell $?; } ;; "
    "0feed) { feed; watch; } | { (eval \"$script\"); tell $?; cat >/dev/null; } ;; "
    "*feed) { feed; watch; } | { tell \"$r\"; cat >/dev/null; } ;; "
    "*run) watch | tell \"$r\" ;; "
    "0here) { eval \"$script\"; } </dev/null; tell $? ;; "
    "*) tell \"$r\" ;; "
    "esac; done";
