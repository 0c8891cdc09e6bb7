/* Strict reading (RFC 8259) with places (RFC 6901), and the streaming writer. */
#include "base/json.h"
#include "base/memory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static json_t *load(const char *text)
{
    json_t *root = NULL;
    struct fg_error err = {0};
    if (fg_json_load_text(text, strlen(text), "net.json", &root, &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
    return root;
}

static void expect_refused(const char *text, size_t length, enum fg_code code, const char *place)
{
    json_t *root = NULL;
    struct fg_error err = {0};
    assert_int_equal(fg_json_load_text(text, length, "net.json", &root, &err), code);
    assert_null(root);
    if (place != NULL)
        assert_string_equal(err.place, place);
}

static void test_syntax_is_strict(void **state)
{
    (void)state;
    static const char *const refused[] = {"",         "{",           "[1,]",           "{\"a\":1,}", "{'a':1}",
                                          "[NaN]",    "[Infinity]",  "[01]",           "[1] 2",      "[1e999]",
                                          "[\"\\x\"]", "[\"\t\"]",   "[9223372036854775808]", "// no\n[]", "[\"\xFF\"]"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        expect_refused(refused[i], strlen(refused[i]), FG_ERR_SYNTAX, NULL);
    static const char duplicate[] = "{\"bus\": 1,\n \"bus\": 2}";
    expect_refused(duplicate, strlen(duplicate), FG_ERR_SYNTAX, "net.json:2:6");
    static const char nul[] = "[1,\0 2]";
    expect_refused(nul, sizeof nul - 1, FG_ERR_SYNTAX, NULL);
    json_decref(load("\xEF\xBB\xBF[1]")); /* a byte order mark may be ignored */
}

static void test_hostile_sizes(void **state)
{
    (void)state;
    size_t depth = 200000;
    char *nested = malloc(depth);
    memset(nested, '[', depth);
    expect_refused(nested, depth, FG_ERR_SYNTAX, NULL);
    free(nested);

    /* 48 MB of empty objects would take gigabytes once parsed; it is refused before anything is allocated. */
    size_t count = 16u << 20;
    char *swarm = malloc(3 * count);
    for (size_t i = 0; i < count; i++)
        memcpy(swarm + 3 * i, "{},", 3);
    swarm[0] = '[';
    expect_refused(swarm, 3 * count, FG_ERR_TOO_LARGE, "net.json");
    free(swarm);
}

static void test_typed_members(void **state)
{
    (void)state;
    json_t *document = load("{\"x\": 1.5, \"n\": 7, \"whole\": 3.0, \"s\": \"line\", \"t\": true, \"nil\": null,"
                            " \"list\": [1, 2, 3], \"sub\": {}}");
    struct fg_json_cursor root = fg_json_root(document, "net.json");
    struct fg_error err = {0};
    double x = 0;
    int64_t n = 0;
    const char *s = NULL;
    bool t = false;
    struct fg_json_cursor list, sub;
    assert_int_equal(fg_json_get_number(&root, "x", &x, &err), FG_OK);
    assert_true(x == 1.5);
    assert_int_equal(fg_json_get_number(&root, "n", &x, &err), FG_OK);
    assert_true(x == 7);
    assert_int_equal(fg_json_get_integer(&root, "n", &n, &err), FG_OK);
    assert_int_equal(n, 7);
    assert_int_equal(fg_json_get_integer(&root, "whole", &n, &err), FG_OK);
    assert_int_equal(n, 3);
    assert_int_equal(fg_json_get_string(&root, "s", &s, &err), FG_OK);
    assert_string_equal(s, "line");
    assert_int_equal(fg_json_or_bool(&root, "t", false, &t, &err), FG_OK);
    assert_true(t);
    assert_int_equal(fg_json_or_number(&root, "nil", 9, &x, &err), FG_OK);
    assert_true(x == 9);
    assert_int_equal(fg_json_or_integer(&root, "absent", 8, &n, &err), FG_OK);
    assert_int_equal(n, 8);
    assert_int_equal(fg_json_or_string(&root, "absent", "else", &s, &err), FG_OK);
    assert_string_equal(s, "else");
    assert_int_equal(fg_json_get_array(&root, "list", &list, &err), FG_OK);
    assert_int_equal(fg_json_count(&list), 3);
    assert_int_equal(fg_json_or_array(&root, "absent", &list, &err), FG_OK);
    assert_int_equal(fg_json_count(&list), 0);
    assert_int_equal(fg_json_get_object(&root, "sub", &sub, &err), FG_OK);

    assert_int_equal(fg_json_get_integer(&root, "x", &n, &err), FG_ERR_SCHEMA);
    assert_string_equal(err.place, "net.json#/x");
    assert_int_equal(fg_json_get_number(&root, "s", &x, &err), FG_ERR_SCHEMA);
    assert_non_null(strstr(err.text, "a string"));
    assert_int_equal(fg_json_get_number(&root, "nil", &x, &err), FG_ERR_SCHEMA);
    assert_int_equal(fg_json_get_string(&root, "absent", &s, &err), FG_ERR_SCHEMA);
    assert_string_equal(err.place, "net.json#/absent");
    assert_non_null(strstr(err.text, "missing"));
    assert_int_equal(fg_json_get_array(&root, "sub", &list, &err), FG_ERR_SCHEMA);
    assert_int_equal(fg_json_get_object(&root, "list", &sub, &err), FG_ERR_SCHEMA);
    assert_int_equal(fg_json_or_bool(&root, "n", true, &t, &err), FG_ERR_SCHEMA);
    json_decref(document);
}

static void test_places(void **state)
{
    (void)state;
    json_t *document = load("{\"a/b\": [{\"c~d\": \"x\"}]}");
    struct fg_json_cursor root = fg_json_root(document, "net.json");
    struct fg_json_cursor list = fg_json_member(&root, "a/b");
    struct fg_json_cursor item = fg_json_item(&list, 0);
    struct fg_error err = {0};
    double x;
    assert_int_equal(fg_json_get_number(&item, "c~d", &x, &err), FG_ERR_SCHEMA);
    assert_string_equal(err.place, "net.json#/a~1b/0/c~0d"); /* escapes of RFC 6901, section 3 */
    char small[12];
    struct fg_json_cursor deep = fg_json_member(&item, "c~d");
    assert_string_equal(fg_json_place(&deep, small, sizeof small), "net.json#/a");
    json_decref(document);
}

static void test_unknown_members(void **state)
{
    (void)state;
    json_t *document = load("{\"rating_mva\": 1, \"ratng_a\": 2}");
    struct fg_json_cursor root = fg_json_root(document, "net.json");
    struct fg_error err = {0};
    static const char *const all[] = {"rating_mva", "ratng_a", NULL};
    static const char *const near[] = {"rating_mva", "rating_a", NULL};
    assert_int_equal(fg_json_only(&root, all, &err), FG_OK);
    assert_int_equal(fg_json_only(&root, near, &err), FG_ERR_SCHEMA);
    assert_string_equal(err.place, "net.json#/ratng_a");
    assert_non_null(strstr(err.text, "did you mean \"rating_a\""));
    json_decref(document);
    document = load("{\"quite_another_thing\": 1}");
    root = fg_json_root(document, "net.json");
    assert_int_equal(fg_json_only(&root, near, &err), FG_ERR_SCHEMA);
    assert_non_null(strstr(err.text, "rating_mva, rating_a"));
    json_decref(document);
}

static void write_sample(struct fg_json_writer *writer)
{
    fg_json_begin_object(writer, NULL);
    fg_json_put_string(writer, "name", "q\"\\\n\x01\xFF\xC3\xBC");
    fg_json_put_number(writer, "x", 0.1);
    fg_json_put_number(writer, "bad", NAN);
    fg_json_put_integer(writer, "n", INT64_MIN);
    fg_json_begin_row(writer, "row");
    fg_json_put_number(writer, NULL, 1);
    fg_json_begin_row_object(writer, NULL);
    fg_json_put_bool(writer, "t", true);
    fg_json_end_object(writer);
    fg_json_end_array(writer);
    fg_json_begin_array(writer, "list");
    fg_json_put_null(writer, NULL);
    fg_json_put_string(writer, NULL, NULL);
    fg_json_end_array(writer);
    fg_json_begin_array(writer, "empty");
    fg_json_end_array(writer);
    fg_json_end_object(writer);
}

static void test_writer(void **state)
{
    (void)state;
    struct fg_text text;
    struct fg_json_writer writer;
    fg_text_init(&text);
    fg_json_writer_init(&writer, &text, false);
    write_sample(&writer);
    assert_string_equal(text.data, "{\"name\":\"q\\\"\\\\\\n\\u0001\xEF\xBF\xBD\xC3\xBC\",\"x\":0.1,\"bad\":null,"
                                   "\"n\":-9223372036854775808,\"row\":[1,{\"t\":true}],\"list\":[null,null],"
                                   "\"empty\":[]}");
    json_t *again = load(text.data); /* and a reader that is not ours takes it */
    assert_true(json_integer_value(json_object_get(again, "n")) == INT64_MIN);
    json_decref(again);
    fg_text_release(&text);

    fg_text_init(&text);
    fg_json_writer_init(&writer, &text, true);
    write_sample(&writer);
    assert_string_equal(text.data, "{\n  \"name\": \"q\\\"\\\\\\n\\u0001\xEF\xBF\xBD\xC3\xBC\",\n  \"x\": 0.1,\n"
                                   "  \"bad\": null,\n  \"n\": -9223372036854775808,\n  \"row\": [1, {\"t\": true}],\n"
                                   "  \"list\": [\n    null,\n    null\n  ],\n  \"empty\": []\n}\n");
    fg_text_release(&text);
}

static void test_load_file(void **state)
{
    (void)state;
    char path[] = "/tmp/fg_test_json_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "{\"a\":\n ]}", 9), 9);
    close(fd);
    json_t *root = NULL;
    struct fg_error err = {0};
    assert_int_equal(fg_json_load_file(path, &root, &err), FG_ERR_SYNTAX);
    char expected[64];
    snprintf(expected, sizeof expected, "%s:2:2", path);
    assert_string_equal(err.place, expected);
    unlink(path);
    assert_int_equal(fg_json_load_file(path, &root, &err), FG_ERR_IO);
}

/* jansson takes its memory from malloc unless told otherwise; the test tells it, so that each of its allocations fails
 * once. */
static void *counted_malloc(size_t size)
{
    return fg_alloc(1, size);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    static const char text[] = "{\"a\": [1, 2.5, \"text\", {\"b\": null}], \"c\": {\"d\": true}}";
    json_set_alloc_funcs(counted_malloc, fg_free);
    long n = 1;
    for (;; n++) {
        json_t *root = NULL;
        fg_alloc_fail_after(n);
        enum fg_code code = fg_json_load_text(text, strlen(text), "x", &root, NULL);
        fg_alloc_fail_after(0);
        if (code == FG_OK) {
            json_decref(root);
            break;
        }
        assert_null(root);
        assert_true(n < 1000);
    }
    assert_true(n > 5);
    json_set_alloc_funcs(malloc, free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syntax_is_strict), cmocka_unit_test(test_hostile_sizes),
        cmocka_unit_test(test_typed_members),    cmocka_unit_test(test_places),
        cmocka_unit_test(test_unknown_members),  cmocka_unit_test(test_writer),
        cmocka_unit_test(test_load_file),        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
