#include "atp/id.h"

#include <stdio.h>
#include <string.h>

static const char *const words[FG_ID_KIND_COUNT] = {
    [FG_ID_ORGANISATION] = "org", [FG_ID_USER] = "usr",         [FG_ID_PERSON] = "per",
    [FG_ID_KEY] = "key",          [FG_ID_SESSION] = "ses",      [FG_ID_INVITATION] = "inv",
    [FG_ID_CONSENT] = "con",      [FG_ID_NETWORK] = "net",      [FG_ID_AREA] = "area",
    [FG_ID_LOCATION] = "loc",     [FG_ID_ASSET] = "ast",        [FG_ID_PORTFOLIO] = "pf",
    [FG_ID_PRODUCT] = "prd",      [FG_ID_PREQUALIFICATION] = "pq", [FG_ID_ORDER] = "ord",
    [FG_ID_GROUP] = "grp",        [FG_ID_TRADE] = "trd",        [FG_ID_CONTRACT] = "lf",
    [FG_ID_AUCTION] = "auc",      [FG_ID_FORWARDING] = "fwd",   [FG_ID_OPERATING_POINT] = "op",
    [FG_ID_METER] = "mtr",        [FG_ID_SETTLEMENT] = "stl",   [FG_ID_DISPUTE] = "dsp",
    [FG_ID_DOCUMENT] = "doc",     [FG_ID_RUN] = "run",          [FG_ID_MESSAGE] = "msg",
    [FG_ID_APPROVAL] = "apv",     [FG_ID_WEBHOOK] = "whk", [FG_ID_AGENT] = "agt",
    [FG_ID_PLAN] = "plan",        [FG_ID_SET_POINT] = "sp",     [FG_ID_PAYMENT] = "pay",
    [FG_ID_TENDER] = "tnd",       [FG_ID_TENDER_OFFER] = "bid",
    [FG_ID_CONDITION] = "cnd",
    [FG_ID_AUCTION_RULE] = "arl",
};

const char *fg_id_word(enum fg_id_kind kind)
{
    return words[kind];
}

const char *fg_id_text(enum fg_id_kind kind, int64_t number, char buffer[FG_ID_TEXT])
{
    snprintf(buffer, FG_ID_TEXT, "%s-%lld", words[kind], (long long)number);
    return buffer;
}

enum fg_code fg_id_parse(enum fg_id_kind kind, const char *text, int64_t *number, struct fg_error *err)
{
    size_t length = strlen(words[kind]);
    int64_t value = 0;
    if (strncmp(text, words[kind], length) == 0 && text[length] == '-' && text[length + 1] >= '1') {
        const char *digit = text + length + 1;
        while (*digit >= '0' && *digit <= '9' && value <= (INT64_MAX - (*digit - '0')) / 10)
            value = value * 10 + (*digit++ - '0');
        if (*digit == '\0') {
            *number = value;
            return FG_OK;
        }
    }
    return fg_fail(err, FG_ERR_VALUE, NULL, "\"%.40s\" is not an id of this kind; it looks like %s-1", text, words[kind]);
}
