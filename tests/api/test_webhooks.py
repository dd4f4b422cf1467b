"""/api/v1/webhooks"""

from typing import Any

import pytest

from agents.outgoing.models import Endpoint
from tests.api.conftest import Caller, fields, problem

HOOKS = "/api/v1/webhooks"
WANTED = {"url": "https://shop.example/hook", "kinds": ["task.created", "action.succeeded"]}


def test_it_is_made_read_and_disabled(sam: Caller) -> None:
    made = sam.post(HOOKS, WANTED)
    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    url = f"{HOOKS}/{made.json()['id']}"
    assert sam.get(url).json() == made.json()
    (line,) = sam.get(HOOKS).json()["results"]
    assert "secret" not in line
    assert sam.post(f"{url}/disable").json()["enabled"] is False
    problem(sam.post(HOOKS, WANTED), 409, "stale")
    assert sam.post(f"{url}/enable").json()["enabled"] is True


def test_the_same_address_again_changes_its_kinds(sam: Caller) -> None:
    first = sam.post(HOOKS, WANTED).json()
    again = sam.post(HOOKS, WANTED | {"kinds": ["task.created"]}).json()
    assert (again["id"], again["secret"], again["kinds"]) == (first["id"], first["secret"], ["task.created"])


def test_a_new_secret_beside_the_old_one(sam: Caller) -> None:
    made = sam.post(HOOKS, WANTED).json()
    rotated = sam.post(f"{HOOKS}/{made['id']}/rotate").json()
    assert rotated["secret"] != made["secret"]
    assert Endpoint.objects.get().old_secret == made["secret"]


def test_those_of_others_are_not_there(sam: Caller, operator: Caller) -> None:
    url = f"{HOOKS}/{sam.post(HOOKS, WANTED).json()['id']}"
    problem(operator.get(url), 404, "not_found")
    problem(operator.post(f"{url}/rotate"), 404, "not_found")
    problem(operator.post(f"{url}/disable"), 404, "not_found")
    assert operator.get(HOOKS).json()["results"] == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "http://shop.example/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": None}, "url"),
        ({"kinds": []}, "kinds"),
        ({"kinds": ["task.claimed"]}, "kinds"),
        ({"kinds": "task.created"}, "kinds"),
        ({"kinds": [1]}, "kinds.0"),
    ],
)
def test_a_wrong_endpoint_is_refused(sam: Caller, change: dict[str, Any], field: str) -> None:
    assert field in fields(problem(sam.post(HOOKS, WANTED | change), 422, "invalid"))
    assert not Endpoint.objects.exists()
