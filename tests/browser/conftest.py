"""What do the browser tests share? The system's Chromium, the sample desk with its people, a loop to call."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import User
from django.db import connections
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from agents import demo
from agents.engine import drain
from agents.engine.loop import work_once
from agents.models import AgentTask
from tests.factories import group

# Playwright's synchronous API runs an event loop in this thread, and Django would refuse the database there.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 60_000
"""Milliseconds until something that never appears fails its test."""


@dataclass(frozen=True)
class Shop:
    """The sample desk, as the demo makes it: sam submits, rita decides, olga runs it."""

    address: str

    def work(self) -> None:
        """Lets the loop work until nothing more comes of it without a person."""
        while work_once():
            pass

    def last_task(self) -> AgentTask:
        return AgentTask.objects.latest("pk")


@pytest.fixture
def shop(live_server: LiveServer, transactional_db: None, settings: Settings) -> Iterator[Shop]:
    settings.COUNTERSIGN_DEMO = True
    drain.end()
    for name in ("Submitters", "Reviewers", "Operators"):
        group(name)
    demo.prepare()
    # The stories that the demo tells by itself would be in the way of the one that a test tells.
    AgentTask.objects.filter(submitted_by__username=demo.SERVICE).update(wake_at=None)
    while work_once():
        pass
    yield Shop(live_server.url)
    connections.close_all()


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield browser
        browser.close()


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens a browser of its own, with an empty page.

    Whatever a page complains about in its console fails the test: a script that its content security policy stopped,
    an error that nobody caught, a file that is not there.
    """
    contexts = []
    complaints: list[str] = []

    def open_one(width: int = 1280, colours: str = "light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=colours)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.on(
            "console",
            lambda message: (
                complaints.append(f"{page.url}: {message.text}")
                if message.type == "error" and "status of 4" not in message.text
                else None
            ),
        )
        page.on("dialog", lambda dialog: complaints.append(f"{page.url}: a dialog said {dialog.message}"))
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert not complaints


SignIn = Callable[..., Page]


@pytest.fixture
def sign_in(open_page: OpenPage, shop: Shop) -> SignIn:
    """Opens a browser of its own for a person, signed in through the form."""

    def open_for(person: str, width: int = 1280, colours: str = "light") -> Page:
        page = open_page(width, colours)
        page.goto(f"{shop.address}/admin/login/")
        page.get_by_label("Username").fill(person)
        page.get_by_label("Password").fill(person)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Front page").wait_for()
        return page

    return open_for


@pytest.fixture
def sam(db: None) -> User:
    return User.objects.get(username="sam")
