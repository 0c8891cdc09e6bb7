/* Output of any length on its way to a file or standard output: kept in memory while small, beyond that in a temporary
 * file without a name, so that memory stays bounded and nothing is left behind whatever ends the program. */
#ifndef FG_CMD_SPOOL_H
#define FG_CMD_SPOOL_H

#include "base/error.h"
#include "base/text.h"

struct fg_spool {
    struct fg_text text; /* write here, then fg_spool_flush */
    int fd;              /* of the temporary file; -1: none yet */
    size_t length;       /* bytes in it */
    void *map;
};
void fg_spool_init(struct fg_spool *spool);
void fg_spool_release(struct fg_spool *spool);
/* Move the text to the temporary file when there is much of it. The file is in TMPDIR, otherwise /tmp. */
enum fg_code fg_spool_flush(struct fg_spool *spool, struct fg_error *err);
/* Everything written, as one text that belongs to the spool. */
enum fg_code fg_spool_whole(struct fg_spool *spool, struct fg_text *whole, struct fg_error *err);

#endif
