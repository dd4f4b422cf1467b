"""What do Sentry's traces show of an agent? Spans by the names that its AI monitoring expects, all of them here.

https://docs.sentry.io/platforms/python/tracing/instrumentation/custom-instrumentation/ai-agents-module/. Without a DSN
nothing happens. Goals, arguments and answers are left out unless SENTRY_CONTENT is on. A trace is as long as a slice:
none is held while a person thinks.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sentry_sdk
from django.conf import settings
from sentry_sdk.consts import OP, SPANDATA
from sentry_sdk.tracing import NoOpSpan, Span

from agents.llm.asking import Usage
from agents.models import AgentTask
from agents.privacy.scrubbing import scrubbed

_NONE = NoOpSpan()
"""Where nobody listens."""


@contextmanager
def slice_of(task_id: int) -> Iterator[None]:
    """One slice of a task: a trace of its own, and every error in it carries the task's number."""
    if not sentry_sdk.is_initialized():
        yield
        return
    with sentry_sdk.isolation_scope() as scope:
        scope.set_tag("task_id", str(task_id))
        with sentry_sdk.start_transaction(op=OP.GEN_AI_INVOKE_AGENT, name="invoke_agent") as span:
            span.set_data(SPANDATA.GEN_AI_OPERATION_NAME, "invoke_agent")
            span.set_data("countersign.task_id", task_id)
            yield


def name_agent(task: AgentTask) -> None:
    """Says which agent the slice belongs to, as soon as that is known."""
    if not sentry_sdk.is_initialized():
        return
    transaction = sentry_sdk.get_current_scope().transaction
    if transaction is not None and transaction.sampled:
        transaction.name = f"invoke_agent {task.agent.name}"
        transaction.set_data(SPANDATA.GEN_AI_AGENT_NAME, task.agent.name)
        _content(transaction, SPANDATA.GEN_AI_INPUT_MESSAGES, [{"role": "user", "content": task.goal}])


@contextmanager
def tool_call(name: str, arguments: dict[str, Any]) -> Iterator[Span]:
    if not sentry_sdk.is_initialized():
        yield _NONE
        return
    with sentry_sdk.start_span(op=OP.GEN_AI_EXECUTE_TOOL, name=f"execute_tool {name}") as span:
        span.set_data(SPANDATA.GEN_AI_OPERATION_NAME, "execute_tool")
        span.set_data(SPANDATA.GEN_AI_TOOL_NAME, name)
        _content(span, SPANDATA.GEN_AI_TOOL_CALL_ARGUMENTS, arguments)
        yield span


def model_call(model: str, body: dict[str, Any]) -> Span:
    """Under way until `model_answered`."""
    if not sentry_sdk.is_initialized():
        return _NONE
    provider, _, name = model.partition(":")
    span = sentry_sdk.start_span(op=OP.GEN_AI_CHAT, name=f"chat {name}")
    span.set_data(SPANDATA.GEN_AI_OPERATION_NAME, "chat")
    span.set_data(SPANDATA.GEN_AI_PROVIDER_NAME, provider)
    span.set_data(SPANDATA.GEN_AI_REQUEST_MODEL, name)
    _content(span, SPANDATA.GEN_AI_INPUT_MESSAGES, body.get("messages") or body.get("input"))
    return span


def model_answered(span: Span, usage: Usage | None, error_kind: str, answer: str) -> None:
    if span is _NONE:
        return
    if usage is not None:
        span.set_data(SPANDATA.GEN_AI_USAGE_INPUT_TOKENS, usage.input_tokens)
        span.set_data(SPANDATA.GEN_AI_USAGE_INPUT_TOKENS_CACHED, usage.cached_tokens)
        span.set_data(SPANDATA.GEN_AI_USAGE_INPUT_TOKENS_CACHE_WRITE, usage.written_tokens)
        span.set_data(SPANDATA.GEN_AI_USAGE_OUTPUT_TOKENS, usage.output_tokens)
    if error_kind:
        span.set_status("internal_error")
        span.set_data("error.type", error_kind)
    _content(span, SPANDATA.GEN_AI_OUTPUT_MESSAGES, answer)
    span.finish()


def _content(span: Span, name: str, value: Any) -> None:
    if settings.SENTRY_CONTENT:
        span.set_data(name, json.dumps(scrubbed(value), ensure_ascii=False, default=str))
