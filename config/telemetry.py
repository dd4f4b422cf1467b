"""Where do errors and traces go, besides the log? To Sentry when SENTRY_DSN is set, and nowhere otherwise."""

from typing import Any

import sentry_sdk
from sentry_sdk.integrations.anthropic import AnthropicIntegration
from sentry_sdk.integrations.openai import OpenAIIntegration


def start_sentry(dsn: str, environment: str, traces: float = 0.0, **options: Any) -> None:
    """Report errors, and nothing that a person wrote: no request bodies, no local variables, no user data.

    `traces` is the share of a task's slices that are traced. The spans of agents, models and tools are our own
    (agents.engine.spans): those of the SDKs would bring prompts along, and hold what we don't know.
    """
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        traces_sample_rate=traces or None,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        disabled_integrations=[AnthropicIntegration(), OpenAIIntegration()],
        **options,
    )
