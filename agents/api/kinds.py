"""Which kinds of problem does the API know? Their codes never change: `type` is `/api/problems#<code>`, a page."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of problem: its stable code, its HTTP status, its title, and what a caller does about it."""

    code: str
    status: int
    title: str
    what_to_do: str


KINDS = {
    kind.code: kind
    for kind in (
        Kind(
            "malformed",
            400,
            "The request can't be read",
            "Send a body that is JSON in UTF-8; the detail says where reading stopped.",
        ),
        Kind(
            "not_signed_in",
            401,
            "The caller is not known",
            "Send “Authorization: Bearer cs_…” with a key that is neither expired nor revoked.",
        ),
        Kind(
            "not_allowed",
            403,
            "The caller may not do this",
            "Ask an operator for the permission that the detail names.",
        ),
        Kind(
            "not_found",
            404,
            "There is no such thing",
            "Check the address. What belongs to others looks as if it were not there.",
        ),
        Kind(
            "method_not_allowed",
            405,
            "This address does not take this method",
            "Use one of the methods in the Allow header.",
        ),
        Kind("not_acceptable", 406, "No answer in the wanted form", "Accept application/json."),
        Kind("stale", 409, "It moved on", "Read it again: what you wanted to change is not so any more."),
        Kind(
            "idempotency_key_in_flight",
            409,
            "A request with this idempotency key is being worked on",
            "Send the same request with the same key again after Retry-After seconds: it gets that one's answer.",
        ),
        Kind("too_large", 413, "The body is too large", "Send less; the detail says how much is read."),
        Kind(
            "unsupported_media_type", 415, "The body is not of a known type", "Send “Content-Type: application/json”."
        ),
        Kind(
            "invalid",
            422,
            "A value can't be accepted",
            "Correct the values that the errors name, and send the request again.",
        ),
        Kind(
            "idempotency_key_reused",
            422,
            "The idempotency key was used for another request",
            "Use a new key for a new task, and the old one only to repeat exactly the same request.",
        ),
        Kind(
            "too_many",
            429,
            "Too many requests",
            "Wait as long as Retry-After says. Webhooks and event streams make polling unnecessary.",
        ),
        Kind(
            "no_seat",
            503,
            "All places of those who wait are taken",
            "Come again after Retry-After seconds, or hear of events by a webhook.",
        ),
        Kind(
            "unavailable",
            503,
            "The database does not answer",
            "Send the same request again after Retry-After seconds, with the same Idempotency-Key.",
        ),
    )
}
