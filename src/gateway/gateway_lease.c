/* A lease of the gateway: held by the one node that does the work, renewed while it does. */
#include "gateway/gateway_internal.h"

#include "base/log.h"

enum fg_code gateway_lease_hold(struct gateway_lease *held, const struct fg_gateway *gateway, const char *name, int64_t seconds,
                                int64_t retry_s, struct fg_error *err)
{
    const struct fg_platform_options *options = fg_platform_options(gateway->options.platform);
    enum fg_code code = FG_OK;
    int64_t now_us = gateway_monotonic_us();
    if (held->store == NULL)
        code = fg_store_open(options->store_url, &options->store, &held->store, err);
    if (code == FG_OK && held->lease.epoch > 0 && now_us - held->renewed_us > seconds * 1000000 / 3) {
        code = fg_lease_renew(held->store, &held->lease, seconds, err);
        held->renewed_us = now_us;
    }
    if (code == FG_OK && held->lease.epoch == 0) {
        code = fg_lease_acquire(held->store, name, options->node, seconds, &held->lease, err);
        held->renewed_us = now_us;
    }
    if (code != FG_OK) {
        held->lease.epoch = 0;
        held->retry_us = now_us + retry_s * 1000000;
    }
    return code;
}

void gateway_lease_judge(struct gateway_lease *held, enum fg_code code, const char *event, const struct fg_error *err)
{
    if (code == FG_ERR_FENCED)
        held->lease.epoch = 0;
    if (code == FG_OK || code == FG_ERR_BUSY || code == FG_ERR_FENCED || code == FG_ERR_INTERRUPTED)
        return;
    fg_log(FG_LOG_WARNING, event, FG_LOG_TEXT("text", err->text));
    if (held->store != NULL && (code == FG_ERR_UNAVAILABLE || code == FG_ERR_OUTCOME))
        fg_store_reconnect(held->store, NULL);
}

void gateway_lease_end(struct gateway_lease *held)
{
    if (held->store != NULL && held->lease.epoch > 0)
        fg_lease_release(held->store, &held->lease, NULL);
    fg_store_close(held->store);
    held->store = NULL;
}
