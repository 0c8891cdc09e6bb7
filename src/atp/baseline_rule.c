#include "atp/baseline_rule.h"

#include "base/json.h"
#include "base/units.h"

#include <string.h>

enum { LONGEST_DAY_S = 25 * 3600 };

static enum fg_code read_word(const struct fg_json_cursor *root, const char *key, const char *const *words, int *out,
                              struct fg_error *err)
{
    const char *text;
    enum fg_code code = fg_json_or_string(root, key, words[0], &text, err);
    for (int i = 0; code == FG_OK && words[i] != NULL; i++)
        if (strcmp(words[i], text) == 0) {
            *out = i;
            return FG_OK;
        }
    struct fg_json_cursor at = fg_json_member(root, key);
    return code == FG_OK ? fg_json_fail(&at, FG_ERR_VALUE, err, "\"%.40s\" is not one of the words for %s", text, key) : code;
}

static enum fg_code read_count(const struct fg_json_cursor *root, const char *key, int32_t *out, struct fg_error *err)
{
    int64_t value;
    enum fg_code code = fg_json_or_integer(root, key, 0, &value, err);
    if (code == FG_OK && (value < 0 || value > 1000000)) {
        struct fg_json_cursor at = fg_json_member(root, key);
        return fg_json_fail(&at, FG_ERR_VALUE, err, "%s must be between 0 and 1000000", key);
    }
    *out = (int32_t)value;
    return code;
}

enum fg_code fg_baseline_rule_parse(const char *json, struct fg_baseline_rule *rule, struct fg_error *err)
{
    static const char *const known[] = {"method", "days", "days_used", "look_back_days", "pick", "adjustment", "window_lead_units",
                                        "window_units", "cap", "before_units", "after_units", "calibration_units", NULL};
    json_t *document = NULL;
    const char *cap = "0";
    int method = 0, pick = 0, adjustment = 0;
    memset(rule, 0, sizeof *rule);
    enum fg_code code = fg_json_load_limited(json, strlen(json), 1 << 16, "baseline rule", &document, err);
    if (code != FG_OK)
        return code;
    struct fg_json_cursor root = fg_json_root(document, "baseline rule");
    struct {
        const char *key;
        int32_t *out;
    } const counts[] = {{"days", &rule->days},
                        {"days_used", &rule->days_used},
                        {"look_back_days", &rule->look_back_days},
                        {"window_lead_units", &rule->window_lead_units},
                        {"window_units", &rule->window_units},
                        {"before_units", &rule->before_units},
                        {"after_units", &rule->after_units},
                        {"calibration_units", &rule->calibration_units}};
    code = fg_json_is_object(&root, err);
    if (code == FG_OK)
        code = fg_json_only(&root, known, err);
    if (code == FG_OK)
        code = read_word(&root, "method", fg_baseline_method_words, &method, err);
    if (code == FG_OK)
        code = read_word(&root, "pick", fg_baseline_pick_words, &pick, err);
    if (code == FG_OK)
        code = read_word(&root, "adjustment", fg_baseline_adjustment_words, &adjustment, err);
    for (size_t i = 0; code == FG_OK && i < sizeof counts / sizeof *counts; i++)
        code = read_count(&root, counts[i].key, counts[i].out, err);
    if (code == FG_OK)
        code = fg_json_or_string(&root, "cap", cap, &cap, err);
    if (code == FG_OK)
        code = fg_decimal_parse(cap, 6, &rule->cap_u, err);
    rule->method = (enum fg_baseline_method)method;
    rule->pick = (enum fg_baseline_pick)pick;
    rule->adjustment = (enum fg_baseline_adjustment)adjustment;
    if (code == FG_OK)
        code = fg_baseline_rule_check(rule, err);
    json_decref(document);
    return code;
}

void fg_baseline_rule_reach(const struct fg_baseline_rule *rule, int64_t unit_s, int64_t *before, int64_t *after)
{
    *before = *after = 0;
    if (rule->method == FG_BASELINE_DAYS) /* two days of margin: the event's own day, and the shift of the clock */
        *before = ((int64_t)rule->look_back_days + 2) * LONGEST_DAY_S / unit_s + rule->window_lead_units + rule->window_units;
    if (rule->method == FG_BASELINE_BEFORE_AFTER) {
        *before = rule->before_units;
        *after = rule->after_units;
    }
    if (rule->method == FG_BASELINE_CONTROL_GROUP)
        *before = rule->calibration_units;
}
