/* Ctrl-C (SIGINT) and SIGTERM: the first asks a running solver to stop and give what it has, where a solver is running;
 * anywhere else, and the second time, the program ends with status 130. fg_file_write holds signals back while it
 * writes, so that no half-written and no temporary file is left behind. */
#ifndef FG_CMD_INTERRUPT_H
#define FG_CMD_INTERRUPT_H

#include <stdatomic.h>
#include <stdbool.h>

void fg_interrupt_install(void);
/* The flag for a solver's options; between begin and end the first signal only sets it. */
const atomic_int *fg_interrupt_begin(void);
void fg_interrupt_end(void);
bool fg_interrupt_seen(void);

#endif
