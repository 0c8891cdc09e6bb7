/* Who may do what.
 *   1. Permissions (+) and prohibitions (-) written by hand from the duties of the roles, without a look at rights.c.
 *   2. Every operation of the catalogue, tried as every role with and without the duty, on foreign data, and without log-in.
 *   3. Passwords, keys and tokens appear neither in the log nor in answers, but where they are told once.
 *   4. docs/rights.md is the table. */
#include "registry_fixture.h"

#include "atp/rights.h"
#include "base/log.h"

#include <fcntl.h>

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
               {"portfolio", "pf-1"}, {"prequalification", "pq-1"}, {"order", "ord-1"}, {"trade", "trd-1"}, {"session", "ses-1"}, {"meter", "mtr-1"},
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
        used += (size_t)sprintf(path + used, "%s", ids[i].id);
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

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_by_hand),
        cmocka_unit_test(documented),
        ON_BOTH(every_operation),
    };
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
