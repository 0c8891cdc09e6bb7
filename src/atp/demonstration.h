/* The mark on a database that holds a demonstration: participants whose passwords are printed for everybody.
 *
 * The mark is a row of the database, so that it goes where the data go (backup, restore, another machine): a server opens a marked
 * database only when it was told to serve a demonstration, and then only on a loopback address; and it serves nothing but
 * a marked and completely loaded database in that mode. There is no way to take the mark off. Thread rule: platform.h. */
#ifndef FG_ATP_DEMONSTRATION_H
#define FG_ATP_DEMONSTRATION_H

#include "atp/platform.h"

#include <stdbool.h>

struct fg_demonstration {
    bool is_marked, is_complete;
    int64_t day; /* days since 1970 of the market's today */
    int64_t seed;
};
enum fg_code fg_demonstration_read(struct fg_platform *platform, struct fg_demonstration *demonstration, struct fg_error *err);

/* Mark a database in which nobody takes part yet. FG_ERR_CONFLICT when somebody does. */
enum fg_code fg_demonstration_begin(struct fg_platform *platform, int64_t day, int64_t seed, struct fg_error *err);
/* It is loaded. */
enum fg_code fg_demonstration_complete(struct fg_platform *platform, struct fg_error *err);

#endif
