/* What was sent: headers against the rules of HTTP, routing, credentials, rights, rates, parameters, body.
 *
 * libmicrohttpd parses; what it lets pass and could be read differently by a proxy in front is refused here (RFC 9112,
 * sections 3.2 and 6.3), and the connection is closed, so that no hidden second request is ever looked at. */
#include "api/internal.h"
#include "api/relay.h"
#include "base/instant.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct header_facts {
    struct fg_call *call;
    const char *broken; /* first violation; NULL: none */
    const char *content_length, *transfer_encoding, *host, *content_type, *content_encoding, *authorization, *cookie;
    const char *fetch_site, *on_behalf_of, *forwarded_for, *accept_encoding;
};

static bool is_token(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)text[i]) && strchr("!#$%&'*+-.^_`|~", text[i]) == NULL)
            return false;
    return length > 0;
}

/* libmicrohttpd reads header lines in place and takes a NUL byte for the end of a value. Between a name's end and its value
 * there may only be blanks, after a value's end only blanks and the line's end; anything else is hidden text, a bare line feed or
 * a folded line. */
static bool has_hidden_bytes(const char *name, size_t name_length, const char *value, size_t value_length)
{
    if (value < name + name_length || value - (name + name_length) > 4096)
        return true; /* joined from several lines */
    for (const char *at = name + name_length; at < value; at++)
        if (*at != '\0' && *at != ' ' && *at != '\t')
            return true;
    const char *end = value + value_length + 1;
    end += strspn(end, " \t");
    return *end != '\0' && *end != '\r' && *end != '\n';
}

static enum MHD_Result see_header(void *context, enum MHD_ValueKind kind, const char *name, size_t name_length,
                                  const char *value, size_t value_length)
{
    (void)kind;
    struct header_facts *facts = context;
    struct fg_call *call = facts->call;
    if (value == NULL) {
        value = "";
        value_length = 0;
    } else if (has_hidden_bytes(name, name_length, value, value_length)) {
        facts->broken = "a header's value holds a NUL byte or a line feed";
    }
    if (!is_token(name, name_length) || strlen(name) != name_length)
        facts->broken = "a header's name holds characters that are not allowed";
    for (size_t i = 0; i < value_length; i++)
        if ((unsigned char)value[i] < 0x20 && value[i] != '\t')
            facts->broken = "a header's value holds control characters";
        else if (value[i] == 0x7f)
            facts->broken = "a header's value holds control characters";
    if (strlen(value) != value_length)
        facts->broken = "a header's value holds a NUL byte";
    const struct {
        const char *name;
        const char **place;
    } single[] = {
        {"Content-Length", &facts->content_length}, {"Transfer-Encoding", &facts->transfer_encoding},
        {"Host", &facts->host}, {"Content-Type", &facts->content_type}, {"Content-Encoding", &facts->content_encoding},
        {"Authorization", &facts->authorization}, {"Cookie", &facts->cookie}, {"Sec-Fetch-Site", &facts->fetch_site},
        {"On-Behalf-Of", &facts->on_behalf_of}, {"Origin", &call->origin}, {"If-Match", &call->if_match},
        {"Idempotency-Key", &call->key}, {"Last-Event-ID", &call->last_event_id},
    };
    for (size_t i = 0; i < FG_COUNT_OF(single); i++)
        if (strcasecmp(name, single[i].name) == 0) {
            if (*single[i].place != NULL)
                facts->broken = "a header that may come only once comes twice";
            *single[i].place = value;
        }
    if (strcasecmp(name, "If-None-Match") == 0)
        call->if_none_match = value;
    if (strcasecmp(name, FG_RELAY_HEADER) == 0)
        call->is_relayed = true;
    if (strcasecmp(name, "X-Forwarded-For") == 0)
        facts->forwarded_for = value;
    if (strcasecmp(name, "Accept-Encoding") == 0)
        facts->accept_encoding = value;
    return MHD_YES;
}

/* gzip is named, and not with q=0 (RFC 9110, section 12.5.3). */
static bool accepts_gzip(const char *header)
{
    for (const char *at = header; at != NULL && *at != '\0';) {
        at += strspn(at, " \t,");
        size_t length = strcspn(at, ",");
        if (strncasecmp(at, "gzip", 4) == 0 && (length == 4 || strchr("; \t", at[4]) != NULL)) {
            const char *q = memmem(at, length, "q=", 2);
            return q == NULL || strspn(q + 2, "0.") < (size_t)(at + length - q - 2);
        }
        at += length;
    }
    return false;
}

static const char *check_framing(const struct header_facts *facts)
{
    if (facts->broken != NULL)
        return facts->broken;
    const char *length = facts->content_length, *encoding = facts->transfer_encoding;
    if (length != NULL && (*length == '\0' || strspn(length, "0123456789") != strlen(length) || strlen(length) > 18))
        return "Content-Length is not one number";
    if (length != NULL && encoding != NULL)
        return "Content-Length and Transfer-Encoding exclude each other";
    if (encoding != NULL && strcasecmp(encoding, "chunked") != 0)
        return "Transfer-Encoding can only be chunked";
    if (facts->host == NULL || *facts->host == '\0')
        return "the header Host is missing";
    for (const char *at = facts->host; *at != '\0'; at++)
        if (!isalnum((unsigned char)*at) && strchr(".-:[]_", *at) == NULL)
            return "Host is no host name";
    return NULL;
}

/* ---- where it comes from ---- */
static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24) == 127;
    const struct in6_addr *six = &((const struct sockaddr_in6 *)address)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

static void find_address(struct fg_call *call, const char *forwarded_for)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(call->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    strcpy(call->address, "unknown");
    if (info == NULL || info->client_addr == NULL)
        return;
    const struct sockaddr *peer = info->client_addr;
    const void *bytes = peer->sa_family == AF_INET ? (const void *)&((const struct sockaddr_in *)peer)->sin_addr
                                                   : (const void *)&((const struct sockaddr_in6 *)peer)->sin6_addr;
    inet_ntop(peer->sa_family, bytes, call->address, sizeof call->address);
    if (call->server->options.trust_proxy && forwarded_for != NULL && is_loopback(peer)) {
        const char *last = strrchr(forwarded_for, ',');
        last = last != NULL ? last + 1 : forwarded_for;
        last += strspn(last, " \t");
        unsigned char parsed[16];
        if (inet_pton(AF_INET, last, parsed) == 1 || inet_pton(AF_INET6, last, parsed) == 1)
            snprintf(call->address, sizeof call->address, "%s", last);
    }
}

/* A household has a /64 of IPv6 addresses, so that is what one limit covers. */
static void rate_key_of_address(const char *address, char key[FG_ADDRESS_TEXT + 8])
{
    unsigned char six[16];
    if (inet_pton(AF_INET6, address, six) == 1) {
        memset(six + 8, 0, 8);
        char text[INET6_ADDRSTRLEN];
        inet_ntop(AF_INET6, six, text, sizeof text);
        snprintf(key, FG_ADDRESS_TEXT + 8, "addr:%s", text);
    } else {
        snprintf(key, FG_ADDRESS_TEXT + 8, "addr:%s", address);
    }
}

/* ---- who ---- */
static bool check_rate(struct fg_call *call)
{
    const struct fg_server_options *options = &call->server->options;
    struct fg_rate rate = {options->anonymous_rate_per_second, options->anonymous_rate_burst};
    char key[FG_PRINCIPAL_ID + FG_ADDRESS_TEXT];
    rate_key_of_address(call->address, key);
    if (call->has_principal) {
        rate = (struct fg_rate){options->rate_per_second, options->rate_burst};
        snprintf(key, sizeof key, "key:%s", call->principal.key);
    }
    struct fg_rate_state state;
    bool ok = fg_limiter_take(call->server->limiter, key, rate, 1, fg_clock_seconds(), &state);
    char text[64];
    snprintf(text, sizeof text, "%.0f", rate.burst);
    fg_answer_add_header(call, "RateLimit-Limit", text);
    snprintf(text, sizeof text, "%.0f", state.remaining > 0 ? state.remaining - 0.5 : 0);
    fg_answer_add_header(call, "RateLimit-Remaining", text);
    snprintf(text, sizeof text, "%.0f", (rate.burst - state.remaining) / rate.per_second + 0.5);
    fg_answer_add_header(call, "RateLimit-Reset", text);
    if (ok)
        return true;
    call->retry_seconds = state.wait_seconds;
    fg_answer_problem(call, FG_PROBLEM_RATE, "this %s may send %g requests a second (%g at once); wait",
                      call->has_principal ? "key" : "address", rate.per_second, rate.burst);
    return false;
}

static const char *cookie_value(struct fg_call *call, const char *header)
{
    const char *name = fg_session_cookie_name(call->server);
    size_t length = strlen(name);
    for (const char *at = header; at != NULL && *at != '\0';) {
        at += strspn(at, "; \t");
        size_t part = strcspn(at, ";");
        if (part > length && strncmp(at, name, length) == 0 && at[length] == '=')
            return fg_arena_strndup(&call->arena, at + length + 1, part - length - 1);
        at += part;
    }
    return NULL;
}

/* A browser says from which site a request comes; what another site makes it send is no wish of the user. */
static bool is_from_own_site(const struct fg_call *call, const struct header_facts *facts, bool by_cookie)
{
    if (facts->fetch_site != NULL)
        return strcmp(facts->fetch_site, "same-origin") == 0 || strcmp(facts->fetch_site, "none") == 0;
    if (call->origin != NULL) {
        const char *host = strstr(call->origin, "://");
        return host != NULL && strcasecmp(host + 3, facts->host) == 0;
    }
    return !by_cookie;
}

/* For a server that the request may be passed on to: libmicrohttpd's texts may go before that server answers. */
static enum fg_code keep_credentials(struct fg_call *call, const struct fg_credentials *credentials)
{
    const char *const from[] = {credentials->on_behalf_of, call->key, call->if_match};
    const char **const to[] = {&call->on_behalf_of, &call->key, &call->if_match};
    if ((call->secret = fg_arena_strdup(&call->arena, credentials->secret)) == NULL) {
        fg_answer_code(call, FG_ERR_MEMORY, NULL);
        return FG_ERR_MEMORY;
    }
    for (size_t i = 0; i < FG_COUNT_OF(from); i++)
        if (from[i] != NULL && (*to[i] = fg_arena_strdup(&call->arena, from[i])) == NULL) {
            fg_answer_code(call, FG_ERR_MEMORY, NULL);
            return FG_ERR_MEMORY;
        }
    return FG_OK;
}

static bool authenticate(struct fg_call *call, const struct header_facts *facts)
{
    struct fg_credentials credentials = {.address = call->address, .on_behalf_of = facts->on_behalf_of};
    if (facts->authorization != NULL) {
        credentials.kind = FG_CREDENTIAL_BEARER;
        if (strncasecmp(facts->authorization, "Bearer ", 7) != 0) {
            fg_answer_problem(call, FG_PROBLEM_CREDENTIALS, "Authorization must be \"Bearer KEY\"");
            return false;
        }
        credentials.secret = facts->authorization + 7;
    } else {
        credentials.kind = FG_CREDENTIAL_COOKIE;
        credentials.secret = cookie_value(call, facts->cookie);
    }
    bool changes = strcmp(call->method, "GET") != 0 && !call->is_head;
    if (changes && facts->authorization == NULL && !is_from_own_site(call, facts, credentials.secret != NULL)) {
        fg_answer_problem(call, FG_PROBLEM_CROSS_SITE, "with a browser's session, changes are only taken from the platform's pages");
        return false;
    }
    if (credentials.secret == NULL) {
        if (call->operation->right == NULL)
            return true;
        fg_answer_problem(call, FG_PROBLEM_CREDENTIALS, "this operation needs a key or a session");
        return false;
    }
    const struct fg_authenticator *authenticator = &call->server->options.authenticator;
    struct fg_error why = {.code = FG_ERR_DENIED};
    enum fg_code code = FG_ERR_DENIED;
    if (authenticator->authenticate != NULL)
        code = authenticator->authenticate(authenticator->context, &credentials, &call->principal, &why);
    call->has_principal = code == FG_OK;
    if (code == FG_ERR_DENIED)
        fg_answer_problem(call, FG_PROBLEM_CREDENTIALS, "the key or session is unknown, expired or not valid for this");
    else if (code != FG_OK)
        fg_answer_code(call, code, &why);
    if (code == FG_OK && (call->operation->flags & FG_OP_AT_OWNER))
        code = keep_credentials(call, &credentials);
    return code == FG_OK;
}

static bool authorise(struct fg_call *call)
{
    const struct fg_operation *operation = call->operation;
    if (operation->right == NULL)
        return true;
    const struct fg_principal *who = &call->principal;
    const struct fg_access_rule *rule = fg_access_find(&call->server->access, operation->right);
    if (operation->api != FG_API_PUBLIC && !who->is_session && !(who->apis & FG_BIT(operation->api)))
        fg_answer_problem(call, FG_PROBLEM_DENIED, "this key is not for the API \"%s\"; use a key for it",
                          fg_api_words[operation->api]);
    else if (rule == NULL || !fg_access_allows(rule, who))
        fg_answer_problem(call, FG_PROBLEM_DENIED, "the right \"%s\" is needed; see the table of rights in /docs",
                          operation->right);
    return call->problem == NULL;
}

/* ---- parameters ---- */
static void read_query_item(struct fg_call *call, const char *name, const char *text)
{
    char place[80];
    snprintf(place, sizeof place, "?%.60s", name);
    const struct fg_operation *operation = call->operation;
    struct fg_value *value = NULL, limit = {0}, cursor = {0};
    const struct fg_schema *schema = NULL;
    static const struct fg_schema limit_schema = FG_INTEGER(1, FG_PAGE_MAX);
    const char *names[32] = {0};
    size_t count = 0;
    for (const struct fg_param *param = operation->query_params; param != NULL && param->name != NULL; param++) {
        if (strcmp(param->name, name) == 0) {
            value = &call->query_values[param - operation->query_params];
            schema = param->schema;
        }
        if (count < FG_COUNT_OF(names) - 3)
            names[count++] = param->name;
    }
    if (operation->flags & FG_OP_PAGED) {
        names[count++] = "limit";
        names[count++] = "cursor";
        if (strcmp(name, "limit") == 0) {
            value = &limit;
            schema = &limit_schema;
        } else if (strcmp(name, "cursor") == 0) {
            value = &cursor;
            schema = &fg_schema_page_cursor;
        }
    }
    if (schema == NULL) {
        const char *nearest = fg_json_nearest(name, names);
        if (nearest != NULL)
            fg_problem_list_add(&call->problems, place, "unknown", "unknown parameter; did you mean \"%s\"?", nearest);
        else
            fg_problem_list_add(&call->problems, place, "unknown", "unknown parameter; leave it out");
        return;
    }
    if (value->text != NULL || (value == &limit && call->limit != 0) || (value == &cursor && call->position != NULL)) {
        fg_problem_list_add(&call->problems, place, "twice", "is given twice; give it once");
        return;
    }
    value->text = text;
    fg_validate_text(schema, text, place, &value->integer, &call->problems);
    if (value == &limit)
        call->limit = limit.integer;
    if (value == &cursor) {
        char position[512];
        if (!fg_unseal(&call->server->seal_key, operation->id, text, position, sizeof position))
            fg_problem_list_add(&call->problems, place, "cursor", "is no cursor of this list; start from the first page");
        else
            call->position = fg_arena_strdup(&call->arena, position);
    }
}

static bool read_query(struct fg_call *call, const char *query)
{
    const struct fg_operation *operation = call->operation;
    size_t count = 0;
    while (operation->query_params != NULL && operation->query_params[count].name != NULL)
        count++;
    call->query_values = fg_arena_alloc(&call->arena, count + 1, sizeof *call->query_values);
    if (call->query_values == NULL) {
        fg_answer_code(call, FG_ERR_MEMORY, NULL);
        return false;
    }
    while (query != NULL && *query != '\0') {
        size_t length = strcspn(query, "&"), name_length = strcspn(query, "=&");
        char *name, *text;
        struct fg_error why;
        size_t skip = name_length < length ? name_length + 1 : name_length;
        enum fg_code code = fg_percent_decode(query, name_length, true, &call->arena, &name, &why);
        if (code == FG_OK)
            code = fg_percent_decode(query + skip, length - skip, true, &call->arena, &text, &why);
        if (code != FG_OK) {
            if (code == FG_ERR_SYNTAX)
                fg_answer_problem(call, FG_PROBLEM_HTTP, "%s", why.text);
            else
                fg_answer_code(call, code, &why);
            return false;
        }
        if (length > 0)
            read_query_item(call, name, text);
        query += length;
        query += *query == '&';
    }
    for (size_t i = 0; i < count; i++) {
        const struct fg_param *param = &operation->query_params[i];
        char place[80];
        snprintf(place, sizeof place, "?%.60s", param->name);
        if (param->required && call->query_values[i].text == NULL)
            fg_problem_list_add(&call->problems, place, "missing", "is missing; give it");
    }
    return true;
}

/* ---- routing ---- */
static void answer_options(struct fg_call *call, const struct fg_route *route)
{
    char allow[80] = "OPTIONS";
    for (int m = 0; m < FG_METHOD_COUNT; m++)
        if (route->operations[m] != NULL) {
            strcat(allow, ", ");
            strcat(allow, fg_method_name((enum fg_method)m));
            if (m == FG_GET)
                strcat(allow, ", HEAD");
        }
    fg_answer_add_header(call, "Allow", allow);
    if (call->is_options) {
        fg_answer_add_header(call, "Access-Control-Allow-Methods", allow);
        fg_call_empty(call, 204);
    } else {
        fg_answer_problem(call, FG_PROBLEM_METHOD, "%s is not possible here; possible: %s", call->method, allow);
    }
}

static bool answer_file(struct fg_call *call, const char *path)
{
    char *decoded;
    struct fg_error why;
    if (strcmp(call->method, "GET") != 0 && !call->is_head)
        return false;
    if (fg_percent_decode(path, strlen(path), false, &call->arena, &decoded, &why) != FG_OK)
        return false;
    call->file = fg_files_find(&call->server->files, decoded);
    if (call->file == NULL)
        return false;
    call->status = 200;
    call->media = call->file->media;
    call->etag = call->file->etag;
    return true;
}

static bool route(struct fg_call *call, char **query)
{
    char *path = fg_arena_strdup(&call->arena, call->target);
    if (path == NULL) {
        fg_answer_code(call, FG_ERR_MEMORY, NULL);
        return false;
    }
    *query = strchr(path, '?');
    if (*query != NULL)
        *(*query)++ = '\0';
    struct fg_route found;
    struct fg_error why;
    enum fg_code code = fg_router_match(&call->server->router, path, &call->arena, &found, &why);
    if (code == FG_ERR_SYNTAX)
        fg_answer_problem(call, FG_PROBLEM_HTTP, "%s", why.text);
    else if (code != FG_OK)
        fg_answer_code(call, code, &why);
    if (code != FG_OK)
        return false;
    if (!found.is_known) {
        if (!answer_file(call, path))
            fg_answer_problem(call, FG_PROBLEM_ROUTE, "no operation has this path; see /docs");
        return false;
    }
    for (int m = 0; m < FG_METHOD_COUNT; m++)
        if (strcmp(call->method, fg_method_name((enum fg_method)m)) == 0)
            call->operation = found.operations[m];
    if (call->is_head)
        call->operation = found.operations[FG_GET];
    if (call->operation == NULL) {
        answer_options(call, &found);
        return false;
    }
    for (size_t i = 0; i < found.value_count; i++) {
        const struct fg_param *param = &call->operation->path_params[i];
        char place[80];
        snprintf(place, sizeof place, "{%.60s}", param->name);
        call->path_values[i].text = found.values[i];
        fg_validate_text(param->schema, found.values[i], place, &call->path_values[i].integer, &call->problems);
    }
    return true;
}

/* ---- headers that belong to the operation ---- */
static size_t body_limit(const struct fg_operation *operation)
{
    if (operation->request == NULL && operation->request_media == NULL)
        return 0;
    return operation->max_body_bytes != 0 ? operation->max_body_bytes : FG_BODY_DEFAULT_BYTES;
}

static bool has_media(const char *header, const char *media)
{
    size_t length = strlen(media);
    return header != NULL && strncasecmp(header, media, length) == 0 &&
           (header[length] == '\0' || header[length] == ';' || header[length] == ' ');
}

static bool check_body_headers(struct fg_call *call, const struct header_facts *facts)
{
    const struct fg_operation *operation = call->operation;
    unsigned long long length = facts->content_length != NULL ? strtoull(facts->content_length, NULL, 10) : 0;
    if (!call->has_body)
        return true;
    const char *media = operation->request_media != NULL ? operation->request_media : FG_MEDIA_JSON;
    if (body_limit(operation) == 0) {
        fg_answer_problem(call, FG_PROBLEM_SYNTAX, "this operation takes no body; leave it out");
    } else if (length > body_limit(operation)) {
        fg_answer_problem(call, FG_PROBLEM_TOO_LARGE, "the body has %llu bytes; at most %zu", length, body_limit(operation));
    } else if (!has_media(facts->content_type, media) ||
               (facts->content_encoding != NULL && strcasecmp(facts->content_encoding, "identity") != 0)) {
        fg_answer_add_header(call, "Accept", media);
        fg_answer_problem(call, FG_PROBLEM_MEDIA, "Content-Type must be %s, without Content-Encoding", media);
    }
    return call->problem == NULL;
}

static bool check_conditions(struct fg_call *call)
{
    const struct fg_operation *operation = call->operation;
    if ((operation->flags & FG_OP_IF_MATCH) && call->if_match == NULL) {
        fg_answer_problem(call, FG_PROBLEM_PRECONDITION_MISSING, "the header If-Match is missing");
        return false;
    }
    if (!(operation->flags & FG_OP_IDEMPOTENT)) {
        call->key = NULL;
        return true;
    }
    if (call->key == NULL) {
        if (operation->flags & FG_OP_KEY_REQUIRED)
            fg_problem_list_add(&call->problems, "Idempotency-Key:", "missing", "is missing; give a new key for every new request");
        return true;
    }
    size_t length = strlen(call->key);
    for (size_t i = 0; i < length; i++)
        if (call->key[i] < '!' || call->key[i] > '~')
            length = 0;
    if (length == 0 || length > FG_KEY_MAX)
        fg_problem_list_add(&call->problems, "Idempotency-Key:", "key", "must be 1 to %d visible ASCII characters", FG_KEY_MAX);
    else if (call->server->options.idempotency.load == NULL)
        fg_problem_list_add(&call->problems, "Idempotency-Key:", "unavailable", "is not kept by this server; leave it out");
    return true;
}

static bool begin(struct fg_call *call, const struct header_facts *facts)
{
    const char *broken = call->target == NULL ? "the address holds characters that are not allowed" : check_framing(facts);
    if (broken == NULL && call->target[0] != '/')
        broken = "the address must begin with '/'";
    if (broken != NULL) {
        call->must_close = true;
        fg_answer_problem(call, FG_PROBLEM_HTTP, "%s", broken);
        return false;
    }
    call->accepts_gzip = accepts_gzip(facts->accept_encoding);
    char *query;
    return route(call, &query) && authenticate(call, facts) && check_rate(call) && authorise(call) &&
           check_body_headers(call, facts) && check_conditions(call) && read_query(call, query);
}

enum fg_code fg_request_begin(struct fg_call *call, const char *method, struct fg_error *err)
{
    struct header_facts facts = {.call = call};
    call->is_head = strcmp(method, "HEAD") == 0;
    call->is_options = strcmp(method, "OPTIONS") == 0;
    call->method = fg_arena_strdup(&call->arena, method);
    if (call->method == NULL)
        return fg_fail_memory(err);
    MHD_get_connection_values_n(call->connection, MHD_HEADER_KIND, see_header, &facts);
    find_address(call, facts.forwarded_for);
    call->has_body = facts.transfer_encoding != NULL ||
                     (facts.content_length != NULL && strcmp(facts.content_length, "0") != 0);
    if (!begin(call, &facts)) {
        /* A refused log-in counts against the address, so that guessing is slow. */
        if (call->problem == fg_problem_kind(FG_PROBLEM_CREDENTIALS))
            check_rate(call);
        return FG_ERR_VALUE;
    }
    return FG_OK;
}

/* The parsed body may take this much memory for each byte allowed; a short hostile text takes far more. */
enum { MEMORY_PER_BYTE = 32 };

bool fg_request_complete(struct fg_call *call)
{
    const struct fg_operation *operation = call->operation;
    if (operation->request != NULL && call->body.length == 0) {
        fg_problem_list_add(&call->problems, "", "missing", "the body is missing; send a JSON document");
    } else if (operation->request != NULL) {
        struct fg_error why;
        enum fg_code code = fg_json_load_limited(call->body.data, call->body.length,
                                                 MEMORY_PER_BYTE * body_limit(operation), "body", &call->json, &why);
        if (code == FG_ERR_SYNTAX)
            fg_answer_problem(call, FG_PROBLEM_SYNTAX, "%s: %s", why.place, why.text);
        else if (code != FG_OK)
            fg_answer_code(call, code, &why);
        if (code != FG_OK)
            return false;
        struct fg_json_cursor root = fg_json_root(call->json, NULL);
        fg_validate_json(operation->request, false, &root, &call->problems);
    } else if (operation->request_media != NULL && call->body.length == 0) {
        fg_problem_list_add(&call->problems, "", "missing", "the body is missing");
    }
    if (call->problems.failed)
        fg_answer_code(call, FG_ERR_MEMORY, NULL);
    else if (call->problems.count > 0)
        fg_answer_problem(call, FG_PROBLEM_INVALID, "%zu %s to correct", call->problems.count,
                          call->problems.count == 1 ? "place is" : "places are");
    return call->problem == NULL;
}
