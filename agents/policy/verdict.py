"""What may policy say? One outcome, and every reason for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal["allow", "review", "deny"]
Rule = Literal["allow", "flag", "review", "hand_over", "deny"]

_STRICTNESS: dict[str, int] = {"allow": 0, "flag": 0, "review": 1, "hand_over": 1, "deny": 2}
_OUTCOMES: tuple[Outcome, ...] = ("allow", "review", "deny")


@dataclass(frozen=True)
class Reason:
    """One rule's word: a stable code for machines, a sentence for models and people, and what the rule asks for."""

    code: str
    message: str
    rule: Rule


@dataclass(frozen=True)
class Verdict:
    """Deny beats review beats allow. `flagged` asks for a spot check afterwards; `hand_over` makes the review an
    escalation, because the proposer itself is too unsure to be asked for more."""

    outcome: Outcome
    reasons: tuple[Reason, ...] = ()
    flagged: bool = False
    hand_over: bool = False

    @classmethod
    def of(cls, reasons: Iterable[Reason]) -> Verdict:
        """The verdict that the reasons add up to: the strictest rule decides, no reasons allow."""
        given = tuple(reasons)
        outcome = _OUTCOMES[max((_STRICTNESS[reason.rule] for reason in given), default=0)]
        return cls(
            outcome=outcome,
            reasons=given,
            flagged=outcome == "allow" and any(reason.rule == "flag" for reason in given),
            hand_over=outcome == "review" and any(reason.rule == "hand_over" for reason in given),
        )

    def message(self) -> str:
        """The sentences that explain the outcome, one line each: those of its own strictness only."""
        strictness = _OUTCOMES.index(self.outcome)
        return "\n".join(reason.message for reason in self.reasons if _STRICTNESS[reason.rule] == strictness)

    def code(self) -> str:
        """The code of the first reason that the outcome rests on; "allowed" where there is none."""
        strictness = _OUTCOMES.index(self.outcome)
        codes = (reason.code for reason in self.reasons if _STRICTNESS[reason.rule] == strictness)
        return next(codes, "allowed")

    def as_json(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome,
            "reasons": [
                {"code": reason.code, "message": reason.message, "rule": reason.rule} for reason in self.reasons
            ],
            "flagged": self.flagged,
            "hand_over": self.hand_over,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Verdict:
        return cls(
            outcome=value["outcome"],
            reasons=tuple(Reason(**reason) for reason in value["reasons"]),
            flagged=value["flagged"],
            hand_over=value["hand_over"],
        )
