"""A process that works on tasks uses one CPU at a time, and leaves it to those who crowd it."""

import os
import subprocess
import sys
import threading
from typing import Any

import pytest

from agents.engine import one_cpu
from agents.engine.one_cpu import OneCpu, Seen, used_by_others

SEVERAL = hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1
needs_several = pytest.mark.skipif(not SEVERAL, reason="There is one CPU here, or nobody tells them apart.")


@pytest.fixture(autouse=True)
def all_cpus_afterwards() -> Any:
    """Tests in this process may use as many CPUs as before."""
    if not SEVERAL:
        yield
        return
    before = os.sched_getaffinity(0)
    yield
    one_cpu._put_threads_on(before)


def test_what_this_process_uses_crowds_nobody() -> None:
    before = Seen(at=10.0, of_cpus={0: 5.0, 1: 7.0}, own=1.0)
    now = Seen(at=12.0, of_cpus={0: 7.0, 1: 7.5}, own=2.5)
    assert used_by_others(before, now, cpu=0) == {0: pytest.approx(0.25), 1: pytest.approx(0.25)}
    assert used_by_others(before, now, cpu=1) == {0: pytest.approx(1.0), 1: pytest.approx(-0.5)}


@needs_several
def test_all_threads_of_the_process_are_on_one_cpu_and_new_ones_too() -> None:
    done = threading.Event()
    earlier = threading.Thread(target=done.wait)
    earlier.start()
    ours = OneCpu()
    found: list[set[int]] = []
    later = threading.Thread(target=lambda: found.append(os.sched_getaffinity(0)))
    later.start()
    later.join()
    assert earlier.native_id is not None
    assert [os.sched_getaffinity(0), os.sched_getaffinity(earlier.native_id), *found] == [{ours.cpu}] * 3
    done.set()
    earlier.join()


@needs_several
def test_a_cpu_that_others_crowd_is_left_for_the_one_that_they_use_least(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = OneCpu()
    mine, *others = sorted(ours.allowed, key=lambda cpu: cpu != ours.cpu)
    used = dict.fromkeys(others, 0.5) | {mine: 0.7}
    monkeypatch.setattr(one_cpu, "used_by_others", lambda *_: used)
    monkeypatch.setattr(one_cpu.random, "random", lambda: 0.0)
    ours.look()
    assert ours.cpu == mine, "a little more is no crowd"
    used[mine], used[others[-1]] = 0.9, 0.1
    ours.look()
    assert (ours.cpu, os.sched_getaffinity(0)) == (others[-1], {others[-1]})


@needs_several
def test_of_several_that_crowd_each_other_not_all_leave_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = OneCpu()
    mine = ours.cpu
    monkeypatch.setattr(one_cpu, "used_by_others", lambda *_: dict.fromkeys(ours.allowed, 0.0) | {mine: 1.0})
    monkeypatch.setattr(one_cpu.random, "random", lambda: 0.9)
    ours.look()
    assert ours.cpu == mine


def test_an_operator_can_let_it_use_all_of_them(settings: Any) -> None:
    settings.COUNTERSIGN_ONE_CPU = False
    allowed = os.sched_getaffinity(0) if SEVERAL else None
    ours = OneCpu()
    ours.look()
    assert ours.cpu is None
    assert allowed is None or os.sched_getaffinity(0) == allowed


@needs_several
def test_a_process_that_may_use_one_cpu_only_has_nothing_to_choose() -> None:
    one = min(os.sched_getaffinity(0))
    code = (
        "import os; from django.conf import settings; settings.configure(COUNTERSIGN_ONE_CPU=True);"
        f"os.sched_setaffinity(0, {{{one}}});"
        "from agents.engine.one_cpu import OneCpu; ours = OneCpu(); ours.look();"
        "print(ours.cpu, os.sched_getaffinity(0))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["None", f"{{{one}}}"]
