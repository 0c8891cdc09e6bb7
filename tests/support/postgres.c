#include "support/postgres.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Run the script; its exit code, and its output in `out`. */
static int script(const char *command, const struct postgres *server, bool watch, char *out, int size)
{
    char line[1024], pid[16] = "";
    if (watch)
        snprintf(pid, sizeof pid, "%d", (int)getpid());
    snprintf(line, sizeof line, "FG_POSTGRES_TEMPLATE=%s %s/tests/support/postgres %s %s %s", FG_POSTGRES_TEMPLATE, FG_SOURCE_DIR,
             command, server->folder, pid);
    FILE *pipe = popen(line, "r");
    if (pipe == NULL)
        return -1;
    if (fgets(out, size, pipe) == NULL)
        out[0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void must(int exit_code, const char *what)
{
    if (exit_code == 0)
        return;
    fprintf(stderr, "PostgreSQL for the tests: %s failed (%d)\n", what, exit_code);
    abort();
}

bool postgres_start(struct postgres *server)
{
    strcpy(server->folder, "/tmp/flexgrid_pg_XXXXXX");
    if (mkdtemp(server->folder) == NULL)
        abort();
    int exit_code = script("start", server, true, server->url, sizeof server->url);
    if (exit_code == 77) {
        rmdir(server->folder);
        return false;
    }
    must(exit_code, "start");
    return true;
}

static void command(const char *name, const struct postgres *server)
{
    char out[160];
    must(script(name, server, false, out, sizeof out), name);
}

void postgres_stop(struct postgres *server)
{
    command("stop", server);
}

void postgres_kill(struct postgres *server)
{
    command("kill", server);
}

void postgres_restart(struct postgres *server)
{
    command("start", server);
}

void postgres_remove(struct postgres *server)
{
    command("remove", server);
}

void postgres_database(const struct postgres *server, const char *name, char url[200])
{
    char text[200];
    PGconn *pg = PQconnectdb(server->url);
    snprintf(text, sizeof text, "CREATE DATABASE %s", name);
    PGresult *result = PQexec(pg, text);
    must(PQresultStatus(result) == PGRES_COMMAND_OK ? 0 : 1, PQerrorMessage(pg));
    PQclear(result);
    PQfinish(pg);
    snprintf(url, 200, "postgresql://flexgrid@/%s?host=%s", name, server->folder);
}
