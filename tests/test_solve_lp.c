/* Linear and integer programs: small problems solved by hand, knapsacks by enumeration, and every test on every backend
 * that was built in. */
#include "base/instant.h"
#include "base/memory.h"
#include "base/random.h"
#include "solve/lp.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define assert_near(actual, expected, tolerance)                                  \
    do {                                                                          \
        double actual_ = (actual), expected_ = (expected);                        \
        if (!(fabs(actual_ - expected_) <= (tolerance)))                          \
            fail_msg("%s is %.12g, expected %.12g", #actual, actual_, expected_); \
    } while (0)

static enum fg_lp_backend backend_of(void **state)
{
    return *(enum fg_lp_backend *)*state;
}

static struct fg_lp *make(void **state, const struct fg_lp_data *data)
{
    struct fg_lp *lp;
    struct fg_error err;
    if (fg_lp_create(backend_of(state), data, &lp, &err) != FG_OK)
        fail_msg("%s", err.text);
    return lp;
}

static struct fg_lp_result solve(struct fg_lp *lp, const struct fg_lp_options *options)
{
    struct fg_lp_result result;
    struct fg_error err;
    if (fg_lp_solve(lp, options, &result, &err) != FG_OK)
        fail_msg("%s", err.text);
    return result;
}

/* min -3x - 5y + 2; x <= 4; 2y <= 12; 3x + 2y <= 18; x, y >= 0 (Hillier and Lieberman, Wyndor Glass): x = 2, y = 6,
 * objective -36, shadow prices 0, 3/2, 1 of the maximisation, so 0, -3/2, -1 here. */
static const int32_t wyndor_starts[] = {0, 2, 4}, wyndor_rows[] = {2, 0, 1, 2};
static const double wyndor_values[] = {3, 1, 2, 2};
static const double wyndor_cost[] = {-3, -5}, wyndor_lower[] = {0, 0}, wyndor_upper[] = {INFINITY, INFINITY};
static const double wyndor_row_lower[] = {-INFINITY, -INFINITY, -INFINITY}, wyndor_row_upper[] = {4, 12, 18};
static const struct fg_lp_data wyndor = {.column_count = 2,
                                         .row_count = 3,
                                         .starts = wyndor_starts,
                                         .rows = wyndor_rows,
                                         .values = wyndor_values,
                                         .cost = wyndor_cost,
                                         .lower = wyndor_lower,
                                         .upper = wyndor_upper,
                                         .row_lower = wyndor_row_lower,
                                         .row_upper = wyndor_row_upper,
                                         .offset = 2};

static void textbook_problem_has_its_solution_and_duals(void **state)
{
    struct fg_lp *lp = make(state, &wyndor);
    struct fg_lp_result result = solve(lp, NULL);
    assert_int_equal(result.status, FG_LP_OPTIMAL);
    assert_near(result.objective, -34, 1e-9);
    assert_near(result.bound, -34, 1e-9);
    assert_near(result.x[0], 2, 1e-9);
    assert_near(result.x[1], 6, 1e-9);
    assert_near(result.row_activity[2], 18, 1e-9);
    assert_near(result.dual[0], 0, 1e-9);
    assert_near(result.dual[1], -1.5, 1e-9);
    assert_near(result.dual[2], -1, 1e-9);
    fg_lp_destroy(lp);
}

static void duals_are_derivatives_of_the_objective(void **state)
{
    /* min x + 4y; x + y >= 3 (dual 1 at first), x <= 2 by bound (reduced cost -3 once it binds). */
    const int32_t starts[] = {0, 1, 2}, rows[] = {0, 0};
    const double values[] = {1, 1}, cost[] = {1, 4}, lower[] = {0, 0}, upper[] = {2, 10};
    const double row_lower[] = {3}, row_upper[] = {INFINITY};
    struct fg_lp_data data = {.column_count = 2,
                              .row_count = 1,
                              .starts = starts,
                              .rows = rows,
                              .values = values,
                              .cost = cost,
                              .lower = lower,
                              .upper = upper,
                              .row_lower = row_lower,
                              .row_upper = row_upper};
    struct fg_lp *lp = make(state, &data);
    struct fg_lp_result result = solve(lp, NULL);
    double base = result.objective, dual = result.dual[0], reduced = result.reduced_cost[0];
    assert_near(base, 6, 1e-9);
    assert_near(dual, 4, 1e-9);
    assert_near(reduced, -3, 1e-9);
    assert_int_equal(fg_lp_set_row_bounds(lp, 0, 3.5, INFINITY, NULL), FG_OK);
    assert_near(solve(lp, NULL).objective - base, 0.5 * dual, 1e-9);
    assert_int_equal(fg_lp_set_row_bounds(lp, 0, 3, INFINITY, NULL), FG_OK);
    assert_int_equal(fg_lp_set_column_bounds(lp, 0, 0, 2.25, NULL), FG_OK);
    assert_near(solve(lp, NULL).objective - base, 0.25 * reduced, 1e-9);
    fg_lp_destroy(lp);
}

static void changes_are_taken_in(void **state)
{
    struct fg_lp *lp = make(state, &wyndor);
    solve(lp, NULL);
    /* Cost of x to -7.5: the optimum moves to x = 4, y = 3, value -45. */
    assert_int_equal(fg_lp_set_cost(lp, 0, -7.6, NULL), FG_OK);
    struct fg_lp_result result = solve(lp, NULL);
    assert_near(result.x[0], 4, 1e-9);
    assert_near(result.x[1], 3, 1e-9);
    assert_near(result.objective, -30.4 - 15 + 2, 1e-9);
    /* 3x + 4y <= 18 in place of 3x + 2y <= 18: x = 4, y = 1.5. */
    assert_int_equal(fg_lp_set_value(lp, 2, 1, 4, NULL), FG_OK);
    result = solve(lp, NULL);
    assert_near(result.x[1], 1.5, 1e-9);
    /* A cut x + y <= 5 appended: x = 4, y = 1. */
    const int32_t starts[] = {0, 2}, columns[] = {1, 0};
    const double values[] = {1, 1}, lower[] = {-INFINITY}, upper[] = {5};
    assert_int_equal(fg_lp_add_rows(lp, 1, starts, columns, values, lower, upper, NULL), FG_OK);
    assert_int_equal(fg_lp_row_count(lp), 4);
    result = solve(lp, NULL);
    assert_near(result.x[0], 4, 1e-9);
    assert_near(result.x[1], 1, 1e-9);
    assert_near(result.dual[3], -5, 1e-9);
    fg_lp_destroy(lp);
}

static void infeasible_and_unbounded_are_told_apart(void **state)
{
    struct fg_lp *lp = make(state, &wyndor);
    assert_int_equal(fg_lp_set_row_bounds(lp, 1, 40, 41, NULL), FG_OK);
    struct fg_lp_result result = solve(lp, NULL);
    assert_int_equal(result.status, FG_LP_INFEASIBLE);
    assert_false(result.has_solution);
    assert_true(result.x == NULL && result.dual == NULL && isnan(result.objective));
    /* And feasible again. */
    assert_int_equal(fg_lp_set_row_bounds(lp, 1, -INFINITY, 12, NULL), FG_OK);
    assert_near(solve(lp, NULL).objective, -34, 1e-9);
    for (int32_t i = 0; i < 3; i++)
        assert_int_equal(fg_lp_set_row_bounds(lp, i, -INFINITY, INFINITY, NULL), FG_OK);
    result = solve(lp, NULL);
    assert_int_equal(result.status, FG_LP_UNBOUNDED);
    assert_false(result.has_solution);
    fg_lp_destroy(lp);
}

static void programs_without_rows_or_columns_are_solved(void **state)
{
    const int32_t starts[] = {0, 0};
    const double cost[] = {2}, lower[] = {-1}, upper[] = {5}, row_lower[] = {1}, row_upper[] = {2};
    struct fg_lp_data data = {.column_count = 1, .starts = starts, .cost = cost, .lower = lower, .upper = upper};
    struct fg_lp *lp = make(state, &data);
    struct fg_lp_result result = solve(lp, NULL);
    assert_int_equal(result.status, FG_LP_OPTIMAL);
    assert_near(result.objective, -2, 1e-12);
    fg_lp_destroy(lp);
    data = (struct fg_lp_data){.row_count = 1, .starts = starts, .row_lower = row_lower, .row_upper = row_upper};
    lp = make(state, &data);
    assert_int_equal(solve(lp, NULL).status, FG_LP_INFEASIBLE);
    fg_lp_destroy(lp);
}

enum { ITEMS = 14 };

static double best_by_enumeration(const double *value, const double *weight, double capacity)
{
    double best = 0;
    for (unsigned set = 0; set < 1u << ITEMS; set++) {
        double v = 0, w = 0;
        for (int i = 0; i < ITEMS; i++)
            if (set >> i & 1) {
                v += value[i];
                w += weight[i];
            }
        if (w <= capacity && v > best)
            best = v;
    }
    return best;
}

static void knapsacks_match_enumeration(void **state)
{
    struct fg_random random;
    fg_random_init(&random, 20);
    for (int round_index = 0; round_index < 12; round_index++) {
        int32_t starts[ITEMS + 1] = {0}, rows[ITEMS] = {0};
        double value[ITEMS], weight[ITEMS], cost[ITEMS], lower[ITEMS] = {0}, upper[ITEMS], total = 0;
        bool is_integer[ITEMS];
        for (int i = 0; i < ITEMS; i++) {
            starts[i + 1] = i + 1;
            value[i] = (double)(1 + fg_random_below(&random, 60));
            weight[i] = (double)(1 + fg_random_below(&random, 40));
            cost[i] = -value[i];
            upper[i] = 1;
            is_integer[i] = true;
            total += weight[i];
        }
        double row_lower = -INFINITY, row_upper = floor(total / 3);
        struct fg_lp_data data = {.column_count = ITEMS,
                                  .row_count = 1,
                                  .starts = starts,
                                  .rows = rows,
                                  .values = weight,
                                  .cost = cost,
                                  .lower = lower,
                                  .upper = upper,
                                  .row_lower = &row_lower,
                                  .row_upper = &row_upper,
                                  .is_integer = is_integer};
        struct fg_lp *lp = make(state, &data);
        struct fg_lp_options options = fg_lp_options_default();
        options.relative_gap = 0;
        struct fg_lp_result result = solve(lp, &options);
        double best = best_by_enumeration(value, weight, row_upper);
        assert_int_equal(result.status, FG_LP_OPTIMAL);
        assert_near(-result.objective, best, 1e-6);
        assert_near(-result.bound, best, 1e-6);
        assert_true(result.dual == NULL);
        for (int i = 0; i < ITEMS; i++)
            assert_true(result.x[i] == 0 || result.x[i] == 1);
        /* From its own solution, again; then the relaxation, which is never worse and has duals. */
        double start[ITEMS];
        memcpy(start, result.x, sizeof start);
        assert_int_equal(fg_lp_set_start(lp, start, NULL), FG_OK);
        assert_near(-solve(lp, &options).objective, best, 1e-6);
        options.relax = true;
        result = solve(lp, &options);
        assert_true(-result.objective >= best - 1e-9);
        assert_non_null(result.dual);
        assert_true(result.dual[0] <= 0);
        /* Without an item that was taken, the next best set. */
        options.relax = false;
        int taken = 0;
        while (start[taken] == 0)
            taken++;
        assert_int_equal(fg_lp_set_column_bounds(lp, taken, 0, 0, NULL), FG_OK);
        value[taken] = 0;
        assert_near(-solve(lp, &options).objective, best_by_enumeration(value, weight, row_upper), 1e-6);
        fg_lp_destroy(lp);
    }
}

/* With a wide gap the search may stop early; its bound must still lie below the true optimum, which enumeration gives. */
static void bounds_stay_valid_with_a_gap(void **state)
{
    struct fg_random random;
    fg_random_init(&random, 77);
    for (int trial = 0; trial < 25; trial++) {
        int32_t starts[ITEMS + 1] = { 0 }, rows[ITEMS] = { 0 };
        double value[ITEMS], weight[ITEMS], cost[ITEMS], lower[ITEMS] = { 0 }, upper[ITEMS], total = 0;
        bool is_integer[ITEMS];
        for (int i = 0; i < ITEMS; i++) {
            starts[i + 1] = i + 1;
            weight[i] = (double)(20 + fg_random_below(&random, 40));
            value[i] = weight[i] + (double)fg_random_below(&random, 8); /* close to proportional: hard, many near-ties */
            cost[i] = -value[i];
            upper[i] = 1;
            is_integer[i] = true;
            total += weight[i];
        }
        double row_lower = -INFINITY, row_upper = floor(total / 2);
        struct fg_lp_data data = { .column_count = ITEMS, .row_count = 1, .starts = starts, .rows = rows,
                                   .values = weight, .cost = cost, .lower = lower, .upper = upper,
                                   .row_lower = &row_lower, .row_upper = &row_upper, .is_integer = is_integer };
        struct fg_lp *lp = make(state, &data);
        struct fg_lp_options options = fg_lp_options_default();
        options.relative_gap = 0.05;
        struct fg_lp_result result = solve(lp, &options);
        double best = best_by_enumeration(value, weight, row_upper);
        assert_int_equal(result.status, FG_LP_OPTIMAL);
        assert_true(result.bound <= -best + 1e-6);
        assert_true(result.objective >= -best - 1e-6);
        assert_true(result.objective - result.bound <= 0.0501 * fabs(result.objective));
        fg_lp_destroy(lp);
    }
}

static void integer_infeasibility_is_found(void **state)
{
    /* 2x + 4y = 7 has no integer solution with 0 <= x, y <= 5, but a fractional one. */
    const int32_t starts[] = {0, 1, 2}, rows[] = {0, 0};
    const double values[] = {2, 4}, cost[] = {1, 1}, lower[] = {0, 0}, upper[] = {5, 5}, side[] = {7};
    const bool is_integer[] = {true, true};
    struct fg_lp_data data = {.column_count = 2,
                              .row_count = 1,
                              .starts = starts,
                              .rows = rows,
                              .values = values,
                              .cost = cost,
                              .lower = lower,
                              .upper = upper,
                              .row_lower = side,
                              .row_upper = side,
                              .is_integer = is_integer};
    struct fg_lp *lp = make(state, &data);
    struct fg_lp_result result = solve(lp, NULL);
    assert_int_equal(result.status, FG_LP_INFEASIBLE);
    assert_true(result.bound == -INFINITY);
    struct fg_lp_options options = fg_lp_options_default();
    options.relax = true;
    assert_near(solve(lp, &options).objective, 1.75, 1e-9);
    fg_lp_destroy(lp);
}

/* A transport problem large enough to need a few hundred pivots; its dual feasibility and complementary slackness are
 * checked independently of the solver, which proves optimality. */
static void duals_prove_optimality_of_random_transport(void **state)
{
    enum { FROM = 30, TO = 40, ARCS = FROM * TO };
    static int32_t starts[ARCS + 1], rows[2 * ARCS];
    static double values[2 * ARCS], cost[ARCS], lower[ARCS], upper[ARCS], row_lower[FROM + TO], row_upper[FROM + TO];
    struct fg_random random;
    fg_random_init(&random, 7);
    for (int i = 0; i < FROM; i++) {
        row_lower[i] = -INFINITY;
        row_upper[i] = 40 + (double)fg_random_below(&random, 40);
    }
    for (int k = 0; k < TO; k++) {
        row_lower[FROM + k] = 10 + (double)fg_random_below(&random, 20);
        row_upper[FROM + k] = INFINITY;
    }
    for (int arc = 0; arc < ARCS; arc++) {
        starts[arc + 1] = 2 * (arc + 1);
        rows[2 * arc] = arc / TO;
        rows[2 * arc + 1] = FROM + arc % TO;
        values[2 * arc] = values[2 * arc + 1] = 1;
        cost[arc] = fg_random_between(&random, 1, 9);
        upper[arc] = fg_random_between(&random, 2, 20);
    }
    struct fg_lp_data data = {.column_count = ARCS,
                              .row_count = FROM + TO,
                              .starts = starts,
                              .rows = rows,
                              .values = values,
                              .cost = cost,
                              .lower = lower,
                              .upper = upper,
                              .row_lower = row_lower,
                              .row_upper = row_upper};
    struct fg_lp *lp = make(state, &data);
    struct fg_lp_result result = solve(lp, NULL);
    assert_int_equal(result.status, FG_LP_OPTIMAL);
    double dual_objective = 0;
    for (int i = 0; i < FROM + TO; i++) {
        assert_true(result.row_activity[i] >= row_lower[i] - 1e-6 && result.row_activity[i] <= row_upper[i] + 1e-6);
        assert_true(i < FROM ? result.dual[i] <= 1e-9 : result.dual[i] >= -1e-9);
        dual_objective += result.dual[i] * (i < FROM ? row_upper[i] : row_lower[i]);
    }
    for (int arc = 0; arc < ARCS; arc++) {
        double reduced = cost[arc] - result.dual[arc / TO] - result.dual[FROM + arc % TO];
        assert_near(result.reduced_cost[arc], reduced, 1e-7);
        dual_objective += reduced < 0 ? reduced * upper[arc] : 0;
    }
    assert_near(dual_objective, result.objective, 1e-6 * fabs(result.objective));
    int64_t cold = result.iterations;
    assert_int_equal(fg_lp_set_row_bounds(lp, FROM, row_lower[FROM] + 1, INFINITY, NULL), FG_OK);
    result = solve(lp, NULL);
    assert_int_equal(result.status, FG_LP_OPTIMAL);
    assert_true(result.iterations < cold / 2); /* warm */
    fg_lp_destroy(lp);
}

static void interrupt_and_time_limit_stop_the_solve(void **state)
{
    static atomic_int interrupt;
    interrupt = 1;
    struct fg_lp *lp = make(state, &wyndor);
    struct fg_lp_options options = fg_lp_options_default();
    options.interrupt = &interrupt;
    struct fg_lp_result result = solve(lp, &options);
    assert_int_equal(result.status, FG_LP_INTERRUPTED);
    assert_false(result.has_solution);
    options.interrupt = NULL;
    options.time_limit_s = 0;
    assert_int_equal(solve(lp, &options).status, FG_LP_TIME_LIMIT);
    interrupt = 0;
    options = fg_lp_options_default();
    options.interrupt = &interrupt;
    assert_near(solve(lp, &options).objective, -34, 1e-9);
    fg_lp_destroy(lp);
}

/* Market-split instances (G. Cornuejols, M. Dawande, INFORMS J. Comput. 11 (1999)): equality knapsacks that branch and
 * bound does not solve in minutes. The solution 0 with the slacks taking the sides is feasible. */
enum { SPLIT_ROWS = 5, SPLIT_BINARIES = 40, SPLIT_COLUMNS = SPLIT_BINARIES + 2 * SPLIT_ROWS };

static struct fg_lp *hard_search(void **state)
{
    int32_t starts[SPLIT_COLUMNS + 1] = {0}, rows[SPLIT_BINARIES * SPLIT_ROWS + 2 * SPLIT_ROWS];
    double values[SPLIT_BINARIES * SPLIT_ROWS + 2 * SPLIT_ROWS], cost[SPLIT_COLUMNS] = {0}, lower[SPLIT_COLUMNS] = {0},
                                                                   upper[SPLIT_COLUMNS], side[SPLIT_ROWS] = {0};
    bool is_integer[SPLIT_COLUMNS] = {false};
    struct fg_random random;
    fg_random_init(&random, 3);
    int32_t count = 0;
    for (int j = 0; j < SPLIT_COLUMNS; j++) {
        for (int i = 0; i < SPLIT_ROWS; i++) {
            double value = j < SPLIT_BINARIES              ? (double)fg_random_below(&random, 100)
                           : (j - SPLIT_BINARIES) / 2 == i ? (j % 2 ? 1 : -1)
                                                           : 0;
            if (j >= SPLIT_BINARIES && value == 0)
                continue;
            rows[count] = i;
            values[count++] = value;
            if (j < SPLIT_BINARIES)
                side[i] += value / 2;
        }
        starts[j + 1] = count;
        cost[j] = j >= SPLIT_BINARIES;
        upper[j] = j < SPLIT_BINARIES ? 1 : INFINITY;
        is_integer[j] = j < SPLIT_BINARIES;
    }
    for (int i = 0; i < SPLIT_ROWS; i++)
        side[i] = floor(side[i]);
    struct fg_lp_data data = {.column_count = SPLIT_COLUMNS,
                              .row_count = SPLIT_ROWS,
                              .starts = starts,
                              .rows = rows,
                              .values = values,
                              .cost = cost,
                              .lower = lower,
                              .upper = upper,
                              .row_lower = side,
                              .row_upper = side,
                              .is_integer = is_integer};
    return make(state, &data);
}

static void assert_bound_holds(const struct fg_lp_result *result)
{
    assert_true(result->bound < 1e9);
    if (result->has_solution)
        assert_true(result->objective >= result->bound - 1e-9 && result->objective >= -1e-9);
}

static void hard_search_obeys_the_time_limit(void **state)
{
    const double limits[] = {0.05, 0.5};
    for (int i = 0; i < 2; i++) {
        struct fg_lp *lp = hard_search(state);
        struct fg_lp_options options = fg_lp_options_default();
        options.relative_gap = 0;
        options.time_limit_s = limits[i];
        double begin = fg_clock_seconds();
        struct fg_lp_result result = solve(lp, &options);
        assert_int_equal(result.status, FG_LP_TIME_LIMIT);
        print_message("time limit %.2f s: back after %.2f s\n", limits[i], fg_clock_seconds() - begin);
        assert_true(fg_clock_seconds() - begin < 20); /* the search would go on; some seconds are a busy machine's */
        assert_bound_holds(&result);
        fg_lp_destroy(lp);
    }
}

/* Wherever in its work the solver's time runs out, it comes back with what is true. */
static void any_short_limit_is_survived(void **state)
{
    struct fg_lp *lp = hard_search(state);
    struct fg_lp_options options = fg_lp_options_default();
    options.relative_gap = 0;
    for (double limit = 1e-5; limit < 0.03; limit *= 1.1) {
        options.time_limit_s = limit;
        struct fg_lp_result result = solve(lp, &options);
        assert_int_equal(result.status, FG_LP_TIME_LIMIT);
        assert_bound_holds(&result);
    }
    fg_lp_destroy(lp);
}

/* Another thread interrupts the search. */
static void *interrupt_later(void *user)
{
    atomic_int *flag = user;
    struct timespec pause = {0, 300000000};
    nanosleep(&pause, NULL);
    atomic_store(flag, 1);
    return NULL;
}

static void hard_search_can_be_interrupted(void **state)
{
    static atomic_int flag;
    struct fg_lp *lp = hard_search(state);
    struct fg_lp_options options = fg_lp_options_default();
    pthread_t thread;
    options.relative_gap = 0;
    options.time_limit_s = 60;
    options.interrupt = &flag;
    atomic_store(&flag, 0);
    double begin = fg_clock_seconds();
    assert_int_equal(pthread_create(&thread, NULL, interrupt_later, &flag), 0);
    struct fg_lp_result result = solve(lp, &options);
    pthread_join(thread, NULL);
    print_message("interrupt after 0.3 s: back after %.2f s\n", fg_clock_seconds() - begin);
    assert_int_equal(result.status, FG_LP_INTERRUPTED);
    assert_true(fg_clock_seconds() - begin < 20); /* of 60 */
    assert_bound_holds(&result);
    /* the handle is as good as before */
    options.interrupt = NULL;
    options.time_limit_s = 0.2;
    result = solve(lp, &options);
    assert_int_equal(result.status, FG_LP_TIME_LIMIT);
    fg_lp_destroy(lp);
}

static void misuse_is_refused(void **state)
{
    struct fg_lp *lp = make(state, &wyndor);
    struct fg_error err;
    assert_int_equal(fg_lp_set_column_bounds(lp, 2, 0, 1, &err), FG_ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "column 2 does not exist"));
    assert_int_equal(fg_lp_set_column_bounds(lp, 0, 2, 1, &err), FG_ERR_ARGUMENT);
    assert_int_equal(fg_lp_set_row_bounds(lp, 0, NAN, 1, &err), FG_ERR_ARGUMENT);
    assert_int_equal(fg_lp_set_cost(lp, 0, INFINITY, &err), FG_ERR_ARGUMENT);
    assert_int_equal(fg_lp_set_value(lp, 0, 1, 1, &err), FG_ERR_ARGUMENT); /* outside the pattern */
    const int32_t starts[] = {0, 2}, twice[] = {1, 1};
    const double ones[] = {1, 1}, lower[] = {0}, upper[] = {1};
    assert_int_equal(fg_lp_add_rows(lp, 1, starts, twice, ones, lower, upper, &err), FG_ERR_ARGUMENT);
    assert_near(solve(lp, NULL).objective, -34, 1e-9); /* unharmed */
    fg_lp_destroy(lp);
    struct fg_lp_data data = wyndor;
    const int32_t outside[] = {2, 0, 1, 3};
    data.rows = outside;
    assert_int_equal(fg_lp_create(backend_of(state), &data, &lp, &err), FG_ERR_ARGUMENT);
    assert_null(lp);
}

/* Create, change and solve with the n-th allocation failing: the memory error, no leak, and the handle stays usable. */
static void lack_of_memory_is_survived(void **state)
{
    const int32_t starts[] = {0, 2}, columns[] = {0, 1};
    const double ones[] = {1, 1}, lower[] = {-INFINITY}, upper[] = {5};
    int failures = 0;
    for (long n = 1; n < 200; n++) {
        struct fg_lp *lp;
        struct fg_lp_result result;
        struct fg_error err;
        fg_alloc_fail_after(n);
        enum fg_code code = fg_lp_create(backend_of(state), &wyndor, &lp, &err);
        if (code == FG_OK)
            code = fg_lp_solve(lp, NULL, &result, &err);
        if (code == FG_OK)
            code = fg_lp_add_rows(lp, 1, starts, columns, ones, lower, upper, &err);
        if (code == FG_OK)
            code = fg_lp_solve(lp, NULL, &result, &err);
        fg_alloc_fail_after(0);
        if (code != FG_OK) {
            assert_int_equal(code, FG_ERR_MEMORY);
            failures++;
            if (lp) {
                result = solve(lp, NULL); /* with or without the cut */
                assert_int_equal(result.status, FG_LP_OPTIMAL);
            }
        }
        fg_lp_destroy(lp);
        if (code == FG_OK)
            break;
    }
    assert_true(failures > 10);
}

static void absent_backends_are_named(void **state)
{
    (void)state;
    assert_true(fg_lp_backend_exists(FG_LP_BACKEND_DEFAULT));
    for (enum fg_lp_backend backend = FG_LP_BACKEND_DEFAULT; backend < FG_LP_BACKEND_COUNT; backend++) {
        if (fg_lp_backend_exists(backend))
            continue;
        struct fg_lp *lp;
        struct fg_error err;
        assert_int_equal(fg_lp_create(backend, &wyndor, &lp, &err), FG_ERR_UNSUPPORTED);
        assert_string_equal(fg_lp_backend_name(backend), "none");
    }
}

static void solvers_are_silent(void **state)
{
    FILE *capture = tmpfile();
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    dup2(fileno(capture), STDOUT_FILENO);
    struct fg_lp *lp = make(state, &wyndor);
    solve(lp, NULL);
    fg_lp_destroy(lp);
    knapsacks_match_enumeration(state);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    fseek(capture, 0, SEEK_END);
    long printed = ftell(capture);
    fclose(capture);
    assert_int_equal(printed, 0);
}

int main(void)
{
    static const struct CMUnitTest shared[] = {
        cmocka_unit_test(textbook_problem_has_its_solution_and_duals),
        cmocka_unit_test(duals_are_derivatives_of_the_objective),
        cmocka_unit_test(changes_are_taken_in),
        cmocka_unit_test(infeasible_and_unbounded_are_told_apart),
        cmocka_unit_test(programs_without_rows_or_columns_are_solved),
        cmocka_unit_test(knapsacks_match_enumeration),
        cmocka_unit_test(bounds_stay_valid_with_a_gap),
        cmocka_unit_test(integer_infeasibility_is_found),
        cmocka_unit_test(duals_prove_optimality_of_random_transport),
        cmocka_unit_test(interrupt_and_time_limit_stop_the_solve),
        cmocka_unit_test(hard_search_obeys_the_time_limit),
        cmocka_unit_test(any_short_limit_is_survived),
        cmocka_unit_test(hard_search_can_be_interrupted),
        cmocka_unit_test(misuse_is_refused),
        cmocka_unit_test(lack_of_memory_is_survived),
        cmocka_unit_test(solvers_are_silent),
    };
    enum { COUNT = sizeof shared / sizeof *shared };
    static struct CMUnitTest tests[COUNT * FG_LP_BACKEND_COUNT + 1];
    static enum fg_lp_backend backends[] = {FG_LP_BACKEND_HIGHS, FG_LP_BACKEND_COIN};
    static char names[COUNT * FG_LP_BACKEND_COUNT][96];
    size_t count = 0;
    for (size_t b = 0; b < sizeof backends / sizeof *backends; b++)
        for (size_t i = 0; fg_lp_backend_exists(backends[b]) && i < COUNT; i++) {
            snprintf(names[count], sizeof names[count], "%s: %s", fg_lp_backend_name(backends[b]), shared[i].name);
            tests[count] = shared[i];
            tests[count].name = names[count];
            tests[count].initial_state = &backends[b];
            count++;
        }
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(absent_backends_are_named);
    return _cmocka_run_group_tests("linear programs", tests, count, NULL, NULL);
}
