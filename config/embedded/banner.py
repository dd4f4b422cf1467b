"""What does a person read in the terminal when Countersign has started?"""

from collections.abc import Sequence

from agents.demo import SignIn


def banner(
    address: str, sign_ins: Sequence[SignIn], *, demo: bool, reachable: bool, ignored: Sequence[str] = ()
) -> str:
    """One address, the sign-ins, and what to do next."""
    lines = ["", f"Countersign is running at {address}", ""]
    if sign_ins:
        lines += ["Sign in as", *_table(sign_ins), ""]
    if demo:
        lines += [
            "What to do next",
            '  1. As sam, open a new task: "Refund order 1042, the kettle arrived broken".',
            "  2. As rita, open the review queue, look at what will happen, and approve it.",
            "  3. Watch the task finish. The front page of the desk has more to try.",
            "",
        ]
    if reachable:
        lines += [
            "Other machines can reach this address, over plain HTTP: use it in networks you trust. "
            + ("These passwords are for this run only." if demo else ""),
            "",
        ]
    if ignored:
        lines += [
            f"It keeps its data in its own folder: {' and '.join(ignored)} in the environment are not used.",
            "",
        ]
    return "\n".join([*lines, "Ctrl-C stops it. Nothing is lost: tasks go on at the next start."])


def _table(sign_ins: Sequence[SignIn]) -> list[str]:
    name, password = (max(len(getattr(one, field)) for one in sign_ins) for field in ("username", "password"))
    return [f"  {one.username:<{name}}   password {one.password:<{password}}   {one.role}" for one in sign_ins]
