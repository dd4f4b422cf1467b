"""What the holder of a lease writes by one statement is proved, chained and undone like any other change."""

import time
from datetime import date
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext

from agents import rows, services
from agents.audit.verifying import Seen, verify
from agents.changes import Parking, changing
from agents.engine import acting, leases, loop
from agents.engine.leases import Lease
from agents.engine.loop import step, work_once
from agents.engine.story import Story, story_of
from agents.engine.sweeper import Sweeper
from agents.engine.watching import watch
from agents.errors import LeaseLost
from agents.guard.screening import Screened
from agents.llm.asking import Opening, Settlement, Usage
from agents.models import AgentTask, ModelCall, ProviderTraffic
from agents.spending import pacing
from agents.spending.errors import Moved, NotYet
from agents.spending.ledger import Ledger, give_up_open_calls
from agents.states import ParkedFor, StepKind, StepStatus, TaskStatus
from review.audit import compare
from tests.desk.driving import Desk, kinds, subject
from tests.guarantees.invariants import check

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nobody_found_a_provider_crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "_crowded_until", {})


def at_work(desk: Desk) -> tuple[Lease, Story]:
    """A task after its first step, which is written, in the hands of this process."""
    desk.submit(f"in turn {subject()}")
    lease = leases.claim()
    assert lease is not None
    story = story_of(lease.claimed)
    step(lease, story)
    lease.write_put_off()
    return lease, story


def somebody_writes(task: AgentTask) -> None:
    with changing(task.pk, Q(), actor="somebody") as change:
        change.event("note.by_somebody")


def intact(task: AgentTask) -> None:
    assert list(verify(compare, Seen())) == []
    check(task)


def test_a_step_that_is_one_statement_is_one_way_to_the_database(desk: Desk) -> None:
    lease, story = at_work(desk)
    with CaptureQueriesContext(connection) as queries, story.change(lease, at_once=True) as change:
        change.add_step(kind=StepKind.TOOL, name="look")
        change.event("note.mine")
    if connection.vendor == "postgresql":
        assert len(queries) == 1
    assert kinds(story.task)[-1] == "note.mine"
    intact(story.task)


def test_the_end_of_a_task_with_nothing_open_is_one_way_to_the_database(desk: Desk) -> None:
    lease, story = at_work(desk)
    while not (story.nothing_open and story.next_planned is None):
        step(lease, story)
    with CaptureQueriesContext(connection) as queries:
        step(lease, story)
    if connection.vendor == "postgresql":
        assert len(queries) == 1
    story.task.refresh_from_db()
    assert story.task.status == TaskStatus.COMPLETE
    intact(story.task)


def test_an_end_that_finds_new_lines_in_the_journal_comes_behind_them(desk: Desk) -> None:
    lease, story = at_work(desk)
    with story.change(lease, at_once=True) as change:
        change.finish(TaskStatus.COMPLETE, nothing_open=True, result="done")
        if change.at_once:
            somebody_writes(story.task)
    if connection.vendor == "postgresql":
        assert kinds(story.task)[-2:] == ["note.by_somebody", "task.state_changed"]
    story.task.refresh_from_db()
    assert (story.task.status, story.task.worker, story.task.lease_until) == (TaskStatus.COMPLETE, "", None)
    intact(story.task)


def test_what_others_added_to_the_journal_meanwhile_comes_before_it(desk: Desk) -> None:
    lease, story = at_work(desk)
    with story.change(lease, at_once=True) as change:
        change.add_step(kind=StepKind.TOOL, name="look")
        change.event("note.mine")
        change.event("note.mine_too")
        if change.at_once:
            somebody_writes(story.task)
    if connection.vendor == "postgresql":
        assert kinds(story.task)[-3:] == ["note.by_somebody", "note.mine", "note.mine_too"]
    step(lease, story)
    intact(story.task)


def test_whoever_lost_the_lease_writes_nothing_by_one_statement_either(desk: Desk) -> None:
    lease, story = at_work(desk)
    written = kinds(story.task)
    AgentTask.objects.filter(pk=story.task.pk).update(fencing_token=lease.token + 1)

    def too_late() -> None:
        with story.change(lease, at_once=True) as change:
            change.add_step(kind=StepKind.TOOL, name="look")
            change.event("note.mine")

    with pytest.raises(LeaseLost):
        too_late()
    assert kinds(story.task) == written
    assert story.task.steps.count() == 1
    intact(story.task)


def test_what_asks_for_more_locks_the_row_and_sees_a_cancel(desk: Desk) -> None:
    lease, story = at_work(desk)
    with story.change(lease, at_once=True) as change:
        change.event("note.mine")
        if change.at_once:
            services.cancel(story.task.pk, by=desk.submitter)
        else:
            change.set(cancel_requested_at=change.now, cancel_requested_by="somebody")
        change.park(Parking(ParkedFor.ESCALATION, [{"code": "test", "message": "Look.", "rule": "review"}]))
    story.task.refresh_from_db()
    assert story.task.status == TaskStatus.CANCELED
    assert "note.mine" in kinds(story.task)
    intact(story.task)


def read_something(lease: Lease, story: Story) -> None:
    """A read as the loop records it, before the next model call is opened."""
    with story.change(lease, at_once=True, put_off=True) as change:
        step = change.add_step(kind=StepKind.TOOL, name="look")
        change.settle_step(step, StepStatus.DONE, {"seen": 1})
        change.event("note.mine")


def a_call(task: AgentTask) -> ModelCall:
    return rows.new(ModelCall, task_id=task.pk, model="other:model", day=date(2026, 1, 1))


def traffic() -> int:
    return ProviderTraffic.objects.get(provider="other").in_flight


def test_a_read_is_written_by_the_statement_that_opens_the_next_model_call(desk: Desk) -> None:
    lease, story = at_work(desk)
    ProviderTraffic.objects.create(provider="other")
    call = a_call(story.task)
    with CaptureQueriesContext(connection) as queries:
        read_something(lease, story)
        pacing.enter("other", 10, call, lease)
    if connection.vendor == "postgresql":
        assert len(queries) == 1
    assert (kinds(story.task)[-1], traffic()) == ("note.mine", 1)
    call.refresh_from_db()
    assert call.task_id == story.task.pk
    step(lease, story)
    intact(story.task)


def test_a_read_is_written_where_a_provider_has_no_room_for_the_next_call(desk: Desk, settings: Any) -> None:
    settings.COUNTERSIGN_PROVIDER_LIMITS = {"other": (1, 0, 0)}
    lease, story = at_work(desk)
    ProviderTraffic.objects.create(provider="other", in_flight=1)
    read_something(lease, story)
    with pytest.raises(NotYet):
        pacing.enter("other", 10, a_call(story.task), lease)
    assert (kinds(story.task)[-1], traffic()) == ("note.mine", 1)
    assert not ModelCall.objects.filter(model="other:model").exists()
    intact(story.task)


def test_a_model_is_not_asked_where_somebody_changed_the_task_since_it_was_read(desk: Desk) -> None:
    lease, story = at_work(desk)
    ProviderTraffic.objects.create(provider="other")
    read_something(lease, story)
    if lease.put_off is None:
        pytest.skip("This database takes one change at a time, so that nothing is put off.")
    services.cancel(story.task.pk, by=desk.submitter)
    with pytest.raises(Moved):
        pacing.enter("other", 10, a_call(story.task), lease)
    assert (kinds(story.task)[-1], traffic()) == ("note.mine", 0)
    step(lease, story)
    story.task.refresh_from_db()
    assert story.task.status == TaskStatus.CANCELED
    intact(story.task)


def test_a_read_is_written_before_anything_is_waited_for(desk: Desk) -> None:
    lease, story = at_work(desk)
    read_something(lease, story)
    with lease.waiting(1.0):
        assert kinds(story.task)[-1] == "note.mine"
    intact(story.task)


def test_whoever_lost_the_lease_writes_no_read_and_opens_no_call(desk: Desk) -> None:
    lease, story = at_work(desk)
    ProviderTraffic.objects.create(provider="other")
    written = kinds(story.task)
    read_something(lease, story)
    if lease.put_off is None:
        pytest.skip("This database takes one change at a time, so that nothing is put off.")
    AgentTask.objects.filter(pk=story.task.pk).update(fencing_token=lease.token + 1)
    with pytest.raises(LeaseLost):
        pacing.enter("other", 10, a_call(story.task), lease)
    assert (kinds(story.task), traffic()) == (written, 0)
    assert not ModelCall.objects.filter(model="other:model").exists()


def test_a_model_is_not_asked_within_a_budget_either_where_somebody_changed_the_task(desk: Desk, settings: Any) -> None:
    settings.COUNTERSIGN_BUDGETS = {"all": (None, 10**9)}
    lease, story = at_work(desk)
    read_something(lease, story)
    if lease.put_off is None:
        pytest.skip("This database takes one change at a time, so that nothing is put off.")
    services.cancel(story.task.pk, by=desk.submitter)
    ledger = Ledger(story.task, "acting", 3, lease)
    with pytest.raises(Moved):
        ledger.opened(Opening("other:model", 1, 10, 10, {}))
    assert kinds(story.task)[-1] == "note.mine"
    assert not ModelCall.objects.filter(model="other:model").exists()


def test_what_a_tool_answered_is_screened_though_somebody_changed_the_task_before_it_was(desk: Desk) -> None:
    lease, story = at_work(desk)
    step(lease, story)
    assert story.past[-1].action is not None
    seen: list[str] = []

    def moves(text: str, by_rules: Screened, _: Any) -> Screened:
        raise Moved

    def looks(text: str, by_rules: Screened, _: Any) -> Screened:
        seen.append(text)
        return by_rules

    with pytest.raises(Moved):
        watch(lease, story, moves)
    assert not watch(lease, story, looks)
    assert len(seen) == 1


def test_a_read_is_written_though_what_comes_next_fails_in_a_way_that_nobody_foresaw(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = desk.submit(f"in turn {subject()}")
    made = acting._read

    def read_and_fail(*given: Any) -> None:
        made(*given)
        raise RuntimeError("Nobody foresaw this.")

    monkeypatch.setattr(acting, "_read", read_and_fail)
    assert work_once()
    assert task.steps.filter(kind=StepKind.TOOL, status=StepStatus.DONE).count() == 1


def test_that_a_task_was_claimed_is_written_with_what_comes_next(desk: Desk) -> None:
    task = desk.submit(f"in turn {subject()}")
    ProviderTraffic.objects.create(provider="other")
    with CaptureQueriesContext(connection) as queries:
        lease = leases.claim()
        assert lease is not None
        pacing.enter("other", 10, a_call(task), lease)
    if connection.vendor == "postgresql":
        assert len(queries) == 2
    assert (kinds(task)[-1], traffic()) == ("task.claimed", 1)
    story = story_of(lease.claimed)
    step(lease, story)
    step(lease, story)
    intact(task)


def answered(lease: Lease, story: Story) -> ModelCall:
    """A call of another provider's model that has been answered, as its ledger leaves it."""
    ledger = Ledger(story.task, "acting", 3, lease)
    call = ledger.opened(Opening("other:model", 1, 30, 10, {}))
    ledger.settled(call, Settlement(Usage(20, output_tokens=5), None, "", True, 0.5, "Hello"))
    return call.row


def is_settled(call: ModelCall) -> bool:
    call.refresh_from_db()
    return (call.status, call.output_tokens, call.answer) == (ModelCall.Status.ANSWERED, 5, "Hello")


def test_an_answer_is_settled_by_the_statement_that_opens_the_next_model_call(desk: Desk) -> None:
    lease, story = at_work(desk)
    ProviderTraffic.objects.create(provider="other", in_flight=3)
    first, second = answered(lease, story), a_call(story.task)
    with CaptureQueriesContext(connection) as queries:
        read_something(lease, story)
        pacing.enter("other", 10, second, lease)
    if connection.vendor == "postgresql":
        assert len(queries) == 1
    assert is_settled(first)
    assert (kinds(story.task)[-1], traffic(), second.pk is not None) == ("note.mine", 4, True)
    step(lease, story)
    intact(story.task)


def test_the_tokens_of_an_answer_are_corrected_before_the_next_call_is_counted(desk: Desk, settings: Any) -> None:
    settings.COUNTERSIGN_PROVIDER_LIMITS = {"other": (0, 0, 700)}
    lease, story = at_work(desk)
    until = time.time() + 8
    ProviderTraffic.objects.create(provider="other", tokens_until=until - 1)
    answered(lease, story)
    read_something(lease, story)
    pacing.enter("other", 30, a_call(story.task), lease)
    # 10 tokens were estimated of the first, 25 came of it; a token takes a tenth of a second.
    assert ProviderTraffic.objects.get(provider="other").tokens_until == pytest.approx(until - 1 + 2.5 + 3)


def test_an_answer_is_settled_and_leaves_where_there_is_no_room_any_more(desk: Desk, settings: Any) -> None:
    lease, story = at_work(desk)
    ProviderTraffic.objects.create(provider="other", in_flight=3)
    first = answered(lease, story)
    read_something(lease, story)
    settings.COUNTERSIGN_PROVIDER_LIMITS = {"other": (3, 0, 0)}
    with pytest.raises(NotYet):
        pacing.enter("other", 10, a_call(story.task), lease)
    assert is_settled(first)
    assert (kinds(story.task)[-1], traffic(), ModelCall.objects.filter(model="other:model").count()) == (
        "note.mine",
        3,
        1,
    )


def test_where_all_places_are_taken_an_answer_leaves_its_place_at_once(desk: Desk, settings: Any) -> None:
    settings.COUNTERSIGN_PROVIDER_LIMITS = {"other": (1, 0, 0)}
    lease, story = at_work(desk)
    ProviderTraffic.objects.create(provider="other")
    answered(lease, story)
    read_something(lease, story)
    pacing.enter("other", 10, a_call(story.task), lease)
    assert traffic() == 1
    ProviderTraffic.objects.update(in_flight=0)
    if connection.vendor == "postgresql":
        assert pacing.is_crowded("other"), "it had no place to pass on, since nobody else could have got one"
    assert is_settled(answered(lease, story))
    assert traffic() == 0


def test_an_answer_is_settled_where_what_comes_next_fails_in_a_way_that_nobody_foresaw(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, calls = desk.submit(f"in turn {subject()}"), []
    ProviderTraffic.objects.create(provider="other")

    def asks_and_fails(lease: Lease, story: Story) -> None:
        calls.append(answered(lease, story))
        raise RuntimeError("Nobody foresaw this.")

    monkeypatch.setattr(loop, "step", asks_and_fails)
    assert work_once()
    assert is_settled(calls[0])
    assert (kinds(task)[-1], traffic()) == ("task.claimed", 0)


def test_a_task_that_is_given_back_after_an_outage_says_that_it_was_claimed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = desk.submit(f"in turn {subject()}")

    def is_away(*_: Any) -> None:
        raise OperationalError("The database is away.")

    with monkeypatch.context() as away:
        away.setattr(loop, "step", is_away)
        assert work_once()
    leases.give_back()
    assert kinds(task)[-2:] == ["task.claimed", "task.state_changed"]
    assert desk.settle(task).status == TaskStatus.COMPLETE
    assert kinds(task).count("task.claimed") == 2
    intact(task)


def test_one_answer_that_can_not_be_settled_keeps_no_other_from_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "ASIDE_SECONDS", 0.0)
    ProviderTraffic.objects.create(provider="other")
    (bad, bad_story), (good, good_story) = at_work(desk), at_work(desk)
    row = answered(bad, bad_story)
    if connection.vendor == "postgresql":
        bad.put_aside(rows.Aside(ModelCall, row.pk, {}, {"output_tokens": 2**40}, None))
    first = answered(good, good_story)
    leases.write_asides()
    assert is_settled(first)


def test_an_answer_is_settled_and_leaves_where_somebody_changed_the_task(desk: Desk) -> None:
    lease, story = at_work(desk)
    ProviderTraffic.objects.create(provider="other")
    first = answered(lease, story)
    read_something(lease, story)
    if lease.put_off is None:
        pytest.skip("This database takes one change at a time, so that nothing is put off.")
    somebody_writes(story.task)
    with pytest.raises(Moved):
        pacing.enter("other", 10, a_call(story.task), lease)
    assert is_settled(first)
    assert (kinds(story.task)[-2:], traffic()) == (["note.by_somebody", "note.mine"], 0)
    intact(story.task)


def test_a_call_that_somebody_gave_up_has_no_place_to_leave_to_the_next_one(desk: Desk) -> None:
    lease, story = at_work(desk)
    ProviderTraffic.objects.create(provider="other")
    first, second = answered(lease, story), a_call(story.task)
    given_up = give_up_open_calls(story.task.pk)
    read_something(lease, story)
    pacing.enter("other", 10, second, lease)
    first.refresh_from_db()
    assert first.status == (ModelCall.Status.LOST if given_up else ModelCall.Status.ANSWERED)
    assert (traffic(), second.pk is not None) == (1, True)


def test_an_answer_of_another_provider_is_settled_before_the_next_call(desk: Desk) -> None:
    lease, story = at_work(desk)
    ProviderTraffic.objects.create(provider="other")
    ProviderTraffic.objects.create(provider="third", in_flight=1)
    first = answered(lease, story)
    read_something(lease, story)
    pacing.enter("third", 10, a_call(story.task), lease)
    assert is_settled(first)
    assert (traffic(), ProviderTraffic.objects.get(provider="third").in_flight) == (0, 2)


def test_an_answer_is_settled_with_whatever_is_recorded_next(desk: Desk) -> None:
    lease, story = at_work(desk)
    ProviderTraffic.objects.create(provider="other")
    first = answered(lease, story)
    with story.change(lease) as change:
        change.park(Parking(ParkedFor.ESCALATION, [{"code": "test", "message": "Look.", "rule": "review"}]))
    assert is_settled(first)
    assert traffic() == 0
    intact(story.task)


def test_a_change_that_is_undone_leaves_an_answer_to_the_next_one(desk: Desk) -> None:
    lease, story = at_work(desk)
    ProviderTraffic.objects.create(provider="other")
    first = answered(lease, story)

    def fails() -> None:
        with story.change(lease) as change:
            change.event("note.mine")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    step(lease, story)
    lease.write_put_off()
    assert is_settled(first)
    assert traffic() == 0


def test_an_answer_is_settled_by_the_sweeper_where_a_tool_takes_long(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease, story = at_work(desk)
    ProviderTraffic.objects.create(provider="other")
    first = answered(lease, story)
    with lease.waiting(10.0):
        sweeper = Sweeper(1, lambda _: None)
        sweeper.settle()
        assert is_settled(first) == (connection.vendor != "postgresql"), "it is not long yet"
        monkeypatch.setattr(leases, "ASIDE_SECONDS", 0.0)
        sweeper.settle()
        assert is_settled(first)
        assert traffic() == 0
    step(lease, story)
    intact(story.task)


def test_who_listens_to_statements_hears_them_as_django_writes_them(desk: Desk) -> None:
    lease, story = at_work(desk)
    heard: list[str] = []

    def listen(execute: Any, sql: str, *rest: Any) -> Any:
        heard.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(listen), story.change(lease, at_once=True) as change:
        change.event("note.mine")
    assert any("agents_taskevent" in sql and "%s" in sql for sql in heard)
    assert kinds(story.task)[-1] == "note.mine"
