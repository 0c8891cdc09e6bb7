/* Secrets: passwords, tokens and keys, and the encryption of personal data. All of it is libsodium's; this file only
 * fixes which primitive is used for what.
 *
 *   password       Argon2id with a salt of its own (crypto_pwhash_str); strength chosen for interactive log-in
 *   token          256 random bits in hex, with a prefix that says what it is; the database has only its BLAKE2b hash
 *   look-up        e-mail addresses are found by a keyed BLAKE2b hash, so that the table does not tell them
 *   personal data  XChaCha20-Poly1305 under the person's own key, bound to the column it belongs to; erasing a person
 *                  destroys the key
 *
 * Buffers with secrets are wiped before they are freed. Thread rule: pure functions after fg_secret_init. Literature:
 * RFC 9106 (Argon2), RFC 7693 (BLAKE2), draft-irtf-cfrg-xchacha. */
#ifndef FG_ATP_SECRET_H
#define FG_ATP_SECRET_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Once, before anything else here. FG_ERR_UNAVAILABLE when the system has no random numbers. */
enum fg_code fg_secret_init(struct fg_error *err);

#define FG_SECRET_HASH 32
#define FG_SECRET_KEY 32
void fg_secret_random(void *bytes, size_t count);
void fg_secret_wipe(void *bytes, size_t count);

/* Passwords. Cost: some 0.1 s and 64 MiB by intention; call on a worker thread. FG_ERR_VALUE names what a new password
 * lacks (12 to 200 bytes, valid UTF-8). `verify` takes as long whether the password is right or not; with NULL for `hash`
 * (no such user) it does the same work and is false. */
#define FG_PASSWORD_HASH 128
enum fg_code fg_password_hash(const char *password, char hash[FG_PASSWORD_HASH], struct fg_error *err);
enum fg_code fg_password_verify(const char *hash, const char *password, bool *matches, struct fg_error *err);

/* Tokens: "fgs_..." for sessions, "fgk_..." for API keys, "fgi_..." for invitations. */
#define FG_TOKEN_TEXT 72
enum fg_token_kind { FG_TOKEN_SESSION, FG_TOKEN_KEY, FG_TOKEN_INVITATION };
void fg_token_create(enum fg_token_kind kind, char token[FG_TOKEN_TEXT], unsigned char hash[FG_SECRET_HASH]);
/* False when the text has not the form of such a token; else the hash to look up. */
bool fg_token_hash(enum fg_token_kind kind, const char *token, unsigned char hash[FG_SECRET_HASH]);

/* Keyed hash of a text for look-up. */
void fg_secret_index(const unsigned char key[FG_SECRET_KEY], const char *text, unsigned char hash[FG_SECRET_HASH]);

/* Seal `plain` for one purpose ("person.email"): nonce, ciphertext and tag, fg_sealed_size(length) bytes. `open` gives
 * FG_ERR_CORRUPT when the bytes were changed, the key is another one or the purpose is. */
size_t fg_sealed_size(size_t length);
void fg_secret_seal(const unsigned char key[FG_SECRET_KEY], const char *purpose, const void *plain, size_t length,
                    unsigned char *sealed);
enum fg_code fg_secret_open(const unsigned char key[FG_SECRET_KEY], const char *purpose, const unsigned char *sealed,
                            size_t size, void *plain, struct fg_error *err);

#endif
