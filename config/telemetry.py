"""Where do errors go, besides the log? To Sentry when SENTRY_DSN is set, and nowhere otherwise."""

import sentry_sdk


def start_sentry(dsn: str, environment: str) -> None:
    """Report errors, and nothing that a person wrote: no request bodies, no local variables, no user data."""
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
    )
