#include "gateway/http_client.h"

#include "atp/secret.h"
#include "gateway/address.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIN_BEGIN "sha256//"
enum { TIMEOUT_MS = 15000, CONNECT_MS = 5000, BODY_BYTES = 1 << 20, HEADER_BYTES = 1 << 16 };

void fg_http_init(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

void fg_http_clip(char *text)
{
    text[fg_utf8_valid_length(text, strlen(text))] = '\0';
}

struct transfer {
    const struct fg_http_policy *policy;
    const struct fg_http_request *request;
    struct fg_http_answer *answer;
    size_t max_bytes, header_bytes;
    bool is_refused, is_too_large;
};

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *transfer = context;
    (void)purpose;
    if (!transfer->policy->private_addresses && !fg_address_is_public(&address->addr)) {
        transfer->is_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    size_t length = size * count;
    if (length > transfer->max_bytes - transfer->answer->body.length) {
        transfer->is_too_large = true;
        return 0;
    }
    fg_text_append(&transfer->answer->body, bytes, length);
    return transfer->answer->body.failed ? 0 : length;
}

static void keep_header(const char *line, size_t length, const char *name, char *out, size_t size)
{
    size_t at = strlen(name), end = length;
    if (length <= at || strncasecmp(line, name, at) != 0)
        return;
    while (at < end && (line[at] == ' ' || line[at] == '\t'))
        at++;
    while (end > at && (line[end - 1] == '\r' || line[end - 1] == '\n' || line[end - 1] == ' '))
        end--;
    bool is_plain = end - at < size;
    for (size_t i = at; is_plain && i < end; i++)
        is_plain = line[i] >= ' ' && line[i] < 0x7f;
    if (is_plain)
        snprintf(out, size, "%.*s", (int)(end - at), line + at);
}

static size_t take_header(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    struct fg_http_answer *answer = transfer->answer;
    size_t length = size * count;
    transfer->header_bytes += length;
    if (transfer->header_bytes > HEADER_BYTES) {
        transfer->is_too_large = true;
        return 0;
    }
    keep_header(bytes, length, "etag:", answer->tag, sizeof answer->tag);
    keep_header(bytes, length, "content-type:", answer->media, sizeof answer->media);
    keep_header(bytes, length, "retry-after:", answer->retry_after, sizeof answer->retry_after);
    keep_header(bytes, length, "idempotent-replayed:", answer->replayed, sizeof answer->replayed);
    return length;
}

static int watch(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct transfer *transfer = context;
    (void)a, (void)b, (void)c, (void)d;
    return transfer->request->stop != NULL && atomic_load(transfer->request->stop);
}

/* A part of the URL, or an empty text. */
static void part_of(CURLU *url, CURLUPart part, char *out, size_t size)
{
    char *text = NULL;
    out[0] = '\0';
    if (curl_url_get(url, part, &text, 0) == CURLUE_OK)
        snprintf(out, size, "%s", text);
    curl_free(text);
}

static enum fg_code parse_url(const struct fg_http_policy *policy, const char *text, char host[256], struct fg_error *err)
{
    char scheme[16], user[8], password[8], fragment[8];
    CURLU *url = curl_url();
    if (url == NULL)
        return fg_fail_memory(err);
    enum fg_code code = FG_OK;
    if (curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
        code = fg_fail(err, FG_ERR_VALUE, NULL, "this is no URL; give one like https://host.example/path");
    part_of(url, CURLUPART_SCHEME, scheme, sizeof scheme);
    part_of(url, CURLUPART_HOST, host, 256);
    part_of(url, CURLUPART_USER, user, sizeof user);
    part_of(url, CURLUPART_PASSWORD, password, sizeof password);
    part_of(url, CURLUPART_FRAGMENT, fragment, sizeof fragment);
    curl_url_cleanup(url);
    if (code != FG_OK)
        return code;
    if (strcmp(scheme, "https") != 0 && !(policy->plain_http && strcmp(scheme, "http") == 0))
        return fg_fail(err, FG_ERR_VALUE, NULL, "only https is called, not \"%.10s\"", scheme);
    if (user[0] != '\0' || password[0] != '\0' || fragment[0] != '\0')
        return fg_fail(err, FG_ERR_VALUE, NULL, "user, password and fragment do not belong into the URL; leave them out");
    return FG_OK;
}

enum fg_code fg_http_check_url(const struct fg_http_policy *policy, const char *url, struct fg_error *err)
{
    char host[256], *name = host;
    enum fg_code code = parse_url(policy, url, host, err);
    if (code != FG_OK || policy->private_addresses)
        return code;
    size_t length = strlen(host);
    if (host[0] == '[' && host[length - 1] == ']') {
        host[length - 1] = '\0';
        name++;
        host[strcspn(host, "%")] = '\0';
        return fg_address_text_is_public(name) ? FG_OK
                                               : fg_fail(err, FG_ERR_VALUE, NULL, "%s is no address of the public internet", name);
    }
    /* curl writes every form of an IPv4 address (0x7f.1, 2130706433) as four numbers. */
    unsigned octets[4];
    char rest;
    if (sscanf(name, "%3u.%3u.%3u.%3u%c", &octets[0], &octets[1], &octets[2], &octets[3], &rest) == 4 &&
        !fg_address_text_is_public(name))
        return fg_fail(err, FG_ERR_VALUE, NULL, "%s is no address of the public internet", name);
    if (strcasecmp(name, "localhost") == 0 || (length > 10 && strcasecmp(name + length - 10, ".localhost") == 0))
        return fg_fail(err, FG_ERR_VALUE, NULL, "%s is no address of the public internet", name);
    return FG_OK;
}

static enum fg_code outcome(const struct transfer *transfer, CURLcode result, const char *host, struct fg_error *err)
{
    if (result == CURLE_OK)
        return FG_OK;
    if (transfer->answer->body.failed || result == CURLE_OUT_OF_MEMORY)
        return fg_fail_memory(err);
    if (transfer->is_too_large)
        return fg_fail(err, FG_ERR_TOO_LARGE, NULL, "%s answers more than %zu bytes", host, transfer->max_bytes);
    if (transfer->is_refused)
        return fg_fail(err, FG_ERR_DENIED, NULL, "%s stands for an address that is not of the public internet", host);
    if (result == CURLE_ABORTED_BY_CALLBACK)
        return fg_fail(err, FG_ERR_INTERRUPTED, NULL, "the call of %s was stopped", host);
    return fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "%s does not answer: %s", host, curl_easy_strerror(result));
}

/* Headers hold keys: their bytes do not stay in freed memory. */
static void free_headers(struct curl_slist *headers)
{
    for (struct curl_slist *at = headers; at != NULL; at = at->next)
        fg_secret_wipe(at->data, strlen(at->data));
    curl_slist_free_all(headers);
}

/* Whom the call trusts. With a pin the key says it all, names and signers are not looked at; that is switched off last, and only once
 * libcurl has taken everything else: a call that it cannot protect is not made. */
static enum fg_code set_trust(CURL *curl, const struct fg_http_policy *policy, const struct fg_http_request *request, struct fg_error *err)
{
    CURLcode result = CURLE_OK;
    if (request->pin != NULL && strncmp(request->pin, PIN_BEGIN, strlen(PIN_BEGIN)) != 0) /* libcurl takes another text for a file's name */
        return fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "the other side's key is not announced as " PIN_BEGIN "...; nothing is sent");
    result = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, policy->plain_http && request->pin == NULL ? "http,https" : "https");
    if (result == CURLE_OK && policy->ca_file != NULL)
        result = curl_easy_setopt(curl, CURLOPT_CAINFO, policy->ca_file);
    if (result == CURLE_OK && request->pin != NULL)
        result = curl_easy_setopt(curl, CURLOPT_PINNEDPUBLICKEY, request->pin);
    if (result == CURLE_OK)
        result = curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, request->pin == NULL ? 1L : 0L);
    if (result == CURLE_OK)
        result = curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, request->pin == NULL ? 2L : 0L);
    if (result == CURLE_OUT_OF_MEMORY)
        return fg_fail_memory(err);
    return result == CURLE_OK ? FG_OK
                              : fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "libcurl cannot protect the call: %s; nothing is sent",
                                        curl_easy_strerror(result));
}

enum fg_code fg_http_call(const struct fg_http_policy *policy, const struct fg_http_request *request,
                          struct fg_http_answer *answer, struct fg_error *err)
{
    char host[256];
    *answer = (struct fg_http_answer){0};
    fg_text_init(&answer->body);
    enum fg_code code = parse_url(policy, request->url, host, err);
    if (code != FG_OK)
        return code;
    struct transfer transfer = {.policy = policy, .request = request, .answer = answer,
                                .max_bytes = request->max_bytes > 0 ? request->max_bytes : BODY_BYTES};
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    for (const char *const *line = request->headers; headers != NULL && line != NULL && *line != NULL; line++) {
        struct curl_slist *longer = curl_slist_append(headers, *line);
        if (longer == NULL)
            free_headers(headers);
        headers = longer;
    }
    code = curl == NULL || headers == NULL ? fg_fail_memory(err) : set_trust(curl, policy, request, err);
    if (code != FG_OK) {
        free_headers(headers);
        curl_easy_cleanup(curl);
        return code;
    }
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(request->timeout_ms > 0 ? request->timeout_ms : TIMEOUT_MS));
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "flexgrid");
    if (request->body != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    CURLcode result = curl_easy_perform(curl);
    code = outcome(&transfer, result, host, err);
    if (code == FG_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
    free_headers(headers);
    curl_easy_cleanup(curl);
    return code;
}
