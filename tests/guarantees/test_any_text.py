"""Any text is stored and given back as it was, or refused with a sentence: through the services and through the API.

What a page makes of it is promised in tests/desk and tests/browser.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agents import models, services
from agents.api.keys import make_key
from agents.errors import Refused
from agents.models import AgentTask, AgentVersion, Step
from attacks.agent_tools import INJECTION
from tests.factories import AgentFactory, AgentVersionFactory, OperatorFactory, StepFactory, TaskFactory
from tools.schema import NotJson, canonical

pytestmark = pytest.mark.django_db

NASTY = {
    "nothing": "",
    "only blanks": " \t\r\n\u00a0\u2028",
    "a megabyte": "x" * 1_000_000,
    "a megabyte of emoji": "\U0001f600" * 250_000,
    "as long as it may be": "x" * services.submitting.MAX_TEXT,
    "one too long": "x" * (services.submitting.MAX_TEXT + 1),
    "emoji in parts": "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f1f5\U0001f1f9 e\u0301",
    "NUL": "Refund\0order",
    "other control characters": "".join(map(chr, [*range(1, 32), *range(127, 160)])) + "x",
    "right to left": "\u202eהחזר\u202c الطلب 1042 \u2066x\u2069",
    "invisible": "Refund\u200b\u2060\U000e0041\ufeff",
    "not characters": "\ufffe\uffff\U0010ffff",
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)>&amp;</textarea>]]>-->",
    "template syntax": "{{ 7*7 }}{% include '/etc/passwd' %}{0.__class__}{order_id}%s%(x)s${x}$\u007bjndi:x}",
    "SQL and shell": "'; DROP TABLE agents_agenttask; -- \" \\ `id` $(id)",
    "JSON": '{"$from": "s1#/total"}\\u0000\\ud800',
    "half a pair": "Refund \ud83d",
    "the other half": "\ude00 order",
    "the halves the wrong way round": "\ude00\ud83d",
    "line ends": "a\r\nb\rc\nd\x85e\u2028f",
    "over and over": "Refund order 1042. " * 1000,
    "orders to a model": INJECTION,
    "mixed scripts": "R\u0435fund \u03bfrder \u0661\u0660\u0664\u0662 \u6771\u4eac \u05d4\u05d7\u05d6\u05e8",
    "not composed alike": "é e\u0301 \u212b \u00c5",
}
ANY_CHARACTER = st.characters(codec=None, exclude_categories=())
ANY_TEXT = st.text(ANY_CHARACTER, max_size=60)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)
# The rows of all examples of one test are rolled back together: each looks only at the task that it made.
many = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

each_nasty_text = pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in NASTY.items()])


@pytest.fixture
def desk() -> AgentVersion:
    models.forget_versions()
    return AgentVersionFactory(agent=AgentFactory(name="desk"))


@pytest.fixture
def sam() -> Any:
    return OperatorFactory(username="sam")


@pytest.fixture
def post(sam: Any) -> Callable[[str, Any], Any]:
    """Posts JSON with a key, and looks at what every answer must be: accepted, or a problem with a sentence."""
    headers = {"Authorization": f"Bearer {make_key(sam, 'tests')[1]}"}
    client = Client(headers=headers)

    def send(url: str, body: Any) -> Any:
        response = client.post(url, json.dumps(body), content_type="application/json")
        if response.status_code not in (200, 202):
            assert response.status_code in (400, 422), response.content
            assert len(response.json()["detail"]) > 10
        return response

    send.get = client.get  # type: ignore[attr-defined]
    return send


def submitted(**wanted: Any) -> AgentTask | None:
    """The task as the database gives it back, or None if it was refused with a sentence."""
    before = AgentTask.objects.count()
    if refusal(lambda: services.submit(**{"agent": "desk", "goal": "Refund order 1042"} | wanted)):
        assert AgentTask.objects.count() == before
        return None
    return AgentTask.objects.latest("id")


def refusal(call: Callable[[], object]) -> str:
    """The sentence with which the call was refused; empty if it was not."""
    try:
        call()
    except Refused as refused:
        message = refused.message
    else:
        return ""
    assert len(message) > 10
    assert message.encode(), "a sentence that can't be encoded can't be shown"
    return message


def is_good(text: str) -> bool:
    """What a goal or an answer may be."""
    encodable = text.encode("utf-8", "replace").decode() == text and "\0" not in text
    return encodable and bool(text.strip()) and len(text) <= services.submitting.MAX_TEXT


def keeps_json(value: Any) -> bool:
    try:
        canonical(value)
    except NotJson:
        return False
    return True


class TestThroughTheServices:
    @each_nasty_text
    def test_a_goal(self, desk: AgentVersion, sam: Any, text: str) -> None:
        task = submitted(by=sam, goal=text)
        assert (task is not None) == is_good(text)
        assert task is None or task.goal == text

    @many
    @given(text=ANY_TEXT)
    def test_any_goal(self, desk: AgentVersion, sam: Any, text: str) -> None:
        task = submitted(by=sam, goal=text)
        assert (task is not None) == is_good(text)
        assert task is None or task.goal == text

    @each_nasty_text
    def test_inputs(self, desk: AgentVersion, sam: Any, text: str) -> None:
        inputs = {"note": text, "list": [text[:100]]}
        task = submitted(by=sam, inputs=inputs)
        assert task is None or task.inputs == inputs
        assert task is not None or len(text) > 100_000 or not keeps_json(inputs)

    @many
    @given(inputs=st.dictionaries(ANY_TEXT, ANY_JSON, max_size=4))
    @example(inputs={"deep": [[[[[[[[]]]]]]]], "n": 10**400, "tiny": 5e-324, "half": 0.1})
    @example(inputs={"n": 10**5000})
    @example(inputs={"n": float("inf")})
    def test_any_inputs(self, desk: AgentVersion, sam: Any, inputs: dict[str, Any]) -> None:
        task = submitted(by=sam, inputs=inputs)
        assert (task is not None) == keeps_json(inputs)
        # As JSON: a database may write 1e30 as a whole number, which is the same one.
        assert task is None or canonical(task.inputs) == canonical(inputs)

    @each_nasty_text
    def test_the_name_of_an_agent(self, desk: AgentVersion, sam: Any, text: str) -> None:
        assert submitted(by=sam, agent=text) is None

    @each_nasty_text
    def test_an_idempotency_key(self, desk: AgentVersion, sam: Any, text: str) -> None:
        task = submitted(by=sam, idempotency_key=text)
        assert task is None or task.idempotency_key == text

    @each_nasty_text
    def test_an_answer(self, desk: AgentVersion, sam: Any, text: str) -> None:
        step = a_question(desk, sam)
        said = refusal(lambda: services.answer(step.task_id, text, by=sam))
        step.refresh_from_db()
        assert bool(said) != is_good(text)
        assert step.answer == ({"answer": text} if is_good(text) else None)


class TestThroughTheApi:
    @each_nasty_text
    def test_the_name_of_an_agent(self, desk: AgentVersion, post: Any, text: str) -> None:
        assert post("/api/v1/tasks", {"agent": text, "goal": "Refund order 1042"}).status_code == 422

    @each_nasty_text
    def test_a_goal(self, desk: AgentVersion, post: Any, text: str) -> None:
        assert_given_back(post, "goal", text)

    @many
    @given(text=ANY_TEXT)
    def test_any_goal(self, desk: AgentVersion, post: Any, text: str) -> None:
        assert_given_back(post, "goal", text)

    @many
    @given(inputs=st.dictionaries(ANY_TEXT, ANY_JSON, max_size=4))
    def test_any_inputs(self, desk: AgentVersion, post: Any, inputs: dict[str, Any]) -> None:
        response = post("/api/v1/tasks", {"agent": "desk", "goal": "Refund order 1042", "inputs": inputs})
        assert (response.status_code == 202) == keeps_json(inputs)
        if response.status_code == 202:
            assert canonical(post.get(response["Location"]).json()["inputs"]) == canonical(inputs)

    @many
    @given(body=ANY_JSON)
    def test_any_body(self, desk: AgentVersion, post: Any, body: Any) -> None:
        assert post("/api/v1/tasks", body).status_code in (400, 422)

    @many
    @given(body=st.binary(max_size=60) | ANY_TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")))
    def test_any_bytes(self, desk: AgentVersion, post: Any, body: bytes) -> None:
        response = post.get.__self__.generic("POST", "/api/v1/tasks", body, content_type="application/json")
        assert response.status_code in (400, 422)
        assert response.json()["detail"]

    @many
    @given(name=ANY_TEXT, value=ANY_JSON)
    def test_any_field_and_value(self, desk: AgentVersion, post: Any, name: str, value: Any) -> None:
        body = {"agent": "desk", "goal": "Refund order 1042"}
        assert post("/api/v1/tasks", body | {name: value}).status_code in (400, 422)
        for field in body:
            wrong = post("/api/v1/tasks", body | {field: value}).status_code
            assert wrong in (400, 422) or (field == "goal" and is_good(value))

    @each_nasty_text
    def test_an_answer(self, desk: AgentVersion, sam: Any, post: Any, text: str) -> None:
        step = a_question(desk, sam)
        response = post(f"/api/v1/tasks/{step.task_id}/answer", {"answer": text})
        assert (response.status_code == 200) == is_good(text)
        if response.status_code == 200:
            assert response.json()["steps"][0]["answer"] == {"answer": text}

    @each_nasty_text
    def test_a_filter(self, desk: AgentVersion, post: Any, text: str) -> None:
        for parameter in ("agent", "status", "cursor", "limit", text[:50] or "x"):
            asked = text[:2000].encode("utf-8", "replace")
            response = post.get("/api/v1/tasks", {parameter.encode("utf-8", "replace"): asked})
            assert response.status_code in (200, 422)
            assert response.json()


def a_question(desk: AgentVersion, sam: Any) -> Step:
    task = TaskFactory(version=desk, submitted_by=sam, status="needs_input", steps_taken=1)
    return StepFactory(task=task, kind="ask", name="ask", status="open", arguments={"question": "Which address?"})


def assert_given_back(post: Any, field: str, text: str) -> None:
    response = post("/api/v1/tasks", {"agent": "desk", field: text})
    assert (response.status_code == 202) == is_good(text)
    if response.status_code == 202:
        assert post.get(response["Location"]).json()[field] == text
        assert post.get("/api/v1/tasks?limit=1").json()["results"][0][field] == text
