/* Market files: one schema (docs/market-format.md) in two forms, JSON and a folder of CSV tables.
 *
 * Quantities, prices, factors and p.u. values are decimal strings (MW, Mvar, MVA, MWh; per MWh), time is RFC 3339 UTC.
 * Unknown fields are refused. Errors name the place ("market.json#/orders/3/price", "orders.csv:12#/price") and the
 * remedy. What is read has passed fg_market_validate. What is written reads back as the same market.
 * Thread rule: functions are independent of each other. */
#ifndef FG_TOOLKIT_DFMCT_MARKET_FILE_H
#define FG_TOOLKIT_DFMCT_MARKET_FILE_H

#include "base/text.h"
#include "market/auction.h"

/* Read a market: a JSON file (.json, .json.gz), a folder of CSV tables, or any .csv file of such a folder. The caller
 * destroys *market. */
enum fg_code fg_market_read(const char *path, struct fg_market **market, struct fg_error *err);

/* Read JSON text; `place` names it in errors. `folder` is where baseline_csv is looked for; NULL: not allowed. */
enum fg_code fg_market_read_json_text(const char *bytes, size_t length, const char *place, const char *folder,
                                      struct fg_market **market, struct fg_error *err);
enum fg_code fg_market_read_csv_folder(const char *folder, struct fg_market **market, struct fg_error *err);

/* Append the market as JSON. FG_ERR_MEMORY when the text could not grow. */
enum fg_code fg_market_write_json(const struct fg_market *market, struct fg_text *text, struct fg_error *err);
/* Write the tables into a folder, which is made if it is not there; each file whole or not at all. Tables that would
 * be empty are removed, so that an old one cannot be read with the new ones. */
enum fg_code fg_market_write_csv_folder(const struct fg_market *market, const char *folder, struct fg_error *err);

#endif
