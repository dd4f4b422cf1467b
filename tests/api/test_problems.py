"""Problem details: what becomes of an error that is nobody's mistake, or of text that can't be sent back."""

import json
from http import HTTPStatus

import pytest
from django.db import InterfaceError, OperationalError

from agents.api.kinds import KINDS
from agents.api.problems import answer_problem
from agents.errors import Invalid, Refused


@pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("closed")])
def test_a_database_that_is_away_is_no_answer_for_good(error: Exception) -> None:
    response = answer_problem(error, {})
    assert response is not None
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert "gone" not in json.dumps(response.data)


def test_what_nobody_foresaw_is_left_to_the_server() -> None:
    assert answer_problem(ZeroDivisionError(), {}) is None


def test_a_refusal_of_a_new_kind_is_still_a_refusal() -> None:
    class Curious(Refused):
        pass

    response = answer_problem(Curious("Not like this."), {})
    assert response is not None
    assert (response.status_code, response.data["detail"]) == (422, "Not like this.")


def test_quoted_text_is_cut_and_can_be_encoded() -> None:
    response = answer_problem(Invalid("\ud800\0" + "x" * 1_000_000, field="goal\0"), {})
    assert response is not None
    assert len(json.dumps(response.data, ensure_ascii=False).encode()) < 10_000


def test_every_kind_has_a_status_of_http() -> None:
    for kind in KINDS.values():
        assert HTTPStatus(kind.status)
