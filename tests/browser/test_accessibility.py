"""Can everybody use the desk? No serious fault by axe-core on any page, and the keyboard alone is enough.

With COUNTERSIGN_SCREENSHOTS set to a folder, each page is pictured there: so the pictures of the docs are made again.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.db.models.signals import pre_save
from django.urls import reverse
from playwright.sync_api import Locator, Page, expect

from agents import demo, services
from agents.models import Agent
from agents.versions import publish
from review.models import Answer, Kind, RequestStatus, ReviewRequest
from review.services import Given, decide
from tests.browser.conftest import Shop, SignIn
from tests.integration.admin_pages import review_page
from tools.examples.shop.models import Message

pytestmark = pytest.mark.browser

SERIOUS = frozenset({"serious", "critical"})
FOLDER = os.environ.get("COUNTERSIGN_SCREENSHOTS")
MENU, HEAD = 288, 66
"""How wide and how high the parts of the screen are that every page has."""


def faults(page: Page) -> list[str]:
    """What axe-core finds on the page that keeps somebody from using it."""
    found = Axe().run(page).response["violations"]
    return [
        f"{page.url} {one['id']}: {one['help']}: {node['html'][:200]}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


def picture(page: Page, name: str, tall: int = 1000) -> None:
    """The page beside its menu, from its top, as on a screen on which all of it is seen at once."""
    size = page.viewport_size
    if not FOLDER or size is None:
        return
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": max(height, 600)})
    left, top = (MENU if size["width"] > 1000 else 0), HEAD
    clip = {"x": left, "y": top, "width": size["width"] - left, "height": min(height - top, tall)}
    page.screenshot(path=Path(FOLDER, f"{name}.png"), clip=clip)  # type: ignore[arg-type]
    page.set_viewport_size(size)


@dataclass(frozen=True)
class Case:
    """A sample desk on which something of every kind waits for rita."""

    shop: Shop

    def submit(self, goal: str, **more: Any) -> ReviewRequest:
        services.submit(agent=demo.AGENT, goal=goal, by=User.objects.get(username="sam"), **more)
        self.shop.work()
        return ReviewRequest.objects.filter(task=self.shop.last_task()).latest("pk")

    def decide(self, request: ReviewRequest, answer: Answer, **given: Any) -> ReviewRequest:
        rita = User.objects.get(username="rita")
        decide(request.pk, rita, answer, request.digest, Given(**given))
        self.shop.work()
        return ReviewRequest.objects.filter(task=request.task_id).latest("pk")

    def one_of_each_kind(self) -> dict[Kind, ReviewRequest]:
        owned = self.decide(self.submit("Write a poem about kettles"), Answer.TAKE_OVER)
        back = self.decide(self.submit("Refund order 1004, the lid is missing"), Answer.TAKE_OVER)
        called = "I called the customer: they keep the pot."
        message = self.submit("Write to the customer of order 1063: your parcel arrives on Friday.")
        with the_line_is_dead():
            doubt = self.decide(message, Answer.APPROVE)
        asked = {
            Kind.ACTION: self.submit("Refund order 1042, the kettle arrived broken"),
            Kind.RESULT: self.submit("Cancel the shipment of order 1091"),
            Kind.LIMIT: self.submit("Where is order 1018?", max_steps=3),
            Kind.ESCALATION: self.submit("Refund order 1077, it makes too much noise"),
            Kind.TAKEOVER: owned,
            Kind.PLAN: self.decide(back, Answer.GIVE_BACK, comment="Go on.", summary=called),
            Kind.IN_DOUBT: doubt,
        }
        version = Agent.objects.get(name=demo.AGENT).current_version
        publish(version.read().model_copy(update={"spot_checks": 1.0}), by=None)  # type: ignore[union-attr]
        new = "Rua das Flores 12, 4050-262 Porto, Portugal"
        asked[Kind.SPOT_CHECK] = self.submit(f"Change the address of order 1088 to {new}")
        assert {kind: request.kind for kind, request in asked.items()} == {kind: kind for kind in Kind}
        return asked


@contextmanager
def the_line_is_dead() -> Iterator[None]:
    """Meanwhile the shop can't send messages, and nobody knows how far one came."""

    def fails(**_: object) -> None:
        raise RuntimeError("The mail server closed the connection.")

    pre_save.connect(fails, sender=Message)
    yield
    pre_save.disconnect(fails, sender=Message)


@pytest.mark.timeout(600)
def test_no_page_has_a_serious_fault(shop: Shop, sign_in: SignIn) -> None:
    case = Case(shop)
    closed = case.submit("Refund order 1005, two cups arrived broken")
    case.decide(closed, Answer.REJECT, comment="Ask for a photo of the cups first.")
    asked = case.one_of_each_kind()
    for order in (1002, 1006):
        case.submit(f"Refund order {order}, it arrived broken")
    queue = reverse("admin:review_reviewrequest_changelist")
    addresses = {
        "front": reverse("admin:index"),
        "queue": queue,
        "together": reverse("admin:review_reviewrequest_together") + "?tool=issue_refund",
        "task": reverse("admin:agents_agenttask_change", args=[asked[Kind.ACTION].task_id]),
        "escalations": reverse("admin:review_escalations"),
        "notifications": reverse("admin:review_wish_changelist"),
        "review-closed": review_page(closed),
        **{f"review-{kind}": review_page(request) for kind, request in asked.items()},
    }
    found = []
    for width, colours in ((1280, "light"), (390, "dark")):
        page = sign_in("rita", width=width, colours=colours)
        for name, address in addresses.items():
            page.goto(shop.address + address)
            found += faults(page)
            picture(page, f"{name}-{width}")
        for name, make in (("review-keys", show_keys), ("review-hand-on", hand_on), ("review-edit", change)):
            page.goto(shop.address + review_page(asked[Kind.ACTION]))
            make(page)
            found += faults(page)
            picture(page, f"{name}-{width}")
        page.goto(shop.address + review_page(asked[Kind.IN_DOUBT]))
        page.locator("#look-up").click()
        page.locator("#looked-up").wait_for()
        found += faults(page)
        picture(page, f"review-looked-up-{width}")
    assert found == [], "\n".join(found)


def show_keys(page: Page) -> None:
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()


def hand_on(page: Page) -> None:
    page.keyboard.press("d")
    page.keyboard.press("Escape")


def change(page: Page) -> None:
    page.keyboard.press("e")
    page.get_by_role("textbox", name="amount").fill("30")
    page.keyboard.press("Enter")
    page.get_by_text("This will run instead:").wait_for()


def tab_to(page: Page, wanted: Locator) -> None:
    """Presses Tab until the element has the focus."""
    wanted.wait_for()
    for _ in range(150):
        if wanted.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reaches {wanted}.")


@pytest.mark.timeout(300)
def test_a_tool_is_called_by_hand_with_the_keyboard_alone(shop: Shop, sign_in: SignIn) -> None:
    sam, rita = (User.objects.get(username=name) for name in ("sam", "rita"))
    task = services.submit(agent=demo.AGENT, goal="Write a poem about kettles", by=sam)
    shop.work()
    request = ReviewRequest.objects.get(task=task, status=RequestStatus.OPEN)
    decide(request.pk, rita, Answer.TAKE_OVER, request.digest, Given())
    owned = ReviewRequest.objects.get(task=task, status=RequestStatus.OPEN)
    page = sign_in("rita")
    page.goto(shop.address + reverse("admin:review_reviewrequest_change", args=[owned.pk]))

    tab_to(page, page.locator("#answer-call > summary"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("Tool", exact=True))
    page.keyboard.type("get_order")
    tab_to(page, page.locator("#choose-tool"))
    page.keyboard.press("Enter")
    tab_to(page, page.locator("#answer-call input[name='a-0']"))
    page.keyboard.type("1042")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This will happen:")).to_be_visible()
    picture(page, "review-call")
    tab_to(page, page.locator("#id_call_comment"))
    page.keyboard.type("What did they buy?")
    tab_to(page, page.locator("#send-call"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="rita works on this task")).to_be_visible()
    shop.work()
    tab_to(page, page.locator("#to-review"))
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="What came of your last call")).to_be_visible()
    picture(page, "review-takeover-called")
    assert task.steps.last().proposer == "person:rita"  # type: ignore[union-attr]
