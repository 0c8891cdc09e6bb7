/* Webhooks of a server that is killed while it sends: the receiver gets every event at least once, in order, and an event that
 * comes twice is the same event. */
#include "support/gateway_fixture.h"
#include "support/receiver.h"

enum { ROUNDS = 5, MESSAGES = 12 };

static int64_t sequence_of(const struct received *item)
{
    json_t *body = json_loads(item->body, 0, NULL);
    int64_t sequence = atoll(text_at(body, "sequence"));
    json_decref(body);
    return sequence;
}

static void killed_while_sending(void **state)
{
    struct gateway_fixture f;
    struct receiver receiver;
    char body[300], name[40];
    int said = 0, in_between = 0;
    gateway_open(&f, state);
    receiver_start(&receiver);
    snprintf(body, sizeof body, "{\"area\":\"area-1\",\"url\":\"http://127.0.0.1:%u/hook\",\"kinds\":\"market.message\"}", receiver.port);
    json_decref(gateway_ask(&f, f.agg, "POST", "/v1/webhooks", body, 201));
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < MESSAGES; i++) {
            snprintf(body, sizeof body, "{\"text\":\"message-%d;\"}", said++);
            json_decref(gateway_ask(&f, f.fmo, "POST", "/v1/areas/area-1/messages", body, 200));
        }
        usleep((useconds_t)(1000 * (round * 37 % 60))); /* somewhere among them */
        gateway_stop(&f.server, SIGKILL);
        size_t got = receiver_count(&receiver); /* in order: when all are sent the last message is the last here */
        snprintf(name, sizeof name, "message-%d;", said - 1);
        in_between += got == 0 || strstr(receiver.items[got - 1].body, name) == NULL;
        gateway_serve(&f);
    }
    print_message("%d kills, %d of them while messages were outstanding\n", ROUNDS, in_between);
    assert_true(in_between > 0);
    snprintf(name, sizeof name, "message-%d;", said - 1);
    for (int tries = 0; tries < 1000; tries++) {
        size_t count = receiver_count(&receiver);
        if (count > 0 && strstr(receiver.items[count - 1].body, name) != NULL)
            break;
        usleep(10000);
    }
    usleep(300000);
    size_t count = receiver_count(&receiver), repeated = 0;
    int next = 0;
    assert_true(count >= (size_t)said);
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "message-%d;", next);
        if (strstr(receiver.items[i].body, name) != NULL) {
            if (i > 0)
                assert_true(sequence_of(&receiver.items[i]) > sequence_of(&receiver.items[i - 1]));
            next++;
            continue;
        }
        snprintf(name, sizeof name, "message-%d;", next - 1); /* the last one again: it was not known to be recorded */
        if (next == 0 || strstr(receiver.items[i].body, name) == NULL)
            fail_msg("request %zu is %s and not message %d", i, receiver.items[i].body, next);
        assert_int_equal(sequence_of(&receiver.items[i]), sequence_of(&receiver.items[i - 1]));
        assert_string_equal(receiver.items[i].body, receiver.items[i - 1].body);
        repeated++;
    }
    assert_int_equal(next, said);
    assert_true(repeated <= ROUNDS); /* one for each kill at most */
    receiver_stop(&receiver);
    gateway_close(&f);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {ON_BOTH(killed_while_sending)};
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
