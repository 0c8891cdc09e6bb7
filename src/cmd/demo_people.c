/* Who takes part. Everybody registers as a stranger would, is accepted by the market operator, and invites a colleague. */
#include "cmd/demo.h"

#include <stdio.h>
#include <string.h>

#define ALL_DUTIES "administrator trader operator settlement reader"
static const struct party {
    const char *role, *name, *address, *vat_number, *iban;
} parties[DEMO_PARTIES] = {
    [DEMO_FMO] = {"fmo", "Aegean Flexibility Market", NULL, NULL, NULL}, /* set up by demo_server.c */
    [DEMO_DSO] = {"dso", "Attica Grid", "Syngrou 12, 117 42 Athens", "EL099000002", "GR1401101250000000012300702"},
    [DEMO_TSO] = {"tso", "Hellas Transmission", "Dyrrachiou 89, 104 43 Athens", "EL099000003", "GR4001101250000000012300712"},
    [DEMO_BRP_NORTH] = {"brp", "Balance North", "Tsimiski 4, 546 24 Thessaloniki", "EL099000004", "GR6601101250000000012300722"},
    [DEMO_BRP_SOUTH] = {"brp", "Balance South", "Akti Miaouli 7, 185 35 Piraeus", "EL099000005", "GR9201101250000000012300732"},
    [DEMO_AGGREGATOR] = {"aggregator", "Flexpool", "Ermou 20, 105 63 Athens", "EL099000006", "GR2101101250000000012300742"},
    [DEMO_RETAILER] = {"retailer", "Volt Retail", "Panormou 3, 115 22 Athens", "EL099000007", "GR4701101250000000012300752"},
    [DEMO_ESP] = {"esp", "Store Energy Services", "Korai 5, 105 64 Athens", "EL099000008", "GR7301101250000000012300762"},
    [DEMO_RESP] = {"resp", "Helios Renewables", "Kifisias 44, 151 25 Marousi", "EL099000009", "GR9901101250000000012300772"},
    [DEMO_PROSUMER] = {"prosumer", "Papadaki Bakery", "Agias Sofias 2, 190 02 Paiania", "EL099000010", "GR2801101250000000012300782"},
    [DEMO_REGULATOR] = {"regulator", "Energy Regulator", "Pireos 132, 118 54 Athens", "EL099000011", NULL},
    [DEMO_OBSERVER] = {"observer", "University Observatory", "Patision 42, 106 82 Athens", "EL099000012", NULL},
};

/* The first of each party is its administrator and has all duties. */
const struct demo_user demo_users[] = {
    {DEMO_FMO, "admin@fmo.example", "Olga Operator", ALL_DUTIES},
    {DEMO_FMO, "clerk@fmo.example", "Petros Clerk", "operator settlement"},
    {DEMO_DSO, "admin@dso.example", "Dora Dimou", ALL_DUTIES},
    {DEMO_DSO, "trader@dso.example", "Thanos Theodorou", "trader operator"},
    {DEMO_TSO, "admin@tso.example", "Tina Tsakiri", ALL_DUTIES},
    {DEMO_TSO, "trader@tso.example", "Tasos Tolis", "trader operator"},
    {DEMO_BRP_NORTH, "admin@north.example", "Nikos Notaras", ALL_DUTIES},
    {DEMO_BRP_NORTH, "trader@north.example", "Natalia Niarchou", "trader operator"},
    {DEMO_BRP_SOUTH, "admin@south.example", "Sofia Sarri", ALL_DUTIES},
    {DEMO_BRP_SOUTH, "trader@south.example", "Stavros Spanos", "trader operator"},
    {DEMO_AGGREGATOR, "admin@flexpool.example", "Alexia Alexiou", ALL_DUTIES},
    {DEMO_AGGREGATOR, "trader@flexpool.example", "Aris Angelou", "trader operator"},
    {DEMO_RETAILER, "admin@volt.example", "Vasso Vlachou", ALL_DUTIES},
    {DEMO_RETAILER, "operator@volt.example", "Vangelis Vergis", "operator"},
    {DEMO_ESP, "admin@store.example", "Eleni Economou", ALL_DUTIES},
    {DEMO_ESP, "trader@store.example", "Eftichis Elias", "trader operator"},
    {DEMO_RESP, "admin@helios.example", "Rena Raptis", ALL_DUTIES},
    {DEMO_RESP, "trader@helios.example", "Rigas Roussos", "trader operator"},
    {DEMO_PROSUMER, "admin@bakery.example", "Maria Papadaki", ALL_DUTIES},
    {DEMO_REGULATOR, "admin@regulator.example", "Kostas Kyriakou", ALL_DUTIES},
    {DEMO_REGULATOR, "reader@regulator.example", "Katerina Kosta", "reader"},
    {DEMO_OBSERVER, "admin@observer.example", "Xenia Xanthou", ALL_DUTIES},
};
const size_t demo_user_count = sizeof demo_users / sizeof demo_users[0];

const char *demo_party_name(enum demo_who party)
{
    return parties[party].name;
}
const char *demo_party_role(enum demo_who party)
{
    return parties[party].role;
}

static json_t *words(const char *text)
{
    json_t *list = json_array();
    while (*text != '\0') {
        size_t length = strcspn(text, " ");
        json_array_append_new(list, json_stringn(text, length));
        text += length + (text[length] == ' ');
    }
    return list;
}

static void log_in(struct demo *demo, const struct demo_user *user, char token[DEMO_KEY])
{
    demo_take(demo, demo_call(demo, NULL, "POST", json_pack("{s:s,s:s,s:s}", "email", user->email, "password", DEMO_PASSWORD, "as", "token"),
                              201, "/v1/log-in"), "token", token, DEMO_KEY);
}

/* A key that does not run out while the clock is moved; demo_finish revokes it. */
static void make_key(struct demo *demo, const char *session, const char *duties, char key[DEMO_KEY])
{
    demo_take(demo,
              demo_call(demo, session, "POST",
                        json_pack("{s:s,s:s,s:o,s:s}", "name", "Loading of the demonstration", "api", "atp", "duties", words(duties), "expires",
                                  demo_instant(demo->now_s + 3600)),
                        201, "/v1/keys"),
              "token", key, DEMO_KEY);
}

static void register_party(struct demo *demo, enum demo_who who, const struct demo_user *user)
{
    const struct party *party = &parties[who];
    json_t *body = json_pack("{s:s,s:[s],s:s,s:s,s:s,s:s?,s:{s:s,s:s,s:s}}", "name", party->name, "roles", party->role, "country", "GR",
                             "address", party->address, "vat_number", party->vat_number, "iban", party->iban, "administrator", "name",
                             user->name, "email", user->email, "password", DEMO_PASSWORD);
    demo_take(demo, demo_call(demo, NULL, "POST", body, 201, "/v1/registrations"), "organisation", demo->parties[who], DEMO_ID);
    demo_do(demo, demo->keys[DEMO_FMO], "POST", json_pack("{s:s}", "decision", "accept"), 200, "/v1/organisations/%s/decision",
            demo->parties[who]);
}

static void invite(struct demo *demo, const char *session, const struct demo_user *user)
{
    char token[DEMO_KEY];
    demo_take(demo, demo_call(demo, session, "POST", json_pack("{s:o}", "duties", words(user->duties)), 201, "/v1/invitations"), "token",
              token, sizeof token);
    demo_do(demo, NULL, "POST",
            json_pack("{s:s,s:s,s:s,s:s}", "token", token, "name", user->name, "email", user->email, "password", DEMO_PASSWORD), 201,
            "/v1/invitations/accept");
}

void demo_register(struct demo *demo)
{
    char session[DEMO_KEY] = "", colleague[DEMO_KEY];
    for (size_t i = 0; i < demo_user_count && !demo_failed(demo); i++) {
        const struct demo_user *user = &demo_users[i];
        bool is_first = i == 0 || demo_users[i - 1].party != user->party;
        if (!is_first) {
            invite(demo, session, user);
        } else {
            if (user->party != DEMO_FMO)
                register_party(demo, user->party, user);
            log_in(demo, user, session);
            make_key(demo, session, user->duties, demo->keys[user->party]);
        }
        if (!is_first && user->party == DEMO_FMO) {
            log_in(demo, user, colleague);
            make_key(demo, colleague, user->duties, demo->keys[DEMO_CLERK]);
        }
    }
    demo_take(demo, demo_call(demo, demo->keys[DEMO_FMO], "GET", NULL, 200, "/v1/me"), "organisation", demo->parties[DEMO_FMO], DEMO_ID);
    /* Who may not trade lets the aggregator do it. */
    static const enum demo_who principals[] = {DEMO_RETAILER, DEMO_PROSUMER};
    for (size_t i = 0; i < sizeof principals / sizeof principals[0]; i++)
        demo_do(demo, demo->keys[principals[i]], "PUT", json_pack("{s:[s,s]}", "duties", "trader", "operator"), 204, "/v1/mandates/%s",
                demo->parties[DEMO_AGGREGATOR]);
}

void demo_finish(struct demo *demo)
{
    for (int k = 0; k < DEMO_KEYS && !demo_failed(demo); k++) {
        json_t *list = demo_list(demo, demo->keys[k], "/v1/keys");
        const char *id = json_string_value(json_object_get(json_array_get(list, 0), "id"));
        if (id != NULL)
            demo_do(demo, demo->keys[k], "DELETE", NULL, 204, "/v1/keys/%s", id);
        json_decref(list);
    }
}
