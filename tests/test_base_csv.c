/* CSV by RFC 4180: quoting, separators, line ends, byte order marks, and places in errors. */
#include "base/csv.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

static void parse(struct fg_csv *csv, const char *text)
{
    struct fg_error err = {0};
    if (fg_csv_parse(csv, text, strlen(text), "t.csv", &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
}

static void expect_refused(const char *text, size_t length, const char *place, const char *words)
{
    struct fg_csv csv;
    struct fg_error err = {0};
    assert_int_equal(fg_csv_parse(&csv, text, length, "t.csv", &err), FG_ERR_SYNTAX);
    assert_string_equal(err.place, place);
    if (strstr(err.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
    fg_csv_release(&csv);
}

static void test_quoting(void **state)
{
    (void)state;
    struct fg_csv csv;
    parse(&csv, "id,\"na,me\",x\r\n1,\"say \"\"yes\"\"\",2\r\n2,\"two\nlines\",\"\"\r\n\r\n3,,end");
    assert_int_equal(csv.column_count, 3);
    assert_int_equal(csv.row_count, 3);
    assert_string_equal(csv.header[1], "na,me");
    assert_string_equal(fg_csv_field(&csv, 0, 1), "say \"yes\"");
    assert_string_equal(fg_csv_field(&csv, 1, 1), "two\nlines");
    assert_string_equal(fg_csv_field(&csv, 1, 2), "");
    assert_string_equal(fg_csv_field(&csv, 2, 1), "");
    assert_string_equal(fg_csv_field(&csv, 2, 2), "end");
    assert_int_equal(csv.lines[0], 2);
    assert_int_equal(csv.lines[1], 3);
    assert_int_equal(csv.lines[2], 6);
    fg_csv_release(&csv);
}

static void test_separator_and_mark(void **state)
{
    (void)state;
    struct fg_csv csv;
    parse(&csv, "\xEF\xBB\xBFid;vn\n\xC3\xBC,1;20\n");
    assert_string_equal(csv.header[0], "id");
    assert_string_equal(fg_csv_field(&csv, 0, 0), "\xC3\xBC,1");
    assert_string_equal(fg_csv_field(&csv, 0, 1), "20");
    fg_csv_release(&csv);
    parse(&csv, "only\nvalue\r"); /* one column, old Macintosh line end */
    assert_int_equal(csv.row_count, 1);
    assert_string_equal(fg_csv_field(&csv, 0, 0), "value");
    fg_csv_release(&csv);
    parse(&csv, "a,b\n");
    assert_int_equal(csv.row_count, 0);
    fg_csv_release(&csv);
}

static void test_refusals_name_the_line(void **state)
{
    (void)state;
    expect_refused("", 0, "t.csv:1", "empty");
    expect_refused("\n\n", 2, "t.csv:1", "empty");
    expect_refused("a,b\n1,2\n3\n", 10, "t.csv:3", "1 fields, but the header has 2");
    expect_refused("a,b\n1,2,3\n", 10, "t.csv:2", "3 fields, but the header has 2");
    expect_refused("a,b\n1,\"2\n3,4\n", 13, "t.csv:2", "never closed");
    expect_refused("a,b\n1,2\"3\n", 10, "t.csv:2", "quote inside");
    expect_refused("a,b\n1,\"2\"3\n", 11, "t.csv:2", "after a closing quote");
    expect_refused("a,b,a\n", 6, "t.csv:1", "\"a\" appears twice");
    expect_refused("a,b\n1,\xFC\n", 8, "t.csv:2", "UTF-8");
    expect_refused("a,b\n1,2\n\0,3\n", 12, "t.csv:3", "NUL");
    expect_refused("\xFF\xFE" "a\0", 4, "t.csv:1", "UTF-16");
}

static void test_too_many_columns(void **state)
{
    (void)state;
    size_t length = (size_t)2 * FG_CSV_MAX_COLUMNS + 2;
    char *wide = malloc(length);
    memset(wide, ',', length);
    struct fg_csv csv;
    assert_int_equal(fg_csv_parse(&csv, wide, length, "t.csv", NULL), FG_ERR_TOO_LARGE);
    fg_csv_release(&csv);
    free(wide);
}

static void test_typed_fields(void **state)
{
    (void)state;
    struct fg_csv csv;
    struct fg_error err = {0};
    parse(&csv, "id,p_mw\n12,-1.5e-3\nx,nan\n9223372036854775808,\n");
    size_t id, p;
    assert_int_equal(fg_csv_need(&csv, "id", &id, &err), FG_OK);
    assert_int_equal(fg_csv_need(&csv, "p_mw", &p, &err), FG_OK);
    assert_int_equal(fg_csv_column(&csv, "q"), -1);
    int64_t n = 0;
    double x = 0;
    assert_int_equal(fg_csv_integer(&csv, 0, id, &n, &err), FG_OK);
    assert_int_equal(n, 12);
    assert_int_equal(fg_csv_number(&csv, 0, p, &x, &err), FG_OK);
    assert_true(x == -1.5e-3);
    assert_int_equal(fg_csv_integer(&csv, 1, id, &n, &err), FG_ERR_VALUE);
    assert_string_equal(err.place, "t.csv:3, column id");
    assert_int_equal(fg_csv_number(&csv, 1, p, &x, &err), FG_ERR_VALUE);
    assert_string_equal(err.place, "t.csv:3, column p_mw");
    assert_int_equal(fg_csv_integer(&csv, 2, id, &n, &err), FG_ERR_VALUE);
    assert_int_equal(fg_csv_number(&csv, 2, p, &x, &err), FG_ERR_VALUE);
    assert_int_equal(fg_csv_need(&csv, "q", &p, &err), FG_ERR_SCHEMA);
    assert_non_null(strstr(err.text, "id, p_mw"));
    fg_csv_release(&csv);
}

/* What is written reads back, whatever the fields hold. */
static void test_put_round_trip(void **state)
{
    (void)state;
    static const char *const fields[] = {"plain", "with,comma", "semi;colon", "\"quoted\"", "two\nlines", "", " blank"};
    size_t count = sizeof fields / sizeof fields[0];
    struct fg_text text;
    fg_text_init(&text);
    fg_text_puts(&text, "a,b,c,d,e,f,g\n");
    for (size_t i = 0; i < count; i++)
        fg_csv_put(&text, fields[i], i + 1 == count);
    struct fg_csv csv;
    parse(&csv, text.data);
    assert_int_equal(csv.row_count, 1);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(fg_csv_field(&csv, 0, i), fields[i]);
    fg_csv_release(&csv);
    fg_text_release(&text);
}

static void test_read_gzip(void **state)
{
    (void)state;
    char path[] = "/tmp/fg_test_csv_XXXXXX";
    int fd = mkstemp(path);
    gzFile out = gzdopen(fd, "wb");
    gzputs(out, "a;b\n1;2\n");
    gzclose(out);
    struct fg_csv csv;
    struct fg_error err = {0};
    assert_int_equal(fg_csv_read(&csv, path, &err), FG_OK);
    assert_string_equal(fg_csv_field(&csv, 0, 1), "2");
    fg_csv_release(&csv);
    unlink(path);
    assert_int_equal(fg_csv_read(&csv, path, &err), FG_ERR_IO);
    assert_string_equal(err.place, path);
    fg_csv_release(&csv);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    static const char text[] = "a,b\n1,2\n3,4\n5,6\n7,8\n9,10\n11,12\n13,14\n15,16\n17,18\n";
    long n = 1;
    for (;; n++) {
        struct fg_csv csv;
        fg_alloc_fail_after(n);
        enum fg_code code = fg_csv_parse(&csv, text, strlen(text), "t.csv", NULL);
        fg_alloc_fail_after(0);
        fg_csv_release(&csv);
        if (code == FG_OK)
            break;
        assert_int_equal(code, FG_ERR_MEMORY);
        assert_true(n < 100);
    }
    assert_true(n > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quoting),        cmocka_unit_test(test_separator_and_mark),
        cmocka_unit_test(test_refusals_name_the_line), cmocka_unit_test(test_too_many_columns),
        cmocka_unit_test(test_typed_fields),   cmocka_unit_test(test_put_round_trip),
        cmocka_unit_test(test_read_gzip),      cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
