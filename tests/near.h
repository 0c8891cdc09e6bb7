/* Comparison of doubles with a stated tolerance (cmocka's assert_float_equal works in single precision). Include after
 * cmocka.h. NAN is near nothing. */
#ifndef FG_TESTS_NEAR_H
#define FG_TESTS_NEAR_H

#include <math.h>

#define assert_near(value, expected, tolerance)                                                        \
    do {                                                                                               \
        double near_value = (value), near_expected = (expected), near_tolerance = (tolerance);         \
        if (!(fabs(near_value - near_expected) <= near_tolerance)) {                                   \
            print_error("%s = %.15g, expected %.15g within %.3g\n", #value, near_value, near_expected, \
                        near_tolerance);                                                               \
            fail();                                                                                    \
        }                                                                                              \
    } while (0)

#endif
