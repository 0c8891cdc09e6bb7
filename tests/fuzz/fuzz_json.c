/* Any bytes through the JSON reader; what it accepts can be written by the cursor functions without a fault. */
#include "base/json.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct fg_json_cursor *at, int depth)
{
    char place[256];
    struct fg_error err;
    double number;
    const char *string;
    struct fg_json_cursor child;
    fg_json_place(at, place, sizeof place);
    if (depth > 8)
        return;
    for (size_t i = 0; i < fg_json_count(at) && i < 8; i++) {
        child = fg_json_item(at, i);
        walk(&child, depth + 1);
    }
    const char *key;
    json_t *value;
    json_object_foreach(at->value, key, value) {
        (void)fg_json_get_number(at, key, &number, &err);
        (void)fg_json_get_string(at, key, &string, &err);
        child = fg_json_member(at, key);
        walk(&child, depth + 1);
    }
    static const char *const known[] = {"bus", "branch", NULL};
    (void)fg_json_only(at, known, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *root = NULL;
    struct fg_error err;
    if (fg_json_load_text((const char *)data, size, "fuzz", &root, &err) == FG_OK) {
        struct fg_json_cursor cursor = fg_json_root(root, "fuzz");
        walk(&cursor, 0);
        json_decref(root);
    }
    return 0;
}
