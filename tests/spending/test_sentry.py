"""Sentry hears of errors with the task's number and of an agent's spans, and reads nothing that anybody wrote."""

from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from pytest_django import Settings
from sentry_sdk.transport import Transport

from config.telemetry import start_sentry
from tests.desk.driving import Desk
from tests.loopback import Provider, call, finish


class Kept(Transport):
    """Sentry's transport, that keeps what would be sent."""

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self.sent: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Any) -> None:
        self.sent += [item.payload.json for item in envelope.items if item.payload.json]


@pytest.fixture
def sentry(request: pytest.FixtureRequest) -> Iterator[Kept]:
    kept = Kept()
    start_sentry("https://key@sentry.test/1", "test", traces=1.0, transport=kept, default_integrations=True)
    yield kept
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


def run(desk: Desk, provider: Provider, manner: str) -> Any:
    answers = iter([call("look", what="kettle", manner=manner), finish("The secret is swordfish.")])
    provider.play = lambda _: next(answers, finish())
    return desk.run("Look at the crimson kettle", agent="thinker")


def test_an_agents_spans_have_the_names_of_ai_monitoring_and_no_content(
    desk: Desk, provider: Provider, sentry: Kept
) -> None:
    task = run(desk, provider, "well")
    traces = [one for one in sentry.sent if one.get("type") == "transaction" and "invoke_agent" in one["transaction"]]
    assert {trace["transaction"] for trace in traces} == {"invoke_agent thinker"}
    assert {trace["tags"]["task_id"] for trace in traces} == {str(task.pk)}
    # The SDK sends these apart from the trace.
    spans = [span for one in sentry.sent for span in one.get("items", ()) if "sentry.op" in span["attributes"]]
    assert [span["name"] for span in spans] == ["chat tiny", "execute_tool look", "chat tiny"]
    assert spans[0]["attributes"]["gen_ai.usage.input_tokens"]["value"] == 1000
    said = str(sentry.sent)
    assert "crimson" not in said
    assert "swordfish" not in said
    assert "sk-test" not in said


def test_content_is_sent_only_where_it_was_asked_for(
    desk: Desk, provider: Provider, sentry: Kept, settings: Settings
) -> None:
    settings.SENTRY_CONTENT = True
    run(desk, provider, "well")
    said = str(sentry.sent)
    assert "crimson" in said
    assert "swordfish" in said
    assert "sk-test" not in said


def test_an_error_of_a_tool_is_reported_with_its_task_and_without_its_words(
    desk: Desk, provider: Provider, sentry: Kept
) -> None:
    task = run(desk, provider, "lost_before")
    errors = [one for one in sentry.sent if one.get("level") == "error"]
    assert errors
    assert {one["tags"]["task_id"] for one in errors} == {str(task.pk)}
    assert "kettle" not in str([one["exception"]["values"][-1]["value"] for one in errors])
