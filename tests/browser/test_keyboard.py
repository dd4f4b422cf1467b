"""Whoever has no mouse answers every page of the desk: by Tab alone, and by its key; the focus is always seen."""

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from review.models import Answer, Decision, ReviewRequest
from tests.browser.conftest import OpenPage
from tests.desk.driving import Desk
from tests.integration.admin_pages import review_page, signed_in
from tests.integration.conftest import desk  # noqa: F401 - a fixture
from tests.integration.test_admin_review import parked

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

WHY = "Ask Ana first."
ANSWERS: tuple[tuple[str, str, Answer, dict[str, str]], ...] = (
    ("plan", "a", Answer.APPROVE, {}),
    ("action", "a", Answer.APPROVE, {}),
    ("action", "r", Answer.REJECT, {"comment": WHY}),
    ("result", "a", Answer.ACCEPT, {"comment": WHY}),
    ("in_doubt", "h", Answer.HAPPENED, {"result": '{"what": "kettle"}'}),
    ("limit", "e", Answer.EXTEND, {"comment": WHY}),
    ("escalation", "g", Answer.RESPOND, {"comment": WHY}),
    ("escalation", "x", Answer.TERMINATE, {"comment": WHY}),
    ("takeover", "g", Answer.GIVE_BACK, {"summary": "I called Ana.", "comment": WHY}),
    ("takeover", "f", Answer.FINISH, {"result": "Done by hand."}),
    ("spot_check", "r", Answer.NOT_FINE, {"comment": WHY}),
)
"""Kind, key, answer, and what is typed."""

STOP = """selector => {
  const here = document.activeElement, style = getComputedStyle(here), box = here.getBoundingClientRect();
  const drawn = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none";
  const within = box.bottom > 0 && box.top < innerHeight && box.width > 0;
  return {here: here.outerHTML.slice(0, 120), seen: here === document.body || (drawn && within),
          there: here.matches(selector)};
}"""


@pytest.fixture
def reviewer(desk: Desk, live_server: LiveServer, open_page: OpenPage) -> Page:  # noqa: F811
    """A reviewer's browser, signed in."""
    page = open_page()
    session = signed_in(desk.reviewer).cookies[settings.SESSION_COOKIE_NAME]
    page.context.add_cookies([{"name": session.key, "value": session.value, "url": live_server.url}])
    return page


def tab_to(page: Page, selector: str) -> None:
    """Presses Tab until the element has the focus. At each stop on the way one sees where one is."""
    for _ in range(120):
        stop = page.evaluate(STOP, selector)
        assert stop["seen"], f"Nobody sees the focus on {stop['here']}"
        if stop["there"]:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reaches {selector} on {page.url}.")


def open_review(page: Page, live_server: LiveServer, request: ReviewRequest) -> None:
    page.goto(live_server.url + review_page(request))


def test_each_answer_to_each_kind_is_given_with_the_keyboard_alone(
    desk: Desk,  # noqa: F811
    live_server: LiveServer,
    reviewer: Page,
) -> None:
    for kind, key, answer, typed in ANSWERS:
        request = parked(desk, kind)
        open_review(reviewer, live_server, request)
        tab_to(reviewer, f"#answer-{answer} > summary")
        reviewer.keyboard.press(key)
        assert reviewer.evaluate("document.activeElement.closest('details').id") == f"answer-{answer}"
        for name, text in typed.items():
            tab_to(reviewer, f"#answer-{answer} [name={name}]")
            reviewer.keyboard.type(text)
        tab_to(reviewer, f"#send-{answer}")
        reviewer.keyboard.press("Enter")
        expect(reviewer.get_by_text(f"{answer.label}: ").first).to_be_visible()
        assert Decision.objects.get(request=request).answer == answer, (kind, answer)


def test_a_call_is_changed_and_one_in_doubt_looked_up_with_the_keyboard_alone(
    desk: Desk,  # noqa: F811
    live_server: LiveServer,
    reviewer: Page,
) -> None:
    request = parked(desk, "action")
    open_review(reviewer, live_server, request)
    reviewer.keyboard.press("e")
    reviewer.keyboard.press("Control+A")
    reviewer.keyboard.type("teapot")
    reviewer.keyboard.press("Enter")
    expect(reviewer.get_by_text("This will run instead:")).to_be_visible()
    tab_to(reviewer, "#send-edit")
    reviewer.keyboard.press("Enter")
    reviewer.get_by_text("Approve with changes: ").wait_for()
    assert Decision.objects.get(request=request).details["arguments"]["what"] == "teapot"

    open_review(reviewer, live_server, parked(desk, "in_doubt"))
    tab_to(reviewer, "#look-up")
    reviewer.keyboard.press("Enter")
    expect(reviewer.locator("#looked-up")).to_contain_text("These are its checks, made now")
