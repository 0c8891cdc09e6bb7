/* flexgrid-demo: loads the demonstration (demo.h) and leaves flexgridd running on it.
 *
 * Files under the folder: `lock`, held by whoever loads or serves; `data`, the server's data folder, put in place whole;
 * `server.json`, where it listens; `server.log`. A folder is only ever removed when it holds the file DEMONSTRATION. */
#include "cmd/demo.h"

#include "atp/demonstration.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MARKER "DEMONSTRATION"
enum { PATH = 1024, PORTS_TRIED = 20, READY_SECONDS = 60, STOP_SECONDS = 60 };
enum mode { MODE_BY_TERMINAL, MODE_FOREGROUND, MODE_BACKGROUND, MODE_LOAD, MODE_STOP };

struct options {
    const char *folder, *network;
    int64_t seed, at_s;
    unsigned port;
    enum mode mode;
};

static const char help[] =
    "Usage: flexgrid-demo [OPTION]...\n\n"
    "Loads a demonstration of the FLEXGRID platform, a market area with its participants,\n"
    "yesterday settled and an open book, and serves it to programs on this machine. What was\n"
    "loaded today is served as it is; on another day, or with another network or seed, it is\n"
    "loaded anew.\n\n"
    "      --folder DIR     where it lies (build/demo)\n"
    "      --network FILE   network of the area (examples/cigre_mv/network.json)\n"
    "      --seed NUMBER    another market (1)\n"
    "      --port NUMBER    port to listen on; the next free one when it is taken (8443)\n"
    "      --foreground     stay until Ctrl-C; the rule on a terminal\n"
    "      --background     return while the server runs; the rule elsewhere\n"
    "      --load           load only\n"
    "      --at INSTANT     with --load: the market's present, for example 2026-03-10T09:00:00Z\n"
    "      --stop           stop the server of the folder\n"
    "  -h, --help           this text\n"
    "  -V, --version        version\n\n"
    "Exit codes: 0 done; 2 wrong usage; 3 it could not be loaded or served.\n";

static int fail(const struct fg_error *err)
{
    fprintf(stderr, "flexgrid-demo: error: %s%s%s\n", err->place, err->place[0] != '\0' ? ": " : "", err->text);
    return err->code == FG_ERR_ARGUMENT ? 2 : 3;
}

/* ---- options ---- */
static enum fg_code read_number(const char *name, const char *text, int64_t least, int64_t most, int64_t *out, struct fg_error *err)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < least || value > most)
        return fg_fail(err, FG_ERR_ARGUMENT, name, "\"%s\" is no number from %lld to %lld", text, (long long)least, (long long)most);
    *out = value;
    return FG_OK;
}

/* Exit code, or -1 to go on. */
static int read_options(int argc, char **argv, struct options *options)
{
    static const struct option table[] = {{"folder", 1, NULL, 'f'},     {"network", 1, NULL, 'n'}, {"seed", 1, NULL, 's'},
                                          {"port", 1, NULL, 'p'},       {"foreground", 0, NULL, 'F'}, {"background", 0, NULL, 'B'},
                                          {"load", 0, NULL, 'L'},       {"at", 1, NULL, 'a'},      {"stop", 0, NULL, 'S'},
                                          {"help", 0, NULL, 'h'},       {"version", 0, NULL, 'V'}, {0}};
    struct fg_error err = {0};
    enum fg_code code = FG_OK;
    int64_t port = options->port;
    for (int letter; code == FG_OK && (letter = getopt_long(argc, argv, "hV", table, NULL)) != -1;)
        switch (letter) {
        case 'f': options->folder = optarg; break;
        case 'n': options->network = optarg; break;
        case 's': code = read_number("--seed", optarg, 0, INT64_MAX, &options->seed, &err); break;
        case 'p': code = read_number("--port", optarg, 1, 65535 - PORTS_TRIED, &port, &err); break;
        case 'F': options->mode = MODE_FOREGROUND; break;
        case 'B': options->mode = MODE_BACKGROUND; break;
        case 'L': options->mode = MODE_LOAD; break;
        case 'S': options->mode = MODE_STOP; break;
        case 'a':
            code = fg_instant_parse(optarg, &options->at_s, &err);
            err.code = code != FG_OK ? FG_ERR_ARGUMENT : FG_OK;
            break;
        case 'h': fputs(help, stdout); return 0;
        case 'V': puts("flexgrid-demo " FG_VERSION); return 0;
        default: return 2; /* getopt has said why */
        }
    options->port = (unsigned)port;
    if (code == FG_OK && optind < argc)
        code = fg_fail(&err, FG_ERR_ARGUMENT, argv[optind], "is no option; see flexgrid-demo --help");
    if (code == FG_OK && options->at_s != 0 && options->mode != MODE_LOAD)
        code = fg_fail(&err, FG_ERR_ARGUMENT, "--at", "only goes with --load: a server's present is now");
    return code == FG_OK ? -1 : fail(&err);
}

/* ---- files ---- */
/* A path that is too long becomes an empty one, which no file has. */
static const char *path_of(const char *folder, const char *name, char path[PATH])
{
    int length = snprintf(path, PATH, "%s/%s", folder, name);
    if (length < 0 || length >= PATH)
        path[0] = '\0';
    return path;
}

static bool is_there(const char *folder, const char *name)
{
    char path[PATH];
    return access(path_of(folder, name, path), F_OK) == 0;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

/* Remove folder/name, which this program has made. */
static enum fg_code remove_own(const char *folder, const char *name, struct fg_error *err)
{
    char path[PATH];
    if (!is_there(folder, name))
        return FG_OK;
    path_of(folder, name, path);
    if (!is_there(path, MARKER) && rmdir(path) != 0)
        return fg_fail(err, FG_ERR_IO, path, "was not made by flexgrid-demo; remove it, or choose another --folder");
    if (is_there(folder, name) && nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
        return fg_fail(err, FG_ERR_IO, path, "cannot be removed: %s", strerror(errno));
    return FG_OK;
}

static enum fg_code make_folder(const char *path, struct fg_error *err)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST ? FG_OK : fg_fail(err, FG_ERR_IO, path, "cannot be made: %s", strerror(errno));
}

/* The folder's lock: a descriptor, or -1 when somebody else loads or serves. */
static enum fg_code take_lock(const char *folder, int *lock, struct fg_error *err)
{
    char path[PATH];
    *lock = open(path_of(folder, "lock", path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*lock < 0)
        return fg_fail(err, FG_ERR_IO, path, "%s", strerror(errno));
    if (flock(*lock, LOCK_EX | LOCK_NB) == 0)
        return FG_OK;
    int reason = errno;
    close(*lock);
    *lock = -1;
    return reason == EWOULDBLOCK ? FG_OK : fg_fail(err, FG_ERR_IO, path, "cannot be locked: %s", strerror(reason));
}

/* ---- loading ---- */
enum { NETWORK_BYTES = 256 << 20, DIGEST_BYTES = 32, DIGEST_TEXT = 2 * DIGEST_BYTES + 1 };

/* What tells one network file from another, whatever its name is. */
static enum fg_code network_digest(const char *path, char digest[DIGEST_TEXT], struct fg_error *err)
{
    unsigned char hash[DIGEST_BYTES];
    struct fg_text text;
    fg_text_init(&text);
    enum fg_code code = fg_file_read(path, NETWORK_BYTES, &text, err);
    if (code == FG_OK) {
        crypto_generichash(hash, sizeof hash, (const unsigned char *)text.data, text.length, NULL, 0);
        sodium_bin2hex(digest, DIGEST_TEXT, hash, sizeof hash);
    }
    fg_text_release(&text);
    return code;
}

static bool has_network(const struct options *options, const char *data)
{
    char path[PATH], digest[DIGEST_TEXT];
    struct fg_text kept;
    struct fg_error err;
    fg_text_init(&kept);
    bool is_same = network_digest(options->network, digest, &err) == FG_OK &&
                   fg_file_read(path_of(data, "network", path), DIGEST_TEXT, &kept, &err) == FG_OK && strcmp(kept.data, digest) == 0;
    fg_text_release(&kept);
    return is_same;
}

static bool is_current(const struct options *options, const char *data)
{
    struct fg_application application;
    struct fg_demonstration mark = {0};
    struct fg_timezone *zone;
    struct fg_error err;
    if (!is_there(data, MARKER) || !has_network(options, data) || fg_application_open_demonstration(data, "demonstration", &application, &err) != FG_OK)
        return false;
    enum fg_code code = fg_demonstration_read(application.platform, &mark, &err);
    fg_application_close(&application);
    if (code != FG_OK || fg_timezone_open(DEMO_ZONE, &zone, &err) != FG_OK)
        return false;
    int64_t today = fg_date_number(fg_timezone_local(zone, (int64_t)time(NULL)).date);
    fg_timezone_close(zone);
    return mark.day == today && mark.seed == options->seed;
}

static void say(const char *text)
{
    printf("  %s\n", text);
    fflush(stdout);
}

static enum fg_code load(const struct options *options, struct fg_error *err)
{
    char loading[PATH], data[PATH], path[PATH], digest[DIGEST_TEXT];
    static struct demo demo;
    double begun = fg_clock_seconds();
    path_of(options->folder, "loading", loading);
    path_of(options->folder, "data", data);
    enum fg_code code = network_digest(options->network, digest, err);
    if (code == FG_OK)
        code = remove_own(options->folder, "loading", err);
    if (code == FG_OK)
        code = make_folder(loading, err);
    if (code == FG_OK)
        code = fg_file_write(path_of(loading, MARKER, path), "Made by flexgrid-demo; may be removed.\n", 39, err);
    if (code == FG_OK)
        code = fg_file_write(path_of(loading, "network", path), digest, strlen(digest), err);
    if (code == FG_OK)
        code = demo_open(&demo, loading, options->at_s != 0 ? options->at_s : (int64_t)time(NULL), options->seed, err);
    if (code != FG_OK)
        return code;
    puts("Loading the demonstration market ...");
    demo_load(&demo, options->network, say);
    demo_finish(&demo);
    *err = demo.err;
    code = err->code;
    if (code == FG_OK)
        code = fg_demonstration_complete(demo.application.platform, err);
    demo_close(&demo);
    if (code == FG_OK)
        code = remove_own(options->folder, "data", err);
    if (code == FG_OK && rename(loading, data) != 0)
        code = fg_fail(err, FG_ERR_IO, data, "cannot be put in place: %s", strerror(errno));
    if (code == FG_OK)
        printf("Loaded in %.1f s.\n", fg_clock_seconds() - begun);
    return code;
}

/* Where the pages are: beside the folder of the programs when they are built, in share when they are installed. */
static bool find_pages(char folder[PATH])
{
    static const char *const places[] = {"../web", "../share/flexgrid/web"};
    char program[PATH] = "", page[PATH + 16];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    char *slash = length > 0 ? strrchr(program, '/') : NULL;
    if (slash == NULL)
        return false;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        slash[1] = '\0';
        if (snprintf(folder, PATH, "%s%s", program, places[i]) >= PATH)
            continue;
        snprintf(page, sizeof page, "%s/index.html", folder);
        if (access(page, R_OK) == 0)
            return true;
    }
    return false;
}

/* ---- what a newcomer is told ---- */
static void tell(const char *folder, const char *url, long pid, bool is_foreground)
{
    char pages[PATH];
    printf("\nThe demonstration is served at %s\n%s: %s/docs\n"
           "The certificate is self-signed: a browser asks once whether to go on. Only this machine can reach it.\n\n"
           "Log in as anybody; the password of all is \"" DEMO_PASSWORD "\".\n\n",
           url, find_pages(pages) ? "Open it in a browser; its API is described at" : "The pages are not built (tools/build_web does it); the API is described at",
           url);
    for (int p = 0; p < DEMO_PARTIES; p++) {
        printf("  %-10s  %-25s", demo_party_role((enum demo_who)p), demo_party_name((enum demo_who)p));
        for (size_t u = 0; u < demo_user_count; u++)
            if (demo_users[u].party == (enum demo_who)p)
                printf("  %s", demo_users[u].email);
        putchar('\n');
    }
    printf("\nFrom a shell in this folder:\n\n"
           "  fg_curl() { curl -sS --cacert '%s/data/tls/certificate.pem' \"$@\"; }\n"
           "  fg_curl %s/v1/server\n"
           "  TOKEN=$(fg_curl %s/v1/log-in -H 'Content-Type: application/json' \\\n"
           "    -d '{\"email\":\"trader@dso.example\",\"password\":\"" DEMO_PASSWORD "\",\"as\":\"token\"}' |\n"
           "    sed 's/.*\"token\":\"\\([^\"]*\\)\".*/\\1/')\n"
           "  fg_curl -H \"Authorization: Bearer $TOKEN\" '%s/v1/areas/area-1/trades?limit=3'\n\n",
           folder, url, url, url);
    if (is_foreground)
        puts("Ctrl-C stops it.");
    else
        printf("It runs in the background (process %ld). To stop it: make stop\n", pid);
    fflush(stdout);
}

static enum fg_code read_running(const char *folder, char url[64], int64_t *pid, struct fg_error *err)
{
    char path[PATH];
    json_t *root = NULL;
    const char *text;
    enum fg_code code = fg_json_load_file(path_of(folder, "server.json", path), &root, err);
    struct fg_json_cursor cursor = fg_json_root(root, path);
    if (code == FG_OK)
        code = fg_json_get_string(&cursor, "url", &text, err);
    if (code == FG_OK)
        code = fg_json_get_integer(&cursor, "pid", pid, err);
    if (code == FG_OK)
        snprintf(url, 64, "%s", text);
    json_decref(root);
    return code;
}

static enum fg_code write_running(const char *folder, const char *url, long pid, struct fg_error *err)
{
    char path[PATH], text[160];
    snprintf(text, sizeof text, "{\"url\": \"%s\", \"pid\": %ld}\n", url, pid);
    return fg_file_write(path_of(folder, "server.json", path), text, strlen(text), err);
}

/* Somebody has the lock. */
static int tell_running(const struct options *options)
{
    struct fg_error err;
    char url[64];
    int64_t pid;
    if (read_running(options->folder, url, &pid, &err) != FG_OK) {
        fg_fail(&err, FG_ERR_BUSY, options->folder, "another flexgrid-demo is loading it; wait until it is done");
        return fail(&err);
    }
    puts("A demonstration is running already, as it was loaded; to load another one, stop it first.");
    tell(options->folder, url, (long)pid, false);
    return 0;
}

static int stop(const struct options *options)
{
    struct fg_error err = {0};
    char url[64], comm[64] = "", path[64];
    int64_t pid = 0;
    int lock;
    enum fg_code code = take_lock(options->folder, &lock, &err);
    if (code == FG_OK && lock >= 0) {
        puts("No demonstration is running.");
        close(lock);
        return 0;
    }
    if (code == FG_OK)
        code = read_running(options->folder, url, &pid, &err);
    snprintf(path, sizeof path, "/proc/%lld/comm", (long long)pid);
    FILE *file = code == FG_OK ? fopen(path, "r") : NULL;
    if (file != NULL) {
        (void)!fgets(comm, sizeof comm, file);
        fclose(file);
    }
    if (code == FG_OK && (strncmp(comm, "flexgridd", 9) != 0 || kill((pid_t)pid, SIGTERM) != 0))
        code = fg_fail(&err, FG_ERR_IO, options->folder, "process %lld is not the server, or cannot be stopped", (long long)pid);
    for (int i = 0; code == FG_OK && lock < 0 && i < STOP_SECONDS * 10; i++) {
        nanosleep(&(struct timespec){0, 100000000}, NULL);
        code = take_lock(options->folder, &lock, &err);
    }
    if (code == FG_OK && lock < 0)
        code = fg_fail(&err, FG_ERR_BUSY, options->folder, "the server has not stopped after %d s", (int)STOP_SECONDS);
    if (code != FG_OK)
        return fail(&err);
    unlink(path_of(options->folder, "server.json", (char[PATH]){0}));
    close(lock);
    puts("The demonstration was stopped.");
    return 0;
}

/* ---- serving ---- */
static unsigned free_port(unsigned first)
{
    for (unsigned port = first; port < first + PORTS_TRIED; port++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        bool is_free = bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0;
        close(descriptor);
        if (is_free)
            return port;
    }
    return 0;
}

/* The server's process: flexgridd from the folder of this program, which keeps the lock as long as it runs. */
static void run_server(const struct options *options, unsigned port, int lock, bool is_foreground)
{
    char program[PATH] = "", data[PATH], log[PATH], number[16];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 16);
    char *slash = length > 0 ? strrchr(program, '/') : NULL;
    int out = open(path_of(options->folder, "server.log", log), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sigset_t none;
    if (slash == NULL || out < 0 || in < 0)
        _exit(127);
    strcpy(slash, "/flexgridd");
    snprintf(number, sizeof number, "%u", port);
    static const char *const others[] = {"DATABASE", "PLAIN_HTTP", "TRUST_PROXY", "CERTIFICATE_FILE", "KEY_FILE", "NODE_URL", "NODE_CA_FILE"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) { /* settings for another server */
        char name[40];
        snprintf(name, sizeof name, "FLEXGRID_%s", others[i]);
        unsetenv(name);
    }
    setenv("FLEXGRID_DATA_FOLDER", path_of(options->folder, "data", data), 1);
    setenv("FLEXGRID_PORT", number, 1);
    setenv("FLEXGRID_LISTEN_ADDRESS", "127.0.0.1", 1);
    setenv("FLEXGRID_DEMONSTRATION", "true", 1);
    setenv("FLEXGRID_NODE", "demonstration", 1);
    char pages[PATH];
    if (find_pages(pages))
        setenv("FLEXGRID_WEB_FOLDER", pages, 0);
    if (is_foreground)
        prctl(PR_SET_PDEATHSIG, SIGTERM);
    else
        setsid();
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    fcntl(lock, F_SETFD, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execl(program, "flexgridd", (char *)NULL);
    _exit(127);
}

static size_t ignore(char *bytes, size_t size, size_t count, void *context)
{
    (void)bytes, (void)context;
    return size * count;
}

static bool is_ready(const struct options *options, const char *url)
{
    char address[100], certificate[PATH];
    long status = 0;
    CURL *curl = curl_easy_init();
    snprintf(address, sizeof address, "%s/readyz", url);
    curl_easy_setopt(curl, CURLOPT_URL, address);
    curl_easy_setopt(curl, CURLOPT_CAINFO, path_of(options->folder, "data/tls/certificate.pem", certificate));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 5L);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    return status == 200;
}

static enum fg_code wait_until_ready(const struct options *options, const char *url, pid_t child, struct fg_error *err)
{
    char log[PATH];
    path_of(options->folder, "server.log", log);
    for (int i = 0; i < READY_SECONDS * 10; i++) {
        int status;
        if (waitpid(child, &status, WNOHANG) == child)
            return fg_fail(err, FG_ERR_UNAVAILABLE, log, "flexgridd ended at its start; the file says why");
        if (is_ready(options, url))
            return FG_OK;
        nanosleep(&(struct timespec){0, 100000000}, NULL);
    }
    kill(child, SIGTERM);
    return fg_fail(err, FG_ERR_UNAVAILABLE, log, "flexgridd was not ready after %d s", (int)READY_SECONDS);
}

/* Until the server ends; signals are its. */
static int stay(const struct options *options, pid_t child, const sigset_t *signals)
{
    for (;;) {
        int number = sigwaitinfo(signals, NULL), status;
        if (number == SIGINT || number == SIGTERM || number == SIGHUP) {
            kill(child, SIGTERM);
        } else if (number == SIGCHLD && waitpid(child, &status, WNOHANG) == child) {
            char path[PATH];
            unlink(path_of(options->folder, "server.json", path));
            bool is_fine = WIFEXITED(status) && WEXITSTATUS(status) == 0;
            puts(is_fine ? "\nThe demonstration was stopped." : "\nThe server ended; see server.log in the demonstration's folder.");
            return is_fine ? 0 : 3;
        }
    }
}

static int serve(const struct options *options, int lock)
{
    struct fg_error err = {0};
    char url[64];
    bool is_foreground = options->mode == MODE_FOREGROUND ||
                         (options->mode == MODE_BY_TERMINAL && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO));
    unsigned port = free_port(options->port);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    if (port == 0) {
        fg_fail(&err, FG_ERR_UNAVAILABLE, "--port", "none of the ports %u to %u is free", options->port, options->port + PORTS_TRIED - 1);
        return fail(&err);
    }
    if (port != options->port)
        printf("Port %u is in use; taking %u.\n", options->port, port);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        run_server(options, port, lock, is_foreground);
    snprintf(url, sizeof url, "https://localhost:%u", port);
    enum fg_code code = child < 0 ? fg_fail(&err, FG_ERR_UNAVAILABLE, NULL, "no process: %s", strerror(errno))
                                  : wait_until_ready(options, url, child, &err);
    if (code == FG_OK)
        code = write_running(options->folder, url, (long)child, &err);
    if (code != FG_OK)
        return fail(&err);
    tell(options->folder, url, (long)child, is_foreground);
    return is_foreground ? stay(options, child, &signals) : 0;
}

int main(int argc, char **argv)
{
    struct options options = {.folder = "build/demo", .network = "examples/cigre_mv/network.json", .seed = 1, .port = 8443};
    struct fg_error err = {0};
    char data[PATH];
    int lock = -1, status = read_options(argc, argv, &options);
    if (status >= 0)
        return status;
    signal(SIGPIPE, SIG_IGN);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    enum fg_code code = make_folder(options.folder, &err);
    if (code == FG_OK && options.mode == MODE_STOP)
        return stop(&options);
    if (code == FG_OK)
        code = take_lock(options.folder, &lock, &err);
    if (code == FG_OK && lock < 0)
        return tell_running(&options);
    if (code == FG_OK) {
        unlink(path_of(options.folder, "server.json", data)); /* of a server that is gone */
        if (options.at_s != 0 || !is_current(&options, path_of(options.folder, "data", data)))
            code = load(&options, &err);
        else
            puts("Today's demonstration is loaded already, with what was changed in it since.");
    }
    status = code != FG_OK ? fail(&err) : options.mode == MODE_LOAD ? 0 : serve(&options, lock);
    curl_global_cleanup();
    return status;
}
