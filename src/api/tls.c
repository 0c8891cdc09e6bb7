#include "api/tls.h"

#include "api/seal.h"
#include "base/memory.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <gnutls/x509.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PEM_MAX ((size_t)1 << 20)
#define CHAIN_MAX 16

/* Handshakes under way may still use a certificate that has been replaced, so all are kept until release. */
struct certificate {
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned chain_length;
    gnutls_privkey_t key;
    struct certificate *before;
};
static _Atomic(struct certificate *) current;

static enum fg_code fail_tls(const char *path, int error, const char *what, struct fg_error *err)
{
    if (error == GNUTLS_E_MEMORY_ERROR)
        return fg_fail_memory(err);
    return fg_fail(err, FG_ERR_VALUE, path, "%s: %s; give a PEM file that fits", what, gnutls_strerror(error));
}

static void certificate_destroy(struct certificate *certificate)
{
    for (unsigned i = 0; i < certificate->chain_length; i++)
        gnutls_pcert_deinit(&certificate->chain[i]);
    if (certificate->key != NULL)
        gnutls_privkey_deinit(certificate->key);
    fg_free(certificate);
}

/* Sign with the key and verify with the certificate: they belong together. */
static int pair_check(struct certificate *certificate)
{
    static const unsigned char probe[] = "flexgrid";
    gnutls_datum_t data = {(unsigned char *)(uintptr_t)probe, sizeof probe}, signature = {0};
    int error = gnutls_privkey_sign_data(certificate->key, GNUTLS_DIG_SHA256, 0, &data, &signature);
    if (error < 0)
        return error;
    int algorithm = gnutls_pk_to_sign(gnutls_privkey_get_pk_algorithm(certificate->key, NULL), GNUTLS_DIG_SHA256);
    error = gnutls_pubkey_verify_data2(certificate->chain[0].pubkey, (gnutls_sign_algorithm_t)algorithm, 0, &data, &signature);
    gnutls_free(signature.data);
    return error;
}

static enum fg_code certificate_read(struct certificate *certificate, const char *certificate_file, const char *key_file,
                                     struct fg_error *err)
{
    struct fg_text text;
    enum fg_code code = fg_file_read(certificate_file, PEM_MAX, &text, err);
    if (code != FG_OK)
        return code;
    gnutls_datum_t pem = {(unsigned char *)text.data, (unsigned)text.length};
    unsigned length = CHAIN_MAX;
    int error = gnutls_pcert_list_import_x509_raw(certificate->chain, &length, &pem, GNUTLS_X509_FMT_PEM, 0);
    fg_text_release(&text);
    if (error < 0 || length == 0)
        return fail_tls(certificate_file, error, "is no certificate chain", err);
    certificate->chain_length = length;

    code = fg_file_read(key_file, PEM_MAX, &text, err);
    if (code != FG_OK)
        return code;
    pem = (gnutls_datum_t){(unsigned char *)text.data, (unsigned)text.length};
    error = gnutls_privkey_init(&certificate->key);
    if (error >= 0)
        error = gnutls_privkey_import_x509_raw(certificate->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
    sodium_memzero(text.data, text.length);
    fg_text_release(&text);
    if (error < 0)
        return fail_tls(key_file, error, "is no private key", err);
    error = pair_check(certificate);
    return error < 0 ? fail_tls(key_file, error, "does not belong to the certificate", err) : FG_OK;
}

enum fg_code fg_tls_load(const char *certificate_file, const char *key_file, struct fg_error *err)
{
    struct certificate *certificate = fg_alloc(1, sizeof *certificate);
    if (certificate == NULL)
        return fg_fail_memory(err);
    enum fg_code code = certificate_read(certificate, certificate_file, key_file, err);
    if (code != FG_OK) {
        certificate_destroy(certificate);
        return code;
    }
    certificate->before = atomic_load(&current);
    atomic_store(&current, certificate);
    return FG_OK;
}

enum fg_code fg_tls_pin(char pin[FG_TLS_PIN], struct fg_error *err)
{
    static const char head[] = "sha256//";
    const struct certificate *certificate = atomic_load(&current);
    unsigned char hash[crypto_hash_sha256_BYTES];
    gnutls_datum_t key = {0};
    int error = certificate == NULL ? GNUTLS_E_NO_CERTIFICATE_FOUND
                                    : gnutls_pubkey_export2(certificate->chain[0].pubkey, GNUTLS_X509_FMT_DER, &key);
    if (error < 0)
        return fail_tls(NULL, error, "the certificate's public key cannot be read", err);
    crypto_hash_sha256(hash, key.data, key.size);
    gnutls_free(key.data);
    _Static_assert(sizeof head - 1 + sodium_base64_ENCODED_LEN(crypto_hash_sha256_BYTES, sodium_base64_VARIANT_ORIGINAL) <= FG_TLS_PIN,
                   "room for the text");
    memcpy(pin, head, sizeof head);
    sodium_bin2base64(pin + sizeof head - 1, FG_TLS_PIN - sizeof head + 1, hash, sizeof hash, sodium_base64_VARIANT_ORIGINAL);
    return FG_OK;
}

void fg_tls_release(void)
{
    struct certificate *certificate = atomic_exchange(&current, NULL);
    while (certificate != NULL) {
        struct certificate *before = certificate->before;
        certificate_destroy(certificate);
        certificate = before;
    }
}

int fg_tls_retrieve(gnutls_session_t session, const gnutls_datum_t *authorities, int authority_count,
                    const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **chain,
                    unsigned int *chain_length, gnutls_privkey_t *key)
{
    (void)session, (void)authorities, (void)authority_count, (void)algorithms, (void)algorithm_count;
    struct certificate *certificate = atomic_load(&current);
    if (certificate == NULL)
        return -1;
    *chain = certificate->chain;
    *chain_length = certificate->chain_length;
    *key = certificate->key;
    return 0;
}

static int describe(gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key)
{
    static const char address4[] = {127, 0, 0, 1};
    static const char address6[16] = {[15] = 1};
    unsigned char serial[16];
    randombytes_buf(serial, sizeof serial);
    serial[0] = (unsigned char)((serial[0] & 0x7f) | 1); /* positive and not zero */
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    time_t now = time(NULL);
    int error = gnutls_x509_crt_set_version(certificate, 3);
    if (error >= 0)
        error = gnutls_x509_crt_set_serial(certificate, serial, sizeof serial);
    if (error >= 0)
        error = gnutls_x509_crt_set_activation_time(certificate, now - 3600);
    if (error >= 0)
        error = gnutls_x509_crt_set_expiration_time(certificate, now + (time_t)730 * 86400);
    if (error >= 0)
        error = gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, "flexgridd", 9);
    if (error >= 0)
        error = gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_DNSNAME, "localhost", 9, GNUTLS_FSAN_SET);
    if (error >= 0 && host[0] != '\0')
        error = gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_DNSNAME, host, (unsigned)strlen(host),
                                                     GNUTLS_FSAN_APPEND);
    if (error >= 0)
        error = gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, address4, 4, GNUTLS_FSAN_APPEND);
    if (error >= 0)
        error = gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, address6, 16, GNUTLS_FSAN_APPEND);
    if (error >= 0)
        error = gnutls_x509_crt_set_key_usage(certificate, GNUTLS_KEY_DIGITAL_SIGNATURE);
    if (error >= 0)
        error = gnutls_x509_crt_set_key_purpose_oid(certificate, GNUTLS_KP_TLS_WWW_SERVER, 0);
    if (error >= 0)
        error = gnutls_x509_crt_set_key(certificate, key);
    if (error >= 0)
        error = gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0);
    return error;
}

static bool is_usable(const char *certificate_file, const char *key_file)
{
    struct fg_text text;
    struct fg_error why;
    if (access(key_file, R_OK) != 0 || fg_file_read(certificate_file, PEM_MAX, &text, &why) != FG_OK)
        return false;
    gnutls_x509_crt_t certificate;
    gnutls_datum_t pem = {(unsigned char *)text.data, (unsigned)text.length};
    bool ok = gnutls_x509_crt_init(&certificate) >= 0;
    if (ok) {
        ok = gnutls_x509_crt_import(certificate, &pem, GNUTLS_X509_FMT_PEM) >= 0 &&
             gnutls_x509_crt_get_expiration_time(certificate) > time(NULL) + 86400;
        gnutls_x509_crt_deinit(certificate);
    }
    fg_text_release(&text);
    return ok;
}

enum fg_code fg_tls_self_sign(const char *certificate_file, const char *key_file, struct fg_error *err)
{
    if (is_usable(certificate_file, key_file))
        return FG_OK;
    gnutls_x509_privkey_t key = NULL;
    gnutls_x509_crt_t certificate = NULL;
    gnutls_datum_t key_pem = {0}, certificate_pem = {0};
    int error = gnutls_x509_privkey_init(&key);
    if (error >= 0)
        error = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    if (error >= 0)
        error = gnutls_x509_crt_init(&certificate);
    if (error >= 0)
        error = describe(certificate, key);
    if (error >= 0)
        error = gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &key_pem);
    if (error >= 0)
        error = gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &certificate_pem);
    enum fg_code code = FG_OK;
    if (error < 0)
        code = fail_tls(certificate_file, error, "cannot be made", err);
    if (code == FG_OK)
        code = fg_private_write(key_file, key_pem.data, key_pem.size, err);
    if (code == FG_OK)
        code = fg_file_write(certificate_file, (const char *)certificate_pem.data, certificate_pem.size, err);
    if (key_pem.data != NULL)
        sodium_memzero(key_pem.data, key_pem.size);
    gnutls_free(key_pem.data);
    gnutls_free(certificate_pem.data);
    if (certificate != NULL)
        gnutls_x509_crt_deinit(certificate);
    if (key != NULL)
        gnutls_x509_privkey_deinit(key);
    return code;
}
