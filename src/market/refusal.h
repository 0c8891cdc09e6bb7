/* Why an order or a command is refused: stable keys, part of the interface. The text that comes with each says what to
 * change. Shared by auctions and the continuous book. */
#ifndef FG_MARKET_REFUSAL_H
#define FG_MARKET_REFUSAL_H

enum fg_refusal {
    FG_REFUSAL_NONE,
    FG_REFUSAL_ID_DUPLICATE,
    FG_REFUSAL_QUANTITY_TICK,  /* not a multiple of the tick */
    FG_REFUSAL_QUANTITY_RANGE, /* negative, all zero, or above the largest size */
    FG_REFUSAL_PRICE_STEP,     /* not a multiple of the price step */
    FG_REFUSAL_PRICE_RANGE,
    FG_REFUSAL_PRICE_ORDER,  /* points fall (sell) or rise (buy), or up_to does not increase */
    FG_REFUSAL_PRICE_SHORT,  /* the curve ends before the largest quantity */
    FG_REFUSAL_PRICE_BLOCK,  /* a block has one price */
    FG_REFUSAL_PERIOD_RANGE, /* outside the horizon */
    FG_REFUSAL_FRACTION_RANGE,
    FG_REFUSAL_KIND_SIDE,      /* sell with a kind, buy without */
    FG_REFUSAL_LOCATION,       /* the location does not fit side and kind */
    FG_REFUSAL_REGULATION,     /* both directions, other than for a branch limit */
    FG_REFUSAL_ACCEPTANCE,     /* conditions of acceptance that do not go together */
    FG_REFUSAL_ASSET,          /* asset of another participant */
    FG_REFUSAL_ASSET_REACTIVE, /* reactive order at an asset whose Q follows P */
    FG_REFUSAL_LINK_FRACTION,  /* parent or child without one fraction */
    FG_REFUSAL_LINK_CYCLE,
    FG_REFUSAL_LINK_PARTICIPANT, /* parent or group of another participant */
    FG_REFUSAL_GROUP_FRACTION,
    FG_REFUSAL_PRODUCT, /* not traded in this way */

    /* The continuous book. */
    FG_REFUSAL_TIME_ORDER,           /* the command is stamped before an earlier one */
    FG_REFUSAL_PERIOD_CLOSED,        /* a delivery period of the order is not open */
    FG_REFUSAL_HALTED,               /* area, location or participant is halted */
    FG_REFUSAL_PARTICIPANT,          /* participant, organisation or portfolio is missing */
    FG_REFUSAL_VALIDITY,             /* expiry missing, past, or given without need */
    FG_REFUSAL_FILTER,               /* attributes or filters without meaning */
    FG_REFUSAL_CAPABILITY,           /* open + traded + reserved + forwarded would exceed the approved capability */
    FG_REFUSAL_CAPABILITY_COMMITTED, /* a new capability below what is traded, reserved and forwarded */
    FG_REFUSAL_ORDER_UNKNOWN,        /* no such order is open */
    FG_REFUSAL_ORDER_LOCKED,         /* the order is forwarded */
    FG_REFUSAL_PARENT_UNKNOWN,
    FG_REFUSAL_GROUP_SIZE,
    FG_REFUSAL_AMEND, /* what cannot be amended: members of groups, linked and partly traded block orders */
    FG_REFUSAL_TRADE_UNKNOWN,
    FG_REFUSAL_TRADE_QUANTITY, /* a trade is only ever made smaller */
    FG_REFUSAL_FORWARD,        /* the order cannot be forwarded, or is not */
    FG_REFUSAL_NETWORK, /* the network check does not take an activation */
    FG_REFUSAL_LIMIT,          /* a limit that contradicts itself */
    FG_REFUSAL_LIMIT_PRICE,    /* the market operator's limits: price, */
    FG_REFUSAL_LIMIT_BAND,     /* band around the reference price, */
    FG_REFUSAL_LIMIT_SIZE,     /* size, */
    FG_REFUSAL_LIMIT_ORDERS,   /* number of open orders, */
    FG_REFUSAL_LIMIT_EXPOSURE, /* exposure */
    FG_REFUSAL_CONTRACT,       /* the order belongs to a contract, which alone changes it */
    FG_REFUSAL_APPROVAL,       /* no confirmed approval of another user */
    FG_REFUSAL_STATE,          /* a command that would change nothing: open what is open, resume what is not halted */
    FG_REFUSAL_AUCTION,        /* no such auction, or it is full */
    FG_REFUSAL_AUCTION_CLOSED, /* the auction takes no orders now */
    FG_REFUSAL_AUCTION_STATE,  /* the auction's state does not allow it */
    FG_REFUSAL_OUT_OF_MEMORY,  /* nothing was changed */
    FG_REFUSAL_COUNT
};
const char *fg_refusal_key(enum fg_refusal refusal); /* "quantity_tick", ...; never NULL */

#endif
