"""The groups that the migration makes: who may do what from the first start."""

import pytest
from django.contrib.auth.models import Group

from tests.factories import OperatorFactory, ReviewerFactory, SubmitterFactory

pytestmark = pytest.mark.django_db


def test_a_fresh_database_has_the_three_groups():
    assert set(Group.objects.values_list("name", flat=True)) >= {"Submitters", "Reviewers", "Operators"}


def test_a_submitter_submits_and_sees_no_reviews_and_no_tasks_of_others():
    person = SubmitterFactory()

    assert person.has_perms(["agents.submit_task", "agents.view_agenttask"])
    assert not person.has_perm("agents.view_all_tasks")
    assert not person.has_perm("review.view_reviewrequest")
    assert not person.has_perm("review.decide")


def test_a_reviewer_decides_and_does_not_submit():
    person = ReviewerFactory()

    assert person.has_perms(["review.decide", "review.view_reviewrequest", "agents.view_all_tasks"])
    assert not person.has_perm("agents.submit_task")
    assert not person.has_perm("agents.add_killswitch")


def test_an_operator_runs_everything_and_decides_nothing():
    person = OperatorFactory()

    assert person.has_perms(
        ["agents.cancel_any_task", "agents.add_killswitch", "agents.add_agentversion", "agents.view_taskevent"]
    )
    assert person.has_perm("review.view_decision")
    assert not person.has_perm("review.decide")


def test_nobody_may_change_or_delete_history():
    for person in (SubmitterFactory(), ReviewerFactory(), OperatorFactory()):
        forbidden = [
            f"{app}.{verb}_{model}"
            for app, models in {
                "agents": ("agenttask", "step", "action", "taskevent", "modelcall", "agentversion"),
                "review": ("reviewrequest", "decision"),
            }.items()
            for model in models
            for verb in ("change", "delete")
        ]
        assert not [one for one in forbidden if person.has_perm(one)]
