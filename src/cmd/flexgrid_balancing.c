/* flexgrid-balancing: a balancing market for tests and demonstrations (gateway/balancing.h), with the REST interface that the
 * platform's gateway speaks to real markets. State is in memory: it is empty after a restart. */
#include "api/operations_gateway.h"
#include "api/server.h"
#include "api/config.h"
#include "base/log.h"
#include "gateway/balancing.h"

#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct settings {
    const char *listen_address, *data_folder, *certificate_file, *key_file, *bidder_key, *operator_key;
    int64_t port, bid_minimum_w, lead_seconds;
    bool plain_http;
};
#define AT(member) offsetof(struct settings, member)
static const struct fg_setting table[] = {
    {"listen_address", FG_SETTING_TEXT, AT(listen_address), "127.0.0.1", "IP address to listen on", 0, 0, NULL},
    {"port", FG_SETTING_INTEGER, AT(port), "8444", "TCP port; 0 for any free one", 0, 65535, NULL},
    {"plain_http", FG_SETTING_BOOLEAN, AT(plain_http), "false", "No TLS; only possible on a loopback address", 0, 0, NULL},
    {"certificate_file", FG_SETTING_TEXT, AT(certificate_file), "", "PEM chain; empty: self-signed in data_folder", 0, 0, NULL},
    {"key_file", FG_SETTING_TEXT, AT(key_file), "", "PEM key of the certificate", 0, 0, NULL},
    {"data_folder", FG_SETTING_TEXT, AT(data_folder), "balancing-data", "Folder of the certificate", 0, 0, NULL},
    {"bidder_key", FG_SETTING_TEXT, AT(bidder_key), "", "API key of the platform that bids; at least 12 characters", 0, 0, NULL},
    {"operator_key", FG_SETTING_TEXT, AT(operator_key), "", "API key of whoever calls bids; at least 12 characters", 0, 0, NULL},
    {"bid_minimum_w", FG_SETTING_INTEGER, AT(bid_minimum_w), "1000000", "Least quantity of a bid, in W", 1, 1e12, NULL},
    {"lead_seconds", FG_SETTING_INTEGER, AT(lead_seconds), "900", "Calls end so long before delivery", 0, 86400, NULL},
};
enum { SETTING_COUNT = sizeof table / sizeof table[0], KEPT_MAX = 100000 };

/* Answers under keys, in memory like everything else. */
struct kept {
    char *id; /* owner, key */
    unsigned char hash[FG_HASH_BYTES];
    int status;
    char media[64];
    struct fg_text body;
};
struct market {
    const struct settings *settings;
    pthread_mutex_t mutex;
    struct kept *kept;
    size_t count, capacity;
};

static bool is_equal(const char *a, const char *b)
{
    return b != NULL && strlen(a) == strlen(b) && sodium_memcmp(a, b, strlen(b)) == 0;
}

static enum fg_code authenticate(void *context, const struct fg_credentials *credentials, struct fg_principal *principal,
                                 struct fg_error *err)
{
    const struct settings *settings = ((struct market *)context)->settings;
    *principal = (struct fg_principal){.apis = FG_BIT(FG_API_ATP) | FG_BIT(FG_API_PUBLIC)};
    if (credentials->on_behalf_of == NULL && is_equal(credentials->secret, settings->bidder_key)) {
        snprintf(principal->organisation, sizeof principal->organisation, "bidder");
        principal->roles = FG_BIT(FG_ROLE_FMO);
        principal->duties = FG_BIT(FG_DUTY_TRADER);
    } else if (credentials->on_behalf_of == NULL && is_equal(credentials->secret, settings->operator_key)) {
        snprintf(principal->organisation, sizeof principal->organisation, "operator");
        principal->roles = FG_BIT(FG_ROLE_TSO);
        principal->duties = FG_BIT(FG_DUTY_OPERATOR);
    } else {
        return fg_fail(err, FG_ERR_DENIED, NULL, "unknown key");
    }
    snprintf(principal->user, sizeof principal->user, "%s", principal->organisation);
    snprintf(principal->key, sizeof principal->key, "%s", principal->organisation);
    return FG_OK;
}

static struct kept *find(struct market *market, const char *owner, const char *key)
{
    size_t length = strlen(owner);
    for (size_t i = 0; i < market->count; i++)
        if (strncmp(market->kept[i].id, owner, length) == 0 && market->kept[i].id[length] == '\n' &&
            strcmp(market->kept[i].id + length + 1, key) == 0)
            return &market->kept[i];
    return NULL;
}

static enum fg_code load(void *context, const char *owner, const char *key, const unsigned char hash[FG_HASH_BYTES],
                         enum fg_idempotency_state *state, struct fg_saved_answer *answer, struct fg_error *err)
{
    struct market *market = context;
    pthread_mutex_lock(&market->mutex);
    const struct kept *kept = find(market, owner, key);
    *state = kept == NULL ? FG_KEY_NEW : memcmp(kept->hash, hash, FG_HASH_BYTES) == 0 ? FG_KEY_SAME : FG_KEY_OTHER;
    if (*state == FG_KEY_SAME) {
        answer->status = kept->status;
        memcpy(answer->media, kept->media, sizeof answer->media);
        fg_text_append(&answer->body, kept->body.data != NULL ? kept->body.data : "", kept->body.length);
    }
    pthread_mutex_unlock(&market->mutex);
    return answer->body.failed ? fg_fail_memory(err) : FG_OK;
}

static enum fg_code save(void *context, const char *owner, const char *key, const unsigned char hash[FG_HASH_BYTES], int status,
                         const char *media, const char *body, size_t length, int64_t expires, struct fg_error *err)
{
    struct market *market = context;
    struct fg_text id;
    (void)expires;
    fg_text_init(&id);
    fg_text_printf(&id, "%s\n%s", owner, key);
    pthread_mutex_lock(&market->mutex);
    enum fg_code code = FG_OK;
    if (id.failed || market->count == KEPT_MAX ||
        fg_grow((void **)&market->kept, market->count, &market->capacity, sizeof *market->kept) != 0) {
        code = fg_fail_memory(err);
        fg_text_release(&id);
    } else {
        struct kept *kept = &market->kept[market->count++];
        *kept = (struct kept){.id = id.data, .status = status};
        memcpy(kept->hash, hash, FG_HASH_BYTES);
        snprintf(kept->media, sizeof kept->media, "%s", media);
        fg_text_init(&kept->body);
        fg_text_append(&kept->body, body, length);
    }
    pthread_mutex_unlock(&market->mutex);
    return code;
}

static int fail(const struct fg_error *err)
{
    fprintf(stderr, "flexgrid-balancing: error: %s%s%s\n", err->place, err->place[0] != '\0' ? ": " : "", err->text);
    return 3;
}

static const char help[] =
    "Usage: flexgrid-balancing [--config FILE]\n\n"
    "A balancing market for tests and demonstrations, over HTTPS. Its interface is\n"
    "described at /docs once it runs. State is in memory. SIGTERM stops it.\n\n"
    "  -c, --config FILE   lines \"name = value\"; FLEXGRID_NAME in the environment\n"
    "                      goes before it\n"
    "      --print-config  write a configuration file with all settings\n"
    "  -h, --help          this text\n"
    "  -V, --version       version\n";

static int print(struct fg_text *text)
{
    bool ok = !text->failed && fwrite(text->data, 1, text->length, stdout) == text->length && fflush(stdout) == 0;
    fg_text_release(text);
    return ok ? 0 : 1;
}

static int serve(const struct settings *settings)
{
    static const struct fg_operation_set *const sets[] = {&fg_balancing_operations};
    struct fg_error err = {0};
    struct fg_balancing *balancing;
    struct fg_server *server;
    struct market market = {.settings = settings, .mutex = PTHREAD_MUTEX_INITIALIZER};
    struct fg_balancing_options rules = {.bid_min_w = settings->bid_minimum_w, .lead_s = settings->lead_seconds};
    sigset_t signals;
    if (settings->bidder_key == NULL || strlen(settings->bidder_key) < 12 || settings->operator_key == NULL ||
        strlen(settings->operator_key) < 12) {
        fg_fail(&err, FG_ERR_VALUE, "bidder_key", "and operator_key need at least 12 characters each; set them");
        return fail(&err);
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (fg_balancing_create(&rules, &balancing, &err) != FG_OK)
        return fail(&err);
    struct fg_server_options options = {.address = settings->listen_address != NULL ? settings->listen_address : "127.0.0.1",
                                        .port = (uint16_t)settings->port,
                                        .plain_http = settings->plain_http,
                                        .certificate_file = settings->certificate_file,
                                        .key_file = settings->key_file,
                                        .data_folder = settings->data_folder != NULL ? settings->data_folder : "balancing-data",
                                        .operations = sets,
                                        .operation_set_count = 1,
                                        .access = fg_balancing_access,
                                        .context = balancing,
                                        .authenticator = {&market, authenticate},
                                        .idempotency = {&market, load, save}};
    if (fg_server_start(&options, &server, &err) != FG_OK) {
        fg_balancing_destroy(balancing);
        return fail(&err);
    }
    fg_log_open(STDERR_FILENO, FG_LOG_INFO);
    fg_log(FG_LOG_INFO, "server.started", FG_LOG_TEXT("address", options.address), FG_LOG_NUMBER("port", fg_server_port(server)),
           FG_LOG_TEXT("scheme", options.plain_http ? "http" : "https"));
    sigwaitinfo(&signals, NULL);
    fg_server_stop(server, 5);
    fg_balancing_destroy(balancing);
    for (size_t i = 0; i < market.count; i++) {
        fg_free(market.kept[i].id);
        fg_text_release(&market.kept[i].body);
    }
    fg_free(market.kept);
    return 0;
}

int main(int argc, char **argv)
{
    const char *config = NULL;
    struct fg_error err = {0};
    struct fg_text text;
    fg_text_init(&text);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fg_text_puts(&text, help);
            return print(&text);
        }
        if (strcmp(argv[i], "--version") == 0 || strcmp(argv[i], "-V") == 0) {
            fg_text_puts(&text, "flexgrid-balancing " FG_VERSION "\nLicensed under the Apache License, Version 2.0.\n");
            return print(&text);
        }
        if (strcmp(argv[i], "--print-config") == 0) {
            fg_config_describe(table, SETTING_COUNT, &text);
            return print(&text);
        }
        if ((strcmp(argv[i], "--config") == 0 || strcmp(argv[i], "-c") == 0) && i + 1 < argc) {
            config = argv[++i];
        } else {
            fprintf(stderr, "flexgrid-balancing: error: unknown option %s; see --help\n", argv[i]);
            return 2;
        }
    }
    struct fg_arena arena;
    struct settings settings;
    fg_arena_init(&arena);
    enum fg_code code = fg_config_load(table, SETTING_COUNT, config, &arena, &settings, &err);
    int status = code == FG_OK ? serve(&settings) : fail(&err);
    fg_arena_release(&arena);
    return status;
}
