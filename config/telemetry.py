"""Where do errors and traces go, besides the log? To Sentry when SENTRY_DSN is set, and nowhere otherwise."""

from typing import Any

import sentry_sdk

from agents.privacy.scrubbing import scrubbed

TOOL_ERRORS = "agents.engine.calling"
"""Who logs what a tool raised: its text is the tool's, and may hold anything."""


def start_sentry(dsn: str, environment: str, *, traces: float = 0.0, content: bool = False, **options: Any) -> None:
    """Report errors, and nothing that a person wrote: no request bodies, no local variables, no user data.

    `traces` is the share of a task's slices that are traced. The spans of agents, models and tools are our own
    (agents.engine.spans): those of the SDKs would bring prompts along. `content` lets out what tools raised, too;
    people's data are never in it.
    """
    # Here, since they bring both SDKs along, which takes longer than all other settings together.
    from sentry_sdk.integrations.anthropic import AnthropicIntegration
    from sentry_sdk.integrations.openai import OpenAIIntegration

    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        traces_sample_rate=traces or None,
        include_local_variables=False,
        max_request_body_size="never",
        disabled_integrations=[AnthropicIntegration(), OpenAIIntegration()],
        before_send=_scrubbed if content else _without_content,
        before_send_transaction=_scrubbed,
        **options,
    )


def _without_content(event: Any, hint: Any) -> Any:
    if event.get("logger") == TOOL_ERRORS:
        for raised in event.get("exception", {}).get("values", ()):
            raised["value"] = "(left out; SENTRY_CONTENT lets it through)"
    return _scrubbed(event, hint)


def _scrubbed(event: Any, hint: Any) -> Any:
    return scrubbed(event)
