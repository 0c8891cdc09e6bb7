/* Identities, secrets and the audit chain. */
#include "atp/audit.h"
#include "atp/id.h"
#include "store/migrate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_ids(void **state)
{
    (void)state;
    char text[FG_ID_TEXT];
    int64_t number = 0;
    for (int kind = 0; kind < FG_ID_KIND_COUNT; kind++) {
        assert_non_null(fg_id_word((enum fg_id_kind)kind));
        for (int other = 0; other < kind; other++)
            assert_string_not_equal(fg_id_word((enum fg_id_kind)kind), fg_id_word((enum fg_id_kind)other));
        fg_id_text((enum fg_id_kind)kind, INT64_MAX, text);
        assert_int_equal(fg_id_parse((enum fg_id_kind)kind, text, &number, NULL), FG_OK);
        assert_true(number == INT64_MAX);
    }
    assert_string_equal(fg_id_text(FG_ID_ORDER, 1532, text), "ord-1532");
    static const char *const wrong[] = {"", "ord", "ord-", "ord-0", "ord-01", "ord--1", "ord-1 ", "trd-1", "1532", "ORD-1",
                                        "ord-9223372036854775808", "ord-99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct fg_error err = {0};
        assert_int_equal(fg_id_parse(FG_ID_ORDER, wrong[i], &number, &err), FG_ERR_VALUE);
        assert_non_null(strstr(err.text, "ord-1"));
    }
}

static void test_secrets(void **state)
{
    (void)state;
    char hash[FG_PASSWORD_HASH], token[FG_TOKEN_TEXT], other[FG_TOKEN_TEXT];
    unsigned char a[FG_SECRET_HASH], b[FG_SECRET_HASH];
    bool matches = true;
    assert_int_equal(fg_secret_init(NULL), FG_OK);
    assert_int_equal(fg_password_hash("too short", hash, NULL), FG_ERR_VALUE);
    assert_int_equal(fg_password_hash("\xff\xfe not utf-8 at all", hash, NULL), FG_ERR_VALUE);
    assert_int_equal(fg_password_hash("correct horse battery", hash, NULL), FG_OK);
    assert_null(strstr(hash, "horse"));
    assert_int_equal(fg_password_verify(hash, "correct horse battery", &matches, NULL), FG_OK);
    assert_true(matches);
    assert_int_equal(fg_password_verify(hash, "correct horse batterY", &matches, NULL), FG_OK);
    assert_false(matches);
    assert_int_equal(fg_password_verify(NULL, "correct horse battery", &matches, NULL), FG_OK);
    assert_false(matches);

    fg_token_create(FG_TOKEN_KEY, token, a);
    fg_token_create(FG_TOKEN_KEY, other, b);
    assert_string_not_equal(token, other);
    assert_true(fg_token_hash(FG_TOKEN_KEY, token, b));
    assert_memory_equal(a, b, sizeof a);
    assert_false(fg_token_hash(FG_TOKEN_SESSION, token, b)); /* a key is no session */
    token[10] = 'X';
    assert_false(fg_token_hash(FG_TOKEN_KEY, token, b));
    assert_false(fg_token_hash(FG_TOKEN_KEY, "fgk_", b));
}

static void test_personal_data(void **state)
{
    (void)state;
    unsigned char key[FG_SECRET_KEY], other[FG_SECRET_KEY], sealed[200];
    char plain[64];
    const char *name = "Eleni Papadopoulou";
    size_t length = strlen(name) + 1, size = fg_sealed_size(length);
    assert_int_equal(fg_secret_init(NULL), FG_OK);
    fg_secret_random(key, sizeof key);
    fg_secret_random(other, sizeof other);
    fg_secret_seal(key, "person.name", name, length, sealed);
    assert_int_equal(fg_secret_open(key, "person.name", sealed, size, plain, NULL), FG_OK);
    assert_string_equal(plain, name);
    assert_int_equal(fg_secret_open(other, "person.name", sealed, size, plain, NULL), FG_ERR_CORRUPT);
    assert_int_equal(fg_secret_open(key, "person.email", sealed, size, plain, NULL), FG_ERR_CORRUPT);
    assert_int_equal(fg_secret_open(key, "person.name", sealed, 10, plain, NULL), FG_ERR_CORRUPT);
    for (size_t i = 0; i < size; i++) {
        sealed[i] ^= 1;
        assert_int_equal(fg_secret_open(key, "person.name", sealed, size, plain, NULL), FG_ERR_CORRUPT);
        sealed[i] ^= 1;
    }
}

/* -- audit ---------------------------------------------------------------------------------------------------------- */

struct seen {
    int chains;
    struct fg_audit_report last;
};
static void see(void *context, const struct fg_audit_report *report)
{
    struct seen *seen = context;
    seen->chains++;
    seen->last = *report;
}

static void append(struct fg_store *store, const char *chain, int64_t time_us, const char *action, const char *detail)
{
    struct fg_audit_entry entry = {
        .time_us = time_us, .actor = {.user = 3, .organisation = 2}, .action = action, .object = "ord-1", .detail = detail};
    assert_int_equal(fg_store_begin(store, FG_STORE_WRITE, NULL), FG_OK);
    assert_int_equal(fg_audit_write(store, chain, &entry, NULL), FG_OK);
    assert_int_equal(fg_store_commit(store, NULL), FG_OK);
}

static bool verify(struct fg_store *store, const char *chain, struct seen *seen)
{
    bool is_intact = false;
    struct fg_error err = {0};
    memset(seen, 0, sizeof *seen);
    if (fg_audit_verify(store, chain, see, seen, &is_intact, &err) != FG_OK)
        fail_msg("%s", err.text);
    return is_intact;
}

static void run(struct fg_store *store, const char *text)
{
    struct fg_error err = {0};
    if (fg_store_execute(store, text, &err) != FG_OK)
        fail_msg("%s", err.text);
}

static void test_audit_chain(void **state)
{
    (void)state;
    char folder[] = "/tmp/fg-audit-XXXXXX";
    struct fg_store *store;
    struct seen seen;
    struct fg_store_options options = {.create = true, .migrate = true};
    assert_non_null(mkdtemp(folder));
    assert_int_equal(fg_secret_init(NULL), FG_OK);
    assert_int_equal(fg_store_open(folder, &options, &store, NULL), FG_OK);
    assert_true(verify(store, NULL, &seen)); /* nothing is nothing wrong */
    for (int i = 0; i < 2500; i++) /* more than a page of the verification */
        append(store, "area-1", i, "order.enter", i % 2 == 0 ? NULL : "{\"orders\":2}");
    append(store, "registry", 7, "user.invite", NULL);
    assert_true(verify(store, NULL, &seen));
    assert_int_equal(seen.chains, 2);
    assert_true(verify(store, "area-1", &seen));
    assert_true(seen.last.chain.sequence == 2500);

    /* Every kind of change shows, at the entry where it was made. */
    static const struct {
        const char *change, *back;
        int64_t at;
    } changes[] = {
        {"UPDATE audit SET user_id = 4 WHERE chain = 'area-1' AND sequence = 1200",
         "UPDATE audit SET user_id = 3 WHERE chain = 'area-1' AND sequence = 1200", 1200},
        {"UPDATE audit SET detail = '{}' WHERE chain = 'area-1' AND sequence = 5",
         "UPDATE audit SET detail = NULL WHERE chain = 'area-1' AND sequence = 5", 5},
        {"UPDATE audit SET detail = '' WHERE chain = 'area-1' AND sequence = 5", /* absent is not empty */
         "UPDATE audit SET detail = NULL WHERE chain = 'area-1' AND sequence = 5", 5},
        {"UPDATE audit SET time_us = 0 WHERE chain = 'area-1' AND sequence = 2500",
         "UPDATE audit SET time_us = 2499 WHERE chain = 'area-1' AND sequence = 2500", 2500},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        run(store, changes[i].change);
        assert_false(verify(store, NULL, &seen));
        assert_false(verify(store, "area-1", &seen));
        assert_true(seen.last.broken_sequence == changes[i].at);
        assert_true(seen.last.chain.sequence == changes[i].at - 1);
        run(store, changes[i].back);
        assert_true(verify(store, NULL, &seen));
    }
    run(store, "DELETE FROM audit WHERE chain = 'area-1' AND sequence = 77");
    assert_false(verify(store, "area-1", &seen));
    assert_true(seen.last.broken_sequence == 78);
    assert_true(verify(store, "registry", &seen));
    fg_store_close(store);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

/* What a chain alone cannot show: entries written anew from some place on with hashes that fit, and a missing end. */
static bool check(struct fg_store *store, const struct fg_audit_scope *scope, struct seen *seen)
{
    bool is_intact = false;
    struct fg_error err = {0};
    memset(seen, 0, sizeof *seen);
    if (fg_audit_check(store, scope, see, seen, &is_intact, &err) != FG_OK)
        fail_msg("%s", err.text);
    return is_intact;
}

static void test_audit_anchors_and_parts(void **state)
{
    (void)state;
    char folder[] = "/tmp/fg-audit-XXXXXX", command[64];
    struct fg_store *store;
    struct seen seen;
    struct fg_audit_chain anchor, later;
    struct fg_store_options options = {.create = true, .migrate = true};
    assert_non_null(mkdtemp(folder));
    assert_int_equal(fg_secret_init(NULL), FG_OK);
    assert_int_equal(fg_store_open(folder, &options, &store, NULL), FG_OK);
    for (int i = 0; i < 40; i++)
        append(store, "area-1", 1000 + i, "order.enter", NULL);
    assert_int_equal(fg_audit_chain_load(store, "area-1", &anchor, NULL), FG_OK);
    for (int i = 40; i < 60; i++)
        append(store, "area-1", 1000 + i, "order.enter", NULL);
    assert_int_equal(fg_audit_chain_load(store, "area-1", &later, NULL), FG_OK);
    const struct fg_audit_chain known[] = {anchor, later};
    struct fg_audit_scope scope = {.anchors = known, .anchor_count = 2};
    assert_true(check(store, &scope, &seen));

    /* The end is cut off: the chain fits, the anchor does not. */
    assert_int_equal(fg_store_begin(store, FG_STORE_WRITE, NULL), FG_OK);
    run(store, "DELETE FROM audit WHERE sequence > 55");
    assert_int_equal(fg_store_commit(store, NULL), FG_OK);
    assert_true(verify(store, NULL, &seen));
    assert_false(check(store, &scope, &seen));
    assert_true(seen.last.broken_sequence == 56 && seen.last.chain.sequence == 55);
    /* Written anew, with hashes that fit. */
    run(store, "DELETE FROM audit WHERE sequence > 30");
    for (int i = 30; i < 60; i++)
        append(store, "area-1", 1000 + i, "order.cancel", NULL);
    assert_true(verify(store, NULL, &seen));
    assert_false(check(store, &scope, &seen));
    assert_true(seen.last.broken_sequence == 40);
    /* All of it is gone. */
    run(store, "DELETE FROM audit");
    assert_true(verify(store, NULL, &seen));
    assert_false(check(store, &scope, &seen));
    assert_string_equal(seen.last.chain.name, "area-1");
    assert_true(seen.last.broken_sequence == 1);

    /* Parts: a change outside of the time that is asked for is not looked at, one inside is found. */
    for (int i = 0; i < 40; i++)
        append(store, "area-1", 1000 + i, "order.enter", NULL);
    run(store, "UPDATE audit SET user_id = 9 WHERE sequence = 20");
    struct fg_audit_scope before = {.until_us = 1019}, after = {.from_us = 1021}, around = {.from_us = 1010, .until_us = 1030};
    assert_true(check(store, &before, &seen));
    assert_true(seen.last.first_sequence == 1 && seen.last.count == 19 && seen.last.last_us == 1018);
    assert_true(check(store, &after, &seen));
    assert_true(seen.last.first_sequence == 22 && seen.last.count == 19 && seen.last.first_us == 1021);
    assert_false(check(store, &around, &seen));
    assert_true(seen.last.broken_sequence == 20 && seen.last.count == 9);
    /* An entry that was put in takes the number of another one: it or the next shows. */
    run(store, "UPDATE audit SET user_id = 3 WHERE sequence = 20");
    assert_true(verify(store, NULL, &seen));
    run(store, "UPDATE audit SET sequence = sequence + 1000 WHERE sequence > 10");
    run(store, "INSERT INTO audit SELECT chain, 11, 1009, user_id, organisation_id, on_behalf_of, key_id, action, object, detail, hash FROM audit "
               "WHERE sequence = 10");
    run(store, "UPDATE audit SET sequence = sequence - 999 WHERE sequence > 1000");
    assert_false(verify(store, NULL, &seen));
    assert_true(seen.last.broken_sequence == 11);
    fg_store_close(store);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_audit_anchors_and_parts),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_personal_data),
        cmocka_unit_test(test_audit_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
