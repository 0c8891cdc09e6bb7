#include "api/router.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>

struct fg_route_node {
    const char *literal; /* NULL in a parameter's node */
    struct fg_route_node *children, *sibling;
    struct fg_route_node *parameter; /* child for any segment */
    const struct fg_operation *operations[FG_METHOD_COUNT];
    bool is_end;
};

static struct fg_route_node *child_of(struct fg_router *router, struct fg_route_node *node, const char *segment,
                                      size_t length)
{
    if (length > 0 && segment[0] == '{') {
        if (node->parameter == NULL)
            node->parameter = fg_arena_alloc(&router->arena, 1, sizeof *node);
        return node->parameter;
    }
    for (struct fg_route_node *child = node->children; child != NULL; child = child->sibling)
        if (strlen(child->literal) == length && memcmp(child->literal, segment, length) == 0)
            return child;
    struct fg_route_node *child = fg_arena_alloc(&router->arena, 1, sizeof *child);
    if (child == NULL)
        return NULL;
    child->literal = fg_arena_strndup(&router->arena, segment, length);
    if (child->literal == NULL)
        return NULL;
    child->sibling = node->children;
    node->children = child;
    return child;
}

static enum fg_code add(struct fg_router *router, const struct fg_operation *operation, struct fg_error *err)
{
    struct fg_route_node *node = router->root;
    const char *at = operation->path;
    while (*at == '/' && node != NULL) {
        at++;
        size_t length = strcspn(at, "/");
        node = child_of(router, node, at, length);
        at += length;
    }
    if (node == NULL)
        return fg_fail_memory(err);
    if (node->operations[operation->method] != NULL)
        return fg_fail(err, FG_ERR_ARGUMENT, operation->id, "has the same method and path as %s; give it another path",
                       node->operations[operation->method]->id);
    node->operations[operation->method] = operation;
    node->is_end = true;
    return FG_OK;
}

enum fg_code fg_router_init(struct fg_router *router, const struct fg_operation_set *const *sets, size_t set_count,
                            struct fg_error *err)
{
    fg_arena_init(&router->arena);
    router->root = fg_arena_alloc(&router->arena, 1, sizeof *router->root);
    enum fg_code code = router->root != NULL ? FG_OK : fg_fail_memory(err);
    for (size_t s = 0; s < set_count && code == FG_OK; s++)
        for (size_t i = 0; i < sets[s]->count && code == FG_OK; i++)
            code = add(router, &sets[s]->items[i], err);
    if (code != FG_OK)
        fg_router_release(router);
    return code;
}

void fg_router_release(struct fg_router *router)
{
    fg_arena_release(&router->arena);
    router->root = NULL;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum fg_code fg_percent_decode(const char *text, size_t length, bool is_query, struct fg_arena *arena, char **out,
                               struct fg_error *err)
{
    char *decoded = fg_arena_alloc(arena, length + 1, 1);
    if (decoded == NULL)
        return fg_fail_memory(err);
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 1 < length ? hex_value(text[i + 1]) : -1;
            int low = i + 2 < length ? hex_value(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return fg_fail(err, FG_ERR_SYNTAX, NULL, "'%%' in an address must be followed by two hexadecimal digits");
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && is_query) {
            c = ' ';
        }
        if ((unsigned char)c < 0x20 || c == 0x7f)
            return fg_fail(err, FG_ERR_SYNTAX, NULL, "the address holds control characters; leave them out");
        decoded[used++] = c;
    }
    if (fg_utf8_valid_length(decoded, used) != used)
        return fg_fail(err, FG_ERR_SYNTAX, NULL, "the address is not UTF-8 (percent-encoded)");
    *out = decoded;
    return FG_OK;
}

static const struct fg_route_node *literal_child(const struct fg_route_node *node, const char *segment)
{
    for (const struct fg_route_node *child = node->children; child != NULL; child = child->sibling)
        if (strcmp(child->literal, segment) == 0)
            return child;
    return NULL;
}

enum fg_code fg_router_match(const struct fg_router *router, const char *path, struct fg_arena *arena,
                             struct fg_route *route, struct fg_error *err)
{
    *route = (struct fg_route){0};
    const struct fg_route_node *node = router->root;
    while (*path == '/') {
        path++;
        size_t length = strcspn(path, "/");
        char *segment;
        enum fg_code code = fg_percent_decode(path, length, false, arena, &segment, err);
        if (code != FG_OK)
            return code;
        path += length;
        if (node == NULL)
            continue; /* unknown, but the rest must still be well formed */
        const struct fg_route_node *next = literal_child(node, segment);
        if (next == NULL && segment[0] != '\0' && route->value_count < FG_PATH_PARAMS_MAX) {
            next = node->parameter;
            route->values[route->value_count++] = segment;
        }
        node = next;
    }
    if (node == NULL || !node->is_end || *path != '\0')
        return FG_OK;
    route->is_known = true;
    memcpy(route->operations, node->operations, sizeof route->operations);
    return FG_OK;
}
