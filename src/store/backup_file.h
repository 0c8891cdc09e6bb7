/* Inside src/store: the file of a backup as a stream of bytes: magic, one zstd frame, SHA-256 of both. */
#ifndef FG_STORE_BACKUP_FILE_H
#define FG_STORE_BACKUP_FILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writing goes to a temporary name beside `path`; commit syncs and renames, abandon removes. */
struct fg_backup_out;
enum fg_code fg_backup_out_open(const char *path, struct fg_backup_out **out, struct fg_error *err);
enum fg_code fg_backup_out_put(struct fg_backup_out *out, const void *bytes, size_t size, struct fg_error *err);
enum fg_code fg_backup_out_commit(struct fg_backup_out *out, int64_t *file_bytes, struct fg_error *err); /* frees */
void fg_backup_out_abandon(struct fg_backup_out *out);                                                   /* frees; may be NULL */

/* Opening reads the whole file once and compares the checksum; after that nothing can be damaged but the disk. */
struct fg_backup_in;
enum fg_code fg_backup_in_open(const char *path, struct fg_backup_in **in, int64_t *file_bytes, struct fg_error *err);
enum fg_code fg_backup_in_get(struct fg_backup_in *in, void *bytes, size_t size, struct fg_error *err); /* all or an error */
void fg_backup_in_close(struct fg_backup_in *in); /* may be NULL */

#endif
