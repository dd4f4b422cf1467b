"""What do the tests of the API share? An agent, a caller with a key, and a client that sends it."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents import models
from agents.api.keys import make_key
from agents.models import AgentVersion
from tests.factories import AgentFactory, AgentVersionFactory, OperatorFactory, SubmitterFactory, UserFactory


@dataclass
class Caller:
    """A user of the API: sends their key, and JSON."""

    user: User
    key: str
    client: Client

    def get(self, url: str, **params: Any) -> Any:
        return self.client.get(url, params, headers=self.headers())

    def post(self, url: str, body: Any = None, **headers: str) -> Any:
        text = body if isinstance(body, str | bytes) else json.dumps({} if body is None else body)
        return self.client.post(url, text, content_type="application/json", headers=self.headers(headers))

    def headers(self, more: dict[str, str] | None = None) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in (more or {}).items()}
        return {"Authorization": f"Bearer {self.key}"} | named


def caller(user: User) -> Caller:
    return Caller(user, make_key(user, "tests")[1], Client())


@pytest.fixture(autouse=True)
def _fresh_definitions() -> None:
    """Rows are rolled back and their numbers given out again: a definition that was read is not the next one's."""
    models.forget_versions()


@pytest.fixture
def desk(db: None) -> AgentVersion:
    return AgentVersionFactory(agent=AgentFactory(name="desk", title="The desk"))


@pytest.fixture
def sam(db: None) -> Caller:
    """A submitter."""
    return caller(SubmitterFactory(username="sam"))


@pytest.fixture
def other(db: None) -> Caller:
    """Another submitter."""
    return caller(SubmitterFactory(username="other"))


@pytest.fixture
def operator(db: None) -> Caller:
    return caller(OperatorFactory(username="operator"))


@pytest.fixture
def nobody(db: None) -> Caller:
    """A user with a key and without any permission."""
    return caller(UserFactory(username="nobody"))


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """The problem in the answer, after looking at what every problem has."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    said = response.json()
    assert said["status"] == status
    assert said["type"] == f"/api/problems#{code}"
    assert said["title"]
    assert said["detail"]
    return said


def fields(said: dict[str, Any]) -> dict[str, str]:
    return {error["field"]: error["message"] for error in said["errors"]}
