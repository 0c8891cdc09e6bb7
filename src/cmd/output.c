#include "cmd/output.h"


#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum fg_code fg_output_stdout(const struct fg_text *text, struct fg_error *err)
{
    if (text->failed)
        return fg_fail_memory(err);
    if (text->length > 0 && fwrite(text->data, 1, text->length, stdout) != text->length)
        return fg_fail(err, FG_ERR_IO, "standard output", "cannot write: %s", strerror(errno));
    if (fflush(stdout) != 0)
        return fg_fail(err, FG_ERR_IO, "standard output", "cannot write: %s", strerror(errno));
    return FG_OK;
}

enum fg_code fg_output_file(const char *path, const struct fg_text *text, struct fg_error *err)
{
    if (text->failed)
        return fg_fail_memory(err);
    return fg_file_write(path, text->data != NULL ? text->data : "", text->length, err);
}

enum fg_code fg_output_csv(const char *folder, const char *name, const struct fg_text *text, struct fg_error *err)
{
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return fg_fail(err, FG_ERR_IO, folder, "cannot make the folder: %s", strerror(errno));
    struct fg_text path;
    fg_text_init(&path);
    fg_text_printf(&path, "%s/%s", folder, name);
    enum fg_code code = path.failed ? fg_fail_memory(err) : fg_output_file(path.data, text, err);
    fg_text_release(&path);
    return code;
}

void fg_output_field(struct fg_text *text, const char *value, bool is_last)
{
    fg_csv_put(text, value != NULL ? value : "", is_last);
}

void fg_output_number(struct fg_text *text, double value, bool is_last)
{
    if (isfinite(value))
        fg_text_number(text, value);
    fg_text_puts(text, is_last ? "\n" : ",");
}

enum fg_exit fg_output_finish(const struct fg_common_options *common, const struct fg_text *document,
                              const struct fg_text *tables)
{
    struct fg_error err = {0};
    if (common->output != NULL && fg_output_file(common->output, document, &err) != FG_OK)
        return fg_command_fail_output(&err);
    if (common->json && fg_output_stdout(document, &err) != FG_OK)
        return fg_command_fail_output(&err);
    if (!common->json && !common->quiet && tables != NULL && fg_output_stdout(tables, &err) != FG_OK)
        return fg_command_fail_output(&err);
    return FG_EXIT_OK;
}
