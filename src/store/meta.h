/* Inside src/store: begin a new history of the data (incarnation), when a database is made or restored. */
#ifndef FG_STORE_META_H
#define FG_STORE_META_H

#include "store/store.h"

enum fg_code fg_store_new_incarnation(struct fg_store *store, struct fg_error *err);

#endif
