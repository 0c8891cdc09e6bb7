/* The reference page: operations by chapter, problems, rights and schemas, as one HTML document without script. */
#ifndef FG_API_REFERENCE_H
#define FG_API_REFERENCE_H

#include "api/operation.h"
#include "base/text.h"

enum fg_code fg_reference_write(const struct fg_operation_set *const *sets, size_t set_count,
                                const struct fg_access_table *access, const char *version, struct fg_text *out,
                                struct fg_error *err);
extern const char fg_reference_style[]; /* CSS */

#endif
