/* Problem documents (RFC 9457): status, stable key, what is wrong, where, and what to do.
 *
 *     {"type": "/problems/request.invalid", "title": "The request is not valid", "status": 422,
 *      "key": "request.invalid", "detail": "2 members are wrong", "request_id": "...",
 *      "errors": [{"pointer": "/price", "key": "decimals", "detail": "has 7 decimals; at most 6"}]}
 *
 * Keys are part of the interface: they do not change, texts may. The keys of the machinery are in the table below;
 * handlers add keys of their own ("order.price_step") with `fg_call_refuse`. Thread rule: constant data. */
#ifndef FG_API_PROBLEM_H
#define FG_API_PROBLEM_H

#include "base/error.h"

#include <stddef.h>

struct fg_problem_kind {
    const char *key;
    int status;
    const char *title;  /* the same for every occurrence */
    const char *remedy; /* what the caller can do */
};

/* Kinds of the machinery; FG_PROBLEM_... index. */
enum fg_problem {
    FG_PROBLEM_SYNTAX,         /* 400 request.syntax */
    FG_PROBLEM_HTTP,           /* 400 request.http: contradictory or forbidden headers */
    FG_PROBLEM_CREDENTIALS,    /* 401 access.credentials */
    FG_PROBLEM_DENIED,         /* 403 access.denied */
    FG_PROBLEM_CROSS_SITE,     /* 403 access.cross_site */
    FG_PROBLEM_ROUTE,          /* 404 request.route */
    FG_PROBLEM_NOT_FOUND,      /* 404 object.not_found */
    FG_PROBLEM_METHOD,         /* 405 request.method */
    FG_PROBLEM_CONFLICT,       /* 409 object.conflict */
    FG_PROBLEM_KEY_BUSY,       /* 409 idempotency.in_progress */
    FG_PROBLEM_PRECONDITION,   /* 412 object.changed */
    FG_PROBLEM_TOO_LARGE,      /* 413 request.too_large */
    FG_PROBLEM_MEDIA,          /* 415 request.media_type */
    FG_PROBLEM_INVALID,        /* 422 request.invalid */
    FG_PROBLEM_KEY_REUSED,     /* 422 idempotency.other_request */
    FG_PROBLEM_UNSUPPORTED,    /* 422 request.unsupported */
    FG_PROBLEM_PRECONDITION_MISSING, /* 428 request.if_match */
    FG_PROBLEM_RATE,           /* 429 request.rate */
    FG_PROBLEM_UNAVAILABLE,    /* 503 server.unavailable, with Retry-After */
    FG_PROBLEM_COUNT
};
const struct fg_problem_kind *fg_problem_kind(enum fg_problem problem);

/* The one mapping from the library's codes to problems. FG_OK must not be asked for. */
enum fg_problem fg_problem_of_code(enum fg_code code);

/* Where a request is wrong. */
struct fg_problem_item {
    char pointer[256]; /* JSON pointer into the body, or "?name" (query), "{name}" (path), "Header-Name:" */
    const char *key;   /* "unknown", "missing", "type", ... */
    char text[320];    /* what is wrong and the remedy */
};

#endif
