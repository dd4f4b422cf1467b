"""How do tests of the admin read a page? Signed in as somebody, and looking for what a person would see."""

import html
import re
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from agents.models import AgentTask
from review.models import ReviewRequest


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def task_page(task: AgentTask) -> str:
    return reverse("admin:agents_agenttask_change", args=[task.pk])


def review_page(request: ReviewRequest) -> str:
    return reverse("admin:review_reviewrequest_change", args=[request.pk])


def decide_address(request: ReviewRequest, answer: str) -> str:
    return reverse("admin:review_reviewrequest_decide", args=[request.pk, answer])


def edit_address(request: ReviewRequest) -> str:
    return reverse("admin:review_reviewrequest_edit", args=[request.pk])


def call_address(request: ReviewRequest) -> str:
    return reverse("admin:review_reviewrequest_call", args=[request.pk])


def text_of(response: Any) -> str:
    """The words of a page, without its markup."""
    body = response.content.decode()
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())
