"""Which agents work at this desk? One that acts by itself where policy lets it, and one whose plans are approved."""

from agents.definition import AgentDefinition, Limits, Recipe, RecipeStep
from chaos.goals import KINDS, arguments

TOOLS = (
    "look",
    "put",
    "put_asked",
    "move",
    "move_asked",
    "pay",
    "pay_asked",
    "pay_unverified",
    "refuse",
    "poison",
)


def recipe(kind: str) -> Recipe:
    """`<kind> <subject>`: the tools of the kind, in turn."""
    plan = tuple(
        RecipeStep(id=f"p{number}", tool=name, purpose=f"Step {number}.", arguments=arguments(kind, number, "{what}"))
        for number, name in enumerate(KINDS[kind], start=1)
    )
    return Recipe(name=kind, match=(rf"^{kind} (?P<what>s[0-9]+)$",), plan=plan, finish="{what} is done.")


def question() -> Recipe:
    """The submitter is asked for a colour, which becomes the note."""
    step = RecipeStep(id="p1", tool="put", purpose="Put it.", arguments={"what": "{what}-1", "note": "{colour}"})
    return Recipe(
        name="question",
        match=(r"^question (?P<what>s[0-9]+)(?: (?P<colour>[a-z]+))?$",),
        ask={"colour": "Which colour?"},
        plan=(step,),
        finish="{what} is done in {colour}.",
    )


def agents(model: str) -> tuple[AgentDefinition, AgentDefinition]:
    """Both agents; `model` is the link that they ask, `playbook` or a provider's."""
    recipes = tuple(question() if kind == "question" else recipe(kind) for kind in KINDS)
    usual = AgentDefinition(
        name="chaos",
        title="The desk in the storm",
        prompt="You carry out what the goal's first word stands for.",
        models=(model,),
        tools=TOOLS,
        handover="A colleague looks at this now.",
        limits=Limits(max_steps=14, ceiling_steps=40),
        playbook=recipes if model == "playbook" else (),
    )
    return usual, usual.model_copy(
        update={"name": "chaos-careful", "title": "The careful desk in the storm", "approve_plans": True}
    )
