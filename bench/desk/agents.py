"""Which agent works in the bench, for whom, and who signs?"""

from django.contrib.auth.models import Group, User

from agents.definition import AgentDefinition, Limits
from agents.versions import publish
from bench.desk.model import NAME
from review.models import Answer, RequestStatus, ReviewRequest
from review.services import Given, decide

AGENT = AgentDefinition(
    name="bench",
    title="The bench",
    prompt="You look things up, one after the other, with your tools. Propose a plan first, then go step by step.",
    models=(NAME,),
    tools=("look_up", "note", "sign"),
    limits=Limits(max_steps=1000, ceiling_steps=1000, max_plan_steps=1000),
    handover="A colleague looks at this now.",
)


def set_up() -> None:
    """Makes the agent, somebody who submits and somebody who signs."""
    publish(AGENT, by=None)
    User.objects.create_user("submitter")
    reviewer = User.objects.create_user("reviewer", is_staff=True)
    reviewer.groups.add(Group.objects.get(name="Reviewers"))


def approve_all() -> None:
    """The reviewer approves whatever waits."""
    reviewer = User.objects.get(username="reviewer")
    for request in ReviewRequest.objects.filter(status=RequestStatus.OPEN):
        decide(request.pk, reviewer, Answer.APPROVE, request.digest, Given())
