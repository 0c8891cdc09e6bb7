/* The server: options, libmicrohttpd, and the way of a connection through request, dispatch and answer. */
#include "api/server.h"

#include "api/internal.h"
#include "api/openapi.h"
#include "api/operations_server.h"
#include "api/reference.h"
#include "api/relay.h"
#include "api/tls.h"
#include "base/instant.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { IDLE_SECONDS = 60, CONNECTION_MEMORY = 32768 };

/* ---- calls ---- */
/* Called when the request line has been read; what it returns is the connection's context until the answer is sent. */
static void *on_target(void *context, const char *target, struct MHD_Connection *connection)
{
    struct fg_server *server = context;
    struct fg_call *call = fg_alloc(1, sizeof *call);
    if (call == NULL)
        return NULL;
    atomic_fetch_add(&server->holders, 1);
    call->server = server;
    call->connection = connection;
    call->started = fg_clock_seconds();
    atomic_store(&call->holders, 1);
    fg_arena_init(&call->arena);
    fg_text_init(&call->body);
    fg_text_init(&call->out);
    call->method = "";
    snprintf(call->request_id, sizeof call->request_id, "%s-%lu", server->instance,
             atomic_fetch_add(&server->request_number, 1));
    bool is_plain = true;
    for (const char *at = target; *at != '\0'; at++)
        is_plain = is_plain && *at > 0x20 && *at < 0x7f;
    call->target_end = target + strlen(target);
    if (is_plain && (call->target = fg_arena_strdup(&call->arena, target)) == NULL) {
        fg_call_release(call);
        return NULL;
    }
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    if (info != NULL)
        call->socket = info->socket_context;
    return call;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **call_place,
                         enum MHD_RequestTerminationCode termination)
{
    (void)connection;
    struct fg_server *server = context;
    struct fg_call *call = *call_place;
    *call_place = NULL;
    if (call == NULL)
        return;
    fg_guard_allow(call->socket, IDLE_SECONDS);
    double seconds = fg_clock_seconds() - call->started;
    bool was_answered = call->phase == FG_CALL_READY;
    int status = was_answered ? call->status : 0;
    fg_metrics_count(server->metrics, call->operation, status, seconds);
    if (fg_log_wants(FG_LOG_DEBUG))
        fg_log(FG_LOG_DEBUG, "request", FG_LOG_TEXT("request_id", call->request_id), FG_LOG_TEXT("method", call->method),
               FG_LOG_TEXT("operation", call->operation != NULL ? call->operation->id : "none"),
               FG_LOG_TEXT("address", call->address),
               FG_LOG_TEXT("organisation", call->has_principal ? call->principal.organisation : ""),
               FG_LOG_NUMBER("status", status), FG_LOG_NUMBER("seconds", seconds),
               FG_LOG_TEXT("end", termination == MHD_REQUEST_TERMINATED_COMPLETED_OK ? "completed" : "cut"));
    fg_call_release(call);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_place,
                          enum MHD_ConnectionNotificationCode code)
{
    struct fg_server *server = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *socket_place = info != NULL ? fg_guard_open(server->guard, info->connect_fd, server->options.header_seconds) : NULL;
    } else {
        fg_guard_close(server->guard, *socket_place);
        *socket_place = NULL;
    }
}

static enum MHD_Result send_answer(struct fg_call *call)
{
    struct fg_server *server = call->server;
    bool is_stream = call->response != NULL && call->stream != NULL;
    if (is_stream)
        fg_subscriber_attach(call->stream, call->connection, call->socket);
    fg_guard_allow(call->socket, is_stream ? 0 : server->options.send_seconds);
    if (call->response == NULL || call->is_abandoned)
        return MHD_queue_response(call->connection, 503, server->out_of_memory);
    return MHD_queue_response(call->connection, (unsigned)call->status, call->response);
}

static enum MHD_Result refuse_for_now(struct fg_call *call, const char *why)
{
    call->retry_seconds = 1;
    fg_answer_problem(call, FG_PROBLEM_UNAVAILABLE, why);
    fg_answer_build(call);
    call->phase = FG_CALL_READY;
    return send_answer(call);
}

/* libmicrohttpd reads the request line in place and takes a NUL byte for the end of the target. Then bytes that are no
 * blanks lie between that end and the version. */
static bool has_hidden_bytes(const struct fg_call *call, const char *version)
{
    uintptr_t from = (uintptr_t)call->target_end + 1, to = (uintptr_t)version;
    if (to <= from || to - from > CONNECTION_MEMORY)
        return false;
    for (const char *at = call->target_end + 1; at < version; at++)
        if (*at != '\0' && *at != ' ')
            return true;
    return false;
}

static enum MHD_Result begin_call(struct fg_call *call, const char *method, const char *version)
{
    struct fg_server *server = call->server;
    if (has_hidden_bytes(call, version))
        call->target = NULL;
    struct fg_error err;
    fg_guard_allow(call->socket, server->options.body_seconds);
    call->must_close = atomic_load(&server->is_stopping);
    enum fg_code code = fg_request_begin(call, method, &err);
    if (code == FG_OK) {
        call->phase = FG_CALL_READING;
        return MHD_YES;
    }
    if (code == FG_ERR_MEMORY)
        fg_answer_code(call, code, &err);
    fg_answer_build(call);
    call->phase = FG_CALL_READY;
    /* An answer before the end of the request makes libmicrohttpd close the connection: right when there is a body that
     * nobody will read, and when the framing is in doubt. */
    return call->has_body || call->must_close ? send_answer(call) : MHD_YES;
}

static enum MHD_Result take_body(struct fg_call *call, const char *bytes, size_t *length)
{
    /* A body without a length that outgrows the limit: what comes is thrown away until its end or the time-out. */
    const struct fg_operation *operation = call->operation;
    size_t limit = operation->max_body_bytes != 0 ? operation->max_body_bytes : FG_BODY_DEFAULT_BYTES;
    if (call->body.length + *length > limit)
        call->is_body_too_large = true;
    else
        fg_text_append(&call->body, bytes, *length);
    *length = 0;
    return call->body.failed ? MHD_NO : MHD_YES;
}

static enum MHD_Result run_call(struct fg_call *call)
{
    struct fg_server *server = call->server;
    fg_guard_allow(call->socket, 0);
    if (call->is_body_too_large) {
        call->must_close = true;
        fg_answer_problem(call, FG_PROBLEM_TOO_LARGE, "the body is larger than this operation takes");
        fg_answer_build(call);
        call->phase = FG_CALL_READY;
        return send_answer(call);
    }
    if (call->operation->flags & FG_OP_INLINE) {
        fg_dispatch_inline(call);
        return send_answer(call);
    }
    if (atomic_load(&server->is_stopping)) {
        call->must_close = true;
        return refuse_for_now(call, "the server is stopping");
    }
    if (!fg_workers_reserve(server->workers))
        return refuse_for_now(call, "too many requests are waiting");
    MHD_suspend_connection(call->connection); /* before a worker can resume it */
    fg_dispatch_start(call);
    return MHD_YES;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *body, size_t *body_length, void **call_place)
{
    (void)url;
    struct fg_server *server = context;
    struct fg_call *call = *call_place;
    if (call == NULL)
        return MHD_queue_response(connection, 503, server->out_of_memory);
    switch (call->phase) {
    case FG_CALL_NEW: return begin_call(call, method, version);
    case FG_CALL_READING: return *body_length > 0 ? take_body(call, body, body_length) : run_call(call);
    case FG_CALL_RUNNING: return MHD_YES;
    case FG_CALL_READY: break;
    }
    return send_answer(call);
}

static void on_mhd_log(void *context, const char *format, va_list arguments)
{
    struct fg_server *server = context;
    char text[200];
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    if (server->daemon == NULL)
        snprintf(server->start_message, sizeof server->start_message, "%s", text);
    fg_log(FG_LOG_DEBUG, "http", FG_LOG_TEXT("text", text));
}

static size_t leave_escaped(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context, (void)connection;
    return strlen(text); /* router.c decodes, segment by segment */
}

/* ---- start ---- */
static void set_defaults(struct fg_server_options *options)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int threads = processors < 1 ? 1 : processors > 64 ? 64 : (int)processors;
    if (options->network_threads == 0)
        options->network_threads = threads;
    if (options->workers == 0)
        options->workers = 2 * threads;
    if (options->queue_limit == 0)
        options->queue_limit = 1024;
    if (options->connection_limit == 0)
        options->connection_limit = 20000;
    if (options->connections_per_address == 0)
        options->connections_per_address = 2000;
    if (options->header_seconds == 0)
        options->header_seconds = 15;
    if (options->body_seconds == 0)
        options->body_seconds = 60;
    if (options->send_seconds == 0)
        options->send_seconds = 120;
    if (options->rate_per_second <= 0) {
        options->rate_per_second = 200;
        options->rate_burst = 1000;
    }
    if (options->anonymous_rate_per_second <= 0) {
        options->anonymous_rate_per_second = 50;
        options->anonymous_rate_burst = 200;
    }
}

static enum fg_code make_folder(const char *path, struct fg_error *err)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return FG_OK;
    return fg_fail(err, FG_ERR_IO, path, "cannot be made: %s; create the folder above it", strerror(errno));
}

static enum fg_code prepare_secrets(struct fg_server *server, struct fg_error *err)
{
    const struct fg_server_options *options = &server->options;
    char path[4096];
    enum fg_code code = make_folder(options->data_folder, err);
    snprintf(path, sizeof path, "%s/tls", options->data_folder);
    if (code == FG_OK)
        code = make_folder(path, err);
    snprintf(path, sizeof path, "%s/secret", options->data_folder);
    if (code == FG_OK)
        code = fg_seal_key_load(path, &server->seal_key, err);
    if (code != FG_OK || options->plain_http)
        return code;
    if (options->certificate_file != NULL) {
        snprintf(server->certificate_file, sizeof server->certificate_file, "%s", options->certificate_file);
        snprintf(server->key_file, sizeof server->key_file, "%s", options->key_file);
    } else {
        snprintf(server->certificate_file, sizeof server->certificate_file, "%s/tls/certificate.pem", options->data_folder);
        snprintf(server->key_file, sizeof server->key_file, "%s/tls/key.pem", options->data_folder);
        code = fg_tls_self_sign(server->certificate_file, server->key_file, err);
    }
    return code == FG_OK ? fg_tls_load(server->certificate_file, server->key_file, err) : code;
}

static enum fg_code join_access(struct fg_server *server, struct fg_error *err)
{
    const struct fg_access_table *own = &fg_server_access, *more = &server->options.access;
    server->rules = fg_alloc(own->count + more->count, sizeof *server->rules);
    if (server->rules == NULL)
        return fg_fail_memory(err);
    memcpy(server->rules, own->rules, own->count * sizeof *own->rules);
    if (more->count > 0)
        memcpy(server->rules + own->count, more->rules, more->count * sizeof *more->rules);
    server->access = (struct fg_access_table){server->rules, own->count + more->count};
    for (size_t i = 0; i < server->access.count; i++)
        if (fg_access_find(&server->access, server->rules[i].right) != &server->rules[i])
            return fg_fail(err, FG_ERR_ARGUMENT, server->rules[i].right, "the right is described twice");
    return FG_OK;
}

static enum fg_code describe(struct fg_server *server, struct fg_error *err)
{
    server->sets[server->set_count++] = &fg_server_operations;
    for (size_t i = 0; i < server->options.operation_set_count; i++) {
        if (server->set_count == FG_OPERATION_SETS_MAX)
            return fg_fail(err, FG_ERR_ARGUMENT, NULL, "too many sets of operations");
        server->sets[server->set_count++] = server->options.operations[i];
    }
    enum fg_code code = join_access(server, err);
    if (code == FG_OK)
        code = fg_operation_check(server->sets, server->set_count, &server->access, err);
    if (code == FG_OK)
        code = fg_router_init(&server->router, server->sets, server->set_count, err);
    if (code == FG_OK)
        code = fg_metrics_create(server->sets, server->set_count, &server->metrics, err);
    if (code == FG_OK)
        code = fg_openapi_write(server->sets, server->set_count, &server->access, FG_VERSION, &server->openapi, err);
    if (code == FG_OK)
        code = fg_reference_write(server->sets, server->set_count, &server->access,
                                  server->options.is_demonstration
                                      ? FG_VERSION ", serving a demonstration: everybody knows its passwords and nothing in it is real"
                                      : FG_VERSION,
                                  &server->reference, err);
    if (code == FG_OK && server->options.web_folder != NULL)
        code = fg_files_load(&server->files, server->options.web_folder, err);
    return code;
}

static enum fg_code parse_address(const struct fg_server_options *options, struct sockaddr_storage *address,
                                  struct fg_error *err)
{
    *address = (struct sockaddr_storage){0};
    struct sockaddr_in *four = (struct sockaddr_in *)address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
    bool is_loopback;
    if (inet_pton(AF_INET, options->address, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(options->port);
        is_loopback = (ntohl(four->sin_addr.s_addr) >> 24) == 127;
    } else if (inet_pton(AF_INET6, options->address, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(options->port);
        is_loopback = IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
    } else {
        return fg_fail(err, FG_ERR_VALUE, "listen_address", "\"%s\" is no IP address; write it like 127.0.0.1 or ::",
                       options->address);
    }
    if (options->plain_http && !is_loopback)
        return fg_fail(err, FG_ERR_VALUE, "plain_http",
                       "HTTP without TLS is only possible on a loopback address, not on %s; listen on 127.0.0.1 behind a "
                       "proxy, or leave TLS on", options->address);
    if (options->is_demonstration && (!is_loopback || options->trust_proxy))
        return fg_fail(err, FG_ERR_VALUE, options->trust_proxy ? "trust_proxy" : "listen_address",
                       "a demonstration, whose passwords everybody knows, is only served to programs on this machine: on 127.0.0.1 "
                       "and without a proxy");
    return FG_OK;
}

static enum fg_code open_socket(const struct fg_server_options *options, int *out, struct fg_error *err)
{
    struct sockaddr_storage address;
    enum fg_code code = parse_address(options, &address, err);
    if (code != FG_OK)
        return code;
    int one = 1, zero = 0;
    int descriptor = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t length = address.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    bool ok = descriptor >= 0 && setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0;
    if (ok && address.ss_family == AF_INET6)
        setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    if (ok && bind(descriptor, (struct sockaddr *)&address, length) == 0 && listen(descriptor, 4096) == 0) {
        *out = descriptor;
        return FG_OK;
    }
    code = fg_fail(err, FG_ERR_IO, "listen_address", "cannot listen on %s port %u: %s; choose another port or stop the other program",
                   options->address, options->port, strerror(errno));
    if (descriptor >= 0)
        close(descriptor);
    return code;
}

static void raise_descriptor_limit(unsigned connections)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections + 256;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static enum fg_code listen_now(struct fg_server *server, struct fg_error *err)
{
    const struct fg_server_options *options = &server->options;
    raise_descriptor_limit(options->connection_limit);
    int descriptor = -1;
    enum fg_code code = open_socket(options, &descriptor, err);
    if (code != FG_OK)
        return code;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG;
    if (!options->plain_http)
        flags |= MHD_USE_TLS;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)fg_tls_retrieve},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)FG_TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    unsigned pool = options->network_threads > 1 ? (unsigned)options->network_threads : 0;
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, server, MHD_OPTION_LISTEN_SOCKET,
        descriptor, MHD_OPTION_URI_LOG_CALLBACK, on_target, server, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_CONNECTION_LIMIT, options->connection_limit, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        options->connections_per_address, MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_THREAD_POOL_SIZE, pool, MHD_OPTION_ARRAY,
        options->plain_http ? none : tls, MHD_OPTION_END);
    if (server->daemon == NULL) {
        close(descriptor);
        return fg_fail(err, FG_ERR_BUSY, NULL, "the HTTP server cannot start (%s); raise the limits of threads and open files",
                       server->start_message);
    }
    return FG_OK;
}

uint16_t fg_server_port(const struct fg_server *server)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_LISTEN_FD);
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (info == NULL || getsockname(info->listen_fd, (struct sockaddr *)&address, &length) != 0)
        return 0;
    return ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                              : ((struct sockaddr_in6 *)&address)->sin6_port);
}

/* Everything but the structure itself, which calls that end late still need. */
static void server_clear(struct fg_server *server)
{
    fg_workers_destroy(server->workers);
    fg_relays_stop(server); /* after the workers, which hand over to them */
    fg_hub_destroy(server->hub);
    fg_guard_destroy(server->guard);
    fg_limiter_destroy(server->limiter);
    fg_metrics_destroy(server->metrics);
    fg_files_release(&server->files);
    fg_router_release(&server->router);
    fg_free(server->rules);
    fg_text_release(&server->openapi);
    fg_text_release(&server->reference);
    if (server->out_of_memory != NULL)
        MHD_destroy_response(server->out_of_memory);
    if (!server->options.plain_http)
        fg_tls_release();
}

void fg_server_release(struct fg_server *server)
{
    if (atomic_fetch_sub(&server->holders, 1) != 1)
        return;
    pthread_mutex_destroy(&server->calls_lock);
    pthread_cond_destroy(&server->calls_changed);
    fg_free(server);
}

enum fg_code fg_server_start(const struct fg_server_options *options, struct fg_server **out, struct fg_error *err)
{
    *out = NULL;
    if (sodium_init() < 0)
        return fg_fail(err, FG_ERR_IO, NULL, "the system gives no random numbers; check /dev/urandom");
    struct fg_server *server = fg_alloc(1, sizeof *server);
    if (server == NULL)
        return fg_fail_memory(err);
    server->options = *options;
    set_defaults(&server->options);
    atomic_store(&server->holders, 1);
    pthread_mutex_init(&server->calls_lock, NULL);
    pthread_cond_init(&server->calls_changed, NULL);
    unsigned char random[4];
    randombytes_buf(random, sizeof random);
    sodium_bin2hex(server->instance, sizeof server->instance, random, sizeof random);
    fg_text_init(&server->openapi);
    fg_text_init(&server->reference);
    enum fg_code code = fg_answer_prepare(server, err);
    if (code == FG_OK)
        code = describe(server, err);
    if (code == FG_OK)
        code = prepare_secrets(server, err);
    if (code == FG_OK)
        code = fg_limiter_create(&server->limiter, err);
    if (code == FG_OK)
        code = fg_guard_create(&server->guard, err);
    if (code == FG_OK)
        code = fg_workers_create(server->options.workers, server->options.queue_limit, &server->workers, err);
    if (code == FG_OK)
        code = fg_relays_start(server, err);
    if (code == FG_OK && options->events.read != NULL)
        code = fg_hub_create(&server->options.events, &server->seal_key, server->guard, &server->hub, err);
    if (code == FG_OK)
        code = listen_now(server, err);
    if (code != FG_OK) {
        server_clear(server);
        fg_server_release(server);
        return code;
    }
    *out = server;
    return FG_OK;
}

enum fg_code fg_server_reload(struct fg_server *server, struct fg_error *err)
{
    if (server->options.plain_http)
        return FG_OK;
    return fg_tls_load(server->certificate_file, server->key_file, err);
}

enum fg_code fg_server_pin(const struct fg_server *server, char pin[FG_SERVER_PIN], struct fg_error *err)
{
    pin[0] = '\0';
    return server->options.plain_http ? FG_OK : fg_tls_pin(pin, err);
}

void fg_server_notify(struct fg_server *server, const char *area)
{
    if (server->hub != NULL)
        fg_hub_notify(server->hub, area);
}

/* ---- stop ---- */
static void wait_until_idle(struct fg_server *server, double seconds)
{
    double end = fg_clock_seconds() + seconds;
    for (;;) {
        pthread_mutex_lock(&server->calls_lock);
        size_t running = server->running_count;
        pthread_mutex_unlock(&server->calls_lock);
        size_t streams = server->hub != NULL ? fg_hub_count(server->hub).subscribers : 0;
        if ((running == 0 && streams == 0) || fg_clock_seconds() >= end)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
}

void fg_server_stop(struct fg_server *server, double seconds)
{
    if (server == NULL)
        return;
    /* New requests are refused from here on. MHD_quiesce_daemon would refuse connections, but it and a busy network thread may
     * both take the listening socket out of a set, on which libmicrohttpd 0.9 aborts. */
    atomic_store(&server->is_stopping, true);
    if (server->hub != NULL)
        fg_hub_close(server->hub);
    wait_until_idle(server, seconds);
    fg_dispatch_abandon(server);
    atomic_store(&server->relays_stop, true);
    /* Answers that are being sent: a moment for the network threads, which MHD_stop_daemon does not grant. */
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    MHD_stop_daemon(server->daemon);
    server_clear(server);
    fg_server_release(server);
}
