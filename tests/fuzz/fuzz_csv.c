/* Any bytes through the CSV reader; every field it gives is read as text, number and integer. */
#include "base/csv.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fg_csv csv;
    struct fg_error err;
    if (fg_csv_parse(&csv, (const char *)data, size, "fuzz", &err) == FG_OK) {
        size_t column, length = 0;
        (void)fg_csv_need(&csv, "id", &column, &err);
        for (size_t row = 0; row < csv.row_count; row++) {
            for (column = 0; column < csv.column_count; column++) {
                double number;
                int64_t integer;
                length += strlen(fg_csv_field(&csv, row, column));
                (void)fg_csv_number(&csv, row, column, &number, &err);
                (void)fg_csv_integer(&csv, row, column, &integer, &err);
            }
        }
        if (length > size) /* fields never hold more than the text did */
            abort();
    }
    fg_csv_release(&csv);
    return 0;
}
