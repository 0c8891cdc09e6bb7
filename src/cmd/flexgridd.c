/* flexgridd: the server program. Reads the configuration, starts the server, waits for signals.
 *
 * SIGTERM and SIGINT stop gracefully (requests in flight end, streams are told to come back), SIGHUP reads the
 * certificate again. Standard error carries the log, one JSON object a line. */
#include "api/application.h"
#include "api/catalogue.h"
#include "api/config.h"
#include "api/server.h"
#include "api/systemd.h"
#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct settings {
    const char *listen_address, *data_folder, *web_folder, *certificate_file, *key_file;
    const char *database, *node, *operator_name, *operator_country, *operator_address, *administrator_name, *administrator_email;
    const char *const *cors_origins;
    int64_t port, network_threads, workers, run_threads, queue_limit, connection_limit, connections_per_address;
    int64_t header_seconds, body_seconds, send_seconds;
    double rate_per_second, rate_burst, anonymous_rate_per_second, anonymous_rate_burst, stop_seconds;
    bool plain_http, trust_proxy, demonstration, outbound_http, outbound_private;
    const char *outbound_ca_file, *node_url, *node_ca_file;
    int log_level;
};

static const char *const level_words[] = {"debug", "info", "warning", "error", NULL};

#define AT(member) offsetof(struct settings, member)
static const struct fg_setting table[] = {
    {"listen_address", FG_SETTING_TEXT, AT(listen_address), "127.0.0.1", "IP address to listen on; :: for all", 0, 0, NULL},
    {"port", FG_SETTING_INTEGER, AT(port), "8443", "TCP port; 0 for any free one", 0, 65535, NULL},
    {"plain_http", FG_SETTING_BOOLEAN, AT(plain_http), "false", "No TLS; only possible on a loopback address", 0, 0, NULL},
    {"trust_proxy", FG_SETTING_BOOLEAN, AT(trust_proxy), "false",
     "A proxy on this machine gives the client's address in X-Forwarded-For and speaks TLS to clients", 0, 0, NULL},
    {"certificate_file", FG_SETTING_TEXT, AT(certificate_file), "", "PEM chain; empty: self-signed in data_folder", 0, 0, NULL},
    {"key_file", FG_SETTING_TEXT, AT(key_file), "", "PEM key of the certificate", 0, 0, NULL},
    {"data_folder", FG_SETTING_TEXT, AT(data_folder), "flexgrid-data", "Folder for everything that is kept", 0, 0, NULL},
    {"database", FG_SETTING_TEXT, AT(database), "", "postgresql:// URL of the database; empty: SQLite in data_folder", 0, 0, NULL},
    {"node", FG_SETTING_TEXT, AT(node), "node-1", "Name of this server among those on the database", 0, 0, NULL},
    {"node_url", FG_SETTING_TEXT, AT(node_url), "", "https address at which the others reach this server; empty: they pass no request on to it", 0, 0, NULL},
    {"node_ca_file", FG_SETTING_TEXT, AT(node_ca_file), "",
     "PEM certificates that the others' are signed by; empty: each is recognised by the key that it has announced in the database", 0, 0, NULL},
    {"demonstration", FG_SETTING_BOOLEAN, AT(demonstration), "false",
     "Serve a demonstration made by flexgrid-demo, and only to programs on this machine", 0, 0, NULL},
    {"operator_name", FG_SETTING_TEXT, AT(operator_name), "", "For --init: the flexibility market operator (FMO)", 0, 0, NULL},
    {"operator_country", FG_SETTING_TEXT, AT(operator_country), "", "... its country, two letters", 0, 0, NULL},
    {"operator_address", FG_SETTING_TEXT, AT(operator_address), "", "... its postal address", 0, 0, NULL},
    {"administrator_name", FG_SETTING_TEXT, AT(administrator_name), "", "... its first administrator", 0, 0, NULL},
    {"administrator_email", FG_SETTING_TEXT, AT(administrator_email), "", "... her address to log in with", 0, 0, NULL},
    {"web_folder", FG_SETTING_TEXT, AT(web_folder), "", "Folder of the web pages; empty: none", 0, 0, NULL},
    {"cors_origins", FG_SETTING_LIST, AT(cors_origins), "", "Origins whose pages may call the API, separated by commas", 0, 0, NULL},
    {"network_threads", FG_SETTING_INTEGER, AT(network_threads), "0", "Threads for connections; 0: one for each processor", 0, 256, NULL},
    {"workers", FG_SETTING_INTEGER, AT(workers), "0", "Threads for operations; 0: two for each processor", 0, 1024, NULL},
    {"run_threads", FG_SETTING_INTEGER, AT(run_threads), "1", "Threads for runs: power flows, clearings of auctions", 1, 64, NULL},
    {"queue_limit", FG_SETTING_INTEGER, AT(queue_limit), "1024", "Requests that may wait for a worker before 503", 1, 1000000, NULL},
    {"connection_limit", FG_SETTING_INTEGER, AT(connection_limit), "20000", "Open connections", 1, 1000000, NULL},
    {"connections_per_address", FG_SETTING_INTEGER, AT(connections_per_address), "200", "Open connections of one address; behind a proxy as many as connection_limit", 1, 1000000, NULL},
    {"header_seconds", FG_SETTING_INTEGER, AT(header_seconds), "15", "Time for TLS handshake and first headers", 1, 3600, NULL},
    {"body_seconds", FG_SETTING_INTEGER, AT(body_seconds), "60", "Time for a body", 1, 3600, NULL},
    {"send_seconds", FG_SETTING_INTEGER, AT(send_seconds), "120", "Time for a client to take its answer", 1, 3600, NULL},
    {"rate_per_second", FG_SETTING_NUMBER, AT(rate_per_second), "200", "Requests a second of one key", 0.01, 1e6, NULL},
    {"rate_burst", FG_SETTING_NUMBER, AT(rate_burst), "1000", "... at once", 1, 1e6, NULL},
    {"anonymous_rate_per_second", FG_SETTING_NUMBER, AT(anonymous_rate_per_second), "50", "Requests a second of one address without log-in", 0.01, 1e6, NULL},
    {"anonymous_rate_burst", FG_SETTING_NUMBER, AT(anonymous_rate_burst), "200", "... at once", 1, 1e6, NULL},
    {"stop_seconds", FG_SETTING_NUMBER, AT(stop_seconds), "20", "Time for requests in flight when the server stops", 0, 3600, NULL},
    {"outbound_ca_file", FG_SETTING_TEXT, AT(outbound_ca_file), "", "PEM certificates to trust when other systems are called; empty: the system's", 0, 0, NULL},
    {"outbound_private", FG_SETTING_BOOLEAN, AT(outbound_private), "false",
     "Private, loopback and link-local addresses may be called too; for tests and markets in one's own network", 0, 0, NULL},
    {"outbound_http", FG_SETTING_BOOLEAN, AT(outbound_http), "false", "http may be called too, not only https; for tests", 0, 0, NULL},
    {"log_level", FG_SETTING_WORD, AT(log_level), "info", "debug (each request), info, warning, error", 0, 0, level_words},
};
enum { SETTING_COUNT = sizeof table / sizeof table[0] };

static int fail(const struct fg_error *err)
{
    fprintf(stderr, "flexgridd: error: %s%s%s\n", err->place, err->place[0] != '\0' ? ": " : "", err->text);
    return err->code == FG_ERR_ARGUMENT ? 2 : 3;
}

static int print_text(struct fg_text *text)
{
    bool ok = !text->failed && fwrite(text->data, 1, text->length, stdout) == text->length && fflush(stdout) == 0;
    fg_text_release(text);
    return ok ? 0 : 1;
}

static const char help[] =
    "Usage: flexgridd [--config FILE] [--check | --init | --print-config]\n\n"
    "Serves the FLEXGRID platform over HTTPS.\n\n"
    "  -c, --config FILE   configuration: lines \"name = value\"; FLEXGRID_NAME in the\n"
    "                      environment goes before it\n"
    "      --check         check the configuration and end\n"
    "      --init          set up a new platform: the market operator named in the\n"
    "                      configuration; its administrator's password is the first\n"
    "                      line of standard input\n"
    "      --print-config  write a configuration file with all settings and their fallbacks\n"
    "  -h, --help          this text\n"
    "  -V, --version       version\n\n"
    "SIGTERM stops gracefully, SIGHUP reads the certificate again. Exit codes: 0 stopped\n"
    "as asked; 2 wrong usage; 3 bad configuration or the server cannot start.\n";

struct arguments {
    const char *config;
    bool check, init;
};

/* Exit code, or -1 to go on. */
static int read_arguments(int argc, char **argv, struct arguments *arguments)
{
    struct fg_error err = {0};
    for (int i = 1; i < argc; i++) {
        struct fg_text text;
        fg_text_init(&text);
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fg_text_puts(&text, help);
            return print_text(&text);
        }
        if (strcmp(argv[i], "--version") == 0 || strcmp(argv[i], "-V") == 0) {
            fg_text_puts(&text, "flexgridd " FG_VERSION "\nLicensed under the Apache License, Version 2.0.\n");
            return print_text(&text);
        }
        if (strcmp(argv[i], "--print-config") == 0) {
            fg_config_describe(table, SETTING_COUNT, &text);
            return print_text(&text);
        }
        if (strcmp(argv[i], "--check") == 0) {
            arguments->check = true;
        } else if (strcmp(argv[i], "--init") == 0) {
            arguments->init = true;
        } else if (strncmp(argv[i], "--config=", 9) == 0) {
            arguments->config = argv[i] + 9;
        } else if ((strcmp(argv[i], "--config") == 0 || strcmp(argv[i], "-c") == 0) && i + 1 < argc) {
            arguments->config = argv[++i];
        } else {
            fg_fail(&err, FG_ERR_ARGUMENT, NULL, "unknown or incomplete option %s; see flexgridd --help", argv[i]);
            return fail(&err);
        }
    }
    return -1;
}

static const char *data_folder(const struct settings *settings)
{
    return settings->data_folder != NULL ? settings->data_folder : "flexgrid-data";
}

static struct fg_server_options options_of(const struct settings *s)
{
    size_t count = 0;
    while (fg_catalogue[1 + count] != NULL) /* the first set is the server's own */
        count++;
    return (struct fg_server_options){
        .operations = fg_catalogue + 1,
        .operation_set_count = count,
        .address = s->listen_address != NULL ? s->listen_address : "127.0.0.1",
        .port = (uint16_t)s->port,
        .plain_http = s->plain_http,
        .trust_proxy = s->trust_proxy,
        .certificate_file = s->certificate_file,
        .key_file = s->key_file,
        .data_folder = data_folder(s),
        .web_folder = s->web_folder,
        .cors_origins = s->cors_origins,
        .network_threads = (int)s->network_threads,
        .workers = (int)s->workers,
        .queue_limit = (size_t)s->queue_limit,
        .connection_limit = (unsigned)s->connection_limit,
        .connections_per_address = (unsigned)s->connections_per_address,
        .header_seconds = (unsigned)s->header_seconds,
        .body_seconds = (unsigned)s->body_seconds,
        .send_seconds = (unsigned)s->send_seconds,
        .rate_per_second = s->rate_per_second,
        .rate_burst = s->rate_burst,
        .anonymous_rate_per_second = s->anonymous_rate_per_second,
        .anonymous_rate_burst = s->anonymous_rate_burst,
    };
}

/* What runs until a signal. */
struct running {
    const struct settings *settings;
    struct fg_application *application;
    struct fg_server *server;
};

static void reload(const struct running *running)
{
    struct fg_error err;
    if (fg_server_reload(running->server, &err) == FG_OK &&
        fg_application_reachable(running->application, running->server, running->settings->node_url, &err) == FG_OK)
        fg_log(FG_LOG_INFO, "certificate.loaded", FG_LOG_TEXT("reason", "SIGHUP"));
    else
        fg_log(FG_LOG_ERROR, "certificate.refused", FG_LOG_TEXT("place", err.place), FG_LOG_TEXT("text", err.text));
}

static void wait_for_signals(const struct running *running, const sigset_t *signals)
{
    double watchdog = fg_systemd_watchdog_seconds() / 2;
    struct timespec period = {.tv_sec = (time_t)watchdog, .tv_nsec = (long)((watchdog - (double)(time_t)watchdog) * 1e9)};
    for (;;) {
        int number = watchdog > 0 ? sigtimedwait(signals, NULL, &period) : sigwaitinfo(signals, NULL);
        if (number == SIGHUP)
            reload(running);
        else if (number > 0)
            return;
        else if (errno == EAGAIN)
            fg_systemd_notify("WATCHDOG=1");
    }
}

static enum fg_code open_application(const struct settings *settings, struct fg_application *application,
                                     struct fg_error *err)
{
    const char *node = settings->node != NULL ? settings->node : "node-1";
    if (settings->demonstration)
        return fg_application_open_demonstration(data_folder(settings), node, application, err);
    return fg_application_open(settings->database, data_folder(settings), node, NULL, NULL, application, err);
}

static int initialise(const struct settings *s)
{
    struct fg_error err = {0};
    struct fg_application application;
    char password[256] = "";
    struct fg_organisation operator = {.name = s->operator_name, .country = s->operator_country, .address = s->operator_address,
                                       .roles = FG_BIT(FG_ROLE_FMO)};
    struct fg_first_user administrator = {s->administrator_name, s->administrator_email, password};
    enum fg_code code = FG_OK;
    if (s->operator_name == NULL || s->operator_country == NULL || strlen(s->operator_country) != 2 ||
        s->operator_address == NULL || s->administrator_name == NULL || s->administrator_email == NULL)
        code = fg_fail(&err, FG_ERR_VALUE, "--init", "needs operator_name, operator_country (two letters), operator_address, "
                       "administrator_name and administrator_email; set them in the configuration");
    else if (fgets(password, sizeof password, stdin) == NULL)
        code = fg_fail(&err, FG_ERR_VALUE, "--init", "reads the administrator's password from the first line of standard input");
    password[strcspn(password, "\r\n")] = '\0';
    if (code == FG_OK)
        code = open_application(s, &application, &err);
    if (code != FG_OK)
        return fail(&err);
    code = fg_application_found(&application, &operator, &administrator, &err);
    fg_secret_wipe(password, sizeof password);
    fg_application_close(&application);
    return code == FG_OK ? 0 : fail(&err);
}

static int serve(const struct settings *settings)
{
    struct fg_error err = {0};
    struct fg_application application;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    /* Blocked before any thread starts, so that only this one gets them. */
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);

    struct fg_server_options options = options_of(settings);
    struct fg_http_policy outbound = {.plain_http = settings->outbound_http, .private_addresses = settings->outbound_private,
                                      .ca_file = settings->outbound_ca_file};
    struct fg_server *server;
    if (open_application(settings, &application, &err) != FG_OK)
        return fail(&err);
    application.run_threads = (int)settings->run_threads;
    application.node_ca_file = settings->node_ca_file;
    fg_application_connect(&application, &options);
    if (fg_application_trade(&application, &err) != FG_OK ||
        fg_application_reach_out(&application, &outbound, &err) != FG_OK || fg_server_start(&options, &server, &err) != FG_OK) {
        fg_application_close(&application);
        return fail(&err);
    }
    if (fg_application_reachable(&application, server, settings->node_url, &err) != FG_OK) {
        fg_server_stop(server, 0);
        fg_application_close(&application);
        return fail(&err);
    }
    fg_application_announce(&application, server);
    fg_log_open(STDERR_FILENO, (enum fg_log_level)settings->log_level);
    fg_log(FG_LOG_INFO, "server.started", FG_LOG_TEXT("version", FG_VERSION), FG_LOG_TEXT("address", options.address),
           FG_LOG_NUMBER("port", fg_server_port(server)), FG_LOG_TEXT("scheme", options.plain_http ? "http" : "https"));
    if (options.is_demonstration)
        fg_log(FG_LOG_WARNING, "server.demonstration", FG_LOG_TEXT("text", "everybody knows the passwords of this database"));
    fg_systemd_notify("READY=1");
    wait_for_signals(&(struct running){settings, &application, server}, &signals);
    fg_systemd_notify("STOPPING=1");
    fg_log(FG_LOG_INFO, "server.stopping", FG_LOG_NUMBER("seconds", settings->stop_seconds));
    fg_application_announce(&application, NULL);
    fg_server_stop(server, settings->stop_seconds);
    fg_application_close(&application);
    fg_log(FG_LOG_INFO, "server.stopped", FG_LOG_TEXT("version", FG_VERSION));
    return 0;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    int status = read_arguments(argc, argv, &arguments);
    if (status >= 0)
        return status;
    struct fg_error err = {0};
    struct fg_arena arena;
    struct settings settings;
    fg_arena_init(&arena);
    enum fg_code code = fg_config_load(table, SETTING_COUNT, arguments.config, &arena, &settings, &err);
    if (code == FG_OK && settings.demonstration && (settings.database != NULL || arguments.init))
        code = fg_fail(&err, FG_ERR_VALUE, "demonstration", "a demonstration lies in data_folder and is made by flexgrid-demo; leave "
                       "database empty and --init out");
    if (code == FG_OK && (settings.certificate_file == NULL) != (settings.key_file == NULL))
        code = fg_fail(&err, FG_ERR_VALUE, "certificate_file", "and key_file belong together; set both or none");
    if (code != FG_OK)
        status = fail(&err);
    else if (arguments.check)
        status = 0;
    else
        status = arguments.init ? initialise(&settings) : serve(&settings);
    fg_arena_release(&arena);
    return status;
}
