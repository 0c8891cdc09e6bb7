/* A small HTTP server that keeps the requests it gets and answers as it is told: the receiver of webhooks, an external market. */
#ifndef FG_TESTS_RECEIVER_H
#define FG_TESTS_RECEIVER_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECEIVED_MAX = 2000, RECEIVED_BYTES = 4000 };
struct received {
    char head[2000], body[RECEIVED_BYTES];
    size_t length;
};
struct receiver {
    pthread_t thread;
    pthread_mutex_t mutex;
    int listener;
    uint16_t port;
    atomic_bool stop;
    atomic_int arrived; /* requests, counted before anything is done with them */
    struct received *items;
    size_t count;
    int status;          /* of the next answers */
    int other_status;    /* ... to requests whose head has `other`; 0: as the others */
    char other[60];
    char location[200];  /* header of a redirect */
    char *answer;        /* body; NULL: none */
    char tag[100];       /* ETag; 304 when the request has it */
};

static inline void receiver_answer(struct receiver *receiver, int client, const char *head)
{
    char text[1000];
    pthread_mutex_lock(&receiver->mutex);
    const char *body = receiver->answer != NULL ? receiver->answer : "";
    int status = receiver->tag[0] != '\0' && strstr(head, receiver->tag) != NULL ? 304 : receiver->status;
    if (receiver->other_status != 0 && strstr(head, receiver->other) != NULL)
        status = receiver->other_status;
    size_t length = status == 304 ? 0 : strlen(body);
    int used = snprintf(text, sizeof text, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n", status, length);
    if (receiver->location[0] != '\0')
        used += snprintf(text + used, sizeof text - (size_t)used, "Location: %s\r\n", receiver->location);
    if (receiver->tag[0] != '\0')
        used += snprintf(text + used, sizeof text - (size_t)used, "ETag: %s\r\n", receiver->tag);
    used += snprintf(text + used, sizeof text - (size_t)used, "\r\n");
    (void)!send(client, text, (size_t)used, MSG_NOSIGNAL);
    for (size_t sent = 0; sent < length;) {
        ssize_t now = send(client, body + sent, length - sent, MSG_NOSIGNAL);
        if (now <= 0)
            break;
        sent += (size_t)now;
    }
    pthread_mutex_unlock(&receiver->mutex);
}

static inline void receiver_take(struct receiver *receiver, int client)
{
    char bytes[8000];
    size_t used = 0, length = 0;
    char *end = NULL;
    struct timeval timeout = {.tv_sec = 5};
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    while (used + 1 < sizeof bytes) {
        ssize_t got = recv(client, bytes + used, sizeof bytes - 1 - used, 0);
        if (got <= 0)
            return;
        used += (size_t)got;
        bytes[used] = '\0';
        if (end == NULL && (end = strstr(bytes, "\r\n\r\n")) != NULL) {
            const char *at = strcasestr(bytes, "content-length:");
            length = at != NULL && at < end ? strtoul(at + 15, NULL, 10) : 0;
        }
        if (end != NULL && used >= (size_t)(end + 4 - bytes) + length)
            break;
    }
    if (end == NULL)
        return;
    *end = '\0';
    atomic_fetch_add(&receiver->arrived, 1);
    pthread_mutex_lock(&receiver->mutex);
    if (receiver->count < RECEIVED_MAX) {
        struct received *item = &receiver->items[receiver->count++];
        snprintf(item->head, sizeof item->head, "%.1990s", bytes);
        snprintf(item->body, sizeof item->body, "%.3990s", end + 4);
        item->length = length;
    }
    pthread_mutex_unlock(&receiver->mutex);
    receiver_answer(receiver, client, bytes);
}

static inline void *receiver_run(void *argument)
{
    struct receiver *receiver = argument;
    while (!atomic_load(&receiver->stop)) {
        struct pollfd ready = {receiver->listener, POLLIN, 0};
        if (poll(&ready, 1, 20) <= 0)
            continue;
        int client = accept(receiver->listener, NULL, NULL);
        if (client < 0)
            continue;
        receiver_take(receiver, client);
        close(client);
    }
    return NULL;
}

static inline void receiver_start(struct receiver *receiver)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    memset(receiver, 0, sizeof *receiver);
    pthread_mutex_init(&receiver->mutex, NULL);
    receiver->items = calloc(RECEIVED_MAX, sizeof *receiver->items);
    receiver->status = 204;
    receiver->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(receiver->listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(receiver->listener, 64) != 0 ||
        getsockname(receiver->listener, (struct sockaddr *)&address, &size) != 0 ||
        pthread_create(&receiver->thread, NULL, receiver_run, receiver) != 0)
        abort();
    receiver->port = ntohs(address.sin_port);
}
static inline void receiver_stop(struct receiver *receiver)
{
    atomic_store(&receiver->stop, true);
    pthread_join(receiver->thread, NULL);
    close(receiver->listener);
    free(receiver->items);
    free(receiver->answer);
    pthread_mutex_destroy(&receiver->mutex);
}
static inline void receiver_say(struct receiver *receiver, int status, const char *location)
{
    pthread_mutex_lock(&receiver->mutex);
    receiver->status = status;
    snprintf(receiver->location, sizeof receiver->location, "%s", location != NULL ? location : "");
    pthread_mutex_unlock(&receiver->mutex);
}
static inline void receiver_say_to(struct receiver *receiver, const char *other, int status)
{
    pthread_mutex_lock(&receiver->mutex);
    receiver->other_status = status;
    snprintf(receiver->other, sizeof receiver->other, "%s", other);
    pthread_mutex_unlock(&receiver->mutex);
}
static inline void receiver_give(struct receiver *receiver, const char *body, const char *tag)
{
    pthread_mutex_lock(&receiver->mutex);
    free(receiver->answer);
    receiver->answer = body != NULL ? strdup(body) : NULL;
    snprintf(receiver->tag, sizeof receiver->tag, "%s", tag != NULL ? tag : "");
    pthread_mutex_unlock(&receiver->mutex);
}
static inline size_t receiver_count(struct receiver *receiver)
{
    pthread_mutex_lock(&receiver->mutex);
    size_t count = receiver->count;
    pthread_mutex_unlock(&receiver->mutex);
    return count;
}
/* Wait for the n-th request (from 1); false after thirty seconds. */
static inline bool receiver_wait(struct receiver *receiver, size_t count)
{
    for (int tries = 0; tries < 3000 && receiver_count(receiver) < count; tries++)
        usleep(10000);
    return receiver_count(receiver) >= count;
}
/* A header's value into out, "" without. */
static inline const char *received_header(const struct received *item, const char *name, char *out, size_t size)
{
    const char *at = strcasestr(item->head, name);
    out[0] = '\0';
    if (at != NULL) {
        at += strlen(name) + 1;
        at += strspn(at, " ");
        snprintf(out, size, "%.*s", (int)strcspn(at, "\r\n"), at);
    }
    return out;
}

#endif
