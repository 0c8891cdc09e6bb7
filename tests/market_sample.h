/* One market that uses every field of the format, and small helpers of the market tests. */
#ifndef FG_TESTS_MARKET_SAMPLE_H
#define FG_TESTS_MARKET_SAMPLE_H

#include "toolkit/dfmct/market_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char market_sample[] =
    "{\"format\": \"flexgrid-market\", \"version\": 1, \"id\": \"sample\", \"name\": \"Every field\",\n"
    " \"currency\": \"DKK\", \"operator\": \"DSO\", \"tick\": \"0.0001\", \"price_step\": \"0.05\",\n"
    " \"start\": \"2026-03-01T22:00:00Z\", \"period_minutes\": 30, \"period_count\": 4,\n"
    " \"physics\": \"lindistflow\", \"balance\": \"closed\", \"balance_reactive\": \"imbalance\",\n"
    " \"pricing\": \"pay_as_bid\", \"match_requests\": true,\n"
    " \"import_price\": [\"50\", \"-12.5\", \"0\", \"70.123456\"], \"import_price_reactive\": \"1.5\",\n"
    " \"scale_load\": [\"1\", \"1.1\", \"1.2\", \"0.9\"], \"scale_generation\": \"0.5\",\n"
    " \"scarcity\": {\"overload\": \"3000\", \"voltage\": \"250000\", \"not_served\": \"9000\"},\n"
    " \"voltage_band\": {\"minimum\": \"0.95\", \"maximum\": \"1.05\"},\n"
    " \"substation\": {\"p_min\": \"-5\", \"p_max\": \"20\", \"q_min\": \"-3\", \"q_max\": \"4.5\"},\n"
    " \"controllable_taps\": [\"T1\"],\n"
    " \"bus_limits\": [{\"bus\": \"b3\", \"vm_min\": \"0.97\"}],\n"
    " \"branch_limits\": [{\"branch\": \"L1\", \"rating\": \"2.5\"}],\n"
    " \"conditions\": [{\"kind\": \"switch\", \"element\": \"S1\", \"closed\": true},\n"
    "  {\"kind\": \"outage\", \"element\": \"L2\", \"start\": \"2026-03-01T22:30:00Z\", \"periods\": 3},\n"
    "  {\"kind\": \"rating\", \"element\": \"L1\", \"rating\": \"2.25\", \"periods\": 1},\n"
    "  {\"kind\": \"voltage\", \"element\": \"b2\", \"vm_min\": \"0.98\"}],\n"
    " \"participants\": [{\"id\": \"DSO\", \"name\": \"Grid, \\\"quoted\\\"\"}, {\"id\": \"agg\"}],\n"
    " \"zones\": [{\"id\": \"inner\", \"buses\": [\"b2\"]}, {\"id\": \"outer\", \"buses\": [\"b3\", \"b2\", "
    "\"b1\"]}],\n"
    " \"assets\": [\n"
    "  {\"id\": \"bat\", \"participant\": \"agg\", \"bus\": \"b2\", \"technology\": \"battery\", \"s_max\": \"1.2\",\n"
    "   \"baseline_p\": [\"0.1\", \"0\", \"-0.1\", \"0\"], \"baseline_q\": \"0.05\", \"p_min\": \"-1\", \"p_max\": "
    "\"1\",\n"
    "   \"q_min\": \"-0.5\", \"q_max\": \"0.5\", \"ramp_per_hour\": \"4\", \"energy_up\": \"0.75\",\n"
    "   \"energy_down\": \"0.8\", \"energy_min\": \"-0.5\", \"energy_max\": \"0.25\"},\n"
    "  {\"id\": \"pv\", \"participant\": \"agg\", \"bus\": \"b3\", \"p_min\": \"0\", \"power_factor\": \"0.95\"},\n"
    "  {\"id\": \"hp\", \"participant\": \"agg\", \"bus\": \"b3\", \"q_per_p\": \"0.33\", \"rebound\": [\"0.5\", "
    "\"0.25\"]}],\n"
    " \"groups\": [{\"id\": \"either\", \"kind\": \"exclusive_one\"}, {\"id\": \"both\", \"kind\": \"multipart\"}],\n"
    " \"baselines\": [{\"bus\": \"b2\", \"p\": [\"-0.4\", \"-0.5\", \"-0.6\", \"-0.7\"], \"q\": \"-0.1\"},\n"
    "  {\"generator\": \"G1\", \"p\": \"2\"}],\n"
    " \"orders\": [\n"
    "  {\"id\": \"o1\", \"participant\": \"agg\", \"side\": \"sell\", \"regulation\": \"up\", \"asset\": \"bat\",\n"
    "   \"quantity\": [\"0.5\", \"0.25\", \"0\", \"0.5\"],\n"
    "   \"price_points\": [{\"quantity\": \"0.2\", \"price\": \"40\"}, {\"quantity\": \"0.5\", \"price\": "
    "\"55.05\"}],\n"
    "   \"minimum_acceptance\": \"0.4\"},\n"
    "  {\"id\": \"o2\", \"participant\": \"agg\", \"side\": \"sell\", \"product\": \"reactive\", \"regulation\": "
    "\"down\",\n"
    "   \"bus\": \"b1\", \"start\": \"2026-03-01T23:00:00Z\", \"periods\": 2, \"quantity\": \"0.3\", \"price\": "
    "\"-2\",\n"
    "   \"block\": true, \"all_or_none\": true, \"group\": \"either\"},\n"
    "  {\"id\": \"o3\", \"participant\": \"agg\", \"side\": \"sell\", \"regulation\": \"up\", \"asset\": \"pv\",\n"
    "   \"quantity\": \"0.2\", \"price\": \"10\", \"parent\": \"o4\", \"group\": \"either\"},\n"
    "  {\"id\": \"o4\", \"participant\": \"agg\", \"side\": \"sell\", \"regulation\": \"down\", \"asset\": \"hp\",\n"
    "   \"quantity\": \"0.2\", \"price\": \"10\"},\n"
    "  {\"id\": \"r1\", \"participant\": \"DSO\", \"side\": \"buy\", \"kind\": \"need\", \"regulation\": \"up\",\n"
    "   \"zone\": \"inner\", \"quantity\": \"1\", \"price\": \"200\"},\n"
    "  {\"id\": \"r2\", \"participant\": \"DSO\", \"side\": \"buy\", \"kind\": \"need\", \"covers_branch\": \"L1\",\n"
    "   \"periods\": 4, \"quantity\": \"2\", \"price\": \"900\"},\n"
    "  {\"id\": \"r3\", \"participant\": \"DSO\", \"side\": \"buy\", \"kind\": \"need\", \"regulation\": \"down\",\n"
    "   \"covers_voltage\": \"b3\", \"quantity\": \"0.02\", \"price\": \"80000\"},\n"
    "  {\"id\": \"r4\", \"participant\": \"brp\", \"side\": \"buy\", \"kind\": \"exchange\", \"regulation\": "
    "\"down\",\n"
    "   \"bus\": \"b1\", \"quantity\": \"0.4\", \"price\": \"33\"}]}\n";

static inline struct fg_market *market_parse(const char *text)
{
    struct fg_market *market;
    struct fg_error err;
    if (fg_market_read_json_text(text, strlen(text), "market.json", NULL, &market, &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
    return market;
}

#endif
