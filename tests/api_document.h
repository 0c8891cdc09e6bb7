/* The OpenAPI document as a test reads it: operations with their parameters, and whether a JSON value is what a schema says. Shares
 * no code with the server: what the server promises is what others would read. */
#ifndef FG_TESTS_API_DOCUMENT_H
#define FG_TESTS_API_DOCUMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct api_document {
    json_t *root;
    struct api_operation {
        const char *method, *path, *id; /* method in capitals */
        json_t *value;
    } *operations;
    size_t count;
};

/* False when the text is no OpenAPI document. */
bool api_document_read(const char *text, struct api_document *document);
void api_document_release(struct api_document *document);

/* What `$ref` stands for; other values as they are. */
const json_t *api_document_follow(const struct api_document *document, const json_t *value);

/* Does the value fit the schema? Else `why` (512 bytes) says where it does not. */
bool api_document_fits(const struct api_document *document, const json_t *schema, const json_t *value, char why[512]);

/* What is documented of an answer: NULL when the status is not; the content is an object by media type, NULL for none. */
const json_t *api_document_response(const struct api_document *document, const struct api_operation *operation, int status);

#endif
