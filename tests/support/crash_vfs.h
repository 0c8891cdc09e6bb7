/* A disk that loses power, as an SQLite VFS in memory. What was not synced when the power went may be there, be lost, be there in
 * part (in pieces of a 512-byte sector), or have arrived in another order than it was written. For one connection at a time.
 *
 *     crash_vfs_register();                           opens by sqlite_vfs = "crash"
 *     crash_vfs_arm(CRASH_POWER, n);                  the n-th write, truncation or sync from now finds the power gone
 *     ... close the connection ...
 *     crash_vfs_power_on(&random);                    what has survived
 */
#ifndef FG_TESTS_CRASH_VFS_H
#define FG_TESTS_CRASH_VFS_H

#include "base/random.h"

#include <stdbool.h>

enum crash_kind {
    CRASH_NONE,
    CRASH_POWER, /* that operation and all later ones fail, until the power is on again */
    CRASH_ONCE,  /* that operation fails, with its bytes perhaps on the disk; later ones do not */
    CRASH_FULL   /* that write and all later ones find no space, until CRASH_NONE */
};
void crash_vfs_register(void);
void crash_vfs_arm(enum crash_kind kind, long operations);
bool crash_vfs_struck(void); /* since it was armed */
void crash_vfs_power_on(struct fg_random *random);
void crash_vfs_forget(void); /* all files */

#endif
