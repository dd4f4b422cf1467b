"""What does a newcomer find? Sign-ins, the sample desk with its agent, and a few stories already told.

Everything here is idempotent: a second start adds nothing.
"""

from dataclasses import dataclass
from pathlib import Path

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction

from agents import services
from agents.definition import loading
from agents.models import Agent, AgentTask, AgentVersion
from agents.versions import publish

AGENT = "shop-desk"
SERVICE = "shop-website"


@dataclass(frozen=True)
class SignIn:
    """A person of the demo. `password` is what `prepare` was given or kept from before."""

    username: str
    role: str
    password: str


@dataclass(frozen=True)
class Example:
    """A goal to try, what it shows, and the step limit that makes it so."""

    title: str
    goal: str
    shows: str
    max_steps: int | None = None
    told: bool = False
    """Already submitted by the demo's service account."""


PEOPLE = (
    ("sam", "Submitters", "submits goals and answers questions"),
    ("rita", "Reviewers", "decides in the review queue"),
    ("olga", "Operators", "runs it: agents, kill switches, everything"),
)

EXAMPLES = (
    Example(
        "A refund that waits for a person",
        "Refund order 1042, the kettle arrived broken",
        "The lookups run by themselves; the refund waits for a countersignature, then happens once.",
    ),
    Example(
        "A question answered without anyone",
        "Where is order 1063?",
        "Only reads: it completes with no approval.",
        told=True,
    ),
    Example(
        "A refund over the limit",
        "Refund order 1077, it makes too much noise",
        "A constraint denies it, so the agent hands over to a person.",
        told=True,
    ),
    Example(
        "Something is missing",
        "Change the delivery address of order 1088",
        "The agent asks the submitter and goes on with the answer.",
    ),
    Example(
        "The step limit",
        "Where is order 1018?",
        "Three steps are not enough: a reviewer extends the limit, or ends the task.",
        max_steps=3,
    ),
    Example(
        "Nobody understands it",
        "Write a poem about the sea",
        "No recipe fits and no model is configured: a person is told so.",
        told=True,
    ),
    Example(
        "A 200 with an error inside",
        "Cancel the shipment of order 1091",
        "The verifier catches it: a person looks at the result.",
    ),
    Example(
        "A partial refund",
        "Refund order 1023, one cup of the set was missing",
        "Only what is left to refund is proposed. The shop's website submitted this one too.",
        told=True,
    ),
)


def prepare(passwords: dict[str, str] | None = None) -> list[SignIn]:
    """Makes the demo's rows where they are missing. `passwords`: by user name; by default each is the user name."""
    from tools.examples.shop import seed

    seed.seed()
    with transaction.atomic():
        seeing = Permission.objects.filter(content_type__app_label="shop", codename__startswith="view_")
        people = [_person(name, group, (passwords or {}).get(name, name)) for name, group, _ in PEOPLE]
        for person in people:
            person.user_permissions.add(*seeing)
        _agent(created_by=people[-1])
        _tell_stories()
    return [SignIn(name, role, (passwords or {}).get(name, name)) for name, _, role in PEOPLE]


def _person(name: str, group: str, password: str) -> User:
    user, made = User.objects.get_or_create(
        username=name, defaults={"is_staff": True, "email": f"{name}@example.org", "first_name": name.title()}
    )
    if made or not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    user.groups.add(Group.objects.get(name=group))
    return user


def _agent(created_by: User) -> AgentVersion:
    import tools.examples.shop

    path = Path(tools.examples.shop.__file__).parent / "agent.yaml"
    definition = loading.parse(path.read_text(encoding="utf-8"), source=path.name)
    existing = Agent.objects.filter(name=definition.name).first()
    if existing and existing.current_version:
        return existing.current_version
    return publish(definition, by=created_by, note="The sample desk")


def _tell_stories() -> None:
    """Submits a few tasks through a service account, once."""
    service, made = User.objects.get_or_create(username=SERVICE, defaults={"email": "website@example.org"})
    if made:
        service.set_unusable_password()
        service.save(update_fields=["password"])
        service.groups.add(Group.objects.get(name="Submitters"))
    if AgentTask.objects.filter(submitted_by=service).exists():
        return
    for number, example in enumerate((one for one in EXAMPLES if one.told), start=1):
        services.submit(
            agent=AGENT,
            goal=example.goal,
            by=service,
            max_steps=example.max_steps,
            idempotency_key=f"demo-{number}",
        )
