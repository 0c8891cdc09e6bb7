/* The MATLAB subset: values by hand (the language's own rules), refusals by name with their line, bounds that hold. */
#include "grid/matlab.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum fg_code run_text(struct fg_matlab *run, const char *text, struct fg_error *err)
{
    return fg_matlab_run(run, text, strlen(text), "t.m", err);
}

/* Run and compare variable x with rows x cols expected numbers. */
static void expect_x(const char *text, size_t rows, size_t cols, const double *numbers)
{
    struct fg_matlab run;
    struct fg_error err = {0};
    if (run_text(&run, text, &err) != FG_OK)
        fail_msg("%s: %s: %s", text, err.place, err.text);
    const struct fg_matlab_variable *x = fg_matlab_find(&run, "x");
    if (x == NULL || x->value.rows != rows || x->value.cols != cols)
        fail_msg("%s: x is %zu x %zu", text, x ? x->value.rows : 0, x ? x->value.cols : 0);
    for (size_t i = 0; i < rows * cols; i++)
        if (!(fabs(x->value.numbers[i] - numbers[i]) <= 1e-14 * fabs(numbers[i])))
            fail_msg("%s: number %zu is %.17g, expected %.17g", text, i, x->value.numbers[i], numbers[i]);
    fg_matlab_release(&run);
}

#define X(text, rows, cols, ...) expect_x(text, rows, cols, (const double[]){__VA_ARGS__})

static void precedence_is_that_of_the_language(void **state)
{
    (void)state;
    X("x = 1 + 2 * 3;", 1, 1, 7);
    X("x = -2^2;", 1, 1, -4);
    X("x = 2^-1;", 1, 1, 0.5);
    X("x = 2^3^2;", 1, 1, 64);
    X("x = 12 / 3 / 2;", 1, 1, 2);
    X("x = 2 \\ 10;", 1, 1, 5);
    X("x = ~0 + 1;", 1, 1, 2);
    X("x = 1:3 + 1;", 1, 4, 1, 2, 3, 4);
    X("x = 3 < 4 == 1;", 1, 1, 1);
    X("x = (1 + 2) * (3 - 5);", 1, 1, -6);
    X("x = 1 - - 1;", 1, 1, 2);
    X("x = 1 | 0 & 0;", 1, 1, 1);
    X("x = [1 2 3]' .* 2;", 3, 1, 2, 4, 6);
}

static void white_space_separates_elements(void **state)
{
    (void)state;
    X("x = [1 -2];", 1, 2, 1, -2);
    X("x = [1 - 2];", 1, 1, -1);
    X("x = [1 -  2];", 1, 1, -1);
    X("x = [1-2];", 1, 1, -1);
    X("x = [1, -2; +3, 4];", 2, 2, 1, -2, 3, 4);
    X("x = [1 (2)];", 1, 2, 1, 2);
    X("a = 4; x = [a -1 a' -a];", 1, 4, 4, -1, 4, -4);
    X("x = [(1 -2) 3];", 1, 2, -1, 3);
    X("x = [1e-3 1E+3 .5 2.];", 1, 4, 1e-3, 1e3, 0.5, 2);
    X("x = [sqrt(4) -1];", 1, 2, 2, -1);
}

static void rows_and_comments(void **state)
{
    (void)state;
    X("x = [\n\t1 2; % a\n\n\t3 4\n];", 2, 2, 1, 2, 3, 4);
    X("x = [1 2 ... tail\n 3];", 1, 3, 1, 2, 3);
    X("%{\nx = 9\n%}\nx = 1; % x = 2", 1, 1, 1);
    X("# Octave\nx = 1 # two\n", 1, 1, 1);
    X("x = [1 2;\r\n3 4;\r\n];\r\n", 2, 2, 1, 2, 3, 4);
    X("x = [];", 0, 0, 0);
    X("a = [1 2; 3 4]; x = [a a; 9 9 9 9];", 3, 4, 1, 2, 1, 2, 3, 4, 3, 4, 9, 9, 9, 9);
    X("a = [1; 2]; x = [a [5; 6]];", 2, 2, 1, 5, 2, 6);
}

static void indices(void **state)
{
    (void)state;
    const char *a = "a = [1 2 3; 4 5 6];";
    char text[200];
    const struct {
        const char *code;
        size_t rows, cols;
        double numbers[6];
    } cases[] = {
        {"x = a(2, 3);", 1, 1, {6}},
        {"x = a(:, [3 1]);", 2, 2, {3, 1, 6, 4}},
        {"x = a(end, :);", 1, 3, {4, 5, 6}},
        {"x = a(end);", 1, 1, {6}},
        {"x = a(end, end - 1);", 1, 1, {5}},
        {"x = a(2);", 1, 1, {4}}, /* column-major */
        {"x = a(3);", 1, 1, {2}},
        {"x = a(:);", 6, 1, {1, 4, 2, 5, 3, 6}},
        {"x = a(a > 3);", 3, 1, {4, 5, 6}},
        {"x = a(:, 2:end);", 2, 2, {2, 3, 5, 6}},
        {"x = a; x(:, 2) = x(:, 2) * 10;", 2, 3, {1, 20, 3, 4, 50, 6}},
        {"x = a; x(:, [1 3]) = x(:, [3 1]);", 2, 3, {3, 2, 1, 6, 5, 4}},
        {"x = a; x(1, :) = [];", 1, 3, {4, 5, 6}},
        {"x = a; x(:, [1 2]) = [];", 2, 1, {3, 6}},
        {"x = a; x(:, 2) = 0;", 2, 3, {1, 0, 3, 4, 0, 6}},
        {"x = a; x(x(:, 1) == 4, 3) = 7;", 2, 3, {1, 2, 3, 4, 5, 7}},
        {"x = a(1, :); x(2) = 9;", 1, 3, {1, 9, 3}},
        {"x = [1 2]; x(2, 3) = 5;", 2, 3, {1, 2, 0, 0, 0, 5}},
        {"x = find(a(:, 1) > 1);", 1, 1, {2}},
        {"x = a; x(:, 3) = [8; 9];", 2, 3, {1, 2, 8, 4, 5, 9}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text, "%s%s", a, cases[i].code);
        expect_x(text, cases[i].rows, cases[i].cols, cases[i].numbers);
    }
}

static void functions_and_operators(void **state)
{
    (void)state;
    X("x = sin(acos(0.85));", 1, 1, 0.52678268764263694);
    X("x = 135/sqrt(3);", 1, 1, 77.942286340599484);
    X("x = [1 2; 3 4] * [1; 1];", 2, 1, 3, 7);
    X("x = [1 2; 3 4] .* [10; 100];", 2, 2, 10, 20, 300, 400);
    X("x = sum([1 2; 3 4]);", 1, 2, 4, 6);
    X("x = sum([1 2; 3 4], 2);", 2, 1, 3, 7);
    X("x = max([1 5 2]);", 1, 1, 5);
    X("x = size(zeros(3, 2));", 1, 2, 3, 2);
    X("[r, c] = size(ones(3, 2)); x = 10 * r + c;", 1, 1, 32);
    X("x = zeros(2);", 2, 2, 0, 0, 0, 0);
    X("x = 0:0.25:1;", 1, 5, 0, 0.25, 0.5, 0.75, 1);
    X("x = 5:-2:1;", 1, 3, 5, 3, 1);
    X("x = [2 3]';", 2, 1, 2, 3);
    X("x = mod(-1, 3);", 1, 1, 2);
    X("x = 6 ./ [1 2 3];", 1, 3, 6, 3, 2);
    X("x = 2 .^ [1 2 3];", 1, 3, 2, 4, 8);
    X("x = pi / 180 * 90;", 1, 1, 1.5707963267948966);
    X("x = repmat([1 2], 2, 2);", 2, 4, 1, 2, 1, 2, 1, 2, 1, 2);
    X("m = struct; m.a = 3; m.b.c = 4; x = m.a + m.b.c;", 1, 1, 7);
    X("m = struct(); m.a = []; x = size(m.a);", 1, 2, 0, 0);
    X("x = any([0 0 1]) + all([1 0]);", 1, 1, 1);
}

static void column_names_of_matpower(void **state)
{
    (void)state;
    X("[PQ, PV, REF, NONE, BUS_I, BUS_TYPE, PD, QD, GS, BS, BUS_AREA, VM, ...\n VA, BASE_KV, ZONE, VMAX, VMIN, LAM_P, "
      "LAM_Q, MU_VMAX, MU_VMIN] = idx_bus;\nx = [PD QD BASE_KV VMAX VMIN REF];",
      1, 6, 3, 4, 10, 12, 13, 3);
    X("[F_BUS, T_BUS, BR_R, BR_X, BR_B, RATE_A, RATE_B, RATE_C, ...\n TAP, SHIFT, BR_STATUS, PF, QF, PT, QT, MU_SF, "
      "MU_ST, "
      "...\n ANGMIN, ANGMAX, MU_ANGMIN, MU_ANGMAX] = idx_brch; x = [BR_R BR_X BR_STATUS PF ANGMIN ANGMAX];",
      1, 6, 3, 4, 11, 14, 12, 13);
    X("define_constants; x = [GEN_STATUS PMAX PMIN APF NCOST COST];", 1, 6, 8, 9, 10, 21, 4, 5);
}

static void expect_refused(const char *text, enum fg_code code, const char *place, const char *part)
{
    struct fg_matlab run;
    struct fg_error err = {0};
    enum fg_code got = run_text(&run, text, &err);
    fg_matlab_release(&run);
    if (got != code || strcmp(err.place, place) != 0 || strstr(err.text, part) == NULL)
        fail_msg("%s: %s at %s: %s (expected %s at %s: ...%s...)", text, fg_code_slug(got), err.place, err.text,
                 fg_code_slug(code), place, part);
}

static void refusals_name_what_and_where(void **state)
{
    (void)state;
    expect_refused("a = 1;\nif a\nend", FG_ERR_UNSUPPORTED, "t.m:2", "'if'");
    expect_refused("for k = 1:3, end", FG_ERR_UNSUPPORTED, "t.m:1", "'for'");
    expect_refused("\n\nx = loadcase('case9');", FG_ERR_UNSUPPORTED, "t.m:3", "'loadcase'");
    expect_refused("x = sqrt(-1);", FG_ERR_UNSUPPORTED, "t.m:1", "real");
    expect_refused("x = (-8)^(1/3);", FG_ERR_UNSUPPORTED, "t.m:1", "complex");
    expect_refused("x = 2i;", FG_ERR_SYNTAX, "t.m:1", "2i");
    expect_refused("x = [1 2\n3 4 5];", FG_ERR_SYNTAX, "t.m:2", "3 columns");
    expect_refused("x = [1 2;\n3 4", FG_ERR_SYNTAX, "t.m:2", "not closed");
    expect_refused("x = [1,,2];", FG_ERR_SYNTAX, "t.m:1", "element");
    expect_refused("x = 'abc", FG_ERR_SYNTAX, "t.m:1", "closing");
    expect_refused("x = @(a) a;", FG_ERR_UNSUPPORTED, "t.m:1", "function handles");
    expect_refused("a = [1 2];\nx = a(3);", FG_ERR_VALUE, "t.m:2", "index 3");
    expect_refused("a = [1 2];\nx = a(0);", FG_ERR_VALUE, "t.m:2", "0 is used as an index");
    expect_refused("a = [1 2];\nx = a(1.5);", FG_ERR_VALUE, "t.m:2", "1.5");
    expect_refused("x = [1 2] + [1 2 3];", FG_ERR_SYNTAX, "t.m:1", "1 x 2 and 1 x 3");
    expect_refused("x = [1 2; 3 4] / [1 2; 3 4];", FG_ERR_UNSUPPORTED, "t.m:1", "./");
    expect_refused("mpc.a = 1;\nx = mpc;", FG_ERR_UNSUPPORTED, "t.m:2", "structure");
    expect_refused("mpc.a = 1;\nmpc = 2;", FG_ERR_UNSUPPORTED, "t.m:2", "structure");
    expect_refused("m = 1;\nm.a = 2;", FG_ERR_UNSUPPORTED, "t.m:2", "no fields");
    expect_refused("m = struct('a', 1);", FG_ERR_UNSUPPORTED, "t.m:1", "'struct'");
    expect_refused("disp('hello')", FG_ERR_UNSUPPORTED, "t.m:1", "'disp'");
    expect_refused("x = 1 2", FG_ERR_SYNTAX, "t.m:1", "end of the statement");
    expect_refused("function [baseMVA, bus] = case9\n", FG_ERR_UNSUPPORTED, "t.m:1", "version 1");
    expect_refused("function mpc = a\nx = 1;\nend\ny = 2;", FG_ERR_UNSUPPORTED, "t.m:4", "behind the end");
    expect_refused("a = [1 2 3];\na([1 2]) = [1 2 3];", FG_ERR_SYNTAX, "t.m:2", "3 values");
    expect_refused("x = 1 && 0;", FG_ERR_UNSUPPORTED, "t.m:1", "&&");
}

static void hostile_code_is_bounded(void **state)
{
    (void)state;
    expect_refused("x = zeros(1000000, 1000000);", FG_ERR_TOO_LARGE, "t.m:1", "out of proportion");
    expect_refused("x = 1:1e14;", FG_ERR_TOO_LARGE, "t.m:1", "out of proportion");
    expect_refused("a = ones(300, 300);\nx = a * a;", FG_ERR_TOO_LARGE, "t.m:2", "operations");
    expect_refused("a = 1; a(100000, 100000) = 1;", FG_ERR_TOO_LARGE, "t.m:1", "out of proportion");
    /* a comment that misleads the look-ahead of 'end' at every statement */
    enum { STATEMENTS = 20000 };
    static const char statement[] = "x = a( ... ((((\n1);\n";
    char *misleading = malloc(sizeof statement * STATEMENTS + 20);
    size_t length = (size_t)sprintf(misleading, "a = [1 2];\n");
    for (int i = 0; i < STATEMENTS; i++, length += sizeof statement - 1)
        memcpy(misleading + length, statement, sizeof statement);
    struct fg_matlab run;
    struct fg_error err = {0};
    assert_int_equal(run_text(&run, misleading, &err), FG_ERR_TOO_LARGE);
    fg_matlab_release(&run);
    free(misleading);
    char deep[4000] = "x = ";
    memset(deep + 4, '(', 3000);
    expect_refused(deep, FG_ERR_TOO_LARGE, "t.m:1", "nested");
    memset(deep + 4, '-', 3000);
    expect_refused(deep, FG_ERR_TOO_LARGE, "t.m:1", "nested");
    memset(deep + 4, '[', 3000);
    expect_refused(deep, FG_ERR_TOO_LARGE, "t.m:1", "nested");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(precedence_is_that_of_the_language),
        cmocka_unit_test(white_space_separates_elements),
        cmocka_unit_test(rows_and_comments),
        cmocka_unit_test(indices),
        cmocka_unit_test(functions_and_operators),
        cmocka_unit_test(column_names_of_matpower),
        cmocka_unit_test(refusals_name_what_and_where),
        cmocka_unit_test(hostile_code_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
