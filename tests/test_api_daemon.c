/* flexgridd as a process: configuration errors with places, self-signed TLS at the first start, the certificate exchanged
 * on SIGHUP, readiness told to systemd, graceful end on SIGTERM, nothing secret in the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "cli.h"

#include <curl/curl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

static int shell(const char *format, ...)
{
    char command[4096];
    va_list list;
    va_start(list, format);
    vsnprintf(command, sizeof command, format, list);
    va_end(list);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void expect_config_error(const char *text, const char *expected)
{
    char path[160];
    struct fg_text err;
    cli_write("bad.conf", text, path);
    assert_int_equal(shell("%s/flexgridd --check --config %s 2>%s/err", FG_PROGRAM_DIR, path, cli_folder), 3);
    char err_path[160];
    snprintf(err_path, sizeof err_path, "%s/err", cli_folder);
    cli_read(err_path, &err);
    if (strstr(err.data, expected) == NULL)
        fail_msg("no \"%s\" in: %s", expected, err.data);
    fg_text_release(&err);
}

static void configuration(void **state)
{
    (void)state;
    char path[160];
    expect_config_error("# fine\n\nprot = 8443\n", "bad.conf:3: unknown setting \"prot\"; did you mean \"port\"?");
    expect_config_error("port = 99999\n", "bad.conf:1: port must lie between 0 and 65535");
    expect_config_error("port = 1\nport = 2\n", "bad.conf:2: port is set twice");
    expect_config_error("plain_http = yes\n", "bad.conf:1: plain_http is true or false");
    expect_config_error("port 8443\n", "bad.conf:1: is not \"name = value\"");
    expect_config_error("log_level = loud\n", "log_level is one of debug, info, warning, error");
    expect_config_error("certificate_file = /x.pem\n", "belong together");
    cli_write("good.conf", "port = 1\n", path);
    assert_int_equal(shell("FLEXGRID_PORT=nonsense %s/flexgridd --check --config %s 2>%s/err", FG_PROGRAM_DIR, path, cli_folder), 3);
    assert_int_equal(shell("grep -q FLEXGRID_PORT %s/err", cli_folder), 0);
    /* what --print-config writes is a configuration */
    assert_int_equal(shell("%s/flexgridd --print-config >%s/all.conf && %s/flexgridd --check -c %s/all.conf", FG_PROGRAM_DIR, cli_folder,
                           FG_PROGRAM_DIR, cli_folder), 0);
    assert_int_equal(shell("FLEXGRID_LISTEN_ADDRESS=0.0.0.0 FLEXGRID_PLAIN_HTTP=true FLEXGRID_DATA_FOLDER=%s/d0 %s/flexgridd 2>%s/err",
                           cli_folder, FG_PROGRAM_DIR, cli_folder), 3);
    assert_int_equal(shell("grep -q 'only possible on a loopback address' %s/err", cli_folder), 0);
}

static size_t take(char *bytes, size_t size, size_t count, void *text)
{
    fg_text_append(text, bytes, size * count);
    return size * count;
}

/* Status of GET path, verified against the certificate; 0 when the connection fails. */
static long get(unsigned port, const char *path, const char *certificate)
{
    struct fg_text body;
    char url[200];
    long status = 0;
    CURL *curl = curl_easy_init();
    struct curl_slist *list = curl_slist_append(NULL, "Authorization: Bearer SECRET-KEY-1234");
    fg_text_init(&body);
    snprintf(url, sizeof url, "https://localhost:%u%s", port, path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CAINFO, certificate);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 10L);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(list);
    curl_easy_cleanup(curl);
    fg_text_release(&body);
    return status;
}

/* Status of a POST of JSON. */
static long post(unsigned port, const char *path, const char *certificate, const char *json)
{
    struct fg_text body;
    char url[200];
    long status = 0;
    CURL *curl = curl_easy_init();
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
    fg_text_init(&body);
    snprintf(url, sizeof url, "https://localhost:%u%s", port, path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CAINFO, certificate);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, json);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 10L);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(list);
    curl_easy_cleanup(curl);
    fg_text_release(&body);
    return status;
}

static unsigned port_in_log(const char *log)
{
    for (int i = 0; i < 200; i++) {
        struct fg_text text;
        cli_read(log, &text);
        const char *at = strstr(text.data, "\"port\":");
        unsigned port = at != NULL ? (unsigned)strtoul(at + 7, NULL, 10) : 0;
        fg_text_release(&text);
        if (port != 0)
            return port;
        usleep(50000);
    }
    return 0;
}

static void life_of_a_server(void **state)
{
    (void)state;
    char data[160], log[160], certificate[200], notify[200], program[400];
    snprintf(data, sizeof data, "%s/data", cli_folder);
    snprintf(log, sizeof log, "%s/log", cli_folder);
    snprintf(certificate, sizeof certificate, "%s/tls/certificate.pem", data);
    snprintf(notify, sizeof notify, "%s/notify", cli_folder);
    snprintf(program, sizeof program, "%s/flexgridd", FG_PROGRAM_DIR);
    /* the market operator: once, with all that is needed */
#define OPERATOR "FLEXGRID_OPERATOR_NAME=Market FLEXGRID_OPERATOR_COUNTRY=GR FLEXGRID_OPERATOR_ADDRESS=x FLEXGRID_ADMINISTRATOR_NAME=Olga "
    const char *const init = "echo 'INIT-PASSWORD words' | FLEXGRID_DATA_FOLDER=%s %s FLEXGRID_ADMINISTRATOR_EMAIL=%s %s --init 2>%s/err";
    assert_int_equal(shell(init, data, "", "olga@fmo.example", program, cli_folder), 3);
    assert_int_equal(shell("grep -q operator_name %s/err", cli_folder), 0);
    assert_int_equal(shell(init, data, OPERATOR, "olga@fmo.example", program, cli_folder), 0);
    assert_int_equal(shell(init, data, OPERATOR, "other@fmo.example", program, cli_folder), 3);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", notify);
    int notified = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct timeval timeout = {.tv_sec = 20};
    setsockopt(notified, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    assert_int_equal(bind(notified, (struct sockaddr *)&address, sizeof address), 0);
    pid_t child = fork();
    if (child == 0) {
        setenv("FLEXGRID_DATA_FOLDER", data, 1);
        setenv("FLEXGRID_PORT", "0", 1);
        setenv("FLEXGRID_LOG_LEVEL", "debug", 1);
        setenv("NOTIFY_SOCKET", notify, 1);
        if (freopen(log, "w", stderr) != NULL)
            execl(program, "flexgridd", (char *)NULL);
        _exit(127);
    }
    char message[64] = "";
    assert_true(recv(notified, message, sizeof message - 1, 0) > 0);
    assert_string_equal(message, "READY=1");
    unsigned port = port_in_log(log);
    assert_true(port > 0);
    assert_int_equal(get(port, "/healthz", certificate), 401); /* the key is wrong, the certificate is not */
    assert_int_equal(post(port, "/v1/log-in", certificate, "{\"email\":\"olga@fmo.example\",\"password\":\"INIT-PASSWORD words\"}"), 201);
    assert_int_equal(post(port, "/v1/log-in", certificate, "{\"email\":\"olga@fmo.example\",\"password\":\"BAD-PASSWORD\"}"), 401);
    assert_int_equal(shell("test $(stat -c %%a %s/tls/key.pem) = 600 -a $(stat -c %%a %s/secret) = 600 -a $(stat -c %%a %s) = 700", data, data, data), 0);
    /* another certificate, then SIGHUP: new handshakes get it; a broken file changes nothing */
    assert_int_equal(shell("cp %s %s/old.pem && cp %s/tls/key.pem %s/old.key", certificate, cli_folder, data, cli_folder), 0);
    assert_int_equal(shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s/tls/key.pem -out %s -days 30 "
                           "-subj /CN=new -addext subjectAltName=DNS:localhost 2>/dev/null", data, certificate), 0);
    assert_int_equal(get(port, "/healthz", certificate), 0);
    kill(child, SIGHUP);
    usleep(300000);
    assert_int_equal(get(port, "/healthz", certificate), 401);
    assert_int_equal(shell("cp %s %s/new.pem && echo broken >%s", certificate, cli_folder, certificate), 0);
    kill(child, SIGHUP);
    usleep(300000);
    char new_certificate[200];
    snprintf(new_certificate, sizeof new_certificate, "%s/new.pem", cli_folder);
    assert_int_equal(get(port, "/healthz", new_certificate), 401);
    assert_int_equal(shell("grep -q certificate.refused %s", log), 0);
    kill(child, SIGTERM);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    memset(message, 0, sizeof message);
    assert_true(recv(notified, message, sizeof message - 1, 0) > 0);
    assert_string_equal(message, "STOPPING=1");
    close(notified);
    assert_int_equal(shell("grep -q -e SECRET-KEY -e PASSWORD -e fgs_ -e olga %s", log), 1);
    assert_int_equal(shell("grep -q server.stopped %s", log), 0);
    /* every line of the log is a JSON object */
    FILE *file = fopen(log, "r");
    char line[4096];
    int lines = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        json_t *root = json_loads(line, 0, NULL);
        assert_true(json_is_object(root));
        json_decref(root);
        lines++;
    }
    fclose(file);
    assert_true(lines >= 6);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {cmocka_unit_test(configuration), cmocka_unit_test(life_of_a_server)};
    return cmocka_run_group_tests(tests, cli_setup, cli_teardown);
}
