/* Ctrl-C (SIGINT) and SIGTERM: the first asks a running solver to stop and give what it has, where a solver is running;
 * anywhere else, and the second time, the program ends with status 130. Files are written with the signals blocked,
 * so that no temporary file is left behind either. */
#ifndef FG_CMD_INTERRUPT_H
#define FG_CMD_INTERRUPT_H

#include <stdatomic.h>
#include <stdbool.h>

void fg_interrupt_install(void);
/* The flag for a solver's options; between begin and end the first signal only sets it. */
const atomic_int *fg_interrupt_begin(void);
void fg_interrupt_end(void);
bool fg_interrupt_seen(void);
/* Hold signals back while a result is written. */
void fg_interrupt_block(void);
void fg_interrupt_unblock(void);

#endif
