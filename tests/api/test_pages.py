"""GET /api/schema, /api/docs, /api/problems, and addresses that are none."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command

from agents.api.kinds import KINDS
from tests.api.conftest import Caller, problem

pytestmark = pytest.mark.django_db


def test_the_schema_is_complete_and_warns_of_nothing(tmp_path: Any) -> None:
    file = tmp_path / "schema.yml"
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(file))
    schema = yaml.safe_load(file.read_text())
    operations = {operation["operationId"] for path in schema["paths"].values() for operation in path.values()}
    assert {"list_tasks", "create_task", "stream_all", "decide_review", "create_webhook", "read_usage"} <= operations
    committed = Path(settings.BASE_DIR, "docs", "openapi.yaml")
    assert file.read_text() == committed.read_text(), "run: python manage.py spectacular --file docs/openapi.yaml"


def test_the_schema_is_read_without_a_key(client: Any) -> None:
    response = client.get("/api/schema")
    assert response.status_code == 200
    assert yaml.safe_load(response.content)["openapi"].startswith("3.1")


def test_the_page_needs_nothing_from_elsewhere(client: Any) -> None:
    page = client.get("/api/docs")
    script = client.get("/api/docs?script=")
    assert (page.status_code, script.status_code) == (200, 200)
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.content.decode())
    assert loaded
    for address in loaded:
        assert address.startswith("/")
        assert client.get(address).status_code == 200
    assert "<script>" not in page.content.decode(), "the content security policy lets no script of the page run"


def test_every_type_of_problem_is_explained(client: Any) -> None:
    page = client.get("/api/problems").content.decode()
    for code in KINDS:
        assert f'id="{code}"' in page


@pytest.mark.parametrize("path", ["/api/", "/api/v1", "/api/v1/tasks/", "/api/v1/tsaks", "/api/v2/tasks", "/api/%00"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_address_that_is_none(sam: Caller, path: str, method: str) -> None:
    said = problem(sam.client.generic(method, path, headers=sam.headers()), 404, "not_found")
    assert "/api/docs" in said["detail"]


def test_an_answer_in_another_form_is_refused(sam: Caller) -> None:
    response = sam.client.get("/api/v1/tasks", headers=sam.headers({"Accept": "application/xml"}))
    problem(response, 406, "not_acceptable")
