#include "api/seal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAC_BYTES = 16 };

static void mac_of(const struct fg_seal_key *key, const char *purpose, const char *text, size_t length,
                   unsigned char mac[MAC_BYTES])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, key->bytes, sizeof key->bytes, MAC_BYTES);
    crypto_generichash_update(&state, (const unsigned char *)purpose, strlen(purpose) + 1);
    crypto_generichash_update(&state, (const unsigned char *)text, length);
    crypto_generichash_final(&state, mac, MAC_BYTES);
}

void fg_seal(const struct fg_seal_key *key, const char *purpose, const char *text, char *out, size_t size)
{
    size_t length = strlen(text);
    assert(size >= FG_SEAL_SIZE(length));
    unsigned char mac[MAC_BYTES];
    mac_of(key, purpose, text, length, mac);
    sodium_bin2base64(out, size, (const unsigned char *)text, length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    size_t used = strlen(out);
    out[used++] = '.';
    sodium_bin2base64(out + used, size - used, mac, sizeof mac, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool fg_unseal(const struct fg_seal_key *key, const char *purpose, const char *token, char *out, size_t size)
{
    const char *point = strchr(token, '.');
    unsigned char given[MAC_BYTES], mac[MAC_BYTES];
    size_t length = 0, mac_length = 0;
    if (point == NULL || size == 0 ||
        sodium_base642bin((unsigned char *)out, size - 1, token, (size_t)(point - token), NULL, &length, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        sodium_base642bin(given, sizeof given, point + 1, strlen(point + 1), NULL, &mac_length, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        mac_length != sizeof given)
        return false;
    out[length] = '\0';
    mac_of(key, purpose, out, length, mac);
    return sodium_memcmp(mac, given, sizeof mac) == 0 && strlen(out) == length;
}

enum fg_code fg_private_write(const char *path, const void *bytes, size_t length, struct fg_error *err)
{
    char temporary[4200];
    snprintf(temporary, sizeof temporary, "%s.tmp-%ld", path, (long)getpid());
    unlink(temporary);
    int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = file >= 0 && write(file, bytes, length) == (ssize_t)length && fsync(file) == 0;
    if (file >= 0 && close(file) != 0)
        ok = false;
    if (ok && rename(temporary, path) == 0)
        return FG_OK;
    enum fg_code code = fg_fail(err, FG_ERR_IO, path, "cannot be written: %s; check folder and disk", strerror(errno));
    unlink(temporary);
    return code;
}

enum fg_code fg_seal_key_load(const char *path, struct fg_seal_key *key, struct fg_error *err)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        if (errno != ENOENT)
            return fg_fail(err, FG_ERR_IO, path, "cannot be read: %s; check its owner and mode", strerror(errno));
        randombytes_buf(key->bytes, sizeof key->bytes);
        return fg_private_write(path, key->bytes, sizeof key->bytes, err);
    }
    ssize_t got = read(file, key->bytes, sizeof key->bytes);
    close(file);
    if (got != (ssize_t)sizeof key->bytes)
        return fg_fail(err, FG_ERR_IO, path, "is not a key of %d bytes; remove it, and a new one is made",
                       FG_SEAL_KEY_BYTES);
    return FG_OK;
}
