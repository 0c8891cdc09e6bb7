/* Growing strings, numbers, whole files and results that are there completely or not at all. */
#include "base/memory.h"
#include "base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/fg_test_text_XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    DIR *dir = opendir(folder);
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL)
        unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    return rmdir(folder);
}

static const char *in_folder(const char *name)
{
    static char path[2][128];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static size_t files_in_folder(void)
{
    DIR *dir = opendir(folder);
    size_t count = 0;
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void assert_file_holds(const char *path, const char *expected)
{
    struct fg_text text;
    struct fg_error err = {0};
    assert_int_equal(fg_file_read(path, 1 << 20, &text, &err), FG_OK);
    assert_string_equal(text.data, expected);
    assert_int_equal(text.length, strlen(expected));
    fg_text_release(&text);
}

static void test_text_grows(void **state)
{
    (void)state;
    struct fg_text text;
    fg_text_init(&text);
    for (int i = 0; i < 1000; i++)
        fg_text_printf(&text, "%03d,", i);
    fg_text_puts(&text, "end");
    assert_false(text.failed);
    assert_int_equal(text.length, 4003);
    assert_memory_equal(text.data, "000,001,002,", 12);
    assert_string_equal(text.data + 3996, "999,end");
    fg_text_release(&text);
    assert_null(text.data);
}

static void test_text_remembers_failure(void **state)
{
    (void)state;
    struct fg_text text;
    fg_text_init(&text);
    fg_text_puts(&text, "whole");
    fg_alloc_fail_after(1);
    for (int i = 0; i < 100; i++)
        fg_text_puts(&text, "0123456789");
    fg_alloc_fail_after(0);
    assert_true(text.failed);
    fg_text_puts(&text, "x"); /* stays failed, so that nobody writes a text with a hole */
    assert_true(text.length < 100);
    fg_text_release(&text);
}

static void expect_number(double value, const char *expected)
{
    struct fg_text text;
    fg_text_init(&text);
    fg_text_number(&text, value);
    assert_string_equal(text.data, expected);
    fg_text_release(&text);
}

static void test_numbers_are_shortest(void **state)
{
    (void)state;
    expect_number(0.1, "0.1");
    expect_number(0.1 + 0.2, "0.30000000000000004"); /* IEEE 754 binary64, the well-known sum */
    expect_number(1.0 / 3.0, "0.3333333333333333");
    expect_number(100, "100");
    expect_number(-0.0, "-0");
    expect_number(5e-324, "4.94065645841247e-324");
}

static void test_numbers_are_strict(void **state)
{
    (void)state;
    static const char *const refused[] = {"",    " ",   "nan",  "inf", "-Infinity", "0x10", "1e",
                                          "1e+", "1 2", "1,5", "--1", ".",         "1e999", "1.5MW"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        double value = 7;
        assert_false(fg_number_parse(refused[i], &value));
        assert_true(value == 7);
    }
    double value = 0;
    assert_true(fg_number_parse(" -1.25e2\t", &value));
    assert_true(value == -125);
    assert_true(fg_number_parse(".5", &value));
    assert_true(value == 0.5);
    assert_true(fg_number_parse("+3.", &value));
    assert_true(value == 3);
    assert_true(fg_number_parse("1e-400", &value)); /* underflow to zero is a rounding, not an error */
    assert_true(value == 0);
}

static void test_numbers_ignore_the_locale(void **state)
{
    (void)state;
    static const char *const comma_locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "it_IT.UTF-8"};
    const char *chosen = NULL;
    for (size_t i = 0; i < 3 && chosen == NULL; i++)
        chosen = setlocale(LC_NUMERIC, comma_locales[i]);
    if (chosen == NULL) {
        print_message("skipped: no locale with a decimal comma is installed\n");
        skip();
    }
    double value = 0;
    bool parsed = fg_number_parse("1.5", &value);
    struct fg_text text;
    fg_text_init(&text);
    fg_text_number(&text, 2.5);
    setlocale(LC_NUMERIC, "C");
    assert_true(parsed && value == 1.5);
    assert_string_equal(text.data, "2.5");
    fg_text_release(&text);
}

static void expect_valid_length(const char *bytes, size_t length, size_t expected)
{
    assert_int_equal(fg_utf8_valid_length(bytes, length), expected);
}

/* The ill-formed sequences of RFC 3629: overlong, surrogate, beyond U+10FFFF, cut. */
static void test_utf8(void **state)
{
    (void)state;
    expect_valid_length("a\xC3\xBC\xE2\x82\xAC\xF0\x9F\x94\x8C", 10, 10);
    expect_valid_length("ab\xC0\xAF", 4, 2);
    expect_valid_length("\xE0\x80\x80", 3, 0);
    expect_valid_length("a\xED\xA0\x80", 4, 1);
    expect_valid_length("\xF4\x90\x80\x80", 4, 0);
    expect_valid_length("abc\xE2\x82", 5, 3);
    expect_valid_length("\xFC", 1, 0);
    expect_valid_length("", 0, 0);
}

static void test_file_round_trip(void **state)
{
    (void)state;
    const char *path = in_folder("result.json");
    struct fg_error err = {0};
    assert_int_equal(fg_file_write(path, "first", 5, &err), FG_OK);
    assert_file_holds(path, "first");
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(fg_file_write(path, "second", 6, &err), FG_OK);
    assert_file_holds(path, "second");
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0640); /* replacing keeps the rights */
    assert_int_equal(fg_file_write(path, NULL, 0, &err), FG_OK);
    assert_file_holds(path, "");
    assert_int_equal(files_in_folder(), 1);
    unlink(path);
}

static void test_file_gzip(void **state)
{
    (void)state;
    const char *path = in_folder("table.csv.gz");
    gzFile out = gzopen(path, "wb");
    for (int i = 0; i < 20000; i++)
        gzputs(out, "0123456789");
    gzclose(out);
    struct fg_text text;
    struct fg_error err = {0};
    assert_int_equal(fg_file_read(path, 200000, &text, &err), FG_OK);
    assert_int_equal(text.length, 200000);
    fg_text_release(&text);

    /* The bound counts unpacked bytes. */
    assert_int_equal(fg_file_read(path, 199999, &text, &err), FG_ERR_TOO_LARGE);
    assert_null(text.data);

    /* Cut in the middle. */
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(truncate(path, info.st_size / 2), 0);
    assert_int_equal(fg_file_read(path, 1 << 20, &text, &err), FG_ERR_SYNTAX);
    assert_string_equal(err.place, path);
    unlink(path);
}

static void test_file_read_fails(void **state)
{
    (void)state;
    struct fg_text text;
    struct fg_error err = {0};
    assert_int_equal(fg_file_read(in_folder("absent"), 100, &text, &err), FG_ERR_IO);
    assert_non_null(strstr(err.text, "No such file"));
    assert_int_equal(fg_file_read(folder, 100, &text, &err), FG_ERR_IO);
    assert_int_equal(fg_file_read("/dev/zero", 100000, &text, &err), FG_ERR_TOO_LARGE);
    assert_int_equal(fg_file_read("/dev/null", 0, &text, NULL), FG_OK);
    assert_int_equal(text.length, 0);
    fg_text_release(&text);
}

static void test_write_refused_leaves_nothing(void **state)
{
    (void)state;
    struct fg_error err = {0};
    assert_int_equal(fg_file_write("/dev/full", "x", 1, &err), FG_ERR_IO);
    assert_non_null(strstr(err.text, "No space left"));
    assert_int_equal(fg_file_write(in_folder("no/such/result"), "x", 1, &err), FG_ERR_IO);
    assert_int_equal(fg_file_write(folder, "x", 1, &err), FG_ERR_IO);
    assert_int_equal(files_in_folder(), 0);
}

/* A file size limit acts as a disk that fills up after a part of the file. Whoever calls need not ignore SIGXFSZ. */
static void test_full_disk_keeps_the_old_result(void **state)
{
    (void)state;
    const char *path = in_folder("result.json");
    struct fg_error err = {0};
    assert_int_equal(fg_file_write(path, "old", 3, &err), FG_OK);
    size_t size = 1 << 18;
    char *big = calloc(size, 1);
    assert_non_null(big);
    struct rlimit before, limit;
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = 1 << 16;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    enum fg_code code = fg_file_write(path, big, size, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    free(big);
    assert_int_equal(code, FG_ERR_IO);
    assert_file_holds(path, "old");
    assert_int_equal(files_in_folder(), 1);
    unlink(path);
}

/* Kill a process that does nothing but write, at many moments: one of the whole contents is there, and nothing else. */
static void test_signals_leave_whole_files(void **state)
{
    (void)state;
    const char *path = in_folder("result.json");
    size_t size = 1 << 20;
    char *bytes = malloc(size);
    assert_non_null(bytes);
    for (int round = 0; round < 10; round++) {
        assert_int_equal(fg_file_write(path, "old", 3, NULL), FG_OK);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            memset(bytes, 'a' + round, size);
            for (;;)
                (void)fg_file_write(path, bytes, size, NULL);
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000 + 700000 * round}, NULL);
        kill(child, round % 2 ? SIGTERM : SIGINT);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(files_in_folder(), 1);
        struct stat info;
        assert_int_equal(stat(path, &info), 0);
        assert_true(info.st_size == 3 || info.st_size == (off_t)size);
    }
    free(bytes);
    unlink(path);
}

static void test_write_follows_links_and_spares_devices(void **state)
{
    (void)state;
    const char *target = in_folder("target");
    assert_int_equal(fg_file_write(target, "1", 1, NULL), FG_OK);
    const char *link_path = in_folder("link");
    assert_int_equal(symlink(target, link_path), 0);
    assert_int_equal(fg_file_write(link_path, "22", 2, NULL), FG_OK);
    assert_file_holds(target, "22");
    struct stat info;
    assert_int_equal(lstat(link_path, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    unlink(link_path);
    unlink(target);

    assert_int_equal(fg_file_write("/dev/null", "x", 1, NULL), FG_OK);
    assert_int_equal(stat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
}

static void test_out_of_memory(void **state)
{
    (void)state;
    const char *path = in_folder("result.json");
    assert_int_equal(fg_file_write(path, "old", 3, NULL), FG_OK);
    struct fg_error err = {0};
    struct fg_text text;
    fg_alloc_fail_after(1);
    assert_int_equal(fg_file_write(path, "new", 3, &err), FG_ERR_MEMORY);
    fg_alloc_fail_after(1);
    assert_int_equal(fg_file_read(path, 100, &text, &err), FG_ERR_MEMORY);
    fg_alloc_fail_after(0);
    assert_file_holds(path, "old");
    assert_int_equal(files_in_folder(), 1);
    unlink(path);
}

static void test_errors_are_tame(void **state)
{
    (void)state;
    struct fg_error err = {0};
    assert_int_equal(fg_fail(&err, FG_ERR_VALUE, "a\nb", "esc \033[2J %s", "end"), FG_ERR_VALUE);
    assert_string_equal(err.place, "a?b");
    assert_string_equal(err.text, "esc ?[2J end");
    assert_string_equal(fg_code_slug(err.code), "value");

    char words[2001]; /* 1000 two-byte letters: the cut must not split one */
    for (int i = 0; i < 1000; i++)
        memcpy(words + 2 * i, "\xC3\xBC", 3);
    for (int shift = 0; shift < 2; shift++) {
        fg_fail(&err, FG_ERR_VALUE, NULL, "%s%s", shift ? "x" : "", words);
        size_t length = strlen(err.text);
        assert_string_equal(err.text + length - 3, "...");
        assert_int_equal(fg_utf8_valid_length(err.text, length), length);
    }
    assert_int_equal(fg_fail(NULL, FG_ERR_IO, NULL, "nobody listens"), FG_ERR_IO);
    assert_string_equal(fg_code_slug((enum fg_code)999), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_grows),
        cmocka_unit_test(test_text_remembers_failure),
        cmocka_unit_test(test_numbers_are_shortest),
        cmocka_unit_test(test_numbers_are_strict),
        cmocka_unit_test(test_numbers_ignore_the_locale),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_file_round_trip),
        cmocka_unit_test(test_file_gzip),
        cmocka_unit_test(test_file_read_fails),
        cmocka_unit_test(test_write_refused_leaves_nothing),
        cmocka_unit_test(test_full_disk_keeps_the_old_result),
        cmocka_unit_test(test_signals_leave_whole_files),
        cmocka_unit_test(test_write_follows_links_and_spares_devices),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_errors_are_tame),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
