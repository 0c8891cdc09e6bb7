/* Event streams: every event once and in order over several areas, resume after a cut, reset beyond retention and after a
 * restore, rights when sending, slow clients, 2,000 TLS subscribers in test_slow_api_stream.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api_fixture.h"
#include "base/instant.h"

/* A plain client (HTTP/1.0, so that there are no chunks): reads lines as they come and keeps counts by area. */
struct stream {
    int descriptor;
    char line[16384], id[8192], new_id[8192], event[32]; /* an id counts when its event is complete */
    size_t used;
    uint64_t last[AREAS]; /* n of the last trade */
    int trades, gaps, resets, readies, heartbeats;
    bool has_retry;
    char reset[200];
};

static void stream_open(struct fixture *f, struct stream *stream, const char *key, const char *areas, const char *resume)
{
    char request[10000];
    memset(stream->line, 0, sizeof stream->line);
    stream->used = 0;
    stream->new_id[0] = '\0';
    stream->descriptor = raw_open(f);
    int length = snprintf(request, sizeof request, "GET /v1/events?areas=%s HTTP/1.0\r\nHost: a\r\nAuthorization: Bearer %s\r\n%s%s%s\r\n",
                          areas, key, resume != NULL ? "Last-Event-ID: " : "", resume != NULL ? resume : "", resume != NULL ? "\r\n" : "");
    raw_send(stream->descriptor, request, (size_t)length);
}

static void take_line(struct stream *stream)
{
    char *line = stream->line;
    if (strncmp(line, "id: ", 4) == 0)
        snprintf(stream->new_id, sizeof stream->new_id, "%.8191s", line + 4);
    else if (line[0] == '\0' && stream->new_id[0] != '\0')
        memcpy(stream->id, stream->new_id, sizeof stream->id);
    else if (strncmp(line, "event: ", 7) == 0)
        snprintf(stream->event, sizeof stream->event, "%.31s", line + 7);
    else if (strncmp(line, "retry: ", 7) == 0)
        stream->has_retry = true;
    else if (strncmp(line, "data: ", 6) == 0) {
        unsigned area;
        unsigned long long n;
        if (strcmp(stream->event, "ready") == 0)
            stream->readies++;
        if (strcmp(stream->event, "reset") == 0) {
            stream->resets++;
            snprintf(stream->reset, sizeof stream->reset, "%.199s", line + 6);
        }
        if (strcmp(stream->event, "trade") == 0 && sscanf(line + 6, "{\"area\":%u,\"n\":%llu}", &area, &n) == 2 && area < AREAS) {
            stream->trades++;
            if (n != stream->last[area] + 1)
                stream->gaps++;
            stream->last[area] = n;
        }
    }
}

/* Read until `trades` (or resets) have come, the other side closes, or the seconds are over. False when closed. */
static bool stream_read(struct stream *stream, int trades, int resets, double seconds)
{
    double end = fg_clock_seconds() + seconds;
    struct timeval timeout = {.tv_usec = 50000};
    setsockopt(stream->descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    while ((stream->trades < trades || stream->resets < resets) && fg_clock_seconds() < end) {
        char bytes[4096];
        ssize_t got = recv(stream->descriptor, bytes, sizeof bytes, 0);
        if (got == 0)
            return false;
        for (ssize_t i = 0; i < got; i++) {
            if (bytes[i] == '\n') {
                stream->line[stream->used] = '\0';
                take_line(stream);
                stream->used = 0;
            } else if (bytes[i] != '\r' && stream->used + 1 < sizeof stream->line) {
                stream->line[stream->used++] = bytes[i];
            }
        }
    }
    return true;
}

static int setup(void **state)
{
    static struct fixture f;
    struct fg_error err;
    fixture_prepare(&f);
    if (fixture_start(&f, &err) != FG_OK)
        return -1;
    *state = &f;
    return 0;
}
static int teardown(void **state)
{
    fixture_release(*state);
    return 0;
}

static void wait_ready(struct stream *stream)
{
    double end = fg_clock_seconds() + 10;
    while (stream->readies == 0 && fg_clock_seconds() < end)
        stream_read(stream, stream->trades + 1, 0, 0.05);
    assert_int_equal(stream->readies, 1);
}

static void resumes_without_gap_or_duplicate(void **state)
{
    struct fixture *f = *state;
    static struct stream stream;
    stream_open(f, &stream, "agg-key", "a0,a1", NULL);
    wait_ready(&stream);
    int sent = 0, cuts = 0;
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 50; i++, sent++)
            app_event(f->app, i % 3 == 0, NULL);
        /* cut in the middle of whatever is on its way, also in the middle of an event */
        stream_read(&stream, sent - round, 0, 5);
        close(stream.descriptor);
        cuts++;
        for (int i = 0; i < 7; i++, sent++)
            app_event(f->app, i % 2, NULL);
        stream_open(f, &stream, "agg-key", "a0,a1", stream.id);
    }
    stream_read(&stream, sent, 0, 10);
    assert_int_equal(stream.trades, sent);
    assert_int_equal(stream.gaps, 0);
    assert_int_equal(stream.resets, 0);
    assert_int_equal(cuts, 20);
    close(stream.descriptor);
}

static void far_behind_reads_from_the_source(void **state)
{
    struct fixture *f = *state;
    static struct stream stream;
    uint64_t before = f->app->areas[0].newest;
    stream.last[0] = before;
    stream_open(f, &stream, "agg-key", "a0", NULL);
    wait_ready(&stream);
    close(stream.descriptor);
    for (int i = 0; i < 9000; i++) /* more than the hub keeps in memory */
        app_event(f->app, 0, NULL);
    stream_open(f, &stream, "agg-key", "a0", stream.id);
    stream_read(&stream, 9000, 0, 30);
    assert_int_equal(stream.trades, 9000);
    assert_int_equal(stream.gaps, 0);
    close(stream.descriptor);
}

static void reset_beyond_retention_and_after_restore(void **state)
{
    struct fixture *f = *state;
    static struct stream stream;
    stream.last[1] = f->app->areas[1].newest;
    stream_open(f, &stream, "agg-key", "a1", NULL);
    wait_ready(&stream);
    close(stream.descriptor);
    for (int i = 0; i < 5000; i++)
        app_event(f->app, 1, NULL);
    pthread_mutex_lock(&f->app->lock);
    f->app->areas[1].oldest = f->app->areas[1].newest - 10;
    pthread_mutex_unlock(&f->app->lock);
    stream_open(f, &stream, "agg-key", "a1", stream.id);
    stream_read(&stream, 0, 1, 10);
    assert_int_equal(stream.resets, 1);
    assert_non_null(strstr(stream.reset, "\"reason\":\"retention\""));
    /* restored while the stream is open: the area's epoch changes and its numbers go back */
    pthread_mutex_lock(&f->app->lock);
    f->app->areas[1].epoch = 2;
    f->app->areas[1].newest -= 5;
    uint64_t newest = f->app->areas[1].newest;
    pthread_mutex_unlock(&f->app->lock);
    stream_read(&stream, 0, 2, 10);
    assert_int_equal(stream.resets, 2);
    assert_non_null(strstr(stream.reset, "\"reason\":\"restored\""));
    stream.last[1] = newest;
    int before = stream.trades; /* what was still in the server's memory */
    app_event(f->app, 1, NULL);
    stream_read(&stream, before + 1, 2, 10);
    assert_int_equal(stream.trades, before + 1);
    assert_int_equal(stream.gaps, 0);
    close(stream.descriptor);
}

static void rights_are_checked_when_sending(void **state)
{
    struct fixture *f = *state;
    static struct stream stream;
    char number[64];
    stream_open(f, &stream, "agg-key", "a2", NULL); /* only for the organisation "dso" */
    char answer[2048];
    recv(stream.descriptor, answer, sizeof answer - 1, 0);
    assert_int_equal(strncmp(answer, "HTTP/1.1 404", 12), 0);
    close(stream.descriptor);
    stream.last[0] = f->app->areas[0].newest;
    stream_open(f, &stream, "agg-key", "a0", NULL);
    wait_ready(&stream);
    uint64_t from = f->app->areas[0].newest;
    app_event(f->app, 0, "agg");
    app_event(f->app, 0, "dso"); /* not for this reader */
    app_event(f->app, 0, NULL);
    stream_read(&stream, 2, 0, 10);
    stream_read(&stream, 3, 0, 0.3);
    assert_int_equal(stream.trades, 2);
    assert_int_equal(stream.gaps, 1);
    snprintf(number, sizeof number, "%llu", (unsigned long long)stream.last[0]);
    assert_int_equal(stream.last[0], from + 3);
    close(stream.descriptor);
    struct answer bad = ask(f, "GET", "/v1/events?areas=a0", AGG "\nLast-Event-ID: forged.AAAA", NULL);
    assert_int_equal(bad.status, 422);
    answer_release(&bad);
    bad = ask(f, "GET", "/v1/events?areas=a0,a0", AGG, NULL);
    assert_int_equal(bad.status, 422);
    answer_release(&bad);
}

static void stop_tells_to_come_back(void **state)
{
    (void)state;
    struct fixture f;
    struct fg_error err;
    static struct stream stream;
    fixture_prepare(&f);
    assert_int_equal(fixture_start(&f, &err), FG_OK);
    stream_open(&f, &stream, "agg-key", "a0", NULL);
    wait_ready(&stream);
    app_event(f.app, 0, NULL);
    stream_read(&stream, 1, 0, 10);
    fixture_stop(&f);
    assert_false(stream_read(&stream, 2, 0, 5)); /* ended in order */
    assert_true(stream.has_retry);
    close(stream.descriptor);
    /* the cursor is good for the next server on the same data folder */
    app_event(f.app, 0, NULL);
    assert_int_equal(fixture_start(&f, &err), FG_OK);
    stream_open(&f, &stream, "agg-key", "a0", stream.id);
    stream_read(&stream, 2, 0, 10);
    assert_int_equal(stream.trades, 2);
    assert_int_equal(stream.gaps, 0);
    close(stream.descriptor);
    fixture_release(&f);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resumes_without_gap_or_duplicate), cmocka_unit_test(far_behind_reads_from_the_source),
        cmocka_unit_test(reset_beyond_retention_and_after_restore), cmocka_unit_test(rights_are_checked_when_sending),
        cmocka_unit_test(stop_tells_to_come_back),
    };
    int failed = cmocka_run_group_tests(tests, setup, teardown);
    curl_global_cleanup();
    return failed;
}
