"""Which agents work at the desk? They read goals that name a tool, a subject and a manner: `once kettle lost_after`."""

from agents.definition import AgentDefinition, Constraint, Limits, Recipe, RecipeStep

TOOLS = (
    "look",
    "idempotent",
    "idempotent_asked",
    "reconcilable",
    "reconcilable_asked",
    "once",
    "once_asked",
    "once_unverified",
    "once_relying",
    "by_model",
)


def _step(name: str, tool: str, what: object, manner: str = "well") -> RecipeStep:
    return RecipeStep(id=name, tool=tool, purpose=f"Try {tool}.", arguments={"what": what, "manner": manner})


def one_call(tool: str) -> Recipe:
    """`<tool> <what> <manner>`: one call. Without a subject the submitter is asked for one."""
    return Recipe(
        name=tool.replace("_", "-"),
        match=(rf"^{tool}(?: (?P<what>[a-z0-9-]+))?(?: (?P<manner>[a-z0-9_]+))?$",),
        defaults={"manner": "well"},
        ask={"what": f"What should {tool} be done to?"},
        plan=(_step("only", tool, "{what}", "{manner}"),),
        finish="{only.what} is done.",
    )


def in_turn() -> Recipe:
    """`in turn <what>`: every effect in one task, each later step fed by the one before."""
    return Recipe(
        name="in-turn",
        match=(r"^in turn (?P<what>[a-z0-9-]+)$",),
        plan=(
            _step("first", "look", "{what}"),
            _step("second", "idempotent", {"$from": "first#/what"}),
            _step("third", "reconcilable", {"$from": "second#/what"}),
            _step("fourth", "once", {"$from": "third#/what"}),
        ),
        finish="{fourth.what} is done in turn.",
    )


def over_and_over() -> Recipe:
    """`over and over <what>`: more steps than a task of this agent may take."""
    return Recipe(
        name="over-and-over",
        match=(r"^over and over (?P<what>[a-z0-9-]+)$",),
        plan=tuple(_step(f"s{number}", "look", f"{{what}}-{number}") for number in range(1, 8)),
        finish="{s7.what} was looked at.",
    )


DESK = AgentDefinition(
    name="desk",
    title="The desk",
    prompt="You work at a desk where things are tried.",
    tools=TOOLS,
    handover="A colleague looks at this now.",
    limits=Limits(max_steps=12, ceiling_steps=20),
    constraints=(
        Constraint(
            tool="once",
            verdict="deny",
            why="Nobody touches the crown",
            when={"required": ["what"], "properties": {"what": {"type": "string", "const": "crown"}}},
        ),
    ),
    playbook=(in_turn(), over_and_over(), *(one_call(tool) for tool in TOOLS)),
)

# The same desk, where a person approves each plan.
CAREFUL = DESK.model_copy(update={"name": "careful", "title": "The careful desk", "approve_plans": True})
