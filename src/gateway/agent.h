/* Market agents: data of external markets, fetched regularly into series of the central database.
 *
 * An agent has an address, what the answer looks like, and what it means:
 *   json   `rows` is the JSON pointer of an array ("" for the document), `time_member` and `value_member` are pointers in an item
 *   csv    `time_member` and `value_member` are names of columns
 * Instants are RFC 3339 with any offset, or whole seconds since 1970, and multiples of the step; values are numbers or decimal texts, kept as
 * whole numbers of the last of `places` decimals (a finer value is rounded half away from zero); null and empty ones are left out. An
 * answer is taken whole or not at all. Its samples go into the series "agent/ID" with the history of corrections, in the transaction that moves the
 * agent on. Answers are asked for with If-None-Match, so that an unchanged one costs little. Refusals: atp/registry.h. */
#ifndef FG_GATEWAY_AGENT_H
#define FG_GATEWAY_AGENT_H

#include "atp/registry.h"
#include "gateway/http_client.h"
#include "store/series.h"

#define FG_AGENTS_MAX 50 /* of an organisation */
#define FG_AGENT_SAMPLES_MAX 100000

enum fg_agent_format { FG_AGENT_JSON, FG_AGENT_CSV };
extern const char *const fg_agent_format_words[];

struct fg_agent {
    const char *name, *url;
    enum fg_agent_format format;
    const char *rows, *time_member, *value_member;
    const char *unit, *source, *licence;
    int64_t places, step_s, every_s, stale_s, quality;
};
enum fg_code fg_agent_create(struct fg_registry *registry, const struct fg_http_policy *policy, const struct fg_agent *agent, int64_t *id,
                             struct fg_error *err);
/* What it has stored stays. */
enum fg_code fg_agent_delete(struct fg_registry *registry, int64_t id, struct fg_error *err);
/* Samples of one's own agent (who sees all: of any), from_s <= time < until_s. */
enum fg_code fg_agent_read(struct fg_registry *registry, int64_t id, int64_t from_s, int64_t until_s, struct fg_samples *samples,
                           int64_t *places, struct fg_error *err);

/* The samples of an answer, ascending. FG_ERR_SYNTAX, FG_ERR_SCHEMA, FG_ERR_VALUE, FG_ERR_TOO_LARGE with the place. */
enum fg_code fg_agent_parse(const struct fg_agent *agent, const char *bytes, size_t length, struct fg_samples *samples, struct fg_error *err);

#endif
