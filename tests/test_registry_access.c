/* Who may do what.
 *   1. Permissions (+) and prohibitions (-) written by hand from the duties of the roles, without a look at rights.c.
 *   2. Every operation of the catalogue, tried as every role with and without the duty, on foreign data, and without log-in.
 *   3. Passwords, keys and tokens appear neither in the log nor in answers, but where they are told once.
 *   4. docs/rights.md is the table.
 *   5. An organisation with an object of every kind: of no operation do others, whatever their role, get a word of it or change it. */
#include "registry_fixture.h"

#include "atp/rights.h"
#include "base/log.h"

#include <fcntl.h>

/* fontconfig, which cairo asks for fonts, keeps what it has read until the process ends. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig\n";
}

static const char *const by_hand[] = {
    /* the market operator runs the market and does not trade */
    "+ fmo operator organisations.decide", "+ fmo administrator organisations.decide", "- fmo reader organisations.decide",
    "- fmo trader organisations.decide", "+ fmo operator areas.manage", "- fmo reader areas.manage", "+ fmo operator market.operate",
    "- fmo reader market.operate", "- fmo settlement market.operate", "+ fmo operator market.limits", "+ fmo operator trades.cancel",
    "- fmo settlement trades.cancel", "+ fmo operator auctions.run", "+ fmo settlement settlements.run", "- fmo operator settlements.run",
    "+ fmo settlement settlements.run", "- fmo trader settlements.run", "+ fmo settlement disputes.decide", "- fmo trader orders.enter",
    "- fmo operator orders.enter", "+ fmo operator portfolios.approve", "+ fmo operator prequalification.decide", "- fmo operator portfolios.manage",
    "- fmo operator assets.manage", "- fmo operator assets.approve", "- fmo operator trades.curtail", "- fmo operator brp.confirm",
    "+ fmo operator approvals.ask", "+ fmo settlement approvals.decide", "- fmo reader approvals.decide", "- fmo reader approvals.ask",
    "+ fmo reader orders.read", "+ fmo administrator audit.read", "- fmo administrator mandates.manage", "- fmo trader contracts.tender",
    "- fmo operator meters.manage", "- fmo operator forwarding.manage",
    /* a distribution system operator buys, and watches over its grid */
    "+ dso trader orders.enter", "- dso reader orders.enter", "- dso operator orders.enter", "+ dso operator networks.upload",
    "- dso trader networks.upload", "+ dso reader networks.read", "+ dso operator locations.manage", "- dso settlement locations.manage",
    "+ dso operator assets.approve", "- dso trader assets.approve", "+ dso operator trades.curtail", "- dso trader trades.curtail",
    "+ dso operator prequalification.decide", "- dso operator portfolios.approve", "- dso operator portfolios.manage", "- dso operator assets.manage",
    "- dso operator organisations.decide", "- dso operator areas.manage", "- dso operator market.operate", "- dso operator trades.cancel",
    "+ dso operator operating_point.enter", "+ dso trader contracts.tender", "- dso trader contracts.offer", "+ dso operator plans.decide",
    "- dso operator plans.send", "+ dso operator meters.manage", "- dso settlement settlements.run", "+ dso settlement disputes.raise",
    "- dso operator forwarding.manage", "- dso operator approvals.ask", "- dso administrator audit.read", "- dso operator brp.confirm",
    /* a transmission system operator besides takes what is forwarded */
    "+ tso trader orders.enter", "+ tso operator forwarding.manage", "+ tso reader forwarding.read", "+ tso operator locations.manage",
    "- tso operator portfolios.manage", "- tso operator market.operate", "+ tso operator trades.curtail",
    /* sellers */
    "+ aggregator trader orders.enter", "- aggregator settlement orders.enter", "+ aggregator operator portfolios.manage",
    "- aggregator reader portfolios.manage", "+ aggregator operator assets.manage", "- aggregator operator assets.approve",
    "- aggregator operator portfolios.approve", "- aggregator operator prequalification.decide", "- aggregator reader networks.read",
    "- aggregator operator networks.upload", "- aggregator operator locations.manage", "- aggregator operator trades.curtail",
    "+ aggregator trader contracts.offer", "- aggregator trader contracts.tender", "+ aggregator operator plans.send",
    "- aggregator operator plans.decide", "+ aggregator operator baselines.submit", "- aggregator operator organisations.decide",
    "- aggregator administrator audit.read", "- aggregator operator auctions.run", "- aggregator settlement settlements.run",
    "- aggregator operator brp.confirm", "+ aggregator administrator users.manage", "- aggregator trader users.manage",
    "- aggregator trader users.read", "+ aggregator administrator mandates.manage", "- aggregator trader mandates.manage",
    "+ esp operator portfolios.manage", "+ esp trader orders.enter", "- esp trader trades.cancel", "+ resp trader orders.enter",
    "+ resp operator baselines.submit", "- resp operator networks.read", "+ retailer operator portfolios.manage", "- retailer operator brp.confirm",
    /* balance responsible parties and market operators */
    "+ aggregator administrator brp.propose", "- aggregator operator brp.propose", "- prosumer administrator brp.propose", "- observer reader brp.read",
    "+ brp operator brp.confirm", "- brp trader brp.confirm", "- brp reader brp.confirm", "+ brp trader orders.enter",
    "- brp operator assets.approve", "- brp operator market.operate", "+ market_operator trader orders.enter",
    "- market_operator operator market.operate", "- market_operator operator areas.manage",
    /* a prosumer owns assets and does not trade them */
    "+ prosumer operator assets.manage", "- prosumer trader orders.enter", "- prosumer operator portfolios.manage",
    "+ prosumer administrator mandates.manage", "+ prosumer operator meters.manage", "- prosumer operator brp.confirm",
    "- prosumer reader networks.read", "- prosumer trader contracts.offer", "+ prosumer reader settlements.read",
    /* a regulator sees, an observer sees what is public; neither changes the market */
    "+ regulator reader orders.read", "+ regulator reader networks.read", "+ regulator administrator audit.read", "- regulator reader audit.read",
    "- regulator trader orders.enter", "- regulator operator market.operate", "- regulator operator organisations.decide",
    "- regulator operator locations.manage", "- regulator operator assets.approve", "- regulator operator runs.manage",
    "- regulator settlement settlements.run", "- regulator operator areas.manage", "+ observer reader book.read", "+ observer reader areas.read",
    "+ observer reader locations.read", "- observer reader assets.read", "- observer reader portfolios.read", "- observer reader networks.read",
    "- observer reader orders.read", "- observer trader orders.enter", "- observer reader meters.read", "- observer operator series.write",
    "- observer operator webhooks.manage", "- observer reader settlements.read", "- observer administrator audit.read",
    "+ observer reader person.export", "+ observer reader keys.manage", "+ observer administrator users.manage",
};

static unsigned bit_of(const char *word, const char *const *words)
{
    for (unsigned i = 0; words[i] != NULL; i++)
        if (strcmp(word, words[i]) == 0)
            return FG_BIT(i);
    fail_msg("no such word: %s", word);
    return 0;
}

static void written_by_hand(void **state)
{
    (void)state;
    assert_true(FG_COUNT_OF(by_hand) >= 100);
    for (size_t i = 0; i < FG_COUNT_OF(by_hand); i++) {
        char sign, who[40], what[40], right[60];
        assert_int_equal(sscanf(by_hand[i], "%c %39s %39s %59s", &sign, who, what, right), 4);
        const struct fg_access_rule *rule = fg_access_find(&fg_platform_access, right);
        if (rule == NULL)
            fail_msg("%s: no such right", right);
        struct fg_principal principal = {.roles = bit_of(who, fg_role_words), .duties = bit_of(what, fg_duty_words)};
        if (fg_access_allows(rule, &principal) != (sign == '+'))
            fail_msg("the table says otherwise: %s", by_hand[i]);
    }
}

static void documented(void **state)
{
    (void)state;
    struct fg_text table, document;
    fg_text_init(&table);
    fg_text_init(&document);
    fg_rights_describe(&fg_platform_access, &table);
    assert_int_equal(fg_file_read(FG_SOURCE_DIR "/docs/rights.md", 1 << 20, &document, NULL), FG_OK);
    if (strstr(document.data, table.data) == NULL)
        fail_msg("docs/rights.md does not hold the table that fg_rights_describe writes");
    fg_text_release(&table);
    fg_text_release(&document);
}

/* ---- every operation ---- */
struct crowd {
    struct registry_fixture f;
    struct party parties[FG_ROLE_COUNT];
    char readers[FG_ROLE_COUNT][TOKEN_LENGTH]; /* a user with the duty reader only */
};

/* Path of an operation on objects of organisations that none of the crowd belongs to. */
static void foreign_path(const struct fg_operation *operation, char path[400])
{
    static const struct {
        const char *name, *id;
    } ids[] = {{"organisation", "org-2"}, {"agent", "org-2"}, {"user", "usr-2"}, {"key", "key-1"}, {"purpose", "contact"}, {"approval", "apv-1"},
               {"area", "area-1"}, {"product", "prd-1"}, {"network", "net-1"}, {"location", "loc-1"}, {"other", "loc-2"}, {"asset", "ast-1"},
               {"portfolio", "pf-1"}, {"prequalification", "pq-1"}, {"order", "ord-1"}, {"trade", "trd-1"}, {"session", "1"}, {"meter", "mtr-1"},
               {"plan", "plan-1"}, {"set_point", "sp-1"}, {"run", "stl-1"}, {"dispute", "dsp-1"}, {"document", "doc-1"}, {"year", "2026"},
               {"tender", "tnd-1"}, {"offer", "bid-1"}, {"contract", "lf-1"}, {"control_area", "GR"}, {"forwarding", "fwd-1"}, {"webhook", "whk-1"}, {"market_agent", "agt-1"}, {"operating_point", "op-1"}, {"condition", "cnd-1"},
               {"auction", "auc-1"}, {"rule", "arl-1"}};
    size_t used = 0;
    for (const char *at = operation->path; *at != '\0';) {
        if (*at != '{') {
            path[used++] = *at++;
            continue;
        }
        size_t length = strcspn(++at, "}"), i = 0;
        while (i < FG_COUNT_OF(ids) && (strlen(ids[i].name) != length || strncmp(ids[i].name, at, length) != 0))
            i++;
        assert_true(i < FG_COUNT_OF(ids));
        bool is_long_work = strncmp(operation->path, "/v1/runs/", 9) == 0; /* other runs are settlements */
        used += (size_t)sprintf(path + used, "%s", is_long_work ? "run-1" : ids[i].id);
        at += length + 1;
    }
    path[used] = '\0';
    const char *separator = "?";
    for (const struct fg_param *q = operation->query_params; q != NULL && q->name != NULL; q++)
        if (q->required) {
            used += (size_t)sprintf(path + used, "%s%s=%s", separator, q->name, strcmp(q->name, "product") == 0 ? "prd-1" : "x");
            separator = "&";
        }
}

/* Objects that belong to somebody: who is neither owner nor authority gets nothing of them. */
static bool is_private(const struct fg_operation *operation)
{
    static const char *const names[] = {"{user}", "{key}", "{approval}", "{network}", "{asset}", "{portfolio}", "{prequalification}"};
    for (size_t i = 0; i < FG_COUNT_OF(names); i++)
        if (strstr(operation->path, names[i]) != NULL)
            return true;
    return false;
}

static void try_operation(struct crowd *crowd, const struct fg_operation *operation)
{
    char path[400];
    long status;
    const char *method = fg_method_name(operation->method), *headers = operation->request_media != NULL
        ? "Content-Type: application/octet-stream\nIf-Match: *" : "If-Match: *";
    const char *body = operation->request_media != NULL ? "nothing" : operation->request_example;
    foreign_path(operation, path);
    json_decref(call_full(&crowd->f, NULL, method, path, headers, body, &status, NULL));
    if (status != 401)
        fail_msg("%s without log-in: %ld", operation->id, status);
    const struct fg_access_rule *rule = fg_access_find(&fg_platform_access, operation->right);
    assert_non_null(rule);
    for (unsigned r = 0; r < FG_ROLE_COUNT; r++)
        for (int all_duties = 0; all_duties < 2; all_duties++) {
            const char *token = all_duties ? crowd->parties[r].token : crowd->readers[r];
            bool allowed = (rule->roles & FG_BIT(r)) && (all_duties || (rule->duties & FG_BIT(FG_DUTY_READER)));
            json_t *json = call_full(&crowd->f, token, method, path, headers, body, &status, NULL);
            const char *detail = json_string_value(json_object_get(json, "detail"));
            bool by_table = status == 403 && detail != NULL && strncmp(detail, "the right \"", 11) == 0;
            if (by_table == allowed || status == 401 || status >= 500)
                fail_msg("%s as %s%s: %ld %s", operation->id, fg_role_words[r], all_duties ? "" : " (reader)", status, detail != NULL ? detail : "");
            bool sees_all = r == FG_ROLE_FMO || r == FG_ROLE_REGULATOR;
            if (is_private(operation) && status < 300 && !(sees_all && operation->method == FG_GET) && !(r == FG_ROLE_FMO))
                fail_msg("%s as %s reaches foreign data: %ld", operation->id, fg_role_words[r], status);
            json_decref(json);
        }
}

static void fill(struct registry_fixture *f)
{
    static const char *const rows[] = {
        "INSERT INTO organisation (id, name, roles, status, country, address, created_us, version) VALUES (9001, 'Grid', 2, 'active', 'GR', '', 0, 1), "
        "(9002, 'Owner', 32, 'active', 'GR', '', 0, 1)",
        "INSERT INTO area (id, name, operator_id, currency, time_zone, period_s, tick_w, price_step_u, price_min_u, price_max_u, size_max_w, "
        "network_mode, stale_rule, created_us, version) VALUES (1, 'A', 1, 'EUR', 'Europe/Athens', 900, 1000, 10000, -500000000, 4000000000, 100000000, "
        "'off', 'block', 0, 1)",
        "INSERT INTO product (id, area_id, name, kind, opening_days, opening_clock_s, closure_lead_s, tolerance_share_u, tolerance_w, penalty_factor_u, "
        "penalty_u, baseline_rule, version) VALUES (1, 1, 'P', 'active', 1, 0, 0, 0, 0, 0, 0, '{\"method\":\"submitted\"}', 1)",
        "INSERT INTO network (id, area_id, organisation_id, name, format, document, version, sha256, notes, bus_count, branch_count, uploaded_by, "
        "uploaded_us) VALUES (1, 1, 9001, 'N', 'matpower', 'd', 1, '0123456789012345678901234567890123456789012345678901234567890123', '[]', 1, 0, 1, 0)",
        "INSERT INTO location (id, area_id, name, operator_id, status, created_us, version) VALUES (1, 1, 'L', 9001, 'published', 0, 1), "
        "(2, 1, 'M', 9001, 'published', 0, 1)",
        "INSERT INTO asset (id, organisation_id, area_id, name, technology, location_id, p_min_w, p_max_w, s_max_va, grid_status, created_us, version) "
        "VALUES (1, 9002, 1, 'S', 'battery', 1, 0, 1, 1, 'pending', 0, 1)",
        "INSERT INTO portfolio (id, organisation_id, area_id, name, location_id, status, created_us, version) VALUES (1, 9002, 1, 'F', 1, 'pending', 0, 1)",
        "INSERT INTO prequalification (id, portfolio_id, product_id, kind, status, up_w, down_w, asked_us, version) VALUES (1, 1, 1, 'grid', 'pending', "
        "1, 1, 0, 1)",
    };
    struct fg_store *store = fixture_open_url(f->url);
    int64_t first;
    for (size_t i = 0; i < FG_COUNT_OF(rows); i++)
        fixture_execute(store, rows[i]);
    static const enum fg_id_kind used[] = {FG_ID_AREA, FG_ID_PRODUCT, FG_ID_NETWORK, FG_ID_LOCATION, FG_ID_ASSET, FG_ID_PORTFOLIO, FG_ID_PREQUALIFICATION};
    assert_int_equal(fg_store_begin(store, FG_STORE_WRITE, NULL), FG_OK);
    for (size_t i = 0; i < FG_COUNT_OF(used); i++)
        assert_int_equal(fg_store_next(store, fg_id_word(used[i]), 2, &first, NULL), FG_OK);
    assert_int_equal(fg_store_commit(store, NULL), FG_OK);
    fg_store_close(store);
}

static void only_where_told(const char *text, const char *prefix)
{
    for (const char *at = strstr(text, prefix); at != NULL; at = strstr(at + 1, prefix))
        if (strncmp(at - 9, "\"token\":\"", 9) != 0)
            fail_msg("a secret in an answer: %.80s", at - 20);
}

static void every_operation(void **state)
{
    struct crowd *crowd = calloc(1, sizeof *crowd);
    struct registry_fixture *f = &crowd->f;
    struct party bystander;
    char user[32], log[] = "/tmp/flexgrid_log_XXXXXX";
    int file = mkstemp(log);
    assert_true(file >= 0);
    fg_log_open(file, FG_LOG_DEBUG);
    registry_open(f, *(enum fg_store_kind *)*state);
    register_party(f, "bystander", "\"observer\"", true, &bystander); /* org-2, usr-2: the foreign organisation */
    for (unsigned r = 0; r < FG_ROLE_COUNT; r++) {
        char roles[80], email[80], name[20];
        snprintf(roles, sizeof roles, r == FG_ROLE_MARKET_OPERATOR ? "\"%s\",\"brp\"" : "\"%s\"", fg_role_words[r]);
        snprintf(email, sizeof email, "reader@party%u.example", r);
        snprintf(name, sizeof name, "party%u", r);
        if (r == FG_ROLE_FMO)
            strcpy(crowd->parties[r].token, f->fmo);
        else
            register_party(f, name, roles, true, &crowd->parties[r]);
        add_user(f, crowd->parties[r].token, email, "\"reader\"", crowd->readers[r], user);
    }
    /* One role at a time: the rights of a market operator are those of a BRP besides its own. */
    static const char alone[] = "UPDATE organisation SET roles = 256 WHERE roles = 384";
    struct fg_store *store = fixture_open_url(f->url);
    fixture_execute(store, alone);
    fg_store_close(store);
    fg_authenticator_forget(f->application.authenticator);
    fill(f);
    int tried = 0;
    for (size_t s = 1; fg_catalogue[s] != NULL; s++)
        for (size_t i = 0; i < fg_catalogue[s]->count; i++) {
            const struct fg_operation *operation = &fg_catalogue[s]->items[i];
            if (operation->right == NULL || strcmp(operation->id, "log-out") == 0 || strcmp(operation->id, "change-password") == 0)
                continue; /* public, or it would end the sessions of the test */
            try_operation(crowd, operation);
            tried++;
        }
    assert_true(tried > 55);
    /* 3. secrets */
    only_where_told(f->seen.data, "fgs_");
    only_where_told(f->seen.data, "fgk_");
    only_where_told(f->seen.data, "fgi_");
    assert_null(strstr(f->seen.data, PASSWORD));
    assert_null(strstr(f->seen.data, "argon2"));
    struct fg_text text;
    fg_text_init(&text);
    assert_int_equal(fg_file_read(log, 1 << 28, &text, NULL), FG_OK);
    assert_non_null(strstr(text.data, "\"operation\":\"log-in\"")); /* it did log */
    static const char *const secrets[] = {PASSWORD, "fgs_", "fgk_", "fgi_", "argon2", "@", "Person of"};
    for (size_t i = 0; i < FG_COUNT_OF(secrets); i++)
        if (strstr(text.data, secrets[i]) != NULL)
            fail_msg("\"%s\" is in the log", secrets[i]);
    fg_text_release(&text);
    registry_close(f);
    fg_log_open(-1, FG_LOG_ERROR);
    close(file);
    unlink(log);
    free(crowd);
}

/* ---- what belongs to somebody ----
 * Owner 2 (an aggregator) and its partner 9003 have an object of every kind, with "hidden" in its words; the market operator has an
 * approval, a grid operator a network. */
#define PERIOD "1944400" /* 2025-06-14T04:00:00Z */
#define NUMBERS "~" /* bytes in the words of the database: the number 1000, and a price of 1000 up to 1000 */
#define POINTS "^"
static const char *const owned_rows[] = {
    "INSERT INTO organisation (id, name, roles, status, country, address, created_us, version) VALUES (9001, 'Grid', 2, 'active', 'GR', '', 0, 1), "
    "(9003, 'Partner', 128, 'active', 'GR', '', 0, 1)",
    "INSERT INTO area (id, name, operator_id, currency, time_zone, period_s, tick_w, price_step_u, price_min_u, price_max_u, size_max_w, "
    "network_mode, stale_rule, created_us, version) VALUES (1, 'A', 1, 'EUR', 'Europe/Athens', 900, 1000, 10000, -500000000, 4000000000, 100000000, "
    "'off', 'block', 0, 1)",
    "INSERT INTO product (id, area_id, name, kind, opening_days, opening_clock_s, closure_lead_s, tolerance_share_u, tolerance_w, penalty_factor_u, "
    "penalty_u, baseline_rule, version) VALUES (1, 1, 'P', 'active', 1, 0, 0, 0, 0, 0, 0, '{\"method\":\"submitted\"}', 1)",
    "INSERT INTO network (id, area_id, organisation_id, name, format, document, version, sha256, notes, bus_count, branch_count, uploaded_by, "
    "uploaded_us) VALUES (1, 1, 9001, 'hidden-network', 'matpower', 'd', 1, '0123456789012345678901234567890123456789012345678901234567890123', "
    "'[]', 1, 0, 1, 0)",
    "INSERT INTO location (id, area_id, name, operator_id, status, created_us, version) VALUES (1, 1, 'L', 9001, 'published', 0, 1), "
    "(2, 1, 'M', 9001, 'published', 0, 1)",
    "INSERT INTO asset (id, organisation_id, area_id, name, technology, location_id, p_min_w, p_max_w, s_max_va, grid_status, created_us, version) "
    "VALUES (1, 2, 1, 'hidden-asset', 'battery', 1, 0, 1, 1, 'pending', 0, 1)",
    "INSERT INTO portfolio (id, organisation_id, area_id, name, location_id, status, created_us, version) VALUES (1, 2, 1, 'hidden-portfolio', 1, "
    "'pending', 0, 1)",
    "INSERT INTO portfolio_asset (asset_id, valid_from_us, portfolio_id) VALUES (1, 0, 1)",
    "INSERT INTO prequalification (id, portfolio_id, product_id, kind, status, up_w, down_w, reason, asked_us, version) VALUES (1, 1, 1, 'grid', "
    "'pending', 1, 1, 'hidden-prequalification', 0, 1)",
    "INSERT INTO balance_responsible (organisation_id, area_id, brp_id) VALUES (2, 1, 9003)",
    "INSERT INTO mandate (principal_id, agent_id, duties, granted_us, granted_by) VALUES (2, 9003, 2, 0, 2)",
    "INSERT INTO api_key (id, hash, user_id, name, apis, duties, created_us) VALUES (1, " NUMBERS ", 2, 'hidden-key', 1, 1, 0)",
    "INSERT INTO approval (id, action, object, detail, organisation_id, asked_by, asked_us, status) VALUES (1, 'limits.set', 'area-1', "
    "'hidden-approval', 1, 77, 0, 'open')",
    "INSERT INTO trading_session (id, area_id, organisation_id, timeout_s, opened_us, opened_by) VALUES (1, 1, 2, 3600, 0, 2)",
    "INSERT INTO area_state (area_id, time_us, next_priority, next_trade, book_sequence, event_sequence, epoch) VALUES (1, 1, 2, 2, 1, 1, 0)",
    "INSERT INTO book_order (id, area_id, status, cause, priority, held_back, tied, organisation_id, owner_id, portfolio_id, location_id, bus, side, "
    "product, regulation, kind, conditional, block, forward_to_tso, min_fraction_u, validity, expires_us, first_period, period_count, quantity, "
    "filled, points, technologies, activation_s, duration_min_s, duration_max_s, ramp_w_per_min, session_id, contract_id, parent_id, group_id, "
    "reference, entered_by, on_behalf_of, entered_us, changed_us) VALUES (1, 1, 'filled', 0, 1, 0, 0, 2, 2, 1, 1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "
    PERIOD ", 1, " NUMBERS ", " NUMBERS ", " POINTS ", 0, 0, 0, 0, 0, 1, 1, 0, 0, 'hidden-order', 2, 0, 0, 0)",
    "INSERT INTO request_step (order_id, place, area_id, first_period, due_us, status, done_us, reason) VALUES (1, 1, 1, " PERIOD ", 0, 'done', 0, "
    "'hidden-step')",
    "INSERT INTO book_trade (area_id, id, sell_order_id, buy_order_id, initiator, seller_id, buyer_id, portfolio_id, buyer_portfolio_id, "
    "sell_contract_id, buy_contract_id, product, regulation, kind, conditional, period, sell_bus, buy_bus, sell_location_id, buy_location_id, "
    "quantity_w, concluded_w, price_u, time_us) VALUES (1, 1, 1, 2, 1, 2, 9003, 1, 0, 0, 0, 0, 0, 1, 0, " PERIOD ", -1, -1, 1, 1, 1000, 1000, 50, 0)",
    "INSERT INTO meter (id, area_id, portfolio_id, product, reporter_id, name, rank, created_us, version) VALUES (1, 1, 1, 0, 2, 'hidden-meter', 1, "
    "0, 1)",
    "INSERT INTO delivery_plan (id, portfolio_id, first_period, period_count, status, reason, sent_by, sent_us, version) VALUES (1, 1, " PERIOD
    ", 1, 'pending', 'hidden-plan', 2, 0, 1)",
    "INSERT INTO set_point (id, portfolio_id, operator_id, first_period, period_count, power_w, sent_by, sent_us, answer, reason, version) VALUES "
    "(1, 1, 9001, " PERIOD ", 1, 5, 1, 0, 'refused', 'hidden-set-point', 1)",
    "INSERT INTO settlement_run (id, area_id, day, number, known_us, status, pending_count, trade_count, computed_by, computed_us, released_by, "
    "released_us, version) VALUES (1, 1, 20253, 1, 0, 'released', 0, 1, 1, 0, 77, 0, 1)",
    "INSERT INTO settlement_trade (run_id, trade_id, seller_id, buyer_id, portfolio_id, product, regulation, period, price_u, traded_ws, delivered_ws, "
    "tolerated_ws, paid_u, penalty_u, is_pending) VALUES (1, 1, 2, 9003, 1, 0, 0, " PERIOD ", 1, 1, 1, 0, 1, 0, 0)",
    "INSERT INTO dispute (id, run_id, trade_id, organisation_id, claim, status, raised_by, raised_us, version) VALUES (1, 1, 1, 2, 'hidden-claim', "
    "'open', 2, 0, 1)",
    "INSERT INTO bill (id, area_id, organisation_id, month, direction, kind, series, year, number, net, tax, gross, decimals, issued_us, due_day, "
    "content, version) VALUES (1, 1, 2, 24305, 'invoice', 'invoice', 'hidden-series', 2025, 1, 1, 0, 1, 2, 0, 20300, '{\"id\":\"doc-1\",\"number\":\"1\","
    "\"kind\":\"invoice\",\"direction\":\"invoice\",\"title\":\"hidden-document\",\"issued\":\"2025-07-01\",\"due\":\"2025-07-31\",\"delivery_from\":"
    "\"2025-06-01\",\"delivery_until\":\"2025-06-30\",\"currency\":\"EUR\",\"supplier\":{\"id\":\"org-1\",\"name\":\"M\",\"address\":\"S\",\"country\":"
    "\"GR\",\"vat_number\":null,\"iban\":null},\"customer\":{\"id\":\"org-2\",\"name\":\"O\",\"address\":\"S\",\"country\":\"GR\",\"vat_number\":null,"
    "\"iban\":null},\"changes\":[],\"lines\":[],\"net_of\":{\"standard\":\"0.01\",\"reverse_charge\":\"0\",\"outside_scope\":\"0\"},\"rounding\":\"0\","
    "\"net\":\"0.01\",\"tax_rate\":\"0\",\"tax\":\"0\",\"gross\":\"0.01\",\"notes\":[]}', 1)",
    "INSERT INTO tender (id, area_id, buyer_id, name, product_id, location_id, regulation, from_day, until_day, weekdays, capacity_w, "
    "availability_max_u, activation_max_u, expected_s, duration_min_s, notice_s, opens_us, closes_us, ties, status, created_by, created_us, version) "
    "VALUES (1, 1, 9001, 'T', 1, 1, 0, 20253, 20253, 127, 1000, 1, 1, 0, 0, 0, 0, 1, 0, 'awarded', 1, 0, 1)",
    "INSERT INTO tender_clock (tender_id, from_s, until_s) VALUES (1, 0, 3600)",
    "INSERT INTO tender_offer (id, tender_id, organisation_id, portfolio_id, quantity_w, minimum_w, availability_u, activation_u, status, awarded_w, "
    "reason, entered_by, entered_us, version) VALUES (1, 1, 2, 1, 1000, 1000, 1, 1, 'awarded', 1000, 'hidden-offer', 2, 0, 1)",
    "INSERT INTO contract (id, tender_id, offer_id, area_id, buyer_id, seller_id, portfolio_id, product_id, regulation, quantity_w, availability_u, "
    "activation_u, starts_us, ends_us, status, reason, round, awarded_by, awarded_us, version) VALUES (1, 1, 1, 1, 9003, 2, 1, 1, 0, 1000, 1, 1, 0, 1, "
    "'terminated', 'hidden-contract', 1, 1, 0, 1)",
    "INSERT INTO run (id, area_id, kind, organisation_id, user_id, state, progress, phase, input, claim, lease_us, is_recorded, is_unwanted, cause, "
    "created_us) VALUES (1, 1, 'powerflow', 2, 2, 'failed', 0, 'end', '{}', 1, 0, 0, 0, 'hidden-run', 0)",
    "INSERT INTO run_log (run_id, line, time_us, text) VALUES (1, 1, 0, 'hidden-log')",
    "INSERT INTO auction_rule (id, area_id, name, status, opening_days, opening_clock_s, closure_days, closure_clock_s, first_day, last_day, terms, "
    "made_by, made_us, version) VALUES (1, 1, 'R', 'ended', 1, 0, 1, 0, 20253, 20253, '{\"products\":[\"active\"],\"physics\":\"none\"}', 1, 0, 1)",
    "INSERT INTO auction (id, area_id, name, first_period, period_count, opening_us, closure_us, terms, status, cause, order_count, made_by, made_us, "
    "ended_us) VALUES (1, 1, 'U', " PERIOD ", 1, 0, 1, '{\"products\":[\"active\"],\"physics\":\"none\"}', 'cancelled', 'Test', 0, 1, 0, 1)",
    "INSERT INTO auction_order (id, auction_id, status, cause, organisation_id, portfolio_id, location_id, covers, side, product, regulation, kind, "
    "block, min_fraction_u, first_period, period_count, quantity, points, reference, entered_by, on_behalf_of, entered_us, changed_us) VALUES (1, 1, "
    "'cancelled', 'auction', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, " PERIOD ", 1, " NUMBERS ", " POINTS ", 'hidden-sealed', 2, 0, 0, 0)",
    "INSERT INTO series (id, name, kind, unit, step_s, interval_s, keep_history) VALUES (1, 'agent/1', 0, 'EUR/MWh', 900, 900, 1)",
    "INSERT INTO market_agent (id, organisation_id, name, url, format, rows, time_member, value_member, unit, places, step_s, every_s, stale_s, quality, "
    "source, licence, enabled, series_id, next_us, attempts, created_by, created_us, version) VALUES (1, 2, 'hidden-agent', 'https://a.example/', 'json', "
    "'', '/t', '/v', 'EUR/MWh', 2, 900, 900, 900, 0, 'S', 'L', 0, 1, 0, 0, 2, 0, 1)",
    "INSERT INTO balancing_market (area_id, control_area, organisation_id, name, url, key, bid_min_w, lead_s, grace_s, enabled, position, changed_by, "
    "changed_us, version) VALUES (1, 'GR', 9001, 'B', 'https://hidden-market.example/', " NUMBERS ", 1, 0, 0, 0, 0, 1, 0, 1)",
    "INSERT INTO forward_bid (id, area_id, control_area, state, regulation, location_id, brp_id, first_period, period_count, quantity_w, least_w, "
    "price_u, called_w, deadline_us, expires_us, reason, created_us, changed_us, version) VALUES (1, 1, 'GR', 'expired', 0, 1, 0, " PERIOD
    ", 1, 1000, 0, 1, 0, 0, 0, 'hidden-bid', 0, 0, 1)",
    "INSERT INTO forward_member (bid_id, place, order_id, portfolio_id, organisation_id, quantity_w, price_u, called_w) VALUES (1, 1, 1, 1, 2, 1000, 1, 0)",
    "INSERT INTO operating_point (id, area_id, organisation_id, name, origin, covers, is_required, deadline_s, when_stale, created_us, value_version, "
    "version) VALUES (1, 1, 2, 'hidden-point', 'prognosis', 'rest', 0, 0, 'own', 0, 0, 1)",
    "INSERT INTO grid_condition (id, area_id, organisation_id, kind, element, is_closed, limit_low, limit_high, from_us, reason, entered_by, entered_us, "
    "version) VALUES (1, 1, 2, 'outage', 'e', 0, 0, 0, 0, 'hidden-condition', 2, 0, 1)",
};

/* Words that only the owner, or the market operator, is to read; "org-9003" is the owner's partner in all that it does. */
static const struct {
    const char *word;
    bool is_operators;
} hidden[] = {
    {"hidden-asset", false},     {"hidden-portfolio", false}, {"hidden-prequalification", false}, {"hidden-key", false},
    {"hidden-order", false},     {"hidden-step", false},      {"hidden-meter", false},            {"hidden-plan", false},
    {"hidden-set-point", false}, {"hidden-claim", false},     {"hidden-document", false},         {"hidden-series", false},
    {"hidden-offer", false},     {"hidden-contract", false},  {"hidden-run", false},              {"hidden-log", false},
    {"hidden-sealed", false},    {"hidden-webhook", false},   {"hidden-delivery", false},         {"hidden-agent", false},
    {"hidden-bid", false},       {"hidden-point", false},     {"hidden-condition", false},        {"\"buyer\":\"org-9003\"", false},
    {"\"brp\":\"org-9003\"", false}, {"\"agent\":\"org-9003\"", false}, {"admin@owner.example", false}, {"hidden-network", true},
    {"hidden-approval", true},   {"hidden-market", true},
};

/* Objects that only who has made them, an authority or a partner changes. */
static const char *const owned_names[] = {
    "{user}",    "{key}",      "{approval}", "{network}",      "{asset}",           "{portfolio}", "{prequalification}", "{order}",
    "{trade}",   "{session}",  "{meter}",    "{plan}",         "{set_point}",       "{run}",       "{dispute}",          "{document}",
    "{offer}",   "{contract}", "{tender}",   "{auction}",      "{forwarding}",      "{webhook}",   "{market_agent}",     "{operating_point}",
    "{condition}", "{rule}",   "{organisation}", "{other}",    "{location}"};

static bool is_owned(const struct fg_operation *operation)
{
    for (size_t i = 0; i < FG_COUNT_OF(owned_names); i++)
        if (strstr(operation->path, owned_names[i]) != NULL)
            return true;
    return false;
}

/* The owner's objects have the numbers of foreign_path; required parameters have values that say yes to everything. */
static void owned_path(const struct fg_operation *operation, char path[600])
{
    foreign_path(operation, path);
    path[strcspn(path, "?")] = '\0';
    const char *separator = "?";
    for (const struct fg_param *q = operation->query_params; q != NULL && q->name != NULL; q++) {
        const char *value = strcmp(q->name, "from") == 0 ? "2025-06-14T00:00:00Z" : strcmp(q->name, "to") == 0 ? "2025-06-15T00:00:00Z"
                            : q->schema->kind == FG_SCHEMA_ENUM ? q->schema->words[0] : strcmp(q->name, "product") == 0 ? "prd-1"
                            : q->schema->kind == FG_SCHEMA_DATE ? "2025-06-14" : q->schema->kind == FG_SCHEMA_INSTANT ? "2025-06-14T00:00:00Z" : "1";
        if (q->required) {
            snprintf(path + strlen(path), 600 - strlen(path), "%s%s=%s", separator, q->name, value);
            separator = "&";
        }
    }
}

/* The answer goes to the end of f->seen. */
static void ask_operation(struct registry_fixture *f, const char *token, const struct fg_operation *operation, long *status)
{
    char path[600];
    owned_path(operation, path);
    json_decref(call_full(f, token, fg_method_name(operation->method), path,
                          operation->request_media != NULL ? "Content-Type: application/octet-stream\nIf-Match: *" : "If-Match: *",
                          operation->request_media != NULL ? "nothing" : operation->request_example, status, NULL));
}

/* Organisations of every role but the authorities': the foreigners. */
struct foreigners {
    struct registry_fixture f;
    struct party owner, parties[FG_ROLE_COUNT];
};

static void expect_nothing(struct foreigners *all, const struct fg_operation *operation, unsigned role)
{
    struct registry_fixture *f = &all->f;
    long status;
    size_t before = f->seen.length;
    ask_operation(f, all->parties[role].token, operation, &status);
    if (status >= 500) /* what is not there shows nothing */
        fail_msg("%s as %s: %ld %s", operation->id, fg_role_words[role], status, f->seen.data + before);
    bool is_public = strcmp(operation->right, "organisations.read") == 0; /* who takes part */
    for (size_t i = 0; i < FG_COUNT_OF(hidden); i++)
        if (!is_public && strstr(f->seen.data + before, hidden[i].word) != NULL)
            fail_msg("%s as %s: %s is in the answer: %s", operation->id, fg_role_words[role], hidden[i].word, f->seen.data + before);
    if (strstr(f->seen.data + before, "\"pointer\":\"{") != NULL)
        fail_msg("%s was not understood: %s", operation->id, f->seen.data + before);
    bool is_batch = strstr(operation->path, "/batch") != NULL; /* each of its items has its own status */
    if (operation->method != FG_GET && (is_batch ? strstr(f->seen.data + before, "\"status\":20") != NULL : status < 400))
        fail_msg("%s as %s changes what is another's: %ld %s", operation->id, fg_role_words[role], status, f->seen.data + before);
}

static bool is_tried(const struct fg_operation *operation)
{
    return operation->right != NULL && (operation->flags & FG_OP_STREAM) == 0 && (operation->method == FG_GET || is_owned(operation));
}

static void expect_hidden(struct foreigners *all, bool of_operator)
{
    struct registry_fixture *f = &all->f;
    size_t before = f->seen.length;
    long status;
    for (size_t s = 1; fg_catalogue[s] != NULL; s++)
        for (size_t i = 0; i < fg_catalogue[s]->count; i++)
            if (is_tried(&fg_catalogue[s]->items[i]) && fg_catalogue[s]->items[i].method == FG_GET)
                ask_operation(f, of_operator ? f->fmo : all->owner.token, &fg_catalogue[s]->items[i], &status);
    for (size_t i = 0; i < FG_COUNT_OF(hidden); i++)
        if (hidden[i].is_operators == of_operator && strstr(f->seen.data + before, hidden[i].word) == NULL)
            fail_msg("nobody could see %s: the test shows nothing about it", hidden[i].word);
}

static void what_belongs_to_others(void **state)
{
    struct foreigners *all = calloc(1, sizeof *all);
    struct registry_fixture *f = &all->f;
    enum fg_store_kind backend = *(enum fg_store_kind *)*state;
    struct fg_error err = {0};
    registry_open(f, backend);
    register_party(f, "owner", "\"aggregator\"", true, &all->owner);
    assert_string_equal(all->owner.id, "org-2");
    assert_string_equal(all->owner.user, "usr-2");
    struct fg_store *store = fixture_open_url(f->url);
    fixture_expect(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
    for (size_t i = 0; i < FG_COUNT_OF(owned_rows); i++) {
        static const char number[] = "e803000000000000";
        char text[3000];
        size_t used = 0;
        for (const char *at = owned_rows[i]; *at != '\0'; at++) {
            if (*at == '~' || *at == '^')
                used += (size_t)sprintf(text + used, "%s%s%s'", backend == FG_STORE_SQLITE ? "x'" : "'\\x", number, *at == '^' ? number : "");
            else
                text[used++] = *at;
        }
        text[used] = '\0';
        fixture_execute(store, text);
    }
    fixture_expect(fg_store_commit(store, &err), &err);
    expect(f, all->owner.token, "POST", "/v1/webhooks", "{\"area\":\"area-1\",\"url\":\"https://hidden-webhook.example/\"}", 201); /* its secret is sealed */
    fixture_execute(store, "INSERT INTO webhook_delivery (webhook_id, id, sequence, attempt, type, outcome, status, text, started_us, duration_us) "
                           "VALUES (1, 1, 0, 1, 'ping', 'failed', 0, 'hidden-delivery', 0, 0)");
    fg_store_close(store);
    fg_authenticator_forget(f->application.authenticator);
    fg_exchange_refresh(f->application.exchange);
    for (unsigned r = 0; r < FG_ROLE_COUNT; r++) {
        char roles[80], name[20];
        if (r == FG_ROLE_FMO || r == FG_ROLE_REGULATOR)
            continue;
        snprintf(roles, sizeof roles, r == FG_ROLE_MARKET_OPERATOR ? "\"%s\",\"brp\"" : "\"%s\"", fg_role_words[r]);
        snprintf(name, sizeof name, "party%u", r);
        register_party(f, name, roles, true, &all->parties[r]);
    }
    int tried = 0;
    for (size_t s = 1; fg_catalogue[s] != NULL; s++)
        for (size_t i = 0; i < fg_catalogue[s]->count; i++)
            for (unsigned r = 0; r < FG_ROLE_COUNT; r++)
                if (is_tried(&fg_catalogue[s]->items[i]) && all->parties[r].token[0] != '\0') {
                    expect_nothing(all, &fg_catalogue[s]->items[i], r);
                    tried++;
                }
    print_message("%d calls\n", tried);
    /* After all that it is still there for whose it is. */
    expect_hidden(all, false);
    expect_hidden(all, true);
    expect(f, all->owner.token, "DELETE", "/v1/areas/area-1/sessions/1", NULL, 204);
    registry_close(f);
    free(all);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_by_hand),
        cmocka_unit_test(documented),
        ON_BOTH(every_operation),
        ON_BOTH(what_belongs_to_others),
    };
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
