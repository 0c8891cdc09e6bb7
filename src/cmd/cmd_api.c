/* flexgrid api OPERATION: a client of the REST API. The operations, their options, the checks before anything is sent and
 * the help come from the descriptions that the server uses. */
#include "cmd/cmd_api.h"

#include "api/catalogue.h"
#include "api/router.h"
#include "api/validate.h"
#include "base/memory.h"
#include "cmd/output.h"
#include "cmd/terminal.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARAMS_MAX = 48, BODY_MAX = 64 << 20 };

struct request {
    const struct fg_operation *operation;
    const char *url, *key_file, *ca_file, *body, *idempotency_key, *if_match, *on_behalf_of;
    const char *names[PARAMS_MAX], *values[PARAMS_MAX]; /* of path and query */
    size_t count;
};

static enum fg_exit fail(enum fg_code code, const char *place, const char *text)
{
    struct fg_error err;
    fg_fail(&err, code, place, "%s", text);
    return fg_command_fail(&err);
}

static enum fg_exit print(struct fg_text *text)
{
    struct fg_error err = {0};
    enum fg_exit status = fg_output_stdout(text, &err) == FG_OK ? FG_EXIT_OK : fg_command_fail_output(&err);
    fg_text_release(text);
    return status;
}

static const char usage[] =
    "Usage: flexgrid api OPERATION [OPTION]...\n\n"
    "Calls an operation of a FLEXGRID server and writes the answer to standard output.\n\n"
    "  --url URL              server; FLEXGRID_URL, else https://localhost:8443\n"
    "  --key-file FILE        API key in a file; else FLEXGRID_API_KEY\n"
    "  --ca-file FILE         certificate to trust (a self-signed server's own)\n"
    "  --body TEXT|@FILE|-    request body: JSON text, a file, or standard input\n"
    "  --idempotency-key KEY  repeat safely: same key and request, same answer\n"
    "  --if-match ETAG        version to be changed\n"
    "  --on-behalf-of ID      organisation represented\n"
    "  --NAME VALUE           parameter of the operation; see flexgrid api OPERATION --help\n\n"
    "Exit codes: 0 done; 1 no connection; 2 wrong usage; 3 bad input; 4 refused by the\n"
    "server (its problem document goes to standard error).\n";

static enum fg_exit help_all(void)
{
    struct fg_text text;
    fg_text_init(&text);
    fg_text_puts(&text, usage);
    fg_text_puts(&text, "\nOperations:\n");
    for (size_t s = 0; fg_catalogue[s] != NULL; s++)
        for (size_t i = 0; i < fg_catalogue[s]->count; i++)
            fg_text_printf(&text, "  %-24s %s\n", fg_catalogue[s]->items[i].id, fg_catalogue[s]->items[i].summary);
    return print(&text);
}

static void help_params(struct fg_text *text, const struct fg_param *params)
{
    for (; params != NULL && params->name != NULL; params++)
        fg_text_printf(text, "  --%-20s %s%s\n", params->name, params->description, params->required ? " (required)" : "");
}

static enum fg_exit help_operation(const struct fg_operation *operation)
{
    struct fg_text text;
    fg_text_init(&text);
    fg_text_printf(&text, "%s: %s\n\n  %s %s\n", operation->id, operation->summary, fg_method_name(operation->method),
                   operation->path);
    if (operation->description != NULL)
        fg_text_printf(&text, "\n%s\n", operation->description);
    fg_text_puts(&text, "\nOptions:\n");
    help_params(&text, operation->path_params);
    help_params(&text, operation->query_params);
    if (operation->flags & FG_OP_PAGED)
        fg_text_puts(&text, "  --limit                items on a page\n  --cursor               `next` of the page before\n");
    if (operation->request_example != NULL)
        fg_text_printf(&text, "\nExample of --body:\n%s\n", operation->request_example);
    return print(&text);
}

static enum fg_code read_options(struct request *request, int argc, char **argv, struct fg_error *err)
{
    const struct {
        const char *name;
        const char **place;
    } own[] = {{"--url", &request->url}, {"--key-file", &request->key_file}, {"--ca-file", &request->ca_file},
               {"--body", &request->body}, {"--idempotency-key", &request->idempotency_key},
               {"--if-match", &request->if_match}, {"--on-behalf-of", &request->on_behalf_of}};
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0)
            return fg_fail(err, FG_ERR_ARGUMENT, "api", "%s is no option; write --NAME VALUE", argv[i]);
        if (i + 1 >= argc)
            return fg_fail(err, FG_ERR_ARGUMENT, "api", "%s needs a value", argv[i]);
        const char **place = NULL;
        for (size_t k = 0; k < FG_COUNT_OF(own); k++)
            if (strcmp(own[k].name, argv[i]) == 0)
                place = own[k].place;
        if (place == NULL && request->count < PARAMS_MAX) {
            request->names[request->count] = argv[i] + 2;
            place = &request->values[request->count++];
        }
        if (place == NULL)
            return fg_fail(err, FG_ERR_ARGUMENT, "api", "too many options");
        *place = argv[++i];
    }
    return FG_OK;
}

static const char *value_of(const struct request *request, const char *name)
{
    for (size_t i = 0; i < request->count; i++)
        if (strcmp(request->names[i], name) == 0)
            return request->values[i];
    return NULL;
}

/* Every option must be a parameter, every value valid, and what is required must be there. */
static void check_params(const struct request *request, struct fg_problem_list *problems)
{
    const struct fg_operation *operation = request->operation;
    const struct fg_param *const lists[] = {operation->path_params, operation->query_params};
    const char *names[PARAMS_MAX] = {0};
    size_t count = 0;
    for (size_t l = 0; l < FG_COUNT_OF(lists); l++)
        for (const struct fg_param *param = lists[l]; param != NULL && param->name != NULL && count < PARAMS_MAX - 3; param++) {
            names[count++] = param->name;
            char place[80];
            int64_t ignored;
            snprintf(place, sizeof place, "--%.60s", param->name);
            const char *value = value_of(request, param->name);
            if (value != NULL)
                fg_validate_text(param->schema, value, place, &ignored, problems);
            else if (param->required || l == 0)
                fg_problem_list_add(problems, place, "missing", "is missing; give it");
        }
    if (operation->flags & FG_OP_PAGED) {
        names[count++] = "limit";
        names[count++] = "cursor";
    }
    for (size_t i = 0; i < request->count; i++) {
        bool is_known = false;
        for (size_t n = 0; n < count; n++)
            is_known = is_known || strcmp(names[n], request->names[i]) == 0;
        const char *nearest = fg_json_nearest(request->names[i], names);
        if (!is_known)
            fg_problem_list_add(problems, request->names[i], "unknown", "is no parameter of %s%s%s", operation->id,
                                nearest != NULL ? "; did you mean --" : "", nearest != NULL ? nearest : "");
    }
}

static enum fg_code read_body(const struct request *request, struct fg_text *body, struct fg_error *err)
{
    fg_text_init(body);
    if (request->body == NULL)
        return FG_OK;
    if (request->body[0] == '@')
        return fg_file_read(request->body + 1, BODY_MAX, body, err);
    if (strcmp(request->body, "-") == 0)
        return fg_file_read("/dev/stdin", BODY_MAX, body, err);
    fg_text_puts(body, request->body);
    return body->failed ? fg_fail_memory(err) : FG_OK;
}

static enum fg_code check_body(const struct request *request, const struct fg_text *body, struct fg_problem_list *problems,
                               struct fg_error *err)
{
    if (request->operation->request == NULL)
        return FG_OK;
    json_t *root;
    enum fg_code code = fg_json_load_text(body->data != NULL ? body->data : "", body->length, "body", &root, err);
    if (code != FG_OK)
        return code;
    struct fg_json_cursor cursor = fg_json_root(root, NULL);
    fg_validate_json(request->operation->request, false, &cursor, problems);
    json_decref(root);
    return FG_OK;
}

static void put_escaped(struct fg_text *url, const char *value)
{
    for (; *value != '\0'; value++) {
        bool is_plain = (*value >= '0' && *value <= '9') || (*value >= 'a' && *value <= 'z') ||
                        (*value >= 'A' && *value <= 'Z') || strchr("-._~", *value) != NULL;
        if (is_plain)
            fg_text_append(url, value, 1);
        else
            fg_text_printf(url, "%%%02X", (unsigned)(unsigned char)*value);
    }
}

static void put_address(const struct request *request, struct fg_text *url)
{
    const struct fg_operation *operation = request->operation;
    const char *base = request->url != NULL ? request->url : getenv("FLEXGRID_URL");
    fg_text_puts(url, base != NULL ? base : "https://localhost:8443");
    while (url->length > 0 && url->data[url->length - 1] == '/')
        url->data[--url->length] = '\0';
    const struct fg_param *param = operation->path_params;
    for (const char *at = operation->path; *at != '\0';) {
        size_t length = strcspn(at, "{");
        fg_text_append(url, at, length);
        at += length;
        if (*at == '{') {
            put_escaped(url, value_of(request, param++->name));
            at += strcspn(at, "}") + 1;
        }
    }
    bool is_first = true;
    for (size_t i = 0; i < request->count; i++) {
        bool is_path = false;
        for (param = operation->path_params; param != NULL && param->name != NULL; param++)
            is_path = is_path || strcmp(param->name, request->names[i]) == 0;
        if (is_path)
            continue;
        fg_text_printf(url, "%s%s=", is_first ? "?" : "&", request->names[i]);
        put_escaped(url, request->values[i]);
        is_first = false;
    }
}

struct received {
    CURL *curl;
    struct fg_text problem;
};

/* The answer goes out as it comes (streams do not end); a refusal is kept for standard error. */
static size_t receive(char *bytes, size_t size, size_t count, void *context)
{
    struct received *received = context;
    long status = 0;
    curl_easy_getinfo(received->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 400) {
        fg_text_append(&received->problem, bytes, size * count);
        return size * count;
    }
    size_t written = fwrite(bytes, size, count, stdout);
    return fflush(stdout) == 0 ? written * size : 0;
}

static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value)
{
    char line[2048];
    if (value == NULL)
        return list;
    snprintf(line, sizeof line, "%s: %.*s", name, (int)strcspn(value, "\r\n"), value);
    return curl_slist_append(list, line);
}

static enum fg_exit send_request(const struct request *request, const struct fg_text *url, const struct fg_text *body,
                                 const char *key)
{
    const struct fg_operation *operation = request->operation;
    char authorization[1100], reason[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    CURL *curl = curl_easy_init();
    struct received received = {.curl = curl};
    if (curl == NULL)
        return fail(FG_ERR_MEMORY, NULL, "out of memory");
    if (key != NULL) {
        snprintf(authorization, sizeof authorization, "Bearer %.1000s", key);
        headers = add_header(headers, "Authorization", authorization);
    }
    headers = add_header(headers, "Idempotency-Key", request->idempotency_key);
    headers = add_header(headers, "If-Match", request->if_match);
    headers = add_header(headers, "On-Behalf-Of", request->on_behalf_of);
    if (body->length > 0)
        headers = add_header(headers, "Content-Type",
                             operation->request_media != NULL ? operation->request_media : "application/json");
    curl_easy_setopt(curl, CURLOPT_URL, url->data);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, fg_method_name(operation->method));
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, operation->flags & FG_OP_STREAM ? NULL : "gzip");
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &received);
    if (request->ca_file != NULL)
        curl_easy_setopt(curl, CURLOPT_CAINFO, request->ca_file);
    if (body->length > 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->length);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->data);
    }
    CURLcode result = curl_easy_perform(curl);
    long code = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    enum fg_exit status = FG_EXIT_OK;
    if (result == CURLE_WRITE_ERROR) {
        status = FG_EXIT_OUTPUT;
    } else if (result != CURLE_OK) {
        fg_terminal_error(url->data, reason[0] != '\0' ? reason : curl_easy_strerror(result));
        status = FG_EXIT_INTERNAL;
    } else if (code >= 400) {
        fg_terminal_error(operation->id, received.problem.data != NULL ? received.problem.data : "refused without a reason");
        status = FG_EXIT_UNSOLVED;
    }
    fg_text_release(&received.problem);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return status;
}

static enum fg_exit run(const struct request *request)
{
    struct fg_error err = {0};
    struct fg_problem_list problems = {0};
    struct fg_text body, url, key;
    fg_text_init(&url);
    fg_text_init(&key);
    check_params(request, &problems);
    enum fg_code code = read_body(request, &body, &err);
    if (code == FG_OK)
        code = check_body(request, &body, &problems, &err);
    if (code == FG_OK && request->key_file != NULL)
        code = fg_file_read(request->key_file, 4096, &key, &err);
    if (key.data != NULL)
        key.data[strcspn(key.data, " \r\n")] = '\0';
    enum fg_exit status = FG_EXIT_OK;
    for (size_t i = 0; i < problems.count; i++)
        fg_terminal_error(problems.items[i].pointer, problems.items[i].text);
    if (code != FG_OK)
        status = fg_command_fail(&err);
    else if (problems.count > 0)
        status = FG_EXIT_INPUT;
    if (status == FG_EXIT_OK) {
        put_address(request, &url);
        status = url.failed ? fail(FG_ERR_MEMORY, NULL, "out of memory")
                            : send_request(request, &url, &body, key.data != NULL ? key.data : getenv("FLEXGRID_API_KEY"));
    }
    fg_problem_list_release(&problems);
    fg_text_release(&body);
    fg_text_release(&url);
    fg_text_release(&key);
    return status;
}

enum fg_exit fg_command_api(int argc, char **argv)
{
    struct fg_error err = {0};
    if (argc == 0 || strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)
        return help_all();
    struct request request = {.operation = fg_catalogue_find(argv[0])};
    if (request.operation == NULL) {
        const char *names[1024] = {0};
        size_t count = 0;
        for (size_t s = 0; fg_catalogue[s] != NULL; s++)
            for (size_t i = 0; i < fg_catalogue[s]->count && count < 1023; i++)
                names[count++] = fg_catalogue[s]->items[i].id;
        const char *nearest = fg_json_nearest(argv[0], names);
        fg_fail(&err, FG_ERR_ARGUMENT, "api", "unknown operation \"%s\"%s%s%s", argv[0], nearest ? "; did you mean \"" : "",
                nearest ? nearest : "; see flexgrid api --help", nearest ? "\"?" : "");
        return fg_command_fail(&err);
    }
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return help_operation(request.operation);
    if (read_options(&request, argc - 1, argv + 1, &err) != FG_OK)
        return fg_command_fail(&err);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    enum fg_exit status = run(&request);
    curl_global_cleanup();
    return status;
}
