#include "market/ledger.h"
#include "base/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *const fg_ledger_account_words[] = {"participant", "market",  "penalties", "transfer", "fees",
                                               "make_whole",  "congestion", "losses", "pricing",  "slack",
                                               "rounding",    "tax",     "bank",      NULL};
const char *const fg_ledger_reason_words[] = {"purchase",    "sale",     "penalty", "compensation", "transfer_taken", "transfer_given",
                                              "fee_share",   "fee_monthly", "rounding", "tax",      "payment",
                                              "availability_bought", "availability_sold", "unavailability",
                                              "unavailability_shared", "auction_charge", "auction_credit", NULL};

void fg_ledger_release(struct fg_ledger *ledger)
{
    fg_free(ledger->items);
    *ledger = (struct fg_ledger){0};
}

static bool is_party(struct fg_ledger_party party)
{
    return party.account == FG_LEDGER_PARTICIPANT ? party.owner > 0
                                                  : party.account < FG_LEDGER_ACCOUNT_COUNT && party.owner == 0;
}

static bool is_same(struct fg_ledger_party a, struct fg_ledger_party b)
{
    return a.account == b.account && a.owner == b.owner;
}

enum fg_code fg_ledger_move(struct fg_ledger *ledger, struct fg_ledger_posting posting, struct fg_error *err)
{
    if (!is_party(posting.from) || !is_party(posting.to) || is_same(posting.from, posting.to))
        return fg_fail(err, FG_ERR_ARGUMENT, NULL,
                       "a posting goes between two accounts; only a participant's account has an owner");
    if (posting.amount.u == 0)
        return FG_OK;
    if (fg_grow((void **)&ledger->items, ledger->count, &ledger->capacity, sizeof *ledger->items) != 0)
        return fg_fail_memory(err);
    ledger->items[ledger->count++] = posting;
    return FG_OK;
}

enum fg_code fg_ledger_balance(const struct fg_ledger *ledger, struct fg_ledger_party party, int any_owner,
                               struct fg_money *out, struct fg_error *err)
{
    out->u = 0;
    for (size_t i = 0; i < ledger->count; i++) {
        const struct fg_ledger_posting *posting = &ledger->items[i];
        bool gives = posting->from.account == party.account && (any_owner || posting->from.owner == party.owner);
        bool takes = posting->to.account == party.account && (any_owner || posting->to.owner == party.owner);
        enum fg_code code = gives == takes ? FG_OK
                            : takes        ? fg_add(out->u, posting->amount.u, &out->u, err)
                            : __builtin_sub_overflow(out->u, posting->amount.u, &out->u)
                                ? fg_fail(err, FG_ERR_OVERFLOW, NULL, "the balance of an account does not fit")
                                : FG_OK;
        if (code != FG_OK)
            return code;
    }
    return FG_OK;
}

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_kinds(const void *left, const void *right)
{
    const struct fg_ledger_posting *a = left, *b = right;
    const int64_t keys[][2] = {
        {a->trade, b->trade},           {a->contract, b->contract},       {a->period, b->period},           {(int64_t)a->reason, (int64_t)b->reason},
        {(int64_t)a->from.account, (int64_t)b->from.account}, {a->from.owner, b->from.owner},
        {(int64_t)a->to.account, (int64_t)b->to.account},     {a->to.owner, b->to.owner},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i][0] != keys[i][1])
            return compare_numbers(keys[i][0], keys[i][1]);
    return 0;
}

enum fg_code fg_ledger_difference(const struct fg_ledger *earlier, const struct fg_ledger *later, struct fg_ledger *out,
                                  struct fg_error *err)
{
    size_t count = earlier->count + later->count;
    struct fg_ledger_posting *all = fg_alloc(count, sizeof *all);
    if (all == NULL)
        return fg_fail_memory(err);
    enum fg_code code = FG_OK;
    for (size_t i = 0; i < count; i++) {
        bool is_earlier = i < earlier->count;
        all[i] = is_earlier ? earlier->items[i] : later->items[i - earlier->count];
        if (is_earlier && all[i].amount.u == INT64_MIN)
            code = fg_fail(err, FG_ERR_OVERFLOW, NULL, "the amount of a posting does not fit");
        else if (is_earlier)
            all[i].amount.u = -all[i].amount.u;
    }
    qsort(all, count, sizeof *all, compare_kinds);
    for (size_t i = 0, end; code == FG_OK && i < count; i = end) {
        struct fg_ledger_posting sum = all[i];
        for (end = i + 1; code == FG_OK && end < count && compare_kinds(&all[i], &all[end]) == 0; end++)
            code = fg_add(sum.amount.u, all[end].amount.u, &sum.amount.u, err);
        if (code == FG_OK)
            code = fg_ledger_move(out, sum, err);
    }
    fg_free(all);
    return code;
}
