/*
 * terminal.h - what a container prints on its console, which is a terminal of
 * the host's: libvirt's LXC driver keeps no log of it, and takes no other kind
 * ("Only PTY console types are supported", 9.0).
 */
#ifndef CPI_TERMINAL_H
#define CPI_TERMINAL_H

#include "cpi/cpi.h"

/*
 * Reads what the VM has printed since somebody read last, as far as the terminal
 * keeps it (some 4 KiB), and waits a second for more. 1: *text is it (owned by
 * the caller), perhaps "", 0: the VM does not run, -1: failed. Who else reads it
 * at the same time, with 'virsh console', gets another part.
 */
int terminal_read(struct cpi *cpi, const char *vm, char **text, struct error *err);

#endif
