/* The OpenAPI 3.1 document of the operations (spec.openapis.org/oas/v3.1.0), with one component for each named schema. */
#ifndef FG_API_OPENAPI_H
#define FG_API_OPENAPI_H

#include "api/operation.h"
#include "base/text.h"

/* FG_ERR_MEMORY. */
enum fg_code fg_openapi_write(const struct fg_operation_set *const *sets, size_t set_count,
                              const struct fg_access_table *access, const char *version, struct fg_text *out,
                              struct fg_error *err);

/* Every named schema that the operations use, each once, in the order of first use; fg_free(*schemas). */
enum fg_code fg_openapi_schemas(const struct fg_operation_set *const *sets, size_t set_count,
                                const struct fg_schema ***schemas, size_t *count, struct fg_error *err);

/* The problem document, as every operation can give it. */
extern const struct fg_schema fg_schema_problem;

#endif
