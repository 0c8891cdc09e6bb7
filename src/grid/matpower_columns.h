/* Columns of MATPOWER's matrices, counted from 0 (MATPOWER User's Manual, appendix B); private to its reader and
 * writer. */
#ifndef FG_GRID_MATPOWER_COLUMNS_H
#define FG_GRID_MATPOWER_COLUMNS_H

#include <math.h>

enum { BUS_I, BUS_TYPE, PD, QD, GS, BS, BUS_AREA, VM, VA, BASE_KV, ZONE, VMAX, VMIN, BUS_COLUMNS };
enum {
    GEN_BUS,
    PG,
    QG,
    QMAX,
    QMIN,
    VG,
    MBASE,
    GEN_STATUS,
    PMAX,
    PMIN,
    PC1,
    PC2,
    QC1MIN,
    QC1MAX,
    QC2MIN,
    QC2MAX,
    RAMP_AGC,
    RAMP_10,
    RAMP_30,
    RAMP_Q,
    APF,
    GEN_COLUMNS
};
enum { F_BUS, T_BUS, BR_R, BR_X, BR_B, RATE_A, RATE_B, RATE_C, TAP, SHIFT, BR_STATUS, ANGMIN, ANGMAX, BRANCH_COLUMNS };
enum { MODEL, STARTUP, SHUTDOWN, NCOST, COST };
enum { MODEL_PIECEWISE = 1, MODEL_POLYNOMIAL = 2 };
enum { TYPE_PQ = 1, TYPE_PV = 2, TYPE_REF = 3, TYPE_ISOLATED = 4 };

/* Columns that a file must have; those behind them default to 0. */
#define GEN_COLUMNS_MIN (PMIN + 1)
#define BRANCH_COLUMNS_MIN (BR_STATUS + 1)
/* Columns that hold results of an earlier computation end here. */
#define BUS_COLUMNS_MAX 17
#define GEN_COLUMNS_MAX 25
#define BRANCH_COLUMNS_MAX 21

#define RADIANS_PER_DEGREE (M_PI / 180)
/* Ratings from here on mean "no limit", as in MATPOWER's OPF. */
#define RATE_UNLIMITED 1e10
#define ANGLE_UNLIMITED 360.0

#endif
