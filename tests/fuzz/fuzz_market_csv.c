/* Any tables through the CSV market reader: the input is cut at record separators (0x1e) into the files of a folder. */
#include "toolkit/dfmct/market_file.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"market.csv",   "orders.csv",  "assets.csv", "zones.csv",
                                    "baseline.csv", "periods.csv", "groups.csv", "bus_limits.csv"};
enum { NAMES = sizeof names / sizeof *names };
static char folder[64];

static void remove_files(void)
{
    char path[128];
    for (int i = 0; i < NAMES; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
}

static void remove_folder(void)
{
    remove_files();
    rmdir(folder);
}

static void make_folder(void)
{
    struct stat status;
    const char *parent = stat("/dev/shm", &status) == 0 ? "/dev/shm" : "/tmp";
    snprintf(folder, sizeof folder, "%s/fg-fuzz-XXXXXX", parent);
    if (mkdtemp(folder) == NULL)
        abort();
    atexit(remove_folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (folder[0] == '\0')
        make_folder();
    remove_files();
    for (int i = 0; i < NAMES && size > 0; i++) {
        const uint8_t *end = memchr(data, 0x1e, size);
        size_t length = end ? (size_t)(end - data) : size;
        char path[128];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        FILE *file = fopen(path, "wb");
        if (file == NULL || fwrite(data, 1, length, file) != length || fclose(file) != 0)
            abort();
        data += length + (end != NULL);
        size -= length + (end != NULL);
    }
    struct fg_market *market, *again;
    struct fg_error err;
    if (fg_market_read_csv_folder(folder, &market, &err) != FG_OK) {
        if (market != NULL || err.text[0] == '\0')
            abort();
        return 0;
    }
    struct fg_text text;
    fg_text_init(&text);
    if (fg_market_write_json(market, &text, &err) != FG_OK ||
        fg_market_read_json_text(text.data, text.length, "again", NULL, &again, &err) != FG_OK)
        abort();
    fg_text_release(&text);
    fg_market_destroy(market);
    fg_market_destroy(again);
    return 0;
}
