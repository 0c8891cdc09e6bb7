/* The rights of the platform: the one table that the server asks, that tests try, and that docs/rights.md shows. `access.h`
 * says how a rule is read; what belongs to whom is decided by the services. Thread rule: constant data. */
#ifndef FG_ATP_RIGHTS_H
#define FG_ATP_RIGHTS_H

#include "atp/access.h"
#include "base/text.h"

extern const struct fg_access_table fg_platform_access;

/* Whether `principal` has the right that an event's scope names; false when it names none. */
bool fg_rights_scope(const char *scope, const struct fg_principal *principal);

/* The table as Markdown: what docs/rights.md holds. */
void fg_rights_describe(const struct fg_access_table *table, struct fg_text *text);

#endif
