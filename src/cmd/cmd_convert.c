/* flexgrid convert INPUT OUTPUT: networks to own JSON or MATPOWER, markets between JSON and CSV folders. */
#include "cmd/load.h"
#include "cmd/output.h"
#include "cmd/terminal.h"
#include "grid/matpower.h"
#include "grid/network_json.h"
#include "grid/network_read.h"
#include "toolkit/dfmct/market_file.h"

#include <string.h>

struct convert_options {
    struct fg_common_options common;
    int32_t to;
    const char *from;
    bool market;
};

enum target { TARGET_BY_NAME, TARGET_JSON, TARGET_MATPOWER, TARGET_CSV };
static const char *const target_words[] = {"by_name", "json", "matpower", "csv", NULL};

static const struct fg_option options_table[] = {
    {"to", 't', FG_OPTION_WORD, offsetof(struct convert_options, to), "FORMAT",
     "json, matpower or csv (a market as a folder of tables); by default told by the name of OUTPUT: .json, .m, or a "
     "folder.", target_words, 0, 0},
    {"from", 'f', FG_OPTION_TEXT, offsetof(struct convert_options, from), "FORMAT",
     "Format of a network INPUT, where the content should not decide: flexgrid, matpower, pandapower, "
     "power-grid-model, simbench.", NULL, 0, 0},
    {"market", 'm', FG_OPTION_FLAG, offsetof(struct convert_options, market), NULL,
     "INPUT is a market, not a network.", NULL, 0, 0},
    {"quiet", 'q', FG_OPTION_FLAG, offsetof(struct convert_options, common.quiet), NULL,
     "No import report and no warnings.", NULL, 0, 0},
    {"help", 'h', FG_OPTION_FLAG, offsetof(struct convert_options, common.help), NULL, "Show this help.", NULL, 0, 0},
};

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static enum target choose_target(const struct convert_options *options, const char *output)
{
    if (options->to != TARGET_BY_NAME)
        return (enum target)options->to;
    if (ends_with(output, ".json"))
        return TARGET_JSON;
    if (ends_with(output, ".m"))
        return TARGET_MATPOWER;
    return ends_with(output, "/") || strchr(output, '.') == NULL ? TARGET_CSV : TARGET_BY_NAME;
}

/* What the conversion ignored, defaulted and converted: on standard error, because OUTPUT may be a pipe. */
static void show_notes(const struct fg_network *network)
{
    struct fg_text text;
    fg_text_init(&text);
    fg_load_put_notes(network, fg_terminal_has_colour(stderr), &text);
    if (!text.failed)
        fputs(text.data, stderr);
    fg_text_release(&text);
}

static enum fg_exit convert_network(const struct convert_options *options, const char *input, const char *output,
                                    enum target target)
{
    struct fg_error err = {0};
    struct fg_network *network = NULL;
    enum fg_exit status = fg_load_network(input, options->from, true, &network);
    if (status != FG_EXIT_OK)
        return status;
    enum fg_code code = target == TARGET_MATPOWER ? fg_matpower_write(network, output, &err)
                                                  : fg_network_json_write(network, output, &err);
    if (code != FG_OK)
        status = code == FG_ERR_IO ? fg_command_fail_output(&err) : fg_command_fail(&err);
    else if (!options->common.quiet)
        show_notes(network);
    fg_network_destroy(network);
    return status;
}

static enum fg_exit convert_market(const char *input, const char *output, enum target target)
{
    struct fg_error err = {0};
    struct fg_market *market = NULL;
    if (fg_market_read(input, &market, &err) != FG_OK)
        return fg_command_fail(&err);
    struct fg_text text;
    fg_text_init(&text);
    enum fg_code code;
    if (target == TARGET_CSV) {
        code = fg_market_write_csv_folder(market, output, &err);
    } else {
        code = fg_market_write_json(market, &text, &err);
        if (code == FG_OK)
            code = fg_output_file(output, &text, &err);
    }
    fg_text_release(&text);
    fg_market_destroy(market);
    return code == FG_OK ? FG_EXIT_OK : fg_command_fail_output(&err);
}

static enum fg_exit run(void *given, char **operands, int operand_count)
{
    (void)operand_count;
    struct convert_options *options = given;
    struct fg_error err = {0};
    enum target target = choose_target(options, operands[1]);
    if (target == TARGET_BY_NAME) {
        fg_fail(&err, FG_ERR_ARGUMENT, operands[1], "the name does not tell the format; add --to json, matpower or csv");
        return fg_command_fail(&err);
    }
    if (options->market ? target == TARGET_MATPOWER : target == TARGET_CSV) {
        fg_fail(&err, FG_ERR_ARGUMENT, operands[1],
                options->market ? "a market is written as json or csv" : "a network is written as json or matpower; "
                                                                         "add --market when INPUT is a market");
        return fg_command_fail(&err);
    }
    return options->market ? convert_market(operands[0], operands[1], target)
                           : convert_network(options, operands[0], operands[1], target);
}

const struct fg_command fg_command_convert = {
    .name = "convert",
    .operands = "INPUT OUTPUT",
    .operand_min = 2,
    .operand_max = 2,
    .summary = "networks to own JSON or MATPOWER, markets between JSON and CSV",
    .description = "Reads a network of any format and writes it as flexgrid's own JSON (loses nothing that the model "
                   "holds) or as a MATPOWER case; with --market, a market as JSON or as a folder of CSV tables. What "
                   "was ignored, defaulted or converted is listed on standard error.",
    .examples = "  flexgrid convert case33bw.m grid.json\n"
                "  flexgrid convert simbench/1-LV-rural1--0-no_sw/ grid.json\n"
                "  flexgrid convert pandapower.json case.m\n"
                "  flexgrid convert --market market.json market_csv/\n",
    .options = options_table,
    .option_count = sizeof options_table / sizeof options_table[0],
    .options_size_bytes = sizeof(struct convert_options),
    .run = run,
};
