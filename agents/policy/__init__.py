"""May it happen? Pure functions from a proposal, the agent's definition and the task's facts to a verdict.

No database, no clock, no network. Each kind of rule has its file; `judge` combines them, and the strictest wins.
"""

from agents.policy.approvals import Quorum, quorum_for, quorum_of_question
from agents.policy.deadlines import Times, times_for
from agents.policy.facts import Denial, Facts
from agents.policy.judge import judge_action, judge_control
from agents.policy.plan import judge_plan
from agents.policy.provenance import Origin
from agents.policy.repeats import call_digest
from agents.policy.spot_checks import spot_check_of
from agents.policy.standing import denied_now, still_denied, stopped_now
from agents.policy.verdict import Reason, Verdict

__all__ = [
    "Denial",
    "Facts",
    "Origin",
    "Quorum",
    "Reason",
    "Times",
    "Verdict",
    "call_digest",
    "denied_now",
    "judge_action",
    "judge_control",
    "judge_plan",
    "quorum_for",
    "quorum_of_question",
    "spot_check_of",
    "still_denied",
    "stopped_now",
    "times_for",
]
