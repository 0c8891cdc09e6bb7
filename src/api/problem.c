#include "api/problem.h"

#include <assert.h>

static const struct fg_problem_kind kinds[FG_PROBLEM_COUNT] = {
    [FG_PROBLEM_SYNTAX] = {"request.syntax", 400, "The body is not valid JSON", "Correct the text at the place named."},
    [FG_PROBLEM_HTTP] = {"request.http", 400, "The request breaks the rules of HTTP",
                         "Correct the header or address named; the connection is closed."},
    [FG_PROBLEM_CREDENTIALS] = {"access.credentials", 401, "Valid credentials are needed",
                                "Send an API key as `Authorization: Bearer KEY`, or log in."},
    [FG_PROBLEM_DENIED] = {"access.denied", 403, "This is not allowed",
                           "Ask the administrator of your organisation for the right, or use a key of the right API."},
    [FG_PROBLEM_CROSS_SITE] = {"access.cross_site", 403, "The request came from another site",
                               "Change things from the platform's own pages, or use an API key."},
    [FG_PROBLEM_ROUTE] = {"request.route", 404, "There is nothing at this address", "See /docs for the operations."},
    [FG_PROBLEM_NOT_FOUND] = {"object.not_found", 404, "There is no such object",
                              "Check the identifier; objects of others that you may not see look absent, too."},
    [FG_PROBLEM_METHOD] = {"request.method", 405, "The address does not take this method",
                           "Use one of the methods in the header Allow."},
    [FG_PROBLEM_CONFLICT] = {"object.conflict", 409, "The object's state does not allow this",
                             "Read the object again and decide anew."},
    [FG_PROBLEM_KEY_BUSY] = {"idempotency.in_progress", 409, "A request with this Idempotency-Key is being answered",
                             "Repeat the request in a moment."},
    [FG_PROBLEM_PRECONDITION] = {"object.changed", 412, "The object has changed since it was read",
                                 "Read it again, and send its new ETag as If-Match."},
    [FG_PROBLEM_TOO_LARGE] = {"request.too_large", 413, "The request is too large", "Send it in smaller parts."},
    [FG_PROBLEM_MEDIA] = {"request.media_type", 415, "The body has the wrong media type",
                          "Send the media type named in the header Accept."},
    [FG_PROBLEM_INVALID] = {"request.invalid", 422, "The request is not valid", "Correct the places listed in `errors`."},
    [FG_PROBLEM_KEY_REUSED] = {"idempotency.other_request", 422, "The Idempotency-Key belongs to another request",
                               "Use a new key for every new request, and the same key only to repeat one."},
    [FG_PROBLEM_UNSUPPORTED] = {"request.unsupported", 422, "This is understood, but outside of what the model can do",
                                "See the detail for what is possible."},
    [FG_PROBLEM_PRECONDITION_MISSING] = {"request.if_match", 428, "The version to be changed must be named",
                                         "Send the object's ETag as If-Match."},
    [FG_PROBLEM_RATE] = {"request.rate", 429, "Too many requests", "Wait for the seconds in Retry-After."},
    [FG_PROBLEM_UNAVAILABLE] = {"server.unavailable", 503, "The server cannot answer at the moment",
                                "Repeat the request after the seconds in Retry-After, with the same Idempotency-Key."},
};

const struct fg_problem_kind *fg_problem_kind(enum fg_problem problem)
{
    assert((unsigned)problem < FG_PROBLEM_COUNT);
    return &kinds[problem];
}

enum fg_problem fg_problem_of_code(enum fg_code code)
{
    switch (code) {
    case FG_ERR_SYNTAX: return FG_PROBLEM_SYNTAX;
    case FG_ERR_SCHEMA:
    case FG_ERR_VALUE:
    case FG_ERR_OVERFLOW:
    case FG_ERR_NETWORK: return FG_PROBLEM_INVALID;
    case FG_ERR_UNSUPPORTED: return FG_PROBLEM_UNSUPPORTED;
    case FG_ERR_TOO_LARGE: return FG_PROBLEM_TOO_LARGE;
    case FG_ERR_NOT_FOUND: return FG_PROBLEM_NOT_FOUND;
    case FG_ERR_CONSTRAINT:
    case FG_ERR_CONFLICT: return FG_PROBLEM_CONFLICT;
    case FG_ERR_DENIED: return FG_PROBLEM_DENIED;
    case FG_ERR_ARGUMENT: /* of ourselves: what a caller sends has been checked, so one of the server's parts is wrong */
    case FG_ERR_MEMORY:
    case FG_ERR_IO:
    case FG_ERR_NUMERIC:
    case FG_ERR_INTERRUPTED:
    case FG_ERR_BUSY:
    case FG_ERR_UNAVAILABLE:
    case FG_ERR_FULL:
    case FG_ERR_CORRUPT:
    case FG_ERR_VERSION:
    case FG_ERR_FENCED:
    case FG_ERR_OUTCOME:
    case FG_OK:
    case FG_ERR_COUNT: break;
    }
    return FG_PROBLEM_UNAVAILABLE;
}
