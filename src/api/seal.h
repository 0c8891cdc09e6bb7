/* Sealed texts: what the server gives out and takes back unread (page cursors, event cursors).
 *
 * base64url(text) "." base64url(first 16 bytes of keyed BLAKE2b over purpose, NUL, text). Not secret, but nobody else
 * can make one, and one purpose's does not pass for another's. Thread rule: pure functions. */
#ifndef FG_API_SEAL_H
#define FG_API_SEAL_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define FG_SEAL_KEY_BYTES 32
#define FG_SEAL_SIZE(text_length) ((text_length) * 4 / 3 + 32)

struct fg_seal_key {
    unsigned char bytes[FG_SEAL_KEY_BYTES];
};
/* Read the key from a file, or make it (mode 0600) when there is none. */
enum fg_code fg_seal_key_load(const char *path, struct fg_seal_key *key, struct fg_error *err);

/* `size` at least FG_SEAL_SIZE(strlen(text)). */
void fg_seal(const struct fg_seal_key *key, const char *purpose, const char *text, char *out, size_t size);
/* False when the seal is broken or the text does not fit. */
bool fg_unseal(const struct fg_seal_key *key, const char *purpose, const char *token, char *out, size_t size);

/* Write a file that only its owner may read: temporary file, fsync, rename. */
enum fg_code fg_private_write(const char *path, const void *bytes, size_t length, struct fg_error *err);

#endif
