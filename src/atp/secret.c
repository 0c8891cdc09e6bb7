#include "atp/secret.h"
#include "base/text.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { TOKEN_BYTES = 32, PASSWORD_MIN_BYTES = 12, PASSWORD_MAX_BYTES = 200 };

_Static_assert(FG_SECRET_HASH == crypto_generichash_BYTES, "BLAKE2b-256");
_Static_assert(FG_SECRET_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "XChaCha20 key");
_Static_assert(FG_PASSWORD_HASH >= crypto_pwhash_STRBYTES, "Argon2id text");

static const char *const prefixes[] = {
    [FG_TOKEN_SESSION] = "fgs_", [FG_TOKEN_KEY] = "fgk_", [FG_TOKEN_INVITATION] = "fgi_"};

enum fg_code fg_secret_init(struct fg_error *err)
{
    if (sodium_init() < 0)
        return fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "the system gives no random numbers; /dev/urandom is needed");
    return FG_OK;
}

void fg_secret_random(void *bytes, size_t count)
{
    randombytes_buf(bytes, count);
}

void fg_secret_wipe(void *bytes, size_t count)
{
    sodium_memzero(bytes, count);
}

enum fg_code fg_password_hash(const char *password, char hash[FG_PASSWORD_HASH], struct fg_error *err)
{
    size_t length = strlen(password);
    if (length < PASSWORD_MIN_BYTES || length > PASSWORD_MAX_BYTES)
        return fg_fail(err, FG_ERR_VALUE, NULL, "a password has %d to %d bytes; choose several words",
                       PASSWORD_MIN_BYTES, PASSWORD_MAX_BYTES);
    if (fg_utf8_valid_length(password, length) != length)
        return fg_fail(err, FG_ERR_VALUE, NULL, "a password is UTF-8 text");
    if (crypto_pwhash_str(hash, password, length, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
        return fg_fail_memory(err);
    return FG_OK;
}

enum fg_code fg_password_verify(const char *hash, const char *password, bool *matches, struct fg_error *err)
{
    *matches = false;
    size_t length = strlen(password);
    if (length > PASSWORD_MAX_BYTES) /* bounds the work that a caller can ask for */
        return FG_OK;
    if (hash == NULL) {
        char unused[FG_PASSWORD_HASH];
        return crypto_pwhash_str(unused, password, length, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                 crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0
                   ? fg_fail_memory(err)
                   : FG_OK;
    }
    *matches = crypto_pwhash_str_verify(hash, password, length) == 0;
    return FG_OK;
}

static void hash_token(const char *token, unsigned char hash[FG_SECRET_HASH])
{
    crypto_generichash(hash, FG_SECRET_HASH, (const unsigned char *)token, strlen(token), NULL, 0);
}

void fg_token_create(enum fg_token_kind kind, char token[FG_TOKEN_TEXT], unsigned char hash[FG_SECRET_HASH])
{
    unsigned char bytes[TOKEN_BYTES];
    size_t prefix = strlen(prefixes[kind]);
    randombytes_buf(bytes, sizeof bytes);
    memcpy(token, prefixes[kind], prefix);
    sodium_bin2hex(token + prefix, FG_TOKEN_TEXT - prefix, bytes, sizeof bytes);
    sodium_memzero(bytes, sizeof bytes);
    hash_token(token, hash);
}

bool fg_token_hash(enum fg_token_kind kind, const char *token, unsigned char hash[FG_SECRET_HASH])
{
    size_t prefix = strlen(prefixes[kind]);
    if (strncmp(token, prefixes[kind], prefix) != 0 || strlen(token) != prefix + (size_t)2 * TOKEN_BYTES ||
        strspn(token + prefix, "0123456789abcdef") != (size_t)2 * TOKEN_BYTES)
        return false;
    hash_token(token, hash);
    return true;
}

void fg_secret_index(const unsigned char key[FG_SECRET_KEY], const char *text, unsigned char hash[FG_SECRET_HASH])
{
    crypto_generichash(hash, FG_SECRET_HASH, (const unsigned char *)text, strlen(text), key, FG_SECRET_KEY);
}

enum { NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES };

size_t fg_sealed_size(size_t length)
{
    return NONCE + length + TAG;
}

void fg_secret_seal(const unsigned char key[FG_SECRET_KEY], const char *purpose, const void *plain, size_t length,
                    unsigned char *sealed)
{
    randombytes_buf(sealed, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + NONCE, NULL, plain, length, (const unsigned char *)purpose,
                                               strlen(purpose), NULL, sealed, key);
}

enum fg_code fg_secret_open(const unsigned char key[FG_SECRET_KEY], const char *purpose, const unsigned char *sealed,
                            size_t size, void *plain, struct fg_error *err)
{
    if (size < NONCE + TAG ||
        crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, sealed + NONCE, size - NONCE,
                                                   (const unsigned char *)purpose, strlen(purpose), sealed, key) != 0)
        return fg_fail(err, FG_ERR_CORRUPT, NULL,
                       "stored personal data (%s) cannot be opened; the record or its key has been damaged", purpose);
    return FG_OK;
}
