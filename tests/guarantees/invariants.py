"""What must be true of every task at every moment, whatever was done to it and whoever died?"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from agents.models import Action, AgentTask
from agents.states import FINAL, LIVE_ACTION, ActionStatus, ParkedFor, TaskStatus
from review.models import Answer, Decision, Kind, RequestStatus, ReviewRequest
from review.quorum import RUNS_IT
from tests.desk.models import Entry


def check(*tasks: AgentTask) -> None:
    """Fails with everything that is wrong, and the journal of each task that it is wrong with."""
    problems = []
    for task in tasks:
        fresh = AgentTask.objects.get(pk=task.pk)
        found = list(broken(fresh))
        if found:
            problems.append(f"{fresh} “{fresh.goal}” ({fresh.status}):\n  " + "\n  ".join(found) + journal(fresh))
    assert not problems, "\n".join(problems)


def journal(task: AgentTask) -> str:
    lines = (f"{event.number:3} {event.kind} {event.actor} {event.data}" for event in task.events.order_by("number"))
    return "\n    " + "\n    ".join(lines)


def broken(task: AgentTask) -> Iterator[str]:
    actions = list(Action.objects.filter(task=task).select_related("step").order_by("pk"))
    calls = list(Entry.objects.filter(task=task.pk))
    yield from _steps(task)
    yield from _journal(task)
    yield from _ending(task, actions)
    yield from _questions(task, actions)
    yield from _approvals(actions)
    yield from _ownership(task, actions)
    yield from _starts(actions, calls)
    yield from _effects(actions, calls)


def _steps(task: AgentTask) -> Iterator[str]:
    numbers = list(task.steps.order_by("number").values_list("number", flat=True))
    if numbers != list(range(1, task.steps_taken + 1)):
        yield f"{task.steps_taken} steps are counted, and there are {numbers}"
    if task.steps_taken > task.max_steps:
        yield f"{task.steps_taken} of {task.max_steps} steps are taken"


def _journal(task: AgentTask) -> Iterator[str]:
    numbers = list(task.events.order_by("number").values_list("number", flat=True))
    if numbers != list(range(1, task.event_count + 1)):
        yield f"the journal counts {task.event_count} lines and has {numbers}"


def _ending(task: AgentTask, actions: list[Action]) -> Iterator[str]:
    live = [action for action in actions if action.status in LIVE_ACTION]
    if task.status not in FINAL:
        if [action.pk for action in live] != [one for one in [task.current_action_id] if one]:
            yield f"live actions are {[(one.pk, one.status) for one in live]}, current is {task.current_action_id}"
        return
    if task.finished_at is None:
        yield "it is final and has no end"
    if task.current_action_id is not None:
        yield "it is final and has a current action"
    # Ending a task does not settle a doubt: it stays on record that nobody knows.
    if left := [(one.pk, one.status) for one in live if one.status != ActionStatus.IN_DOUBT]:
        yield f"it is final, and these actions are live: {left}"


def _questions(task: AgentTask, actions: list[Action]) -> Iterator[str]:
    open_ones = ReviewRequest.objects.filter(task=task, status=RequestStatus.OPEN)
    asked = list(open_ones.exclude(kind=Kind.SPOT_CHECK))
    for looked_at in ReviewRequest.objects.filter(task=task, kind=Kind.SPOT_CHECK).select_related("action"):
        if looked_at.action is None or looked_at.action.status != ActionStatus.SUCCEEDED:
            yield f"request {looked_at.pk} looks at an effect that did not run"
    if task.status == TaskStatus.NEEDS_REVIEW:
        if [request.kind for request in asked] != [task.parked_for]:
            yield f"it is parked for {task.parked_for}, and asked is {[request.kind for request in asked]}"
        if task.parked_for == ParkedFor.IN_DOUBT and not any(one.status == ActionStatus.IN_DOUBT for one in actions):
            yield "it is parked for a doubt that no action is in"
    elif asked:
        yield f"it is {task.status}, and {[request.kind for request in asked]} is asked"
    for request in ReviewRequest.objects.filter(task=task, status=RequestStatus.DECIDED):
        said = list(request.decisions.values_list("answer", flat=True))
        if said and said[-1] in RUNS_IT and said.count(said[-1]) < request.approvals_needed:
            yield f"request {request.pk} needs {request.approvals_needed} approvals and was decided by {said}"
        if not said or (request.approvals_needed == 1 and len(said) > 1):
            yield f"request {request.pk} was decided by {len(said)} decisions"
    if Decision.objects.filter(request__task=task, person=task.submitted_by).exists():
        yield "its submitter decided about it"


def _approvals(actions: list[Action]) -> Iterator[str]:
    used = Counter(action.approval for action in actions if action.approval is not None)
    if twice := [decision for decision, times in used.items() if times > 1]:
        yield f"decisions {twice} approve more than one action"
    for action in actions:
        if action.approval is None:
            continue
        decision = Decision.objects.select_related("request").get(pk=action.approval)
        if decision.request.task_id != action.task_id:
            yield f"action {action.pk} was approved by a decision about another task"
        if decision.answer not in (Answer.APPROVE, Answer.EDIT, Answer.RETRY, Answer.NOT_HAPPENED):
            yield f"action {action.pk} was approved by “{decision.answer}”"
        if action.approval_used_at and action.approval_used_at < decision.at:
            yield f"action {action.pk} used its approval before it was given"


def _ownership(task: AgentTask, actions: list[Action]) -> Iterator[str]:
    """While a person owns the task, every step is one that they asked for, and others approve what needs it."""
    asked = Counter(
        f"person:{one.person.username}"
        for one in Decision.objects.filter(request__task=task, answer=Answer.CALL).select_related("person")
    )
    made = Counter(step.proposer for step in task.steps.all() if step.proposer.startswith("person:"))
    if made - asked:
        yield f"steps of {dict(made)} were recorded, and {dict(asked)} were asked for"
    owned = None
    for event in task.events.filter(kind__in=["task.taken_over", "task.given_back"]).order_by("number"):
        if event.kind == "task.taken_over":
            owned = owned or event.at
        else:
            yield from _others_steps(task, owned, event.at)
            owned = None
    if owned:
        yield from _others_steps(task, owned, None)
    for action in actions:
        if action.approval is None or not action.step.proposer.startswith("person:"):
            continue
        if action.step.proposer == f"person:{Decision.objects.get(pk=action.approval).person.username}":
            yield f"action {action.pk} was approved by {action.step.proposer}, who asked for it"


def _others_steps(task: AgentTask, since: datetime | None, until: datetime | None) -> Iterator[str]:
    within = task.steps.exclude(proposer__startswith="person:").filter(created_at__gt=since)
    if until is not None:
        within = within.filter(created_at__lt=until)
    for step in within:
        yield f"step {step.number} was proposed by {step.proposer} while a person owned the task"


def _starts(actions: list[Action], calls: list[Entry]) -> Iterator[str]:
    """Nothing runs that was not written ahead, nor before it was approved; nothing is held while it runs."""
    by_key: dict[str, list[Action]] = {}
    for action in actions:
        by_key.setdefault(action.idempotency_key, []).append(action)
    for call in calls:
        if call.had_connection or call.had_transaction:
            yield f"{call} was made with a connection or a transaction in hand"
        started = [one for one in by_key.get(call.key, ()) if one.started_at is not None]
        if call.tool == "look":
            continue
        if not started:
            yield f"{call} was made, and no action with its key was ever started"
            continue
        before = [one for one in started if one.started_at <= call.at]
        if not before:
            yield f"{call} was made before its start was written"
        elif before[-1].needs_approval and call.at < Decision.objects.get(pk=before[-1].approval).at:
            yield f"{call} was made before it was approved"


def _effects(actions: list[Action], calls: list[Entry]) -> Iterator[str]:
    """What may run once is run again only when the tool denied, or a person said, that it happened."""
    for key, group in _by_key(actions).items():
        made = [call for call in calls if call.key == key]
        done = [call for call in made if call.happened]
        starts = [one for one in group if one.started_at]
        last = group[-1]
        if any(one.approval is None for one in group[1:]):
            yield f"{last.tool} was put in place again with its key, and nobody said so"
        if last.effect == "once" and len([call for call in made if not call.denied]) > len(starts):
            yield f"{last.tool} may run once, and ran {len(made)} times in {len(starts)} starts"
        if last.effect == "reconcilable" and len(done) > len(starts):
            yield f"{last.tool} may happen once, and happened {len(done)} times in {len(starts)} starts"
        if last.status == ActionStatus.SUCCEEDED and last.effect != "read" and not done and not _vouched(last):
            yield f"{last.tool} succeeded, and nothing happened"
        if last.status == ActionStatus.FAILED and done and len(group) == 1 and _guessed(last):
            yield f"{last.tool} is said to have failed ({last.error}), and it happened"


def _vouched(action: Action) -> bool:
    """A person said so, whatever the ledger says."""
    said = Decision.objects.filter(request__action=action).values_list("answer", flat=True)
    return bool({Answer.ACCEPT, Answer.HAPPENED} & set(said))


def _guessed(action: Action) -> bool:
    """No answer, no verifier and no person stands behind the failure."""
    said = Decision.objects.filter(request__action=action).exists()
    return action.result is None and action.verification is None and not said


def _by_key(actions: Iterable[Action]) -> dict[str, list[Action]]:
    grouped: dict[str, list[Action]] = {}
    for action in actions:
        grouped.setdefault(action.idempotency_key, []).append(action)
    return grouped
