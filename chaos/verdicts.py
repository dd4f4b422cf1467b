"""Were the promises kept? Each check reads the whole history and says everything that contradicts one promise."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from agents.models import Action
from agents.states import FINAL, LIVE_ACTION, PARKED, ActionStatus, TaskStatus
from chaos.goals import left_alone
from chaos.history import History, Told
from review.models import Answer, Kind, RequestStatus

APPROVING = {Answer.APPROVE, Answer.EDIT, Answer.RETRY, Answer.NOT_HAPPENED}
CLOCK = 0.002
"""Databases keep milliseconds, or a little less."""
SHOWN = 3
"""So many journals are printed for a check that failed."""


@dataclass(frozen=True)
class Wrong:
    """One contradiction, and the task that it is about, where it is about one."""

    why: str
    told: Told | None = None


@dataclass(frozen=True)
class Verdict:
    promise: str
    detail: str
    wrong: list[Wrong]

    @property
    def kept(self) -> bool:
        return not self.wrong

    def lines(self) -> Iterator[str]:
        """One line; and where it is not kept, what contradicts it, with the journals of the first tasks."""
        yield f"{'kept  ' if self.kept else 'BROKEN'}  {self.promise}{f' ({self.detail})' if self.detail else ''}"
        for number, one in enumerate(self.wrong):
            about = f"{one.told.task} “{one.told.task.goal}” ({one.told.task.status}): " if one.told else ""
            yield f"        - {about}{one.why}"
            if one.told and number < SHOWN:
                yield from (f"            {line}" for line in journal(one.told))


Check = Callable[[History], Verdict]


def judge(history: History) -> list[Verdict]:
    """All checks of the history, in the order of the promises."""
    return [check(history) for check in CHECKS]


def journal(told: Told) -> Iterator[str]:
    for event in told.events:
        yield f"{event.number:3} {event.at:%H:%M:%S.%f} {event.kind} {event.actor} {event.data}"
    for line in sorted([*told.calls, *told.effects], key=lambda one: one.at):
        yield f"ledger {line.at:.3f} {line.line} {line.op} {line.what} {line.key} {line.manner}"


def nothing_lost(history: History) -> Verdict:
    record = history.record
    rows = {told.task.pk: told for told in history.tasks}
    by_key = Counter(told.task.idempotency_key for told in history.tasks)
    wrong = [Wrong(f"the key “{key}” has made {count} tasks") for key, count in by_key.items() if count > 1]
    for key, pk in record.acknowledged.items():
        told = rows.get(pk)
        if told is None:
            wrong.append(Wrong(f"task {pk} was acknowledged for “{key}”, and there is none"))
        elif (told.task.idempotency_key, told.task.goal) != (key, record.posted[key].text):
            wrong.append(Wrong(f"“{key}” was acknowledged as this task", told))
    for key, answers in record.answers.items():
        if len(answers) > 1:
            wrong.append(Wrong(f"“{key}” was answered in {len(answers)} ways: {answers}"))
    if record.refusals:
        wrong.append(Wrong(f"{len(record.refusals)} right requests were refused: {record.refusals[:3]}"))
    detail = f"{len(record.acknowledged)} acknowledged, {record.unanswered} requests had no answer and were repeated"
    return Verdict("No acknowledged task is lost, and a repeated request makes no second one", detail, wrong)


def all_ended(history: History) -> Verdict:
    wrong = []
    for told in history.tasks:
        opened = [one.kind for one in told.requests if one.status == RequestStatus.OPEN and one.kind != Kind.SPOT_CHECK]
        asked = [told.task.parked_for] if told.task.status == TaskStatus.NEEDS_REVIEW else []
        if told.task.status not in FINAL | PARKED:
            wrong.append(Wrong("it neither ended nor waits for a person", told))
        elif opened != asked:
            wrong.append(Wrong(f"asked should be {asked}, and is {opened}", told))
        elif told.task.status == TaskStatus.NEEDS_INPUT and not told.task.question:
            wrong.append(Wrong("it waits for an answer and asks nothing", told))
        elif told.task.status in PARKED and not left_alone(told.task.goal):
            wrong.append(Wrong("people answer what is asked about it, and it still waits for them", told))
    standing = Counter(told.task.get_status_display().lower() for told in history.tasks)
    detail = ", ".join(f"{count} {name}" for name, count in standing.most_common())
    return Verdict("Every task has ended or waits for a person", detail, wrong)


def idempotent(history: History) -> Verdict:
    return _effects(history, "idempotent", "An idempotent action is repeated with its own key, and happens once")


def reconcilable(history: History) -> Verdict:
    return _effects(history, "reconcilable", "A reconcilable action happens exactly once")


def once(history: History) -> Verdict:
    return _effects(history, "once", "A once action is started at most once, and what nobody knows is in doubt")


def _effects(history: History, effect: str, promise: str) -> Verdict:
    wrong: list[Wrong] = []
    actions = repeated = 0
    doubts = 0
    for told in history.tasks:
        mine = [one for one in told.actions if one.effect == effect]
        actions += len(mine)
        doubts += sum(event.kind == "action.in_doubt" for event in told.events) if effect == "once" else 0
        calls = Counter(line.key for line in told.calls)
        repeated += sum(calls[one.idempotency_key] > 1 for one in mine)
        wrong += [Wrong(why, told) for why in _wrong_effects(told, mine, effect)]
    doubted = f", {doubts} were in doubt" if effect == "once" else ""
    return Verdict(promise, f"{actions} actions, {repeated} reached the ledger more than once{doubted}", wrong)


def _wrong_effects(told: Told, actions: list[Action], effect: str) -> Iterator[str]:
    by_key: dict[str, list[Action]] = defaultdict(list)
    for action in actions:
        by_key[action.idempotency_key].append(action)
    again = Counter(str(action.arguments["what"]) for action in actions if Answer.RETRY in told.decisions_on(action))
    happened = Counter(line.what for line in told.effects if line.effect == effect)
    for what, times in happened.items():
        if times > 1 + again[what]:
            yield f"{what} happened {times} times, and {again[what]} times a person wanted it again"
    for key, group in by_key.items():
        calls = [line for line in told.calls if line.key == key]
        effects = [line for line in told.effects if line.key == key]
        starts = sum(one.started_at is not None for one in group)
        last = group[-1]
        if effect == "once" and sum(not line.denied for line in calls) > starts:
            yield f"{last} was called {len(calls)} times in {starts} starts"
        if last.status == ActionStatus.SUCCEEDED and not effects:
            yield f"{last} is said to have succeeded, and it did not happen"
        # One with an answer on record is one that nobody confirmed, such as of a task that was canceled before.
        if last.status == ActionStatus.FAILED and last.result is None and effects and not told.decisions_on(last):
            yield f"{last} is said to have failed ({last.error}), and it happened"
        if len(group) > 1 and any(one.approval is None for one in group[1:]):
            yield f"{last} was put in place again with its key, and nobody said so"


def approved_first(history: History) -> Verdict:
    wrong = [Wrong(f"{line} is about no task") for line in history.strangers]
    approved = rejected = 0
    for told in history.tasks:
        decided = {one.pk: one.at.timestamp() for one in told.decisions}
        approved += sum(one.approval_used_at is not None for one in told.actions)
        rejected += sum(one.status == ActionStatus.REJECTED for one in told.actions)
        by_key: dict[str, list[Action]] = defaultdict(list)
        for action in told.actions:
            by_key[action.idempotency_key].append(action)
        for line in told.calls:
            began = [
                one.started_at.timestamp()
                for one in by_key[line.key]
                if one.started_at and line.what == one.arguments["what"] and line.op == one.tool.split("_")[0]
            ]
            if not began or line.at < min(began) - CLOCK:
                wrong.append(Wrong(f"{line} came before an action with its key was started ({began})", told))
        for action in told.actions:
            lines = [line.at for line in told.calls if line.key == action.idempotency_key]
            if action.started_at and action.needs_approval and action.approval not in decided:
                wrong.append(Wrong(f"{action} was started, and nobody approved it", told))
            elif action.started_at and action.needs_approval:
                at = decided[action.approval]
                alone = len(by_key[action.idempotency_key]) == 1
                if action.started_at.timestamp() < at - CLOCK or (alone and lines and min(lines) < at - CLOCK):
                    wrong.append(Wrong(f"{action} was started before it was approved", told))
            elif action.status in (ActionStatus.REJECTED, ActionStatus.SUPERSEDED) and lines:
                wrong.append(Wrong(f"{action} is {action.status}, and it was called", told))
    detail = f"{approved} approvals used, {rejected} rejections"
    return Verdict("Nothing runs before its start is written and approved, nor after a rejection", detail, wrong)


def used_once(history: History) -> Verdict:
    wrong = []
    decisions = 0
    used = Counter(action.approval for told in history.tasks for action in told.actions if action.approval)
    for told in history.tasks:
        decisions += len(told.decisions)
        by_pk = {one.pk: one for one in told.decisions}
        for action in told.actions:
            if action.approval is None:
                continue
            if used[action.approval] > 1:
                wrong.append(Wrong(f"decision {action.approval} approves {used[action.approval]} actions", told))
            if action.approval not in by_pk or by_pk[action.approval].answer not in APPROVING:
                wrong.append(Wrong(f"{action} leans on decision {action.approval}, which approves nothing here", told))
            if (action.started_at is None) != (action.approval_used_at is None):
                wrong.append(Wrong(f"{action} was started, and its approval is not used, or the reverse", told))
        for request in told.requests:
            given = [one.answer for one in told.decisions if one.request_id == request.pk]
            wanted = request.approvals_needed if request.status == RequestStatus.DECIDED else 0
            if len(given) != wanted:
                wrong.append(Wrong(f"request {request.pk} is {request.status}, with the decisions {given}", told))
        if any(one.person_id == told.task.submitted_by_id for one in told.decisions):
            wrong.append(Wrong("its submitter decided about it", told))
    return Verdict("Each decision is used once", f"{decisions} decisions", wrong)


def within_limits(history: History) -> Verdict:
    wrong = []
    for told in history.tasks:
        numbers = [step.number for step in told.steps]
        if numbers != list(range(1, told.task.steps_taken + 1)):
            wrong.append(Wrong(f"{told.task.steps_taken} steps are counted, and there are {numbers}", told))
        ceiling = told.task.version.read().limits.ceiling_steps
        if not told.task.steps_taken <= told.task.max_steps <= ceiling:
            wrong.append(Wrong(f"{told.task.steps_taken} of {told.task.max_steps} steps, at most {ceiling}", told))
    extended = sum(event.kind == "limit.extended" for told in history.tasks for event in told.events)
    detail = f"{history.counted['steps']} steps, {extended} limits extended by people"
    return Verdict("No task takes more steps than it may", detail, wrong)


def journals(history: History) -> Verdict:
    wrong = []
    for told in history.tasks:
        numbers = [event.number for event in told.events]
        if numbers != list(range(1, told.task.event_count + 1)):
            wrong.append(Wrong(f"the journal counts {told.task.event_count} lines and has {numbers}", told))
        changes = [(one.data["was"], one.data["now"]) for one in told.events if one.kind == "task.state_changed"]
        if changes and changes[-1][1] != told.task.status:
            wrong.append(Wrong(f"the journal ends with {changes[-1][1]}", told))
        if after := [change for change in changes if change[0] in FINAL]:
            wrong.append(Wrong(f"it went on after its end: {after}", told))
    lines = sum(len(told.events) for told in history.tasks)
    return Verdict("Journals have no gaps, and what is final stays so", f"{lines} lines", wrong)


def one_at_a_time(history: History) -> Verdict:
    """Between a claim and the next one, only the claimer writes; once it has given the task up, no worker does."""
    wrong = []
    claims = takeovers = late = 0
    for told in history.tasks:
        owner = ""
        for event in told.events:
            worker = event.actor.startswith("worker:")
            if event.kind == "task.claimed":
                claims, takeovers, owner = claims + 1, takeovers + ("lost" in event.data), event.actor
            elif event.kind == "action.late_outcome":
                late += 1
            elif worker and event.actor != owner:
                wrong.append(Wrong(f"line {event.number} is by {event.actor}, and {owner or 'nobody'} has it", told))
    detail = f"{claims} claims, {takeovers} from lost workers, {late} outcomes that came too late and changed nothing"
    return Verdict("Two workers never both record a step of one task", detail, wrong)


def canceled(history: History) -> Verdict:
    wrong = []
    rows = {told.task.pk: told for told in history.tasks}
    for one in history.record.cancels:
        told = rows.get(one.task)
        if told is None or one.status not in (200, 202):
            continue
        late = [line for line in told.calls if line.at > one.at]
        if one.status == 200 and (told.task.status != TaskStatus.CANCELED or late):
            wrong.append(Wrong(f"it was said to be canceled at {one.at:.3f}, and went on: {late}", told))
        elif one.status == 202 and told.task.status not in (*FINAL, *PARKED):
            wrong.append(Wrong("it was to be canceled, and did not end", told))
    said = Counter(one.status for one in history.record.cancels)
    return Verdict("What is canceled does nothing more", ", ".join(f"{n}×{s}" for s, n in said.items()), wrong)


def all_returned(history: History) -> Verdict:
    """Nobody holds a lease, and nothing is alive on a task that has ended."""
    wrong = []
    for told in history.tasks:
        task = told.task
        if task.lease_until is not None or task.worker:
            wrong.append(Wrong(f"{task.worker or 'somebody'} still holds a lease until {task.lease_until}", told))
        live = [one for one in told.actions if one.status in LIVE_ACTION and one.status != ActionStatus.IN_DOUBT]
        if [one.pk for one in live if one.pk != task.current_action_id] or (live and task.status in FINAL):
            wrong.append(Wrong(f"these actions are still alive: {[(one.pk, one.status) for one in live]}", told))
    return Verdict("All leases are given back", "", wrong)


CHECKS: tuple[Check, ...] = (
    nothing_lost,
    all_ended,
    idempotent,
    reconcilable,
    once,
    approved_first,
    used_once,
    within_limits,
    journals,
    one_at_a_time,
    canceled,
    all_returned,
)


def processes(surprises: Iterable[str], codes: dict[str, int | None]) -> Verdict:
    """No process ended by itself, and each ended in order when it was asked to."""
    wrong = [Wrong(one) for one in surprises]
    wrong += [Wrong(f"{name} was asked to end, and its code was {code}") for name, code in codes.items() if code != 0]
    return Verdict("Processes end when they are asked to, and not before", ", ".join(codes), wrong)


def connections(open_transactions: int, left: list[tuple[str, int]]) -> Verdict:
    wrong = [Wrong(f"{open_transactions} transactions were left open by idle processes")] if open_transactions else []
    wrong += [Wrong(f"{count} connections are still {state} when everybody has gone") for state, count in left]
    return Verdict("All connections are given back", "", wrong)
