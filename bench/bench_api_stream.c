/* Event streams under load: SUBSCRIBERS TLS clients in a process of their own, each following one area that gets EVENTS
 * events a second. Printed: events received of those sent, gaps, the lag from the notification to the decrypted line
 * (median, p99, largest), and processor seconds of server and clients. No reference: the bar is a lag p99 of 1 s.
 *
 * Usage: bench_api_stream [SUBSCRIBERS [SECONDS [EVENTS]]], by default 2000 20 10. */
#include "api/server.h"
#include "base/instant.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_KEPT = 100000, LAGS_MAX = 8000000 };

/* ---- the source: a log of instants in memory ---- */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static double stamps[EVENTS_KEPT];
static uint64_t newest;

static enum fg_code range(void *context, const char *area, uint64_t *oldest, uint64_t *last, uint64_t *epoch, struct fg_error *err)
{
    (void)context, (void)area, (void)err;
    pthread_mutex_lock(&lock);
    *oldest = *epoch = 1;
    *last = newest;
    pthread_mutex_unlock(&lock);
    return FG_OK;
}

static enum fg_code read_events(void *context, const char *area, uint64_t after, size_t most,
                                bool (*take)(void *, const struct fg_event *), void *take_context, struct fg_error *err)
{
    (void)context, (void)area, (void)err;
    for (uint64_t n = after + 1; most > 0; n++, most--) {
        pthread_mutex_lock(&lock);
        bool is_there = n <= newest;
        double stamp = stamps[n % EVENTS_KEPT];
        pthread_mutex_unlock(&lock);
        /* about as long as a public trade */
        char data[200];
        int length = snprintf(data, sizeof data, "{\"n\":%llu,\"at\":%.6f,\"price\":\"85.25\",\"quantity\":\"1.5\",\"start\":\"2025-03-30T01:00:00Z\",\"periods\":4}",
                              (unsigned long long)n, stamp);
        struct fg_event event = {.sequence = n, .type = "trade", .data = data, .data_length = (size_t)length};
        if (!is_there || !take(take_context, &event))
            break;
    }
    return FG_OK;
}

static enum fg_code authenticate(void *context, const struct fg_credentials *credentials, struct fg_principal *principal, struct fg_error *err)
{
    (void)context, (void)credentials, (void)err;
    *principal = (struct fg_principal){"bench", "bench", "bench", "", FG_ROLES_ALL, FG_DUTIES_ALL, FG_BIT(FG_API_ATP), false};
    return FG_OK;
}

/* ---- the clients ---- */
struct client {
    int descriptor;
    gnutls_session_t session;
    bool is_open, is_sent;
    char line[4096];
    size_t used;
    uint64_t last;
};
static float *lags;
static size_t lag_count, gaps, received, broken;

static void take_line(struct client *client)
{
    unsigned long long n;
    double at;
    if (sscanf(client->line, "data: {\"n\":%llu,\"at\":%lf", &n, &at) != 2)
        return;
    received++;
    gaps += client->last != 0 && n != client->last + 1;
    client->last = n;
    if (lag_count < LAGS_MAX)
        lags[lag_count++] = (float)(fg_clock_seconds() - at);
}

static void serve_client(struct client *client)
{
    static const char request[] = "GET /v1/events?areas=a HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer x\r\n\r\n";
    char bytes[16384];
    if (!client->is_open) {
        int error = gnutls_handshake(client->session);
        if (error == GNUTLS_E_AGAIN || error == GNUTLS_E_INTERRUPTED)
            return;
        if (error < 0) {
            broken++;
            close(client->descriptor);
            return;
        }
        client->is_open = true;
    }
    if (!client->is_sent)
        client->is_sent = gnutls_record_send(client->session, request, sizeof request - 1) > 0;
    for (;;) {
        ssize_t got = gnutls_record_recv(client->session, bytes, sizeof bytes);
        if (got == 0 || (got < 0 && got != GNUTLS_E_AGAIN && gnutls_error_is_fatal((int)got))) {
            broken++;
            close(client->descriptor);
            return;
        }
        if (got < 0)
            return;
        for (ssize_t i = 0; i < got; i++) {
            if (bytes[i] == '\n') {
                client->line[client->used] = '\0';
                take_line(client);
                client->used = 0;
            } else if (client->used + 1 < sizeof client->line) {
                client->line[client->used++] = bytes[i];
            }
        }
    }
}

static void open_client(struct client *client, uint16_t port, int poll, gnutls_certificate_credentials_t credentials)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    client->descriptor = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(client->descriptor, (struct sockaddr *)&address, sizeof address) != 0) {
        broken++;
        return;
    }
    fcntl(client->descriptor, F_SETFL, O_NONBLOCK);
    gnutls_init(&client->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
    gnutls_set_default_priority(client->session);
    gnutls_credentials_set(client->session, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_transport_set_int(client->session, client->descriptor);
    epoll_ctl(poll, EPOLL_CTL_ADD, client->descriptor, &(struct epoll_event){.events = EPOLLIN, .data.ptr = client});
    serve_client(client);
}

static void poll_once(int poll, int milliseconds)
{
    struct epoll_event events[256];
    int count = epoll_wait(poll, events, 256, milliseconds);
    for (int i = 0; i < count; i++)
        serve_client(events[i].data.ptr);
}

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void run_clients(int subscribers, double seconds, uint16_t port, int ready)
{
    struct client *clients = calloc((size_t)subscribers, sizeof *clients);
    lags = malloc(LAGS_MAX * sizeof *lags);
    int poll = epoll_create1(0);
    gnutls_certificate_credentials_t credentials;
    gnutls_certificate_allocate_credentials(&credentials);
    double begun = fg_clock_seconds();
    for (int i = 0; i < subscribers; i++) {
        open_client(&clients[i], port, poll, credentials);
        poll_once(poll, 0);
    }
    int open_count = 0;
    while (open_count + (int)broken < subscribers && fg_clock_seconds() - begun < 120) {
        poll_once(poll, 50);
        open_count = 0;
        for (int i = 0; i < subscribers; i++)
            open_count += clients[i].is_sent;
    }
    printf("%d streams open after %.1f s (TLS handshakes)\n", open_count, fg_clock_seconds() - begun);
    (void)!write(ready, "r", 1);
    for (begun = fg_clock_seconds(); fg_clock_seconds() - begun < seconds + 4;)
        poll_once(poll, 100);
    qsort(lags, lag_count, sizeof *lags, ascending);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("received %zu, gaps %zu, broken connections %zu\n", received, gaps, broken);
    if (lag_count > 0)
        printf("lag: median %.0f ms, p99 %.0f ms, largest %.0f ms\n", 1e3 * (double)lags[lag_count / 2],
               1e3 * (double)lags[lag_count * 99 / 100], 1e3 * (double)lags[lag_count - 1]);
    printf("clients: %.1f s of processor time\n", (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec);
    fflush(stdout);
    _exit(received > 0 && gaps == 0 && broken == 0 ? 0 : 1);
}

int main(int argc, char **argv)
{
    int subscribers = argc > 1 ? atoi(argv[1]) : 2000;
    double seconds = argc > 2 ? atof(argv[2]) : 20, rate = argc > 3 ? atof(argv[3]) : 10;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    char folder[] = "/tmp/flexgrid_bench_XXXXXX";
    if (mkdtemp(folder) == NULL)
        return 1;
    struct fg_server_options options = {.address = "127.0.0.1", .data_folder = folder, .authenticator = {NULL, authenticate},
                                        .events = {NULL, read_events, range, NULL}, .connections_per_address = 20000,
                                        .rate_per_second = 1e6, .rate_burst = 1e6, .header_seconds = 120};
    struct fg_server *server;
    struct fg_error err;
    int ready[2], port_pipe[2];
    if (pipe(ready) != 0 || pipe(port_pipe) != 0)
        return 1;
    pid_t child = fork();
    if (child == 0) {
        uint16_t port;
        if (read(port_pipe[0], &port, sizeof port) == (ssize_t)sizeof port)
            run_clients(subscribers, seconds, port, ready[1]);
        _exit(1);
    }
    if (fg_server_start(&options, &server, &err) != FG_OK) {
        fprintf(stderr, "%s: %s\n", err.place, err.text);
        return 1;
    }
    uint16_t port = fg_server_port(server);
    char byte;
    close(ready[1]);
    if (write(port_pipe[1], &port, sizeof port) < 0 || read(ready[0], &byte, 1) != 1)
        return 1;
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    uint64_t wanted = (uint64_t)(seconds * rate);
    for (uint64_t n = 1; n <= wanted; n++) {
        nanosleep(&(struct timespec){.tv_nsec = (long)(1e9 / rate) % 1000000000}, NULL);
        pthread_mutex_lock(&lock);
        stamps[n % EVENTS_KEPT] = fg_clock_seconds();
        newest = n;
        pthread_mutex_unlock(&lock);
        fg_server_notify(server, "a");
    }
    printf("sent %llu events to %d subscribers: %llu messages, %.0f a second each\n", (unsigned long long)wanted, subscribers,
           (unsigned long long)wanted * (unsigned)subscribers, rate);
    fflush(stdout);
    int status;
    waitpid(child, &status, 0);
    getrusage(RUSAGE_SELF, &after);
    printf("server: %.1f s of processor time\n",
           (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec) + (double)(after.ru_stime.tv_sec - before.ru_stime.tv_sec) +
               1e-6 * (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_stime.tv_usec));
    fg_server_stop(server, 2);
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
