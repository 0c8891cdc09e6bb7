/* flexgrid api: its options depend on the operation, so it reads its arguments by itself. */
#ifndef FG_CMD_CMD_API_H
#define FG_CMD_CMD_API_H

#include "cmd/command.h"

/* argv[0] is the operation. */
enum fg_exit fg_command_api(int argc, char **argv);

#endif
