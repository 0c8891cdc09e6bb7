/* flexgrid-examples FOLDER: writes the example cases, NETWORK and MARKET as JSON, into subfolders of FOLDER. The same
 * seeds give the same files, byte for byte. */
#include "base/text.h"
#include "example.h"
#include "grid/network_json.h"
#include "toolkit/dfmct/market_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void make_folder(const char *path)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        struct fg_error err;
        fg_fail(&err, FG_ERR_IO, path, "cannot make the folder: %s", strerror(errno));
        example_die("output", &err);
    }
}

static void write_example(const char *output, struct example *example)
{
    struct fg_error err;
    char folder[512], network[600], market[600];
    snprintf(folder, sizeof folder, "%s/%s", output, example->folder);
    snprintf(network, sizeof network, "%s/network.json", folder);
    snprintf(market, sizeof market, "%s/market.json", folder);
    make_folder(folder);
    if (fg_network_validate(example->network, &err) != FG_OK)
        example_die("network", &err);
    if (fg_market_validate(example->market, &err) != FG_OK)
        example_die("market", &err);
    if (fg_network_json_write(example->network, network, &err) != FG_OK)
        example_die("network", &err);
    struct fg_text text;
    fg_text_init(&text);
    if (fg_market_write_json(example->market, &text, &err) != FG_OK ||
        fg_file_write(market, text.data, text.length, &err) != FG_OK)
        example_die("market", &err);
    fg_text_release(&text);
    printf("%s: %zu buses, %d periods, %zu assets, %zu orders\n", folder, example->network->bus_count,
           example->market->period_count, example->market->asset_count, example->market->order_count);
}

int main(int argc, char **argv)
{
    static void (*const examples[])(struct example *) = {example_cigre_mv, example_ieee33, example_ieee69};
    if (argc != 2 || argv[1][0] == '-') {
        fprintf(argc == 2 ? stdout : stderr, "Usage: flexgrid-examples FOLDER\n\nWrites the example networks and markets "
                                             "into subfolders of FOLDER.\n");
        return argc == 2 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    make_folder(argv[1]);
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        struct example example;
        examples[i](&example);
        write_example(argv[1], &example);
        example_release(&example);
    }
    return 0;
}
