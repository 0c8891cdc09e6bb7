/* The demonstration as a newcomer meets it: flexgrid-demo loads a market day into a folder and leaves the server running; over the API the
 * day is coherent: everybody can log in, the book is open and not crossed, trades are there and seen alike from all sides, yesterday
 * is settled and its accounts balance. And it stays a demonstration: on this machine only, and nothing else serves it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/csv.h"
#include "base/date.h"
#include "base/instant.h"
#include "base/units.h"
#include "cli.h"
#include "cmd/demo.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <sys/socket.h>
#include <time.h>

static char demo_folder[200], url[100];
static struct fg_text output;

static int shell(const char *format, ...)
{
    char command[4096];
    va_list list;
    va_start(list, format);
    vsnprintf(command, sizeof command, format, list);
    va_end(list);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* flexgrid-demo on the test's folder; what it prints is in `output`. */
static int run_demo(const char *options)
{
    char path[160];
    snprintf(path, sizeof path, "%s/printed", cli_folder);
    int status = shell("cd %s && %s/flexgrid-demo --folder %s %s >%s 2>&1 </dev/null", FG_SOURCE_DIR, FG_PROGRAM_DIR, demo_folder, options, path);
    fg_text_release(&output);
    cli_read(path, &output);
    return status;
}

/* ---- client ---- */
static size_t take(char *bytes, size_t size, size_t count, void *text)
{
    fg_text_append(text, bytes, size * count);
    return size * count;
}

static long ask(const char *token, const char *method, const char *path, const char *body, struct fg_text *answer)
{
    char address[1000], line[300], certificate[300];
    long status = 0;
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    fg_text_init(answer);
    snprintf(address, sizeof address, "%s%s", url, path);
    snprintf(certificate, sizeof certificate, "%s/data/tls/certificate.pem", demo_folder);
    snprintf(line, sizeof line, "Authorization: Bearer %s", token != NULL ? token : "");
    if (token != NULL)
        headers = curl_slist_append(headers, line);
    if (body != NULL) {
        headers = curl_slist_append(headers, "Content-Type: application/json");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    curl_easy_setopt(curl, CURLOPT_URL, address);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_CAINFO, certificate); /* as printed: no blind trust */
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    fg_text_append(answer, "", 0);
    return status;
}

static json_t *get(const char *token, const char *path)
{
    struct fg_text answer;
    long status = ask(token, "GET", path, NULL, &answer);
    json_t *json = json_loads(answer.data, 0, NULL);
    if (status != 200 || json == NULL)
        fail_msg("%s: %ld %.300s", path, status, answer.data);
    fg_text_release(&answer);
    return json;
}

static json_t *items(const char *token, const char *path)
{
    json_t *page = get(token, path), *list = json_incref(json_object_get(page, "items"));
    assert_true(json_is_null(json_object_get(page, "next"))); /* one page is enough here */
    json_decref(page);
    return list;
}

static long log_in(const char *email, const char *password, char token[DEMO_KEY])
{
    char body[300];
    struct fg_text answer;
    snprintf(body, sizeof body, "{\"email\":\"%s\",\"password\":\"%s\",\"as\":\"token\"}", email, password);
    long status = ask(NULL, "POST", "/v1/log-in", body, &answer);
    json_t *json = json_loads(answer.data, 0, NULL);
    const char *text = json_string_value(json_object_get(json, "token"));
    snprintf(token, DEMO_KEY, "%s", text != NULL ? text : "");
    json_decref(json);
    fg_text_release(&answer);
    return status;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static int64_t micro(const char *text)
{
    int64_t value = 0;
    assert_int_equal(fg_decimal_parse(text, 6, &value, NULL), FG_OK);
    return value;
}

/* ---- what the folder has ---- */
static char tokens[DEMO_PARTIES][DEMO_KEY]; /* of each party's first user */

static void loaded_and_served(void **state)
{
    (void)state;
    char token[DEMO_KEY];
    snprintf(demo_folder, sizeof demo_folder, "%s/demo", cli_folder);
    double begun = fg_clock_seconds();
    if (run_demo("--background --port 21443") != 0)
        fail_msg("%s", output.data);
    printf("loaded and served after %.1f s\n", fg_clock_seconds() - begun);
    const char *at = strstr(output.data, "served at ");
    assert_non_null(at);
    sscanf(at + 10, "%99s", url);
    assert_non_null(strstr(output.data, DEMO_PASSWORD));
    json_t *server = get(NULL, "/v1/server");
    assert_true(json_is_true(json_object_get(server, "demonstration")));
    json_decref(server);
    struct fg_text page;
    assert_int_equal(ask(NULL, "GET", "/docs", NULL, &page), 200);
    assert_non_null(strstr(page.data, "serving a demonstration"));
    fg_text_release(&page);
    /* every log-in that it prints works, with this password only */
    for (size_t u = 0; u < demo_user_count; u++) {
        assert_non_null(strstr(output.data, demo_users[u].email));
        assert_int_equal(log_in(demo_users[u].email, DEMO_PASSWORD, token), 201);
        json_t *me = get(token, "/v1/me");
        assert_string_equal(json_string_value(json_array_get(json_object_get(me, "roles"), 0)), demo_party_role(demo_users[u].party));
        json_decref(me);
        if (tokens[demo_users[u].party][0] == '\0')
            strcpy(tokens[demo_users[u].party], token);
    }
    assert_int_equal(log_in(demo_users[0].email, "open market yesterday", token), 401);
    /* every role is there */
    for (int p = 0; p < DEMO_PARTIES; p++)
        assert_true(tokens[p][0] != '\0');
    /* the loader has left no key behind */
    for (int p = 0; p < DEMO_PARTIES; p++) {
        json_t *keys = items(tokens[p], "/v1/keys");
        assert_int_equal(json_array_size(keys), 0);
        json_decref(keys);
    }
}

/* The curl lines that are printed work as printed. */
static void printed_lines(void **state)
{
    (void)state;
    if (shell("command -v curl >/dev/null") != 0)
        skip();
    const char *from = strstr(output.data, "  fg_curl() {"), *until = strstr(output.data, "It runs in the background");
    assert_non_null(from);
    assert_non_null(until);
    char path[160], lines[3000];
    snprintf(lines, sizeof lines, "%.*s", (int)(until - from), from);
    FILE *file;
    cli_write("lines.sh", "set -e\n", path);
    file = fopen(path, "a");
    fputs(lines, file);
    fclose(file);
    assert_int_equal(shell("cd %s && sh %s >%s/lines.out 2>&1", FG_SOURCE_DIR, path, cli_folder), 0);
    assert_int_equal(shell("grep -q '\"demonstration\":true' %s/lines.out && grep -q '\"trade\":\"trd-' %s/lines.out", cli_folder, cli_folder), 0);
}

/* ---- the market ---- */
static json_t *locations;

static bool lies_in(const char *location, const char *around)
{
    for (int depth = 0; depth < 20 && location[0] != '\0'; depth++) {
        if (strcmp(location, around) == 0)
            return true;
        const char *above = "";
        for (size_t i = 0; i < json_array_size(locations); i++)
            if (strcmp(text_of(json_array_get(locations, i), "id"), location) == 0)
                above = text_of(json_array_get(locations, i), "parent");
        location = above;
    }
    return false;
}

static void check_period(const json_t *period, size_t *requests, size_t *offers, size_t *open)
{
    const json_t *buys = json_object_get(period, "requests"), *sells = json_object_get(period, "offers");
    *requests += json_array_size(buys);
    *offers += json_array_size(sells);
    *open += json_is_true(json_object_get(period, "open"));
    for (size_t b = 0; b < json_array_size(buys); b++)
        for (size_t s = 0; s < json_array_size(sells); s++) {
            const json_t *buy = json_array_get(buys, b), *sell = json_array_get(sells, s);
            if (json_is_true(json_object_get(buy, "tied")) || json_is_true(json_object_get(sell, "tied")) ||
                !lies_in(text_of(sell, "location"), text_of(buy, "location")))
                continue;
            if (micro(text_of(buy, "price")) >= micro(text_of(sell, "price")))
                fail_msg("the book is crossed in %s: %s and %s", text_of(period, "start"), text_of(buy, "order"), text_of(sell, "order"));
        }
}

static void open_book(void **state)
{
    (void)state;
    char path[300];
    size_t requests = 0, offers = 0, open = 0;
    const char *observer = tokens[DEMO_OBSERVER];
    locations = items(observer, "/v1/areas/area-1/locations");
    assert_int_equal(json_array_size(locations), DEMO_LOCATIONS + 1); /* and the transmission system operator's */
    int64_t from = ((int64_t)time(NULL) / 900 + 4) * 900;
    for (int regulation = 0; regulation < 2; regulation++) {
        char first[FG_INSTANT_TEXT], last[FG_INSTANT_TEXT];
        snprintf(path, sizeof path, "/v1/areas/area-1/book?regulation=%s&from=%s&to=%s", regulation == 0 ? "up" : "down", fg_instant_format(from, first),
                 fg_instant_format(from + 100 * 900, last));
        json_t *book = get(observer, path), *periods = json_object_get(book, "periods");
        for (size_t i = 0; i < json_array_size(periods); i++)
            check_period(json_array_get(periods, i), &requests, &offers, &open);
        json_decref(book);
    }
    assert_true(open >= 40); /* whatever the hour: the next hours can be traded */
    assert_true(requests >= 60);
    assert_true(offers >= 200);
    json_decref(locations);
    json_t *messages = items(observer, "/v1/areas/area-1/messages");
    assert_true(json_array_size(messages) >= 1);
    json_decref(messages);
}

/* A visitor can trade, and not where trading is halted. */
static void visitor(void **state)
{
    (void)state;
    char body[400], token[DEMO_KEY], start[FG_INSTANT_TEXT], halted[DEMO_ID] = "";
    struct fg_text answer;
    assert_int_equal(log_in("trader@dso.example", DEMO_PASSWORD, token), 201);
    json_t *list = items(token, "/v1/areas/area-1/locations");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(text_of(json_array_get(list, i), "name"), "Substation 2") == 0)
            snprintf(halted, sizeof halted, "%s", text_of(json_array_get(list, i), "id"));
    json_decref(list);
    fg_instant_format(((int64_t)time(NULL) / 900 + 6) * 900, start);
    const char *const format = "{\"side\":\"buy\",\"kind\":\"need\",\"product\":\"active\",\"regulation\":\"up\",\"location\":\"%s\",\"start\":\"%s\",\"quantity\":"
                               "[\"0.01\"],\"price\":\"%s\"}";
    snprintf(body, sizeof body, format, "loc-2", start, "145");
    long status = ask(token, "POST", "/v1/areas/area-1/orders", body, &answer);
    if (status != 201)
        fail_msg("%ld %s", status, answer.data);
    json_t *receipt = json_loads(answer.data, 0, NULL);
    assert_true(json_is_null(json_object_get(json_array_get(json_object_get(receipt, "orders"), 0), "remaining"))); /* traded at once */
    json_decref(receipt);
    fg_text_release(&answer);
    snprintf(body, sizeof body, format, halted, start, "145");
    assert_int_equal(ask(token, "POST", "/v1/areas/area-1/orders", body, &answer), 409);
    assert_non_null(strstr(answer.data, "halted"));
    fg_text_release(&answer);
}

/* Who sold and who bought see together what the public sees. */
static void trades(void **state)
{
    (void)state;
    json_t *public = items(tokens[DEMO_OBSERVER], "/v1/areas/area-1/trades?limit=1000");
    size_t sold = 0, bought = 0, count = json_array_size(public);
    int64_t volume = 0, sold_w = 0, bought_w = 0;
    assert_true(count >= 100);
    for (size_t i = 0; i < count; i++)
        volume += micro(text_of(json_array_get(public, i), "quantity"));
    json_decref(public);
    for (int p = DEMO_DSO; p <= DEMO_RESP; p++) {
        json_t *own = items(tokens[p], "/v1/areas/area-1/own-trades?limit=1000"), *me = get(tokens[p], "/v1/me");
        for (size_t i = 0; i < json_array_size(own); i++) {
            const json_t *trade = json_array_get(own, i);
            int64_t quantity = micro(text_of(trade, "quantity"));
            if (strcmp(text_of(trade, "seller"), text_of(me, "organisation")) == 0)
                sold++, sold_w += quantity;
            if (strcmp(text_of(trade, "buyer"), text_of(me, "organisation")) == 0)
                bought++, bought_w += quantity;
        }
        json_decref(own);
        json_decref(me);
    }
    assert_int_equal(sold, count);
    assert_int_equal(bought, count);
    assert_true(sold_w == volume && bought_w == volume);
}

/* ---- yesterday ---- */
struct accounts {
    char names[64][60]; /* account and party */
    int64_t balance_u[64];
    size_t count;
};
static int64_t *account(struct accounts *accounts, const char *name, const char *party)
{
    char key[60];
    snprintf(key, sizeof key, "%.20s/%.30s", name, party);
    for (size_t i = 0; i < accounts->count; i++)
        if (strcmp(accounts->names[i], key) == 0)
            return &accounts->balance_u[i];
    assert_true(accounts->count < 64);
    strcpy(accounts->names[accounts->count], key);
    accounts->balance_u[accounts->count] = 0;
    return &accounts->balance_u[accounts->count++];
}

/* Fields of a line of the journal; it has no quoted ones. */
static size_t split(char *line, char *fields[16])
{
    size_t count = 0;
    for (char *at = line; at != NULL && count < 16; count++) {
        fields[count] = at;
        at = strchr(at, ',');
        if (at != NULL)
            *at++ = '\0';
    }
    return count;
}

static void accounts_balance(void **state)
{
    (void)state;
    struct accounts accounts = {0};
    struct fg_text journal;
    char path[200], from[FG_DATE_TEXT], until[FG_DATE_TEXT];
    const char *fmo = tokens[DEMO_FMO];
    int64_t today = (int64_t)time(NULL) / 86400;
    json_t *runs = items(fmo, "/v1/areas/area-1/settlements");
    assert_int_equal(json_array_size(runs), 1);
    const json_t *run = json_array_get(runs, 0);
    assert_string_equal(text_of(run, "status"), "released");
    assert_int_equal(json_integer_value(json_object_get(run, "pending")), 0);
    assert_false(json_is_true(json_object_get(run, "stale")));
    assert_true(json_integer_value(json_object_get(run, "trades")) >= 30);
    json_decref(runs);
    snprintf(path, sizeof path, "/v1/areas/area-1/journal?from=%s&until=%s", fg_date_format(fg_date_of_number(today - 5), from),
             fg_date_format(fg_date_of_number(today + 3), until));
    assert_int_equal(ask(fmo, "GET", path, NULL, &journal), 200);
    size_t rows = 0;
    char *save = NULL;
    for (char *line = strtok_r(journal.data, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        char *fields[16];
        line[strcspn(line, "\r")] = '\0';
        if (strncmp(line, "entry,", 6) == 0)
            continue;
        assert_int_equal(split(line, fields), 13);
        int64_t amount = micro(fields[12]);
        *account(&accounts, fields[5], fields[6]) += amount;
        *account(&accounts, fields[7], fields[8]) -= amount;
        rows++;
    }
    fg_text_release(&journal);
    assert_true(rows >= 50);
    assert_true(*account(&accounts, "market", "") == 0);
    assert_true(*account(&accounts, "transfer", "") == 0);
    /* What a participant owes by the journal is what its documents ask for, less what was paid. */
    json_t *documents = items(fmo, "/v1/documents");
    assert_true(json_array_size(documents) >= 6);
    size_t paid = 0;
    for (size_t i = 0; i < json_array_size(documents); i++) {
        const json_t *document = json_array_get(documents, i);
        int64_t due = micro(text_of(document, "gross")) - micro(text_of(document, "paid"));
        bool pays = strcmp(text_of(document, "direction"), "invoice") == 0;
        *account(&accounts, "participant", text_of(document, "organisation")) -= pays ? due : -due;
        paid += strcmp(text_of(document, "payment"), "paid") == 0;
    }
    assert_int_equal(paid, 1);
    for (size_t i = 0; i < accounts.count; i++)
        if (strncmp(accounts.names[i], "participant/", 12) == 0 && llabs(accounts.balance_u[i]) >= 5000) /* under half a cent waits */
            fail_msg("%s: %lld micro-units are in the journal and on no document", accounts.names[i], (long long)accounts.balance_u[i]);
    snprintf(path, sizeof path, "/v1/documents/%s/pdf", text_of(json_array_get(documents, 0), "id"));
    struct fg_text pdf;
    assert_int_equal(ask(fmo, "GET", path, NULL, &pdf), 200);
    assert_int_equal(strncmp(pdf.data, "%PDF", 4), 0);
    fg_text_release(&pdf);
    json_decref(documents);
    json_t *disputes = items(tokens[DEMO_AGGREGATOR], "/v1/disputes");
    assert_int_equal(json_array_size(disputes), 1);
    assert_string_equal(text_of(json_array_get(disputes, 0), "status"), "open");
    json_decref(disputes);
}

/* Everybody who sells is ready for the market. */
static void ready(void **state)
{
    (void)state;
    char path[200];
    json_t *portfolios = items(tokens[DEMO_FMO], "/v1/portfolios"), *assets = items(tokens[DEMO_FMO], "/v1/assets");
    assert_int_equal(json_array_size(portfolios), DEMO_PORTFOLIOS);
    assert_true(json_array_size(assets) >= 35);
    size_t pending = 0;
    for (size_t i = 0; i < json_array_size(assets); i++)
        if (strcmp(text_of(json_array_get(assets, i), "grid_status"), "approved") != 0)
            pending++, assert_string_equal(text_of(json_array_get(assets, i), "name"), "Roof of the bakery");
    assert_int_equal(pending, 1);
    for (size_t i = 0; i < json_array_size(portfolios); i++) {
        snprintf(path, sizeof path, "/v1/portfolios/%s/readiness?product=prd-2", text_of(json_array_get(portfolios, i), "id"));
        json_t *readiness = get(tokens[DEMO_FMO], path);
        if (!json_is_true(json_object_get(readiness, "ready"))) {
            char *text = json_dumps(readiness, 0);
            fail_msg("%s: %s", path, text);
        }
        json_decref(readiness);
    }
    json_decref(portfolios);
    json_decref(assets);
}

/* One auction is cleared and has traded, one takes sealed bids; the market operator's limits and the grid's forecast are there. */
static void auctions_and_limits(void **state)
{
    (void)state;
    size_t cleared = 0, open = 0, traded = 0;
    json_t *auctions = items(tokens[DEMO_OBSERVER], "/v1/areas/area-1/auctions");
    for (size_t i = 0; i < json_array_size(auctions); i++) {
        cleared += strcmp(text_of(json_array_get(auctions, i), "status"), "cleared") == 0;
        open += strcmp(text_of(json_array_get(auctions, i), "status"), "open") == 0;
    }
    json_decref(auctions);
    assert_int_equal(cleared, 1);
    assert_int_equal(open, 1);
    json_t *own = items(tokens[DEMO_DSO], "/v1/areas/area-1/own-trades?limit=1000");
    for (size_t i = 0; i < json_array_size(own); i++)
        traded += text_of(json_array_get(own, i), "auction")[0] != '\0';
    json_decref(own);
    assert_true(traded >= 8);
    json_t *limits = items(tokens[DEMO_FMO], "/v1/areas/area-1/limits"), *points = items(tokens[DEMO_DSO], "/v1/areas/area-1/operating-points");
    assert_int_equal(json_array_size(limits), 2);
    assert_int_equal(json_array_size(points), 1);
    assert_true(json_integer_value(json_object_get(json_array_get(points, 0), "values_version")) >= 1);
    json_decref(limits);
    json_decref(points);
}

/* ---- it stays a demonstration ---- */
static void again(void **state)
{
    (void)state;
    char before[100];
    strcpy(before, url);
    assert_int_equal(run_demo("--background --port 21443"), 0); /* while it runs */
    assert_non_null(strstr(output.data, "running already"));
    assert_non_null(strstr(output.data, before));
    assert_int_equal(run_demo("--stop"), 0);
    assert_int_equal(run_demo("--stop"), 0);
    assert_non_null(strstr(output.data, "No demonstration"));
    /* a port that somebody else has is passed over */
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(21443), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    setsockopt(taken, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    assert_int_equal(bind(taken, (struct sockaddr *)&address, sizeof address) | listen(taken, 1), 0);
    assert_int_equal(run_demo("--background --port 21443"), 0);
    assert_non_null(strstr(output.data, "Port 21443 is in use; taking 2144"));
    assert_int_equal(run_demo("--stop"), 0);
    close(taken);
    assert_int_equal(run_demo("--load"), 0); /* the same day: nothing is loaded anew */
    assert_non_null(strstr(output.data, "loaded already"));
    assert_int_equal(shell("cp %s/examples/cigre_mv/network.json %s/same.json", FG_SOURCE_DIR, cli_folder), 0);
    char network[300];
    snprintf(network, sizeof network, "--load --network %s/same.json", cli_folder);
    assert_int_equal(run_demo(network), 0); /* nor for the same network by another name */
    assert_non_null(strstr(output.data, "loaded already"));
    assert_int_equal(run_demo("--load --network /nowhere.json"), 3); /* but for another one, which must be there */
    assert_non_null(strstr(output.data, "/nowhere.json"));
    /* the audit log of the day verifies */
    struct cli_run run = cli("audit verify %s/data --json", demo_folder);
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(cli_out(&run), "area-1"));
    cli_release(&run);
}

static void nowhere_else(void **state)
{
    (void)state;
    /* as an ordinary server, on its own data or on a backup that was restored elsewhere */
    const char *const serve = "FLEXGRID_DATA_FOLDER=%s FLEXGRID_PORT=0 %s timeout 60 %s/flexgridd >%s/refused 2>&1";
    char data[300], copy[300], plain[300];
    snprintf(data, sizeof data, "%s/data", demo_folder);
    snprintf(copy, sizeof copy, "%s/copy", cli_folder);
    snprintf(plain, sizeof plain, "%s/plain", cli_folder);
    assert_int_equal(shell(serve, data, "", FG_PROGRAM_DIR, cli_folder), 3);
    assert_int_equal(shell("grep -q 'holds a demonstration' %s/refused", cli_folder), 0);
    assert_int_equal(shell("%s/flexgrid backup %s %s/demo.fgb -q && %s/flexgrid restore %s/demo.fgb %s -q", FG_PROGRAM_DIR, data, cli_folder,
                           FG_PROGRAM_DIR, cli_folder, copy), 0);
    assert_int_equal(shell(serve, copy, "", FG_PROGRAM_DIR, cli_folder), 3);
    assert_int_equal(shell("grep -q 'holds a demonstration' %s/refused", cli_folder), 0);
    /* to other machines */
    assert_int_equal(shell(serve, data, "FLEXGRID_DEMONSTRATION=true FLEXGRID_LISTEN_ADDRESS=0.0.0.0", FG_PROGRAM_DIR, cli_folder), 3);
    assert_int_equal(shell("grep -q 'only served to programs on this machine' %s/refused", cli_folder), 0);
    assert_int_equal(shell(serve, data, "FLEXGRID_DEMONSTRATION=true FLEXGRID_TRUST_PROXY=true", FG_PROGRAM_DIR, cli_folder), 3);
    assert_int_equal(shell("grep -q 'only served to programs on this machine' %s/refused", cli_folder), 0);
    /* what is no demonstration is not served as one */
    assert_int_equal(shell("%s/flexgrid db migrate %s -q", FG_PROGRAM_DIR, plain), 0);
    assert_int_equal(shell(serve, plain, "FLEXGRID_DEMONSTRATION=true", FG_PROGRAM_DIR, cli_folder), 3);
    assert_int_equal(shell("grep -q 'holds no demonstration' %s/refused", cli_folder), 0);
    /* and flexgrid-demo removes no folder that it has not made */
    assert_int_equal(shell("mkdir -p %s/other/data && touch %s/other/data/precious", cli_folder, cli_folder), 0);
    assert_int_equal(shell("cd %s && %s/flexgrid-demo --folder %s/other --load >%s/refused 2>&1", FG_SOURCE_DIR, FG_PROGRAM_DIR, cli_folder, cli_folder), 3);
    assert_int_equal(shell("test -f %s/other/data/precious", cli_folder), 0);
}

static int stop_it(void **state)
{
    (void)run_demo("--stop");
    fg_text_release(&output);
    return cli_teardown(state);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loaded_and_served), cmocka_unit_test(printed_lines), cmocka_unit_test(open_book), cmocka_unit_test(trades),
        cmocka_unit_test(accounts_balance),  cmocka_unit_test(ready),         cmocka_unit_test(auctions_and_limits), cmocka_unit_test(visitor),   cmocka_unit_test(again),
        cmocka_unit_test(nowhere_else),
    };
    return cmocka_run_group_tests(tests, cli_setup, stop_it);
}
