"""Can everybody use the desk? No serious fault by axe-core on any page, and the keyboard alone is enough.

With COUNTERSIGN_SCREENSHOTS set to a folder, each page is pictured there: so the pictures of the docs are made again.
"""

import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Locator, Page, expect

from agents import demo, services
from review.models import Answer, Kind, RequestStatus, ReviewRequest
from review.services import Given, decide
from tests.browser.conftest import Shop, SignIn
from tests.factories import ActionFactory, ReviewRequestFactory, StepFactory, TaskFactory

pytestmark = pytest.mark.browser

SERIOUS = frozenset({"serious", "critical"})
FOLDER = os.environ.get("COUNTERSIGN_SCREENSHOTS")


def faults(page: Page) -> list[str]:
    """What axe-core finds on the page that keeps somebody from using it."""
    found = Axe().run(page).response["violations"]
    return [
        f"{page.url} {one['id']}: {one['help']}: {node['html'][:200]}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


def picture(page: Page, name: str) -> None:
    if FOLDER:
        page.screenshot(path=Path(FOLDER, f"{name}.png"), full_page=True)


def one_of_each_kind() -> dict[str, ReviewRequest]:
    rita = User.objects.get(username="rita")
    task = TaskFactory(status="complete", agent__title="The desk")
    action = ActionFactory(step=StepFactory(task=task), task=task, tool="issue_refund", status="succeeded")
    kinds = [kind for kind in Kind if kind not in (Kind.TAKEOVER, Kind.SPOT_CHECK, Kind.ACTION)]
    asked = {str(kind): ReviewRequestFactory(kind=kind) for kind in kinds}
    asked["spot_check"] = ReviewRequestFactory(kind="spot_check", task=task, action=action)
    asked["takeover"] = ReviewRequestFactory(
        kind="takeover", task=TaskFactory(status="needs_review", parked_for="takeover", owner=rita)
    )
    return asked


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("width", "colours"), [(1280, "light"), (390, "dark")])
def test_no_page_has_a_serious_fault(width: int, colours: str, shop: Shop, sign_in: SignIn) -> None:
    sam = User.objects.get(username="sam")
    services.submit(agent=demo.AGENT, goal="Refund order 1042, the kettle arrived broken", by=sam)
    shop.work()
    refund = ReviewRequest.objects.get(task=shop.last_task(), status=RequestStatus.OPEN)
    asked = one_of_each_kind() | {"action": refund}
    page = sign_in("rita", width=width, colours=colours)
    addresses = {
        "front": reverse("admin:index"),
        "queue": reverse("admin:review_reviewrequest_changelist"),
        "task": reverse("admin:agents_agenttask_change", args=[refund.task_id]),
        "escalations": reverse("admin:review_escalations"),
        "notifications": reverse("admin:review_wish_changelist"),
        **{
            f"review-{kind}": reverse("admin:review_reviewrequest_change", args=[request.pk])
            for kind, request in asked.items()
        },
    }
    found = []
    for name, address in addresses.items():
        page.goto(shop.address + address)
        picture(page, f"{name}-{width}")
        found += faults(page)
    assert found == []


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
