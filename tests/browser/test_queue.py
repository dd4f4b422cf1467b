"""The queue with the keyboard alone: many at once, handed on, talked about, with the keys on the page."""

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from agents import services
from review.models import Decision, RequestStatus, ReviewRequest
from tests.browser.conftest import Shop, SignIn
from tests.factories import ReviewerFactory
from tools.examples.shop.models import Refund

pytestmark = pytest.mark.browser

QUEUE = "/admin/review/reviewrequest/"


def ask(shop: Shop, sam: User, *orders: str) -> list[ReviewRequest]:
    """Open refunds of these orders, and nothing else in the queue."""
    for other in ReviewRequest.objects.filter(status=RequestStatus.OPEN).select_related("task__submitted_by"):
        services.cancel(other.task_id, by=other.task.submitted_by)
    tasks = [services.submit(agent="shop-desk", goal=f"Refund order {one}, it broke", by=sam) for one in orders]
    shop.work()
    return list(ReviewRequest.objects.filter(task__in=tasks, status=RequestStatus.OPEN))


def tab_to(page: Page, selector: str) -> None:
    """Tabs until the element has the focus, as somebody without a mouse does."""
    for _ in range(80):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Nobody reaches {selector} by keyboard.")


def test_many_are_decided_at_once_with_the_keyboard_alone(shop: Shop, sign_in: SignIn, sam: User):
    requests = ask(shop, sam, "1002", "1004", "1005")
    reviewer = sign_in("rita")
    reviewer.goto(f"{shop.address}{QUEUE}?tool=issue_refund")
    reviewer.keyboard.press("t")
    reviewer.get_by_text("Tick what you have looked at.").wait_for()
    for key in ("j", " ", "j", " "):
        reviewer.keyboard.press(key)
    expect(reviewer.locator("#ticked")).to_have_text("those that are ticked (2)")
    tab_to(reviewer, "input[name=answer]")
    reviewer.keyboard.press(" ")
    tab_to(reviewer, "#send-together")
    reviewer.keyboard.press("Enter")

    expect(reviewer.get_by_role("status")).to_contain_text("2 of 2 decided.")
    shop.work()
    assert Decision.objects.filter(answer="approve", request__in=requests).count() == 2
    assert Refund.objects.filter(payment__order__number__in=["1002", "1004", "1005"]).count() == 2


def test_a_request_is_talked_about_and_handed_on_with_the_keyboard_alone(shop: Shop, sign_in: SignIn, sam: User):
    ReviewerFactory(username="rolf")
    (request,) = ask(shop, sam, "1002")
    reviewer = sign_in("rita", width=390)
    reviewer.goto(f"{shop.address}{QUEUE}")
    reviewer.keyboard.press("j")
    reviewer.keyboard.press("Enter")
    reviewer.locator("#review").wait_for()

    reviewer.keyboard.press("?")
    expect(reviewer.get_by_role("dialog")).to_contain_text("Hand it to somebody else")
    reviewer.keyboard.press("Escape")
    expect(reviewer.get_by_role("dialog")).to_have_count(0)

    reviewer.keyboard.press("c")
    reviewer.keyboard.type("Ask for a photo, please.")
    reviewer.keyboard.press("Tab")
    reviewer.keyboard.press("Enter")
    expect(reviewer.get_by_text("Ask for a photo, please.")).to_be_visible()

    reviewer.keyboard.press("d")
    reviewer.keyboard.type("rolf")
    reviewer.keyboard.press("Tab")
    reviewer.keyboard.type("You know the customer.")
    reviewer.keyboard.press("Tab")
    reviewer.keyboard.press("Enter")
    expect(reviewer.get_by_text(re.compile("This was handed to rolf"))).to_be_visible()
    request.refresh_from_db()
    assert (str(request.assigned_to), request.status) == ("rolf", RequestStatus.OPEN)
    assert reviewer.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
