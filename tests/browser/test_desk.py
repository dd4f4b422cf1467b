"""The desk as people use it: submit, watch, answer, approve, edit, reject, in a real browser."""

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from agents import services
from agents.models import AgentTask
from review.models import Decision, RequestStatus, ReviewRequest
from tests.browser.conftest import Shop, SignIn
from tools.examples.shop.models import Refund

pytestmark = pytest.mark.browser

REFUND = "A refund that waits for a person"


def try_example(page: Page, title: str) -> None:
    page.get_by_role("button", name=f"Submit: {title}").click()
    page.get_by_text("Goal", exact=True).wait_for()


def open_review(shop: Shop) -> ReviewRequest:
    return ReviewRequest.objects.get(task=shop.last_task(), status=RequestStatus.OPEN)


def go_to_review(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.address}/admin/review/reviewrequest/{open_review(shop).pk}/change/")


def refunds(order: str) -> list[Refund]:
    return list(Refund.objects.filter(payment__order__number=order).order_by("pk"))


def test_a_refund_is_submitted_watched_approved_and_happens_once(shop: Shop, sign_in: SignIn):
    before = len(refunds("1042"))
    submitter = sign_in("sam")
    try_example(submitter, REFUND)
    expect(submitter.get_by_role("heading", name="In the queue")).to_be_visible()

    shop.work()

    # The page tells the news by itself: the plan, what was looked up, and that a person is asked.
    expect(submitter.get_by_role("heading", name="Waiting for a countersignature")).to_be_visible()
    expect(submitter.locator("#step-2")).to_contain_text("Look up order 1042")
    expect(submitter.get_by_role("heading", name="Plan")).to_contain_text("done")
    expect(submitter.get_by_role("link", name="Open the review")).to_have_count(0)
    assert len(refunds("1042")) == before

    reviewer = sign_in("rita")
    reviewer.get_by_role("link", name=re.compile(r"Refund 64\.90 EUR for order 1042")).click()
    expect(reviewer.get_by_text("This will happen if you approve")).to_be_visible()
    expect(reviewer.get_by_role("table", name="Arguments of issue_refund")).to_contain_text("64.9")
    expect(reviewer.get_by_role("heading", name="Why you are asked")).to_be_visible()
    reviewer.get_by_role("button", name="Approve", exact=True).click()
    expect(reviewer.get_by_text(re.compile("Approve: Refund 64.90 EUR"))).to_be_visible()

    shop.work()

    expect(submitter.get_by_role("heading", name="Complete")).to_be_visible()
    expect(submitter.get_by_role("heading", name="Result")).to_be_visible()
    expect(submitter.get_by_text("Approve by rita", exact=True)).to_be_visible()
    assert len(refunds("1042")) == before + 1


def test_an_edit_is_corrected_shown_and_sent(shop: Shop, sign_in: SignIn):
    submitter = sign_in("sam")
    try_example(submitter, REFUND)
    shop.work()
    reviewer = sign_in("rita")
    go_to_review(reviewer, shop)

    reviewer.locator("summary", has_text="Approve with changes").click()
    amount = reviewer.get_by_role("textbox", name="amount")
    expect(amount).to_have_value("64.9")
    amount.fill("12,50")
    reviewer.get_by_role("button", name="Show the difference").click()
    expect(reviewer.get_by_text(re.compile(r"12\.50, with a point"))).to_be_visible()
    expect(amount).to_have_value("12,50")
    amount.fill("12.50")
    reviewer.get_by_role("button", name="Show the difference").click()
    difference = reviewer.get_by_role("table", name="What is different")
    expect(difference).to_contain_text("/amount")
    expect(difference).to_contain_text("64.9")
    expect(reviewer.get_by_text("Refund 12.50 EUR for order 1042: the kettle arrived broken")).to_be_visible()
    assert not Decision.objects.filter(request__task=shop.last_task()).exists()
    reviewer.get_by_role("button", name="Approve with these changes").click()
    expect(reviewer.get_by_text(re.compile("Approve with changes: "))).to_be_visible()

    shop.work()

    assert [str(one.amount) for one in refunds("1042")] == ["12.50"]


def test_a_rejection_asks_for_feedback_and_stops_it(shop: Shop, sign_in: SignIn):
    submitter = sign_in("sam")
    try_example(submitter, REFUND)
    shop.work()
    reviewer = sign_in("rita")
    go_to_review(reviewer, shop)

    # By keyboard alone: r goes to the feedback.
    reviewer.keyboard.press("r")
    feedback = reviewer.locator("#answer-reject textarea")
    expect(feedback).to_be_focused()
    reviewer.keyboard.type("Ask for a photo first.")
    reviewer.keyboard.press("Tab")
    expect(reviewer.locator("#send-reject")).to_be_focused()
    reviewer.keyboard.press("Enter")
    expect(reviewer.get_by_text(re.compile("Reject: "))).to_be_visible()

    shop.work()

    expect(submitter.get_by_text("Ask for a photo first.").first).to_be_visible()
    assert refunds("1042") == []
    assert shop.last_task().status == "needs_review"


def test_an_approval_by_keyboard_alone(shop: Shop, sign_in: SignIn):
    submitter = sign_in("sam")
    try_example(submitter, REFUND)
    shop.work()
    reviewer = sign_in("rita")
    go_to_review(reviewer, shop)

    reviewer.keyboard.press("a")
    expect(reviewer.locator("#send-approve")).to_be_focused()
    reviewer.keyboard.press("Enter")
    expect(reviewer.get_by_text(re.compile("Approve: "))).to_be_visible()

    shop.work()
    assert len(refunds("1042")) == 1


def test_a_question_is_answered_and_what_is_typed_survives_the_news(shop: Shop, sign_in: SignIn, sam: User):
    submitter = sign_in("sam")
    try_example(submitter, "Something is missing")
    shop.work()
    answer = submitter.locator("textarea[name=answer]")
    answer.fill("Rua do Almada 12, 4050-030 Porto")
    answer.focus()

    # Somebody asks for a cancel elsewhere and the page brings the news; here a line of the journal stands for it.
    task = shop.last_task()
    AgentTask.objects.filter(pk=task.pk).update(notice="A colleague is told.")
    with submitter.expect_response(lambda response: "/live/" in response.url and response.status == 200):
        AgentTask.objects.filter(pk=task.pk).update(event_count=task.event_count + 1)
    expect(submitter.get_by_text("A colleague is told.")).to_be_visible()
    expect(answer).to_have_value("Rua do Almada 12, 4050-030 Porto")
    expect(answer).to_be_focused()
    AgentTask.objects.filter(pk=task.pk).update(event_count=task.event_count)

    submitter.get_by_role("button", name="Answer").click()
    expect(answer).to_have_count(0)
    shop.work()
    task.refresh_from_db()
    assert task.steps.filter(kind="ask", status="done").exists()
    assert task.submitted_by == sam


def test_what_a_person_opened_stays_open_while_the_page_updates_itself(shop: Shop, sign_in: SignIn):
    submitter = sign_in("sam")
    try_example(submitter, REFUND)
    shop.work()
    first = submitter.locator("#step-1-more")
    expect(first).not_to_have_attribute("open", "")
    submitter.locator("#step-1-summary").click()
    expect(first).to_have_attribute("open", "")
    submitter.locator("#journal-summary").click()

    reviewer = sign_in("rita")
    go_to_review(reviewer, shop)
    reviewer.get_by_role("button", name="Approve", exact=True).click()
    reviewer.get_by_text(re.compile("Approve: ")).wait_for()
    shop.work()

    expect(submitter.get_by_role("heading", name="Complete")).to_be_visible()
    expect(first).to_have_attribute("open", "")
    expect(submitter.locator("#journal")).to_have_attribute("open", "")


def test_a_task_is_canceled_with_a_confirmation(shop: Shop, sign_in: SignIn):
    submitter = sign_in("sam")
    try_example(submitter, REFUND)
    shop.work()
    expect(submitter.get_by_role("button", name="Yes, cancel it")).to_be_hidden()
    submitter.get_by_text("Cancel this task…").click()
    submitter.get_by_role("button", name="Yes, cancel it").click()
    expect(submitter.get_by_role("heading", name="Canceled")).to_be_visible()

    reviewer = sign_in("rita")
    reviewer.goto(f"{shop.address}/admin/review/reviewrequest/{ReviewRequest.objects.latest('pk').pk}/change/")
    expect(reviewer.get_by_text("The task moved on before anybody decided.")).to_be_visible()


def test_two_reviewers_on_one_page_get_one_decision(shop: Shop, sign_in: SignIn):
    submitter = sign_in("sam")
    try_example(submitter, REFUND)
    shop.work()
    one, other = sign_in("rita"), sign_in("rita")
    go_to_review(one, shop)
    go_to_review(other, shop)

    one.get_by_role("button", name="Approve", exact=True).click()
    one.get_by_text(re.compile("Approve: ")).wait_for()
    other.keyboard.press("r")
    other.keyboard.type("Wait, ask Ana.")
    other.locator("#send-reject").click()

    expect(other.get_by_role("alert")).to_contain_text("decided already")
    expect(other.get_by_role("alert")).to_contain_text("Wait, ask Ana.")
    shop.work()
    assert len(refunds("1042")) == 1


@pytest.mark.parametrize(
    "goal",
    [
        "<script>alert(1)</script><img src=x onerror=alert(1)>",
        "{{ constructor.constructor('alert(1)')() }} <p x-data x-init=\"alert(1)\">",
        "אבג דהו 🦊 " + "unbroken" * 400,
    ],
)
def test_a_goal_never_runs_and_never_breaks_the_page(shop: Shop, sign_in: SignIn, sam: User, goal: str):
    task = services.submit(agent="shop-desk", goal=goal, by=sam)
    shop.work()
    asked = ReviewRequest.objects.get(task=task)
    for width in (1280, 390):
        reviewer = sign_in("rita", width=width)
        for path in (
            f"agents/agenttask/{task.pk}/change/",
            f"review/reviewrequest/{asked.pk}/change/",
            "agents/agenttask/",
            "review/reviewrequest/",
            "",
        ):
            reviewer.goto(f"{shop.address}/admin/{path}")
            assert reviewer.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
        reviewer.goto(f"{shop.address}/admin/agents/agenttask/{task.pk}/change/")
        assert goal[:40] in reviewer.locator(".cs-goal").inner_text()


def test_an_agent_is_described_anew_with_mistakes_named_at_their_line(shop: Shop, sign_in: SignIn):
    operator = sign_in("olga")
    operator.get_by_role("link", name="smart_toy Agents").click()
    operator.get_by_role("link", name="Shop desk").click()
    operator.get_by_role("link", name="New version").click()
    text = operator.get_by_label("Definition")
    before = text.input_value()

    text.fill(before.replace("max_plan_steps: 8", "max_plan_stepz: 8"))
    operator.get_by_role("button", name="Publish the new version").click()
    expect(operator.get_by_role("alert")).to_contain_text("Nothing was saved")
    wrong = operator.get_by_role("button", name=re.compile(r"^Line \d+$")).first
    wrong.click()
    selected = text.evaluate("box => box.value.slice(box.selectionStart, box.selectionEnd)")
    assert "max_plan_stepz" in selected

    text.fill(before.replace("max_plan_steps: 8", "max_plan_steps: 9"))
    operator.get_by_label("What changed").fill("Longer plans")
    operator.get_by_role("button", name="Publish the new version").click()
    expect(operator.get_by_text("shop-desk v2 is published")).to_be_visible()
    expect(operator.get_by_text("Longer plans")).to_be_visible()


def test_a_kill_switch_is_seen_by_everybody(shop: Shop, sign_in: SignIn):
    operator = sign_in("olga")
    operator.get_by_role("link", name="Kill switches").click()
    operator.locator("a.addlink").click()
    operator.get_by_label("Why").fill("The payment provider reports double charges.")
    operator.get_by_label("Tool").select_option("issue_refund")
    operator.get_by_role("button", name="Engage").click()
    expect(operator.get_by_role("alert").first).to_contain_text("double charges")

    submitter = sign_in("sam", width=390)
    expect(submitter.get_by_role("alert")).to_contain_text("double charges")
    expect(submitter.get_by_role("alert")).to_contain_text("olga")
