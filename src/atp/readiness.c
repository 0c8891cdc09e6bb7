/* "Ready for market": each condition is a question to the database whose answer is the number of what is wrong. */
#include "atp/portfolio.h"
#include "atp/query.h"

#include <string.h>

struct condition {
    const char *key, *remedy;
    const char *text; /* $1 id, $2 now, $3 product; 0: met */
};

/* Assets in the portfolio now. */
#define NOW(alias) "(" alias ".valid_from_us <= $2 AND (" alias ".valid_until_us IS NULL OR " alias ".valid_until_us > $2))"
#define HELD "portfolio_asset m JOIN asset s ON s.id = m.asset_id WHERE m.portfolio_id = $1 AND " NOW("m")
#define PREQUALIFIED(kind)                                                                                             \
    "SELECT CASE WHEN EXISTS (SELECT 1 FROM prequalification q WHERE q.portfolio_id = $1 AND q.product_id = $3 AND q.kind = '" kind \
    "' AND q.status = 'approved' AND (q.valid_from_us IS NULL OR q.valid_from_us <= $2) AND (q.valid_until_us IS NULL OR "         \
    "q.valid_until_us > $2)) THEN 0 ELSE 1 END"

static const struct condition organisation_conditions[] = {
    {"organisation.active", "The market operator has to accept the organisation.",
     "SELECT count(*) FROM organisation WHERE id = $1 AND status <> 'active'"},
    {"organisation.iban", "Give a bank account, for payments.", "SELECT count(*) FROM organisation WHERE id = $1 AND iban IS NULL"},
    {"organisation.vat_number", "Give the VAT number, for invoices.",
     "SELECT count(*) FROM organisation WHERE id = $1 AND vat_number IS NULL"},
    {"organisation.trader", "Give a user the duty trader, in the organisation or in one with a mandate to trade.",
     "SELECT CASE WHEN EXISTS (SELECT 1 FROM app_user u WHERE u.status = 'active' AND u.duties & 2 <> 0 AND (u.organisation_id = $1 OR "
     "u.organisation_id IN (SELECT m.agent_id FROM mandate m WHERE m.principal_id = $1 AND m.revoked_us IS NULL AND m.duties & 2 <> 0))) "
     "THEN 0 ELSE 1 END"},
};
_Static_assert(FG_BIT(FG_DUTY_TRADER) == 2, "the bit in the statement above");

static const struct condition portfolio_conditions[] = {
    {"portfolio.approved", "The market operator has to approve the portfolio.",
     "SELECT count(*) FROM portfolio WHERE id = $1 AND status <> 'approved'"},
    {"portfolio.organisation", "The organisation has to be active.",
     "SELECT count(*) FROM portfolio p JOIN organisation o ON o.id = p.organisation_id WHERE p.id = $1 AND o.status <> 'active'"},
    {"portfolio.location", "The location has been closed; make a portfolio at a published one.",
     "SELECT count(*) FROM portfolio p JOIN location l ON l.id = p.location_id WHERE p.id = $1 AND l.status <> 'published'"},
    {"portfolio.assets", "Put an asset into the portfolio.", "SELECT CASE WHEN EXISTS (SELECT 1 FROM " HELD ") THEN 0 ELSE 1 END"},
    {"assets.grid_approval", "The system operator has to approve every asset at its bus.",
     "SELECT count(*) FROM " HELD " AND s.grid_status <> 'approved'"},
    {"assets.metering_point", "Give the metering point of every asset.", "SELECT count(*) FROM " HELD " AND s.metering_point IS NULL"},
    {"assets.balance_responsible", "Name a balance responsible party for every asset; it has to confirm.",
     "SELECT count(*) FROM " HELD " AND NOT EXISTS (SELECT 1 FROM brp_assignment b JOIN organisation o ON o.id = b.brp_id WHERE "
     "b.asset_id = s.id AND o.status = 'active' AND " NOW("b") ")"},
    {"assets.one_balance_responsible", "An independent aggregator's portfolio holds assets of one balance responsible party; split it.",
     "SELECT CASE WHEN (SELECT o.roles & 128 FROM portfolio p JOIN organisation o ON o.id = p.organisation_id WHERE p.id = $1) = 0 AND "
     "(SELECT count(DISTINCT b.brp_id) FROM portfolio_asset m JOIN brp_assignment b ON b.asset_id = m.asset_id WHERE "
     "m.portfolio_id = $1 AND " NOW("m") " AND " NOW("b") ") > 1 THEN 1 ELSE 0 END"},
    {"assets.mandate", "The owner of every asset has to give a mandate to trade or operate it.",
     "SELECT count(*) FROM portfolio p JOIN portfolio_asset m ON m.portfolio_id = p.id JOIN asset s ON s.id = m.asset_id WHERE p.id = $1 "
     "AND " NOW("m") " AND s.organisation_id <> p.organisation_id AND NOT EXISTS (SELECT 1 FROM mandate g WHERE g.principal_id = "
     "s.organisation_id AND g.agent_id = p.organisation_id AND g.revoked_us IS NULL AND g.duties & 6 <> 0)"},
    {"prequalification.product", "The market operator has to prequalify the portfolio for the product.", PREQUALIFIED("product")},
    {"prequalification.grid", "The system operator has to prequalify the portfolio for its grid.", PREQUALIFIED("grid")},
};
_Static_assert(FG_BIT(FG_ROLE_BRP) == 128, "the bit in the statement above");
_Static_assert((FG_BIT(FG_DUTY_TRADER) | FG_BIT(FG_DUTY_OPERATOR)) == 6, "the bits in the statement above");

static enum fg_code ask(struct fg_registry *registry, const struct condition *condition, int64_t id, int64_t product,
                        int64_t *wrong, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(registry->store, condition->text, &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, id);
    if (strstr(condition->text, "$2") != NULL)
        fg_sql_int64(sql, 2, registry->now_us);
    if (strstr(condition->text, "$3") != NULL)
        fg_sql_int64(sql, 3, product);
    if ((code = fg_sql_one(sql, err)) == FG_OK) {
        *wrong = fg_sql_column_int64(sql, 0);
        fg_sql_done(sql);
    }
    return code;
}

static enum fg_code put(struct fg_registry *registry, const struct condition *conditions, size_t count, int64_t id,
                        int64_t product, struct fg_json_writer *out, struct fg_error *err)
{
    bool is_ready = true;
    enum fg_code code = FG_OK;
    fg_json_begin_object(out, NULL);
    fg_json_begin_array(out, "checks");
    for (size_t i = 0; i < count && code == FG_OK; i++) {
        int64_t wrong = 0;
        code = ask(registry, &conditions[i], id, product, &wrong, err);
        is_ready = is_ready && wrong == 0;
        fg_json_begin_object(out, NULL);
        fg_json_put_string(out, "key", conditions[i].key);
        fg_json_put_bool(out, "met", wrong == 0);
        fg_json_put_string(out, "remedy", wrong == 0 ? NULL : conditions[i].remedy);
        fg_json_end_object(out);
    }
    fg_json_end_array(out);
    fg_json_put_bool(out, "ready", is_ready);
    fg_json_end_object(out);
    return code;
}

enum fg_code fg_readiness_organisation(struct fg_registry *registry, int64_t id, struct fg_json_writer *out,
                                       struct fg_error *err)
{
    if (id != fg_registry_party(registry) && !fg_registry_sees_all(registry))
        return fg_registry_found(FG_ERR_NOT_FOUND, FG_ID_ORGANISATION, id, "organisation of yours", err);
    return put(registry, organisation_conditions, sizeof organisation_conditions / sizeof *organisation_conditions, id, 0, out,
               err);
}

enum fg_code fg_readiness_portfolio(struct fg_registry *registry, int64_t id, int64_t product, struct fg_json_writer *out,
                                    struct fg_error *err)
{
    int64_t organisation;
    enum fg_code code = fg_registry_found(
        fg_query_number(registry->store, &organisation, err,
                        "SELECT p.organisation_id FROM portfolio p JOIN product d ON d.area_id = p.area_id WHERE p.id = $1 AND d.id = $2",
                        "ii", id, product),
        FG_ID_PORTFOLIO, id, "portfolio with this product:", err);
    if (code == FG_OK && organisation != fg_registry_party(registry) && !fg_registry_sees_all(registry))
        code = fg_registry_found(FG_ERR_NOT_FOUND, FG_ID_PORTFOLIO, id, "portfolio of yours", err);
    return code == FG_OK ? put(registry, portfolio_conditions, sizeof portfolio_conditions / sizeof *portfolio_conditions, id,
                               product, out, err)
                         : code;
}
