"""How many goals one submitter may give an agent within a minute."""

import pytest

from agents.errors import TooMany
from agents.versions import publish
from tests.desk.definitions import DESK
from tests.desk.driving import Desk, subject
from tests.factories import SubmitterFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> Desk:
    desk = Desk.open()
    publish(DESK.model_copy(update={"limits": DESK.limits.model_copy(update={"goals_per_minute": 2})}), by=None)
    return desk


def test_goals_beyond_the_limit_are_refused_and_others_are_not_held_up(desk: Desk) -> None:
    for _ in range(2):
        desk.submit(f"look {subject()}")
    with pytest.raises(TooMany, match="takes 2 goals a minute"):
        desk.submit(f"look {subject()}")
    assert desk.submit(f"look {subject()}", by=SubmitterFactory()).pk
    assert desk.submit(f"look {subject()}", agent="careful").pk


def test_a_repeated_request_gets_its_answer_whatever_the_limit(desk: Desk) -> None:
    goal = f"look {subject()}"
    first = desk.submit(goal, idempotency_key="one")
    desk.submit(f"look {subject()}")
    assert desk.submit(goal, idempotency_key="one").pk == first.pk
