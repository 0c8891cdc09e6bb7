/* Identities outside the platform: a word for the kind and the number of the row, "ord-1532". Numbers come from the
 * database's counters (fg_store_next), one per kind; inside, they are plain integers. Thread rule: pure functions. */
#ifndef FG_ATP_ID_H
#define FG_ATP_ID_H

#include "base/error.h"

#include <stdint.h>

enum fg_id_kind {
    FG_ID_ORGANISATION,
    FG_ID_USER,
    FG_ID_PERSON,
    FG_ID_KEY, /* API key */
    FG_ID_SESSION,
    FG_ID_INVITATION,
    FG_ID_CONSENT,
    FG_ID_NETWORK,
    FG_ID_AREA, /* market area */
    FG_ID_LOCATION,
    FG_ID_ASSET,
    FG_ID_PORTFOLIO,
    FG_ID_PRODUCT,
    FG_ID_PREQUALIFICATION,
    FG_ID_ORDER,
    FG_ID_GROUP,
    FG_ID_TRADE,
    FG_ID_CONTRACT,
    FG_ID_AUCTION,
    FG_ID_FORWARDING, /* of an order to a balancing market */
    FG_ID_OPERATING_POINT,
    FG_ID_METER,
    FG_ID_SETTLEMENT, /* run */
    FG_ID_DISPUTE,
    FG_ID_DOCUMENT, /* statement, invoice */
    FG_ID_RUN,      /* long work */
    FG_ID_MESSAGE,
    FG_ID_APPROVAL, /* of a change that needs four eyes */
    FG_ID_WEBHOOK,
    FG_ID_AGENT, /* fetches market data */
    FG_ID_PLAN, /* of delivery */
    FG_ID_SET_POINT,
    FG_ID_PAYMENT,
    FG_ID_TENDER,
    FG_ID_TENDER_OFFER,
    FG_ID_CONDITION, /* of the grid: switch state, outage, limit */
    FG_ID_AUCTION_RULE, /* recurring auctions */
    FG_ID_KIND_COUNT
};

/* "org", "usr", ...: the word before the number, and the name of the counter. */
const char *fg_id_word(enum fg_id_kind kind);

#define FG_ID_TEXT 32
const char *fg_id_text(enum fg_id_kind kind, int64_t number, char buffer[FG_ID_TEXT]);

/* The number of an identity of this kind. FG_ERR_VALUE says which word is wanted; only the canonical text is taken. */
enum fg_code fg_id_parse(enum fg_id_kind kind, const char *text, int64_t *number, struct fg_error *err);

#endif
