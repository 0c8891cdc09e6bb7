/* Rights of metering, delivery and settlement; part of the platform's table (access.h). Thread rule: constant data. */
#ifndef FG_ATP_RIGHTS_SETTLEMENT_H
#define FG_ATP_RIGHTS_SETTLEMENT_H

#include "atp/access.h"

extern const struct fg_access_table fg_settlement_access;

#endif
