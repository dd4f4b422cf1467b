"""What was written since the proposers were last asked, and may they read it? Looked at before each of their turns.

Goals and answers may set off a trigger, and then a person takes over. They, and what tools answered, are screened: what
is flagged is journaled and shown, what is blocked goes before a person and not before the model, and a goal that the
agent is not for is declined, with a way to a person.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from agents.changes import Change
from agents.engine.leases import Lease
from agents.engine.parking import ask_submitter, hand_over
from agents.engine.story import PastStep, Story
from agents.guard import Finding, find_triggers, meanings_of, screen
from agents.guard.screening import Screened
from agents.guard.second import Second
from agents.models import Step
from agents.spending.proposers import bounds
from agents.states import StepKind, StepStatus

SCREENING = "screening"
"""The proposer of a question that declines a goal."""
WAY_TO_A_PERSON = "person"


@dataclass(frozen=True)
class News:
    """A text that nobody has looked at yet."""

    text: str
    step: Step | None
    """The step that brought it; None: the submission did."""
    by_people: bool
    declined: bool = False
    """Is it the answer to a question that declined the goal?"""


def watch(lease: Lease, story: Story, second: Second | None) -> bool:
    """Looks at what is new; True where the turn ended with that. `second` is the model that is asked after the rules.

    Raises what asking a model raises.
    """
    for news in list(_news(story)):
        names = _names(news, story)
        # What no person of ours wrote hands nothing over.
        triggers = tuple(find_triggers(news.text, story.definition, names)) if news.by_people else ()
        screened = screen(news.text, story.definition, of_goal=news.step is None)
        if second is not None and screened.judgement != "block" and not triggers:
            listened_for = meanings_of(story.definition, names) if news.by_people else {}
            with lease.within(bounds().seconds):
                screened = second(news.text, screened, listened_for)
            triggers = screened.triggers
        if not triggers and screened.judgement == "pass" and second is None:
            continue
        with story.change(lease) as change:
            _record(change, news, screened)
            if triggers:
                _hand_over(change, story, news, triggers)
            elif screened.judgement == "block":
                _hand_over(change, story, news, screened.findings)
            elif screened.judgement == "off_topic":
                _decline(change, story, screened.findings[0])
            else:
                continue
        return True
    story.looked_at = story.past[-1].step.number if story.past else 0
    return False


def _news(story: Story) -> Iterator[News]:
    """The goal before anything was done with it; the answer that came last; what tools said, as long as it is new."""
    guided_after = max((one["after_step"] for one in story.task.guidance), default=-1)
    if not story.past and guided_after < 0 and not story.task.screened:
        yield News(_text(story.task.goal, story.task.inputs), None, by_people=True)
    for one in story.past:
        if one.step.screened is not None or one.step.number <= max(guided_after, story.looked_at):
            continue  # It has been looked at, or a person has since read it and spoken.
        if one.step.kind == StepKind.ASK and one.step.status == StepStatus.DONE:
            declined = one.step.proposer == SCREENING
            yield News(_text((one.step.answer or {}).get("answer")), one.step, by_people=True, declined=declined)
        elif _is_news_of_a_tool(one):
            yield News(_text(one.result), one.step, by_people=False)


def _is_news_of_a_tool(past: PastStep) -> bool:
    return past.action is not None and past.action.started_at is not None and past.result is not None


def _names(news: News, story: Story) -> tuple[str, ...]:
    """The house's triggers that are looked for; whoever answers to a declined goal may ask for a person in any case."""
    names: tuple[str, ...] = story.definition.guard.triggers
    return tuple(dict.fromkeys((*names, WAY_TO_A_PERSON) if news.declined else names))


def _record(change: Change, news: News, screened: Screened) -> None:
    """So that it is looked at once, and seen by whoever looks at the task."""
    kept = {"judgement": screened.judgement, "findings": [vars(one) for one in screened.findings]}
    if news.step is None:
        change.set(screened=kept)
    else:
        change.mark_screened(news.step, kept)
    if screened.judgement != "pass":
        step = news.step.number if news.step else None
        change.event(f"screening.{screened.judgement}", step=step, findings=kept["findings"])


def _hand_over(change: Change, story: Story, news: News, findings: tuple[Finding, ...]) -> None:
    reasons = [{"code": one.code, "message": str(one), "rule": "hand_over"} for one in findings]
    hand_over(change, story.definition, reasons, step=news.step)


def _decline(change: Change, story: Story, found: Finding) -> None:
    question = story.definition.guard.declines
    step = change.add_step(
        kind=StepKind.ASK,
        name="ask",
        purpose=found.why,
        confidence=1.0,
        arguments={"question": question},
        proposer=SCREENING,
    )
    ask_submitter(change, step, question)


def _text(*parts: object) -> str:
    return "\n".join(
        part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)
        for part in parts
        if part not in (None, {})
    )
